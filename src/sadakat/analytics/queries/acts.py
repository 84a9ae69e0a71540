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
    """Grain: one event. Columns of the dataset `events`, with `customer_id` after merging in place of `profile_id`."""
    return customers.with_customer(events.events())


def own_acts() -> ibis.Table:
    """`acts` without Sadakat's own facts."""
    return own(acts())


def own(log: ibis.Table) -> ibis.Table:
    """These events without Sadakat's own facts."""
    return log.filter(log.source_id != event_log.system_source_id(), log.event.notnull(), log.event != "")


def holds(*, at: datetime, time_zone: ZoneInfo) -> Holds:
    """The conditions as of a moment, which matters to those that speak of now."""
    return lambda predicate, table: predicates.having(predicate, events=table, at=at, time_zone=time_zone)
