"""What the cell of a file says: numbers, days, times, names and flags as people in Türkiye and elsewhere write them."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from sadakat.events.types import CellType, FileFormat
from sadakat.kernel import text as letters
from sadakat.kernel.errors import Invalid

# What spreadsheets and databases write for nothing. Only in capitals: Null is also a surname.
EMPTY: Final = frozenset({"", "NULL", "#N/A", "#YOK"})
# Spreadsheets keep 15 digits of a number; a card number of 16 has lost its last one.
EXACT_BELOW: Final = 10**15
MAX_NUMBER_LENGTH: Final = 60
# Two digits of a year: a birthday of '50 and an order of '49 are both possible, the other way round neither.
CENTURY_PIVOT: Final = 50

_YES: Final = frozenset("1 e evet yes y true t x dogru var on ✓ ✔".split())
_NO: Final = frozenset("0 h hayir no n false f yanlis yok off".split())
_CURRENCY = re.compile(r"(?i)(?:₺|\$|€|£|%|\b(?:TL|TRY|USD|EUR|GBP)\b|(?<=\d)(?:TL|TRY|USD|EUR|GBP)\b)")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBERS: Final = {
    ",": re.compile(r"(?:\d{1,3}(?:[. '’]\d{3})+|\d+)?(?:,\d+)?"),
    ".": re.compile(r"(?:\d{1,3}(?:[, '’]\d{3})+|\d+)?(?:\.\d+)?"),
}
_MONTHS: Final[Mapping[str, int]] = {
    name: number
    for names in (
        "ocak subat mart nisan mayis haziran temmuz agustos eylul ekim kasim aralik",
        "oca sub mar nis may haz tem agu eyl eki kas ara",
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
    )
    for number, name in enumerate(names.split(), start=1)
}
_YEAR_FIRST = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})|(\d{4})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4}|\d{2})(?!\d)")
_NAMED_MONTH = re.compile(r"(\d{1,2})[-. ]+([^\W\d_]{3,})[-., ]+(\d{4})")
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,})\.? (\d{1,2}),? (\d{4})")
_CLOCK = re.compile(
    r"[T, ]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?"
    r"(?: ?(AM|PM|ÖÖ|ÖS))?"
    r"(?: ?(Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?))?",
    re.IGNORECASE,
)


class Unreadable(Invalid):
    """A cell does not hold what its column is said to hold; the text says what was expected."""


def is_empty(value: object) -> bool:
    """Whether a cell says nothing.

    >>> [is_empty(value) for value in (None, "  ", "NULL", "#YOK", float("nan"), "-", 0, "Null")]
    [True, True, True, True, True, False, False, False]
    """
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() in EMPTY
    return isinstance(value, float) and math.isnan(value)


def read(value: Any, *, type: CellType, format: FileFormat, zone: ZoneInfo) -> Any:  # noqa: A002 - the cell's words
    """What a cell that is not empty says, in the type of its field; `zone` is the brand's.

    Raises:
        Unreadable: it does not say such a thing.
    """
    if type is CellType.NUMBER:
        return number(value, decimal_mark=format.decimal_mark)
    if type is CellType.INSTANT:
        return instant(value, day_order=format.day_order, zone=zone)
    if type is CellType.DAY:
        return day(value, day_order=format.day_order, zone=zone)
    if type is CellType.FLAG:
        return flag(value)
    read_as = text(value)
    return name(read_as) if type is CellType.NAME else read_as


def text(value: Any) -> str:
    r"""The text of a cell; a number of a typed file as people write it, a list or an object as JSON.

    >>> [text(value) for value in ("  Ayşe\xa0", 5321234567.0, 1.5, True, date(2026, 11, 20), ["a"])]
    ['Ayşe', '5321234567', '1.5', 'true', '2026-11-20', '["a"]']

    Raises:
        Unreadable: the file cannot hold all digits of the number, or there are bytes.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return _digits(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat().removesuffix("T00:00:00")
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    raise Unreadable(f"expected a text, not {type(value).__name__}")


def name(written: str) -> str:
    """A name that stands all in capitals as names are written, by Turkish rules; others stay as they are.

    >>> [name(written) for written in ("AYŞE IŞIK ÇAĞLAYAN-ÖZ", "de la Cruz", "O'NEİL", "Işıl")]
    ['Ayşe Işık Çağlayan-Öz', 'de la Cruz', "O'Neil", 'Işıl']
    """
    single = _SPACES.sub(" ", written)
    if single != letters.upper(single):
        return single
    return _WORD.sub(lambda word: word[0][0] + letters.lower(word[0][1:]), single)


def number(value: Any, *, decimal_mark: str) -> Decimal:
    """A number; signs of currency and per cent are read over.

    >>> [str(number(written, decimal_mark=",")) for written in ("1.234,56", "₺1.234,50", "1 234,50 TL", "%-15", "(12)")]
    ['1234.56', '1234.50', '1234.50', '-15', '-12']

    Raises:
        Unreadable: it is none; a point among digits that are no thousands is not guessed at.
    """
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        read = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if read.is_finite():
            return read
    if isinstance(value, str) and len(value) <= MAX_NUMBER_LENGTH:
        plain = _SPACES.sub(" ", _CURRENCY.sub(" ", value)).strip().replace("\N{MINUS SIGN}", "-")
        if (plain.startswith("(") and plain.endswith(")")) or (plain.endswith("-") and not plain.startswith("-")):
            plain = f"-{plain.strip('()-')}"
        digits = plain.removeprefix("-").removeprefix("+").strip()
        if digits and _NUMBERS[decimal_mark].fullmatch(digits):
            whole, _, fraction = digits.partition(decimal_mark)
            sign = "-" if plain.startswith("-") else ""
            return Decimal(f"{sign}{re.sub('[^0-9]', '', whole) or 0}{fraction and '.'}{fraction}")
    raise Unreadable(f"expected a number such as {'1.234,56' if decimal_mark == ',' else '1,234.56'}")


def instant(value: Any, *, day_order: str, zone: ZoneInfo) -> datetime:
    """A time, UTC; one without a zone is local, a day alone its midnight.

    >>> istanbul = ZoneInfo("Europe/Istanbul")
    >>> for written in ("20.11.2026 14:30", "20/11/26", "2026-11-20T14:30Z", "20 Kasım 2026", "Nov 20, 2026 2:30 PM"):
    ...     print(instant(written, day_order="dmy", zone=istanbul).isoformat())
    2026-11-20T11:30:00+00:00
    2026-11-19T21:00:00+00:00
    2026-11-20T14:30:00+00:00
    2026-11-19T21:00:00+00:00
    2026-11-20T11:30:00+00:00

    Raises:
        Unreadable: it is none, in that order of day and month.
    """
    local = _moment(value, day_order=day_order)
    if local.tzinfo is None:
        local = local.replace(tzinfo=zone)
    try:
        return local.astimezone(UTC)
    except OverflowError:
        raise _no_day(day_order) from None


def day(value: Any, *, day_order: str, zone: ZoneInfo) -> date:
    """A day; of a time with a zone, the day that it was in `zone`.

    >>> day("29.02.2024", day_order="dmy", zone=ZoneInfo("Europe/Istanbul"))
    datetime.date(2024, 2, 29)

    Raises:
        Unreadable: it is none, in that order of day and month.
    """
    moment = _moment(value, day_order=day_order)
    return (moment if moment.tzinfo is None else moment.astimezone(zone)).date()


def flag(value: Any) -> bool:
    """A yes or a no, in English or Turkish.

    >>> [flag(value) for value in ("Evet", "HAYIR", "x", 1.0, "false", True)]
    [True, False, True, True, False, True]

    Raises:
        Unreadable: it is neither.
    """
    said = letters.fold(value) if isinstance(value, str) else text(value)
    if said in _YES:
        return True
    if said in _NO:
        return False
    raise Unreadable("expected yes or no")


def plain(value: Any, *, zone: ZoneInfo) -> Any:
    """A cell as JSON can say it, for what is kept under a name of its own: texts stay texts, numbers numbers.

    >>> plain(3.0, zone=ZoneInfo("Europe/Istanbul")), plain(" 06100 ", zone=ZoneInfo("Europe/Istanbul"))
    (3, '06100')

    Raises:
        Unreadable: it cannot.
    """
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == (whole := int(value)):
        return whole
    if isinstance(value, datetime):
        return instant(value, day_order="dmy", zone=zone).isoformat()
    return value if isinstance(value, bool | int | float | Decimal | list | dict) else text(value)


def written(value: Any, *, decimal_mark: str) -> str:
    """A cell as it is written into a CSV file from which it can be read again."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | Decimal):
        return str(int(value)) if value == int(value) else _plain_digits(value).replace(".", decimal_mark)
    return text(value)


def _digits(value: float | Decimal) -> str:
    if not math.isfinite(value):
        raise Unreadable("expected a text, not a number without end")
    if isinstance(value, float) and abs(value) >= EXACT_BELOW:
        raise Unreadable("expected a text: spreadsheets round numbers of more than 15 digits")
    return str(int(value)) if value == int(value) else _plain_digits(value)


def _plain_digits(value: float | Decimal) -> str:
    return f"{Decimal(repr(value)) if isinstance(value, float) else value:f}"


def _moment(value: Any, *, day_order: str) -> datetime:
    """The time as it is written, without a zone where it names none."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, str):
        single = _SPACES.sub(" ", value.strip())
        try:
            year, month, day_, rest = _date_parts(single, day_order=day_order)
            return _with_clock(datetime(year, month, day_), rest)  # noqa: DTZ001 - the zone is the caller's
        except ValueError:
            pass
    raise _no_day(day_order)


def _date_parts(single: str, *, day_order: str) -> tuple[int, int, int, str]:
    """Year, month, day and what stands behind them; ValueError where there are none."""
    if found := _YEAR_FIRST.match(single):
        year, month, day_ = (int(part) for part in found.groups() if part is not None)
    elif found := _YEAR_LAST.match(single):
        first, second, last = found.groups()
        year = int(last) if len(last) == 4 else int(last) + (2000 if int(last) < CENTURY_PIVOT else 1900)
        day_, month = (int(first), int(second)) if day_order == "dmy" else (int(second), int(first))
    elif found := _NAMED_MONTH.match(single):
        year, month, day_ = int(found[3]), _month(found[2]), int(found[1])
    elif found := _MONTH_FIRST.match(single):
        year, month, day_ = int(found[3]), _month(found[1]), int(found[2])
    else:
        raise ValueError(single)
    return year, month, day_, single[found.end() :]


def _month(written_month: str) -> int:
    """The number of a month by its name; ValueError where there is none."""
    number_ = _MONTHS.get(letters.fold(written_month))
    if number_ is None:
        raise ValueError(written_month)
    return number_


def _with_clock(midnight: datetime, rest: str) -> datetime:
    """The day with the time of day that is written behind it; ValueError where that is none."""
    if not rest:
        return midnight
    found = _CLOCK.fullmatch(rest)
    if found is None:
        raise ValueError(rest)
    hour, minute, second, fraction, half, zone = found.groups()
    hours = int(hour)
    if half is not None:
        hours = hours % 12 + (12 if letters.fold(half) in {"pm", "os"} else 0)
    moment = midnight.replace(
        hour=hours, minute=int(minute), second=int(second or 0), microsecond=int((fraction or "0").ljust(6, "0")[:6])
    )
    if zone is None:
        return moment
    offset = "+00:00" if zone[0] not in "+-" else zone
    return moment.replace(tzinfo=datetime.fromisoformat(f"2000-01-01T00:00{offset}").tzinfo)


def _no_day(day_order: str) -> Unreadable:
    return Unreadable(f"expected a day such as {'20.11.2026' if day_order == 'dmy' else '11/20/2026'} or 2026-11-20")
