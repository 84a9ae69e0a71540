"""Follows the log and writes what is to be delivered, in one statement a batch."""

from typing import Final, Literal

from django.db import connection

from sadakat.events.types import Batch, Kind, SetAside, SourceKind

# Deliveries are written for webhooks that are paused too: they wait for it to be resumed. A webhook that is just being
# deleted is waited for and then left out; one that deliveries are written for is deleted after them.
_WRITE: Final = f"""
    WITH webhook AS (SELECT * FROM events_webhook ORDER BY id FOR KEY SHARE)
    INSERT INTO events_delivery (webhook_id, position, created_at, next_at, attempts, answer)
    SELECT webhook.id, log.position, %(at)s, %(at)s, 0, ''
    FROM webhook JOIN events_log AS log
        ON log.position > greatest(%(after)s, webhook.after_position) AND log.position <= %(upto)s
    WHERE log.kind = {Kind.TRACK:d}
        AND (webhook.event_names = '{{}}' OR log.event = ANY(webhook.event_names))
        AND (webhook.takes_shop_events
            OR log.source_id = (SELECT id FROM events_source WHERE kind = '{SourceKind.SYSTEM}'))
    ORDER BY log.position
    ON CONFLICT (webhook_id, position) DO NOTHING
"""


class WebhookConsumer:
    """Writes a delivery for each webhook and each event that it is subscribed to."""

    name = "events.webhooks"
    # It counts by position: what it writes of, the statement finds by itself.
    kinds: frozenset[Kind] = frozenset()
    names: frozenset[str] | None = None
    wants_body = False
    tallies: Literal[True] = True

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:  # noqa: ARG002 - nothing here is an event's fault
        """Writes them as due at once; those that are there already stay."""
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, {"at": batch.at, "after": batch.after, "upto": batch.upto})
