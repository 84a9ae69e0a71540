"""What customers did: the events of the lake with the customer that each belongs to now."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import ibis

from sadakat.customers import tables as customers
from sadakat.events import api as event_log
from sadakat.events import tables as events
from sadakat.kernel.predicates import Predicate
from sadakat.platform import predicates

Holds = Callable[[Predicate, ibis.Table], ibis.Value]
"""Whether the events of a table fit a condition on their properties."""


def acts() -> ibis.Table:
    """Grain: one event. Columns of the dataset `events`, with `customer_id` after merging in place of `profile_id`.

    A profile that the map does not hold yet is a customer of its own.
    """
    log = events.events()
    mapped = customers.profile_map().select(mapped_id="profile_id", known_customer_id="customer_id")
    joined = log.left_join(mapped, log.profile_id == mapped.mapped_id)
    customer_id = joined.known_customer_id.fill_null(joined.profile_id)
    return joined.select(*(name for name in log.columns if name != "profile_id"), customer_id=customer_id)


def own_acts() -> ibis.Table:
    """`acts` without Sadakat's own facts."""
    log = acts()
    return log.filter(log.source_id != event_log.system_source_id(), log.event.notnull(), log.event != "")


def holds(*, at: datetime, time_zone: ZoneInfo) -> Holds:
    """The conditions as of a moment, which matters to those that speak of now."""
    return lambda predicate, table: predicates.having(predicate, events=table, at=at, time_zone=time_zone)
