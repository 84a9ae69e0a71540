"""Rejected events: taking them after all, as they are or mended by hand, and forgetting them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from sadakat.events import inbox, models, plugs, rules, sources
from sadakat.events.types import Message, ReplayReport, Source
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import audit

MAX_REPLAYS: Final = 5_000
KEPT_DAYS: Final = 90
KEPT_REPLAYED_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What would become of a message that is sent now."""

    body: bytes
    """After the source's mapping."""
    refusal: str
    """Why it would be rejected; empty where it would be taken."""


def trial(body: bytes, *, source: Source, received_at: datetime) -> Trial:
    """What would become of this body, without storing anything."""
    refusal = ""
    try:
        _parsed(body, source=source, received_at=received_at)
    except Invalid as error:
        refusal = str(error)
    return Trial(body=rules.mapped(body, rules=source.mapping), refusal=refusal)


def replay_rejected(
    *,
    ids: Collection[int] | None = None,
    source_id: int | None = None,
    reason: str = "",
    actor: audit.Actor,
    at: datetime,
) -> ReplayReport:
    """Takes rejected events after all: these, those of one source, those of one reason, or all, the oldest first.

    Each goes through its source's mapping and every check again, as received when it was; those that are refused once
    more get their new reason. At most `MAX_REPLAYS` at once. What has been taken is left alone: this can be repeated.
    """
    rows = models.RejectedEvent.objects.select_for_update().filter(replayed_at=None)
    given = {"id__in": ids, "source_id": source_id, "reason": reason or None}
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    with transaction.atomic(durable=True):
        chosen = list(rows.order_by("id")[:MAX_REPLAYS])
        whole = [row for row in chosen if not row.is_cut]
        read = [(row, message) for row in whole if (message := _read(row))]
        taken = _append(read)
        for row in taken:
            row.replayed_at = at
        models.RejectedEvent.objects.bulk_update(whole, ["reason", "replayed_at"], batch_size=500)
        report = ReplayReport(accepted=len(taken), still_rejected=len(whole) - len(taken), cut=len(chosen) - len(whole))
        audit.record(
            actor=actor,
            at=at,
            action="events.rejected_replayed",
            subject=f"source:{'*' if source_id is None else source_id}",
            new={
                "accepted": report.accepted,
                "still_rejected": report.still_rejected,
                "cut": report.cut,
            },
        )
    return report


def edit_rejected(*, rejected_id: int, body: bytes, actor: audit.Actor, at: datetime) -> None:
    """Takes one rejected event with a body that has been mended by hand.

    Raises:
        NotFound: there is none of that id, or its source is gone.
        Conflict: it has been taken already.
        Invalid: the body cannot count either; nothing has happened.
    """
    with transaction.atomic(durable=True):
        row = models.RejectedEvent.objects.select_for_update().filter(id=rejected_id).first()
        if row is None:
            raise NotFound(f"there is no rejected event {rejected_id}")
        if row.replayed_at is not None:
            raise Conflict(f"rejected event {rejected_id} has been taken already")
        message = _parsed(body, source=_source_of(row), received_at=row.received_at)
        try:
            with transaction.atomic():
                inbox.append_messages([message])
        except inbox.POISON as error:
            raise Invalid(inbox.reject_poison(message, error=error).reason) from None
        row.body, row.replayed_at, row.is_cut = body.decode(), at, False
        row.save(update_fields=["body", "replayed_at", "is_cut"])
        audit.record(
            actor=actor,
            at=at,
            action="events.rejected_mended",
            subject=f"rejected_event:{rejected_id}",
            old={"reason": row.reason},
        )


def purge_rejected(*, at: datetime) -> int:
    """Forgets what was received `KEPT_DAYS` ago, and `KEPT_REPLAYED_DAYS` after it was taken; says how many."""
    old = models.RejectedEvent.objects.filter(received_at__lt=at - timedelta(days=KEPT_DAYS))
    taken = models.RejectedEvent.objects.filter(replayed_at__lt=at - timedelta(days=KEPT_REPLAYED_DAYS))
    return old.delete()[0] + taken.delete()[0]


def _read(row: models.RejectedEvent) -> Message | None:
    """The message of a row; None where it is refused again, and the row then has the new reason."""
    try:
        return _parsed(row.body.encode(), source=_source_of(row), received_at=row.received_at)
    except (Invalid, NotFound) as error:
        row.reason = str(error)
        return None


def _parsed(body: bytes, *, source: Source, received_at: datetime) -> Message:
    return rules.parse_message(
        body,
        source=source,
        received_at=received_at,
        sent_at=None,
        limit=rules.event_limit(source),
        resolver=plugs.resolver(),
    )


def _source_of(row: models.RejectedEvent) -> Source:
    source = sources.sources().get(row.source_id or 0)
    if source is None:
        raise NotFound("its source is not known any more")
    return source


def _append(read: Sequence[tuple[models.RejectedEvent, Message]]) -> list[models.RejectedEvent]:
    """Puts messages into the inbox, by halves until what PostgreSQL cannot keep is alone; gives the rows taken."""
    try:
        with transaction.atomic():
            inbox.append_messages([message for _, message in read])
    except inbox.POISON as error:
        if len(read) == 1:
            [(row, message)] = read
            row.reason = inbox.reject_poison(message, error=error).reason
            return []
        half = len(read) // 2
        return _append(read[:half]) + _append(read[half:])
    return [row for row, _ in read]
