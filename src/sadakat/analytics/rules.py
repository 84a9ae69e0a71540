"""Arithmetic of the figures: from sums to rates, and from a date to the days that it looks at."""

from dataclasses import fields
from datetime import date, timedelta
from enum import Enum
from typing import Any, Final

from sadakat.analytics.types import PeriodFigures
from sadakat.kernel import time
from sadakat.kernel.money import Money
from sadakat.kernel.time import Period, PeriodKind

TRAILING_DAYS: Final = 365


def trailing(end: date) -> Period:
    """The 365 days that end before `end`.

    >>> trailing(date(2018, 1, 1)).start
    datetime.date(2017, 1, 1)
    """
    return Period(end - timedelta(days=TRAILING_DAYS), end)


def periods_until(end: date, *, kind: PeriodKind, count: int) -> list[Period]:
    """The latest `count` whole periods that ended on or before `end`, earliest first.

    >>> [period.start.month for period in periods_until(date(2018, 2, 14), kind=PeriodKind.QUARTER, count=2)]
    [7, 10]
    """
    periods = [time.latest_period(end, kind=kind)]
    while len(periods) < count:
        periods.append(time.period_before(periods[-1], kind=kind))
    return periods[::-1]


def ratio(part: int, whole: int) -> float | None:
    """`part` of `whole`; None when there is nothing to divide by.

    >>> ratio(1, 4), ratio(0, 4), ratio(0, 0)
    (0.25, 0.0, None)
    """
    return part / whole if whole else None


def mean_money(total_minor: int, count: int, *, currency: str) -> Money | None:
    """The mean amount, rounded half up to a minor unit; None over nothing.

    >>> mean_money(1001, 2, currency="TRY"), mean_money(0, 0, currency="TRY")
    (Money(amount_minor=501, currency='TRY'), None)
    """
    return Money((2 * total_minor + count) // (2 * count), currency) if count else None


def as_json(figures: PeriodFigures) -> dict[str, Any]:
    """One flat object by the names of the fields: rates as fractions, money in minor units, dates as ISO.

    Dates come first, then figures; `period_end` is the first day after the period.
    """
    names = [field.name for field in fields(figures)]
    first = [name for name in ("as_of", "period", "period_start", "period_end") if name in names]
    return {name: _json_value(getattr(figures, name)) for name in dict.fromkeys(first + names)}


def _json_value(value: Any) -> Any:
    if isinstance(value, Money):
        return value.as_json()
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
