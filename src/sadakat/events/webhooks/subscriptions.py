"""Webhooks as people look after them: adding, changing, pausing, and what has been delivered."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from sadakat.events import log, models
from sadakat.events.rules import webhooks as rules
from sadakat.events.types import MAX_COUNTED, Delivery, DeliveryState, Webhook, WebhookState
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.platform import audit

MAX_WEBHOOKS: Final = 100
MAX_NAME_LENGTH: Final = 100
MAX_EVENTS: Final = 100
MAX_EVENT_LENGTH: Final = 255
MAX_PAGE: Final = 200
OLD_SECRET_KEPT: Final = timedelta(hours=24)
DELIVERIES_KEPT: Final = timedelta(days=30)

_DELIVERIES: Final = """
    SELECT delivery.id, coalesce(log.event, '') AS event, delivery.position, delivery.created_at,
        CASE WHEN delivery.next_at IS NOT NULL THEN 'waiting' WHEN delivery.delivered_at IS NULL THEN 'failed'
            ELSE 'delivered' END AS state,
        delivery.next_at, delivery.attempts, delivery.tried_at, delivery.status, delivery.answer
    FROM events_delivery AS delivery LEFT JOIN events_log AS log USING (position)
    WHERE delivery.webhook_id = %s
        AND (NOT %s OR delivery.delivered_at IS NULL AND (delivery.next_at IS NULL OR delivery.attempts > 0))
    ORDER BY delivery.id DESC LIMIT %s
"""
_OPEN: Final = """
    (SELECT count(*) FROM (SELECT FROM events_delivery
        WHERE webhook_id = webhook.id AND delivered_at IS NULL AND next_at IS {} LIMIT %(limit)s) AS open)
"""
_COUNTS: Final = f"""
    SELECT id, {_OPEN.format("NOT NULL")}, {_OPEN.format("NULL")} FROM unnest(%(ids)s::bigint[]) AS webhook (id)
"""


def webhooks() -> Sequence[Webhook]:
    """Every webhook by its name."""
    return _webhooks(models.Webhook.objects.order_by("name", "id")[:MAX_WEBHOOKS])


def webhook(webhook_id: int) -> Webhook:
    """One webhook.

    Raises:
        NotFound: there is none.
    """
    for found in _webhooks(models.Webhook.objects.filter(pk=webhook_id)):
        return found
    raise NotFound(f"there is no webhook {webhook_id}")


def stopped_webhooks() -> int:
    """How many Sadakat has stopped by itself."""
    return models.Webhook.objects.filter(state__in=[WebhookState.GONE, WebhookState.FAILING]).count()


def deliveries(webhook_id: int, *, is_failing: bool = False, limit: int = 50) -> Sequence[Delivery]:
    """The newest deliveries of a webhook; with `is_failing` those that failed and have not been delivered since."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES, [webhook_id, is_failing, min(limit, MAX_PAGE)])
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [Delivery(**row | {"state": DeliveryState(row["state"])}) for row in found]


def create_webhook(
    *,
    name: str,
    url: str,
    event_names: Sequence[str] = (),
    takes_shop_events: bool = False,
    actor: audit.Actor,
    at: datetime,
) -> tuple[Webhook, str]:
    """Subscribes an address to what happens from now on, and gives the secret, which cannot be shown again.

    Without `event_names` all events are sent; without `takes_shop_events` Sadakat's own facts alone.

    Raises:
        Invalid: a value cannot be used.
        Conflict: the name is taken, or there are `MAX_WEBHOOKS` already.
    """
    said = {"name": name, "url": url, "event_names": event_names, "takes_shop_events": takes_shop_events}
    values = {field: _checked(field, value) for field, value in said.items()}
    secret = _secret()
    with _name_is_free(values["name"]), transaction.atomic(durable=True):
        if models.Webhook.objects.count() >= MAX_WEBHOOKS:
            raise Conflict(f"there may be {MAX_WEBHOOKS} webhooks; delete one that is not needed any more")
        row = models.Webhook.objects.create(
            secret=secret, state=WebhookState.ACTIVE.value, after_position=log.head(), created_at=at, **values
        )
        _record("created", row.pk, actor=actor, at=at, new=values)
    return webhook(row.pk), secret


def change_webhook(webhook_id: int, *, actor: audit.Actor, at: datetime, **changes: Any) -> Webhook:
    """Changes `name`, `url`, `event_names` or `takes_shop_events`; changing nothing writes nothing.

    Raises:
        NotFound: there is no such webhook.
        Invalid, Conflict: as in `create_webhook`.
    """
    new = {field: _checked(field, value) for field, value in sorted(changes.items())}
    with _name_is_free(new.get("name")), transaction.atomic(durable=True):
        row = _locked(webhook_id)
        old = {field: getattr(row, field) for field in new}
        if old != new:
            models.Webhook.objects.filter(pk=webhook_id).update(**new)
            _record("changed", webhook_id, actor=actor, at=at, old=old, new=new)
    return webhook(webhook_id)


def pause_webhook(webhook_id: int, *, actor: audit.Actor, at: datetime) -> bool:
    """Stops sending; what happens meanwhile waits. Says whether anything changed.

    Raises:
        NotFound: there is no such webhook.
    """
    with transaction.atomic(durable=True):
        row = _locked(webhook_id)
        if row.state != WebhookState.ACTIVE:
            return False
        models.Webhook.objects.filter(pk=webhook_id).update(state=WebhookState.PAUSED)
        _record("paused", webhook_id, actor=actor, at=at)
    return True


def resume_webhook(webhook_id: int, *, actor: audit.Actor, at: datetime) -> bool:
    """Sends again, and what waits at once. Says whether anything changed.

    Raises:
        NotFound: there is no such webhook.
    """
    with transaction.atomic(durable=True):
        row = _locked(webhook_id)
        if row.state == WebhookState.ACTIVE:
            return False
        models.Webhook.objects.filter(pk=webhook_id).update(
            state=WebhookState.ACTIVE, failures=0, failing_since=None, rests_until=None
        )
        models.Delivery.objects.filter(webhook_id=webhook_id, next_at__gt=at).update(next_at=at)
        _record("resumed", webhook_id, actor=actor, at=at, old={"state": row.state})
    return True


def rotate_secret(webhook_id: int, *, actor: audit.Actor, at: datetime) -> str:
    """Gives a new secret, which cannot be shown again; for `OLD_SECRET_KEPT` the old one signs as well.

    Raises:
        NotFound: there is no such webhook.
    """
    secret = _secret()
    with transaction.atomic(durable=True):
        row = _locked(webhook_id)
        models.Webhook.objects.filter(pk=webhook_id).update(
            secret=secret, old_secret=row.secret, old_secret_until=at + OLD_SECRET_KEPT
        )
        _record("secret_rotated", webhook_id, actor=actor, at=at)
    return secret


def delete_webhook(webhook_id: int, *, actor: audit.Actor, at: datetime) -> None:
    """Takes a webhook away for good, with all its deliveries.

    Raises:
        NotFound: there is no such webhook.
    """
    with transaction.atomic(durable=True):
        # The whole row, keys too: who writes a delivery for it at this moment is waited for, or waits.
        row = _locked(webhook_id, no_key=False)
        _record("deleted", webhook_id, actor=actor, at=at, old={"name": row.name, "url": row.url})
        row.delete()


def send_test(webhook_id: int, *, actor: audit.Actor, at: datetime) -> int:
    """Puts a test on its way, an event of the name `Webhook Test`, and gives the id of its delivery.

    Raises:
        NotFound: there is no such webhook.
        Refused: it is sent nothing now.
    """
    with transaction.atomic(durable=True):
        row = _locked(webhook_id)
        if row.state != WebhookState.ACTIVE:
            raise Refused("the webhook is sent nothing now; resume it first")
        delivery = models.Delivery.objects.create(webhook_id=webhook_id, created_at=at, next_at=at)
        _record("tested", webhook_id, actor=actor, at=at)
    return delivery.pk


def redeliver(webhook_id: int, *, delivery_id: int | None = None, actor: audit.Actor, at: datetime) -> int:
    """Sends one delivery again, or all that were given up; they keep their `webhook-id`. Gives how many.

    Raises:
        NotFound: there is no such webhook, or no such delivery of it (any more).
    """
    wanted = Q(next_at=None, delivered_at=None) if delivery_id is None else Q(pk=delivery_id)
    with transaction.atomic(durable=True):
        _locked(webhook_id)
        count = models.Delivery.objects.filter(wanted, webhook_id=webhook_id).update(
            next_at=at, attempts=0, delivered_at=None
        )
        if delivery_id is not None and not count:
            raise NotFound(f"there is no delivery {delivery_id} to this webhook; they are kept for 30 days")
        if count:
            _record("redelivered", webhook_id, actor=actor, at=at, new={"deliveries": count})
    return count


def purge_deliveries(*, at: datetime) -> int:
    """Deletes deliveries older than `DELIVERIES_KEPT`, whatever became of them; gives how many."""
    return models.Delivery.objects.filter(created_at__lt=at - DELIVERIES_KEPT).delete()[0]


def _webhooks(rows: Iterable[models.Webhook]) -> list[Webhook]:
    found = list(rows)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"ids": [row.pk for row in found], "limit": MAX_COUNTED + 1})
        counts = {webhook_id: counted for webhook_id, *counted in cursor.fetchall()}
    return [_webhook(row, *counts[row.pk]) for row in found]


def _webhook(row: models.Webhook, waiting: int, failed: int) -> Webhook:
    return Webhook(
        id=row.pk,
        name=row.name,
        url=row.url,
        event_names=tuple(row.event_names),
        takes_shop_events=row.takes_shop_events,
        state=WebhookState(row.state),
        failing_since=row.failing_since,
        old_secret_until=row.old_secret_until,
        waiting=waiting,
        failed=failed,
        created_at=row.created_at,
    )


def _secret() -> str:
    return rules.secret_of(secrets.token_bytes(rules.SECRET_BYTES))


def _checked(field: str, value: Any) -> Any:
    """A value as it is stored."""
    if field == "url":
        return rules.checked_url(value)
    if field == "takes_shop_events":
        return bool(value)
    if field == "event_names":
        names = sorted({name.strip() for name in value if name.strip()})
        if len(names) > MAX_EVENTS or any(len(name) > MAX_EVENT_LENGTH for name in names):
            raise Invalid(f"a webhook may name {MAX_EVENTS} events of {MAX_EVENT_LENGTH} characters")
        return names
    name = " ".join(value.split())
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise Invalid(f"a webhook needs a name of at most {MAX_NAME_LENGTH} characters")
    return name


@contextmanager
def _name_is_free(name: str | None) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise Conflict(f"another webhook is named {name!r}") from None


def _locked(webhook_id: int, *, no_key: bool = True) -> models.Webhook:
    row = models.Webhook.objects.select_for_update(no_key=no_key).filter(pk=webhook_id).first()
    if row is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return row


def _record(verb: str, webhook_id: int, *, actor: audit.Actor, at: datetime, **values: Mapping[str, Any]) -> None:
    audit.record(actor=actor, at=at, action=f"events.webhook_{verb}", subject=f"webhook:{webhook_id}", **values)
