"""Who spends points together, and what that moves: points that one lacks come from the others, and go back to them.

Whoever redeems locks the balances of his whole household, in the order of their ids. Whoever changes a household locks
those too, after the rows of its members: so who is in it holds for as long as somebody takes points of it.
See docs/algorithms/spending-points.md.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Count

from sadakat.kernel.errors import Conflict, Invalid
from sadakat.loyalty import models
from sadakat.loyalty.operations import ledger
from sadakat.loyalty.queries.households import households, mates_of
from sadakat.loyalty.queries.ledger import balances
from sadakat.loyalty.types import Command, Household, Reserve, Return, Spend, Transfer
from sadakat.platform import audit

MAX_MEMBERS: Final = 12
"""Of one household."""
_TOGETHER: Final = {"reason": "household"}
# What each gives so that so many points come together: of all their lots those that expire soonest.
_SOONEST: Final = """
    SELECT member_id, sum(least(remaining, %(points)s - before))::bigint FROM (
        SELECT member_id, remaining,
            sum(remaining) OVER (ORDER BY expires_at ASC NULLS LAST, at, id) - remaining AS before
        FROM loyalty_lot
        WHERE member_id = ANY(%(members)s::bigint[]) AND remaining > 0 AND NOT is_pending
            AND (expires_at > %(at)s OR expires_at IS NULL)
    ) AS lots
    WHERE before < %(points)s GROUP BY member_id ORDER BY member_id
"""
# The transfers whose points these spends and reservations took, and who gave them.
_POOLED: Final = """
    SELECT DISTINCT draw.operation_id, transfer.key, transfer.member_id
    FROM loyalty_draw AS draw
    JOIN loyalty_lot AS lot ON lot.id = draw.lot_id
    JOIN loyalty_operation AS transfer ON transfer.id = lot.operation_id AND starts_with(transfer.key, 'pool:')
    WHERE draw.operation_id = ANY(%s) ORDER BY draw.operation_id, transfer.member_id
"""


def join_household(member_id: int, *, with_member_id: int, actor: audit.Actor, at: datetime) -> Household:
    """Has a member spend points together with another one and his household; the same again changes nothing.

    Raises:
        NotFound: there is no such member.
        Invalid: they are the same member.
        Conflict: the member is in another household, or the household is full; one of them has become one with another
            member.
    """
    if member_id == with_member_id:
        raise Invalid("a household is of several members; expected another one, not the same")
    with transaction.atomic(durable=True):
        _lock_rows({member_id, with_member_id})
        member, other = ledger.locked(member_id), ledger.locked(with_member_id)
        if member.household_id is None or member.household_id != other.household_id:
            if member.household_id is not None:
                raise Conflict(f"member {member_id} is in a household already; leave that one first")
            old = mates_of([with_member_id]).get(with_member_id, [with_member_id])
            if len(old) >= MAX_MEMBERS:
                raise Conflict(f"the household has {len(old)} members; {MAX_MEMBERS} are the most")
            household_id = other.household_id or models.Household.objects.create(created_at=at).pk
            models.Member.objects.filter(pk__in=[member_id, with_member_id]).update(household=household_id)
            new = {"members": sorted([*old, member_id])}
            _record("household_joined", member_id, actor=actor, at=at, old={"members": old}, new=new)
        return households([member_id], at=at)[member_id]


def leave_household(member_id: int, *, actor: audit.Actor, at: datetime) -> None:
    """Has a member spend his points alone again; who would be left alone is in no household either.

    Points that have gone from one to another stay where they are. Whoever is in no household stays so.

    Raises:
        NotFound: there is no such member.
        Conflict: he has become one with another.
    """
    with transaction.atomic(durable=True):
        _lock_rows({member_id})
        member = ledger.locked(member_id)
        if member.household_id is not None:
            old = mates_of([member_id])[member_id]
            models.Member.objects.filter(pk=member_id).update(household=None)
            dissolve([member.household_id])
            new = {"members": [id_ for id_ in old if id_ != member_id]}
            _record("household_left", member_id, actor=actor, at=at, old={"members": old}, new=new)


def locked(member_id: int) -> models.Member:
    """The member; nobody else moves points of his household, or changes it, until the caller's transaction ends.

    Raises:
        NotFound: there is none.
        Conflict: he has become one with another, who has his points; or his household has changed meanwhile.
    """
    _lock([member_id])
    return ledger.locked(member_id)


def brought(command: Spend | Reserve) -> list[Command]:
    """What brings the points that the member lacks for a command from his household, which is locked.

    Nothing where all of them have too few: then the ledger refuses the command.
    """
    id_, at = command.member_id, command.at
    missing = command.points - balances([id_], at=at)[id_].active
    together = households([id_], at=at).get(id_) if missing > 0 else None
    if together is None or together.active < command.points:
        return []
    others = [mate for mate in together.member_ids if mate != id_]
    with connection.cursor() as cursor:
        cursor.execute(_SOONEST, {"points": missing, "members": others, "at": at})
        return [
            Transfer(
                key=f"pool:{command.key}:{giver}", member_id=giver, to_member_id=id_, points=points, **_said(command)
            )
            for giver, points in cursor.fetchall()
        ]


def given_back(causes: Mapping[int, Command]) -> list[Command]:
    """What follows commands that give points of redemptions back: whoever had brought some gets back what came back.

    The commands are by the spend or reservation that took the points.
    """
    with connection.cursor() as cursor:
        cursor.execute(_POOLED, [list(causes)])
        pooled = cursor.fetchall()
    paths = _paths({giver_id for _, _, giver_id in pooled})
    commands: list[Command] = []
    for operation_id, transfer_key, giver_id in pooled:
        cause = causes[operation_id]
        key, said = f"unpool:{giver_id}:{cause.key}", _said(cause)
        commands.append(Return(key=key, member_id=giver_id, transfer_key=transfer_key, **said))
        # Whoever has become one with another has nothing: it goes on as all that he had, and comes back likewise.
        for one, other in pairwise(paths[giver_id]):
            on = f"merge:{one}:{other}:{key}"
            commands.append(Transfer(key=on, member_id=one, to_member_id=other, points=None, **said))
    return commands


def dissolve(household_ids: Collection[int]) -> None:
    """Ends those of these households in which nobody, or one member alone, is left; in the caller's transaction."""
    single = models.Household.objects.alias(size=Count("members")).filter(pk__in=household_ids, size__lt=2)
    ids = list(single.values_list("pk", flat=True))
    models.Member.objects.filter(household__in=ids).update(household=None)
    models.Household.objects.filter(pk__in=ids).delete()


def _lock(member_ids: Collection[int]) -> None:
    """Locks the balances of members and of everybody in their households.

    Raises:
        Conflict: others have come to one of them meanwhile.
    """
    ids = _all_of(member_ids)
    ledger.lock(ids)
    if _all_of(member_ids) - ids:
        raise Conflict("the household has changed at the same time; try again")


def _lock_rows(member_ids: Collection[int]) -> None:
    """Locks the rows of members and of everybody in their households, then their balances."""
    rows = models.Member.objects.select_for_update(no_key=True).filter(pk__in=_all_of(member_ids))
    list(rows.order_by("pk").values_list("pk"))
    _lock(member_ids)


def _all_of(member_ids: Collection[int]) -> set[int]:
    return {*member_ids}.union(*mates_of(member_ids).values())


def _paths(member_ids: Collection[int]) -> dict[int, list[int]]:
    """Each member, and whom he has become one with, up to the one who has his points."""
    found = {id_: [id_] for id_ in member_ids}
    while ends := {path[-1] for path in found.values()}:
        merged = models.Member.objects.filter(pk__in=ends, merged_into__isnull=False)
        above = dict(merged.values_list("pk", "merged_into_id"))
        if not above:
            break
        for path in found.values():
            if path[-1] in above:
                path.append(above[path[-1]])
    return found


def _said(cause: Command) -> dict[str, Any]:
    """What the commands that come with another one have of it."""
    return {
        "at": cause.at,
        "reference": {**cause.reference, **_TOGETHER},
        "actor": cause.actor,
        "actor_name": cause.actor_name,
    }


def _record(action: str, member_id: int, *, actor: audit.Actor, at: datetime, old: Any, new: Any) -> None:
    audit.record(actor=actor, at=at, action=f"loyalty.{action}", subject=f"member:{member_id}", old=old, new=new)
