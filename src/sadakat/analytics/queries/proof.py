"""The usual claims about loyalty, measured on the brand's own data: observed, not caused."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import ibis
import numpy as np
from numpy.typing import NDArray

from sadakat.analytics import rules
from sadakat.analytics.methods import intervals
from sadakat.analytics.queries import figures
from sadakat.analytics.queries.figures import Question
from sadakat.analytics.rules import proof as claims
from sadakat.analytics.types import Claim, ClaimKey, ClaimUnit, Interval, Proof
from sadakat.customers import tables as customers
from sadakat.events import tables as events
from sadakat.kernel.time import PeriodKind
from sadakat.platform import engine

ENGAGED_DAYS: Final = 2
"""On how many days of the window somebody must have done more than order, to count as engaged."""
SOON_DAYS: Final = 30
ACTIVE_DAYS: Final = 90
DAYS_A_YEAR: Final = 365.25
ENGAGEMENT: Final = (
    "Page Viewed",
    "Screen Viewed",
    "Product Viewed",
    "Product List Viewed",
    "Products Searched",
    "Product Added",
    "Product Added to Wishlist",
    "Cart Viewed",
    "Checkout Started",
    "Coupon Applied",
    "Email Opened",
    "Email Link Clicked",
    "Product Reviewed",
    "Product Shared",
)
"""What customers do of their own besides ordering."""
# What is claimed: the value, its unit, and the value without any effect.
CLAIMS: Final[Mapping[ClaimKey, tuple[float, ClaimUnit, float]]] = {
    ClaimKey.ENGAGED_SPEND: (1.22, ClaimUnit.RATIO, 1.0),
    ClaimKey.ENGAGED_OFTEN: (3.0, ClaimUnit.RATIO, 1.0),
    ClaimKey.ENGAGED_RECOMMEND: (4.0, ClaimUnit.RATIO, 1.0),
    ClaimKey.ENGAGED_STAY: (4.0, ClaimUnit.YEARS, 0.0),
    ClaimKey.RETURNING_SPEND: (7.0, ClaimUnit.RATIO, 1.0),
    ClaimKey.MEMBER_BASKET: (1.12, ClaimUnit.RATIO, 1.0),
    ClaimKey.RETENTION_PROFIT: (1.25, ClaimUnit.RATIO, 1.0),
    ClaimKey.COMPLAINTS_IGNORED: (0.14, ClaimUnit.SHARE, 0.0),
    ClaimKey.BAD_EXPERIENCE: (0.34, ClaimUnit.SHARE, 0.0),
    ClaimKey.COMPLAINTS_SOLVED: (0.8, ClaimUnit.SHARE, 0.0),
    ClaimKey.SELL_EXISTING: (0.6, ClaimUnit.SHARE, 0.0),
    ClaimKey.PRODUCT_QUALITY: (0.75, ClaimUnit.SHARE, 0.0),
    ClaimKey.EMAIL_EFFECTIVE: (1.56, ClaimUnit.RATIO, 1.0),
}
# What comes with parts of the product that do not exist yet, or that nobody has used.
_WAITING: Final = {
    ClaimKey.ENGAGED_RECOMMEND: "feedback",
    ClaimKey.MEMBER_BASKET: "programme",
    ClaimKey.COMPLAINTS_IGNORED: "cases",
    ClaimKey.BAD_EXPERIENCE: "feedback",
    ClaimKey.COMPLAINTS_SOLVED: "cases",
    ClaimKey.PRODUCT_QUALITY: "feedback",
    ClaimKey.EMAIL_EFFECTIVE: "messages",
}
_PERIODS_A_YEAR: Final = ((PeriodKind.YEAR, 1), (PeriodKind.QUARTER, 4), (PeriodKind.MONTH, 12))
Numbers = NDArray[np.float64]


def proof(*, as_of: date) -> Proof:
    """Every claim on the customers who ordered in the 365 days before a local day."""
    return _proof(figures.question(as_of=as_of, period=PeriodKind.YEAR, known_before=as_of, is_of_all=True))


@lru_cache(maxsize=16)
def _proof(asked: Question) -> Proof:
    people = _people(asked)
    engaged, others = people["engaged_days"] >= ENGAGED_DAYS, people["engaged_days"] < ENGAGED_DAYS
    sides = {"engaged": int(engaged.sum()), "others": int(others.sum())}
    again, once = people["orders"] >= 2, people["orders"] == 1
    observed: dict[ClaimKey, tuple[Interval | None, dict[str, int]]] = {
        ClaimKey.ENGAGED_SPEND: (_ratio(people["revenue"], engaged, others), sides),
        ClaimKey.ENGAGED_OFTEN: (_ratio(people["orders"], engaged, others), sides),
        ClaimKey.ENGAGED_STAY: (
            intervals.difference_of_means(people["years"][engaged], people["years"][others]),
            sides,
        ),
        ClaimKey.RETURNING_SPEND: (
            _ratio(people["revenue"], again, once),
            {"returning": int(again.sum()), "once": int(once.sum())},
        ),
        ClaimKey.RETENTION_PROFIT: _worth(asked),
        ClaimKey.SELL_EXISTING: _sold(asked),
    }
    return Proof(as_of=asked.as_of, claims=tuple(_claim(key, *observed.get(key, (None, {}))) for key in ClaimKey))


def _claim(key: ClaimKey, observed: Interval | None, groups: Mapping[str, int]) -> Claim:
    claimed, unit, nothing = CLAIMS[key]
    return Claim(
        key=key,
        claimed=claimed,
        unit=unit,
        verdict=claims.verdict(observed, claimed=claimed, nothing=nothing),
        observed=observed,
        groups=groups,
        missing="" if observed else _WAITING.get(key, "few"),
    )


def _ratio(values: Numbers, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Interval | None:
    return intervals.ratio_of_means(values[left], values[right])


def _people(asked: Question) -> dict[str, Numbers]:
    """Columns over the customers who ordered in the window: orders, revenue, years from first to last, engaged_days."""
    start = rules.trailing(asked.as_of).start
    orders = figures.orders_of(asked)
    bought = orders.group_by("customer_id").aggregate(
        orders=orders.count(where=orders.order_date >= start),
        revenue=orders.net_minor.sum(where=orders.order_date >= start),
        years=orders.order_date.max().delta(orders.order_date.min(), unit="day") / DAYS_A_YEAR,
    )
    bought = bought.filter(bought.orders > 0)
    done = events.events()
    done = done.filter(done.event.isin(ENGAGEMENT), done.local_date >= start, done.local_date < asked.as_of)
    done = customers.with_customer(done)
    days = done.group_by("customer_id").aggregate(engaged_days=done.local_date.nunique())
    joined = bought.left_join(days, "customer_id")
    found = joined.select("orders", "revenue", "years", engaged_days=joined.engaged_days.fill_null(0))
    return _columns(found)


def _worth(asked: Question) -> tuple[Interval | None, dict[str, int]]:
    """What `claims.RAISED_BY` more retention is worth, at the rate of the longest period that has one before it."""
    for period, periods_a_year in _PERIODS_A_YEAR:
        now, before = reversed(figures.series(as_of=asked.as_of, period=period, count=2))
        if now.retention_rate is None:
            continue
        kept = intervals.share(round(now.retention_rate * before.customers), before.customers)
        if kept is None:
            break
        # A lower rate has more to gain, so the ends change places.
        worth = [
            claims.worth_of_retention(rate, periods_a_year=periods_a_year) for rate in (kept.value, kept.high, kept.low)
        ]
        return Interval(*worth), {str(period): before.customers}
    return None, {}


def _sold(asked: Question) -> tuple[Interval | None, dict[str, int]]:
    """Who of those active at a cut `SOON_DAYS` ago has ordered since."""
    cut = asked.as_of - timedelta(days=SOON_DAYS)
    orders = figures.orders_of(asked)
    buyers = orders.group_by("customer_id").aggregate(
        was_active=((orders.order_date < cut) & (orders.order_date >= cut - timedelta(days=ACTIVE_DAYS))).any(),
        has_ordered=((orders.order_date >= cut) & (orders.order_date < asked.as_of)).any(),
    )
    active = buyers.filter(buyers.was_active)
    [row] = engine.collect(active.aggregate(all=active.count(), again=active.count(where=active.has_ordered)))
    return intervals.share(row["again"], row["all"]), {"active": row["all"]}


def _columns(table: ibis.Table) -> dict[str, Any]:
    found = engine.collect_columns(table)
    return {name: found[name].to_numpy().astype(float) for name in found.column_names}
