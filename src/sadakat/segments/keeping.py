"""What keeps segments right while nobody does anything: time, computed features, new rules, and the end of the day."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from sadakat.platform import brand
from sadakat.segments import evaluation, models, tables
from sadakat.segments.types import Kind, Reason

MAX_ROUNDS: Final = 20
"""Batches of one call."""
MAX_DAYS: Final = 400
"""A worker that was away for longer does not tell older sizes."""

_TAKE_TOUCHED: Final = """
    DELETE FROM segments_touched WHERE id IN (SELECT id FROM segments_touched ORDER BY id LIMIT %s)
    RETURNING customer_id
"""
# Asked before anything else: nothing to do is the common case.
_IS_ANYTHING_DUE: Final = """
    SELECT EXISTS (SELECT FROM segments_touched)
        OR EXISTS (SELECT FROM segments_standing WHERE changes_at <= %(at)s)
        OR EXISTS (
            SELECT FROM segments_segment AS segment
            CROSS JOIN LATERAL (SELECT time_zone FROM platform_brand WHERE id = 1) AS brand
            WHERE NOT is_archived AND filled_to IS NULL
                AND (created_at AT TIME ZONE time_zone)::date < (%(at)s AT TIME ZONE time_zone)::date
                AND NOT EXISTS (
                    SELECT FROM segments_dailysize
                    WHERE segment_id = segment.id AND day >= (%(at)s AT TIME ZONE time_zone)::date - 1
                )
        )
"""
_NEXT_CUSTOMERS: Final = """
    SELECT customer_id FROM customers_profile
    WHERE profile_id = customer_id AND profile_id > %s ORDER BY profile_id LIMIT %s
"""
# What has moved since the end of a day is taken back.
_WRITE_SIZES: Final = """
    INSERT INTO segments_dailysize (segment_id, day, size)
    SELECT segment.id, day::date, size - coalesce((
        SELECT sum(CASE WHEN is_entry THEN 1 ELSE -1 END) FROM segments_movement AS later
        WHERE later.segment_id = segment.id AND later.local_date > day::date), 0)
    FROM segments_segment AS segment
    LEFT JOIN LATERAL (SELECT max(day) FROM segments_dailysize WHERE segment_id = segment.id) AS told (upto) ON true
    CROSS JOIN LATERAL generate_series(
        greatest((created_at AT TIME ZONE %s)::date, told.upto + 1, %s::date)::timestamp, %s::timestamp, '1 day'
    ) AS day
    WHERE NOT is_archived AND filled_to IS NULL
    ON CONFLICT (segment_id, day) DO NOTHING
"""


def touch(*, customer_ids: Iterable[int]) -> None:
    """Has customers evaluated anew soon, said in the transaction that writes features of theirs."""
    ids = list(customer_ids)
    tables.mark_subjects(ids)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO segments_touched (customer_id) SELECT DISTINCT unnest(%s::bigint[])", [ids])


def evaluate_due(*, at: datetime) -> bool:
    """Does what time and higher contexts have made due, then writes the sizes of days that are over.

    Each change by time alone happens at its own moment, however late this is called. Says whether there was anything
    to do; bounded, so that there may be more.
    """
    for done in range(MAX_ROUNDS):
        with connection.cursor() as cursor:
            cursor.execute(_IS_ANYTHING_DUE, {"at": at})
            if cursor.fetchone() != (True,):
                return done > 0
        with transaction.atomic(durable=True):
            evaluation.lock()
            if not evaluation.evaluate_due(at=at) and not _evaluate_touched(at=at):
                return _write_sizes(at=at) or done > 0
    return True


def fill(*, at: datetime) -> bool:
    """Asks the next new or changed rule of the next customers; says whether there was one.

    The first fill of a segment tells the log nothing: nobody has moved, the segment is new. It goes on where it was
    interrupted.
    """
    if not models.Segment.objects.filter(kind=Kind.RULE, is_archived=False, filled_to__isnull=False).exists():
        return False
    with transaction.atomic(durable=True):
        evaluation.lock()
        known = evaluation.live_rules()
        waiting = next((rule for rule in known if rule.filled_to is not None), None)
        if waiting is None:
            return False
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_CUSTOMERS, [waiting.filled_to, evaluation.MAX_CUSTOMERS])
            ids = [row[0] for row in cursor.fetchall()]
        is_last = len(ids) < evaluation.MAX_CUSTOMERS
        filled_to = None if is_last else ids[-1]
        models.Segment.objects.filter(pk=waiting.id).update(
            filled_to=filled_to, was_filled=waiting.was_filled or is_last
        )
        evaluation.evaluate(
            ids,
            at=at,
            reason=Reason.RULE,
            keys=[waiting.key],
            known=[replace(rule, filled_to=filled_to) if rule is waiting else rule for rule in known],
            untold=None if waiting.was_filled else waiting.id,
        )
    return True


def _evaluate_touched(*, at: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TOUCHED, [evaluation.MAX_CUSTOMERS])
        ids = [row[0] for row in cursor.fetchall()]
    if ids:
        known = evaluation.live_rules()
        keys = [rule.key for rule in known if rule.reads_features]
        evaluation.evaluate(ids, at=at, reason=Reason.SCORE, keys=keys, known=known)
    return bool(ids)


def _write_sizes(*, at: datetime) -> bool:
    """Writes the sizes at the end of each local day before that of `at` that is not written yet."""
    zone = brand.current().zone
    yesterday = at.astimezone(zone).date() - timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_SIZES, [zone.key, yesterday - timedelta(days=MAX_DAYS), yesterday])
        return bool(cursor.rowcount > 0)
