"""Logistic regression on standardised logarithms: the probability of an outcome, and what each input adds to it.

Inputs are counts, days and amounts, which differ by factors rather than by sums: each enters as ln(1 + input), less its
mean and divided by its standard deviation. The weights β minimise the mean log-loss plus |β|² ÷ 2·25 (ridge, le Cessie
& van Houwelingen 1992, Applied Statistics 41(1)): inputs that tell the same then share the weight instead of cancelling
each other out, which ranks a little better and gives reasons that can be believed. What the ridge takes from all
weights alike is given back by Platt scaling (Platt 1999): one more regression on their sum.

scikit-learn fits both (Pedregosa et al. 2011, JMLR 12); its lbfgs starts at 0 and draws nothing at random.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import arrays
from sadakat.predictions.types import Reason
from sadakat.predictions.types.methods import Floats, LogisticParameters, Weight

MIN_CUSTOMERS: Final = 200
MIN_OF_EACH: Final = 30
"""So many must have had the outcome, and so many not."""
RIDGE: Final = 25.0
PLATT_C: Final = 100.0
"""Weak enough to change nothing, and enough to end where an input tells the outcome for certain."""
MAX_STEPS: Final = 1_000
# More customers would move no digit that is shown.
MAX_CUSTOMERS: Final = 300_000
SHOWN: Final = 3


def fit(columns: Mapping[str, Floats], outcome: NDArray[np.bool_]) -> LogisticParameters:
    """The weights under which the outcomes are likeliest, by input in the order of `columns`.

    Above `MAX_CUSTOMERS` every so many-th customer is looked at.

    Raises:
        Invalid: too few customers, too few with or without the outcome, or an input that is not finite or below zero.
    """
    # It takes longer to bring than most processes live that never train.
    from sklearn.linear_model import LogisticRegression

    check(outcome)
    every = slice(None, None, -(-len(outcome) // MAX_CUSTOMERS))
    logs = _logs(columns)[every]
    mean, spread = logs.mean(axis=0), logs.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    # With more threads than free processors the same fit takes thirty times as long.
    with threadpool_limits(limits=1):
        standardised, came = (logs - mean) / scale, outcome[every]
        ridge = LogisticRegression(C=RIDGE / len(came), max_iter=MAX_STEPS).fit(standardised, came)
        sums = standardised @ ridge.coef_.T
        platt = LogisticRegression(C=PLATT_C, max_iter=MAX_STEPS).fit(sums, came)
    coefficients = platt.coef_[0, 0] * ridge.coef_[0]
    return LogisticParameters(
        intercept=float(platt.intercept_[0]),
        weights=tuple(
            Weight(key=key, coefficient=float(coefficient), mean=float(middle), scale=float(deviation))
            for key, coefficient, middle, deviation in zip(columns, coefficients, mean, scale, strict=True)
        ),
    )


def check(outcome: NDArray[np.bool_]) -> None:
    """Lets outcomes pass that a probability can be learned from.

    Raises:
        Invalid: too few customers, or too few with or without the outcome.
    """
    with_it = int(outcome.sum())
    without = len(outcome) - with_it
    if len(outcome) < MIN_CUSTOMERS or min(with_it, without) < MIN_OF_EACH:
        raise Invalid(
            f"at least {MIN_CUSTOMERS} customers with a known outcome are needed, {MIN_OF_EACH} with it and "
            f"{MIN_OF_EACH} without; there are {len(outcome)}, {with_it} and {without}"
        )


def probability(parameters: LogisticParameters, columns: Mapping[str, Floats]) -> Floats:
    """The probability of the outcome for each row.

    >>> parameters = LogisticParameters(
    ...     intercept=-1.0, weights=(Weight(key="recency", coefficient=2.0, mean=3.0, scale=1.5),))
    >>> probability(parameters, {"recency": np.array([np.exp(3) - 1, np.exp(4.5) - 1])}).round(4)
    array([0.2689, 0.7311])

    Raises:
        Invalid: an input is not finite or below zero.
    """
    chance: Floats = expit(parameters.intercept + contributions(parameters, columns).sum(axis=1))
    return chance


def contributions(parameters: LogisticParameters, columns: Mapping[str, Floats]) -> Floats:
    """What each input adds to the log-odds of each row against the usual customer: rows by weights."""
    weights = parameters.weights
    logs = _logs({weight.key: columns[weight.key] for weight in weights})
    mean, scale, coefficient = np.array([[w.mean, w.scale, w.coefficient] for w in weights]).T
    added: Floats = (logs - mean) / scale * coefficient
    return added


def reasons(parameters: LogisticParameters, columns: Mapping[str, Floats]) -> tuple[Reason, ...]:
    """Why the first row has its probability: the inputs that add or take away most, at most three.

    >>> parameters = LogisticParameters(intercept=-1.0, weights=(
    ...     Weight(key="recency", coefficient=2.0, mean=3.0, scale=1.5),
    ...     Weight(key="frequency", coefficient=-0.5, mean=1.0, scale=0.5)))
    >>> for reason in reasons(parameters, {"recency": np.array([89.0]), "frequency": np.array([1.0])}):
    ...     print(reason.key, reason.value, round(reason.average, 1), round(reason.contribution, 2))
    recency 89.0 19.1 2.0
    frequency 1.0 1.7 0.31
    """
    added = contributions(parameters, columns)[0]
    return tuple(
        Reason(
            key=weight.key,
            value=float(columns[weight.key][0]),
            average=float(np.expm1(weight.mean)),
            contribution=float(added[place]),
        )
        for place in np.argsort(-np.abs(added), kind="stable")[:SHOWN]
        for weight in [parameters.weights[place]]
    )


def inputs_of(parameters: LogisticParameters) -> Sequence[str]:
    """The keys of the inputs."""
    return [weight.key for weight in parameters.weights]


def _logs(columns: Mapping[str, Floats]) -> Floats:
    return np.column_stack([np.log1p(arrays.column(values, name=name)) for name, values in columns.items()])
