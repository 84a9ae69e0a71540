"""The journey map: what each touchpoint does to the customers of each stage. `docs/algorithms/journey-map.md`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import ibis

from sadakat.analytics import models, rules
from sadakat.analytics.queries.acts import Holds, holds, own_acts
from sadakat.analytics.queries.stages import stages_at
from sadakat.analytics.rules import journeys
from sadakat.analytics.types import (
    CellNote,
    Improvement,
    ImprovementStatus,
    MapCell,
    MapQuestion,
    MapStage,
    Stage,
    Touchpoint,
)
from sadakat.kernel import time
from sadakat.platform import brand, engine, lake
from sadakat.segments import tables as segments

MAX_IMPROVEMENTS: Final = 500
_CACHED: Final = 32
_FOR_EVER: Final = 2**62


def touchpoints(*, include_archived: bool = False) -> tuple[Touchpoint, ...]:
    """The rows of the map in their order: the usual ones as people have adjusted them, and their own."""
    rows = {row.key: row for row in models.Touchpoint.objects.all()}
    usual = {each.key: each for each in journeys.DEFAULT_TOUCHPOINTS}
    ranks = {key: rank for rank, key in enumerate(usual)} | {key: row.rank for key, row in rows.items()}
    found = usual | {key: _touchpoint(row) for key, row in rows.items()}
    return tuple(
        found[key]
        for key in sorted(found, key=lambda key: (ranks[key], key))
        if include_archived or not found[key].is_archived
    )


def _touchpoint(row: models.Touchpoint) -> Touchpoint:
    having = row.where.get("having") or {}
    return Touchpoint(
        key=row.key,
        name=row.name,
        events=tuple(row.where["events"]),
        having=journeys.condition(having),
        document=having,
        is_archived=row.is_archived,
    )


def journey_map(question: MapQuestion, *, at: datetime) -> tuple[MapStage, ...]:
    """The columns of the map, first stage first; each has a cell for every touchpoint.

    Raises:
        Invalid: the question cannot be asked.
        Unavailable: files of the lake are missing.
    """
    journeys.check_map(question)
    return _journey_map(question, touchpoints(), lake.version(), brand.current().day(at))


@lru_cache(maxsize=_CACHED)
def _journey_map(
    question: MapQuestion, points: tuple[Touchpoint, ...], _lake_version: str, today: date
) -> tuple[MapStage, ...]:
    zone, subjects = brand.current().zone, segments.subjects()
    start, end = (time.midnight(day, time_zone=zone) for day in (question.since, question.until))
    sums = counted(
        question,
        points=points,
        acts=own_acts(),
        seen=subjects.select("customer_id", first_at="first_seen_at"),
        before=stages_at(start),
        after=stages_at(end),
        start=start,
        end=end,
        known_until=time.midnight(today, time_zone=zone),
        holds=holds(at=end, time_zone=zone),
    )
    rows = {row["stage"]: row for row in engine.collect(sums)}
    return tuple(_stage(stage, rows.get(place, {}), points) for place, stage in enumerate(journeys.STAGES))


def counted(
    question: MapQuestion,
    *,
    points: Sequence[Touchpoint],
    acts: ibis.Table,
    seen: ibis.Table,
    before: ibis.Table,
    after: ibis.Table,
    start: datetime,
    end: datetime,
    known_until: datetime,
    holds: Holds,
) -> ibis.Table:
    """The sums of the map. Grain: one stage.

    Columns: stage; customers; and for the touchpoint of place N reached_N, moved_N, judged_N and silent_N.
    `seen` (customer_id, first_at) is everybody there is, `before` and `after` are the stages at `start`
    and `end` (customer_id, stage; the first one is 0); what happened before `known_until` is known to the full.
    """
    people = _people(seen, before, after, start=start, end=end)
    silence = timedelta(days=question.silent_days)
    log = acts.filter(acts.at >= start, acts.at <= end + silence)
    met = _met(points, log, end=end, holds=holds)
    joined = people.left_join(met, people.customer_id == met.who)
    columns = {"customers": joined.count()}
    for n in range(len(points)):
        is_met = joined[f"first_{n}"].notnull()
        is_judged = is_met & (joined[f"first_{n}"] < known_until - silence)
        columns |= {
            f"reached_{n}": joined.count(where=is_met),
            f"moved_{n}": joined.count(where=is_met & (joined.next_stage > joined.stage)),
            f"judged_{n}": joined.count(where=is_judged),
            f"silent_{n}": joined.count(
                where=is_judged & (joined[f"pause_{n}"] > silence // timedelta(microseconds=1))
            ),
        }
    return joined.group_by("stage").aggregate(**columns)


def _people(seen: ibis.Table, before: ibis.Table, after: ibis.Table, *, start: datetime, end: datetime) -> ibis.Table:
    """Who is on the map: everybody seen before the end. Columns: customer_id, stage, next_stage.

    Who was first seen within the period begins in the first stage.
    """
    seen = seen.filter(seen.first_at < end)
    old = before.select(old_id="customer_id", old_stage="stage")
    new = after.select(new_id="customer_id", new_stage="stage")
    people = seen.left_join(old, seen.customer_id == old.old_id)
    people = people.left_join(new, people.customer_id == new.new_id)
    stage = ibis.ifelse(people.first_at >= start, 0, people.old_stage.fill_null(0))
    return people.select("customer_id", stage=stage, next_stage=people.new_stage.fill_null(0))


def _met(points: Sequence[Touchpoint], log: ibis.Table, *, end: datetime, holds: Holds) -> ibis.Table:
    """When each customer first met each touchpoint before the end. Grain: one customer.

    Columns: who; first_N, null for never; pause_N, microseconds until the next thing he did.
    """
    order = ["at", "position"]
    own = log.event.isin(sorted(journeys.RECEIVED)).ifelse(ibis.null(log.at.type()), log.at)
    following = ibis.window(group_by="customer_id", order_by=order, rows=(1, None))
    pause = own.min().over(following).delta(log.at, unit="microsecond").fill_null(_FOR_EVER)
    rows = log.mutate(pause=pause, place=ibis.row_number().over(group_by="customer_id", order_by=order))
    rows = rows.filter(rows.at < end)
    columns: dict[str, Any] = {}
    for n, point in enumerate(points):
        is_met = rows.event.isin(point.events)
        if point.having is not None:
            is_met &= holds(point.having, rows)
        columns |= {f"first_{n}": rows.at.min(where=is_met), f"pause_{n}": rows.pause.argmin(rows.place, where=is_met)}
    return rows.group_by(who=rows.customer_id).aggregate(**columns)


def _stage(stage: Stage, row: Mapping[str, Any], points: Sequence[Touchpoint]) -> MapStage:
    customers = int(row.get("customers") or 0)
    is_last = stage is journeys.STAGES[-1]

    def cell(n: int) -> MapCell:
        reached, moved, judged, silent = (
            int(row.get(f"{k}_{n}") or 0) for k in ("reached", "moved", "judged", "silent")
        )
        return MapCell(
            reached=reached,
            reach=rules.ratio(reached, customers),
            moved=moved,
            conversion=None if is_last else rules.ratio(moved, reached),
            judged=judged,
            silent=silent,
            drop_off=rules.ratio(silent, judged),
        )

    return MapStage(stage=stage, customers=customers, cells={point.key: cell(n) for n, point in enumerate(points)})


def cell_notes() -> dict[tuple[str, str], CellNote]:
    """What people have said of the cells, by stage and key of the touchpoint."""
    return {
        (row.stage, row.touchpoint_key): CellNote(
            stage=row.stage, touchpoint_key=row.touchpoint_key, owner_id=row.owner_id, note=row.note
        )
        for row in models.Cell.objects.all()
    }


def improvements(*, stage: str = "", touchpoint_key: str = "", only_open: bool = False) -> list[Improvement]:
    """What is to be done, the soonest due first, then by age; at most `MAX_IMPROVEMENTS`."""
    rows = models.Improvement.objects.order_by("due_date", "id")
    given = {"stage": stage, "touchpoint_key": touchpoint_key}
    rows = rows.filter(**{name: value for name, value in given.items() if value})
    if only_open:
        rows = rows.filter(status__in=journeys.OPEN)
    return [
        Improvement(
            id=row.pk,
            stage=row.stage,
            touchpoint_key=row.touchpoint_key,
            title=row.title,
            owner_id=row.owner_id,
            due_date=row.due_date,
            status=ImprovementStatus(row.status),
        )
        for row in rows[:MAX_IMPROVEMENTS]
    ]
