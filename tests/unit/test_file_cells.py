"""Cells of files: what people and programs write for numbers, times, names and flags."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.events.files import cells
from sadakat.events.types import CellType, FileFormat, FileKind

ISTANBUL = ZoneInfo("Europe/Istanbul")


@pytest.mark.parametrize(
    ("written", "mark", "expected"),
    [
        ("1.234,56", ",", "1234.56"),
        ("1234,56", ",", "1234.56"),
        ("₺1.234,50", ",", "1234.50"),
        ("1 234,50 TL", ",", "1234.50"),
        ("1\u202f234\u202f567,5", ",", "1234567.5"),
        ("1'234.50", ".", "1234.50"),
        ("199TL", ",", "199"),
        ("%15", ",", "15"),
        ("12,5 %", ",", "12.5"),
        ("−7", ".", "-7"),
        ("- 7", ".", "-7"),
        ("7,5-", ",", "-7.5"),
        ("(1,200.00)", ".", "-1200.00"),
        ("+3", ".", "3"),
        (",5", ",", "0.5"),
        ("1.234", ",", "1234"),
        ("1.234", ".", "1.234"),
        (12.1, ",", "12.1"),
        (Decimal("3.10"), ",", "3.10"),
        (7, ",", "7"),
    ],
)
def test_numbers(written: object, mark: str, expected: str) -> None:
    assert cells.number(written, decimal_mark=mark) == Decimal(expected)


@pytest.mark.parametrize(
    ("written", "mark"),
    [
        ("12.50", ","),  # neither thousands nor a fraction: not guessed at
        ("12,50", "."),
        ("1.23,4", ","),
        ("1,23E+11", ","),
        ("", ","),
        ("-", ","),
        ("TL", ","),
        ("12 adet", ","),
        ("9" * 61, ","),
        (True, ","),
        (float("inf"), ","),
        (date(2026, 1, 1), ","),
    ],
)
def test_what_is_no_number_is_not_guessed_at(written: object, mark: str) -> None:
    with pytest.raises(cells.Unreadable, match="expected a number such as"):
        cells.number(written, decimal_mark=mark)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_a_number_is_read_as_it_was_written(value: Decimal) -> None:
    assert cells.number(f"{value:,}", decimal_mark=".") == value
    turkish = f"{value:,}".translate(str.maketrans(",.", ".,"))
    assert cells.number(f"{turkish} TL", decimal_mark=",") == value
    assert cells.number(cells.written(value, decimal_mark=","), decimal_mark=",") == value


@pytest.mark.parametrize(
    ("written", "order", "expected"),
    [
        ("20.11.2026 14:30", "dmy", "2026-11-20T11:30:00"),
        ("20.11.2026 14:30:05", "dmy", "2026-11-20T11:30:05"),
        ("20/11/26", "dmy", "2026-11-19T21:00:00"),
        ("11/20/2026 2:30 PM", "mdy", "2026-11-20T11:30:00"),
        ("20.11.2026 02:30 ÖS", "dmy", "2026-11-20T11:30:00"),
        ("2026-11-20", "dmy", "2026-11-19T21:00:00"),
        ("20261120", "dmy", "2026-11-19T21:00:00"),
        ("2026-11-20T14:30:00Z", "dmy", "2026-11-20T14:30:00"),
        ("2026-11-20 14:30:00 UTC", "dmy", "2026-11-20T14:30:00"),
        ("2026-11-20 14:30:00 +0300", "dmy", "2026-11-20T11:30:00"),
        ("2026-11-20T14:30:00.123456789+03:00", "dmy", "2026-11-20T11:30:00.123456"),
        ("20 Kasım 2026", "dmy", "2026-11-19T21:00:00"),
        ("3 Ağu 2026 09:05", "dmy", "2026-08-03T06:05:00"),
        ("1 ŞUBAT 2026", "dmy", "2026-01-31T21:00:00"),
        ("Nov 20, 2026", "dmy", "2026-11-19T21:00:00"),
        (datetime(2026, 11, 20, 14, 30), "dmy", "2026-11-20T11:30:00"),  # noqa: DTZ001 - Excel knows no zone
        (datetime(2026, 11, 20, 14, 30, tzinfo=UTC), "dmy", "2026-11-20T14:30:00"),
        (date(2026, 11, 20), "dmy", "2026-11-19T21:00:00"),
    ],
)
def test_times(written: object, order: str, expected: str) -> None:
    read = cells.instant(written, day_order=order, zone=ISTANBUL)
    assert read == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "31.02.2026",
        "11/20/2026",
        "0000-00-00",
        "20.11",
        "14:30",
        "20 Foo 2026",
        "20.11.2026 25:00",
        "dün",
        46346.5,
        True,
    ],
)
def test_what_is_no_day_is_not_guessed_at(written: object) -> None:
    with pytest.raises(cells.Unreadable, match=r"expected a day such as 20\.11\.2026 or 2026-11-20"):
        cells.instant(written, day_order="dmy", zone=ISTANBUL)


@given(st.dates(min_value=date(1950, 1, 1), max_value=date(2049, 12, 31)))
def test_a_day_is_read_as_it_was_written(day: date) -> None:
    for form, order in (("%d.%m.%Y", "dmy"), ("%m/%d/%Y", "mdy"), ("%Y-%m-%d", "mdy"), ("%d-%m-%y", "dmy")):
        assert cells.day(day.strftime(form), day_order=order, zone=ISTANBUL) == day


def test_a_day_of_a_time_with_a_zone_is_the_local_one() -> None:
    assert cells.day("2026-11-20T22:30:00Z", day_order="dmy", zone=ISTANBUL) == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("AYŞE  IŞIK ÇAĞLAYAN-ÖZ", "Ayşe Işık Çağlayan-Öz"),
        ("İĞNE", "İğne"),
        ("Işıl Çağla", "Işıl Çağla"),
        ("mcDonald", "mcDonald"),
        ("A. YILMAZ", "A. Yılmaz"),
        ("42", "42"),
    ],
)
def test_names_in_capitals_are_written_as_names(written: str, expected: str) -> None:
    assert cells.name(written) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5321234567.0, "5321234567"),
        (12.5, "12.5"),
        (7, "7"),
        (False, "false"),
        ("  Ayşe\xa0", "Ayşe"),
        (datetime(2026, 11, 20), "2026-11-20"),  # noqa: DTZ001 - Excel knows no zone
        (Decimal("1E+3"), "1000"),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_texts_of_typed_files(value: object, expected: str) -> None:
    assert cells.text(value) == expected


def test_a_card_number_that_a_spreadsheet_has_rounded_is_refused() -> None:
    with pytest.raises(cells.Unreadable, match="more than 15 digits"):
        cells.text(4532015112830366.0)
    assert cells.text(453201511283036.0) == "453201511283036"


def test_flags() -> None:
    for yes in ("Evet", "EVET", "yes", "x", "1", 1, 1.0, True, "doğru", "TRUE"):
        assert cells.flag(yes) is True
    for no in ("hayır", "HAYIR", "No", "0", 0, False, "yok", "YANLIŞ"):
        assert cells.flag(no) is False
    for neither in ("belki", 2, "-"):
        with pytest.raises(cells.Unreadable, match="expected yes or no"):
            cells.flag(neither)


def test_only_what_surely_says_nothing_is_empty() -> None:
    for nothing in (None, "", " \xa0", "NULL", "#N/A", "#YOK", float("nan")):
        assert cells.is_empty(nothing)
    for something in ("-", "yok", "Null", "null", 0, False, "0"):
        assert not cells.is_empty(something)


def test_each_type_reads_with_the_format_of_the_file() -> None:
    format_ = FileFormat(kind=FileKind.CSV, decimal_mark=",", day_order="mdy")

    def read(value: object, kind: CellType) -> object:
        return cells.read(value, type=kind, format=format_, zone=ISTANBUL)

    assert read("1,5", CellType.NUMBER) == Decimal("1.5")
    assert read("11/20/2026", CellType.DAY) == date(2026, 11, 20)
    assert read("11/20/2026", CellType.INSTANT) == datetime(2026, 11, 19, 21, tzinfo=UTC)
    assert read("evet", CellType.FLAG) is True
    assert read("IŞIL", CellType.NAME) == "Işıl"
    assert read(" IŞIL ", CellType.TEXT) == "IŞIL"
    assert [cells.plain(v, zone=ISTANBUL) for v in (3.0, 2.5, " a ", [1], True)] == [3, 2.5, "a", [1], True]
