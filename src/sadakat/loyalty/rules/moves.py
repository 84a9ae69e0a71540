"""What the decisions are made of: what a command is about, expiry, taking and giving back."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby, takewhile
from typing import Final

from sadakat.loyalty.rules.book import Book, Draw, Lot, Member, Operation
from sadakat.loyalty.types import (
    Account,
    Activate,
    Award,
    Capture,
    Command,
    Deduct,
    Expire,
    OperationKind,
    Release,
    Reserve,
    Restore,
    Return,
    Reverse,
    Spend,
    Transfer,
)

KINDS: Final[dict[type[Command], OperationKind]] = {
    Award: OperationKind.AWARD,
    Activate: OperationKind.ACTIVATE,
    Spend: OperationKind.SPEND,
    Reserve: OperationKind.RESERVE,
    Capture: OperationKind.CAPTURE,
    Release: OperationKind.RELEASE,
    Restore: OperationKind.RESTORE,
    Reverse: OperationKind.REVERSE,
    Expire: OperationKind.EXPIRE,
    Deduct: OperationKind.DEDUCT,
    Transfer: OperationKind.TRANSFER,
    Return: OperationKind.RETURN,
}


EVERYTHING: Final = 1 << 62
"""More points than anybody has."""


class RefusedError(Exception):
    """The command cannot be done; nothing has been changed."""


def fingerprint(command: Command) -> bytes:
    """What a key stands for: the kind, the member, how many points, the operation concerned, the other member.

    Times are not part of it, because who asks again asks later.
    """
    points = getattr(command, "points", getattr(command, "upto", None))
    others = (concerned_key(command), getattr(command, "to_member_id", None), getattr(command, "is_pending", None))
    said = (KINDS[type(command)].value, command.member_id, points, *others)
    return hashlib.blake2b(repr(said).encode(), digest_size=16).digest()


def concerned_key(command: Command) -> str | None:
    """The key of the operation that a command is about, if it is about one."""
    match command:
        case Activate() | Reverse():
            return command.award_key
        case Capture() | Release():
            return command.reserve_key
        case Restore():
            return command.spend_key
        case Return():
            return command.transfer_key
    return None


def begin(book: Book, member: Member, command: Command, at: datetime, concerns: Operation | None = None) -> Operation:
    """A new operation that a command makes."""
    return book.begin(
        member,
        kind=KINDS[type(command)],
        key=command.key,
        fingerprint=fingerprint(command),
        at=at,
        command=command,
        concerns=concerns,
    )


def expire_due(book: Book, member: Member, at: datetime) -> int:
    """Books what has expired, one operation for each moment; gives how many points."""
    expired = 0
    due = list(takewhile(lambda lot: lot.is_due(at), member.lots))
    for moment, lots in groupby(due, key=lambda lot: lot.expires_at):
        assert moment is not None
        operation = book.begin(
            member, kind=OperationKind.EXPIRE, key=f"expire:{member.id}:{member.version}", fingerprint=b"", at=moment
        )
        for lot in lots:
            operation.points += lot.remaining
            book.draw(operation, lot, lot.remaining)
        book.move(operation, member, Account.ACTIVE, Account.EXPIRED, operation.points)
        book.end(operation)
        expired += operation.points
    return expired


def take_from(book: Book, operation: Operation, member: Member, lots: Iterable[Lot], points: int) -> int:
    """Takes points of these lots back, as far as there are any; gives how many."""
    left = points
    for lot in lots:
        taken = min(left, lot.remaining)
        if taken:
            source = Account.PENDING if lot.is_pending else Account.ACTIVE
            book.draw(operation, lot, taken)
            book.move(operation, member, source, Account.REVERSED, taken)
            left -= taken
    return points - left


def give_back(
    book: Book,
    operation: Operation,
    owner: Member,
    member: Member,
    *,
    draws: Iterable[Draw],
    source: Account,
    at: datetime,
) -> None:
    """Puts the operation's points back into the lots they were taken from, those taken last first.

    Points of somebody whose account has become `member`'s in the meantime go to him, in lots that expire as theirs did.
    """
    left = operation.points
    if owner is not member:
        book.touch(operation, owner)
        book.move(operation, owner, source, Account.MOVED, left)
        source = Account.MOVED
    for draw in reversed(list(draws)):
        points = min(left, draw.points - draw.restored)
        if points:
            left -= points
            book.give_back(draw, points)
            lot = draw.lot
            if lot.member_id != member.id:
                book.draw(operation, lot, points, is_held=False)
                lot = copy_lot(book, operation, lot, member, points)
            book.credit(operation, member, lot, points, source=source, at=at)


def concerned(book: Book, command: Command, *kinds: OperationKind) -> Operation:
    """The operation that a command is about.

    Raises:
        RefusedError: there is none, or it is of another kind.
    """
    key = concerned_key(command)
    found = book.operations.get(key or "")
    if found is None:
        raise RefusedError(f"there is no operation {key!r:.80}")
    if found.kind not in kinds:
        raise RefusedError(f"the operation {key!r:.80} is of kind {found.kind}; expected {' or '.join(kinds)}")
    return found


def left_to_undo(operation: Operation, upto: int) -> int:
    """How many points are still to be undone so that `upto` are in all.

    Raises:
        RefusedError: more than there were.
    """
    if not 0 <= upto <= operation.points:
        raise RefusedError(f"of {operation.points} points {upto} cannot be undone")
    return max(upto - operation.undone, 0)


def own_lots(book: Book, award: Operation, member: Member, *, is_pending: bool) -> list[Lot]:
    """The lots with points left that an award has given a member, through transfers too, in line."""
    lots = book.lots_of(award.id)
    own = [lot for lot in lots if lot.member_id == member.id and lot.is_pending is is_pending and lot.remaining]
    return sorted(own, key=lambda lot: lot.place)


def copy_lot(book: Book, operation: Operation, lot: Lot, member: Member, points: int) -> Lot:
    """A lot of a member, empty, that lives as another one does."""
    return book.open_lot(
        operation,
        member,
        points=points,
        is_pending=lot.is_pending,
        activates_at=lot.activates_at,
        span=lot.span,
        count=lot.count,
        expires_at=lot.expires_at,
        at=lot.at,
        came_from_id=lot.id,
    )
