"""What the parts of the programme are called in the reader's language."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from sadakat.loyalty.types import (
    ActiveFrom,
    Basis,
    ClawBack,
    Downgrade,
    EnrolledBy,
    OperationKind,
    Per,
    Programme,
    RedemptionStatus,
    Reward,
    RewardKind,
    Rounding,
    Span,
    TierMetric,
    TierWindow,
    Validity,
)
from sadakat.platform import audit
from sadakat.platform.ui import formats

Word = str | Promise

audit.register_words(
    {
        "loyalty.programme_applied": gettext_lazy("Programme of loyalty changed"),
        "loyalty.members_enrolled": gettext_lazy("Members enrolled"),
        "loyalty.tier_pinned": gettext_lazy("Tier pinned or unpinned"),
        "loyalty.points_redeemed": gettext_lazy("Points redeemed"),
        "loyalty.reward_redeemed": gettext_lazy("Reward redeemed"),
        "loyalty.redemption_captured": gettext_lazy("Held points captured"),
        "loyalty.redemption_released": gettext_lazy("Held points released"),
        "loyalty.redemption_reversed": gettext_lazy("Redemption reversed"),
        "loyalty.reward_saved": gettext_lazy("Reward saved"),
        "loyalty.reward_archived": gettext_lazy("Reward archived"),
        "loyalty.reward_put_back": gettext_lazy("Reward offered again"),
        "loyalty.liability_exported": gettext_lazy("Liability exported"),
        "loyalty.points_adjusted": gettext_lazy("Points adjusted"),
        "loyalty.points_transferred": gettext_lazy("Points transferred"),
        "loyalty.points_undone": gettext_lazy("Adjustment of points undone"),
        "loyalty.household_joined": gettext_lazy("Household joined"),
        "loyalty.household_left": gettext_lazy("Household left"),
        "loyalty.link_made": gettext_lazy("Link to the portal made"),
        "loyalty.link_renewed": gettext_lazy("Links to the portal ended"),
        "points": gettext_lazy("Points"),
        "members": gettext_lazy("Members"),
        "by": gettext_lazy("Way of enrolment"),
        "reason": gettext_lazy("Reason"),
        "to_member_id": gettext_lazy("To member"),
    }
)

BASES: Final[Mapping[Basis, Word]] = {
    Basis.NET: gettext_lazy("goods after discounts, without tax and shipping"),
    Basis.WITH_TAX: gettext_lazy("goods after discounts, with tax"),
    Basis.WITH_TAX_AND_SHIPPING: gettext_lazy("goods after discounts, with tax and shipping"),
}
ROUNDINGS: Final[Mapping[Rounding, Word]] = {
    Rounding.FLOOR: gettext_lazy("down"),
    Rounding.ROUND: gettext_lazy("to the nearest whole point"),
    Rounding.CEIL: gettext_lazy("up"),
}
ACTIVE_FROM: Final[Mapping[ActiveFrom, Word]] = {
    ActiveFrom.AT_ONCE: gettext_lazy("at once"),
    ActiveFrom.AFTER_DAYS: gettext_lazy("after so many days"),
    ActiveFrom.ON_DATE: gettext_lazy("on a date"),
    ActiveFrom.ON_EVENT: gettext_lazy("when an event happens"),
}
SPANS: Final[Mapping[Span, Word]] = {
    Span.NEVER: gettext_lazy("never"),
    Span.DAYS: gettext_lazy("after so many days"),
    Span.MONTHS: gettext_lazy("after so many months"),
    Span.END_OF_MONTH: gettext_lazy("at the end of a month, so many months on"),
    Span.END_OF_YEAR: gettext_lazy("at the end of a year, so many years on"),
}
CLAW_BACKS: Final[Mapping[ClawBack, Word]] = {
    ClawBack.WITHIN_BALANCE: gettext_lazy("as far as the member has points"),
    ClawBack.ONLY_PENDING: gettext_lazy("only points that are still pending"),
    ClawBack.UNLIMITED: gettext_lazy("all of them; what is missing is paid by later points"),
}
METRICS: Final[Mapping[TierMetric, Word]] = {
    TierMetric.EARNED: gettext_lazy("points earned"),
    TierMetric.SPEND: gettext_lazy("amount spent"),
    TierMetric.ORDERS: gettext_lazy("orders"),
}
WINDOWS: Final[Mapping[TierWindow, Word]] = {
    TierWindow.TRAILING_MONTHS: gettext_lazy("the last so many months"),
    TierWindow.CALENDAR_MONTH: gettext_lazy("the calendar month"),
    TierWindow.CALENDAR_QUARTER: gettext_lazy("the calendar quarter"),
    TierWindow.CALENDAR_YEAR: gettext_lazy("the calendar year"),
    TierWindow.EVER: gettext_lazy("the whole membership"),
}
VALIDITIES: Final[Mapping[Validity, Word]] = {
    Validity.END_OF_NEXT_PERIOD: gettext_lazy("to the end of the next period"),
    Validity.END_OF_PERIOD: gettext_lazy("to the end of the period"),
    Validity.MONTHS: gettext_lazy("for so many months"),
    Validity.FOR_EVER: gettext_lazy("for ever"),
}
DOWNGRADES: Final[Mapping[Downgrade, Word]] = {
    Downgrade.ONE_STEP: gettext_lazy("one tier down"),
    Downgrade.NONE: gettext_lazy("nothing: nobody goes down"),
    Downgrade.FULL: gettext_lazy("down to the tier that the figure gives"),
}
PERS: Final[Mapping[Per, Word]] = {
    Per.ORDER: gettext_lazy("order"),
    Per.DAY: gettext_lazy("day"),
    Per.MONTH: gettext_lazy("month"),
    Per.YEAR: gettext_lazy("year"),
    Per.EVER: gettext_lazy("whole membership"),
}
ENROLLED_BY: Final[Mapping[EnrolledBy, Word]] = {
    EnrolledBy.AUTOMATIC: gettext_lazy("automatically"),
    EnrolledBy.FORM: gettext_lazy("by a form"),
    EnrolledBy.TILL: gettext_lazy("at the till"),
    EnrolledBy.CONSOLE: gettext_lazy("in the console"),
    EnrolledBy.API: gettext_lazy("by the API"),
}
REWARD_KINDS: Final[Mapping[RewardKind, Word]] = {
    RewardKind.DISCOUNT: gettext_lazy("Discount"),
    RewardKind.PRODUCT: gettext_lazy("Product"),
    RewardKind.EXPERIENCE: gettext_lazy("Experience"),
    RewardKind.DONATION: gettext_lazy("Donation"),
    RewardKind.GIFT_CARD: gettext_lazy("Gift card"),
}
STATUSES: Final[Mapping[RedemptionStatus, tuple[Word, str]]] = {
    RedemptionStatus.HELD: (gettext_lazy("reserved"), "warn"),
    RedemptionStatus.DONE: (gettext_lazy("redeemed"), "good"),
    RedemptionStatus.RELEASED: (gettext_lazy("released"), "off"),
    RedemptionStatus.REVERSED: (gettext_lazy("reversed"), "off"),
}
KINDS: Final[Mapping[OperationKind, tuple[Word, str]]] = {
    OperationKind.AWARD: (gettext_lazy("Points given"), "good"),
    OperationKind.ACTIVATE: (gettext_lazy("Points became active"), ""),
    OperationKind.SPEND: (gettext_lazy("Points spent"), ""),
    OperationKind.RESERVE: (gettext_lazy("Points reserved"), "warn"),
    OperationKind.CAPTURE: (gettext_lazy("Reserved points spent"), ""),
    OperationKind.RELEASE: (gettext_lazy("Reservation released"), ""),
    OperationKind.RESTORE: (gettext_lazy("Spent points given back"), "good"),
    OperationKind.REVERSE: (gettext_lazy("Points taken back"), "bad"),
    OperationKind.EXPIRE: (gettext_lazy("Points expired"), "off"),
    OperationKind.DEDUCT: (gettext_lazy("Points taken"), "bad"),
    OperationKind.TRANSFER: (gettext_lazy("Points transferred"), ""),
    OperationKind.RETURN: (gettext_lazy("Transfer returned"), ""),
}
"""What an operation is called, and the tone of its word."""
TIER_REASONS: Final[Mapping[str, Word]] = {
    "reached": gettext_lazy("reached"),
    "kept": gettext_lazy("kept"),
    "ended": gettext_lazy("not earned again"),
    "by_hand": gettext_lazy("by hand"),
    "programme": gettext_lazy("the programme changed"),
}
WEEKDAYS: Final[Mapping[int, Word]] = {
    1: gettext_lazy("Monday"),
    2: gettext_lazy("Tuesday"),
    3: gettext_lazy("Wednesday"),
    4: gettext_lazy("Thursday"),
    5: gettext_lazy("Friday"),
    6: gettext_lazy("Saturday"),
    7: gettext_lazy("Sunday"),
}


def name_of(names: Mapping[str, str], *, default: str = "") -> str:
    """A text that is kept by language in the reader's, else in English, else in any."""
    found = names.get((get_language() or "en")[:2]) or names.get("en")
    return found or next(filter(None, names.values()), default)


def points(count: int) -> str:
    """`1,200 points`."""
    return ngettext("%(n)s point", "%(n)s points", abs(count)) % {"n": formats.number(count)}


def times(count: int) -> str:
    """`3 times`."""
    return ngettext("%(n)s time", "%(n)s times", count) % {"n": formats.number(count)}


def signed(count: int) -> str:
    """A change of points with its sign: `+120`, `−40`."""
    return f"+{formats.number(count)}" if count > 0 else formats.number(count)


def decimal(value: Decimal) -> str:
    """A factor with as many decimals as it has: `1.5`."""
    exponent = value.normalize().as_tuple().exponent
    return formats.number(value, decimals=max(0, -int(exponent)))


def metric_value(value: Decimal, *, metric: TierMetric, currency: str) -> str:
    """A value of what qualifies for tiers, with its unit."""
    match metric:
        case TierMetric.SPEND:
            return formats.money(value, currency=currency, has_decimals=False)
        case TierMetric.ORDERS:
            return ngettext("%(n)s order", "%(n)s orders", int(value)) % {"n": formats.number(value)}
        case _:
            return points(int(value))


def last_day(gone_at: datetime | None, *, zone: ZoneInfo) -> date | None:
    """The last day on which something holds that is gone at an instant; None: it holds without end."""
    return gone_at and (gone_at - timedelta(microseconds=1)).astimezone(zone).date()


def listed(values: list[str]) -> str:
    """Several values in one sentence: `a, b or c`."""
    *first, last = values
    return _("%(some)s or %(last)s") % {"some": ", ".join(first), "last": last} if first else last


def ages() -> dict[str, str]:
    """What the ages of points are called, by the keys of the liability's parts."""
    return {
        "under_3_months": _("under 3 months"),
        "3_to_6_months": _("3 to 6 months"),
        "6_to_12_months": _("6 to 12 months"),
        "over_12_months": _("over 12 months"),
    }


OUR_REASONS: Final[Mapping[str, Word]] = {
    "merged": gettext_lazy("Two customers have become one"),
    "separated": gettext_lazy("One customer has become two again"),
}
"""Why points move by themselves."""


def about(reference: Mapping[str, Any], *, rewards: Mapping[str, Reward]) -> str:
    """What an operation is about, in one line: its order, reward, reason or event; of rules `breakdown` tells."""
    if is_of_household(reference):
        rest = about({**reference, "reason": ""}, rewards=rewards)
        return " · ".join(filter(None, (_("Household"), rest)))
    if order := reference.get("order_id"):
        return _("Order %(id)s") % {"id": order}
    reward = rewards.get(reference.get("reward", ""))
    if reward is not None:
        return name_of(reward.name, default=reward.key)
    reason = reference.get("reason", "")
    return str(OUR_REASONS.get(reason, reason) or ("" if "rules" in reference else reference.get("event", "")))


def is_of_household(reference: Mapping[str, Any]) -> bool:
    """Whether an operation brought points to another one of the household, or back from there."""
    return reference.get("reason") == "household"


def breakdown(reference: Mapping[str, Any], programme: Programme) -> list[tuple[str, str]]:
    """The points of an operation by rule, and what multiplied them, as they were when they were given."""
    names = {each.key: each.name for each in programme.rules} | {each.key: each.name for each in programme.multipliers}
    names["tier"] = {"en": _("Tier")}
    rules = [
        (name_of(names.get(rule["key"], {}), default=rule["name"]), points(rule["points"]))
        for rule in reference.get("rules", ())
    ]
    factors = [
        (name_of(names.get(key, {}), default=key), f"× {decimal(Decimal(factor))}")
        for key, factor in reference.get("multipliers", {}).items()
    ]
    return rules + factors
