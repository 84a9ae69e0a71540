"""The programme, its rewards, what is redeemed, and what it owes, by REST."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Final

from django.utils import timezone
from ninja import Status
from ninja.params import functions as params
from pydantic import Field

from sadakat.customers import api as customers
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.loyalty import api as loyalty
from sadakat.loyalty.types import MAX_POINTS, Quote, Redemption, RedemptionStatus, Reward, RewardKind
from sadakat.loyalty.web.rest import Moment, find_member, key_of
from sadakat.platform import brand, rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Id, Items, Line, Money

MAX_AMOUNT_MINOR: Final = 10**12

area = rest.Area("Loyalty", reads=Scope.LOYALTY_READ, writes=Scope.LOYALTY_WRITE)

Key = Annotated[str, params.Path(max_length=100, description="The reward's key.")]

_TRY: Final = {"amount": 5_000, "currency": "TRY"}
_REDEMPTION: Final = {
    "id": 8,
    "member_id": 5,
    "status": "done",
    "points": 1_000,
    "value": _TRY,
    "reward": None,
    "order_id": "B-1",
    "code": "",
    "holds_until": None,
    "created_at": "2026-11-20T09:00:00Z",
    "restored": 0,
}
_REWARD: Final = {
    "key": "coffee",
    "name": {"en": "Coffee", "tr": "Kahve"},
    "description": {"en": "At any of our stores.", "tr": "Tüm mağazalarımızda."},
    "kind": "product",
    "points": 300,
    "value": {"amount": 9_000, "currency": "TRY"},
    "stock": 40,
    "per_member": None,
    "tiers": [],
    "starts_at": None,
    "ends_at": None,
    "is_archived": False,
    "taken": 12,
}
_NEW_REWARD: Final = {
    name: _REWARD[name] for name in ("name", "description", "kind", "points", "stock", "per_member", "tiers")
} | {"value": 9_000}
_ORDER: Final = {
    "order_id": "B-2",
    "total": 228,
    "tax": 38,
    "currency": "TRY",
    "products": [{"product_id": "A-1", "price": 95, "quantity": 2}],
}
_QUOTE: Final = {
    "points": 285,
    "rules": [{"key": "purchases", "name": "Purchases", "points": 190, "by_line": {"1": 190}, "refusal": ""}],
    "multipliers": {"tier": 1.5},
    "basis": {"amount": 19_000, "currency": "TRY"},
    "programme_version": 3,
    "activates_at": "2026-12-04T09:00:00Z",
    "expires_at": None,
}
_PROGRAMME: Final = {
    "version": 3,
    "applied_at": "2026-01-02T09:00:00Z",
    "applied_by": "Deniz",
    "document": {"name": {"en": "Loyalty club"}, "rules": [{"key": "purchases", "event": "order"}]},
}
_PART: Final = {"key": "silver", "points": 900_000, "expected_points": 810_000, "value": _TRY}
_MONTH: Final = {
    "month": "2026-11-01",
    "opening": {"amount": 900_000, "currency": "TRY"},
    "deferred": {"amount": 120_000, "currency": "TRY"},
    "recognised": {"amount": 80_000, "currency": "TRY"},
    "reversed": {"amount": 6_000, "currency": "TRY"},
    "expired": {"amount": 2_000, "currency": "TRY"},
    "reestimated": {"amount": -3_000, "currency": "TRY"},
    "closing": {"amount": 929_000, "currency": "TRY"},
}
_LIABILITY: Final = {
    "as_of": "2026-11-20",
    "outstanding_points": 900_000,
    "expected_points": 810_000,
    "breakage_rate": 0.12,
    "outstanding": {"amount": 900_000, "currency": "TRY"},
    "expected": {"amount": 810_000, "currency": "TRY"},
    "deferred": {"amount": 929_000, "currency": "TRY"},
    "by_tier": [_PART],
    "by_age": [_PART | {"key": "under_3_months"}],
    "roll_forward": [_MONTH],
}


class RedemptionAnswer(rest.Answer):
    """Points given for a reward, or for a discount at checkout."""

    id: int
    member_id: int
    status: RedemptionStatus
    points: int
    """May be fewer than were asked for: whole steps, and no more than the programme allows for the order."""
    value: Money
    """What they take off, or what the reward is worth."""
    reward: str | None
    """Its key; null: points at checkout."""
    order_id: str
    code: str
    """What the member shows for it; empty for points at checkout."""
    holds_until: rest.Instant | None
    """Of a hold: when it runs out by itself."""
    created_at: rest.Instant
    restored: int
    """Points given back."""


class RewardAnswer(rest.Answer):
    """Something that points can be given for."""

    key: str
    name: dict[str, str]
    description: dict[str, str]
    kind: RewardKind
    points: int
    value: Money
    stock: int | None
    """Left; null: without end."""
    per_member: int | None
    """At most so many for each member, ever."""
    tiers: list[str]
    """Only for these; empty: for all."""
    starts_at: rest.Instant | None
    ends_at: rest.Instant | None
    is_archived: bool
    taken: int
    """Redeemed and not given back."""


class QuotedRuleAnswer(rest.Answer):
    """What one rule gives."""

    key: str
    name: str
    points: int
    """Before multipliers."""
    by_line: dict[str, int]
    """By number of the order's line."""
    refusal: str
    """Why a rule that fits gives nothing or less, such as a cap."""


class QuoteAnswer(rest.Answer):
    """What an order would earn."""

    points: int
    rules: list[QuotedRuleAnswer]
    multipliers: dict[str, float]
    basis: Money
    """What of the order earns."""
    programme_version: int
    activates_at: rest.Instant | None
    """Null: at once, or when a certain event comes."""
    expires_at: rest.Instant | None


class ProgrammeAnswer(rest.Answer):
    """The programme that holds now."""

    version: int
    """0: none has been applied, and nothing earns."""
    applied_at: rest.Instant | None
    applied_by: str
    document: dict[str, Any]
    """As `sadakat loyalty apply` takes it."""


class LiabilityPartAnswer(rest.Answer):
    """A part of what is owed."""

    key: str
    points: int
    expected_points: int
    value: Money
    """Of the points that are expected to be used."""


class RollForwardAnswer(rest.Answer):
    """How the deferred revenue of a month came to be."""

    month: date
    """Its first day."""
    opening: Money
    deferred: Money
    """For points given; the next three went."""
    recognised: Money
    reversed: Money
    expired: Money
    reestimated: Money
    """Came because fewer points are expected to be used than before, or went."""
    closing: Money


class LiabilityAnswer(rest.Answer):
    """What the programme owes as a day begins."""

    as_of: date
    outstanding_points: int
    expected_points: int
    """Of them, to be used."""
    breakage_rate: float
    outstanding: Money
    expected: Money
    deferred: Money
    """Revenue that waits, by IFRS 15."""
    by_tier: list[LiabilityPartAnswer]
    by_age: list[LiabilityPartAnswer]
    roll_forward: list[RollForwardAnswer]
    """The last 13 months, earliest first."""


class Redeem(rest.Asked):
    """Points to be spent: at checkout, or for a reward."""

    points: int | None = Field(None, ge=1, le=MAX_POINTS)
    reward: Line | None = Field(None, max_length=100)
    """Key of a reward, instead of points."""
    order_id: Line = Field("", max_length=200)
    """The shop's own number of the order that the points pay."""
    namespace: Line = Field("", max_length=100)
    """Of the order id, where shops have their own."""
    order_amount: int | None = Field(None, ge=0, le=MAX_AMOUNT_MINOR)
    """Of the order in minor units: points pay only a share of it."""
    hold: bool = False
    """Set the points aside until they are captured or released, or the hold runs out."""


class Ask(rest.Asked):
    """An order that is not there yet."""

    customer: Line = Field(max_length=300)
    """An id or `TYPE:VALUE`."""
    order: dict[str, Any]
    """As the properties of `Order Completed`."""


class RewardSaid(rest.Asked):
    """A reward, whole: what is left out is as if it had never been said."""

    name: dict[str, Line] = Field(min_length=1, max_length=10)
    """By language: `en`, `tr`."""
    description: dict[str, Line] = Field(default_factory=dict, max_length=10)
    kind: RewardKind
    points: int = Field(ge=1, le=MAX_POINTS)
    value: int = Field(0, ge=0, le=MAX_AMOUNT_MINOR)
    """In minor units."""
    stock: int | None = Field(None, ge=0, le=10**9)
    per_member: int | None = Field(None, ge=1, le=10**9)
    tiers: list[Line] = Field(default_factory=list, max_length=50)
    starts_at: Moment | None = None
    ends_at: Moment | None = None


@area.write(
    "/loyalty/members/{path:ref}/redeem",
    answer=RedemptionAnswer,
    example=_REDEMPTION,
    asked={"points": 1_000, "order_id": "B-1", "order_amount": 10_000},
    statuses=[201],
)
def redeem_points(request: rest.Request, ref: rest.Ref, body: Redeem) -> Any:
    """Spend points at checkout, or for a reward.

    Points beyond the balance, beyond the share of the order that may be paid so, or beyond whole steps are left: see
    `points` of the answer. Where nothing can be spent it is refused, and nothing happens.
    """
    if (body.points is None) == (body.reward is None):
        raise Invalid("say either points or reward")
    member, at = find_member(ref), timezone.now()
    common: dict[str, Any] = {"key": key_of(request, "redeem"), "actor": rest.actor_of(request), "at": at}
    if body.reward is not None:
        made = loyalty.redeem_reward(member.id, reward_key=body.reward, **common)
    else:
        made = loyalty.redeem_points(
            member.id,
            points=body.points or 0,
            order_id=body.order_id,
            namespace=body.namespace,
            order_minor=body.order_amount,
            is_held=body.hold,
            **common,
        )
    return Status(201, _redemption(made))


@area.read("/loyalty/redemptions/{redemption_id}", answer=RedemptionAnswer, example=_REDEMPTION)
def get_redemption(request: rest.Request, redemption_id: Id) -> Any:  # noqa: ARG001 - as every view
    """A redemption."""
    return _redemption(loyalty.redemption(redemption_id))


@area.write(
    "/loyalty/redemptions/{redemption_id}/reverse",
    answer=RedemptionAnswer,
    example=_REDEMPTION | {"status": "reversed", "restored": 1_000},
)
def reverse_redemption(request: rest.Request, redemption_id: Id) -> Any:
    """Give the points of a redemption back.

    To the lots they came from, with the expiries of those; what has expired since stays expired. Reversing it again
    changes nothing.
    """
    return _redemption(loyalty.reverse_redemption(redemption_id, actor=rest.actor_of(request), at=timezone.now()))


@area.write("/loyalty/redemptions/{redemption_id}/capture", answer=RedemptionAnswer, example=_REDEMPTION)
def capture_redemption(request: rest.Request, redemption_id: Id) -> Any:
    """Spend what a hold has set aside.

    Refused once it has run out or was released.
    """
    return _redemption(loyalty.capture_redemption(redemption_id, actor=rest.actor_of(request), at=timezone.now()))


@area.write(
    "/loyalty/redemptions/{redemption_id}/release",
    answer=RedemptionAnswer,
    example=_REDEMPTION | {"status": "released"},
)
def release_redemption(request: rest.Request, redemption_id: Id) -> Any:
    """Give up a hold."""
    return _redemption(loyalty.release_redemption(redemption_id, actor=rest.actor_of(request), at=timezone.now()))


@area.write(
    "/loyalty/quote",
    answer=QuoteAnswer,
    example=_QUOTE,
    asked={"customer": "email:ayse@example.com", "order": _ORDER},
)
def quote_order(request: rest.Request, body: Ask) -> Any:  # noqa: ARG001 - as every view
    """What an order would earn, by rule.

    Nothing is saved.
    """
    quote = loyalty.quote_order(customers.find(body.customer), body.order, at=timezone.now())
    return _quote(quote, brand.current().currency)


@area.read("/loyalty/programme", answer=ProgrammeAnswer, example=_PROGRAMME)
def get_programme(request: rest.Request) -> Any:  # noqa: ARG001 - as every view
    """The rules that hold now."""
    programme = loyalty.programme()
    return {
        "version": programme.version,
        "applied_at": programme.applied_at,
        "applied_by": programme.applied_by,
        "document": loyalty.programme_json(programme),
    }


@area.read("/loyalty/rewards", answer=Items[RewardAnswer], example={"items": [_REWARD]})
def list_rewards(
    request: rest.Request,  # noqa: ARG001 - as every view
    archived: Annotated[bool, params.Query(description="Whether archived ones are told too.")] = False,  # noqa: FBT002 - ninja's way
) -> Any:
    """What points can be given for."""
    currency = brand.current().currency
    return {"items": [_reward(each, currency) for each in loyalty.rewards(include_archived=archived)]}


@area.write(
    "/loyalty/rewards/{key}",
    method="PUT",
    answer=RewardAnswer,
    example=_REWARD,
    asked=_NEW_REWARD,
    statuses=[200, 201],
)
def put_reward(request: rest.Request, key: Key, body: RewardSaid) -> Any:
    """Change a reward, or add it under this key.

    The answer is 201 for a new one. An archived one comes back.
    """
    try:
        taken, status = loyalty.reward(key).taken, 200
    except NotFound:
        taken, status = 0, 201
    fields = {name: value for name, value in body if name not in {"value", "tiers"}}
    said = Reward(**fields, key=key, value_minor=body.value, tiers=tuple(body.tiers), is_archived=False, taken=taken)
    saved = loyalty.save_reward(said, actor=rest.actor_of(request), at=timezone.now())
    return Status(status, _reward(saved, brand.current().currency))


@area.read("/loyalty/liability", answer=LiabilityAnswer, example=_LIABILITY)
def get_liability(
    request: rest.Request,  # noqa: ARG001 - as every view
    as_of: Annotated[
        date | None, params.Query(description="The day as whose beginning it is told; today without it.")
    ] = None,
) -> Any:
    """What the programme owes.

    As `sadakat loyalty liability` tells it.
    """
    day = as_of or brand.current().day(timezone.now())
    return loyalty.figures_json(loyalty.liability(as_of=day))


def _redemption(redemption: Redemption) -> dict[str, Any]:
    plain = set(RedemptionAnswer.model_fields) - {"value", "reward"}
    return {name: getattr(redemption, name) for name in plain} | {
        "value": rest.money(redemption.value_minor, brand.current().currency),
        "reward": redemption.reward_key or None,
    }


def _reward(reward: Reward, currency: str) -> dict[str, Any]:
    plain = set(RewardAnswer.model_fields) - {"value", "tiers"}
    return {name: getattr(reward, name) for name in plain} | {
        "value": rest.money(reward.value_minor, currency),
        "tiers": list(reward.tiers),
    }


def _quote(quote: Quote, currency: str) -> dict[str, Any]:
    rules = [asdict(rule) | {"by_line": {str(n): p for n, p in rule.by_line.items()}} for rule in quote.rules]
    return {
        "points": quote.points,
        "rules": rules,
        "multipliers": {key: float(factor) for key, factor in quote.multipliers.items()},
        "basis": rest.money(quote.basis_minor, currency),
        "programme_version": quote.programme_version,
        "activates_at": quote.activates_at,
        "expires_at": quote.expires_at,
    }
