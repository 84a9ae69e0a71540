"""How fast the models of customer lifetime value are fitted, beside `lifetimes` on the same customers."""

import importlib.util
import time as stopwatch
import warnings
from typing import Final

import numpy as np

from sadakat.entry.bench.figure import Figure
from sadakat.kernel.errors import Unavailable
from sadakat.predictions import api as predictions
from sadakat.predictions.types.methods import Histories, PurchaseParameters, SpendParameters

CUSTOMERS: Final = 1_000_000
MAX_AGE_DAYS: Final = 730
MAX_PURCHASES: Final = 1_000
SEED: Final = 20261122


def clv_fit() -> list[Figure]:
    """BG/NBD and Gamma-Gamma from one million histories, repeated ones not yet joined."""
    if importlib.util.find_spec("lifetimes") is None:
        raise Unavailable(
            "clv-fit measures beside the package lifetimes, which is not installed: pip install lifetimes"
        )
    histories = simulate(CUSTOMERS)
    start = stopwatch.perf_counter()
    purchases, spend = _fit(histories)
    ours = stopwatch.perf_counter() - start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        baseline, theirs = _fit_lifetimes(histories)
    reached = (purchases.log_likelihood, spend.log_likelihood)
    if any(mine < other - 0.01 for mine, other in zip(reached, theirs, strict=True)):
        raise Unavailable(f"lifetimes reached the likelihoods {theirs}, above ours: {reached}")
    return [
        Figure(
            name="clv-fit",
            ours=CUSTOMERS / ours,
            baseline=CUSTOMERS / baseline,
            unit="customers/s",
            ratio=baseline / ours,
            goal="≥ 20",
        )
    ]


def simulate(customers: int) -> Histories:
    """Customers of up to two years who behave as the two models say, with the parameters of CDNOW in days."""
    random = np.random.default_rng(SEED)
    rate, stop = random.gamma(0.25, 1 / 30, customers), random.beta(0.8, 2.5, customers)
    age = random.integers(1, MAX_AGE_DAYS, customers).astype(np.float64)
    frequency, recency = np.zeros(customers, dtype=np.int64), np.zeros(customers)
    active, moment = np.arange(customers), np.zeros(customers)
    for _ in range(MAX_PURCHASES):
        moment = moment + random.exponential(1 / np.maximum(rate[active], 1e-12))
        is_seen = moment < age[active]
        active, moment = active[is_seen], moment[is_seen]
        # Only a purchase on a later day than the last is another occasion.
        day = np.floor(moment)
        frequency[active] += day > recency[active]
        recency[active] = day
        goes_on = random.random(len(active)) >= stop[active]
        active, moment = active[goes_on], moment[goes_on]
    mean = np.zeros(customers)
    repeats = frequency > 0
    mean[repeats] = random.gamma(6.25 * frequency[repeats], random.gamma(3.75, 1 / 1500, customers)[repeats] ** -1)
    mean[repeats] /= frequency[repeats]
    return Histories(customer=np.arange(customers), frequency=frequency, recency=recency, age=age, mean_amount=mean)


def _fit(histories: Histories) -> tuple[PurchaseParameters, SpendParameters]:
    summary = predictions.bg_nbd.deduplicate(
        frequency=histories.frequency, recency=histories.recency, age=histories.age
    )
    return predictions.bg_nbd.fit(summary), predictions.gamma_gamma.fit(
        frequency=histories.frequency, mean_amount=histories.mean_amount
    )


def _fit_lifetimes(histories: Histories) -> tuple[float, tuple[float, float]]:
    """Its seconds, and our likelihoods at what it found."""
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    repeats = histories.frequency > 0
    frequency, mean = histories.frequency[repeats], histories.mean_amount[repeats]
    start = stopwatch.perf_counter()
    purchases = BetaGeoFitter().fit(histories.frequency, histories.recency, histories.age)
    spend = GammaGammaFitter().fit(frequency, mean)
    seconds = stopwatch.perf_counter() - start
    summary = predictions.bg_nbd.deduplicate(
        frequency=histories.frequency, recency=histories.recency, age=histories.age
    )
    return seconds, (
        predictions.bg_nbd.log_likelihood(summary, **purchases.params_)[0],
        predictions.gamma_gamma.log_likelihood(frequency=frequency, mean_amount=mean, **spend.params_)[0],
    )
