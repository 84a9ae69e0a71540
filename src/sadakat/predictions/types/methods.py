"""What the methods of prediction take and give."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadakat.predictions.types.cards import Backtest, ScoreMethod

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """What the models look at: one row a customer, in the order of `customer`."""

    customer: Integers
    """The customer's number, ascending, each once."""
    frequency: Integers
    """Purchase occasions after the first; several orders of one day are one occasion."""
    recency: Floats
    """Days from the first occasion to the last; 0 without a second."""
    age: Floats
    """Days from the first occasion to the last day that is seen."""
    mean_amount: Floats
    """Mean amount of the occasions after the first, in the unit of the orders; 0 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseParameters:
    """BG/NBD: how often customers purchase, and how likely they are to stop after a purchase."""

    r: float
    """Shape of the gamma distribution of purchase rates."""
    alpha: float
    """Its rate, in the unit of time of the data: the mean of the customers' rates is `r` ÷ `alpha` purchases in one."""
    a: float
    """Of the beta distribution of the probability to stop after a purchase; its mean is `a` ÷ (`a` + `b`)."""
    b: float
    """As `a`."""
    log_likelihood: float
    """Of all customers, in the unit of time of the data."""
    customers: int
    """Those that were fitted."""
    converged: bool
    """No parameter could be moved to raise the likelihood noticeably."""
    at_bounds: tuple[str, ...]
    """Parameters that ran into the end of what is searched: the data do not tell them. Often `r`, where all
    customers are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendParameters:
    """Gamma-Gamma: what customers spend on an occasion."""

    p: float
    """Shape of the gamma distribution of one customer's amounts."""
    q: float
    """Shape of the gamma distribution of the customers' rates; above 1, so that the mean exists."""
    v: float
    """Its rate (γ in the paper), in the unit of the amounts."""
    log_likelihood: float
    """Of the mean amounts of all customers, in the unit of the amounts."""
    customers: int
    """Those that were fitted: with a purchase after the first."""
    converged: bool
    """No parameter could be moved to raise the likelihood noticeably."""
    at_bounds: tuple[str, ...]
    """Parameters that ran into the end of what is searched: the data do not tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How much one input counts in a logistic regression, on the standardised logarithm of 1 + the input."""

    key: str
    coefficient: float
    """Log-odds for each standard deviation above the mean."""
    mean: float
    """Of ln(1 + input) over those trained on."""
    scale: float
    """Its standard deviation; 1 where all are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticParameters:
    """A probability: the logistic function of the intercept plus what each input adds."""

    intercept: float
    """Log-odds of the usual customer, whose inputs are all at their mean."""
    weights: tuple[Weight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How the values of a column were spread when a model was trained."""

    edges: tuple[float, ...]
    """Cut points, rising; a value at one belongs above it."""
    shares: tuple[float, ...]
    """Of the values below the first, between each two, and from the last on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was known of customers before a day. Each column has a row a customer, in the order of `customer`."""

    cut_date: date
    """Nothing from this day on is seen."""
    customer: Integers
    """Ascending, each once."""
    columns: Mapping[str, Floats]
    """By name, as `tables.histories` or `tables.visitors` have them; none is missing or below zero."""

    @property
    def first_date(self) -> date:
        """The earliest day with anything behind it; the cut date where there is nothing."""
        age = self.columns["age"]
        return self.cut_date - timedelta(days=1 + int(age.max())) if len(age) else self.cut_date

    def where(self, is_kept: NDArray[np.bool_]) -> "Snapshot":
        """The customers of these rows alone."""
        columns = {name: column[is_kept] for name, column in self.columns.items()}
        return Snapshot(cut_date=self.cut_date, customer=self.customer[is_kept], columns=columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the customers of a snapshot did from its cut date on, row by row."""

    until_date: date
    """The first day that is not looked at."""
    days: Floats
    """Days until the next order: 1 on the cut date itself; infinite without one."""
    amount: Floats
    """What they ordered, net, in minor units."""

    @property
    def ordered(self) -> NDArray[np.bool_]:
        """Who ordered."""
        return np.isfinite(self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A past day as it was: what could be learned from before it, and what came after."""

    learned: Snapshot
    """Of the day one horizon before, and `outcome` until the past day."""
    learned_outcome: Outcome
    asked: Snapshot
    """Of the past day itself."""
    outcome: Outcome
    """Of one horizon from it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Everything that a score is learned from."""

    folds: tuple[Fold, ...]
    """Past days, earliest first."""
    learned: Snapshot
    """The last day whose outcome is known."""
    outcome: Outcome
    """Of `learned`, until the day of the training."""
    latest: Snapshot
    """The day of the training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a score has come to."""

    method: ScoreMethod
    parameters: Mapping[str, Any]
    """Plain values, as JSON keeps them."""
    backtest: Backtest
    limits: tuple[str, ...]
    """As in `Model`."""
    on: Snapshot
    """Who was trained on."""
