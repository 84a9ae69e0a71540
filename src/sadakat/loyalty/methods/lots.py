"""What became of all lots, by day: what is left of them, how they outlived use, and what is expected of the rest."""

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadakat.loyalty.methods.breakage import Floats, Survival, survival
from sadakat.loyalty.methods.deferral import Standing

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Exit(enum.IntEnum):
    """How points leave a lot."""

    USED = 0
    REVERSED = 1
    """With the purchase that they came from."""
    GONE = 2
    """Expired, or taken for another reason."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Lots:
    """Lots that were given on one day and live equally long, as one; days are numbers in one calendar."""

    given: Floats
    """The day."""
    ends: Floats
    """The day with whose beginning they are gone; infinite: never."""
    points: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Exits:
    """What left them, and what came back."""

    lot: Integers
    """Position of the lot."""
    kind: Integers
    """As `Exit`."""
    day: Floats
    """On which it left."""
    known: Floats
    """On which this happened: of what came back a later day than `day`."""
    points: Floats
    """Below zero: came back."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """All that was ever given, as of the beginning of any day."""

    lots: Lots
    exits: Exits

    def gone(self, kind: Exit, *, day: float) -> Floats:
        """By lot: points that had left it in this way, whatever was booked: what has expired is gone on its day."""
        seen = (self.exits.kind == kind) & (self.exits.known < day)
        found = self._by_lot(seen)
        if kind is Exit.GONE:
            others = self._by_lot((self.exits.kind != kind) & (self.exits.known < day))
            return np.where(self.lots.ends <= day, self._points(day) - others, found)
        return found

    def left(self, *, day: float) -> Floats:
        """By lot: points that had been given and were neither used nor gone."""
        booked = self._points(day) - self._by_lot(self.exits.known < day)
        return np.where(self.lots.ends <= day, 0.0, np.maximum(booked, 0.0))

    def survival(self, *, day: float) -> Survival:
        """How points have outlived use, from all that was known."""
        seen = self.exits.known < day
        used = seen & (self.exits.kind == Exit.USED)
        other = seen & (self.exits.kind != Exit.USED)
        ages = np.maximum(self.exits.day - self.lots.given[self.exits.lot], 0)
        # What is left today goes out of sight today, and what has expired without being booked on its day.
        booked = self._points(day) - self._by_lot(seen)
        today = np.maximum(np.minimum(self.lots.ends, day) - self.lots.given, 0)
        every = np.concatenate([ages[seen], today[booked > 0], [0.0]])
        size = int(every.max()) + 1
        left = _counted(ages[other], self.exits.points[other], size)
        left += _counted(today[booked > 0], booked[booked > 0], size)
        return survival(used=np.maximum(_counted(ages[used], self.exits.points[used], size), 0.0), left=left)

    def expected(self, *, day: float, curve: Survival) -> Floats:
        """By lot: how many of the points that are left will be used, as `curve` has it."""
        ages, lives = day - self.lots.given, self.lots.ends - self.lots.given
        given = self.lots.given < day
        unused = curve.unused(ages=np.where(given, ages, 0.0), lives=np.where(given, lives, 1.0))
        return self.left(day=day) * (1 - unused)

    def standings(self, parts: Integers, *, count: int, day: float, curve: Survival) -> list[Standing]:
        """How the points of each of `count` parts stand; `parts` says by lot in which one it is, below 0: in none."""
        lots = parts >= 0
        columns = (
            self._points(day),
            *(self.gone(kind, day=day) for kind in Exit),
            self.expected(day=day, curve=curve),
        )
        summed = (np.bincount(parts[lots], column[lots], minlength=count).tolist() for column in columns)
        return [
            Standing(given=given, used=used, reversed=reversed_, gone=gone, expected=expected)
            for given, used, reversed_, gone, expected in zip(*summed, strict=True)
        ]

    def _points(self, day: float) -> Floats:
        return np.where(self.lots.given < day, self.lots.points, 0.0)

    def _by_lot(self, seen: Flags) -> Floats:
        return _counted(self.exits.lot[seen], self.exits.points[seen], len(self.lots.given))


def _counted(places: Floats | Integers, points: Floats, size: int) -> Floats:
    # Counted of nothing, zeros would be whole numbers.
    return np.bincount(places.astype(np.int64), points, minlength=size).astype(np.float64)
