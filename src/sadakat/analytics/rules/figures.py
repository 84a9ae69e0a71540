"""Arithmetic of the figures, and what an event says of marketing spend."""

import re
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

from sadakat.analytics.types import PeriodFigures
from sadakat.events.types import Event
from sadakat.kernel import money, text, time
from sadakat.kernel.errors import Invalid
from sadakat.kernel.money import Money
from sadakat.kernel.time import Period, PeriodKind

TRAILING_DAYS: Final = 365
SPEND_RECORDED: Final = "Marketing Spend Recorded"
MAX_SPAN_DAYS: Final = 366
MAX_CHANNEL_LENGTH: Final = 40
MAX_CAMPAIGN_LENGTH: Final = 200
MAX_SPEND: Final = 10**10  # of major units; at any rate of exchange it then fits a bigint of minor units
FIRST_YEAR, LAST_YEAR = 1990, 2100


class SaidSpend(msgspec.Struct, kw_only=True):
    """The properties of an event about marketing spend, not yet checked."""

    date: str | None = None
    from_date: str | None = None
    to_date: str | None = None
    month: str | None = None
    channel: str | None = None
    campaign: str | None = None
    amount: Decimal | None = None
    currency: str | None = None


class _SpendMessage(msgspec.Struct):
    properties: SaidSpend


_decode_spend = msgspec.json.Decoder(_SpendMessage).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent, read and checked."""

    from_date: date
    to_date: date
    """The last day."""
    channel: str
    """Small letters, digits and underscores."""
    campaign: str
    """Empty for none."""
    amount: Decimal
    """Of major units."""
    currency: str
    """Empty for the brand's."""

    @property
    def key(self) -> tuple[date, date, str, str]:
        """What is spoken of; the latest word about it holds."""
        return self.from_date, self.to_date, self.channel, self.campaign


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


def plain(value: Any) -> Any:
    """A figure as a number: money in minor units, all else as it is."""
    return value.amount_minor if isinstance(value, Money) else value


def read_spend(event: Event) -> Spent:
    """The marketing spend in a log row.

    Raises:
        Invalid: the message names field and value.
    """
    if not event.body:
        raise Invalid("the event has been erased and cannot be read any more")
    try:
        said = _decode_spend(event.body).properties
    except msgspec.DecodeError as error:
        raise Invalid(f"{event.event} cannot be read: {error}") from None
    return spent(said)


def spent(said: SaidSpend) -> Spent:
    """The checked form of what is said.

    Raises:
        Invalid: the message names field and value.
    """
    first, last = span_of(said)
    campaign = (said.campaign or "").strip()
    if len(campaign) > MAX_CAMPAIGN_LENGTH:
        raise Invalid(f"campaign may have {MAX_CAMPAIGN_LENGTH} characters, not {len(campaign)}")
    amount = said.amount
    if amount is None or not amount.is_finite() or not 0 <= amount <= MAX_SPEND:
        raise Invalid(f"amount must be a number from 0 to {MAX_SPEND}, not {amount!s:.40}")
    return Spent(
        from_date=first,
        to_date=last,
        channel=channel_key(said.channel or ""),
        campaign=campaign,
        amount=amount,
        currency=money.currency_code(said.currency) if said.currency else "",
    )


def span_of(said: SaidSpend) -> tuple[date, date]:
    """First and last day of a spend: those of `date`, of `from_date` and `to_date`, or of `month`.

    >>> span_of(SaidSpend(month="2026-11"))
    (datetime.date(2026, 11, 1), datetime.date(2026, 11, 30))

    Raises:
        Invalid: none or several of the three are said, or they are no days of one year's length at most.
    """
    ways = {
        "date": (said.date, said.date),
        "month": (said.month, said.month),
        "from_date and to_date": (said.from_date, said.to_date),
    }
    found = [way for way, texts in ways.items() if any(texts)]
    if len(found) != 1 or not all(ways[found[0]]):
        raise Invalid(f"the days must be said once, by {', by '.join(ways)}; said is {', '.join(found) or 'nothing'}")
    first, last = (_day(part or "") for part in ways[found[0]])
    if found == ["month"]:
        last = time.period_containing(first, kind=PeriodKind.MONTH).end - timedelta(days=1)
    if not first <= last < first + timedelta(days=MAX_SPAN_DAYS):
        raise Invalid(f"a spend lasts 1 to {MAX_SPAN_DAYS} days, from_date first, not from {first} to {last}")
    return first, last


def months_of(spent: Spent) -> set[str]:
    """The months that a spend has days in, as partitions of the lake are named."""
    days = (spent.to_date - spent.from_date).days + 1
    return {f"{spent.from_date + timedelta(days=n):%Y-%m}" for n in range(days)}


def channel_key(name: str) -> str:
    """The name of a channel as it is kept, so that `Google Ads` and `google-ads` are one.

    >>> channel_key(" Google Ads "), channel_key("Çağrı Merkezi")
    ('google_ads', 'cagri_merkezi')

    Raises:
        Invalid: no letter or digit is in it, or it is too long.
    """
    key = "_".join(re.findall(r"[^\W_]+", text.fold(name)))
    if not 0 < len(key) <= MAX_CHANNEL_LENGTH:
        raise Invalid(f"a channel has 1 to {MAX_CHANNEL_LENGTH} letters and digits, not {name!r:.60}")
    return key


def _day(said: str) -> date:
    """The day of an ISO text, the first one of a month's."""
    form = re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", said, re.ASCII)
    try:
        day = date(int(form[1]), int(form[2]), int(form[3] or 1)) if form else None
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid(
            f"a day is like 2026-11-20 and a month like 2026-11, from {FIRST_YEAR} to {LAST_YEAR}, not {said!r:.40}"
        )
    return day
