"""Funnels, paths and the journey map."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sadakat.kernel.predicates import Predicate


class Stage(enum.StrEnum):
    """How far somebody is on the way; in the order of that way."""

    AWARENESS = "awareness"
    EVALUATION = "evaluation"
    PURCHASE = "purchase"
    LOYALTY = "loyalty"


class Direction(enum.StrEnum):
    """On which side of an event paths are looked at."""

    AFTER = "after"
    BEFORE = "before"


class Scope(enum.StrEnum):
    """Where a path ends at the latest."""

    SESSION = "session"
    """At a pause of half an hour."""
    ALL = "all"
    """Nowhere: the next events count however late they come."""


class ImprovementStatus(enum.StrEnum):
    """How far an improvement has come."""

    PLANNED = "planned"
    DOING = "doing"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """What a customer does at one step."""

    event: str
    """As predicates name it."""
    having: Predicate | None = None
    """A condition on the event's properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelQuestion:
    """A funnel that is asked for. First steps are those of the local days from `since` until before `until`."""

    steps: tuple[FunnelStep, ...]
    since: date
    until: date
    window: timedelta
    is_per_step: bool = False
    """The window runs from the step before; otherwise from the first step."""
    part_by: str = ""
    """What customers are told apart by: `channel`, `source`, `city`, `segment:KEY`, `group:NAME`, `trait:NAME`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """One step of a funnel."""

    customers: int
    """Who came at least this far."""
    of_first: float | None
    """Share of those of the first step."""
    of_before: float | None
    """Share of those of the step before; None at the first step."""
    lost: int
    """Those of the step before who did not come this far."""
    median_seconds: float | None
    """From the step before to this one; None at the first step and where nobody came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelPart:
    """The funnel of some of its customers."""

    value: str
    """Of the property, trait, source or segment; empty where there is none."""
    steps: tuple[StepFigures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelFigures:
    """What became of everybody who took the first step."""

    steps: tuple[StepFigures, ...]
    parts: tuple[FunnelPart, ...]
    """By `part_by`, most customers first; the smallest are left out where there are many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFunnel:
    """A funnel that somebody has named."""

    id: int
    name: str
    question: Mapping[str, Any]
    """`steps` (each `event`, and `property`, `op`, `value` where it has a condition), `window`, `per_step`, `by`."""
    actor_name: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsQuestion:
    """Paths that are asked for; all their events lie on the local days from `since` until before `until`."""

    event: str
    since: date
    until: date
    direction: Direction = Direction.AFTER
    scope: Scope = Scope.SESSION
    steps: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One sequence of events, the one next to the event first."""

    events: tuple[str, ...]
    """Empty where nothing came."""
    times: int
    share: float
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsFigures:
    """What happens before or after an event."""

    times: int
    """How often it happened, repetitions in a row counted once."""
    customers: int
    nearest: tuple[Path, ...]
    """By the nearest event alone, most frequent first."""
    paths: tuple[Path, ...]
    """By the whole sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touchpoint:
    """A place where brand and customer meet: a row of the map."""

    key: str
    name: str
    """Empty where the usual name holds."""
    events: tuple[str, ...]
    """Each of them is a meeting."""
    having: Predicate | None = None
    """A condition on the properties of these events."""
    document: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """`having` as it is written."""
    is_archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MapQuestion:
    """A journey map that is asked for, over the local days from `since` until before `until`."""

    since: date
    until: date
    silent_days: int
    """After how many days without an act a customer has dropped off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapCell:
    """What a touchpoint did to the customers of a stage. Nobody's satisfaction is measured yet, and none is guessed."""

    reached: int
    """Customers of the stage who met the touchpoint in the period."""
    reach: float | None
    """Share of the stage's customers."""
    moved: int
    """Those of them who stood in a later stage at the end of the period."""
    conversion: float | None
    """Share of those reached; None for the last stage and where nobody was reached."""
    judged: int
    """Those reached so long ago that silence afterwards can be told."""
    silent: int
    """Those of them who did nothing for `silent_days` after the first meeting of the period."""
    drop_off: float | None
    """Share of those judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapStage:
    """A row of the map."""

    stage: Stage
    customers: int
    """In the stage at the beginning of the period; who was first seen within it counts to the first stage."""
    cells: Mapping[str, MapCell]
    """By the touchpoint's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellNote:
    """What people have said of a cell."""

    stage: str
    touchpoint_key: str
    owner_id: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """Something to be done about a cell."""

    id: int
    stage: str
    touchpoint_key: str
    title: str
    owner_id: int | None
    due_date: date | None
    status: ImprovementStatus
