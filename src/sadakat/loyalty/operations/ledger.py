"""The verbs of the ledger: the only writer of operations, entries, lots, draws, holds and balances."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.loyalty import models
from sadakat.loyalty.operations import writing
from sadakat.loyalty.operations.book import open_book
from sadakat.loyalty.rules import ledger
from sadakat.loyalty.rules.book import Book, Operation
from sadakat.loyalty.rules.ledger import Decision
from sadakat.loyalty.types import (
    POINTS_ACTIVATED,
    POINTS_ADJUSTED,
    POINTS_EARNED,
    POINTS_EXPIRED,
    POINTS_RESTORED,
    POINTS_REVERSED,
    POINTS_SPENT,
    POINTS_TRANSFERRED,
    Command,
    OperationKind,
    Outcome,
)

BATCH_MAX: Final = 5_000
"""Commands of one batch."""
_TRIES: Final = 3

_FACTS: Final = {
    OperationKind.AWARD: POINTS_EARNED,
    OperationKind.ACTIVATE: POINTS_ACTIVATED,
    OperationKind.SPEND: POINTS_SPENT,
    OperationKind.CAPTURE: POINTS_SPENT,
    OperationKind.RESTORE: POINTS_RESTORED,
    OperationKind.REVERSE: POINTS_REVERSED,
    OperationKind.EXPIRE: POINTS_EXPIRED,
    OperationKind.DEDUCT: POINTS_ADJUSTED,
    OperationKind.TRANSFER: POINTS_TRANSFERRED,
    OperationKind.RETURN: POINTS_TRANSFERRED,
}
ADJUSTMENTS: Final = ("adjust:", "undo:adjust:")
"""Operations whose keys begin so are told as adjustments."""


def post(commands: Sequence[Command], *, at: datetime) -> list[Outcome]:
    """Does commands in one transaction of their own, in order; each is done wholly or refused with a reason.

    Raises:
        Invalid: more than `BATCH_MAX` commands.
    """
    with transaction.atomic(durable=True):
        return post_batch(commands, at=at)


def post_batch(commands: Sequence[Command], *, at: datetime) -> list[Outcome]:
    """Does commands in the caller's transaction, in order; each is done wholly or refused with a reason.

    `at` is when they are recorded. What has expired of a member is booked before a command of his is decided, whether
    or not that is refused. The rows of all members concerned stay locked until the transaction ends, so that what moves
    points of several members belongs into one batch: two transactions with two batches each could wait for each other.

    Raises:
        Invalid: more than `BATCH_MAX` commands.
    """
    if len(commands) > BATCH_MAX:
        raise Invalid(f"expected at most {BATCH_MAX} commands in one batch, not {len(commands)}")
    if not commands:
        return []
    for _ in range(_TRIES):
        book = open_book(commands, at=at)
        decisions = ledger.decide(book, commands)
        if not book.new_operations or writing.write(book, at=at):
            events.append_facts(list(_facts(book)))
            return [_outcome(command, decision) for command, decision in zip(commands, decisions, strict=True)]
    raise Conflict("other operations of the same keys were done at the same time; try again")


def lock(member_ids: Collection[int]) -> None:
    """Has nobody else move points of these members until the caller's transaction ends."""
    list(models.Balances.objects.select_for_update().filter(pk__in=member_ids).order_by("pk").values_list("pk"))


def locked(member_id: int) -> models.Member:
    """The member, whose points nobody else moves until the caller's transaction ends.

    Raises:
        NotFound: there is none.
        Conflict: he has become one with another, who has his points.
    """
    if models.Balances.objects.select_for_update().filter(member_id=member_id).first() is None:
        raise NotFound(f"there is no member {member_id}")
    member = models.Member.objects.get(pk=member_id)
    if member.merged_into_id:
        raise Conflict(f"member {member_id} has become one with member {member.merged_into_id}")
    return member


def _outcome(command: Command, decision: Decision) -> Outcome:
    return Outcome(
        key=command.key,
        member_id=command.member_id,
        is_done=decision.is_done,
        is_replay=decision.is_replay,
        points=decision.points,
        balance=decision.balance,
        operation_id=decision.operation.id if decision.operation else None,
        reason=decision.reason,
    )


def _facts(book: Book) -> Iterator[Fact]:
    """What the log is told. Reservations, and operations that moved nothing, are no facts."""
    for operation in book.new_operations:
        event = POINTS_ADJUSTED if operation.key.startswith(ADJUSTMENTS) else _FACTS.get(operation.kind)
        if event is None or not operation.points:
            continue
        assert operation.at is not None
        is_shared = operation.kind in {OperationKind.TRANSFER, OperationKind.RETURN}
        for member_id in operation.actives if is_shared else (operation.member_id,):
            suffix = "" if member_id == operation.member_id else f":{member_id}"
            yield Fact(
                event=event,
                profile_id=book.members[member_id].customer_id,
                properties=_properties(operation, member_id=member_id),
                at=operation.at,
                message_id=f"loyalty:{operation.key}{suffix}",
            )


def _properties(operation: Operation, *, member_id: int) -> dict[str, Any]:
    reference = operation.command.reference if operation.command else {}
    said = {name: value for name, value in reference.items() if isinstance(value, str | int | float)}
    said |= {
        "kind": operation.kind.value,
        "member_id": member_id,
        "points": operation.points,
        "balance": operation.actives[member_id],
    }
    if operation.to_member_id is not None:
        said |= {"from_member_id": operation.member_id, "to_member_id": operation.to_member_id}
    if operation.expires_at is not None:
        said["expires_at"] = operation.expires_at.isoformat()
    return said
