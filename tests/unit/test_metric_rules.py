"""The arithmetic of figures, without a database."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.analytics import rules
from sadakat.analytics.rules import SaidSpend
from sadakat.analytics.types import PeriodFigures
from sadakat.kernel.errors import Invalid
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
    marketing_spend=NOTHING,
    acquisition_cost=None,
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
        "marketing_spend": {"amount": 0, "currency": "TRY"},
        "acquisition_cost": None,
    }


def said(**changes: object) -> SaidSpend:
    return SaidSpend(**{"date": "2026-11-20", "channel": "Google Ads", "amount": Decimal("12.5"), **changes})  # type: ignore[arg-type]


def test_what_is_said_of_spend_is_read() -> None:
    spent = rules.spent(said(campaign=" Yılbaşı ", currency="eur"))
    assert spent.key == (date(2026, 11, 20), date(2026, 11, 20), "google_ads", "Yılbaşı")
    assert (spent.amount, spent.currency) == (Decimal("12.5"), "EUR")
    week = rules.spent(said(date=None, from_date="2026-11-16", to_date="2026-11-22", amount=Decimal(0)))
    assert (week.from_date, week.to_date, week.campaign, week.amount, week.currency) == (
        date(2026, 11, 16),
        date(2026, 11, 22),
        "",
        0,
        "",
    )
    february = rules.spent(said(date=None, month="2028-02"))
    assert (february.from_date, february.to_date) == (date(2028, 2, 1), date(2028, 2, 29))
    assert rules.months_of(rules.spent(said(date=None, from_date="2026-10-31", to_date="2026-12-01"))) == {
        "2026-10",
        "2026-11",
        "2026-12",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"date": None}, "the days must be said once, by date, by month, by from_date and to_date; said is nothing"),
        ({"month": "2026-11"}, "said is date, month"),
        ({"date": None, "from_date": "2026-11-01"}, "said is from_date and to_date"),
        (
            {"date": "20.11.2026"},
            "a day is like 2026-11-20 and a month like 2026-11, from 1990 to 2100, not '20.11.2026'",
        ),
        ({"date": "2026-02-30"}, "not '2026-02-30'"),
        ({"date": "1989-12-31"}, "not '1989-12-31'"),
        ({"date": None, "from_date": "2026-11-02", "to_date": "2026-11-01"}, "from_date first, not from 2026-11-02"),
        ({"date": None, "from_date": "2025-01-01", "to_date": "2026-01-02"}, "a spend lasts 1 to 366 days"),
        ({"channel": " – "}, "a channel has 1 to 40 letters and digits, not ' – '"),
        ({"channel": "a" * 41}, "a channel has 1 to 40 letters"),
        ({"campaign": "a" * 201}, "campaign may have 200 characters, not 201"),
        ({"amount": None}, "amount must be a number from 0 to 10000000000, not None"),
        ({"amount": Decimal(-1)}, "not -1"),
        ({"amount": Decimal("NaN")}, "not NaN"),
        ({"currency": "lira"}, "currency must be three letters such as TRY, not 'lira'"),
    ],
)
def test_spend_that_cannot_be_read_is_refused_with_its_reason(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        rules.spent(said(**changes))
    assert reason in str(refusal.value)
