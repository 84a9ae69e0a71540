"""Shares whole amounts over the lines of an order, so that the parts sum to the whole."""

from collections.abc import Sequence


def shared(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in the proportion of the weights, rounded by the largest remainder; of equal ones the first get more.

    >>> shared(100, [1, 1, 1]), shared(7, [0, 5]), shared(7, [0, 0])
    ([34, 33, 33], [0, 7], [0, 0])
    """
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    parts = [divmod(amount * weight, total) for weight in weights]
    missing = amount - sum(whole for whole, _ in parts)
    largest = sorted(range(len(parts)), key=lambda place: -parts[place][1])[:missing]
    return [whole + (place in largest) for place, (whole, _) in enumerate(parts)]


def given_back(amount: int, named: Sequence[int], left: Sequence[int]) -> list[int]:
    """What each line gives of a refund: as `named` weighs them, as far as a line has it; else by what is left of each.

    Never more than is left of all of them.

    >>> given_back(30, [0, 0], [40, 20]), given_back(30, [0, 1], [40, 20]), given_back(90, [0, 0], [40, 20])
    ([20, 10], [10, 20], [40, 20])
    """
    amount = min(amount, sum(left))
    taken = [min(part, rest) for part, rest in zip(shared(amount, named), left, strict=True)]
    rest = [most - part for most, part in zip(left, taken, strict=True)]
    return [part + more for part, more in zip(taken, shared(amount - sum(taken), rest), strict=True)]
