"""What each line of an order gives of a refund."""

from collections.abc import Sequence

from sadakat.kernel.sharing import shared


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
