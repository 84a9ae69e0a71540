"""Reads of analytics."""

from sadakat.analytics.queries.figures import (
    MAX_PERIODS,
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
from sadakat.analytics.queries.slices import cohorts, metrics_by, slice_choices
from sadakat.analytics.queries.stages import stage_cells, stage_history, stage_moves, stage_times, stage_trend

__all__ = [
    "MAX_PERIODS",
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
    "slipping",
    "spend_by_channel",
    "spends",
    "stage_cells",
    "stage_history",
    "stage_moves",
    "stage_times",
    "stage_trend",
]
