"""A shop whose orders earn: what the tests of members and of earning share."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from sadakat.commerce.testing import order_message
from sadakat.events.types import Source, SourceKind
from sadakat.platform import audit
from sadakat.platform.audit import Actor
from tests.integration.pipeline import rows

DENIZ = Actor("user:1", "Deniz")
COMPLETED, UPDATED, REFUNDED, CANCELLED = "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"
PURCHASES = {"key": "purchases", "name": {"en": "Purchases"}, "event": "order", "points_per_unit": 1}


class Shop:
    """Messages through the whole pipeline, and the points that come of them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.start = now - timedelta(days=30)
        self.source = self.new_source("shop", kind=SourceKind.SERVER)

    def new_source(self, name: str, *, kind: SourceKind, **options: Any) -> Source:
        from sadakat.events import api as events

        return events.create_source(name=name, kind=kind, actor=audit.SYSTEM, at=self.now, **options)[0]

    def programme(self, *rules: Mapping[str, Any], day: int = -1000, **said: Any) -> None:
        """Applies a programme so many days after the start; without rules a point for each lira."""
        from sadakat.loyalty import api as loyalty

        document = {"is_enrolment_automatic": True, "rules": list(rules or [PURCHASES]), **said}
        loyalty.apply_programme(document, actor=DENIZ, at=self.start + timedelta(days=day))

    def order(
        self, event: str = COMPLETED, *, number: str = "1001", user: str | None = "ayse", day: float = 0, **said: Any
    ) -> dict[str, Any]:
        """An order event so many days after the start."""
        traits = said.pop("traits", None)
        content = json.dumps([event, number, user, day, said], sort_keys=True, default=str)
        return order_message(
            event,
            order_id=number,
            at=self.start + timedelta(days=day),
            message_id=content,
            user_id=user,
            traits=traits if user is None else None,
            **said,
        )

    def tracked(self, event: str, *, user: str = "ayse", day: float = 0, **properties: Any) -> dict[str, Any]:
        """Another event."""
        message = self.order(event, number="none", user=user, day=day, **properties)
        message["properties"].pop("order_id")
        return message

    def put(self, *messages: Mapping[str, Any], source: Source | None = None) -> None:
        """Into the inbox."""
        from sadakat.events import api as events

        raw = [json.dumps(message).encode() for message in messages]
        report = events.import_messages(source=source or self.source, raw_messages=raw, at=self.now)
        assert report.accepted == len(messages)

    def send(self, *messages: Mapping[str, Any], source: Source | None = None) -> None:
        """Into the log and through all consumers."""
        self.put(*messages, source=source)
        self.work()

    def work(self, *, limit: int | None = None) -> None:
        """Until nothing moves."""
        from sadakat.events import api as events

        for _ in range(1000):
            report = events.sequence(at=self.now)
            moved = [events.consume(name, at=self.now, limit=limit) for name in events.consumers()]
            if not report.sequenced and not any(moved):
                break
        else:
            pytest.fail("the pipeline does not come to rest")

    def member(self, ref: str = "user_id:ayse") -> Any:
        from sadakat.customers import api as customers
        from sadakat.loyalty import api as loyalty

        return loyalty.member_of(customers.find(ref), at=self.now)

    def points(self, ref: str = "user_id:ayse") -> tuple[int, int] | None:
        """Active and pending; None of who is no member."""
        member = self.member(ref)
        return member and (member.balance.active, member.balance.pending)

    def replay(self) -> None:
        """Has the loyalty consumer read the log again from its beginning."""
        from sadakat.events import models

        models.Cursor.objects.filter(consumer="loyalty.earning").delete()
        self.work()


def operations() -> Sequence[tuple[Any, ...]]:
    """What the ledger has done: key, kind, points and undone, in order."""
    return rows("SELECT key, kind, points, undone FROM loyalty_operation ORDER BY id")


def whole() -> None:
    """The ledger agrees with itself, and loyalty has set nothing aside."""
    from sadakat.events import api as events
    from sadakat.loyalty import api as loyalty

    assert loyalty.audit().problems == ()
    assert [row.reason for row in events.failed_events(consumer="loyalty.earning")] == []


@pytest.fixture
def shop(database: str, now: datetime) -> Shop:
    return Shop(now)
