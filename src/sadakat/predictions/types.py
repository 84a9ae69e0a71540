"""What the methods of prediction take and give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
