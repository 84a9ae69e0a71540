"""How far customers have moved from those that a model was trained on, by the population stability index.

The index is Σ (now − then) · ln(now ÷ then) over the shares of ten parts: the symmetric Kullback–Leibler divergence
(Jeffreys 1946), long used for credit scores with the thresholds 0.1 and 0.25 (Siddiqi 2006, Credit Risk Scorecards).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from sadakat.predictions.types import Drift, DriftLevel
from sadakat.predictions.types.methods import Floats, Shares

PARTS: Final = 10
MOVED: Final = 0.1
CHANGED: Final = 0.25
# Stands for a part that nobody is in, whose logarithm there is not.
NOBODY: Final = 1e-4


def shares_of(columns: Mapping[str, Floats]) -> dict[str, Shares]:
    """What is remembered of each column: cut points between tenths of its values, and the share of each part.

    Where many values are alike there are fewer parts.

    >>> shares_of({"recency": np.array([1.0, 1.0, 1.0, 9.0])})["recency"]
    Shares(edges=(9.0,), shares=(0.75, 0.25))
    """
    found = {}
    for name, values in columns.items():
        tenths = np.quantile(values, np.arange(1, PARTS) / PARTS, method="inverted_cdf") if len(values) else values
        edges = np.unique(tenths[tenths > values.min(initial=np.inf)])
        found[name] = Shares(edges=tuple(edges.tolist()), shares=tuple(_shares(edges, values)))
    return found


def readings(then: Mapping[str, Shares], now: Mapping[str, Floats]) -> tuple[Drift, ...]:
    """The index of each column that is remembered, the largest first; nothing while there is nobody.

    >>> then = {"recency": Shares(edges=(5.0,), shares=(0.5, 0.5))}
    >>> [reading] = readings(then, {"recency": np.array([1.0, 1.0, 1.0, 9.0])})
    >>> round(reading.psi, 4), str(reading.level)
    (0.2747, 'changed')
    """
    found = []
    for name, remembered in then.items():
        if not len(now[name]):
            continue
        before = np.maximum(remembered.shares, NOBODY)
        after = np.maximum(_shares(np.asarray(remembered.edges), now[name]), NOBODY)
        psi = float(((after - before) * np.log(after / before)).sum())
        found.append(Drift(key=name, psi=psi, level=level(psi)))
    return tuple(sorted(found, key=lambda reading: (-reading.psi, reading.key)))


def level(psi: float) -> DriftLevel:
    """What an index says in a word."""
    if psi < MOVED:
        return DriftLevel.STABLE
    return DriftLevel.MOVED if psi < CHANGED else DriftLevel.CHANGED


def _shares(edges: Floats, values: Floats) -> list[float]:
    if not len(values):
        return [0.0] * (len(edges) + 1)
    counted = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return [float(share) for share in counted / len(values)]
