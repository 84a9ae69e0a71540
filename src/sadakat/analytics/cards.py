"""Figures as the console writes them: the same card wherever a metric is shown."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from sadakat.analytics import rules
from sadakat.analytics.definitions import definitions
from sadakat.analytics.types import Better, Definition, Metrics, PeriodFigures, Unit
from sadakat.kernel.time import PeriodKind
from sadakat.platform.ui import charts, formats, parts

TRAILING = frozenset({"purchase_frequency", "average_order_value", "active_customers"})
OF_ALL_TIME = frozenset({"days_between_orders", "historic_cltv", "total_customers", "total_revenue"})


def written(value: Any, definition: Definition, *, currency: str) -> str:
    """A metric's value as people read it; an unknown one is a dash."""
    match definition.unit:
        case Unit.COUNT:
            return formats.number(value)
        case Unit.SHARE:
            return formats.percent(value)
        case Unit.MONEY:
            return formats.money(value and value.amount_minor, currency=currency)
        case Unit.DAYS:
            return formats.number(value, decimals=1)
        case Unit.NUMBER:
            return formats.number(value, decimals=2)


def change(now: Any, before: Any, definition: Definition) -> parts.Change | None:
    """How a metric moved: rates by percentage points, all else by per cent; None where there is nothing to compare."""
    current, previous = rules.plain(now), rules.plain(before)
    if current is None or previous is None:
        return None
    if definition.unit is Unit.SHARE:
        moved, text = current - previous, formats.points_change(current - previous)
    elif previous == 0:
        return None
    else:
        moved, text = current - previous, formats.percent_change((current - previous) / previous)
    is_open = moved == 0 or definition.better is Better.NEITHER
    return parts.Change(text=text, is_good=None if is_open else (moved > 0) is (definition.better is Better.HIGHER))


def card(
    name: str, *, now: Metrics, before: Metrics | None, past: Sequence[PeriodFigures] = (), currency: str
) -> parts.Figure:
    """The card of a metric: value, change, period, definition, and its shape over `past` periods."""
    definition = definitions()[name]
    values = [rules.plain(getattr(figures, name, None)) for figures in past]
    known = [value for value in values if value is not None]
    return parts.Figure(
        label=definition.title,
        value=written(getattr(now, name), definition, currency=currency),
        note=note(name, now),
        change=change(getattr(now, name), getattr(before, name), definition) if before is not None else None,
        definition_url=f"{reverse('figures')}#{name}",
        spark=charts.sparkline(values) if len(known) > 1 else "",
    )


def note(name: str, figures: Metrics) -> str:
    """The days that a metric looks at, in words."""
    return window(name) or period_name(figures)


def window(name: str) -> str:
    """The days that a metric looks at whatever the period, in words; empty for one of the period."""
    if name in TRAILING:
        return _("last 365 days")
    return _("all orders") if name in OF_ALL_TIME else ""


def period_name(figures: PeriodFigures) -> str:
    """A calendar period by its name: `2017`, `Nov 2026`, `Q4 2017`, `week of 16 Nov 2026`."""
    return name_of(figures.period, figures.period_start)


def name_of(period: PeriodKind, start: date) -> str:
    """As `period_name`, by the first day."""
    match period:
        case PeriodKind.YEAR:
            return str(start.year)
        case PeriodKind.QUARTER:
            return _("Q%(quarter)s %(year)s") % {"quarter": (start.month + 2) // 3, "year": start.year}
        case PeriodKind.MONTH:
            return formats.month(start)
        case PeriodKind.WEEK:
            return _("week of %(day)s") % {"day": formats.short_date(start)}
