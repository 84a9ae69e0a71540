"""PostgreSQL → Parquet, beside psycopg fetching the same rows."""

import statistics
import time as stopwatch
from datetime import UTC, datetime
from typing import Final

import psycopg
from django.db import connection

from sadakat.commerce.tables import ORDER_ENTRIES
from sadakat.entry.bench.figure import Figure
from sadakat.kernel.errors import Unavailable
from sadakat.platform import lake
from sadakat.platform.database.connection import dsn

ROWS: Final = 1_000_000
ROUNDS: Final = 8
MONTHS: Final = [f"2025-{month:02}" for month in range(1, 13)]
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FILL: Final = """
    INSERT INTO commerce_orderentry (namespace, order_id, number, kind, profile_id, at, local_date, order_at,
        order_date, channel, store_id, is_guest, amount_minor)
    SELECT 'shop', 'ORDER-' || n, 1, 'completed', 1 + n %% 50000, at, at::date, at, at::date,
        CASE WHEN n %% 3 = 0 THEN 'store' ELSE 'online' END, '', n %% 7 = 0, 100 + n::bigint * 7919 %% 90000
    FROM generate_series(1, %s) AS n,
        LATERAL (SELECT timestamptz '2025-01-01 12:00Z' + n * 364.0 / %s * interval '1 day' AS at) AS day
"""


def lake_sync() -> list[Figure]:
    """A year of order entries, every month of which has changed: written and named by the manifest."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [ROWS, ROWS])
        cursor.execute("ANALYZE commerce_orderentry")
    # By turns, so that a machine that slows down for a while slows both; the first of each reads what the others find.
    rounds = [(_fetch(), _sync()) for _ in range(ROUNDS)]
    baseline, ours = map(statistics.median, zip(*rounds[1:], strict=True))
    return [
        Figure(
            name="lake-sync",
            ours=ROWS / ours,
            baseline=ROWS / baseline,
            unit="rows/s",
            ratio=baseline / ours,
            goal="≥ 3",
        )
    ]


def _sync() -> float:
    lake.mark_changed(dataset=ORDER_ENTRIES.name, partitions=MONTHS)
    start = stopwatch.perf_counter()
    report = lake.sync(at=_NOW)
    seconds = stopwatch.perf_counter() - start
    if report.rows != ROWS:
        raise Unavailable(f"the lake wrote {report.rows:,} rows instead of {ROWS:,}")
    return seconds


def _fetch() -> float:
    rows = 0
    start = stopwatch.perf_counter()
    with psycopg.connect(dsn()) as source:
        for month in MONTHS:
            rows += len(source.execute(ORDER_ENTRIES.sql.replace("{partition}", f"'{month}'").encode()).fetchall())
    seconds = stopwatch.perf_counter() - start
    if rows != ROWS:
        raise Unavailable(f"psycopg fetched {rows:,} rows instead of {ROWS:,}")
    return seconds
