"""Prospects: the probability that a visitor who has never ordered does so within the horizon, from web behaviour."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sadakat.predictions.methods import logistic, past
from sadakat.predictions.types import Backtest, ScoreMethod
from sadakat.predictions.types.methods import Floats, Fold, LogisticParameters, Outcome, Snapshot

ACTIVE_DAYS: Final = 365
RECENCY: Final = "silence"
INPUTS: Final = ("visits", "views", "carts", RECENCY, "age")
"""Columns of `tables.visitors`, where each is defined; beside them `source:ID`, 1 for whom that source brought."""
MAX_SOURCES: Final = 4
_SOURCE: Final = "source:"


def active(snapshot: Snapshot) -> Snapshot:
    """The visitors who are asked about: seen within a year."""
    return snapshot.where(snapshot.columns[RECENCY] <= ACTIVE_DAYS)


def inputs(snapshot: Snapshot, *, sources: Sequence[int]) -> dict[str, Floats]:
    """All inputs of the model, with one for each of these sources."""
    columns = snapshot.columns
    return {name: columns[name] for name in INPUTS} | {
        f"{_SOURCE}{source}": (columns["source_id"] == source).astype(np.float64) for source in sources
    }


def sources_of(snapshot: Snapshot) -> list[int]:
    """The sources that brought most visitors, at most four; the last of them is told by not being another."""
    found, visitors = np.unique(snapshot.columns["source_id"], return_counts=True)
    ordered = [int(source) for source in found[np.argsort(-visitors, kind="stable")]]
    return ordered[:-1][:MAX_SOURCES]


def has_ordered(outcome: Outcome) -> NDArray[np.bool_]:
    """Who made a first order."""
    return outcome.ordered


def backtest(folds: Sequence[Fold]) -> tuple[Backtest, ScoreMethod]:
    """All inputs beside days since the last visit alone.

    Raises:
        Invalid: too few visitors who ordered, or who did not.
    """
    sources = sources_of(folds[0].learned)
    return past.of_probability(
        folds,
        inputs=lambda snapshot: inputs(snapshot, sources=sources),
        recency=RECENCY,
        event=has_ordered,
        others={},
    )


def fit(snapshot: Snapshot, outcome: Outcome, *, method: ScoreMethod) -> LogisticParameters:
    """The parameters, of all inputs or of recency alone as `backtest` has chosen.

    Raises:
        Invalid: as `backtest`.
    """
    columns = inputs(snapshot, sources=sources_of(snapshot))
    if method is ScoreMethod.RECENCY:
        columns = {RECENCY: columns[RECENCY]}
    return logistic.fit(columns, has_ordered(outcome))


def inputs_for(parameters: LogisticParameters, snapshot: Snapshot) -> dict[str, Floats]:
    """The inputs that these parameters ask for."""
    keys = logistic.inputs_of(parameters)
    sources = [int(key.removeprefix(_SOURCE)) for key in keys if key.startswith(_SOURCE)]
    return {key: values for key, values in inputs(snapshot, sources=sources).items() if key in keys}
