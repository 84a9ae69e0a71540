"""What the groups rest on: each customer's orders and habits over the lake, the rules in force, and what was fitted."""

from collections.abc import Collection
from datetime import date
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import numpy as np

from sadakat.analytics import features, models, rules, tables
from sadakat.analytics.methods import clusters
from sadakat.analytics.types import Group, GroupSize, RfmCell, RfmCuts, RulesVersion
from sadakat.commerce import tables as commerce
from sadakat.customers import tables as customers
from sadakat.events import tables as events
from sadakat.kernel.money import Money
from sadakat.platform import brand, engine
from sadakat.platform.predicates import said_exists, said_number, said_text
from sadakat.segments import tables as segments

DEAL_RATIO: Final = 0.1
"""An order is a deal from a discount of a tenth of what it would have cost, or with any coupon."""
MAX_BASE_SHARE: Final = 2 / 3
"""Where so many of all orders are alike in a thing, that a customer's are alike in it says nothing of him."""
_DAYPART_HOURS: Final = 6
_SHARED: Final = ("Product Shared", "Cart Shared")
_REVIEWED: Final = "Product Reviewed"
_VIEWED: Final = ("Page Viewed", "Product Viewed")


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _wall_clock(zone: str, at: dt.Timestamp(timezone="UTC")) -> dt.timestamp:  # type: ignore[valid-type]
    """The local time of an instant."""


def group_thresholds(group: Group) -> dict[str, float]:
    """The thresholds in force: those last set, or the defaults.

    Raises:
        Invalid: the group has none.
    """
    row = models.Grouping.objects.filter(group=group).order_by("-id").first()
    return rules.checked(group, row.rules if row else {})


def rules_versions(group: Group, *, limit: int = 20) -> tuple[RulesVersion, ...]:
    """What the thresholds of a group have been set to, latest first."""
    rows = models.Grouping.objects.filter(group=group).order_by("-id")[:limit]
    return tuple(RulesVersion(thresholds=row.rules, actor_name=row.actor_name, at=row.at) for row in rows)


def latest_fit(kind: str) -> models.Fit | None:
    """What was last computed of everybody: `rfm`, `clusters` or `stages`."""
    return models.Fit.objects.filter(kind=kind).order_by("-at", "-id").first()


def cluster_portraits() -> tuple[tuple[tuple[str, bool], ...], ...]:
    """By what each cluster stands out: columns, and whether it lies above the mean in them; empty without clusters."""
    fit = latest_fit("clusters")
    body = fit.body if fit else {}
    if not body:
        return ()
    told = clusters.portraits(np.array(body["centres"]))
    return tuple(tuple((body["columns"][column], is_high) for column, is_high in each) for each in told)


def group_sizes(group: Group, *, as_of: date) -> tuple[GroupSize, ...]:
    """Customers of each segment of a group that has any, and their revenue of the 365 days before `as_of`."""
    members = segments.members()
    members = members.filter(members.segment_key.startswith(f"{group}-"))
    held = members.left_join(recent_revenue(as_of), "customer_id")
    sums = held.group_by("segment_key").aggregate(customers=held.count(), revenue=held.revenue.sum().fill_null(0))
    currency = brand.current().currency
    return tuple(
        GroupSize(key=row["segment_key"], customers=row["customers"], revenue=Money(int(row["revenue"]), currency))
        for row in engine.collect(sums)
    )


def rfm_cells(*, as_of: date) -> tuple[RfmCell, ...]:
    """Customers by their scores for recency and frequency; pairs that nobody has are left out."""
    subjects = segments.subjects()
    scored = subjects.filter(subjects.rfm_recency.notnull()).left_join(recent_revenue(as_of), "customer_id")
    sums = scored.group_by("rfm_recency", "rfm_frequency").aggregate(
        customers=scored.count(), revenue=scored.revenue.sum().fill_null(0)
    )
    currency = brand.current().currency
    return tuple(
        RfmCell(
            recency=int(row["rfm_recency"]),
            frequency=int(row["rfm_frequency"]),
            customers=row["customers"],
            revenue=Money(int(row["revenue"]), currency),
        )
        for row in engine.collect(sums)
    )


def known_habits() -> frozenset[str]:
    """Which habits are known of anybody."""
    subjects = segments.subjects()
    names = [each.name for each in features.FEATURES if each.name.startswith("habit_")]
    row = engine.collect(subjects.aggregate(**{name: subjects[name].notnull().any() for name in names}))[0]
    return frozenset(name for name in names if row[name])


def rfm_cuts() -> RfmCuts | None:
    """The cut points in force; None where there are too few customers for any."""
    fit = latest_fit("rfm")
    if fit is None or not fit.body:
        return None
    return RfmCuts(**{name: tuple(cuts) for name, cuts in fit.body.items()}, customers=fit.customers, at=fit.at)


def rhythm(*, as_of: date) -> tuple[int, float | None]:
    """How many gaps between orders of a customer there are, and their median in days."""
    gaps = tables.order_gaps(tables.counted_orders(known_before=as_of))
    row = engine.collect(gaps.aggregate(gaps=gaps.count(), median=gaps.gap_microseconds.median()))[0]
    return row["gaps"], None if row["median"] is None else row["median"] / 86_400_000_000


def recent_revenue(as_of: date) -> ibis.Table:
    """Net revenue of the 365 days before `as_of`. Grain: one customer who ordered in them."""
    orders = _recent(tables.counted_orders(known_before=as_of), as_of)
    return orders.group_by("customer_id").aggregate(revenue=orders.net_minor.sum())


def habits(*, as_of: date, time_zone: str) -> ibis.Table:
    """What is known of each customer's orders. Grain: one customer who has ever ordered, also what does not count.

    Columns: customer_id; recency_days, from the last order that counts to `as_of`, null without one; of the 365 days
    before `as_of`: habit_orders, revenue (minor units), visits (pages and products viewed), and the other features
    named `habit_`, null where nothing is known; `now_` and a feature's name: what is written of it now.
    """
    ordered = tables.counted_orders(known_before=as_of)
    recent = _told(_recent(ordered, as_of), as_of)
    hour = _wall_clock(ibis.literal(time_zone), recent.order_at).hour()
    recent = recent.mutate(daypart=(hour / _DAYPART_HOURS).floor().cast("int64"))
    last = ordered.group_by("customer_id").aggregate(last_date=ordered.order_date.max())
    parts = [
        last.select("customer_id", recency_days=ibis.literal(as_of).delta(last.last_date, unit="day")),
        recent.group_by("customer_id").aggregate(habit_orders=recent.count(), revenue=recent.net_minor.sum()),
        _deals(recent),
        *(_top_share(recent, what) for what in ("place", "channel", "daypart")),
        _categories(recent),
        _said(as_of),
    ]
    subjects = segments.subjects()
    now = {f"now_{name}": subjects[name] for name in (each.name for each in features.FEATURES)}
    found = _everybody()
    for part in (*parts, subjects.select("customer_id", **now)):
        found = found.left_join(part, "customer_id").drop("customer_id_right")
    shares = _said(as_of)
    found = found.cross_join(shares.aggregate(all_shares=shares.shares.sum().fill_null(0)))
    nothing = ibis.null("int64")
    return found.select(
        "customer_id",
        "recency_days",
        "habit_deal_share",
        "habit_place_share",
        "habit_channel_share",
        "habit_daypart_share",
        "habit_categories",
        "habit_rating",
        *now,
        habit_orders=found.habit_orders.fill_null(0),
        revenue=found.revenue.fill_null(0),
        visits=found.visits.fill_null(0),
        habit_recommendations=(found.all_shares > 0).ifelse(found.shares.fill_null(0), nothing),
    )


def _everybody() -> ibis.Table:
    return customers.with_customer(commerce.order_entries().select("profile_id").distinct()).distinct()


def _recent(orders: ibis.Table, as_of: date) -> ibis.Table:
    window = rules.trailing(as_of)
    return orders.filter(orders.order_date >= window.start, orders.order_date < window.end)


def events_of(names: Collection[str]) -> ibis.Table:
    """Events of these names. Grain: one event. Columns: event, at, local_date, said; customer_id after merging."""
    logged = events.events()
    logged = logged.filter(logged.event.isin(sorted(set(names))))
    return customers.with_customer(logged.select("event", "at", "local_date", "said", "profile_id"))


def _recent_events(as_of: date, *names: str) -> ibis.Table:
    window = rules.trailing(as_of)
    logged = events_of(names)
    return logged.filter(logged.local_date >= window.start, logged.local_date < window.end)


def _told(orders: ibis.Table, as_of: date) -> ibis.Table:
    """Orders with what their event said: place, whether it names coupon or discount, and whether it is a deal."""
    completed = _recent_events(as_of, "Order Completed")
    said = completed.said
    discount = said_number(said, "discount").abs().fill_null(0.0)
    paid = ibis.coalesce(said_number(said, "revenue"), said_number(said, "total"), 0.0)
    told = completed.select(
        "customer_id",
        order_at=completed.at,
        store=said_text(said, "store_id"),
        names_deals=said_exists(said, "coupon") | said_exists(said, "discount"),
        is_deal=(said_text(said, "coupon").fill_null("") != "")
        | ((discount > 0) & (discount >= DEAL_RATIO * (paid + discount))),
    )
    # Two orders of a customer at one instant are told alike, so that neither counts twice.
    told = told.group_by("customer_id", "order_at").aggregate(
        store=told.store.max(), names_deals=told.names_deals.any(), is_deal=told.is_deal.any()
    )
    joined = orders.left_join(told, ["customer_id", "order_at"])
    return joined.select(
        "customer_id",
        "order_at",
        "namespace",
        "order_id",
        "net_minor",
        "channel",
        place=joined.channel + "/" + joined.store.fill_null(""),
        names_deals=joined.names_deals.fill_null(ibis.literal(value=False)),
        is_deal=joined.is_deal.fill_null(ibis.literal(value=False)),
    )


def _deals(orders: ibis.Table) -> ibis.Table:
    """The share of deals. Where no order of anybody names a coupon or a discount, nobody's is known."""
    counted = orders.group_by("customer_id").aggregate(orders=orders.count(), deals=orders.is_deal.cast("int64").sum())
    joined = counted.cross_join(orders.aggregate(is_known=orders.names_deals.any()))
    share = joined.is_known.ifelse(joined.deals / joined.orders, ibis.null("float64"))
    return joined.select("customer_id", habit_deal_share=share)


def _top_share(orders: ibis.Table, what: str) -> ibis.Table:
    """The share of the commonest value; null where the brand's own orders have hardly any other."""
    counted = orders.group_by("customer_id", what).aggregate(count=orders.count())
    values = counted.group_by(what).aggregate(count=counted["count"].sum())
    base = values.aggregate(base=values["count"].max() / values["count"].sum())
    tops = counted.group_by("customer_id").aggregate(top=counted["count"].max(), whole=counted["count"].sum())
    joined = tops.cross_join(base)
    share = (joined.base <= MAX_BASE_SHARE).ifelse(joined.top / joined.whole, ibis.null("float64"))
    return joined.select("customer_id", **{f"habit_{what}_share": share})


def _categories(orders: ibis.Table) -> ibis.Table:
    lines = commerce.order_lines()
    lines = lines.filter(lines.category != "").select("namespace", "order_id", "category")
    joined = orders.inner_join(lines, ["namespace", "order_id"])
    return joined.group_by("customer_id").aggregate(habit_categories=joined.category.nunique())


def _said(as_of: date) -> ibis.Table:
    """What customers did beside ordering: shares, the mean rating, visits. Grain: one customer who did any of it."""
    logged = _recent_events(as_of, *_SHARED, _REVIEWED, *_VIEWED)
    # The format has ratings as texts too.
    rating = ibis.coalesce(said_number(logged.said, "rating"), said_text(logged.said, "rating").try_cast("float64"))
    is_rating = (logged.event == _REVIEWED) & (rating >= 1) & (rating <= 5)
    return logged.group_by("customer_id").aggregate(
        shares=logged.count(where=logged.event.isin(_SHARED)),
        habit_rating=rating.mean(where=is_rating),
        visits=logged.count(where=logged.event.isin(_VIEWED)),
    )
