"""Reads of orders, catalogue and rates."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from sadakat.commerce import models
from sadakat.commerce.rules.folding import Basis
from sadakat.commerce.types import (
    CatalogueCounts,
    CurrencyRate,
    EntryKind,
    MonthSpend,
    Order,
    OrderDetail,
    OrderEntry,
    OrderLine,
    OrderStatus,
)
from sadakat.events import api as events
from sadakat.kernel.errors import NotFound
from sadakat.platform import brand

ORDERS_PER_PAGE = 50
# A tree of categories that people can find their way in is far less deep.
MAX_CATEGORY_DEPTH = 50
_ORDER_FIELDS = tuple(Order.__dataclass_fields__)


def orders_of(
    *,
    profile_ids: Collection[int],
    before: tuple[datetime, str, str] | None = None,
    limit: int = ORDERS_PER_PAGE,
    offset: int = 0,
) -> list[Order]:
    """The orders of these profiles, latest first; `before` is moment, namespace and id of the last one seen."""
    rows = models.Order.objects.filter(profile_id__in=profile_ids).order_by("-at", "namespace", "order_id")
    if before is not None:
        at, namespace, order_id = before
        later = Q(namespace__gt=namespace) | Q(namespace=namespace, order_id__gt=order_id)
        rows = rows.filter(Q(at__lt=at) | Q(at=at) & later)
    return list(_orders(rows[offset : offset + limit]))


def find_order(order_id: str) -> list[Order]:
    """The orders that any shop calls so, at most one for each namespace."""
    namespaces = {source.namespace for source in events.sources().values()}
    rows = models.Order.objects.filter(namespace__in=namespaces, order_id=order_id.strip())
    return list(_orders(rows.order_by("namespace")))


def order(*, namespace: str, order_id: str) -> OrderDetail:
    """An order with its lines and entries.

    Raises:
        NotFound: there is none.
    """
    key = {"namespace": namespace, "order_id": order_id}
    found = next(_orders(models.Order.objects.filter(**key)), None)
    if found is None:
        raise NotFound(f"there is no order {order_id!r:.60}" + (f" of {namespace!r}" if namespace else ""))
    entries = models.OrderEntry.objects.filter(**key).order_by("number")
    return OrderDetail(
        order=found,
        lines=_lines(models.Line.objects.filter(**key).order_by("number")),
        entries=tuple(
            OrderEntry(
                number=entry.number,
                kind=EntryKind(entry.kind),
                at=entry.at,
                local_date=entry.local_date,
                amount_minor=entry.amount_minor,
            )
            for entry in entries
        ),
    )


def spend_by_month(profile_ids: Collection[int]) -> list[MonthSpend]:
    """Counted orders of these profiles by month, earliest first; months without any are left out."""
    rows = (
        models.Order.objects.filter(profile_id__in=profile_ids, net_minor__gt=0)
        .values(month=TruncMonth("local_date"))
        .annotate(orders=Count("*"), revenue_minor=Sum("net_minor"))
        .order_by("month")
    )
    return [
        MonthSpend(month=row["month"], orders=row["orders"], revenue_minor=int(row["revenue_minor"])) for row in rows
    ]


def bought(asked: Sequence[tuple[int, datetime, datetime]]) -> list[tuple[int, int]]:
    """Net revenue and number of the orders that count of each customer, from one moment to before another.

    In the order asked. Orders of all profiles that are the customer's by now count, each at its own time with what is
    left of it.
    """
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(bought.net_minor), 0)::bigint, count(bought.net_minor)
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[])
                WITH ORDINALITY AS asked (customer_id, since, until, number)
            LEFT JOIN customers_profile AS whose USING (customer_id)
            LEFT JOIN commerce_order AS bought
                ON bought.profile_id = whose.profile_id AND bought.net_minor > 0
                AND bought.at >= since AND bought.at < until
            GROUP BY number ORDER BY number
            """,
            [list(column) for column in zip(*asked, strict=True)],
        )
        return [(revenue_minor, orders) for revenue_minor, orders in cursor.fetchall()]


def catalogue_counts() -> CatalogueCounts:
    """How many products and categories are known."""
    return CatalogueCounts(products=models.Product.objects.count(), categories=models.Category.objects.count())


def currency_rates() -> list[CurrencyRate]:
    """The recorded rates by currency, latest first."""
    rows = models.CurrencyRate.objects.order_by("currency", "-from_date")
    return [CurrencyRate(currency=row.currency, from_date=row.from_date, rate=row.rate) for row in rows]


def current_basis() -> Basis:
    """What the brand counts in: its currency, its part of revenue, and the recorded rates."""
    here = brand.current()
    rates: dict[str, list[tuple[date, Decimal]]] = {}
    for row in currency_rates():
        rates.setdefault(row.currency, []).append((row.from_date, row.rate))
    return Basis(currency=here.currency, revenue=here.revenue_basis, rates=rates)


def _orders(rows: QuerySet[models.Order]) -> Iterator[Order]:
    for values in rows.values(*_ORDER_FIELDS):
        yield Order(**values | {"status": OrderStatus(values["status"])})


def _lines(rows: Iterable[models.Line]) -> tuple[OrderLine, ...]:
    lines = list(rows)
    products = models.Product.objects.in_bulk({line.product_id for line in lines})
    paths = _category_paths({product.category_id for product in products.values()})
    found = []
    for line in lines:
        product = products.get(line.product_id)
        path = paths.get(product.category_id, (product.category_id,)) if product and product.category_id else ()
        found.append(
            OrderLine(
                number=line.number,
                product_id=line.product_id,
                name=line.name or (product.name if product else ""),
                category=path or ((line.category,) if line.category else ()),
                quantity=line.quantity,
                amount_minor=line.amount_minor,
            )
        )
    return tuple(found)


def _category_paths(category_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """By category: the names from the root of its tree down to it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE up AS (
                SELECT category_id AS leaf, name, parent_id, 1 AS depth
                FROM commerce_category WHERE category_id = ANY(%s)
                UNION ALL
                SELECT up.leaf, parent.name, parent.parent_id, up.depth + 1
                FROM up JOIN commerce_category AS parent ON parent.category_id = up.parent_id
                WHERE up.depth < %s
            )
            SELECT leaf, array_agg(name ORDER BY depth DESC) FROM up GROUP BY leaf
            """,
            [sorted(category_ids), MAX_CATEGORY_DEPTH],
        )
        return {leaf: tuple(names) for leaf, names in cursor.fetchall()}
