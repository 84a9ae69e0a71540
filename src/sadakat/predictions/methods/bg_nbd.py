"""BG/NBD: how often a customer purchases, and whether the customer is still active.

Fader, Hardie & Lee (2005), "“Counting Your Customers” the Easy Way: An Alternative to the Pareto/NBD Model", Marketing
Science 24(2). While active, a customer purchases at random at a rate drawn from Gamma(`r`, `alpha`); after each
purchase the customer stops with a probability drawn from Beta(`a`, `b`).

Any unit of time serves, if recency, age and horizon share it; Sadakat uses days.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainccinv, betaincinv, digamma, expit, gammaln, log_expit, logit

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import arrays
from sadakat.predictions.methods.likelihood import maximise
from sadakat.predictions.types.methods import Floats, PurchaseParameters

MIN_CUSTOMERS: Final = 50
MIN_REPEAT_PURCHASES: Final = 20
# Of the logarithm of each parameter, with the mean age as the unit of time: 1/22,000 to 22,000.
BOUND: Final = (-10.0, 10.0)
STARTS: Final = ((0.5, 0.5, 0.8, 2.5), (0.2, 0.1, 0.2, 0.2), (3.0, 1.0, 0.1, 5.0))
# The starts are tried on so many histories; the best of them goes on with all.
SAMPLE: Final = 20_000
NODES: Final = 200
# Histories of which expectations are computed at a time; bounds the memory.
BLOCK: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Sufficient statistics: each history once, with how many customers have it."""

    frequency: Floats
    """Purchases after the first."""
    recency: Floats
    """Time from the first purchase to the last."""
    age: Floats
    """Time from the first purchase to the end of observation."""
    customers: Floats
    """Customers with this history."""


def deduplicate(*, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Summary:
    """Each distinct history with the number of its customers.

    >>> deduplicate(frequency=[0, 2, 0], recency=[0, 30, 0], age=[40, 50, 40]).customers
    array([2., 1.])

    Raises:
        Invalid: a history that cannot be (`arrays.histories`).
    """
    columns = [arrays.distinct(column) for column in arrays.histories(frequency=frequency, recency=recency, age=age)]
    (frequencies, of_frequency), (recencies, of_recency), (ages, of_age) = columns
    keys, customers = np.unique((of_frequency * len(recencies) + of_recency) * len(ages) + of_age, return_counts=True)
    rest, at_age = np.divmod(keys, max(len(ages), 1))
    at_frequency, at_recency = np.divmod(rest, max(len(recencies), 1))
    return Summary(
        frequency=frequencies[at_frequency],
        recency=recencies[at_recency],
        age=ages[at_age],
        customers=customers.astype(np.float64),
    )


class _Likelihood:
    """The log-likelihood of a summary.

    Its logarithm (equation 6) is, with d the logarithm of the odds that the customer has stopped,
    lnΓ(r+x) − lnΓ(r) + r ln α + ln B(a, b+x) − ln B(a, b) − (r+x) ln(α+T) + ln(1 + exp d). All but the last term depend
    on the frequency or the age alone and are summed over their distinct values, which are few.
    """

    def __init__(self, summary: Summary, *, unit: float = 1.0) -> None:
        self.customers = float(summary.customers.sum())
        self.x, of_x = arrays.distinct(summary.frequency)
        self.customers_of_x = np.bincount(of_x, summary.customers)
        ages, of_age = arrays.distinct(summary.age)
        self.customers_of_age = np.bincount(of_age, summary.customers)
        self.purchases_of_age = np.bincount(of_age, summary.customers * summary.frequency)
        has_repeat = summary.frequency > 0
        recencies, self.of_recency = arrays.distinct(summary.recency[has_repeat])
        self.ages, self.recencies = ages / unit, recencies / unit
        self.of_x, self.of_age = of_x[has_repeat], of_age[has_repeat]
        self.weight = summary.customers[has_repeat]

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """The mean log-likelihood a customer at the logarithms of r, α, a and b, and its gradient in them."""
        r, alpha, a, b = np.exp(point)
        rx, since_age, since_recency = r + self.x, alpha + self.ages, alpha + self.recencies
        log_age = np.log(since_age)
        n, n_age = self.customers_of_x, self.customers_of_age
        value = (
            n @ (gammaln(rx) + gammaln(b + self.x) - gammaln(a + b + self.x))
            + self.customers * (gammaln(a + b) - gammaln(b) - gammaln(r) + r * point[1])
            - (r * n_age + self.purchases_of_age) @ log_age
        )
        of_both = digamma(a + b) * self.customers - n @ digamma(a + b + self.x)
        by_r = n @ digamma(rx) + self.customers * (point[1] - digamma(r)) - n_age @ log_age
        by_alpha = self.customers * r / alpha - (r * n_age + self.purchases_of_age) @ (1 / since_age)
        by_b = of_both + n @ digamma(b + self.x) - self.customers * digamma(b)

        # Without a repeat purchase nobody has stopped; such an x is only kept from dividing by zero.
        left = b + np.maximum(self.x, 1) - 1
        silence = log_age[self.of_age] - np.log(since_recency)[self.of_recency]
        log_odds = (point[2] - np.log(left))[self.of_x] + rx[self.of_x] * silence
        small = np.exp(-np.abs(log_odds))
        value += self.weight @ (np.maximum(log_odds, 0) + np.log1p(small))
        stopped = self.weight * np.where(log_odds > 0, 1, small) / (1 + small)
        shorter = (1 / since_age)[self.of_age] - (1 / since_recency)[self.of_recency]
        by_r += stopped @ silence
        by_alpha += (stopped * rx[self.of_x]) @ shorter
        by_a = of_both + stopped.sum() / a
        by_b -= np.bincount(self.of_x, stopped, len(self.x)) @ (1 / left)
        gradient = np.array([by_r * r, by_alpha * alpha, by_a * a, by_b * b])
        return float(value) / self.customers, gradient / self.customers


def log_likelihood(summary: Summary, *, r: float, alpha: float, a: float, b: float) -> tuple[float, Floats]:
    """The log-likelihood of all customers, and its gradient in the logarithms of r, α, a and b."""
    likelihood = _Likelihood(summary)
    value, gradient = likelihood(np.log([r, alpha, a, b]))
    return value * likelihood.customers, gradient * likelihood.customers


def fit(summary: Summary) -> PurchaseParameters:
    """The parameters under which the histories are likeliest.

    Raises:
        Invalid: too few customers or repeat purchases, or no time in which any could have been made.
    """
    customers = int(summary.customers.sum())
    purchases = float(summary.customers @ summary.frequency)
    if customers < MIN_CUSTOMERS:
        raise Invalid(f"at least {MIN_CUSTOMERS} customers are needed to fit how often they purchase; {customers} came")
    if purchases < MIN_REPEAT_PURCHASES:
        raise Invalid(f"at least {MIN_REPEAT_PURCHASES} repeat purchases are needed; {purchases:g} came")
    if not (summary.recency > 0).any():
        raise Invalid("repeat purchases must lie after the first, but every recency is 0")
    unit = float(summary.customers @ summary.age) / customers
    starts = [np.log(start) for start in STARTS]
    if len(summary.customers) > SAMPLE:
        starts = [maximise(_Likelihood(_sample(summary), unit=unit), starts=starts, bound=BOUND).point]
    found = maximise(_Likelihood(summary, unit=unit), starts=starts, bound=BOUND)
    r, alpha, a, b = np.exp(found.point).tolist()
    return PurchaseParameters(
        r=r,
        alpha=alpha * unit,
        a=a,
        b=b,
        log_likelihood=found.value * customers - purchases * float(np.log(unit)),
        customers=customers,
        converged=found.converged,
        at_bounds=tuple(name for name, is_at in zip("r alpha a b".split(), found.is_at_bound, strict=True) if is_at),
    )


def _sample(summary: Summary) -> Summary:
    """Every so many-th history; they are sorted, so each kind is met."""
    every = slice(None, None, -(-len(summary.customers) // SAMPLE))
    return Summary(
        frequency=summary.frequency[every],
        recency=summary.recency[every],
        age=summary.age[every],
        customers=summary.customers[every],
    )


def probability_alive(
    parameters: PurchaseParameters, *, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
) -> Floats:
    """The probability that each customer has not stopped (Fader, Hardie & Lee 2005, denominator of equation 10).

    1 without a repeat purchase: a customer can stop only after a purchase, and the first does not count in this model.

    Raises:
        Invalid: a history that cannot be (`arrays.histories`).
    """
    x, t_x, age_ = arrays.histories(frequency=frequency, recency=recency, age=age)
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    log_odds = np.log(a) - np.log(b + np.maximum(x, 1) - 1) + (r + x) * (np.log(alpha + age_) - np.log(alpha + t_x))
    return np.where(x > 0, expit(-log_odds), 1.0)


def expected_purchases(
    parameters: PurchaseParameters,
    *,
    frequency: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    horizon: float,
) -> Floats:
    """How many purchases each customer is expected to make within `horizon` (equation 10).

    Raises:
        Invalid: a history that cannot be (`arrays.histories`), or a horizon below 0.
    """
    return discounted_purchases(
        parameters,
        frequency=frequency,
        recency=recency,
        age=age,
        ends=np.array([horizon], dtype=np.float64),
        weights=np.ones(1),
    )


def discounted_purchases(
    parameters: PurchaseParameters,
    *,
    frequency: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    ends: ArrayLike,
    weights: ArrayLike,
) -> Floats:
    """Expected purchases of consecutive periods that end at `ends` from now, each times its weight, summed.

    Raises:
        Invalid: a history that cannot be (`arrays.histories`), or ends that do not rise.
    """
    x, t_x, age_ = arrays.histories(frequency=frequency, recency=recency, age=age)
    until, weight = arrays.column(ends, name="ends of periods"), arrays.column(weights, name="weights of periods")
    if len(until) != len(weight) or (np.diff(until) < 0).any():
        raise Invalid(f"ends of periods must rise and have a weight each, not {until.tolist()} and {weight.tolist()}")
    alive = probability_alive(parameters, frequency=x, recency=t_x, age=age_)
    # While active, neither the expectation nor its integral depends on the recency, so far fewer pairs remain.
    (xs, of_x), (ages, of_age) = arrays.distinct(x), arrays.distinct(age_)
    pairs, of_pair = arrays.distinct((of_x * len(ages) + of_age).astype(np.float64))
    at_x, at_age = np.divmod(pairs.astype(np.int64), max(len(ages), 1))
    expected = np.empty(len(pairs))
    for start in range(0, len(pairs), BLOCK):
        block = slice(start, start + BLOCK)
        expected[block] = _while_active(parameters, xs[at_x[block]], ages[at_age[block]], until, weight)
    return alive * expected[of_pair]


def _while_active(parameters: PurchaseParameters, x: Floats, age: Floats, ends: Floats, weights: Floats) -> Floats:
    """Discounted purchases of customers who are active now.

    Equation 10's numerator is the mean of (1 − (1 + p·t/(α+T))^−(r+x)) / p over p ~ Beta(a, b+x), the probability to
    stop that is believed of an active customer. The paper solves this with a hypergeometric function, which divides by
    a − 1, loses all digits near a = 1 and overflows for frequent customers; the mean itself is harmless. It is summed
    on the logit scale of p, where a sum of equal steps converges exponentially (Trefethen & Weideman 2014).
    """
    shape, rate = (parameters.r + x)[:, None], (parameters.alpha + age)[:, None]
    p, weight = _beliefs(parameters.a, (parameters.b + x)[:, None], shape, shape * ends.max(initial=0) / rate)
    before, total = np.zeros_like(p), np.zeros_like(p)
    for end, value in zip(ends, weights, strict=True):
        stopped = -np.expm1(-shape * np.log1p(p * (end / rate)))
        total += value * (stopped - before)
        before = stopped
    mean: Floats = (weight * total / p).sum(axis=1)
    return mean


def _beliefs(a: float, b: Floats, shape: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Points p of Beta(a, b) and their probabilities, each row in equal steps of logit p.

    Beyond both ends what is averaged is constant to the last digit (`shape` and `scale` say how fast it can change), so
    there the density alone is summed: a geometric series.
    """
    low = np.fmax(logit(betaincinv(a, b, 1e-18)), -37 - np.log1p(a + b + scale))
    high = np.fmin(logit(betainccinv(a, b, 1e-18)), 37 + np.log1p(a + b + shape))
    step = (high - low) / (NODES - 1)
    at = low + step * np.arange(NODES)
    log_density = a * log_expit(at) + b * log_expit(-at)
    weight = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weight[:, :1] /= -np.expm1(-a * step)
    weight[:, -1:] /= -np.expm1(-b * step)
    return expit(at), weight / weight.sum(axis=1, keepdims=True)
