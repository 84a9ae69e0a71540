"""Figures by parts of the trade, and cohorts of customers by their first order."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

import ibis

from sadakat.analytics import rules
from sadakat.analytics.queries import figures
from sadakat.analytics.queries.figures import MAX_PERIODS, Question
from sadakat.analytics.types import Cohort, Cohorts, Dimension, Slice, SliceFigures
from sadakat.commerce import api as commerce
from sadakat.customers import api as customers
from sadakat.kernel.errors import Invalid
from sadakat.kernel.money import Money
from sadakat.kernel.time import Period, PeriodKind
from sadakat.platform import engine
from sadakat.segments import api as segments

MAX_SLICES: Final = 20
_CACHED: Final = 64


def metrics_by(*, dimension: Dimension, as_of: date, period: PeriodKind) -> list[SliceFigures]:
    """The figures of each value of a dimension: stages in their order, all else by revenue, the largest first.

    At most `MAX_SLICES` values; channels, cities and categories are those of the orders that are seen.
    """
    asked = figures.question(as_of=as_of, period=period, known_before=as_of, is_of_all=True)
    parts = figures.metrics_of_parts(asked, dimension)
    revenues = {value: metrics.total_revenue.amount_minor for value, metrics in parts.items()}
    found = [
        SliceFigures(slice=of, label=label, metrics=parts[of.value])
        for of, label in _named(dimension, revenues)
        if of.value in parts
    ]
    return found[:MAX_SLICES]


def slices(dimension: Dimension, *, as_of: date) -> list[tuple[Slice, str]]:
    """The values of a dimension with their labels, at most `MAX_SLICES`."""
    asked = figures.question(as_of=as_of, period=PeriodKind.MONTH, known_before=as_of, is_of_all=True)
    return _named(dimension, {} if dimension is Dimension.STAGE else _revenues(asked, dimension))[:MAX_SLICES]


@lru_cache(maxsize=_CACHED)
def _revenues(asked: Question, dimension: Dimension) -> Mapping[str, int]:
    """What each part of a dimension has brought in all, in minor units."""
    parts = figures.parts_of(asked, dimension)
    parts = parts.filter(parts.order_date < asked.as_of)
    sums = parts.group_by("part").aggregate(revenue=parts.net_minor.sum())
    return {row["part"]: int(row["revenue"]) for row in engine.collect(sums)}


def _named(dimension: Dimension, revenues: Mapping[str, int]) -> list[tuple[Slice, str]]:
    """The values in their order; stages also where nobody has ordered."""
    if dimension is Dimension.STAGE:
        named = segments.names_of(segments.segments(group="stage"))
        return [(Slice(dimension, key), name) for key, name in named.items()]
    labels = {}
    if dimension is Dimension.SEGMENT:
        labels = {each.key: each.name for each in segments.segments(group="")}
    elif dimension is Dimension.CITY:
        labels = customers.spellings("city")
    elif dimension is Dimension.CHANNEL:
        labels = {value: commerce.channel_name(value) for value in revenues}
    values = sorted(revenues, key=lambda value: (-revenues[value], value))
    return [
        (Slice(dimension, value), labels.get(value, value))
        for value in values
        if value and (dimension is not Dimension.SEGMENT or value in labels)
    ]


def slice_choices(*, as_of: date) -> list[tuple[Slice, str]]:
    """Every slice that figures can be asked of, with its label."""
    return [each for dimension in Dimension for each in slices(dimension, as_of=as_of)]


def cohorts(*, as_of: date, period: PeriodKind, count: int = 12, of: Slice | None = None) -> Cohorts:
    """The customers of the latest `count` whole periods by their first order, and who of them came back when.

    With a slice the first order is the first of its orders.

    Raises:
        Invalid: `count` is not between 1 and `MAX_PERIODS`.
    """
    if not 1 <= count <= MAX_PERIODS:
        raise Invalid(f"count must be between 1 and {MAX_PERIODS}, not {count}")
    return _cohorts(figures.question(as_of=as_of, period=period, known_before=as_of, of=of), count)


@lru_cache(maxsize=_CACHED)
def _cohorts(asked: Question, count: int) -> Cohorts:
    periods = rules.periods_until(asked.as_of, kind=asked.period, count=count)
    orders = figures.orders_of(asked)
    rows: dict[tuple[date, date], Mapping[str, Any]] = {
        (row["first_start"], row["start"]): row
        for row in engine.collect(_by_cohort(orders, periods, kind=asked.period))
    }
    starts = [period.start for period in periods]

    def cohort(place: int) -> Cohort:
        found = [rows.get((starts[place], start), {}) for start in starts[place:]]
        return Cohort(
            start=starts[place],
            customers=int(found[0].get("customers", 0)),
            kept=tuple(int(row.get("customers", 0)) for row in found),
            revenue=tuple(Money(int(row.get("revenue", 0)), asked.currency) for row in found),
        )

    return Cohorts(period=asked.period, rows=tuple(cohort(place) for place in range(len(starts))))


def _by_cohort(orders: ibis.Table, periods: list[Period], *, kind: PeriodKind) -> ibis.Table:
    """Grain: the period of a first order and a period of orders, both by their first day."""
    unit = figures.TRUNCATE[kind]
    first_date = orders.order_date.min().over(group_by=orders.customer_id)
    dated = orders.mutate(start=orders.order_date.truncate(unit), first_start=first_date.truncate(unit))
    dated = dated.filter(dated.first_start >= periods[0].start, dated.order_date < periods[-1].end)
    return dated.group_by("first_start", "start").aggregate(
        customers=dated.customer_id.nunique(), revenue=dated.net_minor.sum()
    )
