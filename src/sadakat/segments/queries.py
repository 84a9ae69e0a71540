"""Reads: segments, who is in them, and how that has changed."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, Final

from django.db import connection

from sadakat.kernel import text
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.segments import models, rules
from sadakat.segments.types import Kind, Member, Membership, Move, Overlap, Segment, SegmentVersion, SizePoint

MAX_MEMBERS: Final = 10_000
"""Members of a page."""
MAX_OVERLAPPING: Final = 20
"""Segments compared at once."""
MAX_MOVEMENTS: Final = 100

# The first step out of one segment of the group, and the last step into one; steps of one moment go out first.
_MOVES: Final = """
    WITH moved AS MATERIALIZED (
        SELECT customer_id, is_entry, key, row_number() OVER earlier AS nth, count(*) OVER person AS steps
        FROM segments_movement AS movement JOIN segments_segment AS segment ON segment.id = segment_id
        WHERE "group" = %s AND local_date >= %s AND local_date < %s
        WINDOW person AS (PARTITION BY customer_id),
            earlier AS (PARTITION BY customer_id ORDER BY at, is_entry, movement.id)
    ), gone AS (
        SELECT CASE WHEN first.is_entry THEN '' ELSE first.key END AS from_key, last.key AS to_key
        FROM moved AS first JOIN moved AS last USING (customer_id)
        WHERE first.nth = 1 AND last.nth = last.steps AND last.is_entry
    )
    SELECT from_key, to_key, count(*) FROM gone WHERE from_key <> to_key GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
_OVERLAP: Final = """
    SELECT other.segment_id, count(*)
    FROM segments_standing AS one JOIN segments_standing AS other USING (customer_id)
    WHERE one.segment_id = %s AND other.segment_id = ANY(%s) AND one.is_member AND other.is_member
    GROUP BY 1
"""


def segment_named(key: str) -> Segment:
    """The segment of that key, also an archived one.

    Raises:
        NotFound: there is none.
    """
    return _segment(row_named(key), last_id=_last_customer())


def segments(*, include_archived: bool = False, group: str | None = None) -> tuple[Segment, ...]:
    """All segments, or those of a group: people's own by name, then groups by rank."""
    rows = models.Segment.objects.all() if include_archived else models.Segment.objects.filter(is_archived=False)
    if group is not None:
        rows = rows.filter(group=group)
    last_id = _last_customer()
    found = [_segment(row, last_id=last_id) for row in rows]
    return tuple(sorted(found, key=lambda each: (each.group, each.rank, text.sort_key(each.name), each.key)))


def versions(key: str) -> tuple[SegmentVersion, ...]:
    """The rules that a segment has had, the present one first.

    Raises:
        NotFound: there is no such segment.
    """
    rows = models.Version.objects.filter(segment_id=row_named(key).pk).order_by("-number")
    return tuple(
        SegmentVersion(number=row.number, where=row.where, actor_name=row.actor_name, at=row.at) for row in rows
    )


def members(key: str, *, after: int = 0, limit: int = 100) -> tuple[Member, ...]:
    """Who is in a segment, by customer id; `after` is the last id seen.

    Raises:
        NotFound: there is no such segment.
    """
    rows = models.Standing.objects.filter(segment_id=row_named(key).pk, is_member=True, customer_id__gt=after)
    return tuple(
        Member(customer_id=row.customer_id, since_at=row.since_at, changes_at=row.changes_at)
        for row in rows.order_by("customer_id")[: min(limit, MAX_MEMBERS)]
    )


def member_ids(key: str) -> list[int]:
    """The ids of everybody in a segment, sorted.

    Raises:
        NotFound: there is no such segment.
    """
    rows = models.Standing.objects.filter(segment_id=row_named(key).pk, is_member=True)
    return list(rows.order_by("customer_id").values_list("customer_id", flat=True))


def segments_of(customer_id: int) -> tuple[Membership, ...]:
    """The segments that a customer is in, in the order of `segments`; archived ones are left out."""
    standing = {row.segment_id: row for row in models.Standing.objects.filter(customer_id=customer_id, is_member=True)}
    rows = models.Segment.objects.filter(pk__in=standing, is_archived=False)
    return tuple(
        Membership(
            key=row.key,
            name=row.name,
            group=row.group,
            since_at=standing[row.pk].since_at,
            changes_at=standing[row.pk].changes_at,
        )
        for row in sorted(rows, key=lambda row: (row.group, row.rank, text.sort_key(row.name), row.key))
    )


def size_history(key: str, *, since: date) -> tuple[SizePoint, ...]:
    """Members at the end of each local day from `since` on that is over, earliest first.

    Raises:
        NotFound: there is no such segment.
    """
    id_ = row_named(key).pk
    return tuple(size_histories([id_], since=since)[id_])


def size_histories(segment_ids: Iterable[int], *, since: date) -> dict[int, list[SizePoint]]:
    """As `size_history`, of each of these segments by its id."""
    found: dict[int, list[SizePoint]] = {id_: [] for id_ in segment_ids}
    for row in models.DailySize.objects.filter(segment_id__in=found, day__gte=since).order_by("day"):
        found[row.segment_id].append(SizePoint(day=row.day, size=row.size))
    return found


def movements(key: str, *, limit: int) -> list[models.Movement]:
    """Who came into a segment or left it lately, newest first.

    Raises:
        NotFound: there is no such segment.
    """
    rows = models.Movement.objects.filter(segment_id=row_named(key).pk)
    return list(rows.order_by("-local_date", "-at", "-id")[: min(limit, MAX_MOVEMENTS)])


def moves(*, group: str, since: date, until: date) -> list[Move]:
    """Who went from one segment of a group to another between the beginnings of two local days, most people first.

    What counts is where a customer came from first and went to last; who came back is not told.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MOVES, [group, since, until])
        return [Move(from_key=from_, to_key=to, customers=count) for from_, to, count in cursor.fetchall()]


def overlap(key: str, others: Iterable[str]) -> list[Overlap]:
    """How many customers a segment shares with each of these others, in the order given.

    Raises:
        NotFound: one of them does not exist.
        Invalid: there are more than `MAX_OVERLAPPING`.
    """
    wanted = list(dict.fromkeys([key, *others]))
    if len(wanted) > MAX_OVERLAPPING:
        raise Invalid(f"at most {MAX_OVERLAPPING} segments are compared at once, not {len(wanted)}")
    own, *ids = [row_named(each).pk for each in wanted]
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAP, [own, ids])
        both = dict(cursor.fetchall())
    return [Overlap(key=other, both=both.get(id_, 0)) for other, id_ in zip(wanted[1:], ids, strict=True)]


def named_segments() -> dict[str, frozenset[str]]:
    """Key of each live rule → keys of the segments that it names."""
    rows = models.Segment.objects.filter(kind=Kind.RULE, is_archived=False).values_list("key", "where")
    return {key: frozenset(_named(where["where"])) for key, where in rows if where}


def _named(node: Any) -> Collection[str]:
    """The segments that a stored rule names, also one that cannot be read any more."""
    if "segment" in node:
        return [node["segment"]]
    parts = [*node.get("all", ()), *node.get("any", ()), *([node["not"]] if "not" in node else ())]
    return [name for part in parts for name in _named(part)]


def row_named(key: str) -> models.Segment:
    """The row of that key.

    Raises:
        NotFound: there is none.
    """
    # PostgreSQL cannot be asked for every text.
    row = models.Segment.objects.filter(key=key).first() if rules.is_key(key) else None
    if row is None:
        raise NotFound(f"there is no segment {key!r:.80}")
    return row


def _last_customer() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(profile_id), 0) FROM customers_profile")
        return int(cursor.fetchone()[0])


def _segment(row: models.Segment, *, last_id: int) -> Segment:
    return Segment(
        id=row.pk,
        key=row.key,
        name=row.name,
        description=row.description,
        kind=Kind(row.kind),
        group=row.group,
        rank=row.rank,
        where=row.where,
        version=row.version,
        is_archived=row.is_archived,
        is_ready=row.filled_to is None,
        filled_ratio=1.0 if row.filled_to is None else min(row.filled_to / max(last_id, 1), 1.0),
        size=row.size,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
