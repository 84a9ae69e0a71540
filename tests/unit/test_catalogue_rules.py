"""What events say of products and categories."""

from decimal import Decimal

import pytest

from sadakat.commerce.rules import catalogue
from sadakat.kernel.errors import Invalid
from tests.unit.test_order_rules import row


def test_a_product_and_a_category_are_read() -> None:
    product = catalogue.read_product(
        row("Product Updated", product_id=5, name="Gömlek", category="Giyim", price="19.90")
    )
    assert (product.product_id, product.name, product.category_id, product.price) == (
        "5",
        "Gömlek",
        "Giyim",
        Decimal("19.90"),
    )

    category = catalogue.read_category(row("Category Updated", category_id=12, parent_id=3))
    assert (category.category_id, category.name, category.parent_id) == ("12", "12", "3")

    with pytest.raises(Invalid, match="Product Updated needs a product_id"):
        catalogue.read_product(row("Product Updated", name="Gömlek"))
    with pytest.raises(Invalid, match="price must be a number from 0"):
        catalogue.read_product(row("Product Updated", product_id=5, price=-1))
    with pytest.raises(Invalid, match="Category Updated needs a category_id"):
        catalogue.read_category(row("Category Updated", name="Giyim"))


def test_a_category_cannot_be_its_own_ancestor() -> None:
    parents = {"b": "c", "c": ""}
    catalogue.refuse_cycle("a", parent_id="b", parents=parents)
    catalogue.refuse_cycle("a", parent_id="", parents=parents)

    with pytest.raises(Invalid, match="that closes a → a"):
        catalogue.refuse_cycle("a", parent_id="a", parents=parents)
    with pytest.raises(Invalid, match="that closes c → b → c"):
        catalogue.refuse_cycle("c", parent_id="b", parents=parents)
