"""Points that go from one member to another, and back."""

from datetime import datetime

from sadakat.loyalty.rules.book import Book, Lot, Member, Operation
from sadakat.loyalty.rules.moves import EVERYTHING, RefusedError, begin, concerned, copy_lot, expire_due
from sadakat.loyalty.types import Account, OperationKind, Return, Transfer


def transfer(book: Book, member: Member, command: Transfer, at: datetime) -> Operation:
    """Gives points to another member, in copies of their lots."""
    receiver = book.members.get(command.to_member_id)
    if receiver is None:
        raise RefusedError(f"there is no member {command.to_member_id}")
    if receiver is member:
        raise RefusedError("points go to another member; giver and receiver are the same")
    if command.points is not None and member.active < command.points:
        raise RefusedError(f"the member has {member.active} active points; {command.points} are asked for")
    expire_due(book, receiver, at)
    operation = begin(book, member, command, at)
    operation.to_member_id = receiver.id
    book.touch(operation, receiver)
    lots = [*member.lots, *(book.pending_lots(member) if command.points is None else ())]
    left = EVERYTHING if command.points is None else command.points
    for lot in lots:
        points = min(left, lot.remaining)
        if not points:
            break
        left -= points
        operation.points += points
        copy = copy_lot(book, operation, lot, receiver, points)
        book.draw(operation, lot, points)
        _hand_over(book, operation, member, receiver, copy, points, is_pending=lot.is_pending, at=at)
    if command.points is None:
        operation.deficit = -member.accounts[Account.DEFICIT]
        _pass_deficit(book, operation, operation.deficit, debtor=member, payer=receiver)
    return operation


def return_(book: Book, member: Member, command: Return, at: datetime) -> Operation | None:
    """Gives back what is left of a transfer, wherever it is by now, into the lots it was taken from."""
    transfer = concerned(book, command, OperationKind.TRANSFER)
    if transfer.member_id != member.id:
        raise RefusedError(f"the transfer {command.transfer_key!r:.80} was made by member {transfer.member_id}")
    left = [
        (draw, lot)
        for draw in book.draws.get(transfer.id, ())
        for lot in book.copies_of(draw.lot, made_by=transfer)
        if lot.remaining and lot.member_id in book.members
    ]
    if not left and not transfer.deficit:
        return None
    holders = {lot.member_id: book.members[lot.member_id] for _, lot in left}
    for holder in holders.values():
        expire_due(book, holder, at)
    operation = begin(book, member, command, at, transfer)
    for holder in holders.values():
        book.touch(operation, holder)
    for draw, lot in left:
        points = lot.remaining
        if points:
            operation.points += points
            book.draw(operation, lot, points)
            book.give_back(draw, points)
            if draw.lot.is_pending and not lot.is_pending:
                draw.lot.is_pending, draw.lot.expires_at = False, lot.expires_at
            holder = holders[lot.member_id]
            _hand_over(book, operation, holder, member, draw.lot, points, is_pending=lot.is_pending, at=at)
    book.undo(transfer, operation.points)
    _return_deficit(book, operation, transfer, member)
    return operation


def _return_deficit(book: Book, operation: Operation, transfer: Operation, member: Member) -> None:
    receiver = book.members.get(transfer.to_member_id or 0)
    owed = min(transfer.deficit, -receiver.accounts[Account.DEFICIT]) if receiver else 0
    if receiver and owed:
        book.touch(operation, receiver)
        _pass_deficit(book, operation, owed, debtor=receiver, payer=member)
    transfer.deficit = 0


def _hand_over(
    book: Book,
    operation: Operation,
    giver: Member,
    receiver: Member,
    lot: Lot,
    points: int,
    *,
    is_pending: bool,
    at: datetime,
) -> None:
    """Moves points, taken from the giver's lot, into a lot of the receiver."""
    if is_pending:
        book.move(operation, giver, Account.PENDING, Account.MOVED, points)
        book.move(operation, receiver, Account.MOVED, Account.PENDING, points)
        book.fill(lot, points)
    else:
        book.move(operation, giver, Account.ACTIVE, Account.MOVED, points)
        book.credit(operation, receiver, lot, points, source=Account.MOVED, at=at)


def _pass_deficit(book: Book, operation: Operation, owed: int, *, debtor: Member, payer: Member) -> None:
    """Frees a member of what he owes; another one pays from his points, and owes the rest."""
    paid = min(owed, payer.active)
    book.move(operation, debtor, Account.MOVED, Account.DEFICIT, owed)
    book.draw_first(operation, payer, paid)
    book.move(operation, payer, Account.ACTIVE, Account.MOVED, paid)
    book.move(operation, payer, Account.DEFICIT, Account.MOVED, owed - paid)
