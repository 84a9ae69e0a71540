"""Reads: what has made customers one or kept them two, and what a merge by hand would make."""

from collections.abc import Collection
from typing import Final

from django.db import connection
from django.db.models import Q

from sadakat.customers import models, queries
from sadakat.customers.queries import MAX_LISTED
from sadakat.customers.rules import joining
from sadakat.customers.rules.joining import Counts, Separation
from sadakat.customers.types import ConflictRow, MergePreview, MergeRow, TraitValue
from sadakat.kernel.errors import NotFound, Refused

# Customers that people have set apart, each pair both ways round.
_APART: Final = """
    SELECT one.customer_id AS one, other.customer_id AS other
    FROM (SELECT "left", "right" FROM customers_separation WHERE lifted_at IS NULL
        UNION ALL SELECT "right", "left" FROM customers_separation WHERE lifted_at IS NULL) AS said (here, there)
    CROSS JOIN LATERAL (SELECT DISTINCT customer_id FROM customers_profile WHERE profile_id = ANY(here)) AS one
    CROSS JOIN LATERAL (SELECT DISTINCT customer_id FROM customers_profile WHERE profile_id = ANY(there)) AS other
"""
_UNSOLVED: Final = """
    FROM customers_conflict AS c
    JOIN customers_profile AS low ON low.profile_id = c.low_profile_id
    JOIN customers_profile AS high ON high.profile_id = c.high_profile_id
    WHERE c.solved_at IS NULL AND low.customer_id <> high.customer_id
        AND %(kept_apart)s = ((low.customer_id, high.customer_id) IN (SELECT one, other FROM apart))
"""
_CONFLICTS: Final = f"""
    WITH apart AS MATERIALIZED ({_APART})
    SELECT c.id, low.customer_id, high.customer_id, c.reason, c.at,
        ARRAY(SELECT key FROM customers_identifier WHERE profile_id IN (c.low_profile_id, c.high_profile_id))
    {_UNSOLVED}
        AND (%(customer_id)s::bigint IS NULL OR c.id IN (
            SELECT own.id FROM customers_conflict AS own JOIN customers_profile AS p
            ON p.customer_id = %(customer_id)s AND p.profile_id IN (own.low_profile_id, own.high_profile_id)))
        AND (%(before)s::bigint IS NULL OR c.id < %(before)s)
    ORDER BY c.id DESC LIMIT %(limit)s
"""


def merge(merge_id: int) -> MergeRow:
    """One merge.

    Raises:
        NotFound: there is none of this id.
    """
    row = models.Merge.objects.filter(pk=merge_id).first()
    if row is None:
        raise NotFound(f"there is no merge {merge_id}")
    return merge_row(row)


def merges(*, before: int | None = None, limit: int = 50) -> tuple[MergeRow, ...]:
    """All merges, newest first, undone ones too; `before` is the id of the last one seen."""
    rows = models.Merge.objects.order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return tuple(merge_row(row) for row in rows[: min(limit, MAX_LISTED)])


def merges_of(customer_id: int) -> tuple[MergeRow, ...]:
    """The merges that made a customer, and those of his that people have undone; latest first, at most `MAX_LISTED`."""
    own = queries.profiles_of([customer_id]).get(customer_id, ())
    # The winner of a merge may have been parted from him since, while others of the winner's are still here.
    made = Q(loser_id__in=own) & (Q(winner_id__in=own) | Q(kept__overlap=list(own)))
    undone = Q(undone_at__isnull=False) & (Q(loser_id__in=own) | Q(winner_id__in=own))
    rows = models.Merge.objects.filter(made | undone).order_by("-id")
    return tuple(merge_row(row) for row in rows[:MAX_LISTED])


def merge_between(*, one: int, other: int) -> models.Merge | None:
    """The latest merge that stands and that made one customer of two profiles of his."""
    own = queries.profiles_of(queries.customers_of([one]).values())
    across = Q(profiles__contains=[one], kept__contains=[other]) | Q(profiles__contains=[other], kept__contains=[one])
    rows = models.Merge.objects.filter(
        across, undone_at__isnull=True, winner_id__in=[p for ps in own.values() for p in ps]
    )
    return rows.order_by("-id").first()


def merge_row(row: models.Merge) -> MergeRow:
    """The row as it crosses the door."""
    return MergeRow(
        id=row.pk,
        winner_id=row.winner_id,
        loser_id=row.loser_id,
        reason=row.reason,
        at=row.at,
        undone_at=row.undone_at,
    )


def conflicts(
    *, customer_id: int | None = None, before: int | None = None, limit: int = 100, kept_apart: bool = False
) -> tuple[ConflictRow, ...]:
    """Pairs of customers whom links name together and who are two, latest first; all, or those of one.

    Those that wait for somebody to decide; with `kept_apart` those of whom people have said that they are two.
    `before` is the id of the last one seen.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CONFLICTS,
            {
                "customer_id": customer_id,
                "before": before,
                "kept_apart": kept_apart,
                "limit": min(limit, MAX_LISTED),
            },
        )
        return tuple(
            ConflictRow(
                id=id_,
                customer_ids=(min(low, high), max(low, high)),
                reason=reason,
                at=at,
                shared=max(keys, key=queries.strength),
            )
            for id_, low, high, reason, at, keys in cursor.fetchall()
        )


def conflict_count() -> int:
    """How many conflicts wait for somebody to decide."""
    with connection.cursor() as cursor:
        cursor.execute(f"WITH apart AS MATERIALIZED ({_APART}) SELECT count(*) {_UNSOLVED}", {"kept_apart": False})
        [(count,)] = cursor.fetchall()
        return int(count)


def preview_merge(left_id: int, right_id: int) -> MergePreview:
    """What a merge by hand would make of two customers; ids of customers merged away lead to the winners.

    Raises:
        NotFound: there is no such customer.
        Refused: both are the same one.
    """
    winner, loser = two_customers(left_id, right_id)
    if winner == loser:
        raise Refused(f"{left_id} and {right_id} are the same customer; a merge needs two")
    profiles = queries.profiles_of([winner, loser])
    both = (*profiles[winner], *profiles[loser])
    traits = queries.traits_of(both)
    replaced: dict[str, tuple[TraitValue, ...]] = {}
    for word in (*queries.traits_of(profiles[winner]).values(), *queries.traits_of(profiles[loser]).values()):
        if word.name not in traits or traits[word.name].value != word.value:
            replaced[word.name] = (*replaced.get(word.name, ()), word)
    counts = zip(joining.LIMITS.items(), _counts(profiles[winner]), _counts(profiles[loser]), strict=True)
    return MergePreview(
        winner_id=winner,
        loser_id=loser,
        profile_ids=tuple(sorted(both)),
        traits=traits,
        replaced=replaced,
        limits=tuple(str(reason) for (reason, limit), one, other in counts if one and other and one + other > limit),
        is_separated=bool(separations_between(profiles[winner], profiles[loser])),
    )


def two_customers(left_id: int, right_id: int) -> tuple[int, int]:
    """The customers of two ids, the smaller one first.

    Raises:
        NotFound: there is no such customer.
    """
    low, high = sorted(queries.find(str(id_)) for id_ in (left_id, right_id))
    return low, high


def separations_between(
    one: Collection[int], other: Collection[int]
) -> list[tuple[models.Separation, tuple[Separation, ...]]]:
    """What stands between two sets of profiles, each with what would remain of it if they were one."""
    both = [*one, *other]
    found = models.Separation.objects.filter(lifted_at__isnull=True, left__overlap=both, right__overlap=both)
    rests = (
        (row, joining.lift(Separation(left=frozenset(row.left), right=frozenset(row.right)), one=one, other=other))
        for row in found.order_by("pk")
    )
    return [(row, rest) for row, rest in rests if rest is not None]


def _counts(profile_ids: Collection[int]) -> Counts:
    rows = models.Identifier.objects.filter(profile_id__in=profile_ids).values_list("key", "is_verified")
    return joining.counts_of((key.partition(":")[0], is_verified) for key, is_verified in rows)
