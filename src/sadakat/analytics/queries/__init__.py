"""Reads of analytics."""

from sadakat.analytics.queries.figures import (
    HABIT_ORDERS,
    MAX_PERIODS,
    SHORTEST_GAP_DAYS,
    metrics,
    previous_metrics,
    series,
    slipping,
    spend_by_channel,
    spends,
)

__all__ = [
    "HABIT_ORDERS",
    "MAX_PERIODS",
    "SHORTEST_GAP_DAYS",
    "metrics",
    "previous_metrics",
    "series",
    "slipping",
    "spend_by_channel",
    "spends",
]
