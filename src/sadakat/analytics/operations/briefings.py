"""Writing weekly briefings, and who reads them."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q, QuerySet

from sadakat.analytics import models
from sadakat.analytics.queries import briefings as queries
from sadakat.analytics.types.goals import Briefing, Department
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.kernel.time import Period, PeriodKind
from sadakat.platform import audit, brand

SEND_HOURS: Final = 7
"""Briefings leave on Monday when the local day is so many hours old."""


def due_week(at: datetime) -> Period:
    """The week that briefings which leave now are about."""
    return queries.week_of(brand.current().day(at - timedelta(hours=SEND_HOURS)))


def write_briefing(*, department: str, week_start: date, actor: audit.Actor, at: datetime) -> Briefing:
    """Stores what a department is told of a week; a stored one stays as it is.

    Raises:
        Invalid: no such department, or the day is not the first of a week that is over.
    """
    which = queries.department_named(department)
    week = time.period_containing(week_start, kind=PeriodKind.WEEK)
    if week.start != week_start or week.end > brand.current().day(at):
        raise Invalid(f"a briefing is about a whole week that is over, by its Monday, not {week_start}")
    content = queries.content(which, week=week)
    with transaction.atomic(durable=True):
        row, is_new = models.Briefing.objects.get_or_create(
            department=which, week_start=week_start, defaults={"content": content, "created_at": at}
        )
        if is_new:
            new = {"department": which, "week_start": str(week_start)}
            audit.record(actor=actor, at=at, action="analytics.briefing_written", subject=f"briefing:{row.pk}", new=new)
    return queries.told(row)


def choose_readers(*, department: str, user_ids: Collection[int], actor: audit.Actor, at: datetime) -> bool:
    """Says who gets the briefing of a department from the next Monday on; says whether anything changed.

    Raises:
        Invalid: no such department.
        NotFound: somebody is not in the team or may not see figures.
    """
    which = queries.department_named(department)
    wanted = set(user_ids)
    if unknown := wanted - {person.pk for person in queries.possible_readers()}:
        raise NotFound(f"nobody who may see figures has the id {min(unknown)}")
    with transaction.atomic(durable=True):
        rows = models.BriefingReader.objects.select_for_update().filter(department=which)
        old = set(rows.values_list("user_id", flat=True))
        if old == wanted:
            return False
        rows.exclude(user_id__in=wanted).delete()
        models.BriefingReader.objects.bulk_create(
            models.BriefingReader(user_id=user_id, department=which, sent_week=due_week(at).start)
            for user_id in sorted(wanted - old)
        )
        audit.record(
            actor=actor,
            at=at,
            action="analytics.briefing_readers_chosen",
            subject=f"department:{which}",
            old={"readers": sorted(old)},
            new={"readers": sorted(wanted)},
        )
    return True


def has_due_briefings(*, at: datetime) -> bool:
    """Whether a briefing that a reader waits for is not written yet."""
    return models.BriefingReader.objects.exists() and bool(_unwritten(due_week(at)))


def write_due(*, at: datetime) -> bool:
    """Writes one of the briefings that readers wait for; says whether there was one."""
    week = due_week(at)
    for department in _unwritten(week):
        write_briefing(department=department, week_start=week.start, actor=audit.SYSTEM, at=at)
        return True
    return False


def next_reader(*, at: datetime) -> tuple[models.BriefingReader, Briefing] | None:
    """A reader whose briefing is written and not sent, with it.

    The row is locked until the caller's transaction ends; one that another process has is passed over.
    """
    if not models.BriefingReader.objects.exists():
        return None
    week = due_week(at)
    written = models.Briefing.objects.filter(week_start=week.start)
    ready = _waiting(week).filter(department__in=written.values("department")).order_by("department", "id")
    reader = ready.select_for_update(skip_locked=True).first()
    if reader is None:
        return None
    return reader, queries.briefing(Department(reader.department), week_start=week.start)


def mark_sent(reader: models.BriefingReader, one: Briefing, *, is_sent: bool) -> None:
    """Notes that a reader has had the week's briefing, or that there was no way to send it. Joins the transaction."""
    models.BriefingReader.objects.filter(pk=reader.pk).update(sent_week=one.week_start)
    if is_sent:
        models.Briefing.objects.filter(department=one.department, week_start=one.week_start).update(
            sent_to=F("sent_to") + 1
        )


def _waiting(week: Period) -> QuerySet[models.BriefingReader]:
    return models.BriefingReader.objects.filter(Q(sent_week=None) | Q(sent_week__lt=week.start))


def _unwritten(week: Period) -> list[str]:
    """The departments with a reader who waits and without a briefing."""
    wanted = set(_waiting(week).values_list("department", flat=True))
    written = models.Briefing.objects.filter(week_start=week.start) if wanted else models.Briefing.objects.none()
    return sorted(wanted - set(written.values_list("department", flat=True)))
