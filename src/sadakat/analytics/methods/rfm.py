"""Recency, frequency and monetary value as scores from 1 to 5.

Hughes (1994), *Strategic Database Marketing*: customers are cut into fifths by each of the three. Here the cuts are
values, not places in a sorted list: who has the same value has the same score, whoever else there is.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sadakat.kernel.errors import Invalid

MIN_CUSTOMERS: Final = 25
"""Below five customers a fifth, fifths are chance."""
_FIFTHS: Final = (1, 2, 3, 4)


def cut_points(values: ArrayLike) -> tuple[int, int, int, int]:
    """The values at which one, two, three and four fifths of the customers are reached; each is one of `values`.

    >>> cut_points(range(1, 101))
    (20, 40, 60, 80)

    Raises:
        Invalid: there are fewer than `MIN_CUSTOMERS` values.
    """
    given = np.sort(np.asarray(values, dtype=np.int64))
    if len(given) < MIN_CUSTOMERS:
        raise Invalid(f"fifths need at least {MIN_CUSTOMERS} customers, not {len(given)}")
    first, second, third, fourth = (int(given[-(-len(given) * fifth // 5) - 1]) for fifth in _FIFTHS)
    return first, second, third, fourth


def scores(values: ArrayLike, *, cuts: Sequence[int], is_less_better: bool = False) -> NDArray[np.int64]:
    """Each value's score: one, and one more for every cut that it lies beyond.

    Equal values have equal scores: where three fifths of the customers have ordered once, once is a 1 and twice a 4.

    >>> scores([1, 20, 21, 100], cuts=(20, 40, 60, 80)).tolist()
    [1, 1, 2, 5]
    >>> scores([1, 20, 21, 100], cuts=(20, 40, 60, 80), is_less_better=True).tolist()
    [5, 5, 4, 1]
    """
    beyond: NDArray[np.int64] = np.searchsorted(np.asarray(cuts), np.asarray(values, dtype=np.int64), side="left")
    return 5 - beyond if is_less_better else 1 + beyond
