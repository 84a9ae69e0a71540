"""Instants, local days and whole calendar periods. The clock is always an argument."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sadakat.kernel.errors import Invalid


class PeriodKind(StrEnum):
    """The calendar periods that figures are given for."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, half-open: `start` is in, `end` is not."""

    start: date
    end: date


def instant(text: str) -> datetime:
    """The UTC instant of an ISO 8601 text with offset.

    >>> instant("2026-11-22T03:00:00+03:00").isoformat()
    '2026-11-22T00:00:00+00:00'

    Raises:
        Invalid: not ISO 8601, or without offset.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"expected an instant such as 2026-11-22T09:30:00+03:00, not {text!r:.60}") from None
    if value.tzinfo is None:
        raise Invalid(f"the instant {text!r:.60} needs an offset, such as 2026-11-22T09:30:00+03:00")
    return value.astimezone(UTC)


def zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name.

    Raises:
        Invalid: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"expected an IANA time zone such as Europe/Istanbul, not {name!r:.60}") from None


def midnight(day: date, *, time_zone: ZoneInfo) -> datetime:
    """The UTC instant at which a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=time_zone).astimezone(UTC)


def months_on(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month.

    >>> months_on(date(2027, 1, 31), 1), months_on(date(2026, 3, 10), -12)
    (datetime.date(2027, 2, 28), datetime.date(2025, 3, 10))
    """
    years, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + years, month + 1, 1)
    end = period_containing(first, kind=PeriodKind.MONTH).end
    return first.replace(day=min(day.day, (end - timedelta(days=1)).day))


def period_containing(day: date, *, kind: PeriodKind) -> Period:
    """The whole calendar period that holds `day`; weeks run from Monday to Sunday.

    >>> period_containing(date(2018, 2, 14), kind=PeriodKind.QUARTER)
    Period(start=datetime.date(2018, 1, 1), end=datetime.date(2018, 4, 1))
    """
    if kind is PeriodKind.WEEK:
        start = day - timedelta(days=day.weekday())
        return Period(start, start + timedelta(days=7))
    months = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12}[kind]
    first = (day.month - 1) // months * months
    carry, after = divmod(first + months, 12)
    return Period(date(day.year, first + 1, 1), date(day.year + carry, after + 1, 1))


def period_before(period: Period, *, kind: PeriodKind) -> Period:
    """The whole period that ends where `period` starts."""
    return period_containing(period.start - timedelta(days=1), kind=kind)


def latest_period(as_of: date, *, kind: PeriodKind) -> Period:
    """The latest whole period that ended on or before `as_of`.

    >>> latest_period(date(2018, 1, 1), kind=PeriodKind.YEAR).start
    datetime.date(2017, 1, 1)
    """
    return period_before(period_containing(as_of, kind=kind), kind=kind)
