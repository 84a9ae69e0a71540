"""A forecast of a short, evenly spaced series: a straight line, over a year's season where one is known.

Source: R. J. Hyndman, G. Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 2021: least squares with a
time trend and its prediction interval (sections 7.4 and 7.6), differences from the same season a year before (9.1).
`docs/algorithms/goals.md` works both out by hand.
"""

import math
from collections.abc import Sequence
from typing import Final

from sadakat.analytics.types.goals import Forecast, Method

MIN_VALUES: Final = 4
LATEST: Final = 13
"""The line goes through at most so many of the latest values: a quarter of weeks, a year of months."""
# Student's t at 0.9 for 1, 2, 3, … degrees of freedom: with both sides, an interval of 80%.
_T_90: Final = (3.0777, 1.8856, 1.6377, 1.5332, 1.4759, 1.4398, 1.4149, 1.3968, 1.3830, 1.3722, 1.3634)


def forecast(values: Sequence[float | None], *, ahead: int, season: int | None = None) -> Forecast | None:
    """What the value `ahead` places after the last one is expected to be; None where too few are known.

    With `season`, the number of places in a year, and at least `LATEST` places that have a known one a year before
    them (or half of the season, if that is less), the line goes through the differences from the year before.

    >>> forecast([10, 12, 13, 15], ahead=2).value
    18.1
    >>> forecast([10, 12, None], ahead=2) is None
    True
    """
    last = len(values) - 1
    if season is not None and 0 <= last + ahead - season <= last:
        base = values[last + ahead - season]
        moved = [
            (n, _difference(values[n], values[n - season])) for n in range(max(season, last + 1 - LATEST), last + 1)
        ]
        known = [(n, value) for n, value in moved if value is not None]
        if base is not None and len(known) >= max(MIN_VALUES, min(LATEST, season // 2)):
            return _line(known, x=last + ahead, base=base, method=Method.SEASON)
    latest = [(n, value) for n, value in enumerate(values) if value is not None and n > last - LATEST]
    return _line(latest, x=last + ahead, base=0.0, method=Method.TREND) if len(latest) >= MIN_VALUES else None


def within(one: Forecast, *, low: float, high: float) -> Forecast:
    """The forecast of a figure that cannot leave a range, such as a share between 0 and 1."""

    def held(value: float) -> float:
        return min(max(value, low), high)

    return Forecast(value=held(one.value), low=held(one.low), high=held(one.high), method=one.method, count=one.count)


def _difference(value: float | None, before: float | None) -> float | None:
    return None if value is None or before is None else value - before


def _line(points: Sequence[tuple[int, float]], *, x: int, base: float, method: Method) -> Forecast:
    """The least squares line at `x` above `base`, and the interval that holds a new value eight times in ten."""
    count = len(points)
    middle = math.fsum(n for n, _ in points) / count
    mean = math.fsum(value for _, value in points) / count
    spread = math.fsum((n - middle) ** 2 for n, _ in points)
    slope = math.fsum((n - middle) * (value - mean) for n, value in points) / spread
    left = math.fsum((value - mean - slope * (n - middle)) ** 2 for n, value in points)
    error = math.sqrt(left / (count - 2) * (1 + 1 / count + (x - middle) ** 2 / spread))
    value, half = base + mean + slope * (x - middle), _T_90[count - 3] * error
    return Forecast(value=value, low=value - half, high=value + half, method=method, count=count)
