"""Relations that figures are computed from, and that higher contexts may build on."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from sadakat.analytics.types import Dimension
from sadakat.commerce import tables as commerce
from sadakat.customers import tables as customers
from sadakat.platform import lake
from sadakat.segments import tables as segments

if TYPE_CHECKING:
    import ibis

# The first k days of a span of n have cost the whole part of amount × k ÷ n: so every period gets whole minor units,
# and however a span is cut into periods they sum to its amount.
MARKETING_SPEND: Final = lake.Dataset(
    name="marketing_spend",
    sql="""
        SELECT channel, campaign, day::date AS day,
               amount_minor * passed / days - amount_minor * (passed - 1) / days AS amount_minor
        FROM analytics_spend
        CROSS JOIN LATERAL (SELECT to_date - from_date + 1 AS days) AS span
        CROSS JOIN LATERAL generate_series(
            greatest(from_date, ({partition} || '-01')::date)::timestamp,
            least(to_date, (({partition} || '-01')::date + interval '1 month - 1 day')::date)::timestamp,
            interval '1 day') AS day
        CROSS JOIN LATERAL (SELECT day::date - from_date + 1 AS passed) AS place
        ORDER BY day, channel, campaign, from_date, to_date
        """,
    schema={"channel": "string", "campaign": "string", "day": "date", "amount_minor": "int64"},
)
lake.register(MARKETING_SPEND)


def marketing_spend() -> "ibis.Table":
    """What was spent on marketing, spread evenly over the days of each record. Grain: one day of one record.

    `channel` and `campaign` (empty for none) name it, `day` is local, `amount_minor` is in minor units of the brand's
    currency; the days of a record sum to its amount. Partitions are the months of `day`.
    """
    from sadakat.platform import engine  # brings Ibis and DuckDB, which a process that only collects never needs

    return engine.read(MARKETING_SPEND.name)


def counted_orders(*, known_before: date, profile_ids: Collection[int] = ()) -> "ibis.Table":
    """The orders that count, by what happened to them on local days before `known_before`; of these profiles, if any.

    Grain: one order. Columns: namespace, order_id; customer_id after merging; order_at (instant) and order_date
    (local day) of completion; channel; is_guest; net_minor (revenue less refunds, above zero, in minor units of the
    brand's currency).
    """
    entries = commerce.order_entries()
    known = entries.filter(entries.local_date < known_before)
    if profile_ids:
        known = known.filter(known.profile_id.isin(sorted(profile_ids)))
    completed = known.kind == "completed"
    orders = known.group_by("namespace", "order_id").aggregate(
        profile_id=known.profile_id.max(where=completed),
        order_at=known.order_at.max(where=completed),
        order_date=known.order_date.max(where=completed),
        channel=known.channel.max(where=completed),
        is_guest=known.is_guest.any(where=completed),
        net_minor=known.amount_minor.sum(),
    )
    known_by = customers.with_customer(orders)
    return known_by.filter(known_by.order_date.notnull(), known_by.net_minor > 0)


def parted(orders: "ibis.Table", dimension: Dimension) -> "ibis.Table":
    """`counted_orders` with a column `part`: the value of the dimension that each belongs to.

    Grain: one order in one part; of a category, `net_minor` is its share of the order. An order may be in several
    segments or categories, or in no part.
    """
    match dimension:
        case Dimension.CHANNEL:
            return orders.mutate(part=orders.channel)
        case Dimension.CATEGORY:
            held = orders.drop("net_minor").inner_join(category_lines(orders), ["namespace", "order_id"])
            return held.rename(part="category", net_minor="part_minor")
        case Dimension.CITY:
            return orders.inner_join(cities(), "customer_id").rename(part="city")
        case _:
            members = segments.members().select("customer_id", "segment_key")
            return orders.inner_join(members, "customer_id").rename(part="segment_key")


def category_lines(orders: "ibis.Table") -> "ibis.Table":
    """What each top category has of these orders' net revenue: its lines' part of all lines, in whole minor units.

    Grain: one category of one order. Columns: namespace, order_id, category, part_minor (rounded down). Orders
    without lines, or whose lines come to nothing, are in no category.
    """
    from sadakat.platform import engine  # as above

    lines = commerce.order_lines()
    sums = lines.group_by("namespace", "order_id", "category").aggregate(amount=lines.amount_minor.sum())
    whole = sums.amount.sum().over(group_by=[sums.namespace, sums.order_id])
    shares = sums.mutate(whole=whole)
    shares = shares.filter(shares.whole > 0, shares.amount > 0)
    held = orders.inner_join(shares, ["namespace", "order_id"])
    part = engine.whole_part(held.net_minor * held.amount, held.whole)
    return held.select("namespace", "order_id", "category", part_minor=part)


def cities() -> "ibis.Table":
    """The city that is known of a customer, folded as texts are compared. Grain: one customer of whom it is known."""
    from sadakat.platform import predicates

    subjects = segments.subjects()
    found = subjects.select("customer_id", city=predicates.said_text(subjects.said, "city"))
    return found.filter(found.city.notnull())


def order_gaps(orders: "ibis.Table", *, by: Sequence[str] = ()) -> "ibis.Table":
    """The times between consecutive orders of a customer, from `counted_orders`; within each `by`.

    Grain: one order that has one before it. Columns: `by`; customer_id; gap_microseconds.
    """
    previous = orders.order_at.lag().over(group_by=[*by, "customer_id"], order_by=orders.order_at)
    paired = orders.select(*by, "customer_id", "order_at", previous_at=previous)
    paired = paired.filter(paired.previous_at.notnull())
    gap = paired.order_at.delta(paired.previous_at, unit="microsecond")
    return paired.select(*by, "customer_id", gap_microseconds=gap)
