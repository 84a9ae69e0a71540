"""What a benchmark gives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure beside its baseline."""

    name: str
    ours: float
    baseline: float
    unit: str
    ratio: float
    """`ours` ÷ `baseline`."""
    goal: str
    """What performance asks of `ratio` (or of `ours`, where the unit is a time)."""
