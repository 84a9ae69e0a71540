"""Setting goals, reading how far they are, and telling their owners."""

import math
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import DateField, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Least

from sadakat.analytics import models
from sadakat.analytics.definitions import definitions
from sadakat.analytics.queries import goals as queries
from sadakat.analytics.queries.briefings import department_named
from sadakat.analytics.types.goals import GoalState
from sadakat.kernel.errors import Invalid, NotFound, Refused
from sadakat.kernel.time import PeriodKind
from sadakat.platform import audit, brand
from sadakat.segments import api as segments

MAX_NAME_LENGTH: Final = 100
MAX_YEARS: Final = 5
READ_HOURS: Final = 3
"""A day is read so many hours after it began: what happened before it has arrived by then."""
BATCH: Final = 8
"""How many readings one step takes."""


def create_goal(
    *,
    name: str,
    metric: str,
    target: float,
    by_date: date,
    owner_id: int,
    department: str,
    actor: audit.Actor,
    at: datetime,
    period: str = PeriodKind.MONTH,
    segment_key: str = "",
    start_date: date | None = None,
) -> int:
    """Sets a goal and gives its number; readings, those of the past included, come with the next steps of the worker.

    Money is in minor units, shares are fractions. It starts today unless `start_date` says an earlier day.

    Raises:
        Invalid: a value that cannot be.
        NotFound: there is no such person or segment.
        Refused: there are `MAX_GOALS` goals already.
    """
    today = brand.current().day(at)
    start = start_date or today
    _check_measure(metric, period, segment_key)
    if not today - timedelta(days=366 * MAX_YEARS) <= start <= today:
        raise Invalid(f"a goal starts within the {MAX_YEARS} years before today, {today}, or today, not on {start}")
    if by_date < today:
        raise Invalid(f"the last day of a goal is not before today, {today}; it came as {by_date}")
    values = _wanted(name, target, by_date, owner_id, department, start=start)
    start_value = queries.value_of(metric, segment_key=segment_key, period=PeriodKind(period), as_of=start)
    with transaction.atomic(durable=True):
        if models.Goal.objects.filter(is_archived=False).count() >= queries.MAX_GOALS:
            raise Refused(f"there are {queries.MAX_GOALS} goals already; archive one first")
        row = models.Goal.objects.create(
            **values,
            metric=metric,
            segment_key=segment_key,
            period=period,
            start_date=start,
            start_value=start_value,
            created_at=at,
            changed_at=at,
        )
        new = {**_said(values), "metric": metric, "period": period, "segment": segment_key, "start_date": str(start)}
        _record("goal_created", row, actor=actor, at=at, new=new)
    return row.pk


def change_goal(
    *,
    goal_id: int,
    name: str,
    target: float,
    by_date: date,
    owner_id: int,
    department: str,
    actor: audit.Actor,
    at: datetime,
) -> bool:
    """Changes what a goal aims at and who owns it, and judges it anew; says whether anything changed.

    Raises:
        Invalid: a value that cannot be.
        NotFound: there is no such goal or person.
    """
    with transaction.atomic(durable=True):
        row = _locked(goal_id)
        values = _wanted(name, target, by_date, owner_id, department, start=row.start_date)
        old = {field: getattr(row, field) for field in values}
        if old == values:
            return False
        for field, value in values.items():
            setattr(row, field, value)
        row.changed_at = at
        row.save(update_fields=[*values, "changed_at"])
        _record("goal_changed", row, actor=actor, at=at, old=_said(old), new=_said(values))
        last = models.Reading.objects.filter(goal_id=goal_id).order_by("-day").first()
        if last is not None:
            _judge(row, as_of=last.day, at=at)
    return True


def archive_goal(*, goal_id: int, is_archived: bool, actor: audit.Actor, at: datetime) -> bool:
    """Takes a goal off the list, or back; says whether anything changed.

    Raises:
        NotFound: there is no such goal.
    """
    with transaction.atomic(durable=True):
        row = _locked(goal_id)
        if row.is_archived == is_archived:
            return False
        models.Goal.objects.filter(pk=goal_id).update(is_archived=is_archived, changed_at=at)
        _record("goal_archived" if is_archived else "goal_restored", row, actor=actor, at=at)
    return True


def has_due_readings(*, at: datetime) -> bool:
    """Whether a goal waits to be read."""
    return models.Goal.objects.filter(is_archived=False).exists() and _due(_read_date(at)).exists()


def read_due(*, at: datetime) -> bool:
    """Takes up to `BATCH` readings of one goal that is due, the latest day last, and then judges it.

    Days before today that a forecast looks at and nobody has read are read first. Says whether there was one.
    """
    day = _read_date(at)
    with transaction.atomic(durable=True):
        row = _due(day).order_by("id").select_for_update(skip_locked=True, of=("self",)).first()
        if row is None:
            return False
        today = min(day, queries.end_date(row))
        wanted = sorted({*queries.value_days(row, until=today), row.start_date, today})
        known = queries.readings([row.pk]).get(row.pk, {})
        missing = [each for each in wanted if each <= today and each not in known][:BATCH]
        first = queries.first_order_date(as_of=today)
        models.Reading.objects.bulk_create(
            models.Reading(goal_id=row.pk, day=each, value=_value(row, each) if first and each > first else None)
            for each in missing
        )
        if today in missing:
            _judge(row, as_of=today, at=at)
    return True


def goals_to_tell() -> list[int]:
    """The goals that have turned off track and whose owners have not been told."""
    rows = models.Goal.objects.filter(is_archived=False, state=GoalState.OFF_TRACK, alerted_at=None)
    return list(rows.order_by("id").values_list("id", flat=True)[:BATCH])


def mark_told(*, goal_id: int, at: datetime) -> bool:
    """Notes that the owner of a goal is told of its turn; False when somebody was quicker. Joins the transaction."""
    return bool(models.Goal.objects.filter(pk=goal_id, alerted_at=None).update(alerted_at=at))


def _due(day: date) -> QuerySet[models.Goal]:
    """Live goals without a reading of `day`, or of the day as of which they were over."""
    end = Least(Value(day), Cast(F("by_date") + timedelta(days=1), DateField()))
    read = models.Reading.objects.filter(goal_id=OuterRef("pk"), day=OuterRef("read_date"))
    live = models.Goal.objects.filter(is_archived=False).annotate(read_date=end)
    return live.filter(~Exists(read))


def _read_date(at: datetime) -> date:
    return brand.current().day(at - timedelta(hours=READ_HOURS))


def _value(row: models.Goal, day: date) -> float | None:
    return queries.value_of(row.metric, segment_key=row.segment_key, period=PeriodKind(row.period), as_of=day)


def _judge(row: models.Goal, *, as_of: date, at: datetime) -> None:
    """Writes the state; a turn is noted in the audit log, and one off the track waits to be told."""
    values = queries.readings([row.pk]).get(row.pk, {})
    state = queries.state_of(row, values, as_of=as_of)
    if state == row.state:
        return
    models.Goal.objects.filter(pk=row.pk).update(state=state, alerted_at=None)
    _record("goal_judged", row, actor=audit.SYSTEM, at=at, old={"state": row.state or None}, new={"state": state})


def _check_measure(metric: str, period: str, segment_key: str) -> None:
    if metric not in definitions():
        raise Invalid(f"a goal is for one of the figures, such as revenue, not {metric!r:.60}")
    if period not in list(PeriodKind):
        raise Invalid(f"a period is one of {', '.join(PeriodKind)}, not {period!r:.40}")
    if segment_key:
        if metric in {"marketing_spend", "acquisition_cost"}:
            raise Invalid("marketing spend is not recorded by segment; leave the segment out")
        segments.segment_named(segment_key)


def _wanted(name: str, target: float, by_date: date, owner_id: int, department: str, *, start: date) -> dict[str, Any]:
    """The checked values that a goal can be changed in."""
    clean = " ".join(name.split())
    if not 0 < len(clean) <= MAX_NAME_LENGTH or not clean.isprintable():
        raise Invalid(f"the name of a goal has 1 to {MAX_NAME_LENGTH} printable characters")
    if not math.isfinite(target) or not 0 <= target <= 1e15:
        raise Invalid(f"a target is a number from 0 on, not {target}")
    if not start < by_date <= start + timedelta(days=366 * MAX_YEARS):
        raise Invalid(
            f"the last day of a goal lies within {MAX_YEARS} years after its start, {start}, not on {by_date}"
        )
    which = department_named(department)
    if owner_id not in {person.pk for person in queries.owners()}:
        raise NotFound(f"nobody who may see figures has the id {owner_id}")
    return {"name": clean, "target": float(target), "by_date": by_date, "owner_id": owner_id, "department": which}


def _locked(goal_id: int) -> models.Goal:
    row = models.Goal.objects.select_for_update().filter(pk=goal_id).first()
    if row is None:
        raise NotFound(f"there is no goal {goal_id}")
    return row


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {field: str(value) if isinstance(value, date) else value for field, value in values.items()}


def _record(
    action: str, row: models.Goal, *, actor: audit.Actor, at: datetime, old: Any = None, new: Any = None
) -> None:
    audit.record(actor=actor, at=at, action=f"analytics.{action}", subject=f"goal:{row.pk}", old=old, new=new)
