"""What crosses the door of `commerce`. Amounts are minor units of the brand's currency."""

import enum
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


class OrderStatus(enum.StrEnum):
    """Where an order stands after all its events."""

    COMPLETED = "completed"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


class EntryKind(enum.StrEnum):
    """What an event did to an order."""

    COMPLETED = "completed"
    UPDATED = "updated"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as all its events leave it."""

    namespace: str
    """Order ids are unique within it; the empty text unless a source says otherwise."""
    order_id: str
    """The shop's own number."""
    profile_id: int
    """Who ordered: the profile of the Order Completed that counts."""
    source_id: int
    at: datetime
    """When it was completed; UTC."""
    local_date: date
    """The day of `at` in the brand's time zone."""
    status: OrderStatus
    channel: str
    """`online`, `store`, `call_centre` or another text in lower case."""
    store_id: str
    """Empty when the shop did not say."""
    is_guest: bool
    """Ordered without an account."""
    coupon: str
    currency: str
    """As the shop sent it; the amounts are already in the brand's."""
    currency_rate: Decimal
    """Units of the brand's currency for one unit of `currency`, recorded when the order was first counted."""
    revenue_minor: int
    """Before refunds and cancellation, by the brand's revenue basis."""
    refunded_minor: int
    net_minor: int
    """What counts: revenue less refunds, 0 when cancelled."""
    goods_minor: int
    """Before refunds and cancellation, without tax and shipping; `revenue_minor` is one of these three."""
    taxed_minor: int
    """With tax."""
    total_minor: int
    """With tax and shipping."""
    line_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line of an order."""

    number: int
    """From 1, as the shop listed them."""
    product_id: str
    """Empty when the shop named no product."""
    name: str
    """As sent, else the catalogue's; may be empty."""
    category: tuple[str, ...]
    """Names from the root of the category tree; as sent where the catalogue has none; empty when unknown."""
    quantity: Decimal
    amount_minor: int
    """Of the whole line, before discounts that hold for the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchasedLine:
    """A line of a purchase: what of the order's revenue is its part, and what of that has gone back."""

    number: int
    """From 1, as the shop listed them."""
    product_id: str
    """Empty when the shop named no product."""
    brand: str
    """As sent, else the catalogue's; may be empty."""
    categories: tuple[str, ...]
    """Ids and names from the root of the category tree down; as sent where the catalogue has none."""
    paid_minor: int
    """Its part of the order's revenue, after discounts; the lines sum to it where they cost anything."""
    refunded_minor: int
    """Of `paid_minor`: by what refunds have named, else by what was left of each line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """An order as whoever rewards it asks for it."""

    order: Order
    nth: int
    """It is the customer's so-manieth order by time, of those that count; 1 for the first."""
    changed_at: datetime
    """When what was said of it latest took effect, such as a refund; never before the order."""
    lines: tuple[PurchasedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEntry:
    """What one event changed in the net revenue of its order."""

    number: int
    """From 1, by time."""
    kind: EntryKind
    at: datetime
    """The event's time, never before the order's."""
    local_date: date
    amount_minor: int
    """The change; the sum up to a moment is the net revenue as of then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDetail:
    """An order with everything known of it."""

    order: Order
    lines: tuple[OrderLine, ...]
    entries: tuple[OrderEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSpend:
    """What was spent in a calendar month of the brand's time zone, by the date of the order."""

    month: date
    """Its first day."""
    orders: int
    """Counted ones: net revenue above zero."""
    revenue_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueCounts:
    """How much of the catalogue is known."""

    products: int
    categories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyRate:
    """One unit of `currency` is `rate` units of the brand's currency from `from_date` on."""

    currency: str
    from_date: date
    rate: Decimal
