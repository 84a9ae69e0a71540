"""Follows the catalogue: each product and category is what the latest event about it says."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from sadakat.commerce import models, tables
from sadakat.commerce.queries import current_basis
from sadakat.commerce.rules import catalogue
from sadakat.commerce.rules.catalogue import CategoryEvent, ProductEvent
from sadakat.commerce.rules.folding import Basis
from sadakat.events import api as events
from sadakat.events.types import Batch, Event, Kind, SetAside
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid

# The months of orders whose lines get another category, while no product is written yet.
_MOVED = """
    SELECT DISTINCT date_trunc('month', bought.local_date)::date
    FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::uuid[]) AS given (product_id, category_id, at, mid)
    LEFT JOIN commerce_product AS known USING (product_id)
    JOIN commerce_line AS line USING (product_id)
    JOIN commerce_order AS bought USING (namespace, order_id)
    WHERE given.category_id <> coalesce(known.category_id, '')
        AND (known.product_id IS NULL OR (known.at, known.mid) < (given.at, given.mid))
"""


class CatalogueConsumer:
    """Keeps products and the tree of categories."""

    name = "commerce.catalogue"
    kinds = frozenset({Kind.TRACK})
    names: frozenset[str] | None = frozenset({catalogue.PRODUCT_UPDATED, catalogue.CATEGORY_UPDATED})
    wants_body = True

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:
        """Takes what trusted sources say; whatever else says so stays on the time line."""
        sources = events.sources()
        trusted = [event for event in batch.events if sources[event.source_id].is_trusted]
        products = [event for event in trusted if event.event == catalogue.PRODUCT_UPDATED]
        categories = [event for event in trusted if event.event == catalogue.CATEGORY_UPDATED]
        if products:
            _store_products(products, set_aside=set_aside)
        if categories:
            _store_categories(categories, set_aside=set_aside)


def _store_products(log_rows: Iterable[Event], *, set_aside: SetAside) -> None:
    basis = current_basis()
    latest: dict[str, tuple[ProductEvent, int | None]] = {}
    for row in log_rows:
        try:
            said = catalogue.read_product(row)
            price_minor = _price(said, basis=basis)
        except Invalid as refusal:
            set_aside(position=row.position, reason=str(refusal))
            continue
        before = latest.get(said.product_id)
        if before is None or (before[0].at, before[0].mid) < (said.at, said.mid):
            latest[said.product_id] = said, price_minor
    rows = [
        (said.product_id, said.name, said.brand, said.category_id, price_minor, said.at, said.mid)
        for said, price_minor in latest.values()
    ]
    with connection.cursor() as cursor:
        given = [[row[place] for row in rows] for place in (0, 3, 5, 6)]
        cursor.execute(_MOVED, given)
        tables.mark_lines_changed([month for (month,) in cursor.fetchall()])
    _upsert(
        "commerce_product",
        {
            "product_id": "text",
            "name": "text",
            "brand": "text",
            "category_id": "text",
            "price_minor": "bigint",
            "at": "timestamptz",
            "mid": "uuid",
        },
        rows,
    )


def _price(said: ProductEvent, *, basis: Basis) -> int | None:
    if said.price is None:
        return None
    currency = said.currency or basis.currency
    price_minor = money.to_minor(said.price, currency=currency, name="price")
    return basis.converted(price_minor, currency=currency, day=said.local_date)[0]


def _store_categories(log_rows: Iterable[Event], *, set_aside: SetAside) -> None:
    said: list[CategoryEvent] = []
    for row in log_rows:
        try:
            said.append(catalogue.read_category(row))
        except Invalid as refusal:
            set_aside(position=row.position, reason=str(refusal))
    stored = list(models.Category.objects.values_list("category_id", "name", "parent_id", "at", "mid"))
    before = {category_id: (name, parent_id) for category_id, name, parent_id, _, _ in stored}
    parents = {category_id: parent_id for category_id, _, parent_id, _, _ in stored}
    known: dict[str, tuple[datetime, str]] = {category_id: (at, mid.hex) for category_id, _, _, at, mid in stored}
    kept: dict[str, CategoryEvent] = {}
    for event in sorted(said, key=lambda event: (event.at, event.mid)):
        if event.category_id in known and known[event.category_id] >= (event.at, event.mid):
            continue
        try:
            catalogue.refuse_cycle(event.category_id, parent_id=event.parent_id, parents=parents)
        except Invalid as refusal:
            set_aside(position=event.position, reason=str(refusal))
            continue
        parents[event.category_id] = event.parent_id
        kept[event.category_id] = event
    # Shops send their whole tree again every night.
    if any(before.get(event.category_id) != (event.name, event.parent_id) for event in kept.values()):
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT date_trunc('month', local_date)::date FROM commerce_order")
            tables.mark_lines_changed([month for (month,) in cursor.fetchall()])
    _upsert(
        "commerce_category",
        {"category_id": "text", "name": "text", "parent_id": "text", "at": "timestamptz", "mid": "uuid"},
        [(event.category_id, event.name, event.parent_id, event.at, event.mid) for event in kept.values()],
    )


def _upsert(table: str, columns: Mapping[str, str], rows: Collection[Sequence[Any]]) -> None:
    """Inserts rows, or replaces those that an earlier event has written; the first column is the key."""
    if not rows:
        return
    key, *others = columns
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} AS stored ({", ".join(columns)})
            SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in columns.values())})
            ON CONFLICT ({key}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in others)}
            WHERE (stored.at, stored.mid) < (excluded.at, excluded.mid)
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )
