"""Writes what commands have changed, each table in one statement, all in two trips."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from sadakat.loyalty.models import KEPT
from sadakat.loyalty.operations import trips
from sadakat.loyalty.rules import chain
from sadakat.loyalty.rules.book import NEW, Book, Entry, Lot, Operation
from sadakat.platform import audit, settings


def _insert(table: str, fields: str) -> str:
    """Appends rows, in order, from arrays; `fields` names each column with its type."""
    names, arrays = _fields(fields)
    return f"""
        INSERT INTO loyalty_{table} ({names})
        SELECT {names} FROM unnest({arrays}) WITH ORDINALITY AS new ({names}, place) ORDER BY place
    """


def _update(table: str, fields: str) -> str:
    """Sets columns from arrays, of which the first is the key."""
    names, arrays = _fields(fields)
    key, *others = names.split(", ")
    return f"""
        UPDATE loyalty_{table} AS old SET {", ".join(f"{name} = new.{name}" for name in others)}
        FROM unnest({arrays}) AS new ({names}) WHERE old.{key} = new.{key}
    """


def _fields(fields: str) -> tuple[str, str]:
    pairs = [field.split(":") for field in fields.split()]
    return ", ".join(name for name, _ in pairs), ", ".join(f"%({name})s::{type_}[]" for name, type_ in pairs)


def _statement(form: Any, table: str, fields: str) -> tuple[str, str]:
    """A statement and the names of its columns."""
    return form(table, fields), " ".join(field.split(":")[0] for field in fields.split())


_INSERT_OPERATIONS: Final = _statement(
    _insert,
    "operation",
    "id:bigint key:text fingerprint:bytea member_id:bigint kind:text at:timestamptz recorded_at:timestamptz"
    " points:bigint undone:bigint concerns_id:bigint reference:jsonb actor:text actor_name:text",
)
_INSERT_LOTS: Final = _statement(
    _insert,
    "lot",
    "id:bigint operation_id:bigint member_id:bigint points:bigint remaining:bigint is_pending:boolean"
    " activates_at:timestamptz span:text count:int expires_at:timestamptz at:timestamptz came_from_id:bigint",
)
_INSERT_ENTRIES: Final = _statement(
    _insert,
    "entry",
    "operation_id:bigint member_id:bigint source:text target:text points:bigint at:timestamptz"
    " recorded_at:timestamptz hash:bytea",
)
_INSERT_DRAWS: Final = _statement(_insert, "draw", "operation_id:bigint lot_id:bigint points:bigint restored:bigint")
_INSERT_HOLDS: Final = _statement(
    _insert, "hold", "operation_id:bigint member_id:bigint points:bigint until:timestamptz"
)
_TOUCH: Final = _statement(_insert, "touched", "member_id:bigint")
_UPDATE_LOTS: Final = _statement(_update, "lot", "id:bigint remaining:bigint is_pending:boolean expires_at:timestamptz")
_UPDATE_DRAWS: Final = _statement(_update, "draw", "id:bigint restored:bigint")
_UPDATE_OPERATIONS: Final = _statement(_update, "operation", "id:bigint undone:bigint")
_UPDATE_BALANCES: Final = _statement(
    _update,
    "balances",
    f"member_id:bigint version:bigint chain:bytea {' '.join(f'{name}:bigint' for name in KEPT)}",
)
_DELETE_HOLDS: Final = "DELETE FROM loyalty_hold WHERE operation_id = ANY(%(id)s::bigint[])"
_DELETE_OPERATIONS: Final = "DELETE FROM loyalty_operation WHERE id = ANY(%(id)s::bigint[])"
_MORE_NUMBERS: Final = "SELECT nextval(%(sequence)s) FROM generate_series(1, %(count)s)"


def write(book: Book, *, at: datetime) -> bool:
    """Writes what has changed; False, and nothing written, when somebody was faster with a key for another member."""
    _number(book)
    _chain(book, at=at)
    operations = [_operation_row(operation, at=at) for operation in book.new_operations]
    statement, names = _INSERT_OPERATIONS
    ((written),) = trips.ask(
        [(f"{statement} ON CONFLICT (key) DO NOTHING RETURNING id", trips.columns(names, operations))]
    )
    if len(written) < len(operations):
        trips.ask([(_DELETE_OPERATIONS, {"id": trips.array([number for (number,) in written])})])
        return False
    changes = [(statement, trips.columns(names, rows)) for (statement, names), rows in _changes(book, at=at) if rows]
    if book.gone_holds:
        changes.append((_DELETE_HOLDS, {"id": trips.array(book.gone_holds)}))
    trips.ask(changes)
    return True


def _number(book: Book) -> None:
    """Gives new operations and lots the numbers that they have from now on."""
    for numbers, wanted, sequence in (
        (book.numbers, len(book.new_operations), "loyalty_operation_id_seq"),
        (book.lot_numbers, len(book.new_lots), "loyalty_lot_id_seq"),
    ):
        missing = wanted - len(numbers)
        if missing > 0:
            ((rows),) = trips.ask([(_MORE_NUMBERS, {"sequence": sequence, "count": missing})])
            numbers += [number for (number,) in rows]

    def number(known: int | None, numbers: list[int]) -> Any:
        return known if known is None or known < NEW else numbers[known - NEW]

    for operation in book.new_operations:
        operation.id = number(operation.id, book.numbers)
        operation.concerns_id = number(operation.concerns_id, book.numbers)
    for lot in book.new_lots:
        lot.id = number(lot.id, book.lot_numbers)
        lot.operation_id = number(lot.operation_id, book.numbers)
        lot.came_from_id = number(lot.came_from_id, book.lot_numbers)
    for draw in book.new_draws:
        draw.operation_id = number(draw.operation_id, book.numbers)
    for hold in book.new_holds.values():
        hold.operation_id = number(hold.operation_id, book.numbers)


def _chain(book: Book, *, at: datetime) -> None:
    """Links the entries of members whose chain has begun, and begins those of others where that is set."""
    begins = settings.current().chains_ledger
    for entry in book.entries.values():
        member = book.members[entry.member_id]
        if begins or member.chain is not None:
            assert entry.operation.at is not None
            entry.hash = member.chain = chain.link(
                member.chain or b"",
                operation_id=entry.operation.id,
                member_id=member.id,
                source=entry.source,
                target=entry.target,
                points=entry.points,
                at=entry.operation.at,
                recorded_at=at,
            )


def _changes(book: Book, *, at: datetime) -> Iterator[tuple[tuple[str, str], list[tuple[Any, ...]]]]:
    """Statements with their rows."""
    touched = [member for member in book.members.values() if member.is_touched]
    yield _INSERT_LOTS, [_lot_row(lot) for lot in book.new_lots]
    yield (
        _UPDATE_LOTS,
        [(lot.id, lot.remaining, lot.is_pending, lot.expires_at) for lot in book.changed_lots.values()],
    )
    yield _INSERT_DRAWS, [(draw.operation_id, draw.lot.id, draw.points, draw.restored) for draw in book.new_draws]
    yield _UPDATE_DRAWS, [(draw.id, draw.restored) for draw in book.changed_draws.values()]
    yield _UPDATE_OPERATIONS, [(operation.id, operation.undone) for operation in book.changed_operations.values()]
    yield (
        _INSERT_HOLDS,
        [(hold.operation_id, hold.member_id, hold.points, hold.until) for hold in book.new_holds.values()],
    )
    yield (
        _UPDATE_BALANCES,
        [(member.id, member.version, member.chain, *member.accounts.values()) for member in touched],
    )
    yield _INSERT_ENTRIES, [_entry_row(entry, at=at) for entry in book.entries.values()]
    yield _TOUCH, [(member.id,) for member in touched]


def _operation_row(operation: Operation, *, at: datetime) -> tuple[Any, ...]:
    command = operation.command
    said = dict(command.reference) if command else {}
    if operation.to_member_id:
        said |= {"to_member_id": operation.to_member_id, "deficit": operation.deficit}
    return (
        operation.id,
        operation.key,
        operation.fingerprint,
        operation.member_id,
        operation.kind.value,
        operation.at,
        at,
        operation.points,
        operation.undone,
        operation.concerns_id,
        msgspec.json.encode(said).decode(),
        command.actor if command else audit.SYSTEM.key,
        command.actor_name if command else audit.SYSTEM.name,
    )


def _lot_row(lot: Lot) -> tuple[Any, ...]:
    return (
        lot.id,
        lot.operation_id,
        lot.member_id,
        lot.points,
        lot.remaining,
        lot.is_pending,
        lot.activates_at,
        lot.span,
        lot.count,
        lot.expires_at,
        lot.at,
        lot.came_from_id,
    )


def _entry_row(entry: Entry, *, at: datetime) -> tuple[Any, ...]:
    operation = entry.operation
    return (
        operation.id,
        entry.member_id,
        entry.source.value,
        entry.target.value,
        entry.points,
        operation.at,
        at,
        entry.hash,
    )
