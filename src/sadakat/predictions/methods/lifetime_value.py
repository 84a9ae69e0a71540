"""Predicted customer lifetime value: the margin that a customer is expected to bring within a horizon.

Fader, Hardie & Lee (2005), "RFM and CLV: Using Iso-Value Curves for Customer Base Analysis", Journal of Marketing
Research 42(4): expected discounted purchases times the expected amount of one, here times the margin.
"""

from typing import Final

import numpy as np

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import bg_nbd, gamma_gamma
from sadakat.predictions.types.methods import Floats, Histories, PurchaseParameters, SpendParameters

HORIZON_DAYS: Final = 365
PERIOD_DAYS: Final = 30
YEAR_DAYS: Final = 365
MAX_PERIODS: Final = 400


def lifetime_value(
    purchases: PurchaseParameters,
    spend: SpendParameters,
    histories: Histories,
    *,
    margin_ratio: float,
    discount_ratio: float,
    horizon_days: int = HORIZON_DAYS,
) -> Floats:
    """The discounted margin expected of each customer within the horizon, in the unit of the amounts.

    `margin_ratio` is the margin of a unit of revenue, `discount_ratio` what money loses in value in a year.

    Raises:
        Invalid: a ratio or horizon that cannot be, or a history that cannot.
    """
    check(margin_ratio=margin_ratio, discount_ratio=discount_ratio)
    expected = discounted_purchases(purchases, histories, discount_ratio=discount_ratio, horizon_days=horizon_days)
    amount = gamma_gamma.expected_amount(spend, frequency=histories.frequency, mean_amount=histories.mean_amount)
    return margin_ratio * expected * amount


def discounted_purchases(
    purchases: PurchaseParameters, histories: Histories, *, discount_ratio: float, horizon_days: int = HORIZON_DAYS
) -> Floats:
    """Purchases expected of each customer within the horizon, each at its present value.

    They are summed by periods of 30 days, the last perhaps shorter, and discounted from the middle of their period.

    Raises:
        Invalid: a ratio or horizon that cannot be, or a history that cannot.
    """
    if not 1 <= horizon_days <= MAX_PERIODS * PERIOD_DAYS:
        raise Invalid(f"the horizon must be 1 to {MAX_PERIODS * PERIOD_DAYS} days, not {horizon_days}")
    check(discount_ratio=discount_ratio)
    starts = np.arange(0, horizon_days, PERIOD_DAYS)
    ends = np.minimum(starts + PERIOD_DAYS, horizon_days)
    return bg_nbd.discounted_purchases(
        purchases,
        frequency=histories.frequency,
        recency=histories.recency,
        age=histories.age,
        ends=ends,
        weights=(1 + discount_ratio) ** (-(starts + ends) / 2 / YEAR_DAYS),
    )


def check(*, margin_ratio: float = 1.0, discount_ratio: float) -> None:
    """Lets ratios pass that can be.

    Raises:
        Invalid: one cannot.
    """
    if not 0 < margin_ratio <= 1:
        raise Invalid(f"the margin ratio must lie above 0 and at most at 1, not {margin_ratio}")
    if not 0 <= discount_ratio < 10:
        raise Invalid(f"the yearly discount ratio must be at least 0 and below 10, not {discount_ratio}")
