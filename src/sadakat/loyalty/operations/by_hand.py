"""What people do to the points of a member: give, take, transfer, and undo one of these."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.loyalty import models
from sadakat.loyalty.operations import joining, ledger
from sadakat.loyalty.queries.programme import programme
from sadakat.loyalty.types import Award, Command, Deduct, OperationKind, Outcome, Return, Reverse, Transfer
from sadakat.platform import audit

MAX_REASON_LENGTH: Final = 200
BY_HAND: Final = ("adjust:", "transfer:")
"""What the keys of operations begin with that this door has done."""
UNDO: Final = "undo:"
"""What the key of an undoing begins with; the key of what it undoes follows."""
_REASON: Final = "reason"


def adjust_points(
    member_id: int,
    *,
    points: int,
    reason: str,
    key: str,
    actor: audit.Actor,
    at: datetime,
    expires_at: datetime | None = None,
) -> Outcome:
    """Gives points (above zero) or takes active ones (below), once for each `key`, which begins with `adjust:`.

    Points given live as the programme says unless `expires_at` does; taking more than there are is refused.

    Raises:
        Invalid: no points, no reason, or an expiry that has passed or is of points that are taken.
        Conflict: as the ledger says.
    """
    said = _said(reason)
    if not points:
        raise Invalid("an adjustment gives or takes at least one point, not 0")
    if expires_at is not None and points < 0:
        raise Invalid("expires_at is for points that are given; leave it out where they are taken")
    if expires_at is not None and expires_at <= at:
        raise Invalid(f"expires_at must lie ahead, not at {expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    common: dict[str, Any] = {"key": key, "member_id": member_id, "at": at, "reference": {_REASON: said}, **_by(actor)}
    command: Command = (
        Award(points=points, expiry=programme().expiry, expires_at=expires_at, **common)
        if points > 0
        else Deduct(points=-points, **common)
    )
    new = {"points": points, _REASON: said}
    return _submitted(command, action="loyalty.points_adjusted", new=new, actor=actor)


def transfer_points(
    member_id: int, *, to_member_id: int, points: int, reason: str, key: str, actor: audit.Actor, at: datetime
) -> Outcome:
    """Gives active points to another member, soonest expiry first and with their expiries, once for each `key`.

    `key` begins with `transfer:`; the reason may be empty.

    Raises:
        Invalid: no points, too long a reason, or the member himself.
        Conflict: as the ledger says.
    """
    said = _said(reason, least=0)
    if points < 1:
        raise Invalid(f"a transfer moves at least one point, not {points}")
    if to_member_id == member_id:
        raise Invalid("points are transferred to another member, not to the same one")
    command = Transfer(
        key=key,
        member_id=member_id,
        at=at,
        to_member_id=to_member_id,
        points=points,
        reference={_REASON: said},
        **_by(actor),
    )
    new = {"points": points, "to_member_id": to_member_id, _REASON: said}
    return _submitted(command, action="loyalty.points_transferred", new=new, actor=actor)


def undo_by_hand(operation_id: int, *, actor: audit.Actor, at: datetime) -> Outcome:
    """Takes back what somebody has given, as far as the member still has it, or has a transfer returned.

    Points that were taken are given anew. Doing it again changes nothing.

    Raises:
        NotFound: there is no such operation.
        Refused: it was not done by hand.
        Conflict: the member has become one with another since, or as the ledger says.
    """
    operation = models.Operation.objects.filter(id=operation_id).first()
    if operation is None:
        raise NotFound(f"there is no operation {operation_id}")
    if not operation.key.startswith(BY_HAND):
        raise Refused(f"operation {operation_id} was not done by hand; undo what it came from")
    common: dict[str, Any] = {
        "key": f"{UNDO}{operation.key}",
        "member_id": operation.member_id,
        "at": at,
        "reference": {"undoes": operation.key},
        **_by(actor),
    }
    match operation.kind:
        case OperationKind.AWARD:
            command: Command = Reverse(award_key=operation.key, upto=operation.points, **common)
        case OperationKind.TRANSFER:
            command = Return(transfer_key=operation.key, **common)
        case _:
            command = Award(points=operation.points, expiry=programme().expiry, **common)
    new = {"key": operation.key, "points": operation.points}
    with transaction.atomic(durable=True):
        (outcome,) = ledger.post_batch([command], at=at)
        # Not before: the ledger locks all whom it needs in one order.
        ledger.locked(operation.member_id)
        if not outcome.is_done:
            raise Conflict(outcome.reason)
        if not outcome.is_replay:
            subject = f"member:{command.member_id}"
            audit.record(actor=actor, at=at, action="loyalty.points_undone", subject=subject, new=new)
    return outcome


def _said(reason: str, *, least: int = 1) -> str:
    said = reason.strip()
    if not least <= len(said) <= MAX_REASON_LENGTH:
        raise Invalid(f"a reason has {least} to {MAX_REASON_LENGTH} characters, not {len(said)}")
    return said


def _by(actor: audit.Actor) -> dict[str, str]:
    return {"actor": actor.key, "actor_name": actor.name}


def _submitted(command: Command, *, action: str, new: Mapping[str, Any], actor: audit.Actor) -> Outcome:
    """Does it together with what others do by hand at the same time, such as many tills by REST."""
    entry = audit.entry(actor=actor, at=command.at, action=action, subject=f"member:{command.member_id}", new=new)
    outcome = joining.submit(command, at=command.at, entry=entry)
    if not outcome.is_done:
        raise Conflict(outcome.reason)
    return outcome
