"""Cohorts and figures by part against a plain computation."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from sadakat.commerce.testing import order_message
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
def test_cohorts_are_those_of_a_plain_computation(now: datetime, channel: str | None) -> None:
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


def test_figures_by_channel_are_those_of_the_channel_s_orders_alone(now: datetime) -> None:
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
    assert {each.slice.value: each.metrics.total_revenue.amount_minor for each in found} == sums
    assert [each.slice.value for each in found] == sorted(sums, key=lambda channel: -sums[channel])
    assert {each.label for each in found} == {"Online shop", "Store"}
    for each in found:
        of_quarter = [
            entry
            for entry in entries
            if entry.channel == each.slice.value and date(2026, 4, 1) <= entry.at.date() < date(2026, 7, 1)
        ]
        assert each.metrics.orders == len(of_quarter)
        assert each.metrics.customers == len({entry.profile for entry in of_quarter})
        assert each.metrics.acquisition_cost is None


def test_figures_of_cities_segments_and_categories_are_those_of_their_own_orders(now: datetime) -> None:
    """Ayşe of İzmir buys on both sides of a segment's rule; a category gets its share of the order."""
    from sadakat.analytics import api as analytics
    from sadakat.analytics.queries import figures
    from sadakat.analytics.types import Dimension
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind
    from sadakat.platform import audit, worker
    from sadakat.segments import api as segments

    at = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    source, _key = events.create_source(name="Shop", kind=SourceKind.SERVER, actor=audit.CLI, at=at)
    people = {"u1": "İzmir", "u2": "IZMIR", "u3": "Ankara", "u4": "İzmir"}
    said: list[dict[str, object]] = [
        {
            "type": "identify",
            "messageId": f"i-{id_}",
            "userId": id_,
            "timestamp": at.isoformat(),
            "traits": {"city": city},
        }
        for id_, city in people.items()
    ]
    categories = [("c1", "Shirts"), ("c2", "Shoes")]
    said += [
        _track("Category Updated", f"c-{id_}", at, category_id=id_, name=name, parent_id="") for id_, name in categories
    ]
    said += [
        _track("Product Updated", f"p-{id_}", at, product_id=f"p{id_}", name=name, category_id=id_)
        for id_, name in categories
    ]
    for number, (id_, revenue) in enumerate([("u1", 100), ("u2", 50), ("u3", 30), ("u4", 10), ("u1", 40)]):
        lines = [
            {"product_id": "pc1", "quantity": 1, "total": revenue * 0.7},
            {"product_id": "pc2", "quantity": 1, "total": revenue * 0.3},
        ]
        said.append(
            order_message(
                "Order Completed",
                order_id=number,
                at=at - timedelta(days=10 - number),
                message_id=f"o-{number}",
                user_id=id_,
                revenue=revenue,
                total=revenue,
                currency="TRY",
                products=lines,
            )
        )
    events.import_messages(source=source, raw_messages=[json.dumps(each).encode() for each in said], at=at)
    document = {"version": 1, "where": {"event": "Order Completed", "count": {"at_least": 2}}}
    segments.create_segment(name="Twice", where=document, actor=audit.CLI, at=at)
    worker.work_until_idle(at=at)

    def revenue_by(dimension: Dimension) -> dict[str, int]:
        found = analytics.metrics_by(dimension=dimension, as_of=date(2026, 7, 4), period=PeriodKind.QUARTER)
        return {each.label: each.metrics.total_revenue.amount_minor for each in found}

    assert revenue_by(Dimension.CITY) == {"İzmir": 20_000, "Ankara": 3_000}
    assert revenue_by(Dimension.SEGMENT) == {"Twice": 14_000}
    assert revenue_by(Dimension.CATEGORY) == {"Shirts": 16_100, "Shoes": 6_900}
    assert revenue_by(Dimension.STAGE) == {}

    figures.metrics_of_parts.cache_clear()
    choices = analytics.slice_choices(as_of=date(2026, 7, 4))
    assert [(of.dimension, label) for of, label in choices if of.dimension is not Dimension.STAGE] == [
        (Dimension.SEGMENT, "Twice"),
        (Dimension.CHANNEL, "Online shop"),
        (Dimension.CITY, "İzmir"),
        (Dimension.CITY, "Ankara"),
        (Dimension.CATEGORY, "Shirts"),
        (Dimension.CATEGORY, "Shoes"),
    ]
    assert figures.metrics_of_parts.cache_info().misses == 0


def _track(event: str, message_id: str, at: datetime, **properties: object) -> dict[str, object]:
    return {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "timestamp": at.isoformat(),
        "properties": properties,
    }


def test_bounds_are_told(database: str) -> None:
    from sadakat.analytics import api as analytics

    with pytest.raises(Invalid, match="count must be between 1 and 400, not 0"):
        analytics.cohorts(as_of=AS_OF, period=PeriodKind.MONTH, count=0)
