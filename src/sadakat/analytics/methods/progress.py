"""How far a goal has come, and where it stands."""

from sadakat.analytics.types.figures import Better
from sadakat.analytics.types.goals import GoalState


def rises(*, start: float | None, target: float, better: Better) -> bool:
    """Whether the goal is reached from below: as target and start say, and where they do not, as the metric does.

    >>> rises(start=0.2, target=0.3, better=Better.LOWER), rises(start=None, target=0.1, better=Better.LOWER)
    (True, False)
    """
    if start is not None and start != target:
        return target > start
    return better is not Better.LOWER


def is_at(value: float, *, target: float, is_rising: bool) -> bool:
    """Whether a value is at the target or beyond."""
    return value >= target if is_rising else value <= target


def progress(*, start: float | None, value: float | None, target: float, is_rising: bool) -> float | None:
    """The share of the way from start to target that is done, 0 to 1.

    >>> progress(start=0.20, value=0.24, target=0.30, is_rising=True)
    0.4
    >>> progress(start=100, value=120, target=80, is_rising=False)
    0.0
    """
    if start is None or value is None:
        return None
    if is_at(value, target=target, is_rising=is_rising):
        return 1.0
    return 0.0 if start == target else round(min(max((value - start) / (target - start), 0.0), 1.0), 12)


def judge(*, value: float | None, forecast: float | None, target: float, is_rising: bool, is_over: bool) -> GoalState:
    """Where a goal stands; `is_over` when `value` is that of its last day.

    >>> judge(value=0.24, forecast=0.31, target=0.30, is_rising=True, is_over=False).value
    'on_track'
    """
    if value is None:
        return GoalState.UNKNOWN
    if is_at(value, target=target, is_rising=is_rising):
        return GoalState.REACHED
    if is_over:
        return GoalState.MISSED
    if forecast is None:
        return GoalState.UNKNOWN
    is_enough = is_at(forecast, target=target, is_rising=is_rising)
    return GoalState.ON_TRACK if is_enough else GoalState.OFF_TRACK
