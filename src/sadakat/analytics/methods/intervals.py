"""Intervals of 95 % for ratios and differences of means, and for shares."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadakat.analytics.types import Interval

LEVEL: Final = 0.95
FEWEST: Final = 30
"""Below this many on a side nothing is said."""
_Z: Final = float(special.ndtri((1 + LEVEL) / 2))
Numbers = Sequence[float] | NDArray[np.float64]


def ratio_of_means(left: Numbers, right: Numbers) -> Interval | None:
    """How many times the mean of `left` is that of `right`, both of customers drawn independently.

    The interval is that of the logarithm (delta method; Casella & Berger, Statistical Inference, 2002, 5.5.4), so it
    stays above zero. None with fewer than `FEWEST` on a side, or where a mean is not above zero.

    >>> found = ratio_of_means([2.0, 4.0] * 50, [1.0, 2.0] * 50)
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
    (2.0, 1.82, 2.19)
    """
    a, b = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if min(len(a), len(b)) < FEWEST or min(a.mean(), b.mean()) <= 0:
        return None
    relative = [each.var(ddof=1) / len(each) / each.mean() ** 2 for each in (a, b)]
    half = _Z * math.sqrt(sum(relative))
    value = float(a.mean() / b.mean())
    return Interval(value, value * math.exp(-half), value * math.exp(half))


def difference_of_means(left: Numbers, right: Numbers) -> Interval | None:
    """By how much the mean of `left` is above that of `right` (Welch, Biometrika 34, 1947); None with too few.

    >>> found = difference_of_means([2.0, 4.0] * 50, [1.0, 2.0] * 50)
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
    (1.5, 1.28, 1.72)
    """
    a, b = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if min(len(a), len(b)) < FEWEST:
        return None
    parts = [each.var(ddof=1) / len(each) for each in (a, b)]
    spread = sum(parts)
    value = float(a.mean() - b.mean())
    if spread == 0:
        return Interval(value, value, value)
    freedom = spread**2 / sum(part**2 / (len(each) - 1) for part, each in zip(parts, (a, b), strict=True))
    half = float(special.stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(spread)
    return Interval(value, value - half, value + half)


def share(part: int, whole: int) -> Interval | None:
    """`part` of `whole` (Wilson, JASA 22, 1927, the score interval); None with too few.

    >>> found = share(90, 100)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.9, 0.826, 0.945)
    """
    if whole < FEWEST:
        return None
    value, pull = part / whole, _Z**2 / whole
    middle, half = value + pull / 2, math.sqrt(pull * (value * (1 - value) + pull / 4))
    return Interval(value, (middle - half) / (1 + pull), (middle + half) / (1 + pull))
