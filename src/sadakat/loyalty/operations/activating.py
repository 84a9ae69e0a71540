"""Makes points active that wait for an event, whichever of the two came first."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import connection

from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.events.types import Event
from sadakat.loyalty.operations.posting import settle
from sadakat.loyalty.queries.members import owners_of
from sadakat.loyalty.types import Activate

MAX_EVENTS: Final = 1_000
"""Earlier events that are looked at for a batch of awards, latest first."""
# Points that came from another member wait as the award they stem from.
_WAITING: Final = """
    WITH RECURSIVE up AS (
        SELECT member_id, operation_id, came_from_id FROM loyalty_lot
        WHERE member_id = ANY(%s) AND is_pending AND remaining > 0 AND activates_at IS NULL
        UNION ALL
        SELECT up.member_id, origin.operation_id, origin.came_from_id
        FROM up JOIN loyalty_lot AS origin ON origin.id = up.came_from_id
    )
    SELECT DISTINCT up.member_id, award.key, award.at, document ->> 'active_on_event',
        award.reference ->> 'namespace', award.reference ->> 'order_id'
    FROM up
    JOIN loyalty_operation AS award ON award.id = up.operation_id
    JOIN loyalty_programme ON version = (award.reference ->> 'programme')::int
    WHERE up.came_from_id IS NULL
    ORDER BY award.at, award.key
"""


def activate(happened: Iterable[Event], *, at: datetime) -> None:
    """Activates what waits for these events: of the order that one names, else all that was given before it.

    In the caller's transaction; events of sources that are not trusted activate nothing.
    """
    sources = events.sources()
    trusted = [event for event in happened if sources[event.source_id].is_trusted]
    owners = owners_of({event.profile_id for event in trusted})
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [sorted({owner.member_id for owner in owners.values()})])
        waiting: dict[int, list[tuple[Any, ...]]] = {}
        for member_id, *award in cursor.fetchall():
            waiting.setdefault(member_id, []).append(tuple(award))
    commands = []
    for event in sorted(trusted, key=lambda event: (event.at, event.mid)):
        owner = owners.get(event.profile_id)
        order_id = _order_id(event)
        for key, given_at, name, namespace, of_order in waiting.get(owner.member_id, ()) if owner else ():
            is_meant = (
                (sources[event.source_id].namespace, order_id) == (namespace, of_order)
                if order_id
                else given_at <= event.at
            )
            if owner and name == event.event and is_meant:
                command = Activate(
                    key=f"activate:{key}:{event.mid}",
                    member_id=owner.member_id,
                    at=max(event.at, given_at),
                    award_key=key,
                    reference={"event": event.event},
                )
                commands.append(command)
    settle(commands, at=at)


def catch_up(customer_ids: Collection[int], *, names: Collection[str], at: datetime) -> None:
    """Activates what is waiting of these customers for an event that the log has already."""
    profiles = [profile for own in customers.profiles_of(customer_ids).values() for profile in own]
    if profiles and names:
        activate(events.timeline(profile_ids=profiles, names=names, limit=MAX_EVENTS), at=at)


def _order_id(event: Event) -> str:
    """The order that an event names; empty for none."""
    properties = msgspec.json.decode(event.body).get("properties") if event.body else None
    said = properties.get("order_id") if isinstance(properties, dict) else None
    return str(said).strip() if isinstance(said, str | int) else ""
