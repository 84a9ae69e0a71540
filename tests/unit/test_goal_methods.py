"""Forecasts, progress and the parts of a change: by hand, by the worked page, by property."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sadakat.analytics.methods import decomposition, forecast, progress
from sadakat.analytics.methods.decomposition import Parts, Sales
from sadakat.analytics.types import Better
from sadakat.analytics.types.goals import Forecast, GoalState, Method

PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/goals.md"
sums = st.builds(
    lambda customers, more, revenue: Sales(customers=customers, orders=customers + more, revenue_minor=revenue),
    st.integers(1, 10**6),
    st.integers(0, 10**6),
    st.integers(1, 10**12),
)


def numbers_of_page(head: str) -> list[float]:
    """The numbers of the page's line that begins with `head`."""
    line = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(head))
    return [float(part) for part in line.removeprefix(head).replace(",", " ").split()]


def test_the_trend_of_the_page() -> None:
    found = forecast.forecast(numbers_of_page("Readings:"), ahead=3)
    assert found is not None
    value, low, high = numbers_of_page("Forecast, low, high:")
    assert (round(found.value, 2), round(found.low, 2), round(found.high, 2)) == (value, low, high)
    assert (found.method, found.count) == (Method.TREND, 6)


def test_the_line_is_that_of_scipy_with_its_interval() -> None:
    values = [3.0, 5.0, 4.0, 8.0, 7.5, 9.0, 12.0]
    line = stats.linregress(range(7), values)
    left = sum((v - line.intercept - line.slope * n) ** 2 for n, v in enumerate(values))
    error = math.sqrt(left / 5 * (1 + 1 / 7 + (10 - 3) ** 2 / 28))
    half = stats.t.ppf(0.9, 5) * error
    found = forecast.forecast(values, ahead=4)
    assert found is not None
    assert found.value == pytest.approx(line.intercept + 10 * line.slope)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), rel=1e-4)


def test_the_table_of_student() -> None:
    assert [round(float(stats.t.ppf(0.9, n)), 4) for n in range(1, 12)] == list(forecast._T_90)
    assert len(forecast._T_90) == forecast.LATEST - 2


def test_a_year_of_season_is_followed_and_the_growth_over_it() -> None:
    year = [100.0, 100, 100, 100, 100, 100, 100, 100, 100, 100, 300, 500]
    grown = [*year, *(value + 10 for value in year[:9])]
    found = forecast.forecast(grown, ahead=3, season=12)
    assert found == Forecast(value=510, low=510, high=510, method=Method.SEASON, count=9)
    assert (plain := forecast.forecast(grown, ahead=3)) is not None
    assert plain.method is Method.TREND
    short = forecast.forecast(grown[:17], ahead=1, season=12)
    assert short is not None
    assert short.method is Method.TREND
    assert (beyond := forecast.forecast(grown, ahead=13, season=12)) is not None
    assert beyond.method is Method.TREND


def test_too_few_values_are_no_forecast() -> None:
    assert forecast.forecast([1, 2, 3], ahead=1) is None
    assert forecast.forecast([1, 2, 3, None, None], ahead=1) is None
    assert forecast.forecast([1.0, 2.0, 3.0, 4.0, *[None] * 13], ahead=1) is None
    assert forecast.forecast([], ahead=1) is None


def test_a_share_stays_a_share() -> None:
    found = forecast.forecast([0.7, 0.8, 0.9, 1.0], ahead=3)
    assert found is not None
    held = forecast.within(found, low=0.0, high=1.0)
    assert (held.value, held.high) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("start", "target", "better", "is_rising"),
    [
        (1, 2, Better.LOWER, True),
        (2, 1, Better.HIGHER, False),
        (None, 1, Better.LOWER, False),
        (1, 1, Better.NEITHER, True),
    ],
)
def test_the_direction(*, start: float | None, target: float, better: Better, is_rising: bool) -> None:
    assert progress.rises(start=start, target=target, better=better) is is_rising


@pytest.mark.parametrize(
    ("value", "expected", "is_over", "state"),
    [
        (None, 31, False, GoalState.UNKNOWN),
        (30, None, False, GoalState.REACHED),
        (29, None, False, GoalState.UNKNOWN),
        (29, 30, False, GoalState.ON_TRACK),
        (29, 29.9, False, GoalState.OFF_TRACK),
        (29, 31, True, GoalState.MISSED),
        (31, 20, True, GoalState.REACHED),
    ],
)
def test_where_a_goal_stands(*, value: float | None, expected: float | None, is_over: bool, state: GoalState) -> None:
    assert progress.judge(value=value, forecast=expected, target=30, is_rising=True, is_over=is_over) is state


def test_progress_of_what_is_to_fall() -> None:
    def share(value: float | None, start: float | None = 100) -> float | None:
        return progress.progress(start=start, value=value, target=80, is_rising=False)

    assert [share(95), share(80), share(70), share(120), share(None), share(95, None)] == [0.25, 1, 1, 0, None, None]


def test_the_parts_of_the_page() -> None:
    before, now = ([int(n) for n in numbers_of_page(head)] for head in ("Week before:", "Week now:"))
    found = decomposition.parts(
        Sales(customers=before[0], orders=before[1], revenue_minor=before[2]),
        Sales(customers=now[0], orders=now[1], revenue_minor=now[2]),
    )
    assert [found.customers, found.frequency, found.basket] == numbers_of_page("By customers, frequency, order value:")


@given(before=sums, now=sums)
def test_the_parts_add_up_and_change_sides_with_time(before: Sales, now: Sales) -> None:
    found = decomposition.parts(before, now)
    assert found.customers + found.frequency + found.basket == now.revenue_minor - before.revenue_minor
    back = decomposition.parts(now, before)
    assert abs(found.customers + back.customers) <= 1 + 1e-9 * max(before.revenue_minor, now.revenue_minor)


@given(before=sums, factor=st.integers(2, 9))
def test_a_change_of_customers_alone_is_all_theirs(before: Sales, factor: int) -> None:
    now = Sales(
        customers=before.customers * factor, orders=before.orders * factor, revenue_minor=before.revenue_minor * factor
    )
    found = decomposition.parts(before, now)
    gap = abs(Fraction(found.customers - (now.revenue_minor - before.revenue_minor)))
    assert gap <= 1 + Fraction(now.revenue_minor, 10**9)


def test_a_week_without_orders_is_a_change_of_customers() -> None:
    nothing = Sales(customers=0, orders=0, revenue_minor=0)
    some = Sales(customers=2, orders=3, revenue_minor=700)
    assert decomposition.parts(nothing, some) == Parts(customers=700, frequency=0, basket=0)
    assert decomposition.parts(some, nothing) == Parts(customers=-700, frequency=0, basket=0)
    assert decomposition.parts(some, some) == Parts(customers=0, frequency=0, basket=0)
