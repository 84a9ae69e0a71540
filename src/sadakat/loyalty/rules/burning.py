"""Points at checkout: how many of them pay, and what they are worth. See `docs/algorithms/spending-points.md`."""

from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

from sadakat.loyalty.types import Burning

_EXACT = Decimal("0.000001")


def burnable(burning: Burning, *, asked: int, active: int, order_minor: int | None) -> int:
    """How many points pay: what is asked, at most what there is and what the order takes, in whole steps.

    0 where that is less than the least that can be spent. Without an order (None) no share of one bounds it.

    >>> burnable(Burning(points_step=100, step_minor=500), asked=1_050, active=5_000, order_minor=None)
    1000
    """
    steps = min(asked, active) // burning.points_step
    if order_minor is not None:
        payable_minor = int((order_minor * burning.most_share).to_integral_value(rounding=ROUND_FLOOR))
        steps = min(steps, payable_minor // burning.step_minor)
    points = max(steps, 0) * burning.points_step
    return points if points >= burning.least_points else 0


def worth_minor(burning: Burning, *, points: int) -> int:
    """What points are worth at checkout; what is less than a step is worth nothing.

    >>> worth_minor(Burning(points_step=100, step_minor=500), points=1_000)
    5000
    """
    return points // burning.points_step * burning.step_minor


def liability_minor(burning: Burning, *, points: int) -> int:
    """What is owed for points that may all be spent, those that are no whole step yet as well.

    >>> liability_minor(Burning(points_step=100, step_minor=500), points=1_050)
    5250
    """
    return round(Fraction(points * burning.step_minor, burning.points_step))


def given_back(points: int, *, share: Decimal) -> int:
    """Points of a redemption that go back when `share` of its order is left; what is left keeps the fraction.

    >>> given_back(1_000, share=Decimal(2) / 3), given_back(900, share=Decimal(2) / 3)
    (333, 300)
    """
    # A third has no end in decimals: without this, a third of 900 would be a hair less than 300.
    return int(((1 - share) * points).quantize(_EXACT).to_integral_value(rounding=ROUND_FLOOR))
