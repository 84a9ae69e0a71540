"""Relations that figures are computed from, and that higher contexts may build on."""

from datetime import date

import ibis

from sadakat.commerce import tables as commerce
from sadakat.customers import tables as customers


def counted_orders(*, known_before: date) -> ibis.Table:
    """The orders that count, by what happened to them on local days before `known_before`.

    Grain: one order. Columns: namespace, order_id; customer_id after merging; order_at (instant) and order_date
    (local day) of completion; channel; is_guest; net_minor (revenue less refunds, above zero, in minor units of the
    brand's currency).

    A profile that the map does not hold yet is a customer of its own: leaving it out would lose its revenue.
    """
    entries = commerce.order_entries()
    mapped = customers.profile_map().select(mapped_id="profile_id", known_customer_id="customer_id")
    known = entries.filter(entries.local_date < known_before)
    completed = known.kind == "completed"
    orders = known.group_by("namespace", "order_id").aggregate(
        profile_id=known.profile_id.max(where=completed),
        order_at=known.order_at.max(where=completed),
        order_date=known.order_date.max(where=completed),
        channel=known.channel.max(where=completed),
        is_guest=known.is_guest.any(where=completed),
        net_minor=known.amount_minor.sum(),
    )
    orders = orders.filter(orders.order_date.notnull(), orders.net_minor > 0)
    joined = orders.left_join(mapped, orders.profile_id == mapped.mapped_id)
    return joined.select(
        "namespace",
        "order_id",
        "order_at",
        "order_date",
        "channel",
        "is_guest",
        "net_minor",
        customer_id=joined.known_customer_id.fill_null(joined.profile_id),
    )


def order_gaps(orders: ibis.Table) -> ibis.Table:
    """The times between consecutive orders of a customer, from `counted_orders`.

    Grain: one order that has one before it. Columns: customer_id; gap_microseconds.
    """
    previous = orders.order_at.lag().over(group_by=orders.customer_id, order_by=orders.order_at)
    paired = orders.select("customer_id", "order_at", previous_at=previous)
    paired = paired.filter(paired.previous_at.notnull())
    gap = paired.order_at.delta(paired.previous_at, unit="microsecond")
    return paired.select("customer_id", gap_microseconds=gap)
