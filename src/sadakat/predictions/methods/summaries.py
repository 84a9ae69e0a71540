"""From orders to what the models look at."""

import numpy as np
from numpy.typing import ArrayLike

from sadakat.kernel.errors import Invalid
from sadakat.predictions.types.methods import Histories, Integers


def summarise(*, customer: ArrayLike, day: ArrayLike, amount: ArrayLike, last_day: int) -> Histories:
    """Each customer's history from one row an order, in any order of rows.

    `customer` and `day` are whole numbers (a day: days since any origin), `amount` what the order brought; `last_day`
    is the last day that is seen. The orders of a customer on one day are one occasion, of their summed amount.

    >>> histories = summarise(customer=[7, 7, 7, 9], day=[1, 11, 11, 5], amount=[80, 20, 30, 60], last_day=21)
    >>> histories.frequency, histories.recency, histories.age, histories.mean_amount
    (array([1, 0]), array([10.,  0.]), array([20., 16.]), array([50.,  0.]))

    Raises:
        Invalid: columns of unequal length, a day after `last_day`, numbers that are not whole, an amount not finite.
    """
    customers, days = _whole(customer, name="customer"), _whole(day, name="day")
    amounts = np.asarray(amount, dtype=np.float64)
    if not len(customers) == len(days) == len(amounts):
        raise Invalid(
            f"customer, day and amount must be equally long, not {len(customers)}, {len(days)} and {len(amounts)}"
        )
    if not np.isfinite(amounts).all():
        raise Invalid(f"amounts must be finite, but {(~np.isfinite(amounts)).sum()} are not")
    if (days > last_day).any():
        raise Invalid(f"no order may come after the last day, {last_day}; the latest is of {days.max()}")
    if not len(days):
        none = np.empty(0)
        return Histories(
            customer=customers, frequency=np.empty(0, dtype=np.int64), recency=none, age=none, mean_amount=none
        )
    order = np.lexsort((days, customers))
    customers, days, amounts = customers[order], days[order], amounts[order]
    is_new = np.append(True, np.diff(customers) != 0)
    is_occasion = is_new | np.append(True, np.diff(days) != 0)
    first, of_customer = np.flatnonzero(is_new), np.cumsum(is_new) - 1
    last = np.append(first[1:], len(days)) - 1
    frequency = np.bincount(of_customer[is_occasion]) - 1
    later = days > days[first][of_customer]
    spent_later = np.bincount(of_customer, amounts * later)
    return Histories(
        customer=customers[first],
        frequency=frequency,
        recency=(days[last] - days[first]).astype(np.float64),
        age=(last_day - days[first]).astype(np.float64),
        mean_amount=spent_later / np.maximum(frequency, 1),
    )


def _whole(values: ArrayLike, *, name: str) -> Integers:
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise Invalid(f"{name} must be one column of whole numbers, not {given.dtype} of {given.ndim} dimensions")
    return given.astype(np.int64)
