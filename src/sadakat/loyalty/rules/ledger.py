"""Decides the commands of the ledger, one after the other, on the part of it that was read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sadakat.loyalty.rules import lives, transfers
from sadakat.loyalty.rules.book import Book, Member, Operation
from sadakat.loyalty.rules.moves import (
    EVERYTHING,
    RefusedError,
    begin,
    concerned,
    expire_due,
    fingerprint,
    give_back,
    left_to_undo,
    own_lots,
    take_from,
)
from sadakat.loyalty.types import (
    MAX_POINTS,
    Account,
    Activate,
    Award,
    Balance,
    Capture,
    ClawBack,
    Command,
    Deduct,
    Expire,
    Expiry,
    OperationKind,
    Release,
    Reserve,
    Restore,
    Return,
    Reverse,
    Span,
    Spend,
    Transfer,
)

_NOBODY: Final = Balance(active=0, pending=0, reserved=0, deficit=0, lifetime=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a command; see `types.Outcome`."""

    operation: Operation | None
    points: int = 0
    is_done: bool = True
    is_replay: bool = False
    balance: Balance = _NOBODY
    reason: str = ""


def may_need(command: Command) -> dict[int, int]:
    """How many active points, by member, a command may take; of everybody whose row it needs."""
    match command:
        case Spend() | Reserve() | Deduct():
            return {command.member_id: max(command.points, 0)}
        case Reverse():
            return {command.member_id: max(command.upto, 0)}
        case Transfer():
            points = EVERYTHING if command.points is None else max(command.points, 0)
            # Whoever takes over a deficit pays it from his own points.
            return {command.member_id: points, command.to_member_id: EVERYTHING if command.points is None else 0}
        case Return():
            return {command.member_id: EVERYTHING}
    return {command.member_id: 0}


def wants_pending(command: Command) -> bool:
    """Whether a command may take any pending points of its member."""
    match command:
        case Transfer():
            return command.points is None
        case Deduct():
            return command.policy is ClawBack.ONLY_PENDING
    return False


def decide(book: Book, commands: Sequence[Command]) -> list[Decision]:
    """Does the commands in the book, in order, each wholly or not at all."""
    return [_decide(book, command) for command in commands]


def _decide(book: Book, command: Command) -> Decision:
    member = book.members.get(command.member_id)
    if member is None:
        return Decision(operation=None, is_done=False, reason=f"there is no member {command.member_id}")
    known = book.operations.get(command.key)
    try:
        if known is not None:
            _check_same(known, command)
            return Decision(operation=known, points=known.points, is_replay=True, balance=member.balance)
        _check_points(command)
        _check_open(book, command)
        # Nothing has happened later than it is recorded: a clock that runs ahead must not make points expire.
        at = min(command.at, book.at)
        expired = expire_due(book, member, at)
        if isinstance(command, Expire):
            return Decision(operation=None, points=expired, balance=member.balance)
        operation = _DO[type(command)](book, member, command, at)
    except RefusedError as refusal:
        return Decision(operation=None, is_done=False, balance=member.balance, reason=str(refusal))
    if operation is None:
        return Decision(operation=None, is_replay=True, balance=member.balance)
    book.end(operation)
    return Decision(operation=operation, points=operation.points, balance=member.balance)


def _check_same(known: Operation, command: Command) -> None:
    if known.fingerprint != fingerprint(command):
        raise RefusedError(f"the key {command.key!r:.80} stands for another operation already")


def _check_points(command: Command) -> None:
    if not command.key:
        raise RefusedError("expected a key that names the operation; it is empty")
    said = getattr(command, "points", None)
    if said is not None and not 0 < said <= MAX_POINTS:
        raise RefusedError(f"expected 1 to {MAX_POINTS} points, not {said}")


def _check_open(book: Book, command: Command) -> None:
    """Points of whoever has become one with another are the other's, and nobody would see what comes to him."""
    match command:
        case Award() | Spend() | Reserve() | Deduct():
            asked = [command.member_id]
        case Transfer(points=int()):
            asked = [command.member_id, command.to_member_id]
        case _:
            return
    for member_id in asked:
        if member_id in book.merged:
            raise RefusedError(f"member {member_id} has become one with member {book.merged[member_id]}")


# ── Giving ──


def _award(book: Book, member: Member, command: Award, at: datetime) -> Operation:
    ends_at = command.expires_at
    if ends_at is None and not command.is_pending:
        ends_at = lives.expires_at(command.expiry, active_at=at, time_zone=book.time_zone)
    if ends_at is not None and ends_at <= at:
        raise RefusedError(f"expected points to expire after {at.isoformat()}, not at {ends_at.isoformat()}")
    operation = begin(book, member, command, at)
    operation.points, operation.expires_at = command.points, ends_at
    lot = book.open_lot(
        operation,
        member,
        points=command.points,
        is_pending=command.is_pending,
        activates_at=command.activates_at if command.is_pending else None,
        span=command.expiry.span.value,
        count=command.expiry.count,
        expires_at=ends_at,
        at=at,
    )
    if command.is_pending:
        book.move(operation, member, Account.ISSUED, Account.PENDING, command.points)
        book.fill(lot, command.points)
    else:
        book.credit(operation, member, lot, command.points, source=Account.ISSUED, at=at)
    return operation


def _activate(book: Book, member: Member, command: Activate, at: datetime) -> Operation | None:
    award = concerned(book, command, OperationKind.AWARD, OperationKind.TRANSFER)
    lots = [
        lot
        for lot in own_lots(book, award, member, is_pending=True)
        if command.lot_id is None or lot.id == command.lot_id
    ]
    if not lots:
        return None
    operation = begin(book, member, command, at, award)
    for lot in lots:
        points = book.take_all(lot)
        lot.is_pending = False
        if lot.expires_at is None:
            life = Expiry(Span(lot.span), lot.count)
            lot.expires_at = lives.expires_at(life, active_at=at, time_zone=book.time_zone)
        operation.points += points
        book.credit(operation, member, lot, points, source=Account.PENDING, at=at)
    return operation


# ── Taking ──


def _spend(book: Book, member: Member, command: Spend, at: datetime) -> Operation:
    return _take(book, member, command, command.points, Account.SPENT, at)


def _reserve(book: Book, member: Member, command: Reserve, at: datetime) -> Operation:
    if command.until <= at:
        raise RefusedError(f"expected a reservation to stand after {at.isoformat()}, not {command.until.isoformat()}")
    operation = _take(book, member, command, command.points, Account.RESERVED, at)
    book.hold(operation, until=command.until)
    return operation


def _take(book: Book, member: Member, command: Command, points: int, target: Account, at: datetime) -> Operation:
    if member.active < points:
        raise RefusedError(f"the member has {member.active} active points; {points} are asked for")
    operation = begin(book, member, command, at)
    operation.points = points
    book.draw_first(operation, member, points)
    book.move(operation, member, Account.ACTIVE, target, points)
    return operation


def _deduct(book: Book, member: Member, command: Deduct, at: datetime) -> Operation:
    if command.policy is ClawBack.WITHIN_BALANCE:
        return _take(book, member, command, command.points, Account.REVERSED, at)
    pending = member.accounts[Account.PENDING]
    if command.policy is ClawBack.ONLY_PENDING and pending < command.points:
        raise RefusedError(f"the member has {pending} pending points; {command.points} are asked for")
    operation = begin(book, member, command, at)
    operation.points = command.points
    if command.policy is ClawBack.ONLY_PENDING:
        take_from(book, operation, member, book.pending_lots(member), command.points)
    else:
        left = command.points - min(command.points, member.active)
        book.draw_first(operation, member, command.points - left)
        book.move(operation, member, Account.ACTIVE, Account.REVERSED, command.points - left)
        book.move(operation, member, Account.DEFICIT, Account.REVERSED, left)
    return operation


def _reverse(book: Book, member: Member, command: Reverse, at: datetime) -> Operation | None:
    award = concerned(book, command, OperationKind.AWARD)
    asked = left_to_undo(award, command.upto)
    if not asked:
        return None
    operation = begin(book, member, command, at, award)
    left = asked - take_from(book, operation, member, own_lots(book, award, member, is_pending=True), asked)
    if command.policy is not ClawBack.ONLY_PENDING:
        left -= take_from(book, operation, member, own_lots(book, award, member, is_pending=False), left)
        others = min(left, member.active)
        book.draw_first(operation, member, others)
        book.move(operation, member, Account.ACTIVE, Account.REVERSED, others)
        left -= others
    if command.policy is ClawBack.UNLIMITED:
        book.move(operation, member, Account.DEFICIT, Account.REVERSED, left)
        left = 0
    operation.points = asked - left
    # What could not be got is forgiven: asked for again with a later refund, it would be taken from other points.
    book.undo(award, asked)
    return operation


# ── Giving back ──


def _capture(book: Book, _: Member, command: Capture, at: datetime) -> Operation:
    reserve = concerned(book, command, OperationKind.RESERVE)
    hold = book.holds.get(reserve.id)
    if hold is None:
        raise RefusedError(f"the reservation {command.reserve_key!r:.80} stands no more")
    if hold.until <= at:
        raise RefusedError(f"the reservation {command.reserve_key!r:.80} has run out at {hold.until.isoformat()}")
    owner = book.members[hold.member_id]
    operation = begin(book, owner, command, at, reserve)
    operation.points = hold.points
    book.move(operation, owner, Account.RESERVED, Account.SPENT, hold.points)
    book.drop_hold(hold)
    return operation


def _release(book: Book, member: Member, command: Release, at: datetime) -> Operation:
    reserve = concerned(book, command, OperationKind.RESERVE)
    hold = book.holds.get(reserve.id)
    if hold is None:
        raise RefusedError(f"the reservation {command.reserve_key!r:.80} stands no more")
    operation = begin(book, member, command, at, reserve)
    operation.points = hold.points
    book.drop_hold(hold)
    book.undo(reserve, hold.points)
    owner = book.members[hold.member_id]
    give_back(book, operation, owner, member, draws=book.draws[reserve.id], source=Account.RESERVED, at=at)
    return operation


def _restore(book: Book, member: Member, command: Restore, at: datetime) -> Operation | None:
    spend = concerned(book, command, OperationKind.SPEND, OperationKind.CAPTURE)
    points = left_to_undo(spend, command.upto)
    if not points:
        return None
    operation = begin(book, member, command, at, spend)
    operation.points = points
    book.undo(spend, points)
    taken_by = spend.concerns_id if spend.kind is OperationKind.CAPTURE else spend.id
    assert taken_by is not None
    spender = book.members[spend.member_id]
    give_back(book, operation, spender, member, draws=book.draws[taken_by], source=Account.SPENT, at=at)
    return operation


_DO: Final[dict[type[Command], Callable[[Book, Member, Any, datetime], Operation | None]]] = {
    Award: _award,
    Activate: _activate,
    Spend: _spend,
    Reserve: _reserve,
    Capture: _capture,
    Release: _release,
    Restore: _restore,
    Reverse: _reverse,
    Deduct: _deduct,
    Transfer: transfers.transfer,
    Return: transfers.return_,
}
