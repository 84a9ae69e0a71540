"""Follows order events: folds each order that is spoken of anew and writes what it has become."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from sadakat.commerce.consumer import features, storing
from sadakat.commerce.consumer.storing import Key, Known
from sadakat.commerce.queries import current_basis
from sadakat.commerce.rules import folding, reading
from sadakat.commerce.rules.folding import Basis, OrderState, Problem
from sadakat.commerce.rules.reading import OrderEvent
from sadakat.customers.types import CUSTOMERS_MERGED, CUSTOMERS_SEPARATED
from sadakat.events import api as events
from sadakat.events.types import Batch, Event, Kind, SetAside
from sadakat.kernel.errors import Invalid

# The map has changed: order features of the customer that the fact stands on are computed anew.
MAP_FACTS = frozenset({CUSTOMERS_MERGED, CUSTOMERS_SEPARATED})
# An order is folded whole each time; nobody changes one more often than this.
MAX_EVENTS_PER_ORDER = 1000


class OrderConsumer:
    """Keeps orders, lines, entries and the features made of them."""

    name = "commerce.orders"
    kinds = frozenset({Kind.TRACK})
    names: frozenset[str] | None = frozenset(reading.KINDS) | MAP_FACTS
    wants_body = True

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:
        """Counts the order events of trusted sources; a merge or separation of customers moves their features."""
        fresh = _read(batch.events, set_aside=set_aside)
        known = storing.known_orders(fresh)
        _forget_crowded(fresh, known=known, set_aside=set_aside)
        basis = current_basis()
        states: dict[Key, OrderState] = {}
        for key, said in fresh.items():
            before = known.get(key, Known())
            states[key] = folding.fold([*before.events, *said], namespace=key[0], basis=basis, recorded=before.recorded)
            if states[key].problems:
                for problem in _new_problems(states[key], before=before, said=said, namespace=key[0], basis=basis):
                    set_aside(position=problem.position, reason=problem.reason)
        storing.replace_orders(fresh, known=known, states=states)
        moved = {event.profile_id for event in batch.events if event.event in MAP_FACTS}
        features.refresh(moved | _profiles(states, known=known), at=batch.at)


def _read(log_rows: Iterable[Event], *, set_aside: SetAside) -> dict[Key, list[OrderEvent]]:
    """The order events that count, by order; what cannot be read is set aside.

    Order events of other sources are no failures: they stay on the time line and count nowhere.
    """
    sources = events.sources()
    read: dict[Key, list[OrderEvent]] = {}
    for row in log_rows:
        if row.event in MAP_FACTS or not sources[row.source_id].accepts_orders:
            continue
        try:
            event = reading.read(row)
        except Invalid as refusal:
            set_aside(position=row.position, reason=str(refusal))
        else:
            read.setdefault((sources[row.source_id].namespace, event.order_id), []).append(event)
    return read


def _forget_crowded(fresh: dict[Key, list[OrderEvent]], *, known: Mapping[Key, Known], set_aside: SetAside) -> None:
    """Sets aside what speaks of an order that has too many events to be folded again and again."""
    for key in [*fresh]:
        if len(fresh[key]) + (len(known[key].events) if key in known else 0) > MAX_EVENTS_PER_ORDER:
            for event in fresh.pop(key):
                set_aside(
                    position=event.position,
                    reason=f"order {event.order_id} has more than {MAX_EVENTS_PER_ORDER} events",
                )


def _new_problems(
    state: OrderState, *, before: Known, said: Collection[OrderEvent], namespace: str, basis: Basis
) -> Iterator[Problem]:
    """Those of the state's problems that this batch brings; older ones are listed, perhaps solved, already."""
    listed: set[int] = set()
    if before.recorded:
        stored = [*before.events, *(event for event in said if event.position in before.positions)]
        old = folding.fold(stored, namespace=namespace, basis=basis, recorded=before.recorded)
        listed = {problem.position for problem in old.problems} - {event.position for event in said}
    return (problem for problem in state.problems if problem.position not in listed)


def _profiles(states: Mapping[Key, OrderState], *, known: Mapping[Key, Known]) -> set[int]:
    """Everybody whose orders have changed."""
    after = {state.order.profile_id for state in states.values() if state.order}
    return after | {order.profile_id for order in known.values() if order.profile_id is not None}
