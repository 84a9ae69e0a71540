"""What of a programme cannot be: the path to the fault, and what was expected there."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sadakat.kernel import predicates, time
from sadakat.kernel.errors import Invalid
from sadakat.loyalty import types
from sadakat.loyalty.rules.earning import ORDER, TIER
from sadakat.loyalty.types import ActiveFrom, EarningRule, Multiplier, Per, Programme, Span, Tier

MAX_RULES: Final = 200
"""Of each list of the document."""
MAX_TEXT_LENGTH: Final = 500
MAX_NUMBER: Final = 10**9
MAX_KEY_LENGTH: Final = 60
_KEY: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
# Each would give points for points, round and round.
_OWN_FACTS: Final = frozenset(
    {
        types.POINTS_EARNED,
        types.POINTS_ACTIVATED,
        types.POINTS_SPENT,
        types.POINTS_RESTORED,
        types.POINTS_EXPIRED,
        types.POINTS_REVERSED,
        types.POINTS_ADJUSTED,
        types.POINTS_TRANSFERRED,
    }
)
_ORDER_EVENTS: Final = frozenset({"Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"})


def check(programme: Programme, *, vocabulary: predicates.Vocabulary | None) -> None:
    """Checks what types cannot say; without a vocabulary, all but the conditions on customers.

    Raises:
        Invalid: a part cannot be; the text begins with the path to it.
    """
    time.zone(programme.time_zone)
    _names(programme.name, path="name")
    _within(programme.award_back_days, 0, 3_660, path="award_back_days")
    _within(programme.active_after_days, 0, 730, path="active_after_days")
    if programme.active_from is ActiveFrom.ON_DATE and programme.active_on is None:
        raise fault("active_on", reason="points become active on a date, so expected one")
    if programme.active_from is ActiveFrom.ON_EVENT:
        _text(programme.active_on_event, path="active_on_event")
    at_least = 1 if programme.expiry.span in {Span.DAYS, Span.MONTHS} else 0
    _within(programme.expiry.count, at_least, 3_660 if programme.expiry.span is Span.DAYS else 120, path="expiry.count")
    _unique([*programme.rules, *programme.multipliers], path="rules and multipliers", taken=TIER)
    for place, rule in enumerate(programme.rules):
        _check_rule(rule, path=f"rules[{place}]", vocabulary=vocabulary)
    tiers = {tier.key for tier in programme.ladder.tiers}
    for place, multiplier in enumerate(programme.multipliers):
        path = f"multipliers[{place}]"
        _check_common(multiplier, path=path, vocabulary=vocabulary)
        _factor(multiplier.factor, path=f"{path}.factor")
        if unknown := sorted(set(multiplier.tiers) - tiers):
            raise fault(f"{path}.tiers", reason=f"there is no tier {unknown[0]!r:.60}")
    _check_ladder(programme.ladder)
    _check_burning(programme.burning)


def _check_rule(rule: EarningRule, *, path: str, vocabulary: predicates.Vocabulary | None) -> None:
    _check_common(rule, path=path, vocabulary=vocabulary)
    _text(rule.event, path=f"{path}.event")
    if rule.event in _ORDER_EVENTS:
        raise fault(f"{path}.event", reason=f"for purchases expected {ORDER}, not {rule.event!r}")
    if rule.event in _OWN_FACTS:
        raise fault(f"{path}.event", reason=f"{rule.event} tells of points and cannot earn any")
    of_orders = ("points_per_unit", "products", "categories", "brands", "channels", "stores", "least_minor")
    elsewhere = ("having",) if rule.event == ORDER else (*of_orders, "nth_orders")
    for name in elsewhere:
        if getattr(rule, name):
            raise fault(f"{path}.{name}", reason=f"cannot stand in a rule for {rule.event!r:.60}")
    _check_points(rule, path=path)
    _within(rule.unit_minor, 1, MAX_NUMBER, path=f"{path}.unit_minor")
    _within(rule.least_minor, 0, MAX_NUMBER, path=f"{path}.least_minor")
    for nth in rule.nth_orders:
        _within(nth, 1, MAX_NUMBER, path=f"{path}.nth_orders")
    for weekday in rule.weekdays:
        _within(weekday, 1, 7, path=f"{path}.weekdays")
    for place, cap in enumerate(rule.caps):
        _check_cap(cap, event=rule.event, path=f"{path}.caps[{place}]")
    if rule.having is not None:
        having = {"event": rule.event, "having": rule.having}
        _condition(having, path=path, vocabulary=predicates.Vocabulary(), inside="where.")


def _check_points(rule: EarningRule, *, path: str) -> None:
    _within(rule.points, 0, MAX_NUMBER, path=f"{path}.points")
    if rule.points_per_unit is not None:
        _number(rule.points_per_unit, most=1_000_000, path=f"{path}.points_per_unit")
    if not rule.points and not rule.points_per_unit:
        raise fault(f"{path}.points", reason="a rule gives points, or points_per_unit of a purchase")


def _check_common(part: EarningRule | Multiplier, *, path: str, vocabulary: predicates.Vocabulary | None) -> None:
    _names(part.name, path=f"{path}.name")
    for name in ("products", "categories", "brands", "channels", "stores", "tiers"):
        for text in getattr(part, name, ()):
            _text(text, path=f"{path}.{name}")
    if part.starts_on and part.ends_on and part.starts_on > part.ends_on:
        raise fault(f"{path}.ends_on", reason=f"{part.ends_on} lies before the first day, {part.starts_on}")
    if part.where is not None and vocabulary is not None:
        _condition(part.where, path=path, vocabulary=vocabulary)


def _condition(where: Mapping[str, Any], *, path: str, vocabulary: predicates.Vocabulary, inside: str = "") -> None:
    try:
        predicates.parse({"version": predicates.VERSION, "where": where}, vocabulary=vocabulary)
    except Invalid as error:
        place, _, said = str(error).removeprefix(inside).partition(": ")
        raise fault(f"{path}.{place}", reason=said) from None


def _check_cap(cap: types.Cap, *, event: str, path: str) -> None:
    if cap.points is None and cap.times is None:
        raise fault(path, reason="a cap says points or times")
    for name in ("points", "times"):
        if getattr(cap, name) is not None:
            _within(getattr(cap, name), 1, MAX_NUMBER, path=f"{path}.{name}")
    if cap.per is Per.ORDER and (event != ORDER or cap.times is not None):
        raise fault(path, reason="a cap for an order is of points, in a rule for orders")


def _check_ladder(ladder: types.Ladder) -> None:
    _unique(ladder.tiers, path="ladder.tiers")
    last = None
    for place, tier in enumerate(ladder.tiers):
        path = f"ladder.tiers[{place}]"
        _names(tier.name, path=f"{path}.name")
        _number(tier.threshold, most=10**15 - 1, path=f"{path}.threshold")
        _factor(tier.multiplier, path=f"{path}.multiplier")
        if last is not None and tier.threshold <= last:
            raise fault(f"{path}.threshold", reason=f"expected more than the {last} of the tier below")
        last = tier.threshold
        for texts in tier.benefits.values():
            for text in texts:
                _text(text, path=f"{path}.benefits")
    _within(ladder.window_months, 1, 120, path="ladder.window_months")
    _within(ladder.validity_months, 1, 120, path="ladder.validity_months")
    _within(ladder.grace_days, 0, 366, path="ladder.grace_days")


def _check_burning(burning: types.Burning) -> None:
    _within(burning.points_step, 1, MAX_NUMBER, path="burning.points_step")
    _within(burning.step_minor, 1, MAX_NUMBER, path="burning.step_minor")
    _within(burning.least_points, 0, MAX_NUMBER, path="burning.least_points")
    _number(burning.most_share, most=1, path="burning.most_share")
    _within(burning.hold_minutes, 1, 10_080, path="burning.hold_minutes")


def is_key(text: str) -> bool:
    """Whether parts of a programme and rewards can be called so by other systems: `double-points-week`."""
    return len(text) <= MAX_KEY_LENGTH and _KEY.fullmatch(text) is not None


def _unique(parts: Sequence[EarningRule | Multiplier | Tier], *, path: str, taken: str = "") -> None:
    keys = [part.key for part in parts]
    if len(keys) > MAX_RULES:
        raise fault(path, reason=f"expected at most {MAX_RULES}, not {len(keys)}")
    seen = {taken}
    for key in keys:
        if not is_key(key):
            raise fault(
                path,
                reason=f"a key has 1 to {MAX_KEY_LENGTH} small letters and digits with single - or _ between, "
                f"not {key!r:.80}",
            )
        if key in seen:
            raise fault(path, reason=f"the key {key!r} is taken")
        seen.add(key)


def _names(name: Mapping[str, str], *, path: str) -> None:
    if not name:
        raise fault(path, reason="expected a name in one language at least, en or tr")
    for language, text in name.items():
        _text(text, path=f"{path}.{language}")


def _text(text: str, *, path: str) -> None:
    if not text.strip() or len(text) > MAX_TEXT_LENGTH or not text.isprintable():
        raise fault(path, reason=f"expected 1 to {MAX_TEXT_LENGTH} printable characters, not {text!r:.60}")


def _within(number: int, least: int, most: int, *, path: str) -> None:
    if not least <= number <= most:
        raise fault(path, reason=f"expected a whole number from {least} to {most}, not {number}")


def _number(number: Decimal, *, most: int, path: str) -> None:
    digits = number.as_tuple()
    # What has more digits would come back from JSON as another number.
    if not number.is_finite() or not 0 <= number <= most or len(digits.digits) > 15 or int(digits.exponent) < -6:
        raise fault(path, reason=f"expected a number from 0 to {most} with at most 6 decimals, not {number}")


def _factor(number: Decimal, *, path: str) -> None:
    _number(number, most=100, path=path)
    if not number:
        raise fault(path, reason="expected a number above 0")


def fault(path: str, *, reason: str) -> Invalid:
    """What is wrong, and where."""
    return Invalid(f"programme.{path}: {reason}")
