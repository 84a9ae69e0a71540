"""Events by REST: the time line of a customer, and what a source has just sent."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from ninja.params import functions as params

from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.events.types import Event
from sadakat.kernel.errors import NotFound
from sadakat.platform import rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Id, Page, read_cursor

timelines = rest.Area("Customers", reads=Scope.CUSTOMERS_READ)
live = rest.Area("Sources", reads=Scope.SOURCES_READ)

_EVENT: Final = {
    "position": 155_371,
    "customer_id": 17,
    "source_id": 3,
    "kind": "track",
    "event": "Order Completed",
    "at": "2026-11-20T09:00:00Z",
    "received_at": "2026-11-20T09:00:01Z",
    "message": {"type": "track", "event": "Order Completed", "properties": {"order_id": "B-1", "revenue": 1200}},
}


class EventAnswer(rest.Answer):
    """An event of the log."""

    position: int
    customer_id: int | None
    """Null for what speaks of nobody, such as an event of the catalogue."""
    source_id: int
    kind: str
    event: str
    """The name of a tracked event; for the other calls empty."""
    at: rest.Instant
    received_at: rest.Instant
    message: dict[str, Any] | None
    """As it came; null once it has been erased."""


@timelines.read("/customers/{path:ref}/timeline", answer=Page[EventAnswer], example={"items": [_EVENT], "next": None})
def get_timeline(
    request: rest.Request,  # noqa: ARG001 - as every view
    ref: rest.Ref,
    event: Annotated[rest.Line | None, params.Query(description="Tracked events of this name alone.")] = None,
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """What a customer did, latest first."""
    last = read_cursor(before, shape=tuple[rest.Micros, rest.Number])
    customer_id = customers.find(ref)
    found = events.timeline(
        profile_ids=customers.profiles_of([customer_id]).get(customer_id, ()),
        before=last and (rest.instant(last[0]), last[1]),
        names=None if event is None else [event],
        limit=limit + 1,
    )
    return _page(found, limit=limit, mark=lambda seen: (rest.micros(seen.at), seen.position))


@live.read("/sources/{source_id}/events", answer=Page[EventAnswer], example={"items": [_EVENT], "next": None})
def list_source_events(
    request: rest.Request,  # noqa: ARG001 - as every view
    source_id: Id,
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """What a source has just sent.

    The latest received first, out of the last 100,000 events of all sources.
    """
    last = read_cursor(before, shape=rest.Number)
    if source_id not in events.sources():
        raise NotFound(f"there is no source {source_id}")
    found = events.recent(source_id=source_id, before=last, limit=limit + 1)
    return _page(found, limit=limit, mark=lambda seen: seen.position)


def _page(found: Sequence[Event], *, limit: int, mark: Any) -> dict[str, Any]:
    who = customers.customers_of({event.profile_id for event in found})

    def show(event: Event) -> dict[str, Any]:
        plain = {name: getattr(event, name) for name in ("position", "source_id", "event", "at", "received_at")}
        return plain | {
            "customer_id": who.get(event.profile_id),
            "kind": event.kind.name.lower(),
            "message": json.loads(event.body) if event.body else None,
        }

    return rest.page_of(found, limit=limit, show=show, mark=mark)
