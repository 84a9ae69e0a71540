"""The front door of `analytics`."""

from sadakat.analytics.cards import card, period_name
from sadakat.analytics.definitions import definitions
from sadakat.analytics.queries import MAX_PERIODS, metrics, previous_metrics, series, slipping
from sadakat.analytics.rules import as_json

__all__ = [
    "MAX_PERIODS",
    "as_json",
    "card",
    "definitions",
    "metrics",
    "period_name",
    "previous_metrics",
    "series",
    "slipping",
]
