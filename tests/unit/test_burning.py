"""How many points pay at checkout and what goes back of them: by the worked page and by property."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.loyalty.rules import burning
from sadakat.loyalty.types import Burning

PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/spending-points.md"
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in re.findall(r"^\| \d+ \|.*\|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
]


def test_the_page_has_its_cases() -> None:
    assert len(ROWS) == 11


@pytest.mark.parametrize("row", ROWS)
def test_the_worked_cases_of_the_page(row: list[str]) -> None:
    step, worth, least, share, asked, active, order, points, value = row
    rules = Burning(points_step=int(step), step_minor=int(worth), least_points=int(least), most_share=Decimal(share))
    order_minor = None if order == "-" else int(order)
    found = burning.burnable(rules, asked=int(asked), active=int(active), order_minor=order_minor)
    assert (found, burning.worth_minor(rules, points=found)) == (int(points), int(value))


@given(
    step=st.integers(1, 500),
    worth=st.integers(1, 500),
    least=st.integers(0, 2_000),
    share=st.decimals(0, 1, places=2),
    asked=st.integers(-10, 10**7),
    active=st.integers(0, 10**7),
    order=st.none() | st.integers(0, 10**7),
)
def test_points_that_pay_are_within_every_bound_and_as_many_as_can_be(
    step: int, worth: int, least: int, share: Decimal, asked: int, active: int, order: int | None
) -> None:
    rules = Burning(points_step=step, step_minor=worth, least_points=least, most_share=share)

    def fits(points: int) -> bool:
        value = burning.worth_minor(rules, points=points)
        return points <= min(asked, active) and points >= least and (order is None or value <= order * share)

    points = burning.burnable(rules, asked=asked, active=active, order_minor=order)
    assert points % step == 0
    if points:
        assert fits(points)
    assert not fits(points + step) or points + step < least


@given(points=st.integers(1, 10**12), whole=st.integers(1, 1_000), left=st.integers(0, 1_000))
def test_what_goes_back_is_the_share_that_has_gone(points: int, whole: int, left: int) -> None:
    left = min(left, whole)
    share = Decimal(left) / Decimal(whole)
    assert burning.given_back(points, share=share) == points * (whole - left) // whole
