"""Funnels: how far customers come along a sequence of events.

A chain begins with an event that is a first step; each further step is the first event of its kind after the step
before it. It goes on while the steps come within the window. Of all his chains the one that comes furthest speaks for
a customer, and of equally long ones the earliest. `docs/algorithms/funnels.md` has worked examples.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import ibis

from sadakat.analytics import models, rules
from sadakat.analytics.queries.acts import Holds, acts, holds
from sadakat.analytics.rules import journeys
from sadakat.analytics.types import FunnelFigures, FunnelPart, FunnelQuestion, FunnelStep, KeptFunnel, StepFigures
from sadakat.events import api as events
from sadakat.platform import brand, engine, lake, predicates
from sadakat.segments import api as segments
from sadakat.segments import tables as segment_tables

MAX_PARTS: Final = 12
_CACHED: Final = 64


def funnel(question: FunnelQuestion, *, at: datetime) -> FunnelFigures:
    """How many customers came how far, all together and by part; conditions that speak of now mean the minute of `at`.

    Raises:
        Invalid: the question cannot be asked.
        Unavailable: files of the lake are missing.
    """
    journeys.check_funnel(question)
    return _funnel(question, lake.version(), at.replace(second=0, microsecond=0))


def kept_funnels() -> list[KeptFunnel]:
    """The funnels that people have named, by name."""
    return [
        KeptFunnel(
            id=row.pk,
            name=row.name,
            question=row.question,
            actor_name=row.actor_name,
            changed_at=row.changed_at,
        )
        for row in models.Funnel.objects.order_by("name")[: journeys.MAX_FUNNELS]
    ]


@lru_cache(maxsize=_CACHED)
def _funnel(question: FunnelQuestion, _lake_version: str, at: datetime) -> FunnelFigures:
    here, count = brand.current(), len(question.steps)
    best = furthest(question, acts=acts(), holds=holds(at=at, time_zone=here.zone))
    (total,) = engine.collect(summed(best, steps=count))
    parts: list[dict[str, Any]] = []
    if question.part_by:
        by_part = summed(_told_apart(best, question.part_by), steps=count, by_part=True)
        parts = engine.collect(by_part.order_by(ibis.desc("n_1"), "part").limit(MAX_PARTS))
    names = {str(id_): source.name for id_, source in events.sources().items()} if question.part_by == "source" else {}
    return FunnelFigures(
        steps=_figures(total, count),
        parts=tuple(
            FunnelPart(value=names.get(row["part"], row["part"] or ""), steps=_figures(row, count)) for row in parts
        ),
    )


def _told_apart(best: ibis.Table, part_by: str) -> ibis.Table:
    """Adds `part` to `furthest`: what its first event says, or what is known of the customer now."""
    kind, _, name = part_by.partition(":")
    if kind == "channel":
        return best.mutate(part=predicates.said_text(best.said, "channel"))
    if kind == "source":
        return best.mutate(part=best.source_id.cast("string"))
    if kind in {"segment", "group"}:
        keys = [name] if kind == "segment" else [each.key for each in segments.segments(group=name)]
        members = segment_tables.members()
        known = members.filter(members.segment_key.isin(keys)).select(part="segment_key", known_id="customer_id")
    else:
        subjects = segment_tables.subjects()
        trait = predicates.said_text(subjects.said, predicates.key_of(name or kind))
        known = subjects.select(part=trait, known_id="customer_id")
    return best.left_join(known, best.customer_id == known.known_id)


def furthest(question: FunnelQuestion, *, acts: ibis.Table, holds: Holds) -> ibis.Table:
    """The chain that speaks for each customer who took the first step.

    Grain: one customer. Columns: customer_id; depth (steps taken); at_1 to at_N, the moments of the steps, those
    beyond `depth` of no meaning; source_id and said of the first event.
    """
    count = len(question.steps)
    reach = ibis.interval(days=_reach_days(question))
    rows = acts.filter(acts.local_date >= question.since, acts.local_date < ibis.literal(question.until) + reach)
    rows = rows.mutate(**{f"is_{n}": _is_step(step, rows, holds) for n, step in enumerate(question.steps, 1)})
    rows = rows.filter(ibis.or_(*(rows[f"is_{n}"] for n in range(1, count + 1))))
    starts = _with_chains(rows, count=count)
    starts = starts.filter(starts.is_1, starts.local_date < question.until)
    starts = starts.mutate(depth=_depth(starts, question))
    order = [ibis.desc("depth"), "at", "position"]
    starts = starts.mutate(place=ibis.row_number().over(group_by="customer_id", order_by=order))
    moments = {f"at_{n}": starts[f"from_1_{n}"] for n in range(1, count + 1)}
    return starts.filter(starts.place == 0).select("customer_id", "depth", "source_id", "said", **moments)


def _reach_days(question: FunnelQuestion) -> int:
    """How many days after the range a later step may still lie."""
    spans = len(question.steps) - 1 if question.is_per_step else 1
    return (question.window * spans).days + 2


def _is_step(step: FunnelStep, rows: ibis.Table, holds: Holds) -> ibis.Value:
    is_event = rows.event == step.event
    fits = is_event if step.having is None else is_event & holds(step.having, rows)
    return fits.fill_null(False)  # noqa: FBT003 - a value of Ibis


def _with_chains(rows: ibis.Table, *, count: int) -> ibis.Table:
    """Adds `from_J_M`: when step M is taken by the chain in which this event is step J.

    The chain of an earlier event never comes anywhere later than that of a later one, so the nearest next step is
    where the earliest moments are: a minimum over what follows finds them, in one pass for each step.
    """
    window = ibis.window(group_by="customer_id", order_by=["at", "position"], rows=(1, None))
    rows = rows.mutate(**{f"from_{count}_{count}": rows.at})
    for j in range(count - 1, 0, -1):
        nearest = {
            f"from_{j}_{m}": rows[f"is_{j + 1}"].ifelse(rows[f"from_{j + 1}_{m}"], ibis.null(rows.at.type()))
            for m in range(j + 1, count + 1)
        }
        rows = rows.mutate(**{f"from_{j}_{j}": rows.at, **{k: v.min().over(window) for k, v in nearest.items()}})
    return rows


def _depth(starts: ibis.Table, question: FunnelQuestion) -> ibis.Value:
    """How many steps come within the window, which ends just before it has passed."""
    limit = question.window.total_seconds() * 1e6
    depth: Any = ibis.literal(1)
    so_far: Any = ibis.literal(value=True)
    for m in range(2, len(question.steps) + 1):
        since = starts[f"from_1_{m - 1 if question.is_per_step else 1}"]
        passed = starts[f"from_1_{m}"].delta(since, unit="microsecond")
        so_far &= (passed < int(limit)).fill_null(False)  # noqa: FBT003 - a value of Ibis
        depth += so_far.ifelse(1, 0)
    return depth


def summed(best: ibis.Table, *, steps: int, by_part: bool = False) -> ibis.Table:
    """Sums over `furthest`. Grain: a single row, or one part.

    Columns: n_M, customers of step M; gap_M, median seconds from the step before.
    """
    columns: dict[str, ibis.Value] = {}
    for m in range(1, steps + 1):
        columns[f"n_{m}"] = best.count(where=best.depth >= m)
        if m > 1:
            gap = best[f"at_{m}"].delta(best[f"at_{m - 1}"], unit="microsecond")
            columns[f"gap_{m}"] = gap.median(where=best.depth >= m).cast("float64") / 1e6
    return best.group_by("part").aggregate(**columns) if by_part else best.aggregate(**columns)


def _figures(row: Mapping[str, Any], count: int) -> tuple[StepFigures, ...]:
    reached = [int(row[f"n_{m}"] or 0) for m in range(1, count + 1)]
    return tuple(
        StepFigures(
            customers=reached[m],
            of_first=rules.ratio(reached[m], reached[0]),
            of_before=rules.ratio(reached[m], reached[m - 1]) if m else None,
            lost=reached[m - 1] - reached[m] if m else 0,
            median_seconds=row[f"gap_{m + 1}"] if m else None,
        )
        for m in range(count)
    )
