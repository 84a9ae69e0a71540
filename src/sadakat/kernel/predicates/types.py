"""The parsed form of a predicate, what it is asked of, and what it may speak of."""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

MAX_NUMBER: Final = 1e12
"""A number from here on is none: no shop has such amounts, and engines would lose digits of their sums."""


class Op(enum.StrEnum):
    """Operators. A missing value fits `exists: false`, `is_not` and `not_in` alone."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    ABOVE = "above"
    AT_LEAST = "at_least"
    BELOW = "below"
    AT_MOST = "at_most"
    BETWEEN = "between"
    """Numbers: both ends are in. Times: half-open."""
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    MATCHES = "matches"
    EXISTS = "exists"
    BEFORE = "before"
    AFTER = "after"
    WITHIN_LAST = "within_last"
    """Later than now less the duration, and not after now."""
    NOT_WITHIN_LAST = "not_within_last"
    ANNIVERSARY = "anniversary"


class ValueType(enum.StrEnum):
    """What a registered feature or score holds."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Anniversary:
    """The day of a date, year after year; 29 February counts on 28 February in other years."""

    days: int
    """How many local days are looked at, today being the first of them."""
    is_ahead: bool
    """True: today and after; False: today and before."""


Moment: TypeAlias = datetime | date
"""An instant (UTC), or a day, which begins at the midnight of the brand's time zone."""
Operand: TypeAlias = (
    str | float | bool | Moment | timedelta | Anniversary | tuple[str | float, ...] | tuple[Moment, Moment]
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator with what it compares to: texts are folded, durations and instants are read."""

    op: Op
    operand: Operand


@dataclass(frozen=True, slots=True)
class All:
    """Every part fits; without parts everybody does."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - `any` and `Any` are Python's
    """At least one part fits; without parts nobody does."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not fit."""

    part: "Predicate"


@dataclass(frozen=True, slots=True)
class Trait:
    """A registered feature of that name, or else a trait."""

    name: str
    test: Comparison


@dataclass(frozen=True, slots=True)
class PropertyLeaf:
    """A property of an event; only inside `having`."""

    name: str
    test: Comparison


class MeasureKind(enum.StrEnum):
    """What is taken of the events that fit."""

    COUNT = "count"
    SUM = "sum"
    """0 where no event has the property as a number."""
    AVERAGE = "average"
    FIRST = "first"
    """Of the earliest event that has the property."""
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Measure:
    """What of the events is compared."""

    kind: MeasureKind
    property: str
    """Empty for a count."""
    test: Comparison


AT_LEAST_ONCE: Final = Measure(MeasureKind.COUNT, "", Comparison(Op.AT_LEAST, 1.0))
"""What an event condition without a measure asks."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which time is looked at: the latest `within`, up to now; or from `start` until before `end`."""

    within: timedelta | None = None
    start: Moment | None = None
    end: Moment | None = None


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """What a customer has done."""

    event: str
    window: Window | None
    having: "Predicate | None"
    measure: Measure


@dataclass(frozen=True, slots=True)
class Segment:
    """Membership of another segment."""

    key: str
    is_member: bool


@dataclass(frozen=True, slots=True)
class Score:
    """A prediction."""

    name: str
    test: Comparison


@dataclass(frozen=True, slots=True)
class Consent:
    """What a customer has allowed."""

    channel: str
    purpose: str
    test: Comparison


@dataclass(frozen=True, slots=True)
class Points:
    """A balance of the loyalty programme."""

    balance: str
    test: Comparison


@dataclass(frozen=True, slots=True)
class Tier:
    """The tier of the loyalty programme."""

    test: Comparison


Leaf: TypeAlias = Trait | PropertyLeaf | EventLeaf | Segment | Score | Consent | Points | Tier
Predicate: TypeAlias = All | Any_ | Not | Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What a predicate may speak of here and now; all else is refused when it is saved."""

    features: Mapping[str, ValueType] = field(default_factory=dict)
    segments: Collection[str] = ()
    scores: Collection[str] = ()
    consents: Collection[str] = ()
    """Channels."""
    points: Collection[str] = ()
    """Balances: `active`, `pending`, `lifetime`."""
    has_tiers: bool = False
    longest_window: timedelta = timedelta(days=3650)
    """What is kept: a longer look back would be wrong without anybody noticing."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event of a customer."""

    event: str
    at: datetime
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A customer as a predicate sees him."""

    traits: Mapping[str, Any] = field(default_factory=dict)
    """Traits and features by name; a feature goes before a trait of its name. Times are instants or ISO texts."""
    events: Sequence[Occurrence] = ()
    segments: Collection[str] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    consents: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(channel, purpose) → `granted` or `refused`."""
    points: Mapping[str, float] = field(default_factory=dict)
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a customer fits, and until when that holds if nothing else happens than that time passes."""

    fits: bool
    changes_at: datetime | None
    """The earliest instant at which time alone may change the answer; never after the true one. None: never."""
