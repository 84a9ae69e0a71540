"""Models as they would have been on past days, beside simpler ones, and what came."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import evaluation, logistic
from sadakat.predictions.types import Backtest, CutResult, ScoreMethod
from sadakat.predictions.types.methods import Floats, Fold, Outcome, Snapshot

Inputs = Callable[[Snapshot], Mapping[str, Floats]]
"""The inputs of a model from what is known."""
Score = Callable[[Snapshot], Floats | None]
"""A score of the customers of a snapshot; None where it cannot be computed."""
Event = Callable[[Outcome], NDArray[np.bool_]]
"""What a model gives the probability of."""


def of_probability(
    folds: Sequence[Fold], *, inputs: Inputs, recency: str, event: Event, others: Mapping[str, Score]
) -> tuple[Backtest, ScoreMethod]:
    """Logistic regression on all inputs beside one on `recency` alone, and which of the two is to be used.

    The simpler one is, unless all inputs together have the higher mean AUC over the cut dates; calibration and deciles
    are those of the one that is used. `others` are single scores by the names of their figures, for comparison.

    Raises:
        Invalid: too few customers with or without the outcome, before a cut date or after it.
    """
    cuts: list[CutResult] = []
    chances: dict[ScoreMethod, list[Floats]] = {ScoreMethod.LOGISTIC: [], ScoreMethod.RECENCY: []}
    came: list[NDArray[np.bool_]] = []
    for fold in folds:
        known, happened = event(fold.learned_outcome), event(fold.outcome)
        for snapshot, outcome in ((fold.learned, known), (fold.asked, happened)):
            with as_of(snapshot.cut_date):
                logistic.check(outcome)
        learned, asked = inputs(fold.learned), inputs(fold.asked)
        full = logistic.probability(logistic.fit(learned, known), asked)
        simple = {recency: asked[recency]}
        alone = logistic.probability(logistic.fit({recency: learned[recency]}, known), simple)
        figures = {
            "auc": evaluation.auc(happened, full),
            "auc_recency": evaluation.auc(happened, alone),
            "brier": evaluation.brier(happened, full),
            "brier_recency": evaluation.brier(happened, alone),
        }
        for name, score in others.items():
            if (values := score(fold.asked)) is not None:
                figures[name] = evaluation.auc(happened, values)
        cuts.append(cut_result(fold, trained_on=len(known), positives=int(happened.sum()), figures=figures))
        chances[ScoreMethod.LOGISTIC].append(full)
        chances[ScoreMethod.RECENCY].append(alone)
        came.append(happened)
    means = means_of(cuts)
    method = ScoreMethod.LOGISTIC if means["auc"] > means["auc_recency"] else ScoreMethod.RECENCY
    chance, outcome = np.concatenate(chances[method]), np.concatenate(came)
    return Backtest(
        horizon_days=horizon_of(folds[0]),
        cuts=tuple(cuts),
        means=means,
        calibration=evaluation.calibration(outcome, chance),
        deciles=evaluation.deciles(outcome.astype(np.float64), chance),
    ), method


def cut_result(fold: Fold, *, trained_on: int, positives: int | None, figures: Mapping[str, float]) -> CutResult:
    """One past day with its figures."""
    return CutResult(
        cut_date=fold.asked.cut_date,
        until_date=fold.outcome.until_date,
        trained_on=trained_on,
        customers=len(fold.asked.customer),
        positives=positives,
        figures=figures,
    )


def means_of(cuts: Sequence[CutResult]) -> dict[str, float]:
    """The mean of each figure over the cuts that have it."""
    names = dict.fromkeys(name for cut in cuts for name in cut.figures)
    return {name: float(np.mean([cut.figures[name] for cut in cuts if name in cut.figures])) for name in names}


def horizon_of(fold: Fold) -> int:
    """How many days a fold looks ahead."""
    return (fold.outcome.until_date - fold.asked.cut_date) // timedelta(days=1)


@contextmanager
def as_of(day: date) -> Iterator[None]:
    """Says of which day a refusal is.

    Raises:
        Invalid: what was raised inside, with the day.
    """
    try:
        yield
    except Invalid as error:
        raise Invalid(f"as of {day}: {error}") from error
