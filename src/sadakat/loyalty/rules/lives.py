"""How long points live."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sadakat.kernel import time
from sadakat.loyalty.types import Expiry, Span


def expires_at(expiry: Expiry, *, active_at: datetime, time_zone: ZoneInfo) -> datetime | None:
    """The instant at which points that become active at `active_at` are gone; None: never.

    They are good through a whole local day and gone at 00:00 of the next one. Months clamp to the end of a shorter one.

    >>> istanbul = ZoneInfo("Europe/Istanbul")
    >>> expires_at(Expiry(Span.MONTHS, 1), active_at=time.instant("2027-01-31T12:00+03:00"), time_zone=istanbul)
    datetime.datetime(2027, 2, 28, 21, 0, tzinfo=datetime.timezone.utc)
    """
    last = _last_day(expiry, active_at.astimezone(time_zone).date())
    return None if last is None else time.midnight(last + timedelta(days=1), time_zone=time_zone)


def _last_day(expiry: Expiry, day: date) -> date | None:
    match expiry.span:
        case Span.NEVER:
            return None
        case Span.DAYS:
            return day + timedelta(days=expiry.count)
        case Span.MONTHS:
            return time.months_on(day, expiry.count)
        case Span.END_OF_MONTH:
            return time.months_on(day.replace(day=1), expiry.count + 1) - timedelta(days=1)
        case Span.END_OF_YEAR:
            return date(day.year + expiry.count, 12, 31)
