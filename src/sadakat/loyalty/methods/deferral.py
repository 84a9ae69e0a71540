"""Revenue that waits for points, by IFRS 15.

A purchase that gives points sells two things: the goods, and a right to a discount. The price is shared between them
by what each would cost alone (paragraphs 73-80, B39-B43), and the part of the points is revenue when they are used, in
the proportion of the points used to those that are expected to be used in all (B44-B47; example 52). Points of one
month are taken together (paragraph 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from sadakat.kernel import sharing

K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Points that purchases of one month gave, at a moment."""

    given: float
    used: float
    reversed: float
    """Taken back, with the revenue they came from."""
    gone: float
    """Expired, or taken for another reason."""
    expected: float
    """Of those that are left: to be used."""

    @property
    def left(self) -> float:
        """Not used and not gone."""
        return max(self.given - self.used - self.reversed - self.gone, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What became of the deferred revenue of one month's points within some time, in whole minor units."""

    opening: int
    deferred: int
    recognised: int
    reversed: int
    expired: int
    reestimated: int
    closing: int
    """opening + deferred - recognised - reversed - expired + reestimated."""


def allocated(*, revenue: float, worth: float) -> float:
    """The part of a price that is for points, by relative stand-alone prices.

    `revenue` is what the goods cost alone and what was paid, `worth` what the points are worth to who uses them, times
    the share that is expected to be used.

    >>> round(allocated(revenue=100_000, worth=9_500))
    8676
    """
    return revenue * worth / (revenue + worth) if revenue > 0 and worth > 0 else 0.0


def deferred(price: float, standing: Standing) -> float:
    """What of `price`, once allocated to the points, still waits.

    >>> half = Standing(given=10_000, used=4_500, reversed=0, gone=0, expected=5_000)
    >>> round(deferred(8_676, half))
    4566
    """
    return _waiting(price, standing, used=standing.used, expected=standing.expected)


def movement(price: float, *, before: Standing | None, after: Standing) -> Movement:
    """How what waits came from `before` (None: nothing was given yet) to `after`, one cause at a time.

    Uses are told at the rate that was expected, with the breakage that goes with them; then what was taken back; then
    what expired although some of it was expected to be used; what is left to explain is a new estimate.

    >>> half = Standing(given=10_000, used=4_500, reversed=0, gone=0, expected=5_000)
    >>> more = Standing(given=10_000, used=8_500, reversed=0, gone=0, expected=1_200)
    >>> movement(8_676, before=half, after=more)  # doctest: +NORMALIZE_WHITESPACE
    Movement(opening=4566, deferred=0, recognised=3653, reversed=0, expired=0, reestimated=160, closing=1073)
    """
    # What went in the month in which it was given was known when its price was allocated, as its month ended.
    was = before or Standing(given=after.given, used=0, reversed=0, gone=after.gone, expected=_first(after))
    opening = 0.0 if before is None else deferred(price, before)
    start = price if before is None else opening
    in_all = was.used + was.expected
    expected = max(was.expected - (after.used - was.used), 0.0)
    kept = price * _kept(was)
    spent = min(kept, kept * expected / in_all) if in_all > 0 else 0.0
    left = max(was.given - after.used - was.reversed - was.gone, 0.0)
    expected, left = _less(expected, left, after.reversed - was.reversed)
    returned = _waiting(price, after, used=after.used, expected=expected)
    expected, _ = _less(expected, left, after.gone - was.gone)
    lapsed = _waiting(price, after, used=after.used, expected=expected)
    steps = [round(each) for each in (opening, start, spent, returned, lapsed, deferred(price, after))]
    return Movement(
        opening=steps[0],
        deferred=steps[1] - steps[0],
        recognised=steps[1] - steps[2],
        reversed=steps[2] - steps[3],
        expired=steps[3] - steps[4],
        reestimated=steps[5] - steps[4],
        closing=steps[5],
    )


def shared(total: int, parts: Mapping[K, float]) -> dict[K, int]:
    """`total` in whole numbers in the proportion of `parts`, as `kernel.sharing` does it.

    >>> shared(10, {"a": 1, "b": 1, "c": 1})
    {'a': 4, 'b': 3, 'c': 3}
    """
    return dict(zip(parts, sharing.shared(total, list(map(Fraction, parts.values()))), strict=True))


def _waiting(price: float, standing: Standing, *, used: float, expected: float) -> float:
    return price * _kept(standing) * expected / (used + expected) if expected > 0 and used + expected > 0 else 0.0


def _kept(standing: Standing) -> float:
    """The share of the points, and of the revenue behind them, that was not taken back."""
    return 1 - standing.reversed / standing.given if standing.given > 0 else 0.0


def _first(after: Standing) -> float:
    """How many were expected to be used when they were given: as it was seen at the end of that month."""
    kept = after.given - after.reversed
    return after.given * (after.used + after.expected) / kept if kept > 0 else 0.0


def _less(expected: float, left: float, gone: float) -> tuple[float, float]:
    """What is expected of the rest when some of what was left is gone, and that rest."""
    share = min(max(gone / left, 0.0), 1.0) if left > 0 else float(gone > 0)
    return expected * (1 - share), max(left - gone, 0.0)
