"""What crosses the door of `events`."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, runtime_checkable

import msgspec

# Every event may be up to this long where a browser or SDK sends it; files and server-side imports may send more.
MAX_EVENT_BYTES = 32 * 1024
MAX_IMPORT_EVENT_BYTES = 512 * 1024
MAX_REQUEST_BYTES = 500 * 1024
# Deeper JSON than this has no use here, and every reader of it would need a deep stack.
MAX_JSON_DEPTH = 32
# Events of a trusted source that speak of no person: they need no identifier and belong to profile 0, which is nobody.
IMPERSONAL_EVENTS = frozenset({"Category Updated", "Marketing Spend Recorded", "Product Updated"})
NOBODY = ("profile:0",)


class Kind(enum.IntEnum):
    """The calls of the Segment tracking format; the number is what the log keeps."""

    IDENTIFY = 1
    TRACK = 2
    PAGE = 3
    SCREEN = 4
    GROUP = 5
    ALIAS = 6


VIEWED: Final[Mapping[Kind, str]] = MappingProxyType({Kind.PAGE: "Page Viewed", Kind.SCREEN: "Screen Viewed"})
"""What predicates call calls that have no event name of their own."""


class SourceKind(enum.StrEnum):
    """What sends. The kind gives a source its defaults of trust; the row may differ from them."""

    SERVER = "server"
    BROWSER = "browser"
    IMPORT = "import"
    WEBHOOK = "webhook"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRule:
    """One thing that is done to what a source sends, before it is checked: an event renamed, or a value moved or read.

    As JSON: `{"event": NAME, "rename_to": NAME}` or `{"event": NAME, "from": PATH, "to": PATH, "as": FORM}`.
    """

    event: str
    """Name of the tracked event that it is for; empty for all messages."""
    rename_to: str
    """The event's new name; empty where a value is meant."""
    source: str
    """`from`: path of the value, its parts divided by dots, with `[]` for each element of a list."""
    target: str
    """`to`: where it goes; the same as `source` where it stays. What stands there already is left alone."""
    form: str
    """`as`: `text`, `number`, `instant`, or empty for as it is."""
    time_zone: str
    """Of local times that name none."""

    def as_json(self) -> dict[str, str]:
        """The form in which it is stored."""
        if self.rename_to:
            return {"event": self.event, "rename_to": self.rename_to}
        return {"event": self.event, "from": self.source, "to": self.target, "as": self.form}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something that sends events."""

    id: int
    name: str
    kind: SourceKind
    is_trusted: bool
    """Whether what it sends is believed: traits are written, orders and consents count."""
    joins_profiles: bool
    """Whether its `identify` may join an anonymous profile to a known customer."""
    accepts_orders: bool
    """Whether order events that it sends count."""
    namespace: str
    """Order ids are unique within a namespace; sources share the empty one unless told otherwise."""
    allowed_origins: tuple[str, ...]
    """Origins whose pages may send with this key; empty allows every origin."""
    is_enabled: bool
    mapping: tuple[MappingRule, ...] = ()
    """What is done to its messages before they are checked, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One checked message on its way into the inbox. Grain: one message as received."""

    source_id: int
    message_id: str
    kind: Kind
    event: str
    """Name of a tracked event; for the other calls the empty text."""
    at: datetime
    """When it happened, corrected for the sender's clock; UTC."""
    received_at: datetime
    identifiers: tuple[str, ...]
    """Normalised keys `TYPE:VALUE`, strongest first; a leading `!` marks a value that its source has verified."""
    body: bytes
    """The JSON text as it came, or as its source's mapping has made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that Sadakat itself has done, appended to the log by the operation that did it."""

    event: str
    profile_id: int
    properties: Mapping[str, Any]
    at: datetime
    message_id: str
    """Natural key of the fact: the same fact appended twice counts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the log as a consumer sees it."""

    position: int
    profile_id: int
    source_id: int
    kind: Kind
    event: str
    at: datetime
    local_date: date
    """The day of `at` in the brand's time zone."""
    received_at: datetime
    mid: str
    """Hexadecimal 128-bit key of (source, message id): breaks ties of `at` the same way in every order of arrival."""
    body: bytes
    """JSON text of the message; empty once erased, and when the consumer does not want bodies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive positions of the log, in order, filtered to what the consumer takes."""

    events: Sequence[Event]
    after: int
    """Position before the first one covered."""
    upto: int
    """Last position covered; the cursor moves here in the consumer's transaction."""
    at: datetime
    """The clock of this run."""


class SetAside(Protocol):
    """Lists one event as not handled, with the reason, while the rest of its batch counts."""

    def __call__(self, *, position: int, reason: str) -> None:
        """Lists the event at `position`."""
        ...


class Consumer(Protocol):
    """Something that follows the log. `config/wiring.py` hands the instances to `events.api.register_consumers`."""

    name: str
    """Stable key of the cursor."""
    kinds: frozenset[Kind]
    """Calls it takes."""
    names: frozenset[str] | None
    """Names of tracked events it takes; None takes all."""
    wants_body: bool

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:
        """Does the work of one batch inside the caller's transaction; the cursor moves in the same one.

        Called again with single events when a batch raises, to find the one at fault, and by `retry` with
        positions that the cursor has long passed: handling must not depend on the order of arrival.
        """
        ...


@runtime_checkable
class Tallier(Consumer, Protocol):
    """A consumer that counts every position from `after` to `upto` in SQL, by `events.TALLY`.

    Its batches cover a bounded number of positions and come even when none of the events that it takes is among them.
    """

    tallies: Literal[True]


@runtime_checkable
class Follower(Consumer, Protocol):
    """A consumer that needs what others make of the log: it reads no further than they have come."""

    follows: Sequence[str]
    """Names of those consumers; one that is not registered is not waited for."""
    max_events: int
    """Events of a batch, where so many wait."""


class Unresolved(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The identifiers of one message, as the sequencer hands them to the resolver."""

    position: int
    source_id: int
    at: datetime
    identifiers: tuple[str, ...]


class IdentityResolver(Protocol):
    """Socket: who is meant. Filled by `customers`."""

    def identifiers_of(self, *, kind: Kind, message: Mapping[str, Any], is_trusted: bool) -> tuple[str, ...]:
        """Normalised keys of a decoded message, strongest first; pure, called while collecting.

        `message` has `userId`, `anonymousId`, `previousId` (text or None), `traits` and `context` (dicts).
        """
        ...

    def resolve(self, batch: Sequence[Unresolved], *, sources: Mapping[int, Source]) -> Sequence[int]:
        """The profile id of each message, in the order given.

        Writes what is new (identifiers, profiles, links, merges, conflicts) in the sequencer's transaction; merges
        append facts.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent:
    """An event that a consumer has set aside."""

    consumer: str
    position: int
    event: str
    reason: str
    failed_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedEvent:
    """Something that never reached the log. Grain: one event of one request."""

    id: int
    source_id: int | None
    received_at: datetime
    reason: str
    message_id: str
    body: str
    """What came, cut to a bounded length."""
    is_cut: bool
    """Whether that is not the whole of what came."""
    replayed_at: datetime | None
    """When it was taken after all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What came of taking rejected events again."""

    accepted: int
    still_rejected: int
    """Each has its new reason."""
    cut: int
    """They were not kept whole, and only their sender can send them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideGroup:
    """Events that lie aside for one and the same reason."""

    key: str
    """Consumer of failed events; id of the source of rejected ones."""
    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of the messages of one import."""

    accepted: int
    """Durable in the inbox; duplicates among them are dropped by the sequencer."""
    rejected: int
    """Listed as rejected, each with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkReport:
    """What one run of the sequencer and the consumers did."""

    sequenced: int = 0
    duplicates: int = 0
    consumed: Mapping[str, int] = field(default_factory=dict)
    """Events handled, by consumer."""
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryReport:
    """What came of handing failed events to their consumers again."""

    solved: int
    still_failing: int
    """Those of the selection that remain, whether they failed again or were beyond the limit of one run."""
