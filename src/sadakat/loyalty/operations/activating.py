"""Makes points active that wait for an event, whichever of the two came first."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from django.db import connection

from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.events.types import Event
from sadakat.loyalty.operations.posting import settle
from sadakat.loyalty.queries.members import owners_of
from sadakat.loyalty.types import Activate

PAGE: Final = 1_000
"""Earlier events that are read at a time."""
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
"""


class _Award(NamedTuple):
    """An award that waits for an event."""

    member_id: int
    """Who has its points by now."""
    key: str
    at: datetime
    event: str
    order: tuple[str | None, str | None]
    """Namespace and id of the order it was given for."""


def activate(happened: Collection[Event], *, at: datetime) -> None:
    """Activates what waits for these events: of the order that one names, else all that was given before it.

    In the caller's transaction; events of sources that are not trusted activate nothing.
    """
    _activate(happened, profile_ids={event.profile_id for event in happened}, at=at)


def catch_up(customer_ids: Collection[int], *, names: Collection[str], at: datetime) -> None:
    """Activates what is waiting of these customers for an event that the log has already."""
    profiles = [profile for own in customers.profiles_of(customer_ids).values() for profile in own]
    _activate(_earlier(profiles, names=names), profile_ids=profiles, at=at)


def _earlier(profile_ids: Collection[int], *, names: Collection[str]) -> Iterator[Event]:
    """All events of these names in the log, a page at a time, latest first."""
    before = None
    while page := events.timeline(profile_ids=profile_ids, before=before, names=names, limit=PAGE):
        yield from page
        before = (page[-1].at, page[-1].position)


def _activate(happened: Iterable[Event], *, profile_ids: Collection[int], at: datetime) -> None:
    """Each award by the first of the events that are meant for it, whatever the order they come in."""
    owners = owners_of(profile_ids)
    waiting = _waiting({owner.member_id for owner in owners.values()})
    if not waiting:
        return
    sources = events.sources()
    firsts: dict[_Award, tuple[datetime, str]] = {}
    for event in happened:
        owner, source = owners.get(event.profile_id), sources[event.source_id]
        awards = waiting.get((owner.member_id, event.event), ()) if owner and source.is_trusted else ()
        order, moment = (source.namespace, _order_id(event) if awards else ""), (event.at, event.mid)
        for award in awards:
            if order == award.order if order[1] else award.at <= event.at:
                firsts[award] = min(moment, firsts.get(award, moment))
    commands = [
        Activate(
            key=f"activate:{award.key}:{mid}",
            member_id=award.member_id,
            at=max(happened_at, award.at),
            award_key=award.key,
            reference={"event": award.event},
        )
        for award, (happened_at, mid) in sorted(firsts.items(), key=lambda item: (item[1], item[0].key))
    ]
    settle(commands, at=at)


def _waiting(member_ids: Collection[int]) -> dict[tuple[int, str], list[_Award]]:
    """What waits, by member and name of the event."""
    found: dict[tuple[int, str], list[_Award]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [sorted(member_ids)])
        for member_id, key, at, event, namespace, order_id in cursor.fetchall():
            award = _Award(member_id, key, at, event, order=(namespace, order_id))
            found.setdefault((member_id, event), []).append(award)
    return found


def _order_id(event: Event) -> str:
    """The order that an event names; empty for none."""
    properties = msgspec.json.decode(event.body).get("properties") if event.body else None
    said = properties.get("order_id") if isinstance(properties, dict) else None
    return str(said).strip() if isinstance(said, str | int) else ""
