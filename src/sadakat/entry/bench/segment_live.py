"""What keeping segments live costs an event, in micro-batches beside asking the rules after each event."""

import random
import time as stopwatch
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from django.db import connection

from sadakat.entry.bench.figure import Figure
from sadakat.events import api as events
from sadakat.events.types import SourceKind
from sadakat.platform import audit, worker
from sadakat.segments import api as segments
from sadakat.segments.api import CONSUMERS

CUSTOMERS: Final = 10_000
HISTORY: Final = 100_000
STREAM: Final = 10_000
BATCH: Final = 1_000
SINGLE: Final = 200
_NOW: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_BUYS: Final = {"event": "Bought"}
_RULES: Final[dict[str, Any]] = {
    "recent": _BUYS | {"within": "30d"},
    "often": _BUYS | {"within": "90d", "count": {"at_least": 3}},
    "dear": _BUYS | {"within": "90d", "sum": {"property": "total", "above": 500}},
    "lookers": {"event": "Product Viewed", "within": "7d", "count": {"at_least": 5}},
    "hesitant": {"all": [{"segment": "lookers"}, {"not": {"segment": "recent"}}]},
    "izmir": {"trait": "city", "is": "İzmir"},
    "active": {"all": [{"trait": "last_seen_at", "within_last": "7d"}, {"trait": "events", "above": 10}]},
    "lapsed": {"all": [_BUYS, {"not": {"segment": "recent"}}]},
}


def segment_live() -> list[Figure]:
    """Microseconds an event of following the log with eight rules, everybody known having ten events on average."""
    source, _ = events.create_source(name="Segments", kind=SourceKind.SERVER, actor=audit.CLI, at=_NOW)
    events.import_messages(source=source, raw_messages=_messages(0, HISTORY), at=_NOW)
    worker.work_until_idle(at=_NOW)
    for key, where in _RULES.items():
        document = {"version": 1, "where": where}
        segments.create_segment(name=key, key=key, where=document, actor=audit.CLI, at=_NOW)
    while segments.fill(at=_NOW):
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    later = _NOW + timedelta(hours=1)
    events.import_messages(source=source, raw_messages=_messages(HISTORY, STREAM), at=later)
    while events.sequence(at=later).sequenced:
        pass
    (own,) = CONSUMERS
    for name in events.consumers():
        while name != own.name and events.consume(name, at=later):
            pass
    events.consume(own.name, at=later, limit=BATCH)  # compiles the rules
    baseline = _microseconds(own.name, at=later, limit=1, count=SINGLE)
    ours = _microseconds(own.name, at=later, limit=BATCH, count=STREAM)
    return [
        Figure(name="segment-live", ours=ours, baseline=baseline, unit="µs/event", ratio=ours / baseline, goal="≤ 0.10")
    ]


def _microseconds(name: str, *, at: datetime, limit: int, count: int) -> float:
    """What following `count` events, or as many as there are, costs each when `limit` of them are taken at once."""
    start, passed = stopwatch.monotonic(), 0
    while passed < count and (step := events.consume(name, at=at, limit=limit)):
        passed += step
    return (stopwatch.monotonic() - start) / passed * 1e6


def _messages(first: int, count: int) -> Iterator[bytes]:
    dice = random.Random(first)  # noqa: S311 - sample data, not a secret
    for number in range(first, first + count):
        happened = (
            _NOW - timedelta(days=dice.randrange(1, 120)) if first == 0 else _NOW + timedelta(seconds=number % 3600)
        )
        message: dict[str, Any] = {
            "messageId": f"m{number}",
            "userId": f"user-{dice.randrange(CUSTOMERS)}",
            "timestamp": happened.isoformat(),
        }
        kind = dice.random()
        if kind < 0.80:
            message |= {"type": "track", "event": "Product Viewed", "properties": {"product_id": str(number % 5000)}}
        elif kind < 0.95:
            message |= {"type": "track", "event": "Bought", "properties": {"total": dice.randrange(10, 400)}}
        else:
            message |= {"type": "identify", "traits": {"city": dice.choice(["İzmir", "Ankara", "Muğla"])}}
        yield msgspec.json.encode(message)
