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
from sadakat.analytics.queries.groups import (
    cluster_portraits,
    group_sizes,
    group_thresholds,
    habits,
    known_habits,
    latest_fit,
    rfm_cells,
    rfm_cuts,
    rhythm,
    rules_versions,
)
from sadakat.analytics.queries.proof import proof
from sadakat.analytics.queries.slices import MAX_SLICES, cohorts, metrics_by, slice_choices, slices
from sadakat.analytics.queries.stages import stage_cells, stage_history, stage_moves, stage_times, stage_trend

__all__ = [
    "HABIT_ORDERS",
    "MAX_PERIODS",
    "MAX_SLICES",
    "SHORTEST_GAP_DAYS",
    "cluster_portraits",
    "cohorts",
    "group_sizes",
    "group_thresholds",
    "habits",
    "known_habits",
    "latest_fit",
    "metrics",
    "metrics_by",
    "previous_metrics",
    "proof",
    "rfm_cells",
    "rfm_cuts",
    "rhythm",
    "rules_versions",
    "series",
    "slice_choices",
    "slices",
    "slipping",
    "spend_by_channel",
    "spends",
    "stage_cells",
    "stage_history",
    "stage_moves",
    "stage_times",
    "stage_trend",
]
