"""Paths: what customers do after an event, or before it.

Events of a customer stand in the order of their time; the same one several times in a row counts once. A path ends
after the steps asked for, at the end of the days asked for and, in the scope of a session, at a pause of half an hour.
`docs/algorithms/funnels.md` has a worked example.
"""

from functools import lru_cache
from typing import Any, Final

import ibis

from sadakat.analytics import rules
from sadakat.analytics.queries.acts import own, own_acts
from sadakat.analytics.rules import journeys
from sadakat.analytics.types import Direction, Path, PathsFigures, PathsQuestion, Scope
from sadakat.events import tables as events
from sadakat.platform import engine, lake

MAX_PATHS: Final = 20
MAX_NEAREST: Final = 10
MAX_EVENT_NAMES: Final = 500
_CACHED: Final = 64


def paths(question: PathsQuestion) -> PathsFigures:
    """The most frequent paths. Sadakat's own facts are none of a customer's events.

    Raises:
        Invalid: the question cannot be asked.
        Unavailable: files of the lake are missing.
    """
    journeys.check_paths(question)
    return _paths(question, lake.version())


def event_names() -> tuple[str, ...]:
    """The names of the events that customers have sent, most frequent first; at most `MAX_EVENT_NAMES`."""
    return _event_names(lake.version((events.EVENTS.name,)))


@lru_cache(maxsize=1)
def _event_names(_lake_version: str) -> tuple[str, ...]:
    log = own(events.events())
    counts = log.group_by("event").aggregate(times=log.count()).order_by(ibis.desc("times"), "event")
    return tuple(row["event"] for row in engine.collect(counts.limit(MAX_EVENT_NAMES)))


@lru_cache(maxsize=_CACHED)
def _paths(question: PathsQuestion, _lake_version: str) -> PathsFigures:
    found = sequences(question, acts=own_acts())
    names = [f"step_{n}" for n in range(1, question.steps + 1)]
    (total,) = engine.collect(_counted(found))
    times = int(total["times"] or 0)

    def most_frequent(columns: list[str], limit: int) -> tuple[Path, ...]:
        counts = _counted(found.group_by(columns)).order_by(ibis.desc("times"), *columns).limit(limit)
        return tuple(_path(row, columns, of=times) for row in engine.collect(counts))

    return PathsFigures(
        times=times,
        customers=int(total["customers"] or 0),
        nearest=most_frequent(names[:1], MAX_NEAREST),
        paths=most_frequent(names, MAX_PATHS),
    )


def sequences(question: PathsQuestion, *, acts: ibis.Table) -> ibis.Table:
    """What stands beside each occurrence of the event. Grain: one occurrence.

    Columns: customer_id; step_1 (the nearest) to step_N, null beyond the path's end.
    """
    rows = acts.filter(acts.local_date >= question.since, acts.local_date < question.until)
    order = ["at", "position"]
    by_customer = ibis.window(group_by="customer_id", order_by=order)
    until_here = ibis.cumulative_window(group_by="customer_id", order_by=order)
    pause = rows.at.delta(rows.at.lag().over(by_customer), unit="microsecond")
    is_new = ibis.literal(value=False)
    if question.scope is Scope.SESSION:
        gap = int(journeys.SESSION_GAP.total_seconds() * 1e6)
        is_new = (pause > gap).fill_null(True)  # noqa: FBT003 - a value of Ibis
    rows = rows.mutate(is_new=is_new, event_before=rows.event.lag().over(by_customer))
    rows = rows.mutate(session=rows.is_new.cast("int64").sum().over(until_here))
    rows = rows.filter(rows.is_new | (rows.event != rows.event_before) | rows.event_before.isnull())
    in_session = ibis.window(group_by=["customer_id", "session"], order_by=order)
    is_after = question.direction is Direction.AFTER
    steps = {
        f"step_{n}": (rows.event.lead(n) if is_after else rows.event.lag(n)).over(in_session)
        for n in range(1, question.steps + 1)
    }
    rows = rows.mutate(**steps)
    return rows.filter(rows.event == question.event).select("customer_id", *steps)


def _counted(found: Any) -> ibis.Table:
    return found.aggregate(times=ibis._.count(), customers=ibis._.customer_id.nunique())


def _path(row: dict[str, Any], columns: list[str], *, of: int) -> Path:
    return Path(
        events=tuple(row[name] for name in columns if row[name] is not None),
        times=row["times"],
        share=rules.ratio(row["times"], of) or 0.0,
        customers=row["customers"],
    )
