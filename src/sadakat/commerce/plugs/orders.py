"""What a file of orders means: an `Order Completed` for the rows of each order, and what became of it later."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from sadakat.commerce.rules import cells, reading
from sadakat.commerce.types import OrderStatus
from sadakat.customers import api as customers
from sadakat.events.types import CellType, ImportField, Row, Warn
from sadakat.kernel import text as texts
from sadakat.kernel.errors import Invalid

_USER_ID, _EMAIL, _PHONE, _CARD, _NAME = customers.PERSON_FIELDS
ORDER_FIELDS: Final = (
    ImportField(
        name="order_id",
        label=_("Order number"),
        aliases=(
            "order no", "order number", "order", "receipt no", "receipt number", "transaction id", "sipariş no",
            "sipariş numarası", "sipariş kodu", "sipariş id", "sipariş", "fiş no", "fiş numarası", "belge no",
            "işlem no",
        ),
        is_required=True,
    ),
    ImportField(
        name="ordered_at",
        label=_("Time of the order"),
        type=CellType.INSTANT,
        aliases=(
            "order date", "order time", "ordered on", "date", "time", "created at", "purchase date", "purchased at",
            "transaction date", "sipariş tarihi", "sipariş zamanı", "tarih", "satış tarihi", "fiş tarihi",
            "işlem tarihi", "alışveriş tarihi",
        ),
        is_required=True,
    ),
    ImportField(
        name="status",
        label=_("Status"),
        aliases=("order status", "state", "financial status", "durum", "durumu", "sipariş durumu", "statü"),
    ),
    ImportField(
        name="channel",
        label=_("Channel"),
        aliases=("sales channel", "order channel", "order source", "kanal", "satış kanalı", "sipariş kanalı"),
    ),
    ImportField(
        name="store_id",
        label=_("Store"),
        aliases=(
            "store", "store no", "store code", "store name", "branch", "shop", "till", "till no", "terminal", "mağaza",
            "mağaza no", "mağaza kodu", "mağaza adı", "şube", "şube no", "şube kodu", "şube adı", "kasa", "kasa no",
        ),
    ),
    _USER_ID,
    _EMAIL,
    _PHONE,
    _CARD,
    _NAME,
    ImportField(
        name="guest",
        label=_("Guest sale"),
        type=CellType.FLAG,
        aliases=("is guest", "guest checkout", "guest order", "misafir", "misafir mi", "üyeliksiz", "misafir siparişi"),
    ),
    ImportField(
        name="total",
        label=_("Total paid"),
        type=CellType.NUMBER,
        aliases=(
            "order total", "grand total", "total amount", "total price", "amount", "amount paid", "toplam",
            "genel toplam", "toplam tutar", "sipariş toplamı", "sipariş tutarı", "fiş tutarı", "tutar", "ödenen tutar",
            "kdv dahil toplam", "kdv dahil tutar",
        ),
    ),
    ImportField(
        name="revenue",
        label=_("Net revenue"),
        type=CellType.NUMBER,
        aliases=(
            "net", "net total", "net amount", "net sales", "net tutar", "net satış", "net ciro", "ciro",
            "kdv hariç toplam", "kdv hariç tutar",
        ),
    ),
    ImportField(
        name="subtotal",
        label=_("Goods before discount"),
        type=CellType.NUMBER,
        aliases=("sub total", "goods total", "items total", "ara toplam", "ürün toplamı", "brüt tutar"),
    ),
    ImportField(
        name="tax",
        label=_("Tax"),
        type=CellType.NUMBER,
        aliases=("vat", "tax amount", "total tax", "kdv", "kdv tutarı", "vergi", "vergi tutarı"),
    ),
    ImportField(
        name="shipping",
        label=_("Shipping"),
        type=CellType.NUMBER,
        aliases=("shipping cost", "shipping fee", "delivery", "kargo", "kargo ücreti", "kargo bedeli", "kargo tutarı"),
    ),
    ImportField(
        name="discount",
        label=_("Discount"),
        type=CellType.NUMBER,
        aliases=("discount amount", "total discount", "indirim", "indirim tutarı", "iskonto", "iskonto tutarı"),
    ),
    ImportField(
        name="coupon",
        label=_("Coupon"),
        aliases=("coupon code", "promo code", "voucher", "kupon", "kupon kodu", "promosyon kodu", "indirim kodu"),
    ),
    ImportField(
        name="currency", label=_("Currency"), aliases=("currency code", "para birimi", "döviz", "döviz cinsi", "kur")
    ),
    ImportField(
        name="refunded_amount",
        label=_("Refunded amount"),
        type=CellType.NUMBER,
        aliases=("refund amount", "amount refunded", "refunded", "refund", "iade tutarı", "iade edilen tutar"),
    ),
    ImportField(
        name="refunded_at",
        label=_("Time of the refund"),
        type=CellType.INSTANT,
        aliases=("refund date", "refunded on", "return date", "iade tarihi", "iade zamanı"),
    ),
    ImportField(
        name="cancelled_at",
        label=_("Time of the cancellation"),
        type=CellType.INSTANT,
        aliases=("cancelled on", "canceled at", "cancellation date", "cancel date", "iptal tarihi", "iptal zamanı"),
    ),
)  # fmt: skip
LINE_FIELDS: Final = (
    ImportField(
        name="product_id",
        label=_("Product number"),
        aliases=(
            "product no", "product code", "item id", "item no", "ürün no", "ürün numarası", "ürün kodu", "ürün id",
        ),
    ),
    ImportField(
        name="sku",
        label=_("Stock code (SKU)"),
        aliases=("stock code", "barcode", "ean", "gtin", "stok kodu", "stok no", "barkod"),
    ),
    ImportField(
        name="product_name",
        label=_("Product name"),
        aliases=("product", "item", "item name", "line item", "ürün", "ürün adı", "ürün ismi", "stok adı"),
    ),
    ImportField(
        name="category",
        label=_("Category"),
        aliases=("category name", "product category", "kategori", "kategori adı", "ürün kategorisi", "ürün grubu"),
    ),
    ImportField(name="brand", label=_("Brand"), aliases=("brand name", "marka", "markası")),
    ImportField(
        name="quantity",
        label=_("Quantity"),
        type=CellType.NUMBER,
        aliases=("qty", "pieces", "units", "adet", "miktar", "adedi", "ürün adedi"),
    ),
    ImportField(
        name="price",
        label=_("Price of one"),
        type=CellType.NUMBER,
        aliases=("unit price", "item price", "birim fiyat", "birim fiyatı", "fiyat", "fiyatı", "ürün fiyatı"),
    ),
    ImportField(
        name="line_total",
        label=_("Total of the line"),
        type=CellType.NUMBER,
        aliases=("line amount", "line price", "item total", "satır tutarı", "satır toplamı", "kalem tutarı"),
    ),
)  # fmt: skip
_LINE_NAMES: Final = {field.name: field.name for field in LINE_FIELDS} | {
    "product_name": "name",
    "line_total": "total",
}
_AMOUNTS: Final = ("revenue", "total", "subtotal", "tax", "shipping", "discount")
_REFUND_DIGITS: Final = 4  # more than any currency has, so that rounding is left to the order


class OrdersTarget:
    """Rows that each tell of one order, or of one line of it."""

    name = "orders"
    label: object = _("Orders")
    fields: Sequence[ImportField] = (*ORDER_FIELDS, *LINE_FIELDS)
    other_prefix = "property"
    group_by = "order_id"

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> Sequence[Mapping[str, Any]]:
        """The order, its refund or cancellation, and the name of a customer who can be identified.

        Raises:
            Invalid: the rows contradict one another, or what they say is no order; the text names rows and values.
        """
        said = _agreed(rows)
        for name in ("order_id", "ordered_at"):
            if name not in said:
                raise Invalid(f"{name} is empty")
        status = _status(said)
        properties = _properties(said, rows=rows)
        person = customers.read_person(said)
        who: dict[str, Any] = {**person.ids, "context": {"traits": person.traits}}
        properties["guest"] = said.get("guest", not ("userId" in who or "card" in person.traits))
        is_anybody = bool(person.ids or person.traits)
        if not is_anybody:
            # Each such sale stands for somebody of its own; one profile for all would be the best customer there is.
            who["anonymousId"], properties["guest"] = f"order:{said['order_id']}", True
        reading.check_properties(properties, event="Order Completed")
        told = [("Order Completed", said["ordered_at"], properties)]
        order = {"order_id": said["order_id"]}
        if status is OrderStatus.CANCELLED:
            told.append(("Order Cancelled", said.get("cancelled_at", said["ordered_at"]), order))
        elif status is not OrderStatus.COMPLETED:
            refund = order | _refund(said, properties=properties)
            told.append(("Order Refunded", said.get("refunded_at", said["ordered_at"]), refund))
        for name, reason in person.faults.items():
            warn(next(row for row in rows if name in row.values), name, reason)
        messages: list[dict[str, Any]] = [
            {"type": "track", "event": event, "timestamp": at.isoformat(), **who, "properties": properties}
            for event, at, properties in told
        ]
        if is_anybody and "name" in said:
            messages.append(
                {
                    "type": "identify",
                    "timestamp": said["ordered_at"].isoformat(),
                    **who,
                    "traits": {"name": said["name"]},
                }
            )
        return messages


def _agreed(rows: Sequence[Row]) -> dict[str, Any]:
    """What the rows of an order say of it as a whole: each thing once, on any of its rows or on all."""
    agreed: dict[str, Any] = {}
    for field in ORDER_FIELDS:
        said = [(row, row.values[field.name]) for row in rows if field.name in row.values]
        for row, value in said[1:]:
            if value != said[0][1] and _comparable(field.name, value) != _comparable(field.name, said[0][1]):
                raise Invalid(
                    # In quotation marks, so that a report can leave out what is each order's own.
                    f"rows of one order differ in {field.name}: "
                    f'"row {said[0][0].number} says {said[0][1]!s:.40}", "row {row.number} says {value!s:.40}"'
                )
        if said:
            agreed[field.name] = said[0][1]
    return agreed


def _comparable(name: str, value: Any) -> Any:
    """The value without the freedom that its spelling has."""
    if not isinstance(value, str):
        return value
    person = customers.read_person({name: value})
    return next(iter([*person.ids.values(), *person.traits.values()]), texts.fold(value))


def _status(said: Mapping[str, Any]) -> OrderStatus:
    """What has become of the order: as its status says; a time or an amount of a refund or a cancellation says more."""
    status = cells.read_status(said["status"]) if "status" in said else OrderStatus.COMPLETED
    if status is OrderStatus.PARTLY_REFUNDED and not said.get("refunded_amount"):
        raise Invalid("the order is partly refunded and refunded_amount does not say how much of it")
    if "cancelled_at" in said:
        return OrderStatus.CANCELLED
    if status is OrderStatus.COMPLETED and ("refunded_at" in said or said.get("refunded_amount")):
        return OrderStatus.REFUNDED
    return status


def _properties(said: Mapping[str, Any], *, rows: Sequence[Row]) -> dict[str, Any]:
    """The properties of the `Order Completed`, but for `guest`."""
    properties: dict[str, Any] = {}
    for row in reversed(rows):
        properties |= row.other
    properties["order_id"] = said["order_id"]
    channel = cells.read_channel(said["channel"]) if "channel" in said else ""
    properties["channel"] = channel or ("store" if "store_id" in said else reading.DEFAULT_CHANNEL)
    properties |= {name: said[name] for name in ("store_id", "coupon", *_AMOUNTS) if name in said}
    if "discount" in said:
        properties["discount"] = abs(said["discount"])  # many systems write it as what it does to the total
    if "currency" in said:
        properties["currency"] = cells.read_currency(said["currency"])
    lines = [line for row in rows if (line := _line(row))]
    if lines:
        properties["products"] = lines
    if "total" not in said and "revenue" not in said:
        if "subtotal" in said:
            properties["revenue"] = max(said["subtotal"] - properties.get("discount", 0), Decimal(0))
        elif not any("price" in line or "total" in line for line in lines):
            raise Invalid("the order says by none of total, revenue, subtotal, price and line_total what was paid")
    return properties


def _line(row: Row) -> dict[str, Any]:
    """The product of a row; empty where it has none."""
    return {name: row.values[field] for field, name in _LINE_NAMES.items() if field in row.values}


def _refund(said: Mapping[str, Any], *, properties: Mapping[str, Any]) -> dict[str, Any]:
    """What is given back; nothing stands for all that is left.

    A refund is a part of all that was paid, so that tax and shipping go back in the same part.
    """
    amount = abs(said.get("refunded_amount", Decimal(0)))
    whole = properties.get("total") or properties.get("revenue")
    if not amount or not whole:
        return {"revenue": amount} if amount else {}
    return {
        name: round(properties[name] * amount / whole, _REFUND_DIGITS)
        for name in ("total", "revenue", "tax", "shipping")
        if name in properties
    }
