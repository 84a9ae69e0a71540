"""Members of the programme and their points by REST."""

from typing import Annotated, Any, Final
from uuid import uuid4

from django.utils import timezone
from ninja import Status
from ninja.params import functions as params
from pydantic import AwareDatetime, Field

from sadakat.customers import api as customers
from sadakat.kernel.errors import NotFound
from sadakat.loyalty import api as loyalty
from sadakat.loyalty.operations.by_hand import MAX_REASON_LENGTH
from sadakat.loyalty.types import MAX_POINTS, EnrolledBy, LedgerLine, Member, OperationKind, Outcome
from sadakat.platform import rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Line, Page, read_cursor

CARD: Final = "card:"

Moment = Annotated[AwareDatetime, Field(gt="1970-01-02T00:00:00Z", lt="2200-01-01T00:00:00Z")]

area = rest.Area("Loyalty", reads=Scope.LOYALTY_READ, writes=Scope.LOYALTY_WRITE)

_BALANCE: Final = {"active": 420, "pending": 180, "lifetime": 1600, "reserved": 0, "deficit": 0}
_MEMBER: Final = {
    "id": 5,
    "customer_id": 17,
    "number": "9000000000050",
    "enrolled_at": "2026-01-08T11:00:00Z",
    "balance": _BALANCE,
    "tier": "silver",
    "tier_name": "Silver",
    "tier_until_at": "2027-12-31T21:00:00Z",
    "next_tier": "gold",
    "missing": 1400.0,
    "expiring": [{"points": 120, "expires_at": "2027-01-31T21:00:00Z"}],
    "household": [5, 9],
    "spendable": 900,
}
_HOUSEHOLD: Final = {"members": [5, 9], "active": 900}
_LINE: Final = {
    "id": 311,
    "kind": "award",
    "at": "2026-11-18T17:20:00Z",
    "recorded_at": "2026-11-18T17:20:02Z",
    "points": 180,
    "undone": 0,
    "activates_at": "2026-12-02T17:20:00Z",
    "expires_at": None,
    "reference": {"order_id": "B-1", "namespace": ""},
    "by": "Sadakat",
}
_OUTCOME: Final = {"id": 312, "points": 50, "balance": _BALANCE | {"active": 470, "lifetime": 1650}}
_MOVED: Final = {"id": 313, "points": 100, "balance": _BALANCE | {"active": 320}}


class BalanceAnswer(rest.Answer):
    """What a member has."""

    active: int
    """To be spent now; what has expired does not count."""
    pending: int
    """To become active later."""
    lifetime: int
    """Ever given less taken back; spending and expiry leave it."""
    reserved: int
    """Set aside at a checkout that is not finished."""
    deficit: int
    """Owed after a return; points to come pay it first."""


class ExpiringAnswer(rest.Answer):
    """Points that go at one moment."""

    points: int
    expires_at: rest.Instant


class LoyaltyMemberAnswer(rest.Answer):
    """A member of the programme."""

    id: int
    customer_id: int
    number: str
    """Of the card."""
    enrolled_at: rest.Instant
    balance: BalanceAnswer
    tier: str | None
    """Its key; null below the lowest."""
    tier_name: str
    tier_until_at: rest.Instant | None
    """Through which moment it holds, with grace; null: without end."""
    next_tier: str | None
    """Null at the top."""
    missing: float
    """To the next tier, in what qualifies for it; amounts in minor units."""
    expiring: list[ExpiringAnswer]
    """Soonest first, at most 20 moments."""
    household: list[int]
    """The members who spend their points together, this one too; empty: nobody else."""
    spendable: int
    """Active points of all of these: what can be paid with."""


class HouseholdAnswer(rest.Answer):
    """Members who spend their points together."""

    members: list[int]
    active: int
    """Points of all of them that can be paid with: none for a member who owes some."""


class LedgerLineAnswer(rest.Answer):
    """One operation, as the member sees it."""

    id: int
    kind: OperationKind
    at: rest.Instant
    recorded_at: rest.Instant
    points: int
    """How active and pending points changed together; below zero when they went."""
    undone: int
    """Of these: taken back or given back since."""
    activates_at: rest.Instant | None
    expires_at: rest.Instant | None
    reference: dict[str, Any]
    """What it was about, such as an order with the points by rule."""
    by: str


class MovedAnswer(rest.Answer):
    """What was done."""

    id: int
    """Of the operation."""
    points: int
    """That moved."""
    balance: BalanceAnswer
    """Of the member after it."""


class NewMember(rest.Asked):
    """Who becomes a member."""

    customer: Line = Field(max_length=300)
    """An id or `TYPE:VALUE`."""


class Adjustment(rest.Asked):
    """Points given or taken by hand."""

    points: int = Field(ge=-MAX_POINTS, le=MAX_POINTS)
    """Above zero: given; below: taken, and refused where there are fewer."""
    reason: Line = Field(min_length=1, max_length=MAX_REASON_LENGTH)
    expires_at: Annotated[AwareDatetime, Field(lt="2200-01-01T00:00:00Z")] | None = None
    """Of points given; left out: as the programme says."""


class Company(rest.Asked):
    """With whom a member spends points together."""

    with_: Line = Field(max_length=300, alias="with")
    """The other member, as a customer: an id or `TYPE:VALUE`."""


class Gift(rest.Asked):
    """Points that go to another member."""

    to: Line = Field(max_length=300)
    """The other member, as a customer: an id or `TYPE:VALUE`."""
    points: int = Field(ge=1, le=MAX_POINTS)
    reason: Line = Field("", max_length=MAX_REASON_LENGTH)


@area.write(
    "/loyalty/members",
    answer=LoyaltyMemberAnswer,
    example=_MEMBER,
    asked={"customer": "email:ayse@example.com"},
    statuses=[201, 200],
)
def enrol_member(request: rest.Request, body: NewMember) -> Any:
    """Make a customer a member.

    The answer is 201, and 200 when the customer was one already.
    """
    customer_id, at = customers.find(body.customer), timezone.now()
    if (known := loyalty.member_of(customer_id, at=at)) is not None:
        return Status(200, _member(known))
    made = loyalty.enrol(customer_id, by=EnrolledBy.API, actor=rest.actor_of(request), at=at)
    return Status(201, _member(made))


@area.read(
    "/loyalty/members/{path:ref}/ledger", answer=Page[LedgerLineAnswer], example={"items": [_LINE], "next": "MzEx"}
)
def list_ledger(
    request: rest.Request,  # noqa: ARG001 - as every view
    ref: rest.Ref,
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """What happened to the points of a member, latest first."""
    last = read_cursor(before, shape=rest.Number)
    lines = loyalty.ledger(find_member(ref).id, before_id=last, limit=limit + 1)
    return rest.page_of(lines, limit=limit, show=_line, mark=lambda line: line.operation_id)


@area.read("/loyalty/members/{path:ref}/balance", answer=BalanceAnswer, example=_BALANCE)
def get_balance(
    request: rest.Request,  # noqa: ARG001 - as every view
    ref: rest.Ref,
    at: Annotated[Moment | None, params.Query(description="The moment as of which it is told; now without it.")] = None,
) -> Any:
    """What a member had at any moment.

    By what is known now of what had happened by then: an order that came late counts from its own time on.
    """
    return loyalty.balance_as_of(find_member(ref).id, at=at or timezone.now())


@area.write(
    "/loyalty/members/{path:ref}/adjust",
    answer=MovedAnswer,
    example=_OUTCOME,
    asked={"points": 50, "reason": "We are sorry for the delay."},
)
def adjust_points(request: rest.Request, ref: rest.Ref, body: Adjustment) -> Any:
    """Give or take points by hand.

    They are active at once. Taking more than there are is refused with 409, and nothing happens.
    """
    outcome = loyalty.adjust_points(
        find_member(ref).id,
        points=body.points,
        reason=body.reason,
        expires_at=body.expires_at,
        key=key_of(request, "adjust"),
        actor=rest.actor_of(request),
        at=timezone.now(),
    )
    return _outcome(outcome)


@area.write(
    "/loyalty/members/{path:ref}/transfer",
    answer=MovedAnswer,
    example=_MOVED,
    asked={"to": "email:isil@example.com", "points": 100, "reason": "One household"},
)
def transfer_points(request: rest.Request, ref: rest.Ref, body: Gift) -> Any:
    """Give points to another member.

    Those that expire soonest go first, and keep their expiries. The balance told is that of the giver.
    """
    outcome = loyalty.transfer_points(
        find_member(ref).id,
        to_member_id=find_member(body.to).id,
        points=body.points,
        reason=body.reason,
        key=key_of(request, "transfer"),
        actor=rest.actor_of(request),
        at=timezone.now(),
    )
    return _outcome(outcome)


@area.write(
    "/loyalty/members/{path:ref}/household",
    answer=HouseholdAnswer,
    example=_HOUSEHOLD,
    asked={"with": "email:isil@example.com"},
)
def join_household(request: rest.Request, ref: rest.Ref, body: Company) -> Any:
    """Have a member spend points together with another one, and with the household of that one.

    Each keeps an account of their own. What one lacks comes from the others, and goes back to them with what is given
    back. A member of another household is refused with 409.
    """
    found = loyalty.join_household(
        find_member(ref).id,
        with_member_id=find_member(body.with_).id,
        actor=rest.actor_of(request),
        at=timezone.now(),
    )
    return {"members": list(found.member_ids), "active": found.active}


@area.write(
    "/loyalty/members/{path:ref}/household",
    method="DELETE",
    answer=LoyaltyMemberAnswer,
    example=_MEMBER | {"household": [], "spendable": 420},
)
def leave_household(request: rest.Request, ref: rest.Ref) -> Any:
    """Have a member spend points alone again.

    Who would be left alone is in no household either. Whoever is in none stays so.
    """
    loyalty.leave_household(find_member(ref).id, actor=rest.actor_of(request), at=timezone.now())
    return _member(find_member(ref))


# Last, since a reference may hold slashes: what the addresses above do not take is a reference.
@area.read("/loyalty/members/{path:ref}", answer=LoyaltyMemberAnswer, example=_MEMBER)
def get_member(request: rest.Request, ref: rest.Ref) -> Any:  # noqa: ARG001 - as every view
    """A member with balance, tier, and what expires soon.

    By customer, or by `card:` and the number of the member's card.
    """
    return _member(find_member(ref))


def find_member(ref: str) -> Member:
    """The member whom a reference to a customer, or the number of a card, leads to.

    Raises:
        NotFound: nobody is known so, or the customer is no member.
    """
    at = timezone.now()
    if ref.startswith(CARD) and (carrier := loyalty.member_numbered(ref.removeprefix(CARD), at=at)) is not None:
        return carrier
    found = loyalty.member_of(customers.find(ref), at=at)
    if found is None:
        raise NotFound(f"the customer {ref!r:.80} is no member of the programme")
    return found


def key_of(request: rest.Request, what: str) -> str:
    """The natural key of a command.

    With an Idempotency-Key it is the same whenever the request comes again, even when the first one was done and its
    answer lost; each API key has names of its own.
    """
    name = request.headers.get("Idempotency-Key")
    return f"{what}:api:{request.auth.pk}:{name}" if name else f"{what}:{uuid4()}"


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {"id": outcome.operation_id, "points": outcome.points, "balance": outcome.balance}


def _member(member: Member) -> dict[str, Any]:
    tier = member.tier
    return {
        "id": member.id,
        "customer_id": member.customer_id,
        "number": member.number,
        "enrolled_at": member.enrolled_at,
        "balance": member.balance,
        "tier": tier.key or None,
        "tier_name": tier.name,
        "tier_until_at": tier.until_at,
        "next_tier": tier.next_key or None,
        "missing": float(tier.missing),
        "expiring": list(member.expiring),
        "household": list(member.household.member_ids) if member.household else [],
        "spendable": member.spendable,
    }


def _line(line: LedgerLine) -> dict[str, Any]:
    plain = set(LedgerLineAnswer.model_fields) - {"id", "by"}
    return {name: getattr(line, name) for name in plain} | {"id": line.operation_id, "by": line.actor_name}
