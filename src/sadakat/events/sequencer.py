"""The one sequencer: takes what lies in the inbox, drops duplicates, asks who is meant, and writes the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from django.db import connection, transaction

from sadakat.events import failures, log, plugs, sources
from sadakat.events.types import Source, SourceKind, Unresolved, WorkReport
from sadakat.platform import brand
from sadakat.platform.database.connection import Lock

MAX_BATCH_EVENTS = 5_000
MAX_BATCH_BYTES = 32 * 1024 * 1024
# A message id counts once within this many days of its first receipt; one of a file for good, since the same file is
# brought again after any time.
HORIZON_DAYS = 30
MAX_KEYS_PER_PURGE = 100_000

# A first row alone may be larger than a whole batch.
_PICK = """
    SELECT id FROM (
        SELECT id, row_number() OVER earlier AS rank, sum(bytes) OVER earlier AS bytes
        FROM (SELECT id, pg_column_size(body) AS bytes FROM events_inbox ORDER BY id LIMIT %s) AS waiting
        WINDOW earlier AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
    ) AS measured
    WHERE rank = 1 OR bytes <= %s ORDER BY id
"""
# Keys go in by their own order, which keeps neighbours of the index together. Nobody else writes keys, so asking first
# is enough, and cheaper than ON CONFLICT, which writes each row twice.
_KEEP_NEW = """
    WITH taken AS MATERIALIZED (
        SELECT id, mid, source_id, at, received_at, identifiers,
            row_number() OVER (PARTITION BY mid ORDER BY id) AS copy
        FROM events_inbox WHERE id = ANY(%s::bigint[])
    ), fresh AS (
        INSERT INTO events_messagekey (mid, received_date)
        SELECT mid, CASE WHEN source_id = ANY(%s::int[]) THEN 'infinity' ELSE (received_at AT TIME ZONE 'UTC')::date END
        FROM taken
        WHERE copy = 1 AND NOT EXISTS (SELECT FROM events_messagekey AS known WHERE known.mid = taken.mid)
        ORDER BY mid RETURNING mid
    )
    SELECT id, source_id, at, identifiers FROM taken JOIN fresh USING (mid) WHERE copy = 1 ORDER BY id
"""
# Copying and deleting in two statements is a fifth faster than through DELETE … RETURNING.
_APPEND = """
    INSERT INTO events_log
        (position, profile_id, source_id, kind, event, at, local_date, received_at, mid, body)
    SELECT %s + rank, fresh.profile_id, source_id, kind, event, at, (at AT TIME ZONE %s)::date, received_at, mid,
        body
    FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS fresh (id, profile_id, rank)
    JOIN events_inbox USING (id)
"""
_DELETE = "DELETE FROM events_inbox WHERE id = ANY(%s::bigint[])"
_REJECT = """
    WITH refused AS (DELETE FROM events_inbox WHERE id = %s RETURNING source_id, received_at, body)
    INSERT INTO events_rejectedevent (source_id, received_at, reason, message_id, body)
    SELECT source_id, received_at, %s, coalesce(body ->> 'messageId', ''), body::text FROM refused
"""
_PURGE = """
    DELETE FROM events_messagekey WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM events_messagekey WHERE received_date < %s LIMIT %s))
"""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _World:
    """What holds for the whole batch."""

    time_zone: str
    sources: Mapping[int, Source]

    @property
    def file_sources(self) -> list[int]:
        """The ids of the sources that bring files."""
        return [source.id for source in self.sources.values() if source.kind is SourceKind.IMPORT]


def sequence(*, at: datetime, limit: int = MAX_BATCH_EVENTS) -> WorkReport:
    """Moves one batch from the inbox to the log in one transaction.

    The report is empty when nothing waits, or when another process is at it. A row that cannot go through is listed
    as rejected, with its body, and counted as failed; the others go on. The inbox has no cursor: a connection that
    commits late brings ids lower than those already taken.

    Raises:
        OperationalError, Unavailable, ProgrammingError, …: no row is at fault; nothing has happened.
    """
    with transaction.atomic(durable=True), log.binary_cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int(Lock.SEQUENCER)])
        if cursor.fetchone() != (True,):
            return WorkReport()
        cursor.execute(_PICK, [limit, MAX_BATCH_BYTES])
        ids = [row[0] for row in cursor]
        if not ids:
            return WorkReport()
        report = _sequence_rows(ids, world=_world(cursor))
    logger.debug(
        "events.sequenced",
        sequenced=report.sequenced,
        duplicates=report.duplicates,
        rejected=report.failed,
        at=at.isoformat(),
    )
    return report


def _world(cursor: psycopg.Cursor[tuple[Any, ...]]) -> _World:
    """What holds now: a source is committed before anything that it sends, so a cached list could be too old."""
    time_zone = brand.current().time_zone
    # A zone that this server does not know is nobody's event's fault, and must fail here.
    cursor.execute("SELECT now() AT TIME ZONE %s", [time_zone])
    cursor.execute(sources.SELECT_SOURCES)
    return _World(time_zone, {row[0]: sources.source_of(row) for row in cursor})


def _sequence_rows(ids: Sequence[int], *, world: _World) -> WorkReport:
    """Whole, or by halves until the row at fault is alone."""
    try:
        with transaction.atomic():
            return _move(ids, world=world)
    except Exception as error:
        if failures.is_trouble(error) or failures.is_our_mistake(error):
            raise
        if len(ids) == 1:
            _reject(ids[0], error=error)
            return WorkReport(failed=1)
    middle = len(ids) // 2
    first, second = (_sequence_rows(part, world=world) for part in (ids[:middle], ids[middle:]))
    return WorkReport(
        sequenced=first.sequenced + second.sequenced,
        duplicates=first.duplicates + second.duplicates,
        failed=first.failed + second.failed,
    )


def _move(ids: Sequence[int], *, world: _World) -> WorkReport:
    head = log.head()
    with log.binary_cursor() as cursor:
        cursor.execute(_KEEP_NEW, [log.array_of(ids), log.array_of(world.file_sources)])
        rows = cursor.fetchall()
        fresh = [row[0] for row in rows]
        batch = [
            Unresolved(position=position, source_id=source_id, at=at, identifiers=tuple(identifiers))
            for position, (_, source_id, at, identifiers) in enumerate(rows, start=head + 1)
        ]
        profiles = _profiles_of(batch, sources=world.sources)
        cursor.execute(_APPEND, [head, world.time_zone, log.array_of(fresh), log.array_of(profiles)])
        assert cursor.rowcount == len(fresh), "only the sequencer deletes from the inbox"
        cursor.execute(_DELETE, [log.array_of(ids)])
    return WorkReport(sequenced=len(fresh), duplicates=len(ids) - len(fresh))


def _profiles_of(batch: Sequence[Unresolved], *, sources: Mapping[int, Source]) -> list[int]:
    """The profile of each message: Sadakat's own facts name it, the resolver knows the others."""
    own = {
        message.position: int(key.removeprefix(log.PROFILE_KEY))
        for message in batch
        for key in message.identifiers[:1]
        if key.startswith(log.PROFILE_KEY)
    }
    others = [message for message in batch if message.position not in own]
    resolved = iter(plugs.resolver().resolve(others, sources=sources) if others else ())
    return [own[message.position] if message.position in own else next(resolved) for message in batch]


def _reject(inbox_id: int, *, error: Exception) -> None:
    reason = failures.reason_of(error)
    with connection.cursor() as cursor:
        cursor.execute(_REJECT, [inbox_id, reason])
    logger.error("events.inbox_row_rejected", inbox_id=inbox_id, reason=reason)


def purge_message_keys(*, at: datetime) -> int:
    """Forgets message keys received more than `HORIZON_DAYS` before the day of `at` (UTC), but none of files.

    Says how many.

    Deletes by bounded transactions, so that the sequencer's vacuum is not held up by a long one.
    """
    before = at.date() - timedelta(days=HORIZON_DAYS)
    purged, deleted = 0, MAX_KEYS_PER_PURGE
    with connection.cursor() as cursor:
        while deleted == MAX_KEYS_PER_PURGE:
            cursor.execute(_PURGE, [before, MAX_KEYS_PER_PURGE])
            deleted = cursor.rowcount
            purged += deleted
    return purged
