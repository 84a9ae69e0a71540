"""Subscriptions of other systems to what happens, and what is sent to them."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_COUNTED: Final = 10_000
"""Deliveries of a webhook; more are not counted."""


class WebhookState(enum.StrEnum):
    """Whether a webhook is sent anything. What happens while it is not waits, and goes out when it is resumed."""

    ACTIVE = "active"
    PAUSED = "paused"
    """By a person."""
    GONE = "gone"
    """By Sadakat: the receiver answered 410."""
    FAILING = "failing"
    """By Sadakat: nothing has been taken for days."""


class DeliveryState(enum.StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Every attempt failed; only a person sends it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A subscription: an address, and which events are posted to it."""

    id: int
    name: str
    url: str
    event_names: tuple[str, ...]
    """Names of the events; empty for all."""
    takes_shop_events: bool
    """Whether events of other sources are sent too, and not Sadakat's own facts alone."""
    state: WebhookState
    failing_since: datetime | None
    """The first failure after the last success; None while all is well."""
    old_secret_until: datetime | None
    """Until when the secret before the present one signs as well."""
    waiting: int
    """Deliveries that are yet to be sent, or sent again; above `MAX_COUNTED`: more than so many."""
    failed: int
    """Deliveries that have been given up; above `MAX_COUNTED`: more than so many."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook."""

    id: int
    event: str
    """Name of the event; empty for a test."""
    position: int | None
    """Of the event in the log; None for a test."""
    created_at: datetime
    state: DeliveryState
    next_at: datetime | None
    """When it is tried next."""
    attempts: int
    tried_at: datetime | None
    status: int | None
    """HTTP status of the last answer; None where there was none."""
    answer: str
    """The beginning of the last answer, or why there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver said to one attempt."""

    status: int | None
    text: str

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it: any status of success."""
        return self.status is not None and 200 <= self.status < 300
