"""Reads of the ledger."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db import connection

from sadakat.loyalty import models
from sadakat.loyalty.rules import chain
from sadakat.loyalty.types import AuditReport, Balance, Expiring, LedgerLine, OperationKind

LEDGER_MAX: Final = 201
"""Lines of one page, and the one that tells that there is another."""
EXPIRING_MAX: Final = 200
PROBLEMS_MAX: Final = 100
NOTHING: Final = Balance(active=0, pending=0, reserved=0, deficit=0, lifetime=0)

# What has become of members since they became others counts for whoever they are now.
_BALANCES: Final = """
    WITH RECURSIVE family (member_id, part_id) AS (
        SELECT id, id FROM unnest(%(members)s::bigint[]) AS asked (id)
        UNION
        SELECT family.member_id, joined.id FROM family JOIN loyalty_member AS joined ON joined.merged_into_id = part_id
    )
    SELECT b.member_id,
        b.active - coalesce((
            SELECT sum(remaining) FROM loyalty_lot AS lot
            WHERE lot.member_id = b.member_id AND remaining > 0 AND NOT is_pending AND expires_at <= %(at)s
        ), 0)::bigint,
        b.pending, b.reserved, -b.deficit,
        (SELECT -sum(part.issued + part.reversed) FROM family JOIN loyalty_balances AS part ON part.member_id = part_id
            WHERE family.member_id = b.member_id)::bigint
    FROM loyalty_balances AS b WHERE b.member_id = ANY(%(members)s::bigint[])
"""
_AS_OF: Final = """
    WITH RECURSIVE family (id) AS (
        SELECT %(member)s::bigint
        UNION
        SELECT joined.id FROM family JOIN loyalty_member AS joined ON joined.merged_into_id = family.id
    )
    SELECT account, coalesce(sum(moved) FILTER (WHERE member_id = %(member)s), 0)::bigint, sum(moved)::bigint
    FROM loyalty_entry AS entry
    CROSS JOIN LATERAL (VALUES (source, -entry.points), (target, entry.points)) AS side (account, moved)
    WHERE member_id IN (SELECT id FROM family) AND at <= %(at)s
    GROUP BY account
"""
_EXPIRING: Final = """
    SELECT member_id, points, expires_at FROM (
        SELECT member_id, sum(remaining)::bigint AS points, expires_at,
            row_number() OVER (PARTITION BY member_id ORDER BY expires_at) AS place
        FROM loyalty_lot
        WHERE member_id = ANY(%(members)s::bigint[]) AND remaining > 0 AND NOT is_pending AND expires_at > %(at)s
        GROUP BY member_id, expires_at
    ) AS moments WHERE place <= %(limit)s ORDER BY member_id, expires_at
"""
# The operations that have moved points of a member, his own and those of others.
_LINES: Final = """
    SELECT o.id, o.key, o.kind, o.at, o.recorded_at, moved.points, o.points, o.undone, lot.activates_at,
        lot.expires_at, o.reference::text, o.actor_name
    FROM (
        SELECT at, operation_id, sum(CASE WHEN target IN ('active', 'pending', 'deficit') THEN points ELSE 0 END
            - CASE WHEN source IN ('active', 'pending', 'deficit') THEN points ELSE 0 END)::bigint AS points
        FROM loyalty_entry
        WHERE member_id = %(member)s AND (%(before)s::bigint IS NULL
            OR (at, operation_id) < (SELECT at, id FROM loyalty_operation WHERE id = %(before)s))
        GROUP BY at, operation_id ORDER BY at DESC, operation_id DESC LIMIT %(limit)s
    ) AS moved
    JOIN loyalty_operation AS o ON o.id = moved.operation_id
    LEFT JOIN LATERAL (
        SELECT activates_at, expires_at FROM loyalty_lot
        WHERE operation_id = o.id AND o.kind = 'award' ORDER BY id LIMIT 1
    ) AS lot ON true
    ORDER BY o.at DESC, o.id DESC
"""
_ONLY: Final = "(%(members)s::bigint[] IS NULL OR member_id = ANY(%(members)s::bigint[]))"
_DIFFERENCES: Final = f"""
    WITH moves AS (
        SELECT member_id, account, sum(points)::bigint AS points FROM (
            SELECT member_id, source AS account, -points AS points FROM loyalty_entry WHERE {_ONLY}
            UNION ALL SELECT member_id, target, points FROM loyalty_entry WHERE {_ONLY}
        ) AS sides GROUP BY member_id, account
    ), kept AS (
        SELECT member_id, account, points FROM loyalty_balances AS b
        CROSS JOIN LATERAL (
            VALUES {", ".join(f"('{name}', b.{name})" for name in models.KEPT)}
        ) AS has (account, points)
        WHERE {_ONLY}
    ), others AS (
        SELECT member_id, CASE WHEN is_pending THEN 'pending' ELSE 'active' END AS account, 'lots' AS place,
            sum(remaining)::bigint AS points
        FROM loyalty_lot WHERE remaining > 0 AND {_ONLY} GROUP BY member_id, is_pending
        UNION ALL SELECT member_id, 'reserved', 'holds', sum(points)::bigint
        FROM loyalty_hold WHERE {_ONLY} GROUP BY member_id
    )
    SELECT member_id, account, coalesce(kept.points, 0), 'entries', coalesce(moves.points, 0)
    FROM kept FULL JOIN moves USING (member_id, account)
    WHERE coalesce(kept.points, 0) <> coalesce(moves.points, 0)
    UNION ALL
    SELECT member_id, account, coalesce(kept.points, 0), CASE account WHEN 'reserved' THEN 'holds' ELSE 'lots' END,
        coalesce(others.points, 0)
    FROM (SELECT * FROM kept WHERE account IN ('active', 'pending', 'reserved')) AS kept
    FULL JOIN others USING (member_id, account)
    WHERE coalesce(kept.points, 0) <> coalesce(others.points, 0)
    ORDER BY 1, 2, 4 LIMIT %(limit)s
"""
_WRONG_LOTS: Final = f"""
    SELECT member_id, id, points, remaining, taken FROM (
        SELECT lot.member_id, lot.id, lot.points, lot.remaining,
            coalesce(sum(d.points - d.restored), 0)::bigint AS taken
        FROM loyalty_lot AS lot LEFT JOIN loyalty_draw AS d ON d.lot_id = lot.id
        WHERE {_ONLY} GROUP BY lot.id
    ) AS lots WHERE points - remaining <> taken ORDER BY id LIMIT %(limit)s
"""
_COUNTS: Final = f"""
    SELECT (SELECT count(*) FROM loyalty_balances WHERE {_ONLY}), (SELECT count(*) FROM loyalty_entry WHERE {_ONLY})
"""
_CHAINS: Final = f"SELECT member_id, chain FROM loyalty_balances WHERE chain IS NOT NULL AND {_ONLY}"
_LINKS: Final = f"""
    SELECT id, operation_id, member_id, source, target, points, at, recorded_at, hash FROM loyalty_entry
    WHERE {_ONLY} AND member_id IN (SELECT member_id FROM loyalty_balances WHERE chain IS NOT NULL)
    ORDER BY id
"""


def balances(member_ids: Collection[int], *, at: datetime) -> dict[int, Balance]:
    """What members have at `at`, by member; what has expired by then does not count, whether it is booked or not.

    Points for life are with those of the members who have become one with them.
    """
    rows = _rows(_BALANCES, members=[*member_ids], at=at)
    return {
        member_id: Balance(active=active, pending=pending, reserved=reserved, deficit=deficit, lifetime=lifetime)
        for member_id, active, pending, reserved, deficit, lifetime in rows
    }


def balance_as_of(member_id: int, *, at: datetime) -> Balance:
    """What a member had at an instant, by what is known now of what had happened by then.

    Points for life are with those of the members who have become one with him since.
    """
    rows = _rows(_AS_OF, member=member_id, at=at)
    has = {account: points for account, points, _ in rows}
    ever = {account: points for account, _, points in rows}
    return Balance(
        active=has.get("active", 0) - _not_booked(member_id, at=at),
        pending=has.get("pending", 0),
        reserved=has.get("reserved", 0),
        deficit=-has.get("deficit", 0),
        lifetime=-ever.get("issued", 0) - ever.get("reversed", 0),
    )


def expiring(member_ids: Collection[int], *, at: datetime, limit: int = 20) -> dict[int, tuple[Expiring, ...]]:
    """When active points of members go, soonest first, for those who have any that do; at most `limit` moments."""
    found: dict[int, list[Expiring]] = {}
    for member_id, points, expires_at in _rows(_EXPIRING, members=[*member_ids], at=at, limit=min(limit, EXPIRING_MAX)):
        found.setdefault(member_id, []).append(Expiring(points=points, expires_at=expires_at))
    return {member_id: tuple(moments) for member_id, moments in found.items()}


def ledger(member_id: int, *, before_id: int | None = None, limit: int = 50) -> list[LedgerLine]:
    """Operations that have moved points of a member, those that happened latest first.

    `before_id` is the last operation of the page before.
    """
    rows = _rows(_LINES, member=member_id, before=before_id, limit=min(limit, LEDGER_MAX))
    return [_line(row) for row in rows]


def _not_booked(member_id: int, *, at: datetime) -> int:
    """Points that had expired by `at` and are not booked so yet."""
    lots = models.Lot.objects.filter(member_id=member_id, remaining__gt=0, is_pending=False, expires_at__lte=at)
    return sum(lots.values_list("remaining", flat=True))


def _line(row: tuple[Any, ...]) -> LedgerLine:
    return LedgerLine(
        operation_id=row[0],
        key=row[1],
        kind=OperationKind(row[2]),
        at=row[3],
        recorded_at=row[4],
        points=row[5],
        moved=row[6],
        undone=row[7],
        activates_at=row[8],
        expires_at=row[9],
        reference=json.loads(row[10]),
        actor_name=row[11],
    )


def _rows(statement: str, **said: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, said)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def audit(*, member_ids: Collection[int] | None = None) -> AuditReport:
    """Compares the ledger with itself, of these members or of all: balances with entries, lots, draws and holds.

    Problems are at most `PROBLEMS_MAX`. Where entries are chained, every link is computed anew.
    """
    members = None if member_ids is None else [*member_ids]
    problems = [
        f"member {member_id}: {what} is {kept} by balances, {found} by {where}"
        for member_id, what, kept, where, found in _rows(_DIFFERENCES, members=members, limit=PROBLEMS_MAX)
    ]
    problems += [
        f"member {member_id}: lot {lot_id} has {remaining} points left of {points}, though {drawn} were taken"
        for member_id, lot_id, points, remaining, drawn in _rows(_WRONG_LOTS, members=members, limit=PROBLEMS_MAX)
    ]
    if members is None:
        ((moved,),) = _rows("SELECT coalesce(sum(moved), 0)::bigint FROM loyalty_balances")
        problems += [f"all members: moved points sum to {moved}, not to 0"] if moved else []
    problems += _broken_links(members)
    ((member_count, entry_count),) = _rows(_COUNTS, members=members)
    return AuditReport(members=member_count, entries=entry_count, problems=tuple(problems[:PROBLEMS_MAX]))


def _broken_links(members: list[int] | None) -> list[str]:
    """The first broken link of each chain."""
    said = {"members": members}
    ends = {member_id: bytes(end) for member_id, end in _rows(_CHAINS, **said)}
    links: dict[int, bytes] = {}
    broken: dict[int, str] = {}
    with connection.chunked_cursor() as cursor:
        cursor.execute(_LINKS, said)
        for entry_id, operation_id, member_id, source, target, points, at, recorded_at, found in cursor:
            if found is None and member_id not in links:
                continue  # from before the chain began
            links[member_id] = chain.link(
                links.get(member_id, b""),
                operation_id=operation_id,
                member_id=member_id,
                source=source,
                target=target,
                points=points,
                at=at,
                recorded_at=recorded_at,
            )
            if found is None or bytes(found) != links[member_id]:
                broken.setdefault(member_id, f"member {member_id}: the hash chain breaks at entry {entry_id}")
    for member_id, end in ends.items():
        if links.get(member_id) != end:
            broken.setdefault(member_id, f"member {member_id}: the hash chain does not end where the balances say")
    return [*broken.values()]
