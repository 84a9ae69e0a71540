"""What the programme has come to: points by month, what is due, and members beside other customers."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Count, Sum

from sadakat.loyalty import models
from sadakat.loyalty.types import Account

YEAR_DAYS: Final = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPoints:
    """What became of points in a calendar month."""

    month: date
    given: int
    """Less what was taken back."""
    spent: int
    """Less what was given back."""
    expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """Members, or all other customers, over the 365 days before a day. What they are worth, not what made them so."""

    is_member: bool
    customers: int
    """Who ordered in these days."""
    orders: int
    revenue_minor: int
    came_back: int
    """Of `before`, who ordered again in these days."""
    before: int
    """Who ordered in the 365 days before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Points that go soon."""

    points: int
    members: int


def points_by_month(*, since: date, until: date, time_zone: str) -> list[MonthPoints]:
    """Every calendar month of `time_zone` from that of `since` to that before `until`, earliest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH moved AS (
                SELECT date_trunc('month', at AT TIME ZONE %(zone)s)::date AS month, source, target,
                       sum(points)::bigint AS points
                FROM loyalty_entry
                WHERE at >= %(since)s::timestamp AT TIME ZONE %(zone)s
                  AND at < %(until)s::timestamp AT TIME ZONE %(zone)s
                GROUP BY month, source, target
            ), netted AS (
                SELECT month, account, sum(CASE WHEN account = target THEN points ELSE -points END)::bigint AS points
                FROM moved, unnest(ARRAY['issued', 'reversed', 'spent', 'expired']) AS account
                WHERE account IN (source, target)
                GROUP BY month, account
            )
            SELECT months.month::date,
                   coalesce(-sum(points) FILTER (WHERE account IN ('issued', 'reversed')), 0)::bigint,
                   coalesce(sum(points) FILTER (WHERE account = 'spent'), 0)::bigint,
                   coalesce(sum(points) FILTER (WHERE account = 'expired'), 0)::bigint
            FROM generate_series(date_trunc('month', %(since)s::timestamp), %(until)s::timestamp - interval '1 day',
                                 interval '1 month') AS months (month)
            LEFT JOIN netted ON netted.month = months.month
            GROUP BY months.month ORDER BY months.month
            """,
            {"zone": time_zone, "since": since.replace(day=1), "until": until},
        )
        return [MonthPoints(month=m, given=g, spent=s, expired=e) for m, g, s, e in cursor.fetchall()]


def expiring_until(until: datetime, *, at: datetime) -> Due:
    """The active points that go after `at` and by `until` if nobody spends them, and whose they are."""
    found = models.Lot.objects.filter(
        remaining__gt=0, is_pending=False, expires_at__gt=at, expires_at__lte=until
    ).aggregate(points=Sum("remaining", default=0), members=Count("member_id", distinct=True))
    return Due(points=int(found["points"]), members=found["members"])


def groups(*, day: date) -> list[GroupFigures]:
    """Members of today and all other customers, over the 365 days before `day` and the 365 before these."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH bought AS (
                SELECT customer_id, count(*) FILTER (WHERE local_date >= %(middle)s) AS orders,
                       coalesce(sum(net_minor) FILTER (WHERE local_date >= %(middle)s), 0) AS revenue_minor,
                       bool_or(local_date < %(middle)s) AS was_there
                FROM commerce_order JOIN customers_profile USING (profile_id)
                WHERE net_minor > 0 AND local_date >= %(first)s AND local_date < %(day)s
                GROUP BY customer_id
            )
            SELECT member.id IS NOT NULL AS is_member, count(*) FILTER (WHERE orders > 0), sum(orders)::bigint,
                   sum(revenue_minor)::bigint, count(*) FILTER (WHERE was_there AND orders > 0),
                   count(*) FILTER (WHERE was_there)
            FROM bought LEFT JOIN loyalty_member AS member
                ON member.customer_id = bought.customer_id AND member.merged_into_id IS NULL
            GROUP BY is_member ORDER BY is_member DESC
            """,
            {
                "day": day,
                "middle": day - timedelta(days=YEAR_DAYS),
                "first": day - timedelta(days=2 * YEAR_DAYS),
            },
        )
        return [
            GroupFigures(
                is_member=is_member,
                customers=customers,
                orders=orders,
                revenue_minor=revenue_minor,
                came_back=came_back,
                before=before,
            )
            for is_member, customers, orders, revenue_minor, came_back, before in cursor.fetchall()
        ]


def outstanding() -> dict[Account, int]:
    """The points of all members that are active, pending and reserved."""
    kept = (Account.ACTIVE, Account.PENDING, Account.RESERVED)
    sums = models.Balances.objects.aggregate(**{account.value: Sum(account.value, default=0) for account in kept})
    return {account: int(sums[account]) for account in kept}
