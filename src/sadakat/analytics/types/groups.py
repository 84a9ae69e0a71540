"""Groups of segments that analytics keeps, and what their pages show."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sadakat.kernel.money import Money


class Group(enum.StrEnum):
    """A family of segments of which every customer is in exactly one."""

    STAGE = "stage"
    """How far on the way from a first visit to loyalty."""
    PHASE = "phase"
    """What is to be done: win, keep, win back."""
    RFM = "rfm"
    CLUSTER = "cluster"
    TYPE = "type"
    """Why a customer comes back, as far as there is evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A number of a rule that people may change."""

    name: str
    default: float
    low: float
    high: float
    is_share: bool = False
    """A fraction between 0 and 1; all others are whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One segment of a group."""

    key: str
    where: Mapping[str, Any]
    """The condition, without version; customers who fit it fit no other rule of the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesVersion:
    """The thresholds of a group as somebody has set them."""

    thresholds: Mapping[str, float]
    actor_name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a run over all customers came to."""

    customers: int
    """Customers with an order, ever."""
    changed: int
    """Those whose features were written, being others than before."""
    clusters: int
    """0 where there are too few customers, or none that lie apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCell:
    """Customers who are in a stage and a phase now."""

    stage: str
    phase: str
    customers: int
    revenue: Money
    """Net revenue of their orders in the 365 days before the day of the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """How long those who are in a stage now have been in it, without leaving."""

    stage: str
    days: int
    """The median, in days, counted back to the last month's end at which they stood elsewhere."""
    is_at_least: bool
    """Half of them have been in it for as long as is looked back, or longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMove:
    """Customers who stood in one stage on a day and in another, or the same, on a later one."""

    from_key: str
    """Empty: they were not known yet."""
    to_key: str
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSizes:
    """Customers in each stage at the beginning of a local day."""

    day: date
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RfmCell:
    """Customers with one pair of scores."""

    recency: int
    frequency: int
    customers: int
    revenue: Money
    """Of the trailing window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RfmCuts:
    """The values at which the scores begin anew: whoever lies beyond the first has a 2, or by recency a 4."""

    recency: tuple[int, ...]
    """Days."""
    frequency: tuple[int, ...]
    """Orders."""
    monetary: tuple[int, ...]
    """Minor units of the brand's currency."""
    customers: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSize:
    """Customers of a segment of a group, with what they brought in the trailing window."""

    key: str
    customers: int
    revenue: Money
