"""Breakage: which share of points nobody ever uses, by how long points live before they are used.

Kaplan & Meier (1958), "Nonparametric Estimation from Incomplete Observations", *Journal of the American Statistical
Association* 53(282), the product-limit estimate, with points for people: a point dies when it is used, and goes out of
sight when it expires, is taken back, or lives on today. How long a lot may live is known when it is given, so that its
expiry says nothing about its use, as the estimate needs it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_IN_SIGHT: Final = 0.01
"""Of all points: with fewer in sight the curve ends, for a few points say nothing of all."""
BEYOND: Final = 1.25
"""Up to so many times the ages that have been seen, use is taken to go on as it did."""


@dataclass(frozen=True, slots=True, eq=False)
class Survival:
    """How points outlive use."""

    shares: Floats
    """Of points, by age in whole days from 0: not yet used at the beginning of that day. The first one is 1."""

    def at(self, ages: Floats) -> Floats:
        """The share not yet used at the beginning of each age; ages may be infinite.

        Beyond the ages seen, use goes on at its mean rate so far; beyond `BEYOND` times those, or where nobody has used
        any, all the rest is taken to be used: nothing is known of it, and a debt may not be hoped away.

        >>> Survival(np.array([1.0, 0.9, 0.81])).at(np.array([0.0, 2.0, 2.5, 3.0])).round(4)
        array([1.    , 0.81  , 0.7684, 0.    ])
        """
        seen = len(self.shares) - 1
        last = self.shares[-1]
        known = self.shares[np.minimum(ages, seen).astype(np.int64)]
        if not seen or last == 1:
            return np.where(ages <= seen, known, 0.0)
        further = last ** (np.minimum(ages, seen * BEYOND) / seen)
        return np.select([ages <= seen, ages <= seen * BEYOND], [known, further], 0.0)

    def unused(self, *, ages: Floats, lives: Floats) -> Floats:
        """The share of unused points of these ages that will not be used in lots that live so long; days.

        >>> Survival(np.array([1.0, 0.8, 0.4])).unused(ages=np.array([1.0, 2.0]), lives=np.array([2.0, 2.0]))
        array([0.5, 1. ])
        """
        now = self.at(ages)
        later = np.divide(self.at(lives), now, out=np.zeros_like(now), where=now > 0)
        return np.where(ages >= lives, 1.0, np.minimum(later, 1.0))


def survival(*, used: Floats, left: Floats) -> Survival:
    """The curve of points used, and of those that went out of sight unused, by age in whole days from 0.

    What goes out of sight at an age is not there for the uses of that day: points expire as a day begins.

    >>> survival(used=np.array([10.0, 0.0, 30.0]), left=np.array([0.0, 30.0, 30.0])).shares
    array([1. , 0.9, 0.9, 0. ])
    """
    before = np.concatenate([[0.0], np.cumsum(used)[:-1]])
    total = used.sum() + left.sum()
    in_sight = total - before - np.cumsum(left)
    few = np.flatnonzero((in_sight <= 0) | (in_sight < LEAST_IN_SIGHT * total))
    end = int(few[0]) if len(few) else len(used)
    dying = used[:end] / in_sight[:end]
    return Survival(np.concatenate([[1.0], np.cumprod(1 - np.clip(dying, 0, 1))]))
