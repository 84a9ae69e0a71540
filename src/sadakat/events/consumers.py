"""What follows the log: each consumer reads on from its cursor, and its work and the cursor commit together."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction

from sadakat.events import amendments, failures, log, models
from sadakat.events.types import Batch, Consumer, Follower, Kind, RetryReport, Tallier
from sadakat.kernel.errors import Conflict, NotFound, SadakatError
from sadakat.platform import audit
from sadakat.platform.database.connection import Lock

MAX_BATCH_EVENTS = 5_000
MAX_BATCH_BYTES = 32 * 1024 * 1024
# A consumer that takes few events passes over this many times as many positions in one batch.
LOOK_AHEAD = 20
MAX_RETRIES = 5_000

_TAKEN = """FROM events_log WHERE position > %s AND position <= %s AND kind = ANY(%s)
    AND (%s::text[] IS NULL OR kind <> %s OR event = ANY(%s::text[]))"""
# A first event alone may be larger than a whole batch.
_MEASURE = f"""
    SELECT count(*), count(*) FILTER (WHERE fits), max(position) FILTER (WHERE fits) FROM (
        SELECT position, row_number() OVER earlier = 1 OR sum(bytes) OVER earlier <= %s AS fits
        FROM (SELECT position, coalesce(pg_column_size(body), 0) AS bytes {_TAKEN} ORDER BY position LIMIT %s) AS ahead
        WINDOW earlier AS (ORDER BY position ROWS UNBOUNDED PRECEDING)
    ) AS measured
"""
# Asked before anything else: a consumer with nothing to do is the common case, and a transaction costs ten times this.
_IS_BEHIND = """
    SELECT coalesce((SELECT max(position) FROM events_log), 0)
        > coalesce((SELECT position FROM events_cursor WHERE consumer = %s), 0)
"""

logger = structlog.get_logger()
_consumers: dict[str, Consumer] = {}


def register_consumers(consumers: Iterable[Consumer]) -> None:
    """Says who follows the log, in the order in which they are run; replaces those registered before.

    Raises:
        Conflict: two have the same name, and so would share a cursor.
    """
    wanted = list(consumers)
    by_name = {consumer.name: consumer for consumer in wanted}
    if len(by_name) < len(wanted):
        raise Conflict(f"names of consumers must differ: {', '.join(consumer.name for consumer in wanted)}")
    _consumers.clear()
    _consumers.update(by_name)


def consumers() -> Mapping[str, Consumer]:
    """The registered consumers by name, in the order of registration."""
    return dict(_consumers)


def consumer_named(name: str) -> Consumer:
    """The registered consumer of that name.

    Raises:
        NotFound: there is none.
    """
    if name not in _consumers:
        raise NotFound(f"there is no consumer {name!r:.60}; known are {', '.join(_consumers) or 'none'}")
    return _consumers[name]


def consume(name: str, *, at: datetime, limit: int | None = None) -> int:
    """Handles one batch and moves the cursor in the same transaction; gives how many positions it went past.

    That is 0 when the consumer has reached the head, or those that it follows, or when another process is at it.
    Events at fault are set aside and listed; trouble that may pass (see `failures.is_trouble`) is raised, and nothing
    has happened.

    Raises:
        NotFound: no such consumer is registered.
    """
    consumer = consumer_named(name)
    if limit is None:
        limit = consumer.max_events if isinstance(consumer, Follower) else MAX_BATCH_EVENTS
    with log.binary_cursor() as cursor:
        cursor.execute(_IS_BEHIND, [name])
        if cursor.fetchone() != (True,):
            return 0
    with transaction.atomic(durable=True):
        if not _lock(name, wait=False):
            return 0
        batch = _next_batch(consumer, at=at, limit=limit)
        if batch.upto == batch.after:
            return 0
        failed = _handle(consumer, batch) if batch.events or isinstance(consumer, Tallier) else 0
        models.Cursor.objects.update_or_create(consumer=name, defaults={"position": batch.upto, "moved_at": at})
    logger.debug("events.consumed", consumer=name, upto=batch.upto, events=len(batch.events), failed=failed)
    return batch.upto - batch.after


def _lock(name: str, *, wait: bool) -> bool:
    """One transaction at a time for each consumer."""
    function = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, hashtext(%s))", [int(Lock.CONSUMER), name])
        return cursor.fetchone()[0] is not False


def _next_batch(consumer: Consumer, *, at: datetime, limit: int) -> Batch:
    """The next positions, cut at `limit` events or, where bodies are wanted, at `MAX_BATCH_BYTES` of them."""
    after = models.Cursor.objects.filter(consumer=consumer.name).values_list("position", flat=True).first() or 0
    reach = min(log.head(), after + LOOK_AHEAD * limit)
    if isinstance(consumer, Follower):
        passed = log.cursors()
        reach = max(after, min([reach, *(passed.get(name, 0) for name in consumer.follows if name in _consumers)]))
    taken = _taken_by(consumer)
    if isinstance(consumer, Tallier):
        upto = min(reach, after + limit)
    else:
        max_bytes = MAX_BATCH_BYTES if consumer.wants_body else MAX_BATCH_BYTES * limit
        with connection.cursor() as cursor:
            cursor.execute(_MEASURE, [max_bytes, after, reach, *taken, limit])
            found, fitting, last = cursor.fetchone()
        upto = reach if found == fitting < limit else last
    events = log.select_events(f"{_TAKEN} ORDER BY position", [after, upto, *taken], with_body=consumer.wants_body)
    return Batch(events=events, after=after, upto=upto, at=at)


def _taken_by(consumer: Consumer) -> list[Any]:
    """The last parameters of `_TAKEN`."""
    names = None if consumer.names is None else sorted(consumer.names)
    return [sorted(consumer.kinds), names, int(Kind.TRACK), names]


def _handle(consumer: Consumer, batch: Batch) -> int:
    """Whole, or by halves until each event at fault is alone; gives how many were set aside."""
    aside: list[tuple[int, str]] = []

    def set_aside(*, position: int, reason: str) -> None:
        aside.append((position, reason))

    try:
        with transaction.atomic():
            consumer.handle(batch, set_aside=set_aside)
    except Exception as error:
        if failures.is_trouble(error):
            raise
        positions: Sequence[int] = range(batch.after + 1, batch.upto + 1)
        if not isinstance(consumer, Tallier):
            positions = [event.position for event in batch.events]
        if len(positions) > 1:
            cut = positions[len(positions) // 2 - 1]
            return sum(_handle(consumer, half) for half in _parts(batch, cut=cut))
        aside = [(positions[0], _told(error, consumer=consumer.name, position=positions[0]))]
    failures.record(consumer=consumer.name, failed=aside, at=batch.at)
    return len(aside)


def _told(error: Exception, *, consumer: str, position: int) -> str:
    reason = failures.reason_of(error)
    # A refusal of ours is the event's fault; anything else may well be the consumer's.
    tell = logger.warning if isinstance(error, SadakatError) else logger.error
    tell("events.event_set_aside", consumer=consumer, position=position, error=type(error).__name__)
    return reason


def _parts(batch: Batch, *, cut: int) -> tuple[Batch, Batch]:
    middle = sum(event.position <= cut for event in batch.events)
    return (
        Batch(events=batch.events[:middle], after=batch.after, upto=cut, at=batch.at),
        Batch(events=batch.events[middle:], after=cut, upto=batch.upto, at=batch.at),
    )


def retry_failed(
    *,
    consumer: str | None = None,
    position: int | None = None,
    reason: str = "",
    actor: audit.Actor,
    at: datetime,
) -> RetryReport:
    """Hands events that were set aside to their consumers again, one by one: all, those of one consumer, or one.

    With `reason` only those whose reason begins like that.

    At most `MAX_RETRIES` at once, those tried least often first.

    Raises:
        NotFound: no such consumer is registered, or nothing is set aside at that position.
    """
    names = sorted(_consumers if consumer is None else [consumer_named(consumer).name])
    with transaction.atomic(durable=True):
        report = _retry_waiting(names, position=position, reason=reason, actor=actor, at=at)
        audit.record(
            actor=actor,
            at=at,
            action="events.failed_retried",
            subject=f"consumer:{consumer or '*'}",
            new={"position": position, "solved": report.solved, "still_failing": report.still_failing},
        )
    return report


def amend_failed(*, position: int, body: bytes, actor: audit.Actor, at: datetime) -> RetryReport:
    """Gives an event that was set aside another body, and hands it to its consumers again.

    The event stays who and when it was: identifiers, time, call and name are those of the log. The body holds also
    where a consumer refuses it once more; it can be mended again.

    Raises:
        NotFound: nothing is set aside at that position.
        Invalid: the body is no message that could be sent.
        Refused: it is another call or another event.
    """
    with transaction.atomic(durable=True):
        for event in log.read_positions([position]):
            amendments.check(body, event=event)
            amendments.write(event, body=body, actor=actor, at=at)
        return _retry_waiting(sorted(_consumers), position=position, reason="", actor=actor, at=at)


def _retry_waiting(
    names: Sequence[str], *, position: int | None, reason: str, actor: audit.Actor, at: datetime
) -> RetryReport:
    """What is set aside, handed over again in the caller's transaction."""
    waiting = models.FailedEvent.objects.filter(solved_at=None, consumer__in=names, reason__startswith=reason)
    if position is not None:
        waiting = waiting.filter(position=position)
    for name in names:
        _lock(name, wait=True)
    rows = list(waiting.order_by("attempts", "position", "consumer")[:MAX_RETRIES])
    if position is not None and not rows:
        raise NotFound(f"no event is set aside at position {position} by {', '.join(names) or 'any consumer'}")
    solved = [row for row in rows if _retry(row, actor=actor, at=at)]
    _tell_followers(solved, at=at)
    return RetryReport(solved=len(solved), still_failing=waiting.count())


def _tell_followers(solved: Sequence[models.FailedEvent], *, at: datetime) -> None:
    """Hands events that a consumer has caught up on to those who have passed them with what it made of the log."""
    for follower in _consumers.values():
        if not isinstance(follower, Follower):
            continue
        positions = [row.position for row in solved if row.consumer in follower.follows]
        if not positions:
            continue
        _lock(follower.name, wait=True)
        events = log.select_events(
            f"{_TAKEN} AND position = ANY(%s) ORDER BY position",
            [0, log.cursors().get(follower.name, 0), *_taken_by(follower), positions],
            with_body=follower.wants_body,
        )
        if events:
            _handle(follower, Batch(events=events, after=events[0].position - 1, upto=events[-1].position, at=at))


def _retry(row: models.FailedEvent, *, actor: audit.Actor, at: datetime) -> bool:
    """One event, after what its source's mapping makes of it by now."""
    [event] = log.read_positions([row.position])
    if body := amendments.by_mapping(event):
        amendments.write(event, body=body, actor=actor, at=at)
        [event] = log.read_positions([row.position])
    batch = Batch(events=[event], after=row.position - 1, upto=row.position, at=at)
    if _handle(_consumers[row.consumer], batch):
        return False
    row.solved_at = at
    row.save(update_fields=["solved_at"])
    return True
