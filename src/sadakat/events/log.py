"""Reads of the log and of what stands beside it: cursors, failed and rejected events."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import psycopg
from django.db import connection
from django.db.models import Count, Max, QuerySet

from sadakat.events import models
from sadakat.events.types import VIEWED, AsideGroup, Event, FailedEvent, Kind, RejectedEvent
from sadakat.kernel.errors import NotFound

# The identifier key of a message that already names its profile: Sadakat's own facts.
PROFILE_KEY = "profile:"
MAX_PAGE = 1_000
MAX_GROUPS = 200
# How far back `recent` looks for a source that has fallen silent.
RECENT_POSITIONS = 100_000
_END_OF_TIME = ("infinity", 0)
TALLY = """
    SELECT profile_id, count(*) AS events, min(at) AS first_seen_at, max(at) AS last_seen_at,
        (array_agg(source_id ORDER BY at, source_id))[1] AS first_source_id
    FROM events_log
    WHERE position > %s AND position <= %s AND profile_id <> 0
        AND source_id NOT IN (SELECT id FROM events_source WHERE kind = 'system')
    GROUP BY profile_id
"""
"""What others than Sadakat itself have sent, by profile; its parameters are `after` and `upto` of a batch."""

_KINDS = {int(kind): kind for kind in Kind}
_COLUMNS = """position, profile_id, source_id, kind, event, at, local_date, received_at,
    encode(uuid_send(mid), 'hex')"""
# While there are no amendments at all, which is asked once for a statement, none is looked up.
BODY = """CASE WHEN body IS NOT NULL AND (SELECT EXISTS (SELECT FROM events_amendment))
    THEN coalesce((SELECT said.body FROM events_amendment AS said WHERE said.position = events_log.position), body)
    ELSE body END"""
"""Of a row of the log: what an amendment says stands in place of the body, unless that has been erased."""
EVENT = f"""CASE kind WHEN {Kind.TRACK:d} THEN event
    {" ".join(f"WHEN {kind:d} THEN '{name}'" for kind, name in VIEWED.items())} END"""
"""Of a row of the log: the name that predicates use; null for calls that they do not speak of."""
# Text that is asked for as bytes travels as it is, without becoming a str on the way.
_WITH_BODY = _COLUMNS + f", coalesce(convert_to(({BODY})::text, 'UTF8'), '')"
_WITHOUT_BODY = _COLUMNS + ", ''::bytea"


@contextmanager
def binary_cursor() -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    """A cursor of Django's connection that reads values in binary form: far cheaper than text for whole batches."""
    connection.ensure_connection()
    assert connection.connection is not None
    with connection.wrap_database_errors, connection.connection.cursor(binary=True) as cursor:
        yield cursor


def array_of(numbers: Iterable[int]) -> str:
    """The text of a PostgreSQL array, for `%s::bigint[]`: psycopg's own dumper takes ten times as long."""
    return f"{{{','.join(map(str, numbers))}}}"


def select_events(rest: str, parameters: Sequence[Any], *, with_body: bool = True) -> list[Event]:
    """Events of `SELECT … ` followed by `rest`, which names the log and whatever filters and orders it."""
    columns = _WITH_BODY if with_body else _WITHOUT_BODY
    with binary_cursor() as cursor:
        cursor.execute(f"SELECT {columns} {rest}".encode(), parameters)
        return [
            Event(
                position=position,
                profile_id=profile_id,
                source_id=source_id,
                kind=_KINDS[kind],
                event=event,
                at=at,
                local_date=local_date,
                received_at=received_at,
                mid=mid,
                body=body,
            )
            for position, profile_id, source_id, kind, event, at, local_date, received_at, mid, body in cursor
        ]


def head() -> int:
    """The last position of the log; 0 while it is empty."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(position), 0) FROM events_log")
        return int(cursor.fetchone()[0])


def has_backlog(consumers: Iterable[str]) -> bool:
    """Whether anything waits in the inbox, or one of these consumers is not at the head of the log."""
    passed = cursors()
    last = head()
    return models.Inbox.objects.exists() or any(passed.get(name, 0) < last for name in consumers)


def cursors() -> dict[str, int]:
    """How far each consumer that has ever moved has come, by name."""
    # Whoever waits for a consumer asks this again and again: the ORM would take four times as long.
    with binary_cursor() as cursor:
        cursor.execute("SELECT consumer, position FROM events_cursor ORDER BY consumer")
        return dict(cursor.fetchall())


def read_positions(positions: Iterable[int]) -> list[Event]:
    """The events at these positions, in the order of the log; positions that do not exist are left out."""
    return select_events("FROM events_log WHERE position = ANY(%s) ORDER BY position", [list(positions)])


def timeline(
    *,
    profile_ids: Iterable[int],
    before: tuple[datetime, int] | None = None,
    names: Iterable[str] | None = None,
    limit: int = 50,
) -> list[Event]:
    """What these profiles did, newest first by (at, position); `before` is that pair of the last event seen.

    `names` keeps tracked events of these names alone.
    """
    # Each profile gives its own newest few from the index: one with a million events costs no more than another.
    return select_events(
        """FROM unnest(%s::bigint[]) AS wanted (id) CROSS JOIN LATERAL (
            SELECT * FROM events_log
            WHERE profile_id = wanted.id AND (at, position) < (%s, %s)
                AND (%s::text[] IS NULL OR kind = %s AND event = ANY(%s::text[]))
            ORDER BY at DESC, position DESC LIMIT %s) AS events_log
        ORDER BY at DESC, position DESC LIMIT %s""",
        [list(profile_ids), *(before or _END_OF_TIME), *_named(names), *[min(limit, MAX_PAGE)] * 2],
    )


def recent(
    *, source_id: int | None = None, names: Iterable[str] | None = None, before: int | None = None, limit: int = 50
) -> list[Event]:
    """The newest events by position, of one source or of all; looks back over `RECENT_POSITIONS` at most.

    `before` is the position of the last one seen.
    """
    return select_events(
        """FROM events_log WHERE position > %s AND (%s::bigint IS NULL OR position < %s)
            AND (%s::int IS NULL OR source_id = %s)
            AND (%s::text[] IS NULL OR kind = %s AND event = ANY(%s::text[]))
        ORDER BY position DESC LIMIT %s""",
        [head() - RECENT_POSITIONS, before, before, source_id, source_id, *_named(names), min(limit, MAX_PAGE)],
    )


def event_counts(*, since: datetime) -> dict[int, int]:
    """How many events of each source, by its id, were received at or after `since`; silent sources are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_id, count(*) FROM events_log WHERE received_at >= %s GROUP BY source_id ORDER BY source_id",
            [since],
        )
        return dict(cursor.fetchall())


def failed_events(
    *,
    consumer: str | None = None,
    reason: str = "",
    position: int | None = None,
    is_solved: bool = False,
    limit: int = MAX_PAGE,
    offset: int = 0,
) -> list[FailedEvent]:
    """Events that consumers have set aside, the latest failures first; solved ones only when asked for.

    `reason` is the whole reason.
    """
    rows = models.FailedEvent.objects.filter(solved_at__isnull=not is_solved)
    given = {"consumer": consumer, "reason": reason or None, "position": position}
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    page = list(rows.order_by("-failed_at", "-position", "consumer")[offset : offset + min(limit, MAX_PAGE)])
    names = dict(
        models.LogEvent.objects.filter(position__in={row.position for row in page}).values_list("position", "event")
    )
    return [
        FailedEvent(
            consumer=row.consumer,
            position=row.position,
            event=names[row.position],
            reason=row.reason,
            failed_at=row.failed_at,
            attempts=row.attempts,
        )
        for row in page
    ]


def failed_count(*, consumer: str | None = None, reason: str = "") -> int:
    """How many events are set aside: all, those of one consumer, those whose reason begins like that."""
    rows = models.FailedEvent.objects.filter(solved_at=None, reason__startswith=reason)
    return (rows if consumer is None else rows.filter(consumer=consumer)).count()


def failed_groups() -> list[AsideGroup]:
    """What is set aside by consumer and reason, the most frequent first; bounded."""
    waiting = models.FailedEvent.objects.filter(solved_at=None)
    groups = waiting.values("consumer", "reason").annotate(count=Count("*"), last_at=Max("failed_at"))
    return _groups(groups.order_by("-count", "consumer", "reason"), key="consumer")


def rejected_events(
    *,
    source_id: int | None = None,
    reason: str = "",
    before: int | None = None,
    limit: int = MAX_PAGE,
    offset: int = 0,
) -> list[RejectedEvent]:
    """What was refused and has not been taken since, newest first; `before` is the id of the last one seen."""
    rows = _rejected(source_id=source_id, reason=reason).order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [rejected_of(row) for row in rows[offset : offset + min(limit, MAX_PAGE)]]


def rejected_count(*, source_id: int | None = None, reason: str = "") -> int:
    """How many were refused and have not been taken since."""
    return _rejected(source_id=source_id, reason=reason).count()


def rejected_groups() -> list[AsideGroup]:
    """What was refused and has not been taken since, by source and reason, the most frequent first; bounded."""
    groups = _rejected().values("source_id", "reason").annotate(count=Count("*"), last_at=Max("received_at"))
    return _groups(groups.order_by("-count", "source_id", "reason"), key="source_id")


def rejected_event(rejected_id: int) -> RejectedEvent:
    """One of them, also one that has been taken since.

    Raises:
        NotFound: there is none of that id; it may have been purged.
    """
    row = models.RejectedEvent.objects.filter(id=rejected_id).first()
    if row is None:
        raise NotFound(f"there is no rejected event {rejected_id}")
    return rejected_of(row)


def rejected_of(row: models.RejectedEvent) -> RejectedEvent:
    """The rejected event of a row."""
    return RejectedEvent(**{name: getattr(row, name) for name in RejectedEvent.__dataclass_fields__})


def _rejected(*, source_id: int | None = None, reason: str = "") -> QuerySet[models.RejectedEvent]:
    rows = models.RejectedEvent.objects.filter(replayed_at=None)
    given = {"source_id": source_id, "reason": reason or None}
    return rows.filter(**{name: value for name, value in given.items() if value is not None})


def _groups(rows: Iterable[Any], *, key: str) -> list[AsideGroup]:
    return [
        AsideGroup(key=str(row[key] or ""), reason=row["reason"], count=row["count"], last_at=row["last_at"])
        for row in islice(rows, MAX_GROUPS)
    ]


def _named(names: Iterable[str] | None) -> tuple[list[str] | None, int, list[str] | None]:
    """Parameters of the filter on names of tracked events."""
    wanted = None if names is None else list(names)
    return wanted, int(Kind.TRACK), wanted
