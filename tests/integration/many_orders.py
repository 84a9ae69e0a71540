"""A shop of 120 customers whose habits are known by their number, for the tests of groups and of their pages."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sadakat.commerce.testing import order_message

CUSTOMERS = 120


def orders(now: datetime) -> Iterator[Mapping[str, Any]]:
    """Customer n of 120 orders n % 6 + 1 times, the last time n days ago, for 100 + n lira, on three sorts of days."""
    for number in range(CUSTOMERS):
        for order in range(number % 6 + 1):
            properties: dict[str, Any] = {
                "revenue": 100 + number,
                "channel": "online" if number % 2 else "store",
                "store_id": f"s{number % 5}",
                "products": [{"product_id": f"p{(number + order) % 9}", "quantity": 1, "total": 50}],
            }
            if number % 3 == 0:
                properties["coupon"] = "BAHAR"
            yield order_message(
                "Order Completed",
                order_id=f"{number}-{order}",
                at=now - timedelta(days=number + 7 * order + 1, hours=6 * (number % 3)),
                message_id=f"order-{number}-{order}",
                user_id=f"u{number}",
                **properties,
            )


def catalogue(now: datetime) -> Iterator[Mapping[str, Any]]:
    """Three departments of three products each."""
    for number in range(3):
        yield {
            "type": "track",
            "event": "Category Updated",
            "messageId": f"c{number}",
            "userId": "u0",
            "timestamp": (now - timedelta(days=300)).isoformat(),
            "properties": {"category_id": f"c{number}", "name": f"Department {number}"},
        }
    for number in range(9):
        yield {
            "type": "track",
            "event": "Product Updated",
            "messageId": f"p{number}",
            "userId": "u0",
            "timestamp": (now - timedelta(days=300)).isoformat(),
            "properties": {"product_id": f"p{number}", "category_id": f"c{number % 3}"},
        }
