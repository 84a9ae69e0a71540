"""What crosses the door of `loyalty`. Points are whole numbers; amounts are minor units of the brand's currency."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

POINTS_EARNED: Final = "Points Earned"
POINTS_ACTIVATED: Final = "Points Activated"
POINTS_SPENT: Final = "Points Spent"
POINTS_RESTORED: Final = "Points Restored"
POINTS_EXPIRED: Final = "Points Expired"
POINTS_REVERSED: Final = "Points Reversed"
POINTS_ADJUSTED: Final = "Points Adjusted"
POINTS_TRANSFERRED: Final = "Points Transferred"
MEMBER_ENROLLED: Final = "Member Enrolled"
TIER_CHANGED: Final = "Tier Changed"
REWARD_REDEEMED: Final = "Reward Redeemed"
"""Facts of this context in the log."""

MAX_POINTS: Final = 10**12
"""Of one operation."""


# ── The ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Account(enum.StrEnum):
    """Where points of a member are. Every entry moves points from one to another, so that all of them sum to zero."""

    ISSUED = "issued"
    """Where points come from: minus all that was ever given."""
    PENDING = "pending"
    ACTIVE = "active"
    RESERVED = "reserved"
    DEFICIT = "deficit"
    """Owed by the member after a claw-back; never above zero. Later credits pay it first."""
    SPENT = "spent"
    EXPIRED = "expired"
    REVERSED = "reversed"
    MOVED = "moved"
    """Given to other members less received from them; sums to zero over all members."""


class OperationKind(enum.StrEnum):
    """What one command of the ledger does."""

    AWARD = "award"
    ACTIVATE = "activate"
    SPEND = "spend"
    RESERVE = "reserve"
    CAPTURE = "capture"
    RELEASE = "release"
    RESTORE = "restore"
    REVERSE = "reverse"
    EXPIRE = "expire"
    DEDUCT = "deduct"
    TRANSFER = "transfer"
    RETURN = "return"
    """Of what a transfer has moved."""


class ClawBack(enum.StrEnum):
    """What may be taken when points that were given turn out not to be due."""

    WITHIN_BALANCE = "within_balance"
    """Pending points of the award first, then active ones of the member, as far as there are any."""
    ONLY_PENDING = "only_pending"
    UNLIMITED = "unlimited"
    """What is missing becomes a deficit, which later credits pay first."""


class Span(enum.StrEnum):
    """How the life of points is counted, from the moment at which they become active."""

    NEVER = "never"
    DAYS = "days"
    MONTHS = "months"
    """Clamped to the end of a shorter month."""
    END_OF_MONTH = "end_of_month"
    """At the end of the month that is `count` months on; 0: of this one."""
    END_OF_YEAR = "end_of_year"


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long active points live: to the end of a local day, so they are gone at 00:00 of the next one."""

    span: Span = Span.NEVER
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What the ledger is asked to do. Commands of one batch are done in the order given, each wholly or not at all."""

    key: str
    """Natural key: the same command again answers as the first time, another one under it is refused."""
    member_id: int
    at: datetime
    """When it happened; the ledger keeps beside it when it was recorded."""
    reference: Mapping[str, Any] = field(default_factory=dict)
    """What it is about, kept with it and told in the log: order, rule, reason, breakdown. JSON."""
    actor: str = "system"
    actor_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Award(Command):
    """Gives points: one lot."""

    points: int
    expiry: Expiry = field(default_factory=Expiry)
    expires_at: datetime | None = None
    """Instead of `expiry`: the exact instant at which they are gone."""
    is_pending: bool = False
    activates_at: datetime | None = None
    """Of pending points: when they become active; None: when an `Activate` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activate(Command):
    """Makes the pending points of an award active; the clock of their expiry starts at `at`."""

    award_key: str
    lot_id: int | None = None
    """Only this lot of it, as the sweep does; None: all that are pending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend(Command):
    """Takes active points that have not expired at `at`, soonest expiry first; all or none."""

    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve(Command):
    """Sets active points aside, as `Spend` takes them, until they are captured or released."""

    points: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture(Command):
    """Spends what a reservation holds; refused when it has run out."""

    reserve_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Command):
    """Gives back what a reservation holds, to its lots; what has expired meanwhile expires at once."""

    reserve_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(Command):
    """Gives back points of a spend or capture to their lots and expiries, up to `upto` of it in all."""

    spend_key: str
    upto: int
    """Given back in all, with what was given back before: saying it twice changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(Command):
    """Takes back points of an award, up to `upto` of it in all, as `policy` allows."""

    award_key: str
    upto: int
    policy: ClawBack = ClawBack.WITHIN_BALANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduct(Command):
    """Takes points for another reason than a purchase, as `policy` allows; `WITHIN_BALANCE` refuses an overdraft."""

    points: int
    policy: ClawBack = ClawBack.WITHIN_BALANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(Command):
    """Books what has expired by `at`. Book-keeping: expired points cannot be spent before it either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Command):
    """Gives points to another member, soonest expiry first; lots keep their expiries."""

    to_member_id: int
    points: int | None
    """None: everything, pending points and deficit too, as when two customers become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Command):
    """Gives back what is left of a transfer, lot by lot."""

    transfer_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a member has."""

    active: int
    pending: int
    reserved: int
    deficit: int
    """Owed, as a number above zero."""
    lifetime: int
    """Ever given less taken back; spending and expiry leave it."""

    @property
    def outstanding(self) -> int:
        """What may still be spent."""
        return self.active + self.pending + self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a command."""

    key: str
    member_id: int
    is_done: bool
    is_replay: bool
    """Whether it had been done before; then nothing was done now."""
    points: int
    """Moved: what a claw-back has got may be less than was asked for."""
    balance: Balance
    """After it; of a replay, now."""
    operation_id: int | None
    reason: str
    """Why it was refused, in English; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """Points of a member that go at one moment."""

    points: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One operation as a member sees it. Grain: one operation of one member."""

    operation_id: int
    key: str
    kind: OperationKind
    at: datetime
    recorded_at: datetime
    points: int
    """How the balance of active and pending points changed; below zero when they went."""
    moved: int
    """By the operation, also where that balance stays as it is: when points become active."""
    undone: int
    """Of the points: taken back or given back since."""
    activates_at: datetime | None
    expires_at: datetime | None
    reference: Mapping[str, Any]
    actor_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """Whether the ledger agrees with itself."""

    members: int
    entries: int
    problems: tuple[str, ...]
    """Each names the member and the numbers; empty when all is well."""


# ── Members ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class EnrolledBy(enum.StrEnum):
    """How somebody became a member."""

    AUTOMATIC = "automatic"
    FORM = "form"
    TILL = "till"
    CONSOLE = "console"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of the programme."""

    id: int
    customer_id: int
    number: str
    """Of the card: digits, the last one a check digit (Luhn)."""
    enrolled_at: datetime
    enrolled_by: EnrolledBy
    balance: Balance
    expiring: tuple[Expiring, ...]
    """Soonest first, at most 20 moments."""
    tier: "TierStanding"
    household: "Household | None"

    @property
    def spendable(self) -> int:
        """Active points that can pay: the member's own, and those of the household."""
        return self.household.active if self.household else self.balance.active


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """Members who spend their points together."""

    member_ids: tuple[int, ...]
    """At least two, in their order."""
    active: int
    """Points of all of them; none for a member who owes some, since those of others would pay that first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStanding:
    """Where a member stands on the ladder."""

    key: str
    """Empty below the lowest tier."""
    name: str
    since_at: datetime | None
    until_at: datetime | None
    """Through which instant it holds, with grace; None: without end."""
    is_pinned: bool
    value: Decimal
    """Of the qualifying metric, now."""
    next_key: str
    """Empty at the top."""
    next_name: str
    missing: Decimal
    """Of the metric, to the next tier; 0 at the top."""


class TierReason(enum.StrEnum):
    """Why a member came to another tier."""

    REACHED = "reached"
    KEPT = "kept"
    """Earned anew, so that it holds for longer."""
    ENDED = "ended"
    BY_HAND = "by_hand"
    PROGRAMME = "programme"
    """The ladder has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierChange:
    """A member has come to another tier, or keeps his own for longer."""

    from_key: str
    """Empty below the lowest tier."""
    to_key: str
    at: datetime
    until_at: datetime | None
    reason: TierReason


# ── The programme ───────────────────────────────────────────────────────────────────────────────────────────────────


class Basis(enum.StrEnum):
    """What of an order earns, after discounts."""

    NET = "net"
    WITH_TAX = "with_tax"
    WITH_TAX_AND_SHIPPING = "with_tax_and_shipping"


class Rounding(enum.StrEnum):
    """Of the multiplied sum, once."""

    FLOOR = "floor"
    ROUND = "round"
    CEIL = "ceil"


class ActiveFrom(enum.StrEnum):
    """When points of a purchase become active."""

    AT_ONCE = "at_once"
    AFTER_DAYS = "after_days"
    ON_DATE = "on_date"
    ON_EVENT = "on_event"


class Per(enum.StrEnum):
    """What a cap holds for. A cap for a period cuts what is too much, one for an order refuses the rule's points."""

    ORDER = "order"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    EVER = "ever"


class TierMetric(enum.StrEnum):
    """What qualifies for a tier; returns lower each of them, spending points none."""

    EARNED = "earned"
    SPEND = "spend"
    ORDERS = "orders"


class TierWindow(enum.StrEnum):
    """Over which time the metric is counted."""

    TRAILING_MONTHS = "trailing_months"
    CALENDAR_MONTH = "calendar_month"
    CALENDAR_QUARTER = "calendar_quarter"
    CALENDAR_YEAR = "calendar_year"
    EVER = "ever"


class Validity(enum.StrEnum):
    """How long a tier holds once it is reached."""

    END_OF_NEXT_PERIOD = "end_of_next_period"
    END_OF_PERIOD = "end_of_period"
    MONTHS = "months"
    FOR_EVER = "for_ever"


class Downgrade(enum.StrEnum):
    """What happens at the end of a tier that is not earned again."""

    ONE_STEP = "one_step"
    NONE = "none"
    FULL = "full"
    """To the tier that the metric gives now."""


class RewardKind(enum.StrEnum):
    """What points can be given for."""

    DISCOUNT = "discount"
    PRODUCT = "product"
    EXPERIENCE = "experience"
    DONATION = "donation"
    GIFT_CARD = "gift_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most so many points of a rule, or so many times, for each of `per`."""

    per: Per
    points: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningRule:
    """One way to earn points."""

    key: str
    name: Mapping[str, str]
    """By language: `en`, `tr`."""
    event: str
    """`order` for purchases, else the name of a tracked event such as `Product Reviewed`."""
    points_per_unit: Decimal | None = None
    """Of a purchase: points for each whole `unit_minor`; floored for the rule."""
    unit_minor: int = 100
    points: int = 0
    """A fixed number, for an event or for an order that fits."""
    products: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    """Only lines that fit all that is given of these three earn. Texts are folded; a category has all below it."""
    channels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    least_minor: int = 0
    """Of the order's basis."""
    nth_orders: tuple[int, ...] = ()
    """Only the customer's so-manieth orders."""
    weekdays: tuple[int, ...] = ()
    """1 is Monday."""
    starts_on: date | None = None
    ends_on: date | None = None
    """The last day on which it holds."""
    where: Mapping[str, Any] | None = None
    """A condition on the customer as of the event: what stands in a predicate document under `where`."""
    having: Mapping[str, Any] | None = None
    """A condition on the event's properties, as within an event condition."""
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """Multiplies what an order earns, such as in a double points week. Those that hold multiply each other."""

    key: str
    name: Mapping[str, str]
    factor: Decimal
    starts_on: date | None = None
    ends_on: date | None = None
    channels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    where: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A step of the ladder."""

    key: str
    name: Mapping[str, str]
    threshold: Decimal
    """Of the metric; money in minor units."""
    multiplier: Decimal = Decimal(1)
    benefits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Texts by language, such as free shipping, early access, a gift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The tiers, lowest first, and how they are reached and kept."""

    tiers: tuple[Tier, ...] = ()
    metric: TierMetric = TierMetric.EARNED
    window: TierWindow = TierWindow.CALENDAR_YEAR
    window_months: int = 12
    """Of `TRAILING_MONTHS`."""
    validity: Validity = Validity.END_OF_NEXT_PERIOD
    validity_months: int = 12
    grace_days: int = 0
    downgrade: Downgrade = Downgrade.ONE_STEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Burning:
    """How points pay at checkout."""

    points_step: int = 100
    """Points are spent in whole steps."""
    step_minor: int = 100
    """What a step is worth."""
    least_points: int = 0
    most_share: Decimal = Decimal("0.5")
    """Of the order's basis."""
    hold_minutes: int = 30
    """How long a reservation at checkout holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """The rules of the programme in one version."""

    version: int
    """0 before the first one is applied."""
    name: Mapping[str, str]
    time_zone: str
    """Days, months and years of the programme; the brand's unless said."""
    is_enrolment_automatic: bool
    """Whether whoever is known and orders becomes a member by it."""
    award_back_days: int
    """Orders of so many days before the enrolment earn too."""
    basis: Basis
    rounding: Rounding
    active_from: ActiveFrom
    active_after_days: int
    active_on: date | None
    active_on_event: str
    expiry: Expiry
    claw_back: ClawBack
    rules: tuple[EarningRule, ...]
    multipliers: tuple[Multiplier, ...]
    ladder: Ladder
    burning: Burning
    applied_at: datetime | None = None
    applied_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedRule:
    """What one rule gives for an order or event."""

    key: str
    name: str
    points: int
    """Before multipliers; floored."""
    by_line: Mapping[int, int] = field(default_factory=dict)
    """Line number → points; they sum to `points` where lines earn."""
    refusal: str = ""
    """Why a rule that fits gives nothing or less, such as a cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order or event earns, by rule."""

    points: int
    """Multiplied and rounded."""
    rules: tuple[QuotedRule, ...]
    multipliers: Mapping[str, Decimal]
    """Those that hold, by key; `tier` for the tier's own."""
    basis_minor: int
    programme_version: int
    activates_at: datetime | None
    """When they become active; the moment itself where they are so at once. None: an event still to come decides."""
    expires_at: datetime | None
    """When they are gone; None: never, or nobody knows yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedRule:
    """What a rule would have given."""

    key: str
    name: str
    points: int
    """Before multipliers."""
    orders: int
    """To which it would have given any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a programme would have given for orders of the past, before returns."""

    orders: int
    """That count."""
    customers: int
    points: int
    worth_minor: int
    """Of the points at checkout; parts of a step count."""
    basis_minor: int
    rules: tuple[ReplayedRule, ...]
    """In the order of the programme."""


# ── Rewards and redemptions ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """Something that points can be given for."""

    key: str
    name: Mapping[str, str]
    description: Mapping[str, str]
    kind: RewardKind
    points: int
    value_minor: int
    """What it is worth to the customer; what a discount takes off."""
    stock: int | None
    """Left; None: without end."""
    per_member: int | None
    """At most so many for each member, ever."""
    tiers: tuple[str, ...]
    """Only for these; empty: for all."""
    starts_at: datetime | None
    ends_at: datetime | None
    is_archived: bool
    taken: int
    """Redeemed and not reversed."""


class RedemptionStatus(enum.StrEnum):
    """How a redemption stands."""

    HELD = "held"
    DONE = "done"
    RELEASED = "released"
    """The hold was given up or has run out."""
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Points given for a reward, or for a discount at checkout."""

    id: int
    member_id: int
    status: RedemptionStatus
    points: int
    value_minor: int
    reward_key: str
    """Empty: points at checkout."""
    order_id: str
    """The shop's own number; empty when it is not for an order."""
    code: str
    """What the customer shows for it; empty for points at checkout."""
    holds_until: datetime | None
    created_at: datetime
    restored: int
    """Points given back."""


# ── Liability ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class LiabilityPart:
    """A part of what is owed, by tier or by age of the points."""

    key: str
    points: int
    expected_points: int
    value_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollForward:
    """How the deferred revenue of a month came to be: the opening plus what came, less what went, is the closing."""

    month: date
    opening_minor: int
    deferred_minor: int
    """For points given."""
    recognised_minor: int
    """For points spent, and the breakage that goes with them."""
    reversed_minor: int
    expired_minor: int
    """For points that expired beyond what was expected."""
    reestimated_minor: int
    """Because the expected breakage has changed."""
    closing_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Liability:
    """What the programme owes at the end of the day before `as_of`. See `docs/algorithms/liability.md`."""

    as_of: date
    outstanding_points: int
    """Active, reserved and pending."""
    expected_points: int
    """Of them, to be used."""
    breakage_rate: float
    """Share of points given that are never used, by the survival of lots; 0 while there is nothing to tell it from."""
    outstanding_minor: int
    """All of them at the worth of a point at checkout."""
    expected_minor: int
    deferred_minor: int
    """Revenue deferred by IFRS 15 on relative stand-alone prices."""
    by_tier: tuple[LiabilityPart, ...]
    by_age: tuple[LiabilityPart, ...]
    roll_forward: tuple[RollForward, ...]
    """The last 13 months, earliest first."""
