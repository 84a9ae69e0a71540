"""Inbox → log → consumers, beside a plain COPY of the same rows."""

import random
import subprocess
import sys
import time as stopwatch
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from sadakat.entry.bench.figure import Figure
from sadakat.events import api as events
from sadakat.events.types import SourceKind
from sadakat.platform import audit, worker

EVENTS: Final = 100_000
BATCH: Final = 5_000
CUSTOMERS: Final = 10_000
# Shares of the stream: messages sent twice, events of visitors never seen before.
_TWICE, _STRANGERS = 0.01, 0.05
_NOW: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def pipeline() -> list[Figure]:
    """Two figures: until everything is in the log, and until every consumer is through.

    The customers of the stream are known when it begins, as in a shop that is open; one event in twenty is by a
    visitor never seen before.
    """
    source, _ = events.create_source(name="Pipeline", kind=SourceKind.SERVER, actor=audit.CLI, at=_NOW)
    events.import_messages(source=source, raw_messages=_introductions(), at=_NOW)
    worker.work_until_idle(at=_NOW)
    events.import_messages(source=source, raw_messages=_stream(), at=_NOW)
    baseline = _copy_rate()
    # The consumers run in a process of their own, as `sadakat worker` runs them.
    goal = events.head() + EVENTS - round(EVENTS * _TWICE)
    follower = subprocess.Popen(
        [sys.executable, "-m", "sadakat.entry.bench.follower", str(goal)], stdout=subprocess.PIPE
    )
    try:
        assert follower.stdout is not None
        follower.stdout.readline()
        start = stopwatch.monotonic()
        while events.sequence(at=_NOW, limit=BATCH).sequenced:
            pass
        logged = stopwatch.monotonic() - start
        follower.wait(120)
        consumed = stopwatch.monotonic() - start
    finally:
        follower.kill()
    return [
        _figure("pipeline", logged, baseline, goal="≥ 0.20"),
        _figure("pipeline/consumed", consumed, baseline, goal="≥ 0.12"),
    ]


def _figure(name: str, seconds: float, baseline: float, *, goal: str) -> Figure:
    rate = EVENTS / seconds
    return Figure(name=name, ours=rate, baseline=baseline, unit="events/s", ratio=rate / baseline, goal=goal)


def _copy_rate() -> float:
    """Rows a second of a pre-encoded binary COPY of the inbox's rows into a table without indexes, same commits."""
    from django.db import connection

    columns = "id, source_id, mid, kind, event, at, received_at, body"
    with connection.cursor() as cursor:
        cursor.execute(f"create table bench_copy as select {columns} from events_inbox limit 0")
        cursor.execute("select min(id) from events_inbox")
        (first,) = cursor.fetchone() or (0,)
        chunks = []
        for low in range(first, first + EVENTS, BATCH):
            part = f"select {columns} from events_inbox where id >= {low} and id < {low + BATCH}"
            with _raw().copy(f"copy ({part}) to stdout (format binary)") as copy:
                chunks.append(b"".join(bytes(block) for block in copy))
        start = stopwatch.monotonic()
        for chunk in chunks:
            with _raw().copy("copy bench_copy from stdin (format binary)") as copy:
                copy.write(chunk)
        seconds = stopwatch.monotonic() - start
        cursor.execute("drop table bench_copy")
    return EVENTS / seconds


def _raw() -> Any:
    """A cursor of psycopg itself, in autocommit: one COPY is one commit."""
    from django.db import connection

    connection.ensure_connection()
    return connection.connection.cursor()


def _introductions() -> Iterator[bytes]:
    for customer in range(CUSTOMERS):
        yield msgspec.json.encode(
            {
                "type": "identify",
                "messageId": f"i{customer}",
                "userId": f"user-{customer}",
                "anonymousId": f"anonymous-{customer}",
                "timestamp": (_NOW - timedelta(days=1)).isoformat(),
                "traits": _traits(customer),
            }
        )


def _stream() -> Iterator[bytes]:
    """About 700 bytes each: 80 % product views, 15 % orders of two or three lines, 5 % identifies."""
    dice = random.Random(1)  # noqa: S311 - sample data, not a secret
    for number in range(EVENTS):
        customer, kind = dice.randrange(CUSTOMERS), dice.random()
        is_stranger = dice.random() < _STRANGERS
        message: dict[str, Any] = {
            "messageId": f"m{number - 1 if number % round(1 / _TWICE) == 1 else number}",
            "anonymousId": f"stranger-{number}" if is_stranger else f"anonymous-{customer}",
            "timestamp": (_NOW - timedelta(seconds=EVENTS - number)).isoformat(),
            "context": {"userAgent": "Mozilla/5.0 (X11; Linux x86_64) " + "x" * 220, "locale": "tr-TR"},
        }
        if is_stranger or kind < 0.80:
            seen = {"product_id": str(dice.randrange(5000)), "note": "y" * 120}
            message |= {"type": "track", "event": "Product Viewed", "properties": seen}
        elif kind < 0.95:
            user = f"user-{customer}"
            message |= {"type": "track", "event": "Order Completed", "userId": user, "properties": _order(number, dice)}
        else:
            message |= {"type": "identify", "userId": f"user-{customer}", "traits": _traits(customer)}
        yield msgspec.json.encode(message)


def _traits(customer: int) -> dict[str, Any]:
    return {
        "email": f"customer{customer}@example.com",
        "phone": f"+9053{customer:08d}",
        "firstName": "Işıl",
        "lastName": f"Çağlayan {customer}",
        "city": "İzmir",
    }


def _order(number: int, dice: random.Random) -> dict[str, Any]:
    lines = [
        {
            "product_id": str(dice.randrange(5000)),
            "name": "Yünlü hırka",
            "category": "Giyim",
            "quantity": 1,
            "price": 149.9,
        }
        for _ in range(dice.randrange(2, 4))
    ]
    return {"order_id": f"o{number}", "revenue": 149.9 * len(lines), "currency": "TRY", "products": lines}
