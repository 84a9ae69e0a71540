"""Asks a predicate of one customer in memory; the compiler for engines answers alike, held to it by a property test."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from sadakat.kernel import text, time
from sadakat.kernel.predicates.types import (
    MAX_NUMBER,
    All,
    Anniversary,
    Any_,
    Comparison,
    Consent,
    EventLeaf,
    Leaf,
    MeasureKind,
    Moment,
    Not,
    Occurrence,
    Op,
    Points,
    Predicate,
    PropertyLeaf,
    Score,
    Segment,
    Subject,
    Tier,
    Trait,
    Verdict,
    Window,
)

_FITS_MISSING: Final = frozenset({Op.IS_NOT, Op.NOT_IN})

# The one spelling of times that every engine reads; without an offset it is UTC. It names only days that there are, and
# no instants in the last year of all, which another zone would lead out of it.
_TIME = re.compile(
    r"(?!9999.{6}.)(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?)?"
)


def evaluate(predicate: Predicate, subject: Subject, *, at: datetime, time_zone: ZoneInfo) -> Verdict:
    """Whether `subject` fits at the instant `at`; local days are those of `time_zone`.

    >>> from sadakat.kernel.predicates.types import AT_LEAST_ONCE
    >>> zone = ZoneInfo("Europe/Istanbul")
    >>> ordered = EventLeaf("Order Completed", Window(within=timedelta(days=30)), None, AT_LEAST_ONCE)
    >>> said = Subject(events=[Occurrence("Order Completed", datetime(2026, 11, 1, tzinfo=UTC), {})])
    >>> evaluate(ordered, said, at=datetime(2026, 11, 22, tzinfo=UTC), time_zone=zone)
    Verdict(fits=True, changes_at=datetime.datetime(2026, 12, 1, 0, 0, tzinfo=datetime.timezone.utc))
    """
    asked = _Asked(subject, at, time_zone, [])
    fits = asked.node(predicate)
    return Verdict(fits, min(asked.boundaries, default=None))


@dataclass(slots=True)
class _Asked:
    """One customer at one moment; gathers when time alone may change an answer."""

    subject: Subject
    at: datetime
    zone: ZoneInfo
    boundaries: list[datetime]

    def node(self, predicate: Predicate, properties: Mapping[str, Any] | None = None) -> bool:
        """Every part is asked, also where the answer is known: its boundaries count."""
        match predicate:
            case All(parts):
                return all([self.node(part, properties) for part in parts])  # noqa: C419 - see above
            case Any_(parts):
                return any([self.node(part, properties) for part in parts])  # noqa: C419 - see above
            case Not(part):
                return not self.node(part, properties)
            case PropertyLeaf(name, test):
                return self.test(test, (properties or {}).get(name))
            case _:
                return self._leaf(predicate)

    def _leaf(self, leaf: Leaf) -> bool:
        subject = self.subject
        match leaf:
            case EventLeaf():
                return self._event(leaf)
            case Segment(key, is_member):
                return (key in subject.segments) is is_member
            case Trait(name, test):
                value: Any = subject.traits.get(name)
            case Score(name, test):
                value = subject.scores.get(name)
            case Consent(channel, purpose, test):
                value = subject.consents.get((channel, purpose))
            case Points(balance, test):
                value = subject.points.get(balance)
            case Tier(test):
                value = subject.tier or None
            case PropertyLeaf():
                raise AssertionError("a property is asked of an event")
        return self.test(test, value)

    def _event(self, leaf: EventLeaf) -> bool:
        found = sorted(
            (
                each
                for each in self.subject.events
                if each.event == leaf.event and self._is_inside(each.at, leaf.window)
            ),
            key=lambda each: each.at,
        )
        if leaf.having is not None:
            found = [each for each in found if self.node(leaf.having, each.properties)]
        return self.test(leaf.measure.test, _measured(leaf.measure.kind, leaf.measure.property, found))

    def _is_inside(self, happened_at: datetime, window: Window | None) -> bool:
        """Whether an event lies in the window. What has not happened yet is in none, and enters when it happens."""
        if happened_at > self.at:
            self.boundaries.append(happened_at)
            return False
        if window is None:
            return True
        if window.within is not None:
            is_inside = happened_at > self.at - window.within
            if is_inside:
                self.boundaries.append(happened_at + window.within)
            return is_inside
        assert window.start is not None
        assert window.end is not None
        return self._instant(window.start) <= happened_at < self._instant(window.end)

    def test(self, test: Comparison, value: Any) -> bool:
        """One comparison; a value of another type than the operand's is missing."""
        op, operand = test.op, test.operand
        if op is Op.EXISTS:
            return (value is not None) is operand
        if op in _ON_TIME or (op is Op.BETWEEN and isinstance(operand, tuple) and isinstance(operand[0], date)):
            moment = moment_of(value)
            return moment is not None and self._time(op, operand, moment)
        like = operand[0] if isinstance(operand, tuple) else operand
        known = _as(like, value)
        if known is None:
            return op in _FITS_MISSING
        return _COMPARE[op](known, operand)

    def _time(self, op: Op, operand: Any, moment: Moment) -> bool:
        if op is Op.ANNIVERSARY:
            return self._anniversary(operand, moment)
        instant = self._instant(moment)
        match op:
            case Op.BEFORE:
                return instant < self._instant(operand)
            case Op.AFTER:
                return instant > self._instant(operand)
            case Op.BETWEEN:
                return self._instant(operand[0]) <= instant < self._instant(operand[1])
            case _:
                is_inside = self.at - operand < instant <= self.at
                if instant > self.at:
                    self.boundaries.append(instant)
                elif is_inside:
                    self.boundaries.append(instant + operand)
                return is_inside is (op is Op.WITHIN_LAST)

    def _anniversary(self, wanted: Anniversary, moment: Moment) -> bool:
        """Whether the day comes round among the days looked at, of which today is the first."""
        today = self.at.astimezone(self.zone).date()
        self.boundaries.append(time.midnight(today + timedelta(days=1), time_zone=self.zone))
        born = moment.astimezone(self.zone).date() if isinstance(moment, datetime) else moment
        step = 1 if wanted.is_ahead else -1
        days = (today + timedelta(days=step * n) for n in range(wanted.days))
        return any(day == _in_year(born, day.year) for day in days)

    def _instant(self, moment: Moment) -> datetime:
        return moment if isinstance(moment, datetime) else time.midnight(moment, time_zone=self.zone)


@lru_cache(maxsize=1_000)
def _pattern(pattern: str) -> re.Pattern[str]:
    """ASCII classes, and `$` at the very end alone, as the engines have them."""
    is_anchored = pattern.endswith("$") and not pattern.endswith(r"\$")
    return re.compile(pattern[:-1] + r"\Z" if is_anchored else pattern, re.ASCII)


_ON_TIME: Final = frozenset({Op.BEFORE, Op.AFTER, Op.WITHIN_LAST, Op.NOT_WITHIN_LAST, Op.ANNIVERSARY})
_COMPARE: Final[Mapping[Op, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        Op.IS: lambda value, operand: value == operand,
        Op.IS_NOT: lambda value, operand: value != operand,
        Op.IN: lambda value, operand: value in operand,
        Op.NOT_IN: lambda value, operand: value not in operand,
        Op.ABOVE: lambda value, operand: value > operand,
        Op.AT_LEAST: lambda value, operand: value >= operand,
        Op.BELOW: lambda value, operand: value < operand,
        Op.AT_MOST: lambda value, operand: value <= operand,
        Op.BETWEEN: lambda value, operand: operand[0] <= value <= operand[1],
        Op.CONTAINS: lambda value, operand: operand in value,
        Op.STARTS_WITH: lambda value, operand: value.startswith(operand),
        Op.ENDS_WITH: lambda value, operand: value.endswith(operand),
        Op.MATCHES: lambda value, operand: _pattern(operand).search(value) is not None,
    }
)


def _in_year(day: date, year: int) -> date:
    """The day's anniversary; that of 29 February is 28 February in other years.

    >>> _in_year(date(2000, 2, 29), 2026)
    datetime.date(2026, 2, 28)
    """
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def _measured(kind: MeasureKind, name: str, events: Sequence[Occurrence]) -> Any:
    """The value compared, of events by time.

    Sums run in whole millionths, which add up to the same in every order and on every engine.
    """
    if kind is MeasureKind.COUNT:
        return float(len(events))
    values = [value for event in events if (value := event.properties.get(name)) is not None]
    if kind in {MeasureKind.FIRST, MeasureKind.LAST}:
        return (values[0] if kind is MeasureKind.FIRST else values[-1]) if values else None
    numbers = [millionths(number) for value in values if (number := _as(0.0, value)) is not None]
    if kind is MeasureKind.SUM:
        return sum(numbers) / 1e6
    return sum(numbers) / len(numbers) / 1e6 if numbers else None


def millionths(number: float) -> int:
    """A number in whole millionths, halves going up.

    >>> millionths(0.1), millionths(-2.5)
    (100000, -2500000)
    """
    return math.floor(number * 1e6 + 0.5)


def _as(like: object, value: Any) -> Any:
    """The value in the type of an operand; None where it has another."""
    if isinstance(like, bool):
        return value if isinstance(value, bool) else None
    if isinstance(like, str):
        return text.fold(value) if isinstance(value, str) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER
    return float(value) if is_number else None


def moment_of(value: Any) -> Moment | None:
    """An instant, a day, or the ISO text of one; None for all else."""
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    if len(value) == len("2026-11-22"):
        return date.fromisoformat(value)
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
