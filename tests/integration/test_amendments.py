"""Events that consumers have set aside, mended by hand or by the mapping of their source."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from sadakat.commerce import api as commerce
from sadakat.commerce.testing import order_message
from sadakat.events import api as events
from sadakat.events.types import RetryReport, Source, SourceKind
from sadakat.kernel.errors import Invalid, NotFound, Refused
from sadakat.platform import audit
from sadakat.platform.models import AuditEntry

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
ELIF = audit.Actor("user:2", "Elif")


@pytest.fixture
def shop(database: str) -> Source:
    return events.create_source(name="shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)[0]


def order(number: int = 1, **properties: Any) -> dict[str, Any]:
    return order_message(
        "Order Completed", order_id=f"A-{number}", at=NOW, message_id=f"m{number}", user_id="42", **properties
    )


def send(source: Source, *messages: dict[str, Any]) -> None:
    events.import_messages(source=source, raw_messages=[json.dumps(m).encode() for m in messages], at=NOW)
    work()


def work() -> None:
    while events.sequence(at=NOW).sequenced or sum(events.consume(name, at=NOW) for name in events.consumers()):
        pass


def orders() -> dict[str, int]:
    return {found.order_id: found.net_minor for n in (1, 2, 3) for found in commerce.find_order(f"A-{n}")}


def amended() -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT position, actor FROM events_amendment ORDER BY position")
        return cursor.fetchall()


def test_an_event_is_mended_by_hand_and_counts(shop: Source) -> None:
    send(shop, order(1, revenue=10), order(2), order(3, revenue=30))
    [failed] = events.failed_events()
    assert (failed.consumer, failed.position) == ("commerce.orders", 2)
    [before] = events.read_positions([2])

    report = events.amend_failed(position=2, body=json.dumps(order(2, revenue="12.50")).encode(), actor=ELIF, at=LATER)

    assert report == RetryReport(solved=1, still_failing=0)
    assert orders() == {"A-1": 1000, "A-2": 1250, "A-3": 3000}
    assert amended() == [(2, "user:2")]
    [after] = events.read_positions([2])
    assert json.loads(after.body)["properties"]["revenue"] == "12.50"
    assert (after.at, after.mid, after.profile_id) == (before.at, before.mid, before.profile_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body -> 'properties' ? 'revenue' FROM events_log WHERE position = 2")
        assert cursor.fetchone() == (False,)
    assert [event.body for event in events.timeline(profile_ids=[after.profile_id]) if event.position == 2] == [
        after.body
    ]
    entry = AuditEntry.objects.get(action="events.event_amended")
    assert (entry.actor, entry.subject) == ("user:2", "event:2")


def test_a_mended_event_that_fails_again_can_be_mended_again(shop: Source) -> None:
    send(shop, order(1))
    for revenue, solved in ((-5, 0), ("5", 1)):
        body = json.dumps(order(1, revenue=revenue)).encode()
        assert events.amend_failed(position=1, body=body, actor=ELIF, at=LATER).solved == solved
    assert orders() == {"A-1": 500}


def test_another_event_is_no_amendment(shop: Source) -> None:
    send(shop, order(1), order(2, revenue=20))
    rows = AuditEntry.objects.count()
    refused = {
        b"{": "not JSON",
        json.dumps(order(1) | {"event": "Order Cancelled"}).encode(): "is the track call 'Order Completed'",
        json.dumps(order(1) | {"type": "identify"}).encode(): "is the track call 'Order Completed'",
        json.dumps(order(1) | {"userId": ""}).encode(): "an identifier that names somebody is needed",
    }
    for body, reason in refused.items():
        with pytest.raises((Invalid, Refused), match=reason):
            events.amend_failed(position=1, body=body, actor=ELIF, at=LATER)
    with pytest.raises(NotFound, match="no event is set aside at position 2"):
        events.amend_failed(position=2, body=json.dumps(order(2, revenue=1)).encode(), actor=ELIF, at=LATER)
    assert (amended(), AuditEntry.objects.count(), orders()) == ([], rows, {"A-2": 2000})


def test_trying_again_applies_the_mapping_that_the_source_has_now(shop: Source) -> None:
    send(shop, order(1, tutar="1.234,56"), order(2, tutar="on"))
    rule = {"event": "Order Completed", "from": "properties.tutar", "to": "properties.revenue", "as": "number"}
    events.change_source(source_id=shop.id, mapping=[rule], actor=ELIF, at=LATER)
    assert events.retry_failed(actor=ELIF, at=LATER) == RetryReport(solved=1, still_failing=1)
    assert orders() == {"A-1": 123456}
    assert amended() == [(1, "user:2"), (2, "user:2")]
    assert events.retry_failed(actor=ELIF, at=LATER) == RetryReport(solved=0, still_failing=1)
    assert AuditEntry.objects.filter(action="events.event_amended").count() == 2

    renames = [{"event": "Order Completed", "from": "event", "to": "name"}, {"from": "properties", "to": "event"}]
    events.change_source(source_id=shop.id, mapping=renames, actor=ELIF, at=LATER)
    assert events.retry_failed(actor=ELIF, at=LATER) == RetryReport(solved=0, still_failing=1)
    renames = [{"event": "Order Completed", "rename_to": "Order Paid"}]
    events.change_source(source_id=shop.id, mapping=renames, actor=ELIF, at=LATER)
    assert events.retry_failed(actor=ELIF, at=LATER) == RetryReport(solved=0, still_failing=1)
    assert len(amended()) == 2


def test_an_erased_body_is_not_brought_back(shop: Source) -> None:
    send(shop, order(1))
    body = json.dumps(order(1, revenue=5)).encode()
    events.amend_failed(position=1, body=body, actor=ELIF, at=LATER)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_log SET body = NULL WHERE position = 1")
    assert [event.body for event in events.read_positions([1])] == [b""]


def test_groups_and_counts(shop: Source) -> None:
    send(shop, order(1), order(2), order(3, revenue=1, currency="??"))
    groups = [(group.key, group.count, group.last_at) for group in events.failed_groups()]
    assert groups == [("commerce.orders", 2, NOW), ("commerce.orders", 1, NOW)]
    reason = events.failed_groups()[0].reason
    assert (events.failed_count(), events.failed_count(reason=reason), events.failed_count(consumer="x")) == (3, 2, 0)
    assert {event.position for event in events.failed_events(reason=reason)} == {1, 2}
    assert [event.position for event in events.failed_events(limit=1, offset=2)] == [1]
