"""Connects the plugs of higher contexts to the sockets of lower ones."""

from datetime import datetime
from functools import partial

from sadakat.commerce import api as commerce
from sadakat.config import menu
from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.platform import lake, worker


def connect() -> None:
    """Fills every socket; called once per process after Django is set up. Safe to call again."""
    events.register_resolver(customers.Resolver())
    events.register_consumers([*customers.CONSUMERS, *commerce.CONSUMERS])
    customers.ensure_feature_columns()
    menu.connect()
    worker.register_step("events.sequencer", _sequence)
    for consumer in events.consumers():
        worker.register_step(consumer, partial(_consume, consumer))
    worker.register_step("platform.lake", _sync_lake)


def _sequence(at: datetime) -> bool:
    report = events.sequence(at=at)
    return bool(report.sequenced or report.duplicates)


def _consume(consumer: str, at: datetime) -> bool:
    return events.consume(consumer, at=at) > 0


def _sync_lake(at: datetime) -> bool:
    return lake.sync(at=at).partitions > 0
