"""Orders of a customer by REST."""

from typing import Any, Final

from sadakat.commerce import api as commerce
from sadakat.commerce.types import Order, OrderStatus
from sadakat.customers import api as customers
from sadakat.platform import brand, rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Money, Page

area = rest.Area("Customers", reads=Scope.CUSTOMERS_READ)

_ORDER: Final = {
    "order_id": "B-1",
    "namespace": "",
    "at": "2026-09-10T12:30:00Z",
    "status": "partly_refunded",
    "channel": "online",
    "store_id": "",
    "is_guest": False,
    "coupon": "BAHAR",
    "revenue": {"amount": 120_000, "currency": "TRY"},
    "refunded": {"amount": 30_000, "currency": "TRY"},
    "net": {"amount": 90_000, "currency": "TRY"},
    "currency": "TRY",
    "line_count": 1,
    "source_id": 3,
}


class OrderAnswer(rest.Answer):
    """An order as all its events leave it."""

    order_id: str
    """The shop's own number."""
    namespace: str
    """Order ids are unique within it."""
    at: rest.Instant
    status: OrderStatus
    channel: str
    store_id: str
    is_guest: bool
    coupon: str
    revenue: Money
    """Before refunds, in the brand's currency."""
    refunded: Money
    net: Money
    """What counts."""
    currency: str
    """In which the shop took it."""
    line_count: int
    source_id: int


@area.read("/customers/{path:ref}/orders", answer=Page[OrderAnswer], example={"items": [_ORDER], "next": None})
def list_customer_orders(
    request: rest.Request,  # noqa: ARG001 - as every view
    ref: rest.Ref,
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """The orders of a customer, latest first."""
    last = rest.read_cursor(before, shape=tuple[rest.Micros, rest.Text, rest.Text])
    customer_id = customers.find(ref)
    orders = commerce.orders_of(
        profile_ids=customers.profiles_of([customer_id]).get(customer_id, ()),
        before=last and (rest.instant(last[0]), last[1], last[2]),
        limit=limit + 1,
    )
    currency = brand.current().currency
    return rest.page_of(
        orders,
        limit=limit,
        show=lambda order: _answer(order, currency),
        mark=lambda order: (rest.micros(order.at), order.namespace, order.order_id),
    )


def _answer(order: Order, currency: str) -> dict[str, Any]:
    plain = set(OrderAnswer.model_fields) - {"revenue", "refunded", "net"}
    return {name: getattr(order, name) for name in plain} | {
        "revenue": rest.money(order.revenue_minor, currency),
        "refunded": rest.money(order.refunded_minor, currency),
        "net": rest.money(order.net_minor, currency),
    }
