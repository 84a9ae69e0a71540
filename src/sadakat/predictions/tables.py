"""What is known of customers before a day. Nothing of that day or later enters: neither an order nor its refund."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Final

import ibis

from sadakat.analytics import tables as analytics
from sadakat.customers import tables as customers
from sadakat.events import tables as events

WINDOWS_DAYS: Final = (30, 90, 180)
TREND_DAYS: Final = 90
VIEWED: Final = "Product Viewed"
ADDED: Final = "Product Added"
WEB_EVENTS: Final = (
    "Page Viewed",
    "Screen Viewed",
    "Products Searched",
    "Product List Viewed",
    VIEWED,
    ADDED,
    "Cart Viewed",
    "Checkout Started",
)
"""What somebody does on a site or in an app before an order."""


def histories(*, known_before: date, profile_ids: Collection[int] = ()) -> ibis.Table:
    """Customers with a counted order before the local day `known_before`; of these profiles, if any. Grain: a customer.

    Columns: customer_id; orders. An occasion is a day with orders: frequency (occasions after the
    first), recency (days from first to last), age (days from the first to the last day that is seen), mean_amount (of
    the occasions after the first; 0 without one). silence (days since the last, 1 for the day before `known_before`);
    mean_gap (days between occasions; with one alone the days since it, as its gap is not over); overdue (silence ÷
    mean_gap); monetary (mean of all occasions); orders_30, orders_90, orders_180 (occasions of so many days before);
    trend (spend of the 90 days before ÷ that of the 90 before those, each with one mean occasion more, so that nobody
    divides by nothing); channels (distinct). Amounts are in minor units of the brand's currency.
    """
    orders = analytics.counted_orders(known_before=known_before, profile_ids=profile_ids)
    days = orders.group_by("customer_id", "order_date").aggregate(orders=orders.count(), amount=orders.net_minor.sum())
    days = days.mutate(ago=ibis.literal(known_before).delta(days.order_date, unit="day"))
    channels = orders.group_by("customer_id").aggregate(channels=orders.channel.nunique())
    spent = days.group_by("customer_id").aggregate(
        orders=days.orders.sum(),
        occasions=days.count(),
        silence=days.ago.min(),
        since_first=days.ago.max(),
        amount=days.amount.sum(),
        first_amount=days.amount.argmin(days.order_date),
        lately=days.amount.sum(where=days.ago <= TREND_DAYS).fill_null(0),
        before=days.amount.sum(where=(days.ago > TREND_DAYS) & (days.ago <= 2 * TREND_DAYS)).fill_null(0),
        **{f"orders_{window}": days.count(where=days.ago <= window) for window in WINDOWS_DAYS},
    )
    found = spent.inner_join(channels, "customer_id")
    frequency, recency = found.occasions - 1, found.since_first - found.silence
    mean_gap = ibis.ifelse(frequency > 0, recency / ibis.greatest(frequency, 1), found.silence).cast("float64")
    monetary = found.amount / found.occasions
    return found.select(
        "customer_id",
        "orders",
        "silence",
        "channels",
        *(f"orders_{window}" for window in WINDOWS_DAYS),
        frequency=frequency,
        recency=recency,
        age=found.since_first - 1,
        mean_amount=(found.amount - found.first_amount) / ibis.greatest(frequency, 1),
        mean_gap=mean_gap,
        overdue=found.silence / mean_gap,
        monetary=monetary,
        trend=(found.lately + monetary) / (found.before + monetary),
    )


def outcomes(*, cut: date, until: date) -> ibis.Table:
    """Who ordered from the local day `cut` until before `until`, as known before `until`. Grain: a customer.

    Columns: customer_id; days (until the first of these orders: 1 on `cut`); amount (net, in minor units).
    """
    orders = analytics.counted_orders(known_before=until)
    orders = orders.filter(orders.order_date >= cut)
    return orders.group_by("customer_id").aggregate(
        days=orders.order_date.min().delta(ibis.literal(cut - timedelta(days=1)), unit="day"),
        amount=orders.net_minor.sum(),
    )


def visitors(*, known_before: date, profile_ids: Collection[int] = ()) -> ibis.Table:
    """Visitors of sites and apps who have no counted order before the local day `known_before`. Grain: a customer.

    Only those of these profiles, if any. Columns: customer_id; visits (days with any of `WEB_EVENTS`); views and carts
    (products viewed and put into a cart, each time); silence (days since the last of these events, 1 for the day
    before); age (days from the first to the last day that is seen); source_id (of the first event).
    """
    seen = events.events()
    seen = seen.filter(seen.local_date < known_before, seen.event.isin(WEB_EVENTS))
    if profile_ids:
        seen = seen.filter(seen.profile_id.isin(sorted(profile_ids)))
    seen = customers.with_customer(seen)
    ago = ibis.literal(known_before).delta(seen.local_date, unit="day")
    found = seen.group_by("customer_id").aggregate(
        visits=seen.local_date.nunique(),
        views=seen.count(where=seen.event == VIEWED),
        carts=seen.count(where=seen.event == ADDED),
        silence=ago.min(),
        age=ago.max() - 1,
        source_id=seen.source_id.argmin(seen["at"]),
    )
    buyers = analytics.counted_orders(known_before=known_before, profile_ids=profile_ids).select("customer_id")
    return found.anti_join(buyers, "customer_id")


HISTORY_COLUMNS: Final[Sequence[str]] = (
    "orders frequency recency age mean_amount silence mean_gap overdue monetary orders_30 orders_90 orders_180 trend "
    "channels"
).split()
VISITOR_COLUMNS: Final[Sequence[str]] = "visits views carts silence age source_id".split()
