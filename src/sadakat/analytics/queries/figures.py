"""The figures: each metric is computed here and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import ibis

from sadakat.analytics import models, rules, tables
from sadakat.analytics.types import (
    ChannelSpend,
    Dimension,
    Metrics,
    PeriodFigures,
    Slice,
    Slipping,
    SlippingCustomer,
    Spend,
)
from sadakat.commerce import tables as commerce
from sadakat.customers import tables as customers
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid
from sadakat.kernel.money import Money
from sadakat.kernel.time import Period, PeriodKind
from sadakat.platform import brand, engine, lake
from sadakat.segments import api as segments

MAX_PERIODS: Final = 400
HABIT_ORDERS: Final = 5
SHORTEST_GAP_DAYS: Final = 7.0
_CACHED: Final = 256
TRUNCATE: Final = {
    PeriodKind.WEEK: "W",
    PeriodKind.MONTH: "M",
    PeriodKind.QUARTER: "Q",
    PeriodKind.YEAR: "Y",
}
# What figures of the whole trade are computed from; all else that is written leaves kept answers as they are.
READ: Final = tuple(each.name for each in (commerce.ORDER_ENTRIES, customers.PROFILE_MAP, tables.MARKETING_SPEND))
# Dimensions whose parts are the segments of a group; that of people's own has no name.
_GROUPS: Final = {Dimension.STAGE: "stage", Dimension.SEGMENT: ""}
_MICROSECONDS_A_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of which lake: equal questions have equal answers."""

    as_of: date
    period: PeriodKind
    known_before: date
    currency: str
    lake_version: str
    of: Slice | None = None


def metrics(*, as_of: date, period: PeriodKind, of: Slice | None = None) -> Metrics:
    """Every figure as of the start of a local day; its `period` is the latest whole one of that kind.

    With a slice, over the orders of that part of the trade alone.

    Raises:
        Unavailable: the home has no brand yet, or files of the lake are missing.
    """
    return _metrics(question(as_of=as_of, period=period, known_before=as_of, of=of))


def previous_metrics(*, as_of: date, period: PeriodKind, of: Slice | None = None) -> Metrics:
    """The figures that those of `metrics` are compared with: their windows end where its period starts.

    Both know the same refunds and cancellations, those before `as_of`, so that a change is a change of trade.
    """
    start = time.latest_period(as_of, kind=period).start
    return _metrics(question(as_of=start, period=period, known_before=as_of, of=of))


def series(*, as_of: date, period: PeriodKind, count: int, of: Slice | None = None) -> tuple[PeriodFigures, ...]:
    """The latest `count` whole periods, earliest first, periods without orders included.

    All know what happened before `as_of`; the last one has the figures of `metrics`.

    Raises:
        Invalid: `count` is not between 1 and `MAX_PERIODS`.
    """
    if not 1 <= count <= MAX_PERIODS:
        raise Invalid(f"count must be between 1 and {MAX_PERIODS}, not {count}")
    return _series(question(as_of=as_of, period=period, known_before=as_of, of=of), count)


def slipping(*, as_of: date, limit: int = 50) -> Slipping:
    """Customers with at least `HABIT_ORDERS` orders who have been silent for over twice their usual gap.

    A gap below a week counts as one, so that somebody who shops daily and skips three days has broken nothing; who
    has been silent for longer than the trailing window is lost already, and left out.
    """
    return _slipping(question(as_of=as_of, period=PeriodKind.MONTH, known_before=as_of), limit)


def spend_by_channel(*, since: date, until: date) -> tuple[ChannelSpend, ...]:
    """What each channel cost in each month, over the days from `since` until before `until`, earliest first."""
    currency = brand.current().currency
    spend = tables.marketing_spend()
    spend = spend.filter(spend.day >= since, spend.day < until)
    sums = spend.group_by("channel", month=spend.day.truncate("M")).aggregate(amount=spend.amount_minor.sum())
    rows = sorted(engine.collect(sums), key=lambda row: (row["month"], row["channel"]))
    return tuple(
        ChannelSpend(month=row["month"], channel=row["channel"], amount=Money(int(row["amount"]), currency))
        for row in rows
    )


def spends(*, limit: int, offset: int = 0) -> tuple[list[Spend], int]:
    """The recorded spends, latest days first, and how many there are in all."""
    rows = models.Spend.objects.order_by("-from_date", "-to_date", "channel", "campaign")
    currency = brand.current().currency
    found = [
        Spend(
            from_date=row.from_date,
            to_date=row.to_date,
            channel=row.channel,
            campaign=row.campaign,
            amount=Money(row.amount_minor, currency),
            said=Money(row.said_minor, row.currency),
        )
        for row in rows[offset : offset + limit]
    ]
    return found, rows.count()


@lru_cache(maxsize=_CACHED)
def _slipping(asked: Question, limit: int) -> Slipping:
    as_of, currency = asked.as_of, asked.currency
    orders = tables.counted_orders(known_before=as_of)
    customers = orders.group_by("customer_id").aggregate(
        orders=orders.count(),
        revenue=orders.net_minor.sum(),
        last_order_date=orders.order_date.max(),
        span_days=orders.order_date.max().delta(orders.order_date.min(), unit="day"),
        silent_days=ibis.literal(as_of).delta(orders.order_date.max(), unit="day"),
    )
    usual_gap = ibis.greatest(customers.span_days / (customers.orders - 1), SHORTEST_GAP_DAYS)
    regular = customers.filter(customers.orders >= HABIT_ORDERS).mutate(usual_gap_days=usual_gap)
    found = regular.filter(regular.silent_days > 2 * regular.usual_gap_days, regular.silent_days <= rules.TRAILING_DAYS)
    rows = sorted(engine.collect(found), key=lambda row: (-row["revenue"], row["customer_id"]))
    return Slipping(
        count=len(rows),
        revenue=Money(sum(int(row["revenue"]) for row in rows), currency),
        customers=tuple(
            SlippingCustomer(
                customer_id=row["customer_id"],
                orders=row["orders"],
                revenue=Money(int(row["revenue"]), currency),
                last_order_date=row["last_order_date"],
                usual_gap_days=float(row["usual_gap_days"]),
                silent_days=int(row["silent_days"]),
            )
            for row in rows[:limit]
        ),
    )


def question(
    *, as_of: date, period: PeriodKind, known_before: date, of: Slice | None = None, is_of_all: bool = False
) -> Question:
    """The question as of now: of the brand and the lake that are; `is_of_all`: of all the lake, not of orders alone."""
    return Question(
        as_of=as_of,
        period=period,
        known_before=known_before,
        currency=brand.current().currency,
        lake_version=lake.version(() if of or is_of_all else READ),
        of=of,
    )


def orders_of(asked: Question) -> ibis.Table:
    """The orders that a question is about, as `tables.counted_orders` has them."""
    orders = tables.counted_orders(known_before=asked.known_before)
    if asked.of is None:
        return orders
    parts = tables.parted(orders, asked.of.dimension)
    return parts.filter(parts.part == asked.of.value).drop("part")


def parts_of(asked: Question, dimension: Dimension) -> ibis.Table:
    """The orders that a question is about by the parts of a dimension, as `tables.parted` has them.

    Segments are those in use of the one group that the dimension is.
    """
    parts = tables.parted(orders_of(asked), dimension)
    if dimension not in _GROUPS:
        return parts
    return parts.filter(parts.part.isin([each.key for each in segments.segments(group=_GROUPS[dimension])]))


@lru_cache(maxsize=_CACHED)
def _metrics(asked: Question) -> Metrics:
    figures = _series(asked, 1)[0]
    orders = orders_of(asked)
    orders = orders.filter(orders.order_date < asked.as_of)
    period = Period(figures.period_start, figures.period_end)
    return _whole(asked, figures, sums=engine.collect(_sums(orders, as_of=asked.as_of, period=period))[0])


@lru_cache(maxsize=_CACHED)
def metrics_of_parts(asked: Question, dimension: Dimension) -> Mapping[str, Metrics]:
    """The figures of every part of a dimension, by its value, all in one pass."""
    parts = parts_of(asked, dimension)
    before, period = rules.periods_until(asked.as_of, kind=asked.period, count=2)
    rows = {
        (row["part"], row["start"]): row
        for row in engine.collect(_by_period(parts, [before, period], kind=asked.period, by=["part"]))
    }
    parts = parts.filter(parts.order_date < asked.as_of)
    found = {}
    for sums in engine.collect(_sums(parts, as_of=asked.as_of, period=period, by=["part"])):
        now, then = (rows.get((sums["part"], each.start), {}) for each in (period, before))
        figures = _figures(asked, period, sums=now, before=then, spend=None)
        found[sums["part"]] = _whole(asked, figures, sums=sums)
    return found


def _whole(asked: Question, figures: PeriodFigures, *, sums: Mapping[str, Any]) -> Metrics:
    def of(name: str) -> int:
        return int(sums[name] or 0)

    currency = asked.currency
    return Metrics(
        **{field.name: getattr(figures, field.name) for field in fields(figures)},
        as_of=asked.as_of,
        purchase_frequency=rules.ratio(of("trailing_orders"), of("trailing_customers")),
        average_order_value=rules.mean_money(of("trailing_revenue"), of("trailing_orders"), currency=currency),
        active_customers=of("trailing_customers"),
        retention_rate_classical=rules.ratio(of("active_at_end") - figures.new_customers, of("active_at_start")),
        days_between_orders=None if sums["gap"] is None else sums["gap"] / _MICROSECONDS_A_DAY,
        historic_cltv=rules.mean_money(of("revenue"), of("customers"), currency=currency),
        total_customers=of("customers"),
        total_revenue=Money(of("revenue"), currency),
    )


@lru_cache(maxsize=_CACHED)
def _series(asked: Question, count: int) -> tuple[PeriodFigures, ...]:
    # One period more, for the customers that the first one can have kept.
    periods = rules.periods_until(asked.as_of, kind=asked.period, count=count + 1)
    orders = orders_of(asked)
    rows = {row["start"]: row for row in engine.collect(_by_period(orders, periods, kind=asked.period))}
    spend = [] if asked.of else engine.collect(_spend_by_period(periods, kind=asked.period))
    spent = {row["start"]: row["spend"] for row in spend}
    return tuple(
        _figures(
            asked,
            period,
            sums=rows.get(period.start, {}),
            before=rows.get(before.start, {}),
            spend=spent.get(period.start),
        )
        for before, period in pairwise(periods)
    )


def _figures(
    asked: Question, period: Period, *, sums: Mapping[str, Any], before: Mapping[str, Any], spend: int | None
) -> PeriodFigures:
    def of(name: str) -> int:
        return int(sums.get(name) or 0)

    def money(amount_minor: int) -> Money:
        return Money(amount_minor, asked.currency)

    retention_rate = rules.ratio(of("kept_customers"), before.get("customers", 0))
    return PeriodFigures(
        period=asked.period,
        period_start=period.start,
        period_end=period.end,
        customers=of("customers"),
        orders=of("orders"),
        revenue=money(of("revenue")),
        new_customers=of("new_customers"),
        returning_customers=of("customers") - of("new_customers"),
        new_customer_revenue=money(of("new_revenue")),
        returning_customer_revenue=money(of("revenue") - of("new_revenue")),
        repeat_purchase_rate=rules.ratio(of("repeat_customers"), of("customers")),
        guest_checkout_rate=rules.ratio(of("guest_orders"), of("online_orders")),
        retention_rate=retention_rate,
        churn_rate=None if retention_rate is None else 1 - retention_rate,
        marketing_spend=None if spend is None else money(spend),
        acquisition_cost=None
        if spend is None
        else rules.mean_money(spend, of("new_customers"), currency=asked.currency),
    )


def _by_period(orders: ibis.Table, periods: list[Period], *, kind: PeriodKind, by: Sequence[str] = ()) -> ibis.Table:
    """Sums of each of these periods that has orders. Grain: one period, by its first day `start`, of each `by`."""
    unit = TRUNCATE[kind]
    whose = [*by, "customer_id"]
    first_date = orders.order_date.min().over(group_by=whose)
    dated = orders.mutate(start=orders.order_date.truncate(unit), first_start=first_date.truncate(unit))
    dated = dated.filter(dated.order_date >= periods[0].start, dated.order_date < periods[-1].end)
    online = dated.channel == "online"
    buyers = dated.group_by("start", "first_start", *whose).aggregate(
        orders=dated.count(),
        revenue=dated.net_minor.sum(),
        online_orders=dated.count(where=online),
        guest_orders=dated.count(where=online & dated.is_guest),
    )
    last_start = buyers.start.lag().over(group_by=whose, order_by=buyers.start)
    buyers = buyers.mutate(last_start=last_start)
    is_new = buyers.first_start == buyers.start
    is_kept = buyers.last_start == (buyers.start - ibis.interval(days=1)).truncate(unit)
    return buyers.group_by("start", *by).aggregate(
        customers=buyers.count(),
        orders=buyers.orders.sum(),
        revenue=buyers.revenue.sum(),
        new_customers=buyers.count(where=is_new),
        new_revenue=buyers.revenue.sum(where=is_new),
        repeat_customers=buyers.count(where=buyers.orders > 1),
        online_orders=buyers.online_orders.sum(),
        guest_orders=buyers.guest_orders.sum(),
        kept_customers=buyers.count(where=is_kept),
    )


def _spend_by_period(periods: list[Period], *, kind: PeriodKind) -> ibis.Table:
    """What was spent in each of these periods that something is recorded for. Grain: one period, by its first day."""
    spend = tables.marketing_spend()
    spend = spend.filter(spend.day >= periods[0].start, spend.day < periods[-1].end)
    return spend.group_by(start=spend.day.truncate(TRUNCATE[kind])).aggregate(spend=spend.amount_minor.sum())


def _sums(orders: ibis.Table, *, as_of: date, period: Period, by: Sequence[str] = ()) -> ibis.Table:
    """Sums over all orders and over trailing windows, and the median gap. Grain: a single row; or one for each `by`."""

    def within(end: date) -> ibis.Value:
        window = rules.trailing(end)
        return (orders.order_date >= window.start) & (orders.order_date < window.end)

    customers = orders.group_by(*by, "customer_id").aggregate(
        revenue=orders.net_minor.sum(),
        trailing_orders=orders.count(where=within(as_of)),
        trailing_revenue=orders.net_minor.sum(where=within(as_of)),
        is_active_at_start=within(period.start).any(),
        is_active_at_end=within(period.end).any(),
    )
    totals = (customers.group_by(*by) if by else customers).aggregate(
        customers=customers.count(),
        revenue=customers.revenue.sum(),
        trailing_customers=customers.count(where=customers.trailing_orders > 0),
        trailing_orders=customers.trailing_orders.sum(),
        trailing_revenue=customers.trailing_revenue.sum(),
        active_at_start=customers.count(where=customers.is_active_at_start),
        active_at_end=customers.count(where=customers.is_active_at_end),
    )
    gaps = tables.order_gaps(orders, by=by)
    median = (gaps.group_by(*by) if by else gaps).aggregate(gap=gaps.gap_microseconds.median())
    return totals.left_join(median, by).drop(*(f"{name}_right" for name in by)) if by else totals.cross_join(median)
