"""Products and categories as their events leave them."""

from datetime import date

from django.db import connection

from sadakat.commerce import api as commerce
from sadakat.events import api as events
from sadakat.events.types import Source
from sadakat.platform import audit
from tests.integration import test_orders as orders
from tests.integration.test_orders import COMPLETED, NOW, SHIRT, detail, failed, message, rate, send, tracked

shop = orders.shop


def test_the_latest_event_says_what_a_product_is(shop: Source) -> None:
    send(shop, tracked("Product Updated", minute=5, product_id="shirt", name="new", category="Giyim"))
    send(
        shop,
        tracked("Product Updated", minute=1, product_id="shirt", name="old"),
        tracked("Product Updated", minute=2, product_id="hat", price=5, currency="EUR"),
        tracked("Product Updated", minute=2, product_id=8, price="abc"),
        message(COMPLETED, products=[SHIRT]),
    )

    line = detail().lines[0]
    assert (line.name, line.category) == ("new", ("Giyim",))
    assert commerce.catalogue_counts().products == 1
    reasons = [reason for _, reason in failed()]
    assert len(reasons) == 2
    assert any("there is no rate for EUR on 2026-11-10" in reason for reason in reasons)
    assert any("Invalid decimal string - at `$.properties.price`" in reason for reason in reasons)

    rate("48.25", date(2026, 1, 1))
    assert events.retry_failed(actor=audit.CLI, at=NOW).solved == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT price_minor FROM commerce_product WHERE product_id = 'hat'")
        assert cursor.fetchone() == (24125,)


def test_a_category_that_closes_a_circle_is_set_aside_with_the_chain(shop: Source) -> None:
    send(
        shop,
        tracked("Category Updated", minute=1, category_id="a", name="A", parent_id="b"),
        tracked("Category Updated", minute=2, category_id="b", name="B", parent_id="c"),
    )
    send(shop, tracked("Category Updated", minute=3, category_id="c", name="C", parent_id="a"))
    [(_, reason)] = failed()
    assert reason == "category c cannot lie below a: that closes c → a → b → c"

    send(shop, tracked("Category Updated", minute=4, category_id="b", name="B"))
    assert events.retry_failed(actor=audit.CLI, at=NOW).solved == 1
    assert commerce.catalogue_counts().categories == 3
