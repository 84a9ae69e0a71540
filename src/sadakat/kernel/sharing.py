"""Whole numbers that sum to what they are parts of: by the largest remainders, of equal ones the first.

Sources: A. Hamilton's method of apportionment, 1792; M. L. Balinski, H. P. Young, Fair Representation, 1982.
"""

from collections.abc import Sequence
from fractions import Fraction


def shared(total: int, weights: Sequence[int] | Sequence[Fraction]) -> list[int]:
    """`total` in the proportion of the weights; nothing for each where they sum to 0.

    >>> shared(100, [1, 1, 1]), shared(7, [0, 5]), shared(7, [0, 0])
    ([34, 33, 33], [0, 7], [0, 0])
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    return _raised([divmod(total * weight, whole) for weight in weights], total=total)


def rounded(shares: Sequence[Fraction]) -> list[int]:
    """Each share rounded down or up; they may be below zero, and sum to a whole number.

    >>> rounded([Fraction(5, 3), Fraction(5, 3), Fraction(-7, 3)])
    [2, 2, -3]
    """
    return _raised([divmod(share, 1) for share in shares], total=int(sum(shares)))


def _raised(parts: Sequence[tuple[int, int | Fraction]], *, total: int) -> list[int]:
    missing = total - sum(floor for floor, _rest in parts)
    largest = set(sorted(range(len(parts)), key=lambda place: -parts[place][1])[:missing])
    return [floor + (place in largest) for place, (floor, _rest) in enumerate(parts)]
