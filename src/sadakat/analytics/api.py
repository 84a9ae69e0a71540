"""The front door of `analytics`."""

from sadakat.analytics.cards import card, period_name
from sadakat.analytics.consumer import CONSUMERS
from sadakat.analytics.definitions import definitions
from sadakat.analytics.operations import record_spend
from sadakat.analytics.plugs import FILE_TARGETS
from sadakat.analytics.queries import (
    MAX_PERIODS,
    metrics,
    previous_metrics,
    series,
    slipping,
    spend_by_channel,
    spends,
)
from sadakat.analytics.rules import SaidSpend, as_json

__all__ = [
    "CONSUMERS",
    "FILE_TARGETS",
    "MAX_PERIODS",
    "SaidSpend",
    "as_json",
    "card",
    "definitions",
    "metrics",
    "period_name",
    "previous_metrics",
    "record_spend",
    "series",
    "slipping",
    "spend_by_channel",
    "spends",
]
