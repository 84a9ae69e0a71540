"""What crosses the door of `segments`."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

SEGMENT_ENTERED: Final = "Segment Entered"
"""Fact on the customer's profile: `segment` (key), `segment_id`, `name`, `reason` (`Reason`)."""
SEGMENT_EXITED: Final = "Segment Exited"
"""Fact, as `SEGMENT_ENTERED`."""


class Kind(enum.StrEnum):
    """Where the members of a segment come from."""

    RULE = "rule"
    """A predicate that each customer fits or does not."""
    LIST = "list"
    """People have put them there, by file or one by one."""


class Reason(enum.StrEnum):
    """What has moved a customer in or out."""

    EVENT = "event"
    """Something he did, or that was done to him."""
    TIME = "time"
    """Nothing happened but time."""
    RULE = "rule"
    """The segment's rule, or that of one it names, was changed."""
    SCORE = "score"
    """A computed feature of his was written anew."""
    HAND = "hand"
    """People changed the list."""
    SWEEP = "sweep"
    """A correction: the full sweep found what should have been seen before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A named set of customers."""

    id: int
    key: str
    """Small letters, digits and -; what predicates, files and the API call it. Never changes."""
    name: str
    description: str
    kind: Kind
    group: str
    """Empty for those that people make. A group (`stage`, `phase`, `rfm`, `cluster`, `type`) is kept by another
    context; each customer is in exactly one segment of it."""
    rank: int
    """Place within the group."""
    where: Mapping[str, Any] | None
    """The predicate document, with its version; None for lists."""
    version: int
    """Of the rule: 1, and one more with every change of it."""
    is_archived: bool
    """Nobody is evaluated any more; what is known stays."""
    is_ready: bool
    """Whether every customer has been evaluated under the present rule."""
    filled_ratio: float
    """How much of that is done."""
    size: int
    """Members now."""
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentVersion:
    """A rule that a segment has or had."""

    number: int
    where: Mapping[str, Any]
    actor_name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A customer in a segment."""

    customer_id: int
    since_at: datetime
    changes_at: datetime | None
    """The earliest moment at which time alone may end it; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A segment that a customer is in, as his page tells it."""

    key: str
    name: str
    group: str
    since_at: datetime
    changes_at: datetime | None
    """As in `Member`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Who would be in a segment of a rule that is not saved."""

    count: int
    everybody: int
    """Customers asked."""
    sample: tuple[int, ...]
    """A few of those who fit, by customer id."""
    at: datetime
    """The moment as of which the rule was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReport:
    """What came of adding people to a list."""

    added: int
    already: int
    unknown: tuple[str, ...]
    """References that lead to nobody; bounded, the first ones."""
    unknown_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a full sweep found. Zero corrections is the aim: all else should have been seen when it happened."""

    at: datetime
    segments: int
    customers: int
    corrections: int
    """Memberships that were wrong."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """Members at the end of a local day."""

    day: date
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Customers who went from one segment of a group to another, summed up over a span of time."""

    from_key: str
    """Empty: they were in none, being new."""
    to_key: str
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How many customers a segment shares with another."""

    key: str
    """Of the other one."""
    both: int
