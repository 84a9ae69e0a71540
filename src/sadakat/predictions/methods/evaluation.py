"""How good predictions were, once it is known what came."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sadakat.predictions.types import Calibration, CalibrationBin, Decile
from sadakat.predictions.types.methods import Floats

BINS: Final = 10
CALIBRATED_ERROR: Final = 0.05


def auc(outcome: NDArray[np.bool_], score: Floats) -> float:
    """The probability that somebody with the outcome has a higher score than somebody without; ties count half.

    (Hanley & McNeil 1982, Radiology 143(1).) 0.5 is a coin's.

    >>> auc(np.array([True, False, True, False]), np.array([0.9, 0.1, 0.4, 0.4]))
    0.875
    """
    from sklearn.metrics import roc_auc_score  # as in `logistic.fit`

    return float(roc_auc_score(outcome, score))


def brier(outcome: NDArray[np.bool_], chance: Floats) -> float:
    """The mean squared distance between probability and outcome (Brier 1950, Monthly Weather Review 78(1)).

    >>> brier(np.array([True, False]), np.array([0.8, 0.4]))
    0.1
    """
    return round(float(((chance - outcome) ** 2).mean()), 12)


def calibration(outcome: NDArray[np.bool_], chance: Floats) -> Calibration:
    """Predicted beside observed shares, by tenths of the range of probabilities.

    >>> found = calibration(np.array([True, False, True, True]), np.array([0.1, 0.15, 0.95, 1.0]))
    >>> [(bin.low, bin.high, bin.customers, round(bin.predicted, 3), bin.observed) for bin in found.bins]
    [(0.1, 0.2, 2, 0.125, 0.5), (0.9, 1.0, 2, 0.975, 1.0)]
    >>> round(found.error, 3), found.is_calibrated
    (0.2, False)
    """
    of_bin = np.minimum((chance * BINS).astype(np.int64), BINS - 1)
    customers = np.bincount(of_bin, minlength=BINS)
    predicted, observed = (np.bincount(of_bin, values, minlength=BINS) for values in (chance, outcome))
    error = float(np.abs(predicted - observed).sum() / max(len(chance), 1))
    return Calibration(
        bins=tuple(
            CalibrationBin(
                low=place / BINS,
                high=(place + 1) / BINS,
                customers=int(customers[place]),
                predicted=float(predicted[place] / customers[place]),
                observed=float(observed[place] / customers[place]),
            )
            for place in range(BINS)
            if customers[place]
        ),
        error=error,
        is_calibrated=error <= CALIBRATED_ERROR,
    )


def deciles(observed: Floats, predicted: Floats) -> tuple[Decile, ...]:
    """Tenths of the customers by prediction, the highest first; what came beside what was predicted.

    Fewer than ten customers make as many parts.

    >>> [(part.predicted, part.observed, part.lift) for part in deciles(np.array([0.0, 3.0]), np.array([1.0, 2.0]))]
    [(2.0, 3.0, 2.0), (1.0, 0.0, 0.0)]
    """
    mean = float(observed.mean()) if len(observed) else 0.0
    parts = np.array_split(np.argsort(-predicted, kind="stable"), min(BINS, len(predicted)) or 1)
    return tuple(
        Decile(
            number=number,
            customers=len(part),
            predicted=float(predicted[part].mean()),
            observed=float(observed[part].mean()),
            lift=float(observed[part].mean()) / mean if mean else None,
        )
        for number, part in enumerate(parts, start=1)
        if len(part)
    )
