"""A small shop with a known history, told at the doors; the pages' tests know every figure of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sadakat.commerce.testing import order_message
from sadakat.customers.testing import AYSE, BARIS, CAGLA, CAST, ISIL

NOW = datetime(2024, 11, 20, 9, 0, tzinfo=UTC)
PASSWORD = "on iki küçük serçe"
OTHERS = 51
"""Customers without orders, so that the list needs a second page."""
CUSTOMERS = len(CAST) + OTHERS + 2


def fill() -> None:
    """Team, sources and a year of events, all of it worked off."""
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind
    from sadakat.platform import audit, models, operations, worker

    for name, email, role in (
        ("Deniz Aydın", "deniz@modanord.example", "owner"),
        ("Elif Yıldız", "elif@modanord.example", "marketer"),
        ("Ada Kaya", "ada@modanord.example", "analyst"),
        ("Can Demir", "can@modanord.example", "support"),
    ):
        person = operations.create_user(email=email, name=name, role=role, actor=audit.CLI, at=NOW)
    operations.set_password(user_id=person.pk, password=PASSWORD, actor=audit.CLI, at=NOW)
    server, _key = events.create_source(name="Shop server", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)
    stores, _key = events.create_source(
        name="Stores", kind=SourceKind.IMPORT, actor=audit.CLI, at=NOW, namespace="stores"
    )
    refused = {"type": "track", "messageId": "nameless", "userId": "1002"}
    # Jobs keep house by the clock of the machine and would find what was rejected in that year long past its time.
    events.import_messages(source=server, raw_messages=[json.dumps(refused).encode()], at=datetime.now(UTC))
    for source, messages in ((server, _web()), (stores, _stores())):
        events.import_messages(source=source, raw_messages=[json.dumps(m).encode() for m in messages], at=NOW)
    worker.work_until_idle(at=NOW)
    # As in the demo, the figures are as of the day after the sample, whatever the clock of the machine says.
    models.Brand.objects.update(notes={"year_end": "2024-11-19"})


def _web() -> Iterator[dict[str, Any]]:
    start = datetime(2024, 1, 8, 9, 0, tzinfo=UTC)
    for number in range(12):
        yield {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"view-{number}",
            "anonymousId": ISIL.anonymous_id,
            "timestamp": (start + timedelta(minutes=number)).isoformat(),
            "properties": {"product_id": "linen-shirt", "name": "Linen shirt"},
        }
    # Ayşe is known twice, by her account and by her e-mail, until one event names both.
    yield {"type": "identify", "messageId": "ayse-1", "userId": AYSE.user_id, "timestamp": start.isoformat()}
    yield {
        "type": "identify",
        "messageId": "ayse-2",
        "anonymousId": "phone-ayse",
        "timestamp": start.isoformat(),
        "traits": {"email": AYSE.email},
    }
    for number, person in enumerate(CAST):
        yield person.identify(
            at=start + timedelta(hours=2), message_id=f"identify-{number}", birthday=f"199{number}-04-23"
        )
    yield from _orders()
    # Two accounts that name one phone: a limit keeps them apart.
    for number in (1, 2):
        yield {
            "type": "identify",
            "messageId": f"shared-{number}",
            "userId": f"shared-{number}",
            "timestamp": start.isoformat(),
            "traits": {"name": f"Ortak Telefon {number}", "phone": "+905321239999"},
        }
    for number in range(OTHERS):
        yield {
            "type": "identify",
            "messageId": f"other-{number}",
            "userId": f"other-{number}",
            "timestamp": (start + timedelta(hours=number)).isoformat(),
            "traits": {"firstName": "Müşteri", "lastName": f"No{number:02}", "city": "İzmir"},
        }


def _orders() -> Iterator[dict[str, Any]]:
    """Işıl orders monthly and stops; Ayşe is refunded, Barış cancels, Çağla pays in a currency without a rate."""

    def order(event: str, person: Any, order_id: str, month: int, **properties: Any) -> dict[str, Any]:
        at = datetime(2024, month, 10, 12, 30, tzinfo=UTC)
        return order_message(
            event, order_id=order_id, at=at, message_id=f"{event}-{order_id}", user_id=person.user_id, **properties
        )

    shirt = {"product_id": "linen-shirt", "name": "Linen shirt", "price": 250.25, "quantity": 2}
    for month in range(2, 8):
        yield order("Order Completed", ISIL, f"A-{month}", month, revenue=500.50, products=[shirt])
    yield order("Order Completed", AYSE, "B-1", 9, revenue=1200, coupon="BAHAR", products=[shirt])
    yield order("Order Completed", AYSE, "B-2", 10, revenue=800)
    yield order("Order Refunded", AYSE, "B-2", 10, total=300)
    yield order("Order Completed", BARIS, "C-1", 10, revenue=450)
    yield order("Order Cancelled", BARIS, "C-1", 10)
    yield order("Order Completed", CAGLA, "D-1", 10, revenue=20, currency="USD")


def _stores() -> Iterator[dict[str, Any]]:
    """One order at the till, by a card alone and under a number that the web shop uses too."""
    yield order_message(
        "Order Completed",
        order_id="B-1",
        at=datetime(2024, 8, 10, 12, 30, tzinfo=UTC),
        message_id="till-1",
        traits={"card": ISIL.card},
        revenue=99.90,
        channel="store",
        store_id="Kadıköy",
    )
