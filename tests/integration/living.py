"""A shop whose segments live: events through the real pipeline, a clock that is moved, and segments read back."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from sadakat.events.types import Kind, SourceKind
from sadakat.platform.audit import Actor
from tests.integration.pipeline import fill, message, rows

DENIZ = Actor("user:1", "Deniz")
DAY = timedelta(days=1)
Told = tuple[str, str, int, str, datetime]


def rule(where: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": 1, "where": where}


class Shop:
    """What happens at `now`, which only the test moves."""

    def __init__(self, now: datetime) -> None:
        from sadakat.events import api as events
        from sadakat.platform import audit

        self.now = now
        self.sent = 0
        source, _ = events.create_source(name="shop", kind=SourceKind.SERVER, actor=audit.SYSTEM, at=now)
        self.source = source.id

    def put(self, user: str, event: str, *, at: datetime | None = None, **properties: Any) -> None:
        """An event of a user into the inbox."""
        self._put([f"user_id:{user}"], Kind.TRACK, event, at=at, properties=properties)

    def say(self, user: str, **traits: Any) -> None:
        """An identify call into the inbox."""
        self._put([f"user_id:{user}"], Kind.IDENTIFY, "", traits=traits)

    def page(self, user: str, **properties: Any) -> None:
        """A page call into the inbox."""
        self._put([f"user_id:{user}"], Kind.PAGE, "", properties=properties)

    def link(self, *identifiers: str) -> None:
        """An event that names identifiers together."""
        self._put(identifiers, Kind.TRACK, "Linked")

    def _put(
        self, identifiers: Sequence[str], kind: Kind, event: str, *, at: datetime | None = None, **said: Any
    ) -> None:
        self.sent += 1
        body = json.dumps({"type": kind.name.lower(), "messageId": f"m{self.sent}", **said}).encode()
        fill(
            [
                message(
                    self.sent,
                    source_id=self.source,
                    identifiers=tuple(identifiers),
                    kind=kind,
                    event=event,
                    at=at or self.now,
                    received_at=self.now,
                    body=body,
                )
            ]
        )

    def work(self, *, at: datetime | None = None) -> None:
        """Everything that is due, as the worker does it, but for the lake."""
        from sadakat.events import api as events
        from sadakat.segments import api as segments

        at = at or self.now
        is_busy = True
        while is_busy:
            is_busy = bool(events.sequence(at=at).sequenced)
            is_busy |= sum(events.consume(name, at=at) for name in events.consumers()) > 0
            is_busy |= segments.evaluate_due(at=at)
            is_busy |= segments.fill(at=at)
        failed = [(row.consumer, row.reason) for row in events.failed_events()]
        assert not failed, failed

    def do(self, user: str, event: str, *, at: datetime | None = None, **properties: Any) -> None:
        """An event, and all that comes of it."""
        self.put(user, event, at=at, **properties)
        self.work()

    def segment(self, key: str, where: Mapping[str, Any] | None) -> None:
        """A segment, filled; without a rule a list."""
        from sadakat.segments import api as segments

        wanted = None if where is None else rule(where)
        segments.create_segment(name=key, key=key, where=wanted, actor=DENIZ, at=self.now)
        while segments.fill(at=self.now):
            pass

    def members(self, key: str) -> list[str]:
        """User ids of everybody in a segment."""
        from sadakat.segments import api as segments

        users = {id_: user for user, id_ in self.customers().items()}
        found = sorted(users[id_] for id_ in segments.member_ids(key))
        assert segments.segment_named(key).size == len(found)
        return found

    def customers(self) -> dict[str, int]:
        """User id → customer id; one of several user ids of a customer stands for him."""
        return dict(
            rows("""
            SELECT substr(key, 9), customer_id FROM customers_identifier JOIN customers_profile USING (profile_id)
            WHERE key LIKE 'user\\_id:%%' ORDER BY key DESC""")
        )

    def told(self) -> list[Told]:
        """Facts of segments in the log, in its order: event, segment, customer, reason, time."""
        return rows("""
            SELECT event, body -> 'properties' ->> 'segment', profile_id, body -> 'properties' ->> 'reason', at
            FROM events_log WHERE event LIKE 'Segment %%' ORDER BY position""")


@pytest.fixture
def shop(database: str, now: datetime) -> Shop:
    return Shop(now)
