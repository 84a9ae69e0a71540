"""What a week has brought, as a department is told of it: plain values, frozen when the briefing is written."""

from datetime import date
from typing import Any, Final

from sadakat.analytics import models, rules
from sadakat.analytics.methods import decomposition
from sadakat.analytics.methods.decomposition import Sales
from sadakat.analytics.queries import figures, goals
from sadakat.analytics.types import Dimension, PeriodFigures, Slice
from sadakat.analytics.types.goals import Briefing, Department, GoalState
from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.kernel.time import Period, PeriodKind
from sadakat.platform import brand
from sadakat.platform.models import User

MAX_BRIEFINGS: Final = 60
WEEKS_OF_A_YEAR: Final = 52
FIGURES: Final[dict[Department, tuple[str, ...]]] = {
    Department.MANAGEMENT: ("revenue", "orders", "customers", "new_customers", "repeat_purchase_rate"),
    Department.MARKETING: ("revenue", "new_customers", "new_customer_revenue", "marketing_spend", "acquisition_cost"),
    Department.LOYALTY: ("returning_customers", "returning_customer_revenue", "repeat_purchase_rate", "retention_rate"),
    Department.SUPPORT: ("orders", "customers", "new_customers", "returning_customers"),
    Department.STORES: ("revenue", "orders", "customers", "new_customers", "repeat_purchase_rate"),
    Department.E_COMMERCE: ("revenue", "orders", "customers", "new_customers", "guest_checkout_rate"),
}
"""Which figures a department reads, by their names in `PeriodFigures`."""
CHANNELS: Final = {Department.STORES: "store", Department.E_COMMERCE: "online"}
"""The channel that is a department's own; all others look at the whole trade."""
_SLIPPING: Final = {Department.MANAGEMENT, Department.MARKETING, Department.LOYALTY}
_FAILED: Final = {Department.MANAGEMENT, Department.E_COMMERCE}


def department_named(text: str) -> Department:
    """The department of that key.

    Raises:
        Invalid: there is none.
    """
    if text not in list(Department):
        raise Invalid(f"a department is one of {', '.join(Department)}, not {text!r:.40}")
    return Department(text)


def week_of(as_of: date) -> Period:
    """The latest whole week, which a briefing written on that day is about."""
    return time.latest_period(as_of, kind=PeriodKind.WEEK)


def content(department: Department, *, week: Period) -> dict[str, Any]:
    """A week in plain values: `figures` (now, before, year before), `why` (parts of the change), `attention`.

    Figures know what happened before the end of the week; what needs attention is that of the moment.
    """
    of = Slice(Dimension.CHANNEL, CHANNELS[department]) if department in CHANNELS else None
    past = figures.series(as_of=week.end, period=PeriodKind.WEEK, count=WEEKS_OF_A_YEAR + 1, of=of)
    first = goals.first_order_date(as_of=week.end)
    year_before = past[0] if first is not None and first <= past[0].period_start else None
    return {
        "week_start": str(week.start),
        "week_end": str(week.end),
        "currency": brand.current().currency,
        "channel": of.value if of else "",
        "figures": [
            {
                "name": name,
                "now": rules.plain(getattr(past[-1], name)),
                "before": rules.plain(getattr(past[-2], name)),
                "year_before": rules.plain(getattr(year_before, name, None)),
            }
            for name in FIGURES[department]
        ],
        "why": _why(past[-2], past[-1], week=week, with_channels=of is None),
        "attention": _attention(department, past[-1], week=week),
    }


def briefing(department: Department, *, week_start: date) -> Briefing:
    """What a department was told of a week; where nothing is stored, what it would be told now."""
    row = models.Briefing.objects.filter(department=department, week_start=week_start).first()
    if row is not None:
        return told(row)
    week = time.period_containing(week_start, kind=PeriodKind.WEEK)
    return Briefing(
        id=None, department=department, week_start=week.start, content=content(department, week=week), sent_to=0
    )


def stored_briefing(briefing_id: int) -> Briefing:
    """A briefing by its number.

    Raises:
        NotFound: there is none.
    """
    row = models.Briefing.objects.filter(pk=briefing_id).first()
    if row is None:
        raise NotFound(f"there is no briefing {briefing_id}")
    return told(row)


def briefings(department: Department) -> list[Briefing]:
    """The stored briefings of a department, the latest week first."""
    rows = models.Briefing.objects.filter(department=department).order_by("-week_start")
    return [told(row) for row in rows[:MAX_BRIEFINGS]]


def told(row: models.Briefing) -> Briefing:
    """A stored briefing as it crosses the door."""
    return Briefing(
        id=row.pk,
        department=Department(row.department),
        week_start=row.week_start,
        content=row.content,
        sent_to=row.sent_to,
    )


def readers(department: Department) -> set[int]:
    """Who gets the briefing of a department."""
    return set(models.BriefingReader.objects.filter(department=department).values_list("user_id", flat=True))


def possible_readers() -> list[User]:
    """Who may get a briefing: whoever can own a goal."""
    return goals.owners()


def _why(before: PeriodFigures, now: PeriodFigures, *, week: Period, with_channels: bool) -> dict[str, Any]:
    """The change of revenue in three ways, each exact: by its factors, by old and new customers, by channels."""
    parts = decomposition.parts(_sales(before), _sales(now))
    return {
        "now": now.revenue.amount_minor,
        "before": before.revenue.amount_minor,
        "customers": parts.customers,
        "frequency": parts.frequency,
        "basket": parts.basket,
        "new": now.new_customer_revenue.amount_minor - before.new_customer_revenue.amount_minor,
        "returning": now.returning_customer_revenue.amount_minor - before.returning_customer_revenue.amount_minor,
        "channels": _channels(week) if with_channels else [],
    }


def _channels(week: Period) -> list[dict[str, Any]]:
    """How the revenue of each channel changed, the largest change first; all of them add up to the whole change."""
    before, now = (_revenue_by_channel(as_of, known_before=week.end) for as_of in (week.start, week.end))
    found = [{"channel": name, "change": now[name] - before.get(name, 0)} for name in now]
    return sorted(found, key=lambda each: -abs(each["change"]))


def _revenue_by_channel(as_of: date, *, known_before: date) -> dict[str, int]:
    """What the week that ended before a day has brought on each channel, in minor units."""
    asked = figures.question(as_of=as_of, period=PeriodKind.WEEK, known_before=known_before, is_of_all=True)
    parts = figures.metrics_of_parts(asked, Dimension.CHANNEL)
    return {channel: each.revenue.amount_minor for channel, each in parts.items()}


def _attention(department: Department, now: PeriodFigures, *, week: Period) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if department in _FAILED and (failed := events.failed_count()):
        found.append({"kind": "failed_events", "count": failed})
    found += _goals(department, as_of=week.end)
    if department in _SLIPPING and (slipping := figures.slipping(as_of=week.end)).count:
        found.append({"kind": "slipping", "count": slipping.count, "revenue": slipping.revenue.amount_minor})
    if department is Department.MARKETING and now.marketing_spend is None:
        found.append({"kind": "no_spend"})
    if department is Department.SUPPORT and (conflicts := customers.conflict_count()):
        found.append({"kind": "conflicts", "count": conflicts})
    return found


def _goals(department: Department, *, as_of: date) -> list[dict[str, Any]]:
    """Goals off track or missed: those of the department, and for the management all."""
    is_all = department is Department.MANAGEMENT
    return [
        {
            "kind": "goal",
            "id": each.id,
            "name": each.name,
            "state": each.state,
            "metric": each.metric,
            "target": each.target,
            "forecast": each.forecast.value if each.forecast else None,
            "value": each.value,
            "by_date": str(each.by_date),
        }
        for each in goals.goals(as_of=as_of)
        if each.state in {GoalState.OFF_TRACK, GoalState.MISSED} and (is_all or each.department is department)
    ]


def _sales(one: PeriodFigures) -> Sales:
    return Sales(customers=one.customers, orders=one.orders, revenue_minor=one.revenue.amount_minor)
