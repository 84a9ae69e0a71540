"""Twenty rules in the words of the demo, each beside a statement that finds its members without the language.

The statements read the plain tables through `VIEWS`; `%(at)s` is the moment asked of and `%(zone)s` the time zone.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

VIEWS = """
    CREATE TEMPORARY VIEW person AS
        SELECT p.customer_id, coalesce(f.traits, '{}') AS t, f.orders, f.last_order_at, f.is_known
        FROM customers_profile p LEFT JOIN customers_feature f USING (customer_id) WHERE p.profile_id = p.customer_id;
    CREATE TEMPORARY VIEW deed AS
        SELECT p.customer_id, l.position, l.at, l.body -> 'properties' AS p,
               CASE l.kind WHEN 2 THEN l.event WHEN 3 THEN 'Page Viewed' END AS event
        FROM events_log l JOIN customers_profile p USING (profile_id) WHERE l.kind IN (2, 3);
"""


@dataclass(frozen=True)
class Case:
    """A rule, and who fits it by hand."""

    key: str
    where: dict[str, Any]
    sql: str


def _plain(text: str) -> str:
    return f"lower(translate({text}, 'İIıŞşĞğÜüÖöÇç', 'iiissgguuoocc'))"


def _people(condition: str) -> str:
    return f"SELECT customer_id FROM person WHERE {condition}"


def _deeds(event: str, *, where: str = "true", having: str = "count(*) > 0") -> str:
    """Who has done it; grouped, so of nobody who has not."""
    return (
        f"SELECT customer_id FROM deed WHERE event = '{event}' AND at <= %(at)s AND {where}"
        f" GROUP BY customer_id HAVING {having}"
    )


def _latest(days: int) -> str:
    return f"at > %(at)s - interval '{days * 24} hours'"


def cases(today: date) -> list[Case]:
    """The rules, with absolute days that suit data which ends about `today`."""
    start, end = (today - timedelta(days=n) for n in (200, 40))
    order = "Order Completed"
    revenue = "(p ->> 'revenue')::numeric"
    soon = ", ".join(f"'{today + timedelta(days=n):%m-%d}'" for n in range(30))
    city = _plain("t ->> 'city'")
    leap = "02-28" in soon and today.year % 4 != 0
    birthdays = soon + (", '02-29'" if leap else "")
    return [
        Case("izmir", {"trait": "city", "is": "IZMIR"}, _people(f"{city} = 'izmir'")),
        Case(
            "south-east",
            {"trait": "city", "in": ["ŞANLIURFA", "iğdır"]},
            _people("t ->> 'city' IN ('Şanlıurfa', 'Iğdır')"),
        ),
        Case("eski", {"trait": "city", "contains": "KİŞE"}, _people("t ->> 'city' LIKE '%%kişe%%'")),
        Case("five", {"trait": "city", "matches": "^[a-i].{4}$"}, _people(f"{city} ~ '^[a-i]....$'")),
        Case("no-kids-said", {"trait": "kids_count", "exists": False}, _people("NOT t ? 'kids_count'")),
        Case(
            "not-alone",
            {"trait": "household_size", "is_not": "1"},
            _people("coalesce(t ->> 'household_size', '') <> '1'"),
        ),
        Case("often", {"trait": "orders", "at_least": 4}, _people("orders >= 4")),
        Case(
            "lapsed",
            {"trait": "last_order_at", "not_within_last": "30d"},
            _people("last_order_at <= %(at)s - interval '720 hours' OR last_order_at > %(at)s"),
        ),
        Case(
            "birthday",
            {"trait": "birthday", "anniversary": {"within_next": "30d"}},
            _people(f"substr(t ->> 'birthday', 6, 5) IN ({birthdays})"),
        ),
        Case("grown", {"trait": "birthday", "before": "1970-01-01"}, _people("t ->> 'birthday' < '1970-01-01'")),
        Case(
            "busy",
            {"event": order, "within": "90d", "count": {"at_least": 3}},
            _deeds(order, where=_latest(90), having="count(*) >= 3"),
        ),
        Case(
            "quiet",
            {"event": order, "within": "60d", "count": {"below": 2}},
            f"SELECT customer_id FROM person EXCEPT ({_deeds(order, where=_latest(60), having='count(*) > 1')})",
        ),
        Case(
            "spent",
            {
                "event": order,
                "between": [start.isoformat(), end.isoformat()],
                "sum": {"property": "revenue", "above": 150},
            },
            _deeds(
                order,
                where=f"at >= timestamp '{start}' AT TIME ZONE %(zone)s AND at < timestamp '{end}' AT TIME ZONE %(zone)s",
                having=f"sum({revenue}) > 150",
            ),
        ),
        Case(
            "large",
            {"event": order, "within": "52w", "average": {"property": "revenue", "at_least": 40}},
            _deeds(order, where=_latest(364), having=f"avg({revenue}) >= 40"),
        ),
        Case(
            "began-small",
            {"event": order, "first": {"property": "revenue", "below": 15}},
            f"""SELECT customer_id FROM (
                SELECT DISTINCT ON (customer_id) customer_id, {revenue} AS revenue FROM deed
                WHERE event = '{order}' AND at <= %(at)s AND p ? 'revenue' ORDER BY customer_id, at, position
            ) AS earliest WHERE revenue < 15""",
        ),
        Case(
            "last-by-coupon",
            {"event": order, "last": {"property": "coupon", "is": "Paper"}},
            f"""SELECT customer_id FROM (
                SELECT DISTINCT ON (customer_id) customer_id, p ->> 'coupon' AS coupon FROM deed
                WHERE event = '{order}' AND at <= %(at)s AND p ? 'coupon' ORDER BY customer_id, at DESC, position DESC
            ) AS latest WHERE coupon = 'PAPER'""",
        ),
        Case(
            "large-by-coupon",
            {
                "event": order,
                "within": "26w",
                "count": {"at_least": 2},
                "having": {
                    "all": [
                        {"property": "revenue", "above": 20},
                        {
                            "any": [
                                {"property": "coupon", "is": "PAPER"},
                                {"not": {"property": "channel", "is": "STORE"}},
                            ]
                        },
                    ]
                },
            },
            _deeds(
                order,
                where=f"{_latest(182)} AND {revenue} > 20 AND (p ->> 'coupon' = 'PAPER' OR p ->> 'channel' <> 'store')",
                having="count(*) >= 2",
            ),
        ),
        Case(
            "coupon-once",
            {"all": [{"event": "Coupon Applied"}, {"not": {"event": "Coupon Applied", "within": "12w"}}]},
            f"{_deeds('Coupon Applied')} EXCEPT ({_deeds('Coupon Applied', where=_latest(84))})",
        ),
        Case(
            "offers",
            {
                "all": [
                    {"event": "Page Viewed", "having": {"property": "path", "ends_with": "/OFFERS"}},
                    {"event": "Product Viewed", "within": "52w", "count": {"at_least": 2}},
                ]
            },
            f"""({_deeds("Page Viewed", where="p ->> 'path' LIKE '%%/offers'")})
                INTERSECT ({_deeds("Product Viewed", where=_latest(364), having="count(*) >= 2")})""",
        ),
        Case(
            "elsewhere",
            {
                "any": [
                    {"all": [{"segment": "often"}, {"segment": "izmir", "is": False}]},
                    {"all": [{"trait": "is_known", "is": False}, {"event": "Product Viewed"}]},
                ]
            },
            f"""({_people(f"orders >= 4 AND coalesce({city}, '') <> 'izmir'")})
                UNION (({_people("NOT is_known")}) INTERSECT ({_deeds("Product Viewed")}))""",
        ),
    ]
