"""Reads of orders as whoever rewards them asks for them: with refunds by line, brands, categories and their number."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from django.db import connection

from sadakat.commerce import models
from sadakat.commerce.queries import MAX_CATEGORY_DEPTH, current_basis
from sadakat.commerce.rules import reading
from sadakat.commerce.rules.folding import fold
from sadakat.commerce.types import EntryKind, Order, OrderStatus, Purchase, PurchasedLine
from sadakat.events import api as events
from sadakat.events.types import Event
from sadakat.kernel.errors import Invalid
from sadakat.platform import brand

ORDER_EVENTS: Final = frozenset(reading.KINDS)
"""Names of the events that speak of orders."""
_ORDER_FIELDS: Final = tuple(Order.__dataclass_fields__)
# An order's number among those of the customer whose it is by now; one that does not count has that of the next one.
_PURCHASES: Final = f"""
    WITH asked AS MATERIALIZED (
        SELECT bought.*, coalesce(whose.customer_id, bought.profile_id) AS customer_id
        FROM {{source}} LEFT JOIN customers_profile AS whose USING (profile_id)
    ), numbered AS MATERIALIZED (
        SELECT namespace, order_id, count(*) FILTER (WHERE net_minor > 0) OVER (
            PARTITION BY customer_id ORDER BY at, namespace, order_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier
        FROM customers_profile AS own JOIN commerce_order AS bought USING (profile_id)
        WHERE own.customer_id IN (SELECT customer_id FROM asked)
    ), changed AS MATERIALIZED (
        SELECT namespace, order_id, max(entry.at) AS changed_at
        FROM asked JOIN commerce_orderentry AS entry USING (namespace, order_id) GROUP BY namespace, order_id
    )
    SELECT {", ".join(f"asked.{name}" for name in _ORDER_FIELDS)}, 1 + coalesce(earlier, 0), changed_at
    FROM asked
    LEFT JOIN numbered USING (namespace, order_id)
    LEFT JOIN changed USING (namespace, order_id)
    ORDER BY asked.at, asked.namespace, asked.order_id
"""
_NAMED: Final = """unnest(%s::text[], %s::text[]) AS given (namespace, order_id)
    JOIN commerce_order AS bought USING (namespace, order_id)"""
_OF_PROFILES: Final = """unnest(%s::bigint[]) AS given (id)
    JOIN commerce_order AS bought ON bought.profile_id = given.id AND bought.at >= %s"""
_LINES: Final = """
    WITH RECURSIVE bought AS MATERIALIZED (
        SELECT line.*, coalesce(nullif(line.brand, ''), product.brand, '') AS made_by, product.category_id
        FROM {source}
        LEFT JOIN commerce_product AS product ON product.product_id = line.product_id AND line.product_id <> ''
    ), up AS (
        SELECT category_id AS leaf, category_id, name, parent_id, 1 AS depth
        FROM commerce_category WHERE category_id IN (SELECT category_id FROM bought)
        UNION ALL
        SELECT up.leaf, parent.category_id, parent.name, parent.parent_id, up.depth + 1
        FROM up JOIN commerce_category AS parent ON parent.category_id = up.parent_id
        WHERE up.depth < %s
    ), path AS (
        SELECT leaf, array_agg(said ORDER BY depth DESC) AS said
        FROM up CROSS JOIN LATERAL (SELECT category_id UNION SELECT name) AS known (said) GROUP BY leaf
    )
    SELECT namespace, order_id, number, product_id, made_by,
        coalesce(path.said, array_remove(ARRAY[coalesce(nullif(category_id, ''), category)], '')),
        paid_minor, refunded_minor
    FROM bought LEFT JOIN path ON path.leaf = category_id
    ORDER BY namespace, order_id, number
"""
_OF_ORDERS: Final = """unnest(%s::text[], %s::text[]) AS asked (namespace, order_id)
    JOIN commerce_line AS line USING (namespace, order_id)"""
_FORETOLD: Final = """(
    SELECT '' AS namespace, '' AS order_id, said.*, 0 AS refunded_minor
    FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::bigint[])
        AS said (number, product_id, category, brand, paid_minor)) AS line"""


def purchases(keys: Collection[tuple[str, str]]) -> list[Purchase]:
    """The orders of these namespaces and ids as they are now, by time; those that do not exist are left out."""
    return _purchases(_NAMED, _columns(keys)) if keys else []


def purchases_of(profile_ids: Collection[int], *, since: datetime) -> list[Purchase]:
    """The orders of these profiles from `since` on, by time."""
    return _purchases(_OF_PROFILES, [sorted(profile_ids), since]) if profile_ids else []


def purchases_on(day: date, *, limit: int = 5_000) -> Iterator[list[Purchase]]:
    """The orders of a local day that count, by time, in parts of at most `limit`."""
    rows = models.Order.objects.filter(local_date=day, net_minor__gt=0).order_by("at", "namespace", "order_id")
    keys = list(rows.values_list("namespace", "order_id"))
    for start in range(0, len(keys), limit):
        yield purchases(keys[start : start + limit])


def foretold(properties: Mapping[str, Any], *, profile_ids: Collection[int], at: datetime) -> Purchase:
    """The order that an Order Completed with these properties would make at `at` for a customer of these profiles.

    It needs no `order_id`; nothing is kept.

    Raises:
        Invalid: it cannot be read, or is in a currency without a rate.
    """
    said = {"order_id": "quote", **properties}
    reading.check_properties(said, event="Order Completed")
    event = reading.OrderEvent(
        kind=EntryKind.COMPLETED,
        order_id=str(said["order_id"]),
        position=0,
        profile_id=0,
        source_id=0,
        at=at,
        local_date=at.astimezone(brand.current().zone).date(),
        mid="",
        has_account=True,
        content=msgspec.convert(said, reading.Content),
    )
    state = fold([event], namespace="", basis=current_basis())
    if state.order is None:
        raise Invalid(state.problems[0].reason)
    columns = zip(*((x.number, x.product_id, x.category, x.brand, x.paid_minor) for x in state.lines), strict=True)
    lines = _lines(_FORETOLD, list(map(list, columns))) if state.lines else {}
    earlier = models.Order.objects.filter(profile_id__in=profile_ids, net_minor__gt=0, at__lt=at)
    return Purchase(order=state.order, nth=1 + earlier.count(), changed_at=at, lines=tuple(lines.get(("", ""), ())))


def order_keys(log_rows: Iterable[Event]) -> set[tuple[str, str]]:
    """Namespace and id of each order that these log rows speak of and that may count; bodies are needed."""
    sources = events.sources()
    keys = set()
    for row in log_rows:
        if row.event in reading.KINDS and sources[row.source_id].accepts_orders:
            try:
                keys.add((sources[row.source_id].namespace, reading.read(row).order_id))
            except Invalid:  # the order's own consumer has set it aside
                continue
    return keys


def _purchases(source: str, parameters: list[Any]) -> list[Purchase]:
    with connection.cursor() as cursor:
        cursor.execute(_PURCHASES.replace("{source}", source), parameters)
        rows = cursor.fetchall()
    orders = [(_order(values), nth, changed_at) for *values, nth, changed_at in rows]
    lines = _lines(_OF_ORDERS, _columns([(order.namespace, order.order_id) for order, _, _ in orders]))
    return [
        Purchase(
            order=order, nth=nth, changed_at=changed_at, lines=tuple(lines.get((order.namespace, order.order_id), ()))
        )
        for order, nth, changed_at in orders
    ]


def _order(values: Sequence[Any]) -> Order:
    said = dict(zip(_ORDER_FIELDS, values, strict=True))
    return Order(**said | {"status": OrderStatus(said["status"])})


def _lines(source: str, parameters: Sequence[Any]) -> dict[tuple[str, str], list[PurchasedLine]]:
    found: dict[tuple[str, str], list[PurchasedLine]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LINES.replace("{source}", source), [*parameters, MAX_CATEGORY_DEPTH])
        for namespace, order_id, number, product_id, brand, categories, paid_minor, refunded_minor in cursor:
            line = PurchasedLine(
                number=number,
                product_id=product_id,
                brand=brand,
                categories=tuple(categories),
                paid_minor=paid_minor,
                refunded_minor=refunded_minor,
            )
            found.setdefault((namespace, order_id), []).append(line)
    return found


def _columns(keys: Collection[tuple[str, str]]) -> list[list[str]]:
    return [[namespace for namespace, _ in keys], [order_id for _, order_id in keys]]
