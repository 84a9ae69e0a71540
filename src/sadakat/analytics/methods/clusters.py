"""Groups of customers who are alike, found without being told what to look for.

k-means: Lloyd (1982), “Least squares quantization in PCM”, with the seeds of Arthur & Vassilvitskii (2007); how many
groups there are: the silhouette of Rousseeuw (1987). Columns are standardised, so that no unit outweighs another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sadakat.kernel.errors import Invalid

Floats = NDArray[np.float64]

MIN_CUSTOMERS: Final = 100
FEWEST, MOST = 3, 6
"""How many clusters are tried: fewer say nothing new, more cannot be kept in mind."""
FIT_ROWS: Final = 50_000
SILHOUETTE_ROWS: Final = 2_000
SEED: Final = 1_982
_MAX_STEPS: Final = 200
_STARTS: Final = 5
_FLAT: Final = 1e-9
_TOLD: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Groups of customers by their centres; rows and columns are numbered."""

    means: Floats
    """Of each column."""
    spreads: Floats
    """Standard deviation of each column; 1 for a column whose values are all alike."""
    centres: Floats
    """Grain: one cluster. In standard deviations from the mean, of each column."""

    def assign(self, values: Floats) -> NDArray[np.int64]:
        """The cluster whose centre is nearest to each row."""
        standard = (values - self.means) / self.spreads
        distances = ((standard[:, None, :] - self.centres[None, :, :]) ** 2).sum(axis=2)
        nearest: NDArray[np.int64] = distances.argmin(axis=1)
        return nearest


def fit(values: Floats, *, worth: Floats) -> Clusters:
    """The clusters of the rows of `values`, those of the highest mean `worth` first.

    The same rows give the same clusters. Of many rows, a fixed sample is looked at.

    >>> rng = np.random.default_rng(1)
    >>> groups = [rng.normal(centre, 0.1, (40, 2)) for centre in ((0, 0), (5, 0), (0, 5))]
    >>> found = fit(np.concatenate(groups), worth=np.repeat([1.0, 3.0, 2.0], 40))
    >>> found.assign(np.array([[0.1, 0.0], [5.0, 0.1], [0.0, 4.9]])).tolist()
    [2, 0, 1]

    Raises:
        Invalid: there are fewer than `MIN_CUSTOMERS` rows, or fewer different ones than clusters.
    """
    if len(values) < MIN_CUSTOMERS:
        raise Invalid(f"clusters need at least {MIN_CUSTOMERS} customers, not {len(values)}")
    rng = np.random.default_rng(SEED)
    rows = np.sort(rng.choice(len(values), size=min(len(values), FIT_ROWS), replace=False))
    sample = values[rows]
    means, spreads = sample.mean(axis=0), sample.std(axis=0)
    spreads = np.where(spreads > _FLAT, spreads, 1.0)
    standard = (sample - means) / spreads
    if not values.shape[1] or len(np.unique(standard, axis=0)) <= MOST:
        raise Invalid(f"clusters need more than {MOST} customers who differ")
    _silhouette, labels, centres = max(_tried(standard, rng=rng), key=lambda tried: tried[0])
    by_worth = sorted(range(len(centres)), key=lambda n: -float(worth[rows][labels == n].mean()))
    return Clusters(means=means, spreads=spreads, centres=centres[by_worth])


def _tried(standard: Floats, *, rng: np.random.Generator) -> Iterator[tuple[float, NDArray[np.int32], Floats]]:
    """Silhouette, labels and centres for each number of clusters."""
    from sklearn.cluster import KMeans  # takes a second to load, and few processes fit anything
    from sklearn.metrics import silhouette_score

    judged = rng.choice(len(standard), size=min(len(standard), SILHOUETTE_ROWS), replace=False)
    with _one_thread():
        for count in range(FEWEST, MOST + 1):
            found = KMeans(count, n_init=_STARTS, max_iter=_MAX_STEPS, random_state=SEED).fit(standard)
            is_judgeable = len(set(found.labels_[judged])) > 1
            score = silhouette_score(standard[judged], found.labels_[judged]) if is_judgeable else -1.0
            yield float(score), found.labels_, found.cluster_centers_


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums run in one order: more threads would give other last digits, and starve the rest of the machine."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

    with threadpool_limits(limits=1):
        yield


def portraits(centres: Floats) -> list[list[tuple[int, bool]]]:
    """By what each centre stands out: its two clearest columns, and whether it lies above the mean in each.

    What two centres would share is told further, by as many columns as it takes.

    >>> portraits(np.array([[1.5, 0.2, 1.0], [-1.0, 0.1, -2.0], [1.4, -0.9, 1.1]]))
    [[(0, True), (2, True)], [(2, False), (0, False)], [(0, True), (2, True), (1, False)]]
    """
    found: list[list[tuple[int, bool]]] = []
    for centre in centres:
        columns = [int(n) for n in np.argsort(-np.abs(centre), kind="stable")]
        length = _TOLD
        while length < len(columns) and _like(centre, columns[:length]) in [sorted(each) for each in found]:
            length += 1
        found.append([(n, bool(centre[n] > 0)) for n in columns[:length]])
    return found


def _like(centre: Floats, columns: list[int]) -> list[tuple[int, bool]]:
    return sorted((n, bool(centre[n] > 0)) for n in columns)
