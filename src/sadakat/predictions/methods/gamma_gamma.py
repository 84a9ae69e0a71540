"""Gamma-Gamma: what a customer spends on an occasion.

Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary Value", brucehardie.com/notes/025. The amounts of a customer
are drawn from Gamma(`p`, ν), with ν of each customer from Gamma(`q`, `v`); how much is spent does not depend on how
often. A customer's own mean is drawn towards that of all, the more so the fewer purchases it rests on.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import arrays
from sadakat.predictions.methods.likelihood import maximise
from sadakat.predictions.types.methods import Floats, SpendParameters

MIN_CUSTOMERS: Final = 20
# Of the logarithms of p, q − 1 and v, with the geometric mean of the amounts as the unit of money.
BOUND: Final = (-7.0, 10.0)
STARTS: Final = ((2.0, 2.0, 1.0), (6.0, 1.0, 0.3), (0.5, 8.0, 10.0))
# The starts are tried on so many customers; the best of them goes on with all.
SAMPLE: Final = 20_000


class _Likelihood:
    """The log-likelihood of mean amounts (equation 1a), q being above 1 so that the mean of all customers exists."""

    def __init__(self, frequency: Floats, mean_amount: Floats) -> None:
        self.customers = len(frequency)
        self.frequency, self.spent = frequency, frequency * mean_amount
        self.x, of_x = arrays.distinct(frequency)
        self.customers_of_x = np.bincount(of_x).astype(np.float64)
        self.logs = float(frequency @ np.log(self.spent))
        self.constant = -float(np.log(mean_amount).sum())

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """The mean log-likelihood a customer at the logarithms of p, q − 1 and v, and its gradient in them."""
        p, over, v = np.exp(point)
        q = 1 + over
        px, n = p * self.x, self.customers_of_x
        log_all, inverse = np.log(v + self.spent), 1 / (v + self.spent)
        sum_of_logs, weighted_logs = log_all.sum(), self.frequency @ log_all
        value = (
            n @ (gammaln(px + q) - gammaln(px))
            + self.customers * (q * point[2] - gammaln(q))
            + p * (self.logs - weighted_logs)
            - q * sum_of_logs
            + self.constant
        )
        rising = digamma(px + q)
        by_p = (n * self.x) @ (rising - digamma(px)) + self.logs - weighted_logs
        by_q = n @ rising + self.customers * (point[2] - digamma(q)) - sum_of_logs
        by_v = self.customers * q / v - p * (self.frequency @ inverse) - q * inverse.sum()
        return float(value) / self.customers, np.array([by_p * p, by_q * over, by_v * v]) / self.customers


def log_likelihood(
    *, frequency: ArrayLike, mean_amount: ArrayLike, p: float, q: float, v: float
) -> tuple[float, Floats]:
    """The log-likelihood of all customers with a repeat purchase, and its gradient in the logarithms of p, q − 1 and v.

    Raises:
        Invalid: as for `fit`, except that any number of customers will do.
    """
    likelihood = _Likelihood(*_repeaters(frequency, mean_amount))
    value, gradient = likelihood(np.log([p, q - 1, v]))
    return value * likelihood.customers, gradient * likelihood.customers


def fit(*, frequency: ArrayLike, mean_amount: ArrayLike) -> SpendParameters:
    """The parameters under which the mean amounts are likeliest; customers with frequency 0 are left out.

    Raises:
        Invalid: too few customers with a repeat purchase, one of them without a positive mean, all means alike, or so
            unequal that no finite mean of all customers fits them.
    """
    x, mean = _repeaters(frequency, mean_amount)
    if len(x) < MIN_CUSTOMERS:
        raise Invalid(f"at least {MIN_CUSTOMERS} customers with a repeat purchase are needed to fit; {len(x)} came")
    if np.ptp(mean) <= 1e-9 * mean.max():
        raise Invalid(f"the customers' mean amounts must differ, but each of {len(x)} is {mean[0]:g}")
    unit = float(np.exp(np.log(mean).mean()))
    starts = [np.log(start) for start in STARTS]
    if len(x) > SAMPLE:
        every = slice(None, None, -(-len(x) // SAMPLE))
        starts = [maximise(_Likelihood(x[every], mean[every] / unit), starts=starts, bound=BOUND).point]
    found = maximise(_Likelihood(x, mean / unit), starts=starts, bound=BOUND)
    if found.point[1] <= BOUND[0]:
        raise Invalid("the customers' mean amounts are too unequal: no distribution with a finite mean (q > 1) fits")
    p, over, v = np.exp(found.point).tolist()
    return SpendParameters(
        p=p,
        q=1 + over,
        v=v * unit,
        log_likelihood=(found.value - float(np.log(unit))) * len(x),
        customers=len(x),
        converged=found.converged,
        at_bounds=tuple(name for name, is_at in zip("p q v".split(), found.is_at_bound, strict=True) if is_at),
    )


def expected_amount(parameters: SpendParameters, *, frequency: ArrayLike, mean_amount: ArrayLike) -> Floats:
    """The mean amount that is expected of each customer's next occasions (equation 5).

    It lies between the customer's own mean and that of all customers, p·v ÷ (q − 1); without a repeat purchase it is
    that of all. `mean_amount` of such a customer is not looked at.

    Raises:
        Invalid: columns of unequal length or with values below zero.
    """
    x, mean = _columns(frequency, mean_amount)
    px = parameters.p * x
    expected: Floats = (parameters.p * parameters.v + px * mean) / (px + parameters.q - 1)
    return expected


def _columns(frequency: ArrayLike, mean_amount: ArrayLike) -> tuple[Floats, Floats]:
    x, mean = arrays.column(frequency, name="frequency"), arrays.column(mean_amount, name="mean_amount")
    if len(x) != len(mean):
        raise Invalid(f"frequency and mean_amount must be equally long, not {len(x)} and {len(mean)}")
    return x, mean


def _repeaters(frequency: ArrayLike, mean_amount: ArrayLike) -> tuple[Floats, Floats]:
    x, mean = _columns(frequency, mean_amount)
    x, mean = x[x > 0], mean[x > 0]
    if (mean <= 0).any():
        raise Invalid(f"a mean amount must be positive, but {(mean <= 0).sum()} of {len(mean)} are 0")
    return x, mean
