"""Sends what is due: takes a batch, posts it, and writes down what came of it.

Between taking and writing lies no transaction. A sender that is killed there has its batch taken again when `LEASE` is
over: nothing is lost, and what was delivered already comes once more under the same `webhook-id`.
"""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from django.db import connection, transaction

from sadakat.events import log, models, plugs, sources
from sadakat.events.rules import webhooks as rules
from sadakat.events.types import Answer, Event, WebhookState
from sadakat.events.webhooks import posting
from sadakat.kernel.errors import SadakatError
from sadakat.platform import audit, settings

MAX_BATCH: Final = 64
MAX_OF_ONE: Final = 8
"""Of one webhook in a batch, which spares small receivers and the others' patience; of one that is failing, 1."""
CONCURRENT_POSTS: Final = 16
LEASE: Final = timedelta(minutes=5)
"""Longer than any batch takes."""
STOPPED_AFTER: Final = timedelta(days=5)
"""A webhook that has taken nothing for so long is not sent anything more."""
GONE: Final = 410
ERASED: Final = Answer(status=None, text="the event has been erased")

# FOR UPDATE keeps two senders from taking the same; the order is that in which they fell due, which is that of the log.
_TAKE: Final = """
    WITH taken AS (
        SELECT due.id, due.next_at FROM events_webhook AS webhook CROSS JOIN LATERAL (
            SELECT id, next_at FROM events_delivery
            WHERE webhook_id = webhook.id AND delivered_at IS NULL AND next_at <= %(at)s
            ORDER BY next_at, id LIMIT %(of_one)s FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE webhook.state = 'active' AND (webhook.failures > 0) = %(is_failing)s
            AND (webhook.rests_until IS NULL OR webhook.rests_until <= %(at)s)
        ORDER BY due.next_at, due.id LIMIT %(limit)s
    )
    UPDATE events_delivery AS delivery SET next_at = %(lease)s
    FROM taken, events_webhook AS webhook
    WHERE delivery.id = taken.id AND webhook.id = delivery.webhook_id
    RETURNING delivery.id, webhook.id, delivery.position, delivery.attempts, delivery.created_at, webhook.url,
        CASE WHEN webhook.old_secret_until > %(at)s THEN ARRAY[webhook.secret, webhook.old_secret]
            ELSE ARRAY[webhook.secret] END
"""
_KEEP: Final = """
    UPDATE events_delivery AS delivery SET attempts = attempts + 1, tried_at = %s, status = said.status,
        answer = said.answer, next_at = said.next_at, delivered_at = said.delivered_at
    FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::timestamptz[], %s::timestamptz[])
        AS said (id, status, answer, next_at, delivered_at)
    WHERE delivery.id = said.id
"""
_HIDDEN: Final = "SELECT name FROM unnest(%s::text[]) AS given (name) WHERE said_hides(name)"

logger: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Due:
    """A delivery that was taken, in the order of `_TAKE`."""

    id: int
    webhook_id: int
    position: int | None
    attempts: int
    created_at: datetime
    url: str
    secrets: Sequence[str]


def send_due(*, at: datetime, is_failing: bool = False) -> bool:
    """Sends one batch of what is due; says whether there was any.

    Webhooks that are failing have a lane of their own (`is_failing`), so that waiting for their answers holds up nobody
    whose receiver is well.
    """
    due = _take(at=at, is_failing=is_failing)
    if not due:
        return False
    messages = _messages(due)
    allows_private = settings.current().allows_private_webhooks

    def attempt(one: _Due) -> Answer:
        if one.id not in messages:
            return ERASED
        message_id, body = messages[one.id]
        headers = rules.headers(message_id=message_id, at=at, body=body, signed_with=one.secrets)
        try:
            return posting.post(one.url, body=body, headers=headers, allows_private=allows_private)
        except SadakatError as error:
            return Answer(status=None, text=str(error))

    with ThreadPoolExecutor(CONCURRENT_POSTS) as threads:
        answers = list(threads.map(attempt, due))
    _keep(due, answers, at=at)
    return True


def _take(*, at: datetime, is_failing: bool) -> list[_Due]:
    """The next batch, in the order in which it is sent; nobody else takes it before the lease is over."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "at": at,
                "is_failing": is_failing,
                "of_one": 1 if is_failing else MAX_OF_ONE,
                "limit": CONCURRENT_POSTS if is_failing else MAX_BATCH,
                "lease": at + LEASE,
            },
        )
        rows = cursor.fetchall()
    return sorted((_Due(*row) for row in rows), key=lambda due: due.id)


def _messages(due: Sequence[_Due]) -> dict[int, tuple[str, bytes]]:
    """The id and the body of each message by its delivery; those whose event has been erased are left out."""
    events = {event.position: event for event in log.read_positions(one.position for one in due if one.position)}
    customers = plugs.customers_of({event.profile_id for event in events.values()})
    said = {
        event.position: msgspec.json.decode(event.body).get("properties") for event in events.values() if event.body
    }
    with connection.cursor() as cursor:
        cursor.execute(_HIDDEN, [sorted(set(rules.names_in(list(said.values()))))])
        hidden = {name for (name,) in cursor.fetchall()}
    messages = {}
    for one in due:
        if one.position is None:
            body = rules.body(event=rules.TEST_EVENT, at=one.created_at, customer_id=None, position=None, properties={})
            messages[one.id] = (f"test_{one.id}_{one.created_at:%Y%m%dT%H%M%S%f}", body)
        elif one.position in said:
            event = events[one.position]
            messages[one.id] = (
                f"evt_{event.mid}",
                rules.body(
                    event=event.event,
                    at=event.at,
                    customer_id=customers.get(event.profile_id),
                    position=event.position,
                    properties=rules.without(said[one.position] or {}, hidden - _kept(event)),
                ),
            )
    return messages


def _kept(event: Event) -> frozenset[str]:
    """Sadakat's own facts name segments and tiers, never people."""
    return frozenset({"name"} if event.source_id == sources.system_source_id() else ())


def _keep(due: Sequence[_Due], answers: Sequence[Answer], *, at: datetime) -> None:
    """Writes down what came of a batch, and what that says of its webhooks."""
    by_webhook: dict[int, list[Answer]] = defaultdict(list)
    columns: list[list[Any]] = [[], [], [], [], []]
    for one, answer in zip(due, answers, strict=True):
        if answer is not ERASED:
            by_webhook[one.webhook_id].append(answer)
        is_over = answer.is_taken or answer is ERASED
        next_at = None if is_over else rules.retry_at(attempts=one.attempts + 1, at=at)
        row = (one.id, answer.status, answer.text, next_at, at if answer.is_taken else None)
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    with transaction.atomic(durable=True):
        # Webhooks before deliveries, as everywhere: two that wait for each other would end in an error.
        rows = models.Webhook.objects.select_for_update(no_key=True).filter(pk__in=by_webhook).order_by("pk")
        for webhook in rows:
            _judge(webhook, by_webhook[webhook.pk], at=at)
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [at, *columns])


def _judge(webhook: models.Webhook, answers: Sequence[Answer], *, at: datetime) -> None:
    """What a batch says of its webhook: all is well, it rests for a while, or it is sent nothing more."""
    if any(answer.is_taken for answer in answers):
        webhook.failures, webhook.failing_since, webhook.rests_until = 0, None, None
    else:
        webhook.failures += 1
        webhook.failing_since = webhook.failing_since or at
        webhook.rests_until = rules.rest_until(failures=webhook.failures, at=at)
    stopped = None
    if any(answer.status == GONE for answer in answers):
        stopped = WebhookState.GONE
    elif webhook.failing_since is not None and at - webhook.failing_since >= STOPPED_AFTER:
        stopped = WebhookState.FAILING
    if stopped is not None and webhook.state == WebhookState.ACTIVE:
        audit.record(
            actor=audit.SYSTEM,
            at=at,
            action="events.webhook_stopped",
            subject=f"webhook:{webhook.pk}",
            old={"state": webhook.state},
            new={"state": stopped.value},
        )
        logger.warning("events.webhook_stopped", webhook=webhook.pk, state=stopped.value)
        webhook.state = stopped
    webhook.save(update_fields=["failures", "failing_since", "rests_until", "state"])
