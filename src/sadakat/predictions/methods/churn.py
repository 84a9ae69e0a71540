"""Churn: the probability that a customer orders nothing within a horizon, from when and how much was ordered so far.

Asked of customers who ordered in the last 365 days: who has been silent for longer is lost already. In trials, boosted
trees were no better than logistic regression, and slower by far.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import logistic, past, purchases
from sadakat.predictions.types import Backtest, ScoreMethod
from sadakat.predictions.types.methods import Floats, Fold, LogisticParameters, Outcome, Snapshot

ACTIVE_DAYS: Final = 365
RECENCY: Final = "silence"
INPUTS: Final = (
    RECENCY,
    "frequency",
    "age",
    "mean_gap",
    "overdue",
    "monetary",
    "orders_30",
    "orders_90",
    "orders_180",
    "trend",
    "channels",
)
"""Columns of `tables.histories`, where each is defined."""


def active(snapshot: Snapshot) -> Snapshot:
    """The customers who are asked about."""
    return snapshot.where(snapshot.columns[RECENCY] <= ACTIVE_DAYS)


def inputs(snapshot: Snapshot) -> dict[str, Floats]:
    """All inputs of the model."""
    return {name: snapshot.columns[name] for name in INPUTS}


def has_churned(outcome: Outcome) -> NDArray[np.bool_]:
    """Who ordered nothing."""
    return ~outcome.ordered


def backtest(folds: Sequence[Fold]) -> tuple[Backtest, ScoreMethod]:
    """All inputs beside days since the last order alone, and beside the probability to have stopped by BG/NBD.

    Raises:
        Invalid: too few customers who ordered again, or who did not.
    """
    return past.of_probability(
        folds,
        inputs=inputs,
        recency=RECENCY,
        event=has_churned,
        others={"auc_alive": _stopped},
    )


def fit(snapshot: Snapshot, outcome: Outcome, *, method: ScoreMethod) -> LogisticParameters:
    """The parameters, of all inputs or of recency alone as `backtest` has chosen.

    Raises:
        Invalid: as `backtest`.
    """
    columns = inputs(snapshot)
    if method is ScoreMethod.RECENCY:
        columns = {RECENCY: columns[RECENCY]}
    return logistic.fit(columns, has_churned(outcome))


def _stopped(snapshot: Snapshot) -> Floats | None:
    with suppress(Invalid):
        return 1 - purchases.alive(purchases.fit(snapshot), snapshot)
    return None
