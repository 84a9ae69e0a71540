"""Builders for tests of other contexts: messages as shops send them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def order_message(
    event: str,
    *,
    order_id: str | int,
    at: datetime,
    message_id: str,
    user_id: str | None = None,
    anonymous_id: str | None = None,
    traits: Mapping[str, Any] | None = None,
    **properties: Any,
) -> dict[str, Any]:
    """A tracked e-commerce event such as `Order Completed`, in the Segment form.

    `properties` are the event's own: `revenue`, `total`, `products`, `channel`, ...; `traits` name a customer
    without an account, as a card or an e-mail address does.
    """
    message: dict[str, Any] = {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "timestamp": at.isoformat(),
        "properties": {"order_id": order_id, **properties},
    }
    if user_id is not None:
        message["userId"] = user_id
    if anonymous_id is not None:
        message["anonymousId"] = anonymous_id
    if traits:
        message["context"] = {"traits": dict(traits)}
    return message
