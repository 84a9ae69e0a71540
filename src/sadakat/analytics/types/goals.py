"""Goals, weekly briefings and shared reports, as they cross the door."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sadakat.kernel.time import PeriodKind


class Department(enum.StrEnum):
    """Who a goal or a briefing is for."""

    MANAGEMENT = "management"
    MARKETING = "marketing"
    LOYALTY = "loyalty"
    SUPPORT = "support"
    STORES = "stores"
    E_COMMERCE = "e_commerce"


class GoalState(enum.StrEnum):
    """Where a goal stands."""

    ON_TRACK = "on_track"
    """The forecast reaches the target."""
    OFF_TRACK = "off_track"
    """The forecast does not reach the target."""
    REACHED = "reached"
    """The latest value is at the target or beyond; after the last day, that day's value."""
    MISSED = "missed"
    """The last day has passed and its value was short of the target."""
    UNKNOWN = "unknown"
    """No value, or too few for a forecast."""


class Method(enum.StrEnum):
    """How a forecast was made."""

    TREND = "trend"
    """A straight line through the latest values."""
    SEASON = "season"
    """The same period of the year before, and a straight line through how far the latest values are from theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a series of values is expected to be later."""

    value: float
    low: float
    """One time in ten the value is expected below this."""
    high: float
    """One time in ten the value is expected above this."""
    method: Method
    count: int
    """How many values the line goes through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a metric is to reach, and how far it is. Money in minor units, shares as fractions."""

    id: int
    name: str
    metric: str
    """A field of `Metrics`."""
    segment_key: str
    """Empty for all customers."""
    period: PeriodKind
    """Which whole periods a metric of a period is of; metrics of trailing windows do not look at it."""
    start_date: date
    start_value: float | None
    """As of the beginning of `start_date`."""
    target: float
    by_date: date
    """The last day that counts."""
    owner_id: int
    owner_name: str
    department: Department
    state: GoalState
    """As last judged."""
    is_archived: bool
    value: float | None
    """The latest reading."""
    value_date: date | None
    """The day that the latest reading is as of."""
    progress: float | None
    """The share of the way from start to target, 0 to 1; None where start or value are unknown."""
    forecast: Forecast | None
    """At the end of `by_date`; None where too little is known, or the day has passed."""
    readings: tuple[tuple[date, float | None], ...]
    """Day and value, earliest first; none in lists of goals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """A week as it was told to a department; the figures are those of its moment."""

    id: int | None
    """None for one that is not stored."""
    department: Department
    week_start: date
    content: Mapping[str, Any]
    """Plain values by the names of `queries.briefings`; words are chosen when it is read."""
    sent_to: int
    """How many readers have been sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedReport:
    """A report that is read by whoever has its link."""

    id: int
    title: str
    report: str
    """`figures`, `goal`, `briefing`, or what another context has registered."""
    parameters: Mapping[str, Any]
    language: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    views: int
    seen_at: datetime | None
