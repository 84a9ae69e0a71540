"""How fast a rule is asked of everybody in the lake, beside a plain count over the same Parquet files."""

import statistics
import time as stopwatch
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import duckdb

from sadakat.entry.bench.figure import Figure
from sadakat.kernel.errors import Unavailable
from sadakat.platform import engine, lake
from sadakat.platform.models import LakeFile
from sadakat.segments import api as segments
from sadakat.segments import tables

CUSTOMERS: Final = 1_000_000
EVENTS: Final = 20_000_000
MONTHS: Final = 12
ROUNDS: Final = 5
NOW: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ON_FEATURES: Final = {"all": [{"trait": "orders", "at_least": 3}, {"trait": "last_order_at", "within_last": "90d"}]}
ON_EVENTS: Final = {
    "all": [
        {"event": "Order Completed", "within": "90d", "count": {"at_least": 3}},
        {"not": {"event": "Email Opened", "within": "30d"}},
    ]
}
# Spread evenly over a year: orders are a twentieth of what happens, mails opened a tenth.
_EVENTS: Final = f"""
    SELECT i AS position, 1 + hash(i) % {CUSTOMERS} AS profile_id, 1::INTEGER AS source_id,
        CASE WHEN i % 20 = 0 THEN 'Order Completed' WHEN i % 10 = 3 THEN 'Email Opened'
             WHEN i % 4 = 1 THEN 'Product Viewed' ELSE 'Page Viewed' END AS event,
        make_timestamptz({{start}} + (i - {{first}}) * {{step}}) AS at,
        (make_timestamptz({{start}} + (i - {{first}}) * {{step}}) AT TIME ZONE 'Europe/Istanbul')::DATE AS local_date,
        '{{{{"revenue": ' || (hash(i) % 50000) / 100 || ', "path": "/products"}}}}' AS said,
        NULL::VARCHAR AS moments, NULL::VARCHAR AS days
    FROM range({{first}}, {{end}}) AS made (i)
"""


def segment_full() -> list[Figure]:
    """One million customers with twenty million events: a rule on feature rows, and one on events."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        _make_events(connection)
        _make_people(connection)
    baseline = _seconds(_count)
    return [
        _figure("segment-full", _seconds(lambda: _recompute(ON_FEATURES)), baseline, goal="≤ 7"),
        _figure("segment-full/events", _seconds(lambda: _recompute(ON_EVENTS)), baseline, goal="≤ 25"),
    ]


def _figure(name: str, ours: float, baseline: float, *, goal: str) -> Figure:
    return Figure(name=name, ours=ours * 1000, baseline=baseline * 1000, unit="ms", ratio=ours / baseline, goal=goal)


def _seconds(work: Callable[[], None]) -> float:
    """The median of several rounds, after one that fills the caches of files."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = stopwatch.perf_counter()
        work()
        times.append(stopwatch.perf_counter() - start)
    return statistics.median(times)


def _count() -> None:
    """What any answer from these files has to do at least: look at the name and the time of every event."""
    events = engine.read("events")
    chosen = events.filter((events.event == "Order Completed") & (events.local_date >= NOW.date().replace(month=8)))
    _check(engine.collect(chosen.aggregate(found=chosen.count()))[0]["found"])


def _recompute(where: Mapping[str, Any]) -> None:
    verdicts = segments.asked({"version": 1, "where": where}, at=NOW)
    _check(len(engine.collect_columns(verdicts.filter(verdicts.fits).select("customer_id", "changes_at"))))


def _check(found: int) -> None:
    if not found:
        raise Unavailable("nothing was found in the files that were made")


def _make_events(connection: duckdb.DuckDBPyConnection) -> None:
    """A file a month, as the lake has them."""
    span = 365 * 86_400_000_000 // MONTHS
    rows = EVENTS // MONTHS
    begin = int(NOW.timestamp() * 1_000_000) - MONTHS * span
    for month in range(MONTHS):
        query = _EVENTS.format(
            start=begin + month * span, step=span // rows, first=1 + month * rows, end=1 + (month + 1) * rows
        )
        _write(connection, query, dataset="events", partition=f"2026-{month + 1:02d}", rows=rows)


def _make_people(connection: duckdb.DuckDBPyConnection) -> None:
    """A customer for each profile, with the features that his row in the database would have."""
    everybody = f"FROM range(1, {CUSTOMERS + 1}) AS made (i)"
    _write(
        connection,
        f"SELECT i AS profile_id, i AS customer_id {everybody}",
        dataset="profile_map",
        partition="all",
        rows=CUSTOMERS,
    )
    known = {
        "customer_id": "i",
        "orders": "hash(i) % 6",
        "last_order_at": f"TIMESTAMPTZ '{NOW.isoformat()}' - (hash(i + 1) % 365) * INTERVAL 1 DAY",
        "said": "'{\"city\": \"' || CASE i % 3 WHEN 0 THEN 'ankara' ELSE 'izmir' END || '\"}'",
    }
    schema = tables.subjects().schema().to_pyarrow()
    columns = [
        f"({known.get(name, 'NULL')})::{duckdb_type} AS {name}"
        for name, duckdb_type in zip(schema.names, map(_duckdb_type, schema.types), strict=True)
    ]
    for part in range(0, CUSTOMERS, tables.SUBJECTS_PER_PARTITION):
        upto = part + 1 + tables.SUBJECTS_PER_PARTITION
        query = f"SELECT {', '.join(columns)} FROM range({part + 1}, {upto}) AS made (i)"
        partition = str(part // tables.SUBJECTS_PER_PARTITION)
        _write(connection, query, dataset=tables.SUBJECTS, partition=partition, rows=tables.SUBJECTS_PER_PARTITION)


def _duckdb_type(kind: object) -> str:
    names = {"int64": "BIGINT", "double": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN"}
    return names.get(str(kind), "TIMESTAMPTZ")


def _write(connection: duckdb.DuckDBPyConnection, query: str, *, dataset: str, partition: str, rows: int) -> None:
    """A file of the lake and its line in the manifest."""
    path = lake.folder() / dataset / f"partition={partition}" / "made.parquet"
    path.parent.mkdir(parents=True)
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 131072)")
    LakeFile.objects.create(path=str(path.relative_to(lake.folder())), dataset=dataset, partition=partition, rows=rows)
