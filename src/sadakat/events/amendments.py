"""Amendments of events that consumers have set aside: readers of the log get their body, the log's row stays."""

from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction

from sadakat.events import inbox, plugs, rules, sources, tables
from sadakat.events.types import Event
from sadakat.kernel.errors import Invalid, Refused
from sadakat.platform import audit


def write(event: Event, *, body: bytes, actor: audit.Actor, at: datetime) -> None:
    """Stores an amendment in the caller's transaction.

    Raises:
        Invalid: PostgreSQL cannot keep the body.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO events_amendment (position, body, actor, at) VALUES (%s, %s::jsonb, %s, %s)
                ON CONFLICT (position) DO UPDATE SET body = excluded.body, actor = excluded.actor, at = excluded.at""",
                [event.position, body.decode(), actor.key, at],
            )
    except Exception as error:
        if not isinstance(error.__cause__, inbox.POISON):
            raise
        raise Invalid("the database cannot keep this body") from None
    tables.mark_bodies_changed(positions=[event.position])
    audit.record(actor=actor, at=at, action="events.event_amended", subject=f"event:{event.position}")


def by_mapping(event: Event) -> bytes | None:
    """What the source's present mapping makes of an event; None where that is nothing new, or another event."""
    source = sources.sources().get(event.source_id)
    if source is None or not source.mapping or not event.body:
        return None
    body = rules.mapped(event.body, rules=source.mapping)
    return body if body != event.body and (_said(body).event or "") == event.event else None


def check(body: bytes, *, event: Event) -> None:
    """Refuses a body that would make another message of an event.

    Raises:
        Invalid: the body is no message that could be sent.
        Refused: it is another call or another event.
    """
    source = sources.sources()[event.source_id]
    message = rules.parse_message(
        body,
        source=source,
        received_at=event.received_at,
        sent_at=None,
        limit=rules.event_limit(source),
        resolver=plugs.resolver(),
        kind=event.kind,
    )
    if message.event != event.event or _said(body).type not in (None, event.kind.name.lower()):
        raise Refused(
            f"the event at position {event.position} is the {event.kind.name.lower()} call {event.event!r} and stays so"
        )


class _Said(msgspec.Struct):
    # A mapping may have put anything there.
    type: Any = None
    event: Any = None


_said = msgspec.json.Decoder(_Said).decode
