"""The arithmetic of figures, without a database."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from sadakat.analytics import rules
from sadakat.analytics.types import PeriodFigures
from sadakat.kernel.money import Money
from sadakat.kernel.time import Period, PeriodKind

NOTHING = Money(0, "TRY")
WEEK = PeriodFigures(
    period=PeriodKind.WEEK,
    period_start=date(2026, 11, 9),
    period_end=date(2026, 11, 16),
    customers=3,
    orders=4,
    revenue=Money(1234, "TRY"),
    new_customers=0,
    returning_customers=3,
    new_customer_revenue=NOTHING,
    returning_customer_revenue=Money(1234, "TRY"),
    repeat_purchase_rate=1 / 3,
    guest_checkout_rate=None,
    retention_rate=0.0,
    churn_rate=1.0,
)


@given(total=st.integers(0, 10**15), count=st.integers(1, 10**9))
def test_a_mean_amount_is_rounded_half_up(total: int, count: int) -> None:
    assert rules.mean_money(total, count, currency="TRY") == Money(
        floor(Fraction(total, count) + Fraction(1, 2)), "TRY"
    )


@given(part=st.integers(0, 10**15))
def test_a_ratio_to_nothing_is_nothing(part: int) -> None:
    assert rules.ratio(part, 0) is None
    assert rules.mean_money(part, 0, currency="TRY") is None
    assert rules.ratio(0, part + 1) == 0.0


def test_a_trailing_window_over_a_leap_day_has_365_days_as_well() -> None:
    assert rules.trailing(date(2024, 3, 1)) == Period(date(2023, 3, 2), date(2024, 3, 1))
    assert rules.trailing(date(2025, 3, 1)) == Period(date(2024, 3, 1), date(2025, 3, 1))


@given(end=st.dates(date(1990, 1, 1), date(2100, 1, 1)), kind=st.sampled_from(PeriodKind), count=st.integers(1, 60))
def test_periods_follow_each_other_without_a_gap(end: date, kind: PeriodKind, count: int) -> None:
    periods = rules.periods_until(end, kind=kind, count=count)

    assert len(periods) == count
    assert [period.end for period in periods[:-1]] == [period.start for period in periods[1:]]
    longest = {PeriodKind.WEEK: 7, PeriodKind.MONTH: 31, PeriodKind.QUARTER: 92, PeriodKind.YEAR: 366}[kind]
    assert timedelta(0) <= end - periods[-1].end < timedelta(longest)


def test_the_json_form_is_flat() -> None:
    assert rules.as_json(replace(WEEK, revenue=Money(5, "KWD"))) == {
        "period": "week",
        "period_start": "2026-11-09",
        "period_end": "2026-11-16",
        "customers": 3,
        "orders": 4,
        "revenue": {"amount": 5, "currency": "KWD"},
        "new_customers": 0,
        "returning_customers": 3,
        "new_customer_revenue": {"amount": 0, "currency": "TRY"},
        "returning_customer_revenue": {"amount": 1234, "currency": "TRY"},
        "repeat_purchase_rate": 1 / 3,
        "guest_checkout_rate": None,
        "retention_rate": 0.0,
        "churn_rate": 1.0,
    }
