"""What people decide of who is one customer: merging, undoing, and conflicts."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import psycopg
from django.db import OperationalError, connection, transaction

from sadakat.customers import merges, models, queries
from sadakat.customers.operations import mapping
from sadakat.customers.operations.mapping import BY_HAND
from sadakat.customers.rules import joining
from sadakat.customers.types import DecisionResult, MergeResult
from sadakat.events import api as events
from sadakat.kernel.errors import NotFound, Refused, Unavailable
from sadakat.platform import audit
from sadakat.platform.database.connection import Lock

# A batch of the sequencer takes a second or so; whoever waits longer is told to come back.
LOCK_SECONDS: Final = 10
_LINK = """
    INSERT INTO customers_link (low_profile_id, high_profile_id, reason, source_id, position, is_by_hand)
    VALUES (%s, %s, %s, %s, %s, true)
    ON CONFLICT (low_profile_id, high_profile_id) DO UPDATE SET is_by_hand = true
"""
_BETWEEN = """
    is_by_hand AND (low_profile_id = ANY(%(one)s) AND high_profile_id = ANY(%(other)s)
        OR low_profile_id = ANY(%(other)s) AND high_profile_id = ANY(%(one)s))
"""


def merge_customers(*, left_id: int, right_id: int, actor: audit.Actor, at: datetime) -> MergeResult:
    """Makes two customers one, whatever the limits say; lifts what people have put between them.

    Of whoever is one already by a merge that stands, the merge is given as a replay.

    Raises:
        NotFound: there is no such customer.
        Refused: it is the same customer, and no merge has made him so.
        Unavailable: the log is busy.
    """
    with _only_writer():
        result = _merge(left_id, right_id, at=at)
        if not result.is_replay:
            audit.record(
                actor=actor,
                at=at,
                action="customers.merged",
                subject=f"customer:{result.merge.winner_id}",
                new={"merge_id": result.merge.id, "loser_id": result.merge.loser_id},
            )
    return result


def undo_merge(*, merge_id: int, actor: audit.Actor, at: datetime) -> MergeResult:
    """Sets what a merge made one apart again, whoever has merged; later events stay with their own profiles.

    Nothing that is known may join the two any more: neither the links that have made the merge nor those that come.
    A merge that is undone already is given as a replay.

    Raises:
        NotFound: there is no such merge.
        Unavailable: the log is busy.
    """
    with _only_writer():
        row = models.Merge.objects.filter(pk=merge_id).first()
        if row is None:
            raise NotFound(f"there is no merge {merge_id}")
        result = _undo(row, actor=actor, at=at)
        if not result.is_replay:
            audit.record(
                actor=actor,
                at=at,
                action="customers.merge_undone",
                subject=f"merge:{merge_id}",
                old={"winner_id": row.winner_id, "loser_id": row.loser_id},
                new={"customer_ids": [*result.customer_ids]},
            )
    return result


def decide_conflict(*, conflict_id: int, are_same: bool, actor: audit.Actor, at: datetime) -> DecisionResult:
    """Says of two customers in conflict whether they are the same person; the latest word counts.

    Raises:
        NotFound: there is no such conflict.
        Refused: they are to be two, are one, and no merge that could be undone has made them so.
        Unavailable: the log is busy.
    """
    with _only_writer():
        conflict = models.Conflict.objects.filter(pk=conflict_id).first()
        if conflict is None:
            raise NotFound(f"there is no conflict {conflict_id}")
        low, high = conflict.low_profile_id, conflict.high_profile_id
        result = _decision(_merge(low, high, at=at)) if are_same else _part(low, high, actor=actor, at=at)
        if not result.is_replay:
            audit.record(
                actor=actor,
                at=at,
                action="customers.conflict_decided",
                subject=f"conflict:{conflict_id}",
                new={"are_same": are_same, "customer_ids": [*result.customer_ids]},
            )
    return result


@contextmanager
def _only_writer() -> Iterator[None]:
    """A transaction under the sequencer's lock: the map has one writer at a time."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            try:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(Lock.SEQUENCER)])
            except OperationalError as error:
                if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise
                raise Unavailable("incoming events are being sorted; try again in a moment") from error
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
        yield


def _merge(left_id: int, right_id: int, *, at: datetime) -> MergeResult:
    winner, loser = merges.two_customers(left_id, right_id)
    if winner == loser:
        standing = merges.merge_between(one=left_id, other=right_id)
        if standing is None:
            raise Refused(f"{left_id} and {right_id} are the same customer; a merge needs two")
        return MergeResult(merge=merges.merge_row(standing), customer_ids=(winner,), is_replay=True)
    profiles = queries.profiles_of([winner, loser])
    _lift(profiles[winner], profiles[loser], at=at)
    with connection.cursor() as cursor:
        cursor.execute(_LINK, [winner, loser, BY_HAND, events.system_source_id(), events.head()])
    _recompute([winner, loser], at=at)
    row = models.Merge.objects.filter(winner_id=winner, loser_id=loser, undone_at__isnull=True).latest("pk")
    return MergeResult(merge=merges.merge_row(row), customer_ids=(winner,))


def _undo(row: models.Merge, *, actor: audit.Actor, at: datetime) -> MergeResult:
    is_replay = row.undone_at is not None
    if not is_replay:
        _set_apart(row.kept or _kept_then(row), row.profiles, merge_id=row.pk, actor=actor, at=at)
        row.undone_at = at
        row.save(update_fields=["undone_at"])
    found = queries.customers_of([row.winner_id, row.loser_id])
    ids = (found[row.winner_id], found[row.loser_id])
    return MergeResult(merge=merges.merge_row(row), customer_ids=ids, is_replay=is_replay)


def _part(low: int, high: int, *, actor: audit.Actor, at: datetime) -> DecisionResult:
    one, other = merges.two_customers(low, high)
    if one == other:
        standing = merges.merge_between(one=low, other=high)
        if standing is None:
            raise Refused(f"{low} and {high} are one customer, and there is no merge that could be undone")
        return _decision(_undo(standing, actor=actor, at=at))
    profiles = queries.profiles_of([one, other])
    is_replay = bool(merges.separations_between(profiles[one], profiles[other]))
    if not is_replay:
        _set_apart(profiles[one], profiles[other], merge_id=None, actor=actor, at=at)
    return DecisionResult(merge=None, customer_ids=(one, other), is_replay=is_replay)


def _decision(result: MergeResult) -> DecisionResult:
    return DecisionResult(merge=result.merge, customer_ids=result.customer_ids, is_replay=result.is_replay)


def _set_apart(
    left: Collection[int], right: Collection[int], *, merge_id: int | None, actor: audit.Actor, at: datetime
) -> None:
    """Keeps two sets of profiles apart and takes back what people had said to join them."""
    separation = models.Separation.objects.create(
        left=[*left], right=[*right], merge_id=merge_id, actor=actor.key, actor_name=actor.name, at=at
    )
    with connection.cursor() as cursor:
        sides: dict[str, str | list[int]] = {"one": separation.left, "other": separation.right, "reason": BY_HAND}
        cursor.execute(f"DELETE FROM customers_link WHERE reason = %(reason)s AND {_BETWEEN}", sides)
        cursor.execute(f"UPDATE customers_link SET is_by_hand = false WHERE {_BETWEEN}", sides)
    _recompute([*left, *right], at=at, cause=f".{separation.pk}")


def _lift(one: Collection[int], other: Collection[int], *, at: datetime) -> None:
    """Lifts what stands between two customers; whoever else it keeps apart stays so."""
    for row, rest in merges.separations_between(one, other):
        row.lifted_at = at
        row.save(update_fields=["lifted_at"])
        for kept in rest:
            models.Separation.objects.create(
                left=sorted(kept.left),
                right=sorted(kept.right),
                merge_id=row.merge_id,
                actor=row.actor,
                actor_name=row.actor_name,
                at=row.at,
            )


def _kept_then(row: models.Merge) -> list[int]:
    """What the winner of a merge had before, where an older version has not recorded it: as earlier links make it."""
    found = mapping.connected_with([row.winner_id], untrusted=_untrusted())
    earlier = [link for link in found.links if link.position < row.position]
    then = joining.partition(found.customers, earlier, found.identifiers).customers
    return [p for p, customer in then.items() if customer == then[row.winner_id] and p not in row.profiles]


def _recompute(profile_ids: Collection[int], *, at: datetime, cause: str = "") -> None:
    mapping.recompute(profile_ids, untrusted=_untrusted(), position=events.head(), at=at, reason=BY_HAND, cause=cause)


def _untrusted() -> list[int]:
    return [source.id for source in events.sources().values() if not source.is_trusted]
