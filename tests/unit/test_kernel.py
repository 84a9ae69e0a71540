"""Money, periods and Turkish text: what the doctests do not show."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.kernel import ids, money, sharing, text, time
from sadakat.kernel.errors import Invalid

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1))
KINDS = st.sampled_from(time.PeriodKind)


@given(amount=st.integers(-(10**14), 10**14), currency=st.sampled_from(["TRY", "JPY", "KWD"]))
def test_minor_units_survive_the_way_there_and_back(amount: int, currency: str) -> None:
    assert money.to_minor(money.to_major(amount, currency=currency), currency=currency) == amount


@given(st.lists(st.fractions(-(10**9), 10**9), max_size=6))
def test_rounded_shares_keep_their_sum_and_are_off_by_less_than_one(shares: list[Fraction]) -> None:
    shares.append(-(sum(shares, Fraction()) % 1))
    parts = sharing.rounded(shares)
    assert sum(parts) == sum(shares)
    assert all(abs(part - share) < 1 for part, share in zip(parts, shares, strict=True))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12.345", 1235), ("-12.345", -1235), (0.1, 10), (19.99, 1999), (" 7 ", 700), ("1e2", 10000)],
)
def test_decimal_texts_become_minor_units(value: object, expected: int) -> None:
    assert money.to_minor(value, currency="TRY") == expected


@pytest.mark.parametrize("value", ["", "12,5", "NaN", "Infinity", True, None, [], "1e30", 1e300, "x"])
def test_what_is_not_an_amount_is_refused_with_what_came(value: object) -> None:
    with pytest.raises(Invalid, match="price must be"):
        money.to_minor(value, currency="TRY", name="price")


@pytest.mark.parametrize("value", ["TL", "TRYX", "T1Y", "₺₺₺", None, 949])
def test_what_is_not_a_currency_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match="three letters"):
        money.currency_code(value)


def test_conversion_respects_the_digits_of_both_currencies() -> None:
    assert money.convert(1000, source="JPY", target="TRY", rate=Decimal("0.21")) == 21000
    assert money.convert(1, source="KWD", target="JPY", rate=Decimal(500)) == 0


@given(day=DAYS, kind=KINDS)
def test_a_period_holds_its_day_and_touches_its_neighbours(day: date, kind: time.PeriodKind) -> None:
    period = time.period_containing(day, kind=kind)
    before = time.period_before(period, kind=kind)
    assert period.start <= day < period.end
    assert before.end == period.start
    assert time.period_containing(period.end, kind=kind).start == period.end


@given(as_of=DAYS, kind=KINDS)
def test_the_latest_period_has_ended_and_the_next_one_has_not(as_of: date, kind: time.PeriodKind) -> None:
    period = time.latest_period(as_of, kind=kind)
    assert period.end <= as_of < time.period_containing(period.end, kind=kind).end


def test_local_days_begin_at_local_midnight() -> None:
    zone = time.zone("America/New_York")
    assert time.midnight(date(2018, 1, 1), time_zone=zone) == time.instant("2018-01-01T05:00:00Z")
    summer = time.midnight(date(2018, 3, 12), time_zone=zone) - time.midnight(date(2018, 3, 11), time_zone=zone)
    assert summer == timedelta(hours=23)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../etc/passwd", "+03:00"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="IANA time zone"):
        time.zone(name)


@pytest.mark.parametrize("value", ["2026-11-22", "2026-11-22T10:00:00", "yesterday"])
def test_an_instant_needs_an_offset(value: str) -> None:
    with pytest.raises(Invalid, match=r"instant|offset"):
        time.instant(value)


@given(st.text(alphabet="aâbcçdefgğhıiîjklmnoöprsştuüvyzAÂBCÇDEFGĞHIİÎJKLMNOÖPRSŞTUÜVYZ "))
def test_turkish_case_goes_there_and_back_and_folds_alike(word: str) -> None:
    assert text.lower(text.upper(word)) == text.lower(word)
    assert text.fold(text.upper(word)) == text.fold(text.lower(word)) == text.fold(word)
    assert text.fold(word).isascii()


@given(st.integers(1, 9), st.text(max_size=40), st.integers(1, 9), st.text(max_size=40))
def test_message_keys_are_equal_exactly_when_source_and_id_are(a: int, x: str, b: int, y: str) -> None:
    assert (ids.message_key(a, x) == ids.message_key(b, y)) == ((a, x) == (b, y))
