"""Relations that commerce offers to analytics."""

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING, Final

from sadakat.platform import lake

if TYPE_CHECKING:
    import ibis

ORDER_ENTRIES: Final = lake.Dataset(
    name="order_entries",
    sql="""
        SELECT namespace, order_id, number, kind, profile_id, at, local_date, order_at, order_date, channel,
               is_guest, amount_minor
        FROM commerce_orderentry
        WHERE order_date >= ({partition} || '-01')::date
          AND order_date < ({partition} || '-01')::date + interval '1 month'
        ORDER BY order_date
        """,
    schema={
        "namespace": "string",
        "order_id": "string",
        "number": "int32",
        "kind": "string",
        "profile_id": "int64",
        "at": "timestamp('UTC')",
        "local_date": "date",
        "order_at": "timestamp('UTC')",
        "order_date": "date",
        "channel": "string",
        "is_guest": "boolean",
        "amount_minor": "int64",
    },
)
lake.register(ORDER_ENTRIES)

ORDER_LINES: Final = lake.Dataset(
    name="order_lines",
    # Depth needs no bound: what would close a circle of categories has been set aside.
    sql="""
        WITH RECURSIVE trees AS (
            SELECT category_id, name FROM commerce_category AS root
            WHERE NOT EXISTS (SELECT FROM commerce_category AS parent WHERE parent.category_id = root.parent_id)
            UNION ALL
            SELECT child.category_id, trees.name
            FROM trees JOIN commerce_category AS child ON child.parent_id = trees.category_id
        )
        SELECT namespace, order_id, line.number, product_id,
            coalesce(trees.name, nullif(product.category_id, ''), nullif(line.category, '')) AS category,
            line.quantity::double precision AS quantity, line.amount_minor
        FROM commerce_order AS bought
        JOIN commerce_line AS line USING (namespace, order_id)
        LEFT JOIN commerce_product AS product USING (product_id)
        LEFT JOIN trees ON trees.category_id = product.category_id
        WHERE bought.local_date >= ({partition} || '-01')::date
          AND bought.local_date < ({partition} || '-01')::date + interval '1 month'
        ORDER BY bought.local_date
        """,
    schema={
        "namespace": "string",
        "order_id": "string",
        "number": "int32",
        "product_id": "string",
        "category": "string",
        "quantity": "float64",
        "amount_minor": "int64",
    },
)
lake.register(ORDER_LINES)


def mark_orders_changed(days: Collection[date]) -> None:
    """Tells the lake that orders of these days change in the caller's transaction."""
    mark_lines_changed(days)
    lake.mark_changed(dataset=ORDER_ENTRIES.name, partitions={_month(day) for day in days})


def mark_lines_changed(days: Collection[date]) -> None:
    """Tells the lake that categories of lines of orders of these days change in the caller's transaction."""
    lake.mark_changed(dataset=ORDER_LINES.name, partitions={_month(day) for day in days})


def _month(day: date) -> str:
    """The lake's partition.

    >>> _month(date(2026, 3, 9))
    '2026-03'
    """
    return f"{day:%Y-%m}"


def order_entries() -> "ibis.Table":
    """What each event of an order changed in its net revenue. Grain: one event of one order.

    `namespace` and `order_id` name the order, `number` the event within it; `kind` is completed, updated,
    refunded or cancelled. `at` and `local_date` are the event's, `order_at` and `order_date` the order's; a
    local date is the day in the brand's time zone. `amount_minor` is in minor units of the brand's currency,
    and its sum over the entries before a moment is the order's net revenue as of then: the order counts where
    it is above zero. `profile_id` is who ordered; partitions are the months of `order_date`.
    """
    from sadakat.platform import engine  # brings Ibis and DuckDB, which a process that only collects never needs

    return engine.read(ORDER_ENTRIES.name)


def order_lines() -> "ibis.Table":
    """What orders are made of. Grain: a line of an order that exists, as its latest content has it.

    `namespace` and `order_id` are those of `order_entries`, `number` is the line's own. `category` is the name of the
    top of the tree that the product is in, else the category that the product or the line itself names; null where
    none does. `amount_minor` is of the whole line, in minor units of the brand's currency, before refunds; partitions
    are the months of the orders' days.
    """
    from sadakat.platform import engine  # as above

    return engine.read(ORDER_LINES.name)
