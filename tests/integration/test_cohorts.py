"""Cohorts and figures by part against a plain computation."""

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from sadakat.kernel.errors import Invalid
from sadakat.kernel.time import PeriodKind
from tests.integration.lake_rows import Entry, insert, istanbul

AS_OF = date(2026, 7, 4)


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def _orders(random: Random) -> list[Entry]:
    days = [date(2026, 1, 1) + timedelta(days=random.randrange(200)) for _ in range(300)]
    return [
        Entry(
            order=f"o{number}",
            profile=random.randrange(1, 41),
            at=istanbul(f"{day} 12:00"),
            amount=random.randrange(1, 9_000),
            kind="completed",
            number=0,
            order_at=istanbul(f"{day} 12:00"),
            channel=random.choice(["online", "store"]),
            is_guest=False,
        )
        for number, day in enumerate(days)
    ]


@pytest.mark.parametrize("channel", [None, "store"])
def test_cohorts_are_those_of_a_plain_computation(now: object, channel: str | None) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics.types import Dimension, Slice
    from sadakat.platform import lake

    entries = _orders(Random(7))
    insert(entries, customers={})
    lake.sync(at=now)

    of = Slice(Dimension.CHANNEL, channel) if channel else None
    found = analytics.cohorts(as_of=AS_OF, period=PeriodKind.MONTH, count=4, of=of)

    seen = [each for each in entries if channel in {None, each.channel} and each.at.date() < AS_OF]
    first: dict[int, int] = {}
    for each in sorted(seen, key=lambda each: each.at):
        first.setdefault(each.profile, each.at.month)
    people: dict[tuple[int, int], set[int]] = defaultdict(set)
    money: dict[tuple[int, int], int] = defaultdict(int)
    for each in seen:
        people[first[each.profile], each.at.month].add(each.profile)
        money[first[each.profile], each.at.month] += each.amount
    assert [row.start for row in found.rows] == [date(2026, month, 1) for month in (3, 4, 5, 6)]
    for row in found.rows:
        months = range(row.start.month, 7)
        assert row.kept == tuple(len(people[row.start.month, month]) for month in months)
        assert [each.amount_minor for each in row.revenue] == [money[row.start.month, month] for month in months]
        assert row.customers == row.kept[0]


def test_figures_by_channel_are_those_of_the_channel_s_orders_alone(now: object) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics.types import Dimension
    from sadakat.platform import lake

    entries = _orders(Random(8))
    insert(entries, customers={})
    lake.sync(at=now)

    found = analytics.metrics_by(dimension=Dimension.CHANNEL, as_of=AS_OF, period=PeriodKind.QUARTER)

    sums = {
        channel: sum(each.amount for each in entries if each.channel == channel and each.at.date() < AS_OF)
        for channel in ("online", "store")
    }
    assert {each.label: each.metrics.total_revenue.amount_minor for each in found} == sums
    assert [each.label for each in found] == sorted(sums, key=lambda channel: -sums[channel])
    for each in found:
        of_quarter = [
            entry
            for entry in entries
            if entry.channel == each.label and date(2026, 4, 1) <= entry.at.date() < date(2026, 7, 1)
        ]
        assert each.metrics.orders == len(of_quarter)
        assert each.metrics.customers == len({entry.profile for entry in of_quarter})
        assert each.metrics.acquisition_cost is None


def test_bounds_are_told(database: str) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics.types import Dimension

    with pytest.raises(Invalid, match="limit must be between 1 and 20, not 21"):
        analytics.metrics_by(dimension=Dimension.CITY, as_of=AS_OF, period=PeriodKind.MONTH, limit=21)
    with pytest.raises(Invalid, match="count must be between 1 and 400, not 0"):
        analytics.cohorts(as_of=AS_OF, period=PeriodKind.MONTH, count=0)
