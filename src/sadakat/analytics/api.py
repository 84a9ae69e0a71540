"""The front door of `analytics`."""

from sadakat.analytics.briefing_words import told
from sadakat.analytics.cards import card, period_name
from sadakat.analytics.consumer import CONSUMERS
from sadakat.analytics.definitions import definitions
from sadakat.analytics.goal_words import as_json as goal_json
from sadakat.analytics.goal_words import goal_needs
from sadakat.analytics.naming import stage_name
from sadakat.analytics.operations import record_spend
from sadakat.analytics.operations.briefings import choose_readers, write_briefing
from sadakat.analytics.operations.funnels import delete_funnel, keep_funnel
from sadakat.analytics.operations.goals import archive_goal, change_goal, create_goal
from sadakat.analytics.operations.groups import refresh_groups, set_rules
from sadakat.analytics.operations.journey_map import add_improvement, change_improvement, note_cell, save_touchpoint
from sadakat.analytics.plugs import FILE_TARGETS
from sadakat.analytics.queries import (
    MAX_PERIODS,
    cluster_portraits,
    cohorts,
    group_sizes,
    group_thresholds,
    known_habits,
    metrics,
    metrics_by,
    previous_metrics,
    proof,
    rfm_cells,
    rfm_cuts,
    rules_versions,
    series,
    slice_choices,
    slipping,
    spend_by_channel,
    spends,
    stage_cells,
    stage_moves,
    stage_times,
    stage_trend,
)
from sadakat.analytics.queries.briefings import briefing, department_named, week_of
from sadakat.analytics.queries.funnels import funnel, kept_funnels
from sadakat.analytics.queries.goals import goal, goals, owner_needs, owners
from sadakat.analytics.queries.journey_map import cell_notes, improvements, journey_map, touchpoints
from sadakat.analytics.queries.paths import event_names, paths
from sadakat.analytics.rules import SaidSpend, as_json

__all__ = [
    "CONSUMERS",
    "FILE_TARGETS",
    "MAX_PERIODS",
    "SaidSpend",
    "add_improvement",
    "archive_goal",
    "as_json",
    "briefing",
    "card",
    "cell_notes",
    "change_goal",
    "change_improvement",
    "choose_readers",
    "cluster_portraits",
    "cohorts",
    "create_goal",
    "definitions",
    "delete_funnel",
    "department_named",
    "event_names",
    "funnel",
    "goal",
    "goal_json",
    "goal_needs",
    "goals",
    "group_sizes",
    "group_thresholds",
    "improvements",
    "journey_map",
    "keep_funnel",
    "kept_funnels",
    "known_habits",
    "metrics",
    "metrics_by",
    "note_cell",
    "owner_needs",
    "owners",
    "paths",
    "period_name",
    "previous_metrics",
    "proof",
    "record_spend",
    "refresh_groups",
    "rfm_cells",
    "rfm_cuts",
    "rules_versions",
    "save_touchpoint",
    "series",
    "set_rules",
    "slice_choices",
    "slipping",
    "spend_by_channel",
    "spends",
    "stage_cells",
    "stage_moves",
    "stage_name",
    "stage_times",
    "stage_trend",
    "told",
    "touchpoints",
    "week_of",
    "write_briefing",
]
