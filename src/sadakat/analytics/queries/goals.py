"""Goals with their readings and forecasts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import dropwhile, pairwise
from typing import Final

from django.db.models import DateField, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Least

from sadakat.analytics import models, rules, tables
from sadakat.analytics.cards import OF_ALL_TIME, TRAILING
from sadakat.analytics.definitions import definitions
from sadakat.analytics.methods import forecast, progress
from sadakat.analytics.queries import figures
from sadakat.analytics.types import Definition, Dimension, Slice, Unit
from sadakat.analytics.types.goals import Department, Forecast, Goal, GoalState
from sadakat.kernel import time
from sadakat.kernel.errors import NotFound
from sadakat.kernel.time import PeriodKind
from sadakat.platform import engine, lake, queries
from sadakat.platform.access import Permission, may
from sadakat.platform.models import User

MAX_GOALS: Final = 200
SEASONS: Final = {PeriodKind.WEEK: 52, PeriodKind.MONTH: 12, PeriodKind.QUARTER: 4}
"""How many whole periods a year has, where it has several."""
# These count whoever is in a window of 365 days: while the first such window fills, they can only grow.
_FILLS: Final = frozenset({"purchase_frequency", "active_customers", "retention_rate_classical"})


def value_of(metric: str, *, segment_key: str, period: PeriodKind, as_of: date) -> float | None:
    """The value of a metric as of the beginning of a local day: money in minor units, shares as fractions.

    With a segment it is that of today's members, whatever the day.
    """
    of = Slice(Dimension.SEGMENT, segment_key) if segment_key else None
    found: float | None = rules.plain(getattr(figures.metrics(as_of=as_of, period=period, of=of), metric))
    return found


def value_days(row: models.Goal | Goal, *, until: date) -> list[date]:
    """The days that a forecast looks at, evenly spaced, earliest first, the last one on or before `until`.

    A metric of a period is known at the end of each; all others are looked at weekly.
    """
    kind = spacing(row)
    count = forecast.LATEST + (SEASONS.get(kind, 0) if _has_season(row) else 0)
    return [period.end for period in rules.periods_until(until, kind=kind, count=count)]


def spacing(row: models.Goal | Goal) -> PeriodKind:
    """How far the values that a forecast looks at lie apart."""
    return PeriodKind(row.period) if _has_season(row) else PeriodKind.WEEK


def first_whole_day(row: models.Goal, *, as_of: date) -> date | None:
    """The first day on which the metric looks at nothing before the first order; None while there is no order."""
    first = first_order_date(as_of=as_of)
    if first is None:
        return None
    if row.metric in _FILLS:
        return first + timedelta(days=rules.TRAILING_DAYS)
    if not _has_season(row):
        return first + timedelta(days=1)
    period = time.period_containing(first, kind=PeriodKind(row.period))
    # The period of the first order is hardly ever a whole one of trade; the next one is.
    return time.period_containing(period.end, kind=PeriodKind(row.period)).end


def first_order_date(*, as_of: date) -> date | None:
    """The day of the first order that counts."""
    return _first_order_date(as_of, lake.version(figures.READ))


@lru_cache(maxsize=64)
def _first_order_date(as_of: date, _lake_version: str) -> date | None:
    orders = tables.counted_orders(known_before=as_of)
    found: date | None = engine.collect(orders.aggregate(first=orders.order_date.min()))[0]["first"]
    return found


def goals(*, as_of: date, include_archived: bool = False, owner_id: int | None = None) -> list[Goal]:
    """The goals, those that are archived at the end, the nearest last day first; without their readings."""
    rows = models.Goal.objects.order_by("is_archived", "by_date", "id")
    if not include_archived:
        rows = rows.filter(is_archived=False)
    if owner_id is not None:
        rows = rows.filter(owner_id=owner_id)
    # Of up to years of readings, those that the list shows and the forecasts look at.
    end = Least(Value(as_of), Cast(OuterRef("by_date") + timedelta(days=1), DateField()))
    read = models.Reading.objects.filter(goal_id=OuterRef("pk"), day__lte=end).order_by("-day")
    shown = list(rows.annotate(last=Subquery(read.values("day")[:1]))[:MAX_GOALS])
    days = {day for row in shown if row.last for day in (row.last, *value_days(row, until=row.last))}
    return [replace(each, readings=()) for each in _told(shown, as_of=as_of, days=days)]


def owner_needs(owner_id: int, *, as_of: date) -> list[Goal]:
    """The goals of a person that are off track, or were missed."""
    needy = {GoalState.OFF_TRACK, GoalState.MISSED}
    if not models.Goal.objects.filter(owner_id=owner_id, is_archived=False, state__in=needy).exists():
        return []
    return [each for each in goals(as_of=as_of, owner_id=owner_id) if each.state in needy]


def goal(goal_id: int, *, as_of: date) -> Goal:
    """One goal.

    Raises:
        NotFound: there is none.
    """
    row = models.Goal.objects.filter(pk=goal_id).first()
    if row is None:
        raise NotFound(f"there is no goal {goal_id}")
    return _told([row], as_of=as_of)[0]


def forecast_of(row: models.Goal, values: Mapping[date, float | None], *, as_of: date) -> Forecast | None:
    """What the metric is expected to be at the end of the last day; None where too little is known."""
    first, end = first_whole_day(row, as_of=as_of), end_date(row)
    days = value_days(row, until=as_of)
    if first is None or as_of >= end:
        return None
    kind, season = spacing(row), SEASONS.get(spacing(row)) if _has_season(row) else None
    known = [values.get(day) if day >= first else None for day in days]
    last = time.latest_period(end, kind=kind).end
    ahead = sum(1 for _ in pairwise(_ends(days[-1], last, kind=kind)))
    found = forecast.forecast(known, ahead=ahead, season=season)
    if found is None:
        return None
    unit = definitions()[row.metric].unit
    return forecast.within(found, low=0.0, high=1.0) if unit is Unit.SHARE else _above_zero(found, unit)


def course(one: Goal) -> list[tuple[date, float | None, float | None]]:
    """The way of a goal for a chart: evenly spaced days, each with its reading and with what is expected.

    It begins with the start, or earlier with what a forecast looks at, and ends with the goal; the expected values lie
    on the straight way from the last reading to the forecast.
    """
    if one.value_date is None:
        return []
    kind, known = spacing(one), dict(one.readings)
    grid = value_days(one, until=one.value_date)
    first = min(one.start_date, grid[-forecast.LATEST])
    past = list(dropwhile(lambda day: known.get(day) is None, (day for day in grid if day >= first)))
    ahead = _ends(grid[-1], time.latest_period(end_date(one), kind=kind).end, kind=kind)[1:]
    last = known.get(grid[-1])

    def expected(place: int) -> float | None:
        if one.forecast is None or last is None or not ahead:
            return None
        return last + (one.forecast.value - last) * place / len(ahead)

    found = [(day, known.get(day), expected(0) if day == grid[-1] else None) for day in past]
    return found + [(day, None, expected(place)) for place, day in enumerate(ahead, start=1)]


def owners() -> list[User]:
    """Who can own a goal or get a briefing: active people who may see figures."""
    return [person for person in queries.team() if may(person, Permission.VIEW_ANALYTICS)]


def end_date(row: models.Goal | Goal) -> date:
    """The day as of which a goal is over: the one after its last."""
    return row.by_date + timedelta(days=1)


def is_rising(row: models.Goal) -> bool:
    """Whether the goal is reached from below."""
    definition: Definition = definitions()[row.metric]
    return progress.rises(start=row.start_value, target=row.target, better=definition.better)


def state_of(row: models.Goal, values: Mapping[date, float | None], *, as_of: date) -> GoalState:
    """Where a goal stands by its readings."""
    day = min(as_of, end_date(row))
    expected = forecast_of(row, values, as_of=as_of)
    return progress.judge(
        value=values.get(day),
        forecast=expected.value if expected else None,
        target=row.target,
        is_rising=is_rising(row),
        is_over=as_of >= end_date(row),
    )


def readings(goal_ids: Iterable[int], *, days: AbstractSet[date] | None = None) -> dict[int, dict[date, float | None]]:
    """The readings of each of these goals, earliest first; all of them, or those of some days."""
    found: dict[int, dict[date, float | None]] = defaultdict(dict)
    rows = models.Reading.objects.filter(goal_id__in=list(goal_ids)).order_by("goal_id", "day")
    if days is not None:
        rows = rows.filter(day__in=days)
    for goal_id, day, value in rows.values_list("goal_id", "day", "value"):
        found[goal_id][day] = value
    return found


def _told(rows: Sequence[models.Goal], *, as_of: date, days: AbstractSet[date] | None = None) -> list[Goal]:
    values = readings((row.pk for row in rows), days=days)
    names = dict(User.objects.filter(id__in={row.owner_id for row in rows}).values_list("id", "name"))
    return [_goal(row, values.get(row.pk, {}), names.get(row.owner_id, ""), as_of=as_of) for row in rows]


def _goal(row: models.Goal, values: Mapping[date, float | None], owner_name: str, *, as_of: date) -> Goal:
    last = max((day for day in values if day <= min(as_of, end_date(row))), default=None)
    value = values[last] if last else None
    return Goal(
        id=row.pk,
        name=row.name,
        metric=row.metric,
        segment_key=row.segment_key,
        period=PeriodKind(row.period),
        start_date=row.start_date,
        start_value=row.start_value,
        target=row.target,
        by_date=row.by_date,
        owner_id=row.owner_id,
        owner_name=owner_name,
        department=Department(row.department),
        state=GoalState(row.state or GoalState.UNKNOWN),
        is_archived=row.is_archived,
        value=value,
        value_date=last,
        progress=progress.progress(start=row.start_value, value=value, target=row.target, is_rising=is_rising(row)),
        forecast=forecast_of(row, values, as_of=last) if last else None,
        readings=tuple(values.items()),
    )


def _has_season(row: models.Goal | Goal) -> bool:
    return row.metric not in TRAILING | OF_ALL_TIME


def _ends(first: date, last: date, *, kind: PeriodKind) -> list[date]:
    """The ends of whole periods from `first` to `last`, which are such ends."""
    found = [first]
    while found[-1] < last:
        found.append(time.period_containing(found[-1], kind=kind).end)
    return found


def _above_zero(found: Forecast, unit: Unit) -> Forecast:
    return found if unit is Unit.MONEY else forecast.within(found, low=0.0, high=float("inf"))
