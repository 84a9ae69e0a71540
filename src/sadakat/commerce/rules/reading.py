"""Reads the properties of order events: what each field means and what is refused."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec

from sadakat.commerce.types import EntryKind
from sadakat.events.types import Event
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid

KINDS = {
    "Order Completed": EntryKind.COMPLETED,
    "Order Updated": EntryKind.UPDATED,
    "Order Refunded": EntryKind.REFUNDED,
    "Order Cancelled": EntryKind.CANCELLED,
}
MAX_ID_LENGTH = 200
MAX_CHANNEL_LENGTH = 40
MAX_LINES = 10_000
MAX_QUANTITY = 1_000_000
MIN_QUANTITY = Decimal("0.0001")
MAX_AMOUNT = 10**10  # of major units; at any rate of exchange it then fits a bigint of minor units
DEFAULT_CHANNEL = "online"

# Decimal keeps 12.10 as it was written; a binary float would not.
_Text = str | int | None
_Number = Decimal | None


class Product(msgspec.Struct, frozen=True, gc=False):
    """One of the `products` of an event."""

    product_id: _Text = None
    sku: _Text = None
    name: str | None = None
    category: str | None = None
    brand: str | None = None
    price: _Number = None
    quantity: _Number = None
    total: _Number = None

    @property
    def key(self) -> str:
        """The product id, else the SKU, else the empty text."""
        return text_of(self.product_id) or text_of(self.sku)

    @property
    def amount(self) -> Decimal | None:
        """Of the whole line: its total, else price × quantity (1 when missing); None when not said."""
        if self.total is not None:
            return self.total
        if self.price is None:
            return None
        return self.price if self.quantity is None else self.price * self.quantity


class Content(msgspec.Struct, frozen=True, gc=False):
    """What an event says of its order; None is "not said"."""

    order_id: _Text = None
    revenue: _Number = None
    total: _Number = None
    tax: _Number = None
    shipping: _Number = None
    discount: _Number = None
    currency: str | None = None
    channel: str | None = None
    store_id: _Text = None
    coupon: _Text = None
    guest: bool | None = None
    products: Annotated[tuple[Product, ...], msgspec.Meta(max_length=MAX_LINES)] | None = None


class _Message(msgspec.Struct):
    properties: Content
    userId: Any = None  # noqa: N815 - the format's own name


class OrderEvent(msgspec.Struct, frozen=True, gc=False):
    """A log row that speaks of an order, read and checked."""

    kind: EntryKind
    order_id: str
    position: int
    profile_id: int
    source_id: int
    at: datetime
    local_date: date
    mid: str
    has_account: bool
    """Whether the message carries a user id."""
    content: Content


_decode = msgspec.json.Decoder(_Message).decode


def read(event: Event) -> OrderEvent:
    """The order event in a log row.

    Raises:
        Invalid: a field has not the form that its meaning asks for; the message names field and value.
    """
    if not event.body:
        raise Invalid("the event has been erased and cannot be read any more")
    try:
        message = _decode(event.body)
    except msgspec.DecodeError as error:
        raise Invalid(f"{event.event} cannot be read: {error}") from None
    content = message.properties
    _check(content, event=event.event)
    return OrderEvent(
        KINDS[event.event],
        text_of(content.order_id),
        event.position,
        event.profile_id,
        event.source_id,
        event.at,
        event.local_date,
        event.mid,
        message.userId not in (None, ""),
        content,
    )


def text_of(value: _Text) -> str:
    """The text of an id that shops send as text or as integer.

    >>> text_of(42), text_of(" A-7 "), text_of(None)
    ('42', 'A-7', '')
    """
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else str(value)


def channel_of(content: Content) -> str:
    """The channel in lower case."""
    return (content.channel or "").strip().lower() or DEFAULT_CHANNEL


def check_number(value: _Number, *, name: str, limit: int) -> None:
    """Checks a number that may be missing.

    Raises:
        Invalid: below 0, above `limit`, or not a number.
    """
    try:
        is_within = value is None or 0 <= value <= limit
    except InvalidOperation:  # NaN cannot be compared
        is_within = False
    if not is_within:
        raise Invalid(f"{name} must be a number from 0 to {limit}, not {value!s:.40}")


def check_properties(properties: Mapping[str, Any], *, event: str) -> None:
    """Checks what an order event of that name is about to say, as `read` will.

    Raises:
        Invalid: as there.
    """
    try:
        content = msgspec.convert(properties, Content)
    except msgspec.ValidationError as error:
        raise Invalid(f"{event} cannot be read: {error}") from None
    _check(content, event=event)


def _check(content: Content, *, event: str) -> None:
    if not 0 < len(text_of(content.order_id)) <= MAX_ID_LENGTH:
        raise Invalid(f"{event} needs an order_id of 1 to {MAX_ID_LENGTH} characters, not {content.order_id!r:.40}")
    for name in ("revenue", "total", "tax", "shipping", "discount"):
        check_number(getattr(content, name), name=name, limit=MAX_AMOUNT)
    if content.currency is not None:
        money.currency_code(content.currency)
    if content.channel is not None and len(content.channel) > MAX_CHANNEL_LENGTH:
        raise Invalid(f"channel may have {MAX_CHANNEL_LENGTH} characters, not {len(content.channel)}")
    if content.products:
        _check_products(content.products)
    is_priced = content.revenue is not None or content.total is not None or content.products is not None
    if KINDS[event] is EntryKind.COMPLETED and not is_priced:
        raise Invalid("Order Completed says what was paid by none of revenue, total and products")


def _check_products(products: tuple[Product, ...]) -> None:
    sum_of_lines = Decimal(0)
    for number, product in enumerate(products):
        if not _is_sound(product):
            raise Invalid(
                f"products[{number}] must have a product_id of at most {MAX_ID_LENGTH} characters, price and total "
                f"from 0 to {MAX_AMOUNT} and a quantity of 0 or from {MIN_QUANTITY} to {MAX_QUANTITY}, not "
                f"{product.key!r:.40}, {product.price!s:.40}, {product.total!s:.40} and {product.quantity!s:.40}"
            )
        sum_of_lines += product.amount or 0
    check_number(sum_of_lines, name="the sum of the products", limit=MAX_AMOUNT)


def _is_sound(product: Product) -> bool:
    # One call for all numbers of a line: orders have many lines.
    price, total, quantity = product.price, product.total, product.quantity
    try:
        return (
            (price is None or 0 <= price <= MAX_AMOUNT)
            and (total is None or 0 <= total <= MAX_AMOUNT)
            # Zero pieces are real: tills list a coupon or a deposit that way.
            and (not quantity or MIN_QUANTITY <= quantity <= MAX_QUANTITY)
            and len(product.key) <= MAX_ID_LENGTH
        )
    except InvalidOperation:  # NaN cannot be compared
        return False
