"""What a purchase or an event earns: exact, in whole points. `docs/algorithms/earning.md` works it out by hand."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from sadakat.kernel import predicates, sharing, text, time
from sadakat.loyalty.rules.lives import expires_at
from sadakat.loyalty.types import (
    MAX_POINTS,
    ActiveFrom,
    EarningRule,
    Multiplier,
    Per,
    Programme,
    Quote,
    QuotedRule,
    Rounding,
)

ORDER: Final = "order"
"""The `event` of rules for purchases."""
TIER: Final = "tier"
"""The key of the tier's own multiplier in a quote."""
_MODES: Final = {
    Rounding.FLOOR: ROUND_FLOOR,
    Rounding.ROUND: ROUND_HALF_UP,
    Rounding.CEIL: ROUND_CEILING,
}
# Products of factors keep every digit, so that rounding happens once.
_EXACT: Final = Context(prec=400)
_A: Final = {Per.ORDER: "an order", Per.DAY: "a day", Per.MONTH: "a month", Per.YEAR: "a year", Per.EVER: "in all"}
_NOTHING: Final[Mapping[tuple[str, Per], tuple[int, int]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseLine:
    """A line of an order."""

    number: int
    product_id: str = ""
    categories: tuple[str, ...] = ()
    """Names of its category and of all above it."""
    brand: str = ""
    amount_minor: int
    """Its part of the order's basis: see `shared`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """An order as rules see it."""

    namespace: str = ""
    order_id: str
    at: datetime
    local_date: date
    """The day of `at` in the programme's zone."""
    channel: str = ""
    store_id: str = ""
    nth: int
    """The customer's so-manieth order, from 1."""
    basis_minor: int
    """What of it earns, by the programme's basis, after discounts; above or equal to 0."""
    lines: tuple[PurchaseLine, ...] = ()
    """They sum to the basis, or there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """An event as rules see it."""

    event: str
    at: datetime
    local_date: date
    """As in `Purchase`."""
    properties: Mapping[str, Any] = field(default_factory=dict)


Earning: TypeAlias = Purchase | Occasion


def capped(programme: Programme) -> set[str]:
    """The keys of the rules of which it matters what they have given before."""
    return {rule.key for rule in programme.rules if any(cap.per is not Per.ORDER for cap in rule.caps)}


def earned(
    programme: Programme,
    what: Earning,
    *,
    tier_key: str = "",
    fitting: Collection[str] = (),
    given: Mapping[tuple[str, Per], tuple[int, int]] = _NOTHING,
    language: str = "en",
) -> Quote:
    """What a purchase or event earns, by rule.

    Args:
        programme: The rules.
        what: The purchase or event.
        tier_key: Of the member when it happened.
        fitting: Keys of the rules and multipliers whose `where` the customer fits.
        given: Points, before multipliers, and times that a rule has given to the member in the period around it.
        language: Of the rules' names.
    """
    zone = time.zone(programme.time_zone)
    rules = tuple(
        _quoted(rule, what, given=given, language=language)
        for rule in programme.rules
        if applies(rule, what, time_zone=zone) and (rule.where is None or rule.key in fitting)
    )
    factors = _factors(programme, what, tier_key=tier_key, fitting=fitting) if isinstance(what, Purchase) else {}
    active_at = activates_at(programme, what)
    return Quote(
        points=multiplied(sum(rule.points for rule in rules), factors.values(), rounding=programme.rounding),
        rules=rules,
        multipliers=factors,
        basis_minor=what.basis_minor if isinstance(what, Purchase) else 0,
        programme_version=programme.version,
        activates_at=active_at,
        expires_at=active_at and expires_at(programme.expiry, active_at=active_at, time_zone=zone),
    )


def applies(rule: EarningRule, what: Earning, *, time_zone: ZoneInfo) -> bool:
    """Whether a rule is for that purchase or event, apart from its `where` and its caps."""
    # An event that somebody calls "order" is none.
    if (rule.event == ORDER) is isinstance(what, Occasion) or not _holds_on(rule, what.local_date):
        return False
    if rule.weekdays and what.local_date.isoweekday() not in rule.weekdays:
        return False
    if isinstance(what, Occasion):
        return rule.event == what.event and _has(rule, what, time_zone=time_zone)
    return (
        _is_sold_in(rule, what)
        and what.basis_minor >= rule.least_minor
        and (not rule.nth_orders or what.nth in rule.nth_orders)
        and (not _is_scoped(rule) or any(True for _ in _lines(rule, what)))
    )


def multiplies(multiplier: Multiplier, purchase: Purchase, *, tier_key: str) -> bool:
    """Whether a multiplier holds for that purchase, apart from its `where`."""
    is_meant = not multiplier.tiers or tier_key in multiplier.tiers
    return is_meant and _holds_on(multiplier, purchase.local_date) and _is_sold_in(multiplier, purchase)


def multiplied(points: int, factors: Collection[Decimal], *, rounding: Rounding) -> int:
    """The points times all factors, rounded once.

    >>> [multiplied(19, [Decimal("1.5")], rounding=each) for each in Rounding]
    [28, 29, 29]
    """
    exact = reduce(_EXACT.multiply, factors, Decimal(points))
    return min(int(exact.to_integral_value(_MODES[rounding], context=_EXACT)), MAX_POINTS)


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in the proportion of the weights, as `kernel.sharing` does it; where all are 0, as equal as can be.

    >>> shared(19, [5000, 0, 15000]), shared(3, [0, 0])
    ([5, 0, 14], [2, 1])
    """
    return sharing.shared(total, weights if any(weights) else [1] * len(weights))


def activates_at(programme: Programme, what: Earning) -> datetime | None:
    """When the points become active: of events at once; None where an event still to come decides."""
    if isinstance(what, Occasion) or programme.active_from is ActiveFrom.AT_ONCE:
        return what.at
    zone = time.zone(programme.time_zone)
    if programme.active_from is ActiveFrom.AFTER_DAYS:
        # Whole days after that of the purchase, as the law counts the right of withdrawal.
        return time.midnight(what.local_date + timedelta(days=programme.active_after_days + 1), time_zone=zone)
    if programme.active_from is ActiveFrom.ON_DATE and programme.active_on is not None:
        return max(what.at, time.midnight(programme.active_on, time_zone=zone))
    return None


def _quoted(
    rule: EarningRule, what: Earning, *, given: Mapping[tuple[str, Per], tuple[int, int]], language: str
) -> QuotedRule:
    lines = list(_lines(rule, what)) if isinstance(what, Purchase) else []
    points, refusal = _capped(rule, _points(rule, what, lines), given=given)
    amounts = [line.amount_minor for line in lines]
    return QuotedRule(
        key=rule.key,
        name=rule.name.get(language) or next(iter(rule.name.values())),
        points=points,
        by_line=dict(zip([line.number for line in lines], shared(points, amounts), strict=True)),
        refusal=refusal,
    )


def _points(rule: EarningRule, what: Earning, lines: Sequence[PurchaseLine]) -> int:
    """Before caps and multipliers."""
    if isinstance(what, Occasion) or rule.points_per_unit is None:
        return rule.points
    amount = sum(line.amount_minor for line in lines) if _is_scoped(rule) else what.basis_minor
    return int(_EXACT.multiply(rule.points_per_unit, Decimal(amount // rule.unit_minor))) + rule.points


def _capped(rule: EarningRule, points: int, *, given: Mapping[tuple[str, Per], tuple[int, int]]) -> tuple[int, str]:
    """What the caps leave, and which of them has cut. Those for an order see the points as the rule gives them."""
    refusal = ""
    for cap in sorted(rule.caps, key=lambda cap: cap.per is not Per.ORDER):
        had_points, had_times = given.get((rule.key, cap.per), (0, 0))
        if cap.times is not None and had_times >= cap.times:
            return 0, f"at most {cap.times} times {_A[cap.per]}"
        left = points if cap.points is None else max(0, cap.points - had_points)
        if left < points:
            points, refusal = left, f"at most {cap.points} points {_A[cap.per]}"
            if cap.per is Per.ORDER:
                return 0, refusal
    return points, refusal


def _factors(
    programme: Programme, purchase: Purchase, *, tier_key: str, fitting: Collection[str]
) -> dict[str, Decimal]:
    holding = {
        each.key: each.factor
        for each in programme.multipliers
        if multiplies(each, purchase, tier_key=tier_key) and (each.where is None or each.key in fitting)
    }
    tier = next((tier for tier in programme.ladder.tiers if tier.key == tier_key), None)
    return holding | ({TIER: tier.multiplier} if tier and tier.multiplier != 1 else {})


def _lines(rule: EarningRule, purchase: Purchase) -> Iterator[PurchaseLine]:
    """The lines that a rule is for: every condition holds, by any of its values."""
    categories = {text.fold(each) for each in rule.categories}
    brands = {text.fold(each) for each in rule.brands}
    for line in purchase.lines:
        if (
            (not rule.products or line.product_id in rule.products)
            and (not categories or not categories.isdisjoint(map(text.fold, line.categories)))
            and (not brands or text.fold(line.brand) in brands)
        ):
            yield line


def _is_scoped(rule: EarningRule) -> bool:
    return bool(rule.products or rule.categories or rule.brands)


def _is_sold_in(rule: EarningRule | Multiplier, purchase: Purchase) -> bool:
    is_of_channel = not rule.channels or text.fold(purchase.channel) in map(text.fold, rule.channels)
    return is_of_channel and (not rule.stores or purchase.store_id in rule.stores)


def _holds_on(rule: EarningRule | Multiplier, day: date) -> bool:
    return (rule.starts_on is None or day >= rule.starts_on) and (rule.ends_on is None or day <= rule.ends_on)


def _has(rule: EarningRule, occasion: Occasion, *, time_zone: ZoneInfo) -> bool:
    """Whether the event's properties are as the rule wants them."""
    if rule.having is None:
        return True
    document = {"version": predicates.VERSION, "where": {"event": rule.event, "having": rule.having}}
    asked = predicates.parse(document, vocabulary=predicates.Vocabulary())
    subject = predicates.Subject(events=[predicates.Occurrence(occasion.event, occasion.at, occasion.properties)])
    return predicates.evaluate(asked, subject, at=occasion.at, time_zone=time_zone).fits
