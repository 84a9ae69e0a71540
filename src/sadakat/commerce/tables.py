"""Relations that commerce offers to analytics."""

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
        ORDER BY order_date, namespace, order_id, number
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
