"""Figures against tables worked by hand and against a plain computation."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest

from sadakat.analytics.types import Metrics, PeriodFigures
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid
from sadakat.kernel.money import Money
from sadakat.kernel.time import Period, PeriodKind
from tests.integration.lake_rows import Entry, Spend, insert, insert_spend, istanbul

PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/metrics.md"
QUARTER = PeriodKind.QUARTER


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def _sync(now: datetime) -> None:
    from sadakat.platform import lake

    lake.sync(at=now)


def _tables_of_page() -> list[list[list[str]]]:
    """The cells of every Markdown table of the page, without heads."""
    blocks = re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [[[c.strip() for c in row.strip("| ").split(" | ")] for row in b.splitlines()[2:]] for b in blocks]


def _entries_of_page(rows: list[list[str]]) -> tuple[list[Entry], dict[int, int]]:
    completed = {row[0]: istanbul(row[4]) for row in rows if row[3] == "completed"}
    first_profile: dict[str, int] = {}
    entries = [
        Entry(
            order=order,
            profile=int(profile),
            at=istanbul(when),
            amount=int(amount),
            kind=kind,
            number=number,
            order_at=completed[order],
            channel=channel,
            is_guest=guest == "yes",
        )
        for number, (order, profile, _, kind, when, amount, channel, guest) in enumerate(rows)
    ]
    return entries, {int(row[1]): first_profile.setdefault(row[2], int(row[1])) for row in rows}


def test_the_worked_example_of_the_page(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    _, given_rows, spend_rows, results = _tables_of_page()
    entries, customers = _entries_of_page(given_rows)
    insert(entries, customers=customers)
    insert_spend(
        Spend(channel, campaign, date.fromisoformat(first), date.fromisoformat(last), int(amount))
        for channel, campaign, first, last, amount in spend_rows
    )
    _sync(now)

    figures = analytics.as_json(analytics.metrics(as_of=date(2026, 4, 15), period=QUARTER))

    found = {name: figures.pop(name) for name in ("as_of", "period", "period_start", "period_end")}
    assert found == {
        "as_of": "2026-04-15",
        "period": "quarter",
        "period_start": "2026-01-01",
        "period_end": "2026-04-01",
    }
    money = {name for name, definition in analytics.definitions().items() if definition.unit == "money"}
    expected = {
        name.strip("`"): {"amount": int(result), "currency": "TRY"}
        if name.strip("`") in money
        else pytest.approx(float(Fraction(result)), rel=1e-12)
        for name, _, result in results
    }
    assert figures == expected

    later = analytics.metrics(as_of=date(2026, 4, 16), period=QUARTER)
    assert (later.orders, later.revenue.amount_minor, later.repeat_purchase_rate) == (2, 9000, 0.0)


def test_an_empty_lake_has_counts_of_zero_and_nothing_to_divide_by() -> None:
    from sadakat.analytics import api as analytics

    figures = analytics.as_json(analytics.metrics(as_of=date(2026, 4, 15), period=PeriodKind.WEEK))

    nothing = {"amount": 0, "currency": "TRY"}
    assert figures == {
        "as_of": "2026-04-15",
        "period": "week",
        "period_start": "2026-04-06",
        "period_end": "2026-04-13",
        **dict.fromkeys(("customers", "orders", "new_customers", "returning_customers"), 0),
        **dict.fromkeys(("active_customers", "total_customers"), 0),
        **dict.fromkeys(("revenue", "new_customer_revenue", "returning_customer_revenue", "total_revenue"), nothing),
        **dict.fromkeys(("repeat_purchase_rate", "guest_checkout_rate", "retention_rate", "churn_rate"), None),
        **dict.fromkeys(("marketing_spend", "acquisition_cost"), None),
        **dict.fromkeys(("purchase_frequency", "average_order_value", "retention_rate_classical"), None),
        **dict.fromkeys(("days_between_orders", "historic_cltv"), None),
    }


def test_a_merge_a_refund_and_a_cancellation_count_as_soon_as_the_lake_has_them(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    def summary() -> tuple[int, int, int, float | None]:
        _sync(now)
        got = analytics.metrics(as_of=date(2026, 4, 1), period=PeriodKind.MONTH)
        return got.customers, got.orders, got.revenue.amount_minor, got.repeat_purchase_rate

    first, second = istanbul("2026-03-02 10:00"), istanbul("2026-03-09 10:00")
    insert(
        [
            Entry(order="1", profile=1, at=first, amount=500),
            Entry(order="2", profile=2, at=second, amount=700),
            Entry(order="3", profile=3, at=second, amount=900),
        ]
    )
    assert summary() == (3, 3, 2100, 0.0)

    insert([], customers={2: 1})
    assert summary() == (2, 3, 2100, 0.5)

    insert([Entry(order="1", profile=1, number=1, kind="refunded", at=second, order_at=first, amount=-100)])
    assert summary() == (2, 3, 2000, 0.5)

    insert([Entry(order="3", profile=3, number=1, kind="cancelled", at=second, order_at=second, amount=-900)])
    assert summary() == (1, 2, 1100, 1.0)


def test_a_refund_without_its_order_does_not_count_and_an_unmapped_profile_does(now: datetime) -> None:
    from django.db import connection

    from sadakat.analytics import api as analytics

    at = istanbul("2026-03-02 10:00")
    insert(
        [Entry(order="1", profile=1, at=at, amount=500), Entry(order="2", profile=2, at=at, amount=5, kind="updated")]
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_profile")
    _sync(now)

    got = analytics.metrics(as_of=date(2026, 4, 1), period=PeriodKind.MONTH)

    assert (got.customers, got.orders, got.total_revenue.amount_minor) == (1, 1, 500)


def test_a_year_ends_at_local_midnight(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    insert(
        [
            Entry(order="1", profile=1, at=istanbul("2025-12-31 23:59"), amount=100),
            Entry(order="2", profile=1, at=istanbul("2026-01-01 00:00"), amount=1000),
        ]
    )
    _sync(now)

    by_year = {
        day.year: analytics.metrics(as_of=day, period=PeriodKind.YEAR) for day in [date(2026, 1, 1), date(2027, 1, 1)]
    }

    assert [by_year[2026].revenue.amount_minor, by_year[2027].revenue.amount_minor] == [100, 1000]
    assert [by_year[2026].new_customers, by_year[2027].new_customers] == [1, 0]
    assert [by_year[2026].retention_rate, by_year[2027].retention_rate] == [None, 1.0]


def test_a_series_has_every_period_and_ends_with_the_figures_of_metrics(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    january, march = istanbul("2026-01-10 10:00"), istanbul("2026-03-10 10:00")
    insert(
        [
            Entry(order="1", profile=1, at=january, amount=100),
            Entry(order="2", profile=1, at=march, amount=30, is_guest=True),
            Entry(order="1", profile=1, number=1, kind="refunded", at=march, order_at=january, amount=-40),
        ]
    )
    _sync(now)
    as_of = date(2026, 4, 20)

    series = analytics.series(as_of=as_of, period=PeriodKind.MONTH, count=4)

    assert [(p.period_start.month, p.revenue.amount_minor, p.orders) for p in series] == [
        (12, 0, 0),
        (1, 60, 1),
        (2, 0, 0),
        (3, 30, 1),
    ]
    assert [p.retention_rate for p in series] == [None, None, 0.0, None]
    whole = analytics.as_json(analytics.metrics(as_of=as_of, period=PeriodKind.MONTH))
    assert whole | analytics.as_json(series[-1]) == whole
    with pytest.raises(Invalid, match="between 1 and 400, not 0"):
        analytics.series(as_of=as_of, period=PeriodKind.MONTH, count=0)


def test_previous_figures_end_where_the_period_starts_and_know_later_refunds(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    february, march = istanbul("2026-02-10 10:00"), istanbul("2026-03-10 10:00")
    insert(
        [
            Entry(order="1", profile=1, at=february, amount=100),
            Entry(order="1", profile=1, number=1, kind="refunded", at=march, order_at=february, amount=-40),
            Entry(order="2", profile=2, at=march, amount=30),
        ]
    )
    _sync(now)

    previous = analytics.previous_metrics(as_of=date(2026, 4, 20), period=PeriodKind.MONTH)

    assert (previous.as_of, previous.period_start) == (date(2026, 3, 1), date(2026, 2, 1))
    assert (previous.revenue.amount_minor, previous.total_customers, previous.active_customers) == (60, 1, 1)
    then = analytics.metrics(as_of=date(2026, 3, 1), period=PeriodKind.MONTH)
    assert then.revenue.amount_minor == 100


def test_every_figure_has_a_definition_in_both_languages() -> None:
    from django.utils import translation

    from sadakat.analytics import api as analytics

    figures = analytics.as_json(analytics.metrics(as_of=date(2026, 4, 15), period=QUARTER))
    with translation.override("en"):
        english = analytics.definitions()
    assert set(english) == set(figures) - {"as_of", "period", "period_start", "period_end"}
    assert english["churn_rate"].title == "Churn rate"


_START = datetime(2024, 11, 1, tzinfo=UTC)


def _history(chance: Random, *, days: int, orders: int) -> list[Entry]:
    """Orders of 30 profiles, a third of them given back in part or whole up to two months later."""
    entries = []
    for index in range(orders):
        at = _START + timedelta(seconds=chance.randrange(days * 86_400))
        amount = chance.choice([0, 1, chance.randrange(10_000)])
        changes = [(at, "completed", amount)]
        for kind in chance.choice(
            [[], [], ["refunded"], ["refunded", "refunded"], ["cancelled"], ["refunded", "cancelled"]]
        ):
            part = amount if kind == "cancelled" else amount // 3
            amount -= part
            changes.append((at + timedelta(days=chance.random() * 60), kind, -part))
        profile, channel, is_guest = chance.randint(1, 30), chance.choice(["online", "store"]), chance.random() < 0.3
        entries += [
            Entry(
                order=str(index),
                number=number,
                profile=profile,
                at=when,
                order_at=at,
                kind=kind,
                amount=change,
                channel=channel,
                is_guest=is_guest,
            )
            for number, (when, kind, change) in enumerate(changes)
        ]
    return entries


@pytest.mark.parametrize(("seed", "days"), [(1, 40), (2, 90), (3, 150), (4, 300), (5, 500), (6, 900)])
def test_equal_to_a_plain_computation(seed: int, days: int, now: datetime) -> None:
    from sadakat.analytics import api as analytics

    chance = Random(seed)
    entries = _history(chance, days=days, orders=120)
    merged = {profile: chance.randint(1, 15) for profile in range(20, 31)}
    insert(entries, customers=merged)
    _sync(now)
    for as_of in (_START.date() + timedelta(days=days * share // 10) for share in (6, 9, 11)):
        plain = _Plain(_counted(entries, merged, as_of=as_of))
        for kind in PeriodKind:
            figures = analytics.metrics(as_of=as_of, period=kind)
            expected = plain.of_period(time.latest_period(as_of, kind=kind), kind=kind) | plain.as_of(figures)
            assert _amounts(figures, expected) == expected
            for point in analytics.series(as_of=as_of, period=kind, count=5):
                expected = plain.of_period(Period(point.period_start, point.period_end), kind=kind)
                assert _amounts(point, expected) == expected


def _amounts(figures: PeriodFigures, names: Iterable[str]) -> dict[str, Any]:
    found = {name: getattr(figures, name) for name in names}
    return {name: value.amount_minor if isinstance(value, Money) else value for name, value in found.items()}


def _counted(entries: list[Entry], merged: dict[int, int], *, as_of: date) -> dict[int, list[tuple[Entry, int]]]:
    """Each customer's orders with their net revenue, earliest first."""
    net: dict[str, int] = defaultdict(int)
    completed: dict[str, Entry] = {}
    for entry in entries:
        if entry.date < as_of:
            net[entry.order] += entry.amount
            if entry.kind == "completed":
                completed[entry.order] = entry
    by_customer = defaultdict(list)
    for order in sorted(completed.values(), key=lambda entry: entry.at):
        if net[order.order] > 0:
            by_customer[merged.get(order.profile, order.profile)].append((order, net[order.order]))
    return by_customer


class _Plain:
    """The figures by loops over lists, from the definitions alone."""

    def __init__(self, by_customer: dict[int, list[tuple[Entry, int]]]) -> None:
        self.by_customer = by_customer

    def within(self, start: date, end: date) -> dict[int, list[tuple[Entry, int]]]:
        inside = {
            customer: [pair for pair in orders if start <= pair[0].date < end]
            for customer, orders in self.by_customer.items()
        }
        return {customer: orders for customer, orders in inside.items() if orders}

    def year_before(self, day: date) -> dict[int, list[tuple[Entry, int]]]:
        return self.within(day - timedelta(days=365), day)

    def of_period(self, period: Period, *, kind: PeriodKind) -> dict[str, Any]:
        last = time.period_before(period, kind=kind)
        now, before = self.within(period.start, period.end), self.within(last.start, last.end)
        new = {customer for customer in now if self.by_customer[customer][0][0].date >= period.start}
        online = [order for orders in now.values() for order, _ in orders if order.channel == "online"]
        kept = _divided(len(set(now) & set(before)), len(before))
        return {
            "customers": len(now),
            "orders": sum(map(len, now.values())),
            "new_customers": len(new),
            "returning_customers": len(now) - len(new),
            "revenue": sum(_revenue(now[customer]) for customer in now),
            "new_customer_revenue": sum(_revenue(now[customer]) for customer in new),
            "returning_customer_revenue": sum(_revenue(now[customer]) for customer in set(now) - new),
            "repeat_purchase_rate": _divided(sum(len(orders) > 1 for orders in now.values()), len(now)),
            "guest_checkout_rate": _divided(sum(order.is_guest for order in online), len(online)),
            "retention_rate": kept,
            "churn_rate": None if kept is None else 1 - kept,
        }

    def as_of(self, figures: Metrics) -> dict[str, Any]:
        window = self.year_before(figures.as_of)
        end, start = self.year_before(figures.period_end), self.year_before(figures.period_start)
        orders = sum(map(len, window.values()))
        total = sum(map(_revenue, self.by_customer.values()))
        gaps = [
            after.at - first.at for orders in self.by_customer.values() for (first, _), (after, _) in pairwise(orders)
        ]
        return {
            "purchase_frequency": _divided(orders, len(window)),
            "average_order_value": _mean(sum(map(_revenue, window.values())), orders),
            "active_customers": len(window),
            "retention_rate_classical": _divided(len(end) - figures.new_customers, len(start)),
            "days_between_orders": median(gaps) / timedelta(days=1) if gaps else None,
            "historic_cltv": _mean(total, len(self.by_customer)),
            "total_customers": len(self.by_customer),
            "total_revenue": total,
        }


def _revenue(orders: list[tuple[Entry, int]]) -> int:
    return sum(amount for _, amount in orders)


def _divided(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(total: int, count: int) -> int | None:
    return int(Fraction(total, count) + Fraction(1, 2)) if count else None
