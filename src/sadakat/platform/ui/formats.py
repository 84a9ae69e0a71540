"""Numbers, money and moments as the reader's language writes them.

The language is the active one; currency, zone and clock are arguments. What is not known (None) is an en
dash. Minus is the true minus sign, as wide as a plus. Halves round away from zero, as people expect of prices.
"""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from django.utils.translation import get_language, pgettext

from sadakat.kernel import money as kernel_money

Number = int | float | Decimal
UNKNOWN: Final = "–"
_ENGLISH: Final = Locale("en", "GB")  # its day stands before the month, as in Turkish
_TURKISH: Final = Locale("tr", "TR")


def _locale() -> Locale:
    return _TURKISH if (get_language() or "").startswith("tr") else _ENGLISH


def _rounded(value: Number, decimals: int) -> Decimal:
    # repr of a float is its shortest decimal form: 0.145 stays 0.145 and not 0.14499999….
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return rounded or abs(rounded)  # no −0


def _signed(value: Decimal, text: str, *, is_change: bool) -> str:
    if value < 0:
        return f"−{text}"
    return f"+{text}" if is_change and value > 0 else text


def _plain(value: Decimal, decimals: int) -> str:
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return numbers.format_decimal(abs(value), pattern, locale=_locale())


def _percent(value: Number, decimals: int, *, is_change: bool) -> str:
    rounded = _rounded(Decimal(str(value)) * 100, decimals)
    text = _plain(rounded, decimals)
    return _signed(rounded, f"%{text}" if _locale() is _TURKISH else f"{text}%", is_change=is_change)


def _symbol(currency: str) -> str:
    # British English writes US$ and TRY; Turkish has the signs alone, which both languages can read.
    return numbers.get_currency_symbol(currency, locale=_TURKISH)


def number(value: Number | None, *, decimals: int = 0) -> str:
    """`18,412`; in Turkish `18.412`."""
    if value is None:
        return UNKNOWN
    rounded = _rounded(value, decimals)
    return _signed(rounded, _plain(rounded, decimals), is_change=False)


def compact(value: Number | None) -> str:
    """`1.2M`; in Turkish `1,2 Mn`. For axes and small places."""
    if value is None:
        return UNKNOWN
    exact = Decimal(str(value))
    text = numbers.format_compact_decimal(float(abs(exact)), locale=_locale(), fraction_digits=1)
    return _signed(exact, text.replace("\N{NO-BREAK SPACE}", " "), is_change=False)


def percent(ratio: Number | None, *, decimals: int = 1) -> str:
    """A fraction as `41.8%`; in Turkish `%41,8`."""
    return UNKNOWN if ratio is None else _percent(ratio, decimals, is_change=False)


def percent_change(ratio: Number | None, *, decimals: int = 1) -> str:
    """A relative change as `+4.6%`; in Turkish `+%4,6`."""
    return UNKNOWN if ratio is None else _percent(ratio, decimals, is_change=True)


def points_change(difference: Number | None, *, decimals: int = 1) -> str:
    """The difference of two fractions in percentage points: `+2.1 pt`; in Turkish `+2,1 puan`."""
    if difference is None:
        return UNKNOWN
    rounded = _rounded(Decimal(str(difference)) * 100, decimals)
    unit = pgettext("percentage points", "pt")
    return _signed(rounded, f"{_plain(rounded, decimals)} {unit}", is_change=True)


def money(amount_minor: Number | None, *, currency: str, has_decimals: bool = True) -> str:
    """Minor units as `₺1,284.50`; in Turkish `₺1.284,50`. Without decimals for figures and axes."""
    if amount_minor is None:
        return UNKNOWN
    digits = kernel_money.minor_digits(currency)
    decimals = digits if has_decimals else 0
    rounded = _rounded(Decimal(str(amount_minor)).scaleb(-digits), decimals)
    return _signed(rounded, _symbol(currency) + _plain(rounded, decimals), is_change=False)


def compact_money(amount_minor: Number | None, *, currency: str) -> str:
    """Minor units as `₺1.2M`; in Turkish `₺1,2 Mn`."""
    if amount_minor is None:
        return UNKNOWN
    major = Decimal(str(amount_minor)).scaleb(-kernel_money.minor_digits(currency))
    return _signed(major, _symbol(currency) + compact(abs(major)), is_change=False)


def long_date(day: date | None) -> str:
    """`12 November 2026`; in Turkish `12 Kasım 2026`."""
    return UNKNOWN if day is None else dates.format_date(day, "d MMMM y", locale=_locale())


def short_date(day: date | None) -> str:
    """`12 Nov 2026`; in Turkish `12 Kas 2026`."""
    return UNKNOWN if day is None else dates.format_date(day, "d MMM y", locale=_locale())


def day_month(day: date | None) -> str:
    """`12 Nov`; in Turkish `12 Kas`. For axes."""
    return UNKNOWN if day is None else dates.format_date(day, "d MMM", locale=_locale())


def month(day: date | None) -> str:
    """The month of a day, with its year: `Nov 2026`; in Turkish `Kas 2026`."""
    return UNKNOWN if day is None else dates.format_date(day, "LLL y", locale=_locale())


def instant(at: datetime | None, *, zone: ZoneInfo) -> str:
    """An instant in `zone`: `12 Nov 2026 14:05`; in Turkish `12 Kas 2026 14:05`."""
    return UNKNOWN if at is None else f"{short_date(at.astimezone(zone).date())} {clock(at, zone=zone)}"


def clock(at: datetime | None, *, zone: ZoneInfo) -> str:
    """The time of day of an instant in `zone`: `14:05`."""
    return UNKNOWN if at is None else at.astimezone(zone).strftime("%H:%M")


def relative(at: datetime | None, *, now: datetime) -> str:
    """How far `at` lies from `now`: `3 days ago`; in Turkish `3 gün önce`."""
    return UNKNOWN if at is None else dates.format_timedelta(at - now, add_direction=True, locale=_locale())
