"""What a file of products means: one `Product Updated` for each row, and the tree of categories that it names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from sadakat.commerce.rules import cells
from sadakat.commerce.rules.catalogue import CATEGORY_UPDATED, PRODUCT_UPDATED
from sadakat.commerce.rules.reading import MAX_AMOUNT, MAX_ID_LENGTH, check_number
from sadakat.events.types import CellType, ImportField, Row, Warn
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid

FIELDS: Final = (
    ImportField(
        name="product_id",
        label=_("Product number"),
        aliases=(
            "product no", "product number", "product code", "item id", "item no", "item number", "ürün no",
            "ürün numarası", "ürün kodu", "ürün id", "malzeme kodu",
        ),
    ),
    ImportField(
        name="sku",
        label=_("Stock code (SKU)"),
        aliases=("stock code", "stock keeping unit", "barcode", "ean", "gtin", "stok kodu", "stok no", "barkod"),
    ),
    ImportField(
        name="name",
        label=_("Product name"),
        aliases=("product", "title", "item name", "ürün", "ürün adı", "ürün ismi", "ad", "adı", "başlık", "stok adı"),
    ),
    ImportField(name="brand", label=_("Brand"), aliases=("brand name", "manufacturer", "marka", "markası", "üretici")),
    ImportField(
        name="category_id",
        label=_("Category number"),
        aliases=("category no", "category code", "kategori no", "kategori kodu", "kategori id"),
    ),
    ImportField(
        name="category",
        label=_("Category"),
        aliases=(
            "category name", "category path", "product category", "product type", "kategori", "kategorisi",
            "kategori adı", "kategori yolu", "ürün kategorisi", "ürün grubu",
        ),
    ),
    ImportField(
        name="price",
        label=_("Price"),
        type=CellType.NUMBER,
        aliases=(
            "unit price", "list price", "sale price", "fiyat", "fiyatı", "birim fiyat", "satış fiyatı", "liste fiyatı",
        ),
    ),
    ImportField(
        name="currency", label=_("Currency"), aliases=("currency code", "para birimi", "döviz", "döviz cinsi", "kur")
    ),
    ImportField(
        name="image_url",
        label=_("Picture"),
        aliases=("image", "image link", "picture", "photo", "resim", "resim url", "görsel", "görsel url", "fotoğraf"),
    ),
    ImportField(
        name="url",
        label=_("Page"),
        aliases=("link", "product url", "product page", "ürün linki", "ürün url", "bağlantı"),
    ),
    ImportField(
        name="updated_at",
        label=_("Last changed"),
        type=CellType.INSTANT,
        aliases=(
            "updated", "last update", "last updated", "modified", "modified at", "last modified", "güncelleme",
            "güncelleme tarihi", "güncellenme tarihi", "son güncelleme", "değişiklik tarihi",
        ),
    ),
)  # fmt: skip


class ProductsTarget:
    """Rows that each tell of one product."""

    name = "products"
    label: object = _("Products")
    fields: Sequence[ImportField] = FIELDS
    other_prefix = "property"
    group_by = ""

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - the socket's form
        """The product, and before it the categories of a path such as `Clothing > Shirts`.

        Raises:
            Invalid: the row names no product, or the price is none.
        """
        (row,) = rows
        said = dict(row.values)
        # A shop that has one number only calls it as it likes; lines of orders are found by either.
        product_id = said.get("product_id") or said.get("sku", "")
        if not 0 < len(product_id) <= MAX_ID_LENGTH:
            raise Invalid(f"product_id or sku must have 1 to {MAX_ID_LENGTH} characters, not {product_id!r:.40}")
        check_number(said.get("price"), name="price", limit=MAX_AMOUNT)
        if "currency" in said:
            said["currency"] = money.currency_code(cells.read_currency(said["currency"]))
        when = {"timestamp": said.pop("updated_at").isoformat()} if "updated_at" in said else {}
        categories = [*_categories(said)]
        if categories:
            said["category_id"] = categories[-1]["category_id"]
        told = [*((CATEGORY_UPDATED, category) for category in categories)]
        told.append((PRODUCT_UPDATED, {**row.other, **said, "product_id": product_id}))
        return [{"type": "track", "event": event, **when, "properties": properties} for event, properties in told]


def _categories(said: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The categories of a path from the root down; a name alone stands for itself, as it does in lines of orders."""
    path = cells.read_path(said.get("category", ""))
    if len(path) < 2 and "category_id" not in said:
        return
    parent_id = ""
    for depth, name in enumerate(path, start=1):
        category_id = " > ".join(path[:depth])
        if depth == len(path):
            category_id = said.get("category_id", category_id)
        yield {"category_id": category_id, "name": name, "parent_id": parent_id}
        parent_id = category_id
