"""What analytics keeps for itself."""

from sadakat.analytics.models.goals import Briefing, BriefingReader, Goal, Reading, ReportLink
from sadakat.analytics.models.groups import Fit, Grouping
from sadakat.analytics.models.map import Cell, Funnel, Improvement, Touchpoint
from sadakat.analytics.models.spend import Spend

__all__ = [
    "Briefing",
    "BriefingReader",
    "Cell",
    "Fit",
    "Funnel",
    "Goal",
    "Grouping",
    "Improvement",
    "Reading",
    "ReportLink",
    "Spend",
    "Touchpoint",
]
