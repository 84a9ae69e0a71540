"""Reads products and categories, and keeps the category tree a tree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import msgspec

from sadakat.commerce.rules.reading import MAX_AMOUNT, MAX_ID_LENGTH, check_number, text_of
from sadakat.events.types import Event
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid

PRODUCT_UPDATED = "Product Updated"
CATEGORY_UPDATED = "Category Updated"


class _Product(msgspec.Struct):
    product_id: str | int | None = None
    name: str | None = None
    brand: str | None = None
    category_id: str | int | None = None
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None


class _Category(msgspec.Struct):
    category_id: str | int | None = None
    name: str | None = None
    parent_id: str | int | None = None


class _ProductMessage(msgspec.Struct):
    properties: _Product


class _CategoryMessage(msgspec.Struct):
    properties: _Category


_decode_product = msgspec.json.Decoder(_ProductMessage).decode
_decode_category = msgspec.json.Decoder(_CategoryMessage).decode


@dataclass(frozen=True, slots=True)
class ProductEvent:
    """What an event says of a product; it replaces all that was known before."""

    product_id: str
    name: str
    brand: str
    category_id: str
    """The id, else the category's name standing for it."""
    price: Decimal | None
    currency: str
    """Empty for the brand's."""
    position: int
    at: datetime
    local_date: date
    mid: str


@dataclass(frozen=True, slots=True)
class CategoryEvent:
    """What an event says of a category; it replaces all that was known before."""

    category_id: str
    name: str
    parent_id: str
    """Empty at the root."""
    position: int
    at: datetime
    mid: str


def read_product(event: Event) -> ProductEvent:
    """The product in a log row.

    Raises:
        Invalid: the message names field and value.
    """
    try:
        said = _decode_product(event.body).properties
    except msgspec.DecodeError as error:
        raise Invalid(f"{event.event} cannot be read: {error}") from None
    check_number(said.price, name="price", limit=MAX_AMOUNT)
    return ProductEvent(
        _id(said.product_id, name="product_id", event=event),
        said.name or "",
        said.brand or "",
        text_of(said.category_id) or text_of(said.category),
        said.price,
        "" if said.currency is None else money.currency_code(said.currency),
        event.position,
        event.at,
        event.local_date,
        event.mid,
    )


def read_category(event: Event) -> CategoryEvent:
    """The category in a log row.

    Raises:
        Invalid: the message names field and value.
    """
    try:
        said = _decode_category(event.body).properties
    except msgspec.DecodeError as error:
        raise Invalid(f"{event.event} cannot be read: {error}") from None
    category_id = _id(said.category_id, name="category_id", event=event)
    return CategoryEvent(
        category_id,
        said.name or category_id,
        text_of(said.parent_id),
        event.position,
        event.at,
        event.mid,
    )


def refuse_cycle(category_id: str, *, parent_id: str, parents: Mapping[str, str]) -> None:
    """Checks that a category does not become its own ancestor.

    `parents` maps each known category to its parent, without a cycle.

    >>> refuse_cycle("shoes", parent_id="boots", parents={"boots": "shoes"})
    Traceback (most recent call last):
    sadakat.kernel.errors.Invalid: category shoes cannot lie below boots: that closes shoes → boots → shoes

    Raises:
        Invalid: it would; the chain is named.
    """
    chain, above = [category_id], parent_id
    while above and above != category_id:
        chain.append(above)
        above = parents.get(above, "")
    if above:
        circle = " → ".join([*chain[:20], *(["…"] if len(chain) > 20 else []), category_id])
        raise Invalid(f"category {category_id} cannot lie below {parent_id}: that closes {circle}")


def _id(value: str | int | None, *, name: str, event: Event) -> str:
    text = text_of(value)
    if not 0 < len(text) <= MAX_ID_LENGTH:
        raise Invalid(f"{event.event} needs a {name} of 1 to {MAX_ID_LENGTH} characters, not {value!r:.40}")
    return text
