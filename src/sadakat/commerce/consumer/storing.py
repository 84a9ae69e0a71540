"""How orders are stored: read once for a batch, then replaced whole by COPY."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from django.db import connection

from sadakat.commerce import tables
from sadakat.commerce.rules import reading
from sadakat.commerce.rules.folding import OrderState, Recorded
from sadakat.commerce.rules.reading import OrderEvent
from sadakat.commerce.types import Order
from sadakat.events import api as events

Key = tuple[str, str]
"""Namespace and order id."""
_ORDER_COLUMNS = tuple(Order.__dataclass_fields__)
_order_values = attrgetter(*_ORDER_COLUMNS)
_ENTRY_COLUMNS = (
    "namespace order_id number kind profile_id at local_date order_at order_date channel store_id is_guest amount_minor"
).split()
_LINE_COLUMNS = (
    "namespace order_id number product_id name category brand quantity amount_minor paid_minor refunded_minor"
).split()
# What COPY would take for its own signs. NUL, which no text in PostgreSQL holds, stands between texts until then.
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": "\t"})


@dataclass(slots=True)
class Known:
    """What is stored of an order before a batch."""

    positions: set[int] = field(default_factory=set)
    """Every event that speaks of it."""
    events: list[OrderEvent] = field(default_factory=list)
    """Those of them that are not in the batch."""
    recorded: Recorded | None = None
    """None while there is no order, only events that wait for one."""
    profile_id: int | None = None


def known_orders(fresh: Mapping[Key, Collection[OrderEvent]]) -> dict[Key, Known]:
    """What is stored of these orders, with the other events that speak of them."""
    known: dict[Key, Known] = {}
    keys: dict[int, Key] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT said.namespace, said.order_id, said.position, ordered.profile_id, ordered.currency,
                   ordered.local_date, ordered.currency_rate
            FROM unnest(%s::text[], %s::text[]) AS given (namespace, order_id)
            JOIN commerce_orderevent AS said USING (namespace, order_id)
            LEFT JOIN commerce_order AS ordered USING (namespace, order_id)
            """,
            _columns(fresh),
        )
        for namespace, order_id, position, profile_id, currency, day, rate in cursor.fetchall():
            key = namespace, order_id
            order = known.setdefault(key, Known())
            order.positions.add(position)
            if profile_id is not None:
                order.profile_id, order.recorded = profile_id, Recorded(currency, day, rate)
            if all(event.position != position for event in fresh[key]):
                keys[position] = key
    for row in events.read_positions(sorted(keys)) if keys else ():
        event = reading.read(row)
        # Somebody may have amended an event that was set aside, and it speaks of another order since.
        if event.order_id == keys[row.position][1]:
            known[keys[row.position]].events.append(event)
    return known


def replace_orders(
    fresh: Mapping[Key, Collection[OrderEvent]],
    *,
    known: Mapping[Key, Known],
    states: Mapping[Key, OrderState],
) -> None:
    """Writes these orders anew and tells the lake which months have changed."""
    unseen = [
        (*key, event.position)
        for key, said in fresh.items()
        for event in said
        if key not in known or event.position not in known[key].positions
    ]
    _copy("commerce_orderevent", ("namespace", "order_id", "position"), unseen)
    stored = {key: old for key in fresh if key in known and (old := known[key].recorded)}
    _delete(stored)
    found = [(state.order, state) for state in states.values() if state.order]
    latest = {
        key: max(*(event.position for event in said), *(known[key].positions if key in known else ()), 0)
        for key, said in fresh.items()
    }
    _copy(
        "commerce_order",
        (*_ORDER_COLUMNS, "position"),
        ((*_order_values(order), latest[order.namespace, order.order_id]) for order, _ in found),
    )
    _copy("commerce_orderentry", _ENTRY_COLUMNS, (row for order, state in found for row in _entries(order, state)))
    _copy_lines(found)
    days = {order.local_date for order, _ in found} | {recorded.day for recorded in stored.values()}
    tables.mark_orders_changed(days)


def _entries(order: Order, state: OrderState) -> Iterable[tuple[Any, ...]]:
    for entry in state.entries:
        yield (
            order.namespace,
            order.order_id,
            entry.number,
            entry.kind.value,
            order.profile_id,
            entry.at,
            entry.local_date,
            order.at,
            order.local_date,
            order.channel,
            order.store_id,
            order.is_guest,
            entry.amount_minor,
        )


def _delete(keys: Collection[Key]) -> None:
    if not keys:
        return
    with connection.cursor() as cursor:
        for table in ("commerce_order", "commerce_orderentry", "commerce_line"):
            cursor.execute(
                f"""
                DELETE FROM {table} AS stored USING unnest(%s::text[], %s::text[]) AS given (namespace, order_id)
                WHERE stored.namespace = given.namespace AND stored.order_id = given.order_id
                """,
                _columns(keys),
            )


def _copy(table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _copy_lines(found: Iterable[tuple[Order, OrderState]]) -> None:
    """As `_copy`; most rows are lines, and writing their text at once halves the cost of an order."""
    rows = []
    for order, state in found:
        key = f"{order.namespace.translate(_ESCAPES)}\t{order.order_id.translate(_ESCAPES)}"
        for number, product_id, name, category, brand, quantity, *amounts in state.lines:
            texts = f"{product_id}\0{name}\0{category}\0{brand}".translate(_ESCAPES)
            amount_minor, paid_minor, refunded_minor = amounts
            rows.append(f"{key}\t{number}\t{texts}\t{quantity}\t{amount_minor}\t{paid_minor}\t{refunded_minor}\n")
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY commerce_line ({', '.join(_LINE_COLUMNS)}) FROM STDIN") as copy,
    ):
        copy.write("".join(rows))


def _columns(keys: Iterable[Key]) -> list[list[str]]:
    return [[namespace for namespace, _ in keys], [order_id for _, order_id in keys]]
