"""Customers by stage and phase: now, from month to month, and between two days."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache, reduce
from operator import and_, or_
from typing import Any, Final

import ibis
import numpy as np
from numpy.typing import NDArray

from sadakat.analytics import rules
from sadakat.analytics.queries.groups import events_of, group_thresholds, latest_fit, recent_revenue
from sadakat.analytics.types import Group, StageCell, StageMove, StageSizes, StageTime
from sadakat.kernel import predicates, time
from sadakat.kernel.money import Money
from sadakat.kernel.predicates import All, Any_, Comparison, EventLeaf, Measure, Not, Op, Predicate, Vocabulary
from sadakat.kernel.time import PeriodKind
from sadakat.platform import brand, engine, lake
from sadakat.segments import tables

MONTHS: Final = 12
STAGES: Final = ("stage-awareness", "stage-evaluation", "stage-purchase", "stage-loyalty")
_NOT_KNOWN: Final = -1
_CACHED: Final = 32
Standings = NDArray[np.int8]


def stage_cells(*, as_of: date) -> tuple[StageCell, ...]:
    """Customers by stage and phase as they are now; pairs that nobody is in are left out."""
    members = tables.members()
    stages = members.filter(members.segment_key.startswith("stage-")).select("customer_id", stage="segment_key")
    phases = members.filter(members.segment_key.startswith("phase-")).select("customer_id", phase="segment_key")
    held = stages.inner_join(phases, "customer_id").left_join(recent_revenue(as_of), "customer_id")
    sums = held.group_by("stage", "phase").aggregate(customers=held.count(), revenue=held.revenue.sum().fill_null(0))
    currency = brand.current().currency
    return tuple(
        StageCell(
            stage=row["stage"],
            phase=row["phase"],
            customers=row["customers"],
            revenue=Money(int(row["revenue"]), currency),
        )
        for row in engine.collect(sums)
    )


def stage_moves(*, since: date, until: date) -> tuple[StageMove, ...]:
    """Where everybody stood as both days began, under the present rules, also of days before they were set."""
    return _moves(since, until, _asked_now())


def stage_trend() -> tuple[StageSizes, ...]:
    """Customers in each stage at the latest month's ends, earliest first, as the latest run has counted them."""
    fit = latest_fit("stages")
    return tuple(
        StageSizes(day=date.fromisoformat(each["day"]), sizes=each["sizes"])
        for each in (fit.body["trend"] if fit else ())
    )


def stage_times() -> tuple[StageTime, ...]:
    """How long customers have been in their stage, as the latest run has counted it; stages of nobody are left out."""
    fit = latest_fit("stages")
    return tuple(StageTime(**each) for each in (fit.body["times"] if fit else ()))


def stage_history(*, as_of: date) -> dict[str, Any]:
    """What `stage_trend` and `stage_times` tell, computed: the stage of everybody at each month's end, and now."""
    months = [period.end for period in rules.periods_until(as_of, kind=PeriodKind.MONTH, count=MONTHS)]
    days = sorted({*months, as_of})
    stood = _stood(days)
    trend = [
        {"day": str(day), "sizes": {key: int((column == place).sum()) for place, key in enumerate(STAGES)}}
        for day, column in zip(days, stood, strict=True)
    ]
    return {"trend": trend, "times": _times(stood, days=days), "rules": group_thresholds(Group.STAGE)}


def _asked_now() -> str:
    """Equal texts stand for equal answers: what the lake holds, and the rules."""
    return f"{lake.version()} {sorted(group_thresholds(Group.STAGE).items())}"


@lru_cache(maxsize=_CACHED)
def _moves(since: date, until: date, _asked: str) -> tuple[StageMove, ...]:
    pairs, counts = np.unique(np.stack(_stood([since, until])), axis=1, return_counts=True)
    keys = {_NOT_KNOWN: "", **dict(enumerate(STAGES))}
    return tuple(
        StageMove(from_key=keys[int(start)], to_key=keys[int(end)], customers=int(count))
        for start, end, count in zip(*pairs, counts, strict=True)
        if end != _NOT_KNOWN
    )


def _stood(days: Sequence[date]) -> list[Standings]:
    """The stage of everybody as each day began, as a place in `STAGES`; all in one order of customers."""
    zone = brand.current().zone
    found = engine.collect_columns(stages_on([time.midnight(day, time_zone=zone) for day in days]))
    return [found[f"stage_{number}"].to_numpy() for number in range(len(days))]


def stages_at(at: datetime) -> ibis.Table:
    """The stage of everybody who was known at a moment, by the rules in force now, as a place in `STAGES`.

    Grain: one customer. Columns: customer_id; stage.
    """
    found = stages_on([at]).rename(stage="stage_0")
    return found.filter(found.stage != _NOT_KNOWN)


def stages_on(moments: Sequence[datetime]) -> ibis.Table:
    """The stage of everybody at each of these moments: `customer_id`, and `stage_0` on, −1 for not known yet.

    The events are gone through once for all moments. `segments.asked` answers alike, in one pass for each.
    """
    wheres = {rule.key: rule.where for rule in rules.rules_of(Group.STAGE, group_thresholds(Group.STAGE))}
    # The first stage is where all others are not.
    asked = [predicates.parse(rules.document(wheres[key]), vocabulary=Vocabulary()) for key in STAGES[1:]]
    leaves = list(dict.fromkeys(leaf for predicate in asked for leaf in _leaves(predicate)))
    logged = events_of([leaf.event for leaf in leaves])
    counts = {
        f"count_{moment}_{place}": logged.count(where=_is_counted(logged, leaf, at))
        for moment, at in enumerate(moments)
        for place, leaf in enumerate(leaves)
    }
    subjects = tables.subjects().select("customer_id", "first_seen_at")
    found = subjects.left_join(logged.group_by("customer_id").aggregate(**counts), "customer_id")

    def stage(moment: int) -> Any:
        values = {leaf: found[f"count_{moment}_{place}"].fill_null(0) for place, leaf in enumerate(leaves)}
        cases = [(_fits(predicate, values), place) for place, predicate in enumerate(asked, 1)]
        is_known = found.first_seen_at <= ibis.literal(moments[moment])
        return ibis.cases((~is_known, _NOT_KNOWN), *cases, else_=0).cast("int8")

    return found.select("customer_id", **{f"stage_{moment}": stage(moment) for moment in range(len(moments))})


def _leaves(predicate: Predicate) -> list[EventLeaf]:
    match predicate:
        case All(parts) | Any_(parts):
            return [leaf for part in parts for leaf in _leaves(part)]
        case Not(part):
            return _leaves(part)
        case EventLeaf():
            return [predicate]
        case _:
            raise AssertionError("stages ask for nothing but events")


def _is_counted(logged: ibis.Table, leaf: EventLeaf, at: datetime) -> Any:
    """Whether an event lies in the window of a condition: open at its start, closed at the moment."""
    is_there = (logged.event == leaf.event) & (logged.at <= ibis.literal(at))
    if leaf.window is None:
        return is_there
    assert leaf.window.within is not None
    return is_there & (logged.at > ibis.literal(at - leaf.window.within))


def _fits(predicate: Predicate, counts: Mapping[EventLeaf, Any]) -> Any:
    match predicate:
        case All(parts):
            return reduce(and_, [_fits(part, counts) for part in parts])
        case Any_(parts):
            return reduce(or_, [_fits(part, counts) for part in parts])
        case Not(part):
            return ~_fits(part, counts)
        case EventLeaf(measure=Measure(test=Comparison(op=Op.AT_LEAST, operand=float(least)))):
            return counts[predicate] >= least
        case _:
            raise AssertionError("stages ask for nothing but how often something happened")


def _times(stood: Sequence[Standings], *, days: Sequence[date]) -> list[Mapping[str, Any]]:
    """The median time for which those of each stage have been seen in it, day by day backwards."""
    now = stood[-1]
    since = np.full(len(now), len(days) - 1)
    is_same = np.ones(len(now), dtype=bool)
    for place in range(len(days) - 2, -1, -1):
        is_same &= stood[place] == now
        since[is_same] = place
    lasted = np.array([(days[-1] - day).days for day in days])
    found: list[Mapping[str, Any]] = []
    for place, key in enumerate(STAGES):
        if (now == place).any():
            days_there = int(np.median(lasted[since[now == place]]))
            found.append({"stage": key, "days": days_there, "is_at_least": days_there == int(lasted[0])})
    return found
