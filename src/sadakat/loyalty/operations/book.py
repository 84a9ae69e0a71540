"""Locks the rows that commands need and reads the part of the ledger that they are decided on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sadakat.kernel import time
from sadakat.loyalty.models import KEPT
from sadakat.loyalty.operations import trips
from sadakat.loyalty.rules import book, ledger, moves
from sadakat.loyalty.rules.book import Book
from sadakat.loyalty.types import (
    Activate,
    Capture,
    Command,
    OperationKind,
    Release,
    Restore,
    Return,
    Reverse,
)
from sadakat.platform import brand

LOTS_READ: Final = 200
"""Of one member at first; more only where these do not do."""
LOTS_MAX: Final = 1_000_000
_NO_KEYS: Final = trips.array([])
_Rows = list[tuple[Any, ...]]
_Take = Callable[[Book, _Rows], None]

_LOT: Final = (
    "lot.id, lot.operation_id, lot.member_id, lot.points, lot.remaining, lot.is_pending, lot.activates_at,"
    " lot.span, lot.count, lot.expires_at, lot.at, lot.came_from_id"
)
# Transfers of lots lead on, from lot to lot.
_MADE: Final = """
    WITH RECURSIVE made AS (
        SELECT lot.* FROM loyalty_lot AS lot JOIN loyalty_operation AS o ON o.id = lot.operation_id
        WHERE o.key = ANY(%(keys)s::text[])
        UNION ALL
        SELECT lot.* FROM loyalty_lot AS lot JOIN made ON lot.came_from_id = made.id
    )
"""
_ZONE: Final = "SELECT time_zone FROM platform_brand"
# Also of whoever did the operations that the commands are about.
_LOCK: Final = f"""
    SELECT b.member_id, m.customer_id, b.version, b.chain, {", ".join(f"b.{name}" for name in KEPT)}
    FROM loyalty_balances AS b JOIN loyalty_member AS m ON m.id = b.member_id
    WHERE b.member_id = ANY(ARRAY(
        SELECT unnest(%(members)s::bigint[])
        UNION SELECT member_id FROM loyalty_operation WHERE key = ANY(%(keys)s::text[])
    ))
    ORDER BY b.member_id FOR UPDATE OF b
"""
# After the lock: what it waited for may have been the merge.
_MERGED: Final = """
    SELECT id, merged_into_id FROM loyalty_member WHERE id = ANY(%(members)s::bigint[]) AND merged_into_id IS NOT NULL
"""
# Whoever has what transfers have given.
_HOLDERS: Final = f"""
    {_MADE} SELECT member_id FROM made
    UNION SELECT (reference->>'to_member_id')::bigint FROM loyalty_operation
        WHERE key = ANY(%(keys)s::text[]) AND kind = 'transfer'
"""
_OPERATIONS: Final = """
    SELECT id, key, fingerprint, member_id, kind, points, undone, concerns_id,
        CASE kind WHEN 'transfer' THEN (reference->>'to_member_id')::bigint END,
        CASE kind WHEN 'transfer' THEN (reference->>'deficit')::bigint END
    FROM loyalty_operation WHERE key = ANY(%(keys)s::text[])
"""
_RETURNED: Final = """
    SELECT o.key FROM loyalty_operation AS o JOIN loyalty_operation AS r ON r.concerns_id = o.id
    WHERE o.key = ANY(%(keys)s::text[]) AND r.kind = 'return'
"""
_HOLDS: Final = """
    SELECT h.operation_id, h.member_id, h.points, h.until
    FROM loyalty_hold AS h JOIN loyalty_operation AS o ON o.id = h.operation_id WHERE o.key = ANY(%(keys)s::text[])
"""
_DRAWS: Final = f"""
    SELECT d.id, d.operation_id, d.points, d.restored, {_LOT}
    FROM loyalty_operation AS o
    JOIN loyalty_draw AS d ON d.operation_id = CASE o.kind WHEN 'capture' THEN o.concerns_id ELSE o.id END
    JOIN loyalty_lot AS lot ON lot.id = d.lot_id
    WHERE o.key = ANY(%(keys)s::text[]) ORDER BY d.id
"""
_MADE_LOTS: Final = f"{_MADE} SELECT {_LOT} FROM made AS lot"
_NUMBERS: Final = """
    SELECT nextval('loyalty_operation_id_seq'), NULL FROM generate_series(1, %(operations)s)
    UNION ALL SELECT NULL, nextval('loyalty_lot_id_seq') FROM generate_series(1, %(lots)s)
"""
# Of each member what is due, and of the rest as much as is asked for; {limit} keeps a member with very many lots cheap.
_OPEN_LOTS: Final = f"""
    SELECT {_LOT}, lot.is_last
    FROM unnest(%(members)s::bigint[], %(needs)s::bigint[], %(lasts)s::timestamptz[])
        AS asked (member_id, need, last_at)
    CROSS JOIN LATERAL (
        SELECT first.*, count(*) OVER line = %(limit)s AS is_last,
            coalesce(sum(first.remaining) FILTER (WHERE NOT first.is_due) OVER before_it, 0) AS before
        FROM (
            SELECT open.*, coalesce(open.expires_at <= asked.last_at, false) AS is_due
            FROM loyalty_lot AS open
            WHERE open.member_id = asked.member_id AND open.remaining > 0 AND NOT open.is_pending
                AND (asked.need > 0 OR open.expires_at <= asked.last_at)
            ORDER BY open.expires_at ASC NULLS LAST, open.at, open.id LIMIT %(limit)s
        ) AS first
        WINDOW line AS (ORDER BY first.expires_at ASC NULLS LAST, first.at, first.id),
            before_it AS (line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) AS lot
    WHERE lot.is_due OR lot.before < asked.need
"""
_PENDING_LOTS: Final = f"""
    SELECT {_LOT} FROM loyalty_lot AS lot
    WHERE lot.member_id = ANY(%(members)s::bigint[]) AND lot.is_pending AND lot.remaining > 0
"""


def open_book(commands: Sequence[Command], *, at: datetime) -> Book:
    """Locks the balances of everybody whom the commands need, in the order of their ids, and reads what they need.

    Joins the caller's transaction.
    """
    needs, lasts = _needs(commands, at=at)
    lots = {
        "members": trips.array([*needs]),
        "needs": trips.array([*needs.values()]),
        "lasts": trips.array([*lasts.values()]),
    }
    trip: list[tuple[_Take, str, dict[str, Any]]] = [
        (_add_zone, _ZONE, {}),
        (_add_members, _LOCK, {"members": lots["members"], "keys": _keys(commands, Command)}),
        (_add_merged, _MERGED, {"members": lots["members"]}),
        (_add_operations, _OPERATIONS, {"keys": _keys(commands, Command, with_own=True)}),
        (_add_numbers, _NUMBERS, {"operations": len(commands), "lots": len(commands)}),
        (_add_open_lots, _OPEN_LOTS, {**lots, "limit": LOTS_READ}),
    ]
    for take, statement, kinds in _CONCERNED:
        keys = _keys(commands, *kinds)
        if keys != _NO_KEYS:
            trip.append((take, statement, {"keys": keys}))
    pending = [command.member_id for command in commands if ledger.wants_pending(command)]
    if pending:
        trip.append((_add_lots, _PENDING_LOTS, {"members": trips.array(pending)}))
    found = Book(at=at)
    answers = trips.ask([(statement, said) for _, statement, said in trip])
    for (take, _, _), rows in zip(trip, answers, strict=True):
        take(found, rows)
    if found.is_short:
        ((rows),) = trips.ask([(_OPEN_LOTS, {**lots, "limit": LOTS_MAX})])
        _add_open_lots(found, rows)
    return found


def _needs(commands: Sequence[Command], *, at: datetime) -> tuple[dict[int, int], dict[int, datetime]]:
    """By member: how many active points may be needed, and by when what has expired is to be booked."""
    needs: dict[int, int] = {}
    lasts: dict[int, datetime] = {}
    for command in commands:
        last = min(command.at, at)
        for member_id, points in ledger.may_need(command).items():
            needs[member_id] = min(needs.get(member_id, 0) + points, moves.EVERYTHING)
            lasts[member_id] = max(lasts.get(member_id, last), last)
    returned = _keys(commands, Return)
    if returned != _NO_KEYS:
        ((rows),) = trips.ask([(_HOLDERS, {"keys": returned})])
        for (member_id,) in rows:
            needs.setdefault(member_id, 0)
            lasts[member_id] = at
    return needs, lasts


def _keys(commands: Sequence[Command], *kinds: type[Command], with_own: bool = False) -> str:
    """The keys of operations that commands of these kinds are about, as an array."""
    keys = {moves.concerned_key(command) for command in commands if isinstance(command, kinds)} - {None}
    return trips.array(sorted(keys.union(command.key for command in commands) if with_own else keys))


def _add_zone(found: Book, rows: _Rows) -> None:
    # Without a brand there is nothing to earn at; its own door says so.
    found.time_zone = time.zone(rows[0][0]) if rows else brand.current().zone


def _add_numbers(found: Book, rows: _Rows) -> None:
    found.numbers += [operation for operation, _ in rows if operation is not None]
    found.lot_numbers += [lot for _, lot in rows if lot is not None]


def _add_returned(found: Book, rows: _Rows) -> None:
    for (key,) in rows:
        found.operations[key].deficit = 0


def _add_holds(found: Book, rows: _Rows) -> None:
    for operation_id, member_id, points, until in rows:
        found.holds[operation_id] = book.Hold(
            operation_id=operation_id, member_id=member_id, points=points, until=until
        )


def _add_draws(found: Book, rows: _Rows) -> None:
    for draw_id, operation_id, points, restored, *row in rows:
        lot = _add_lot(found, row)
        found.add_draw(book.Draw(id=draw_id, operation_id=operation_id, lot=lot, points=points, restored=restored))


def _add_open_lots(found: Book, rows: _Rows) -> None:
    for *row, is_last in rows:
        _add_lot(found, row)
        found.is_short |= is_last


def _add_members(found: Book, rows: _Rows) -> None:
    for member_id, customer_id, version, chain, *points in rows:
        found.members[member_id] = book.Member(
            id=member_id,
            customer_id=customer_id,
            accounts=dict(zip(KEPT, points, strict=True)),
            version=version,
            chain=chain,
        )


def _add_merged(found: Book, rows: _Rows) -> None:
    found.merged.update(rows)


def _add_operations(found: Book, rows: _Rows) -> None:
    for operation_id, key, fingerprint, member_id, kind, points, undone, concerns_id, to_member_id, deficit in rows:
        found.operations[key] = book.Operation(
            id=operation_id,
            key=key,
            fingerprint=fingerprint,
            member_id=member_id,
            kind=OperationKind(kind),
            points=points,
            undone=undone,
            concerns_id=concerns_id,
            to_member_id=to_member_id,
            deficit=deficit or 0,
        )


def _add_lots(found: Book, rows: _Rows) -> None:
    for row in rows:
        _add_lot(found, row)


def _add_lot(found: Book, row: Sequence[Any]) -> book.Lot:
    known = found.lots.get(row[0])
    if known is not None:
        return known
    return found.add_lot(
        book.Lot(
            id=row[0],
            operation_id=row[1],
            member_id=row[2],
            points=row[3],
            remaining=row[4],
            is_pending=row[5],
            activates_at=row[6],
            span=row[7],
            count=row[8],
            expires_at=row[9],
            at=row[10],
            came_from_id=row[11],
        )
    )


# What is read of the operations that commands of some kinds are about.
_CONCERNED: Final[tuple[tuple[_Take, str, tuple[type[Command], ...]], ...]] = (
    (_add_returned, _RETURNED, (Return,)),
    (_add_holds, _HOLDS, (Capture, Release)),
    (_add_lots, _MADE_LOTS, (Activate, Reverse, Return)),
    (_add_draws, _DRAWS, (Release, Restore, Return)),
)
