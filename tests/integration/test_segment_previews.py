"""Rules over the lake: twenty of them against statements written by hand, previews, the past, and the sweep."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from sadakat.events.types import Kind
from sadakat.kernel.errors import Invalid
from tests.integration import living
from tests.integration.living import DAY, Shop, rule
from tests.integration.pipeline import rows, run
from tests.stories import predicates_demo

shop = living.shop
CITIES = ("İstanbul", "İzmir", "IZMIR", "Şanlıurfa", "Iğdır", "Eskişehir", "Adana", "Bursa")
BIRTHDAYS = ("02-29", "11-21", "12-19", "12-20", "06-06", "01-02")


@pytest.fixture(autouse=True)
def _lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def sync(shop: Shop) -> None:
    from sadakat.platform import lake

    shop.work()
    lake.sync(at=shop.now)


def live_a_year(shop: Shop, *, people: int) -> None:
    """People of all kinds with a year of orders, coupons, pages and products; some of them anonymous."""
    dice = random.Random(4)
    number = 0
    for person in range(people):
        user = f"u{person}"
        if person % 7:
            traits = {
                "city": dice.choice(CITIES),
                "birthday": f"{dice.randrange(1952, 2005, 4)}-{dice.choice(BIRTHDAYS)}",
            }
            if dice.random() < 0.5:
                traits |= {"kids_count": "2", "household_size": dice.choice("123")}
            shop.say(user, **traits)
        identifier = f"user_id:{user}" if person % 7 else f"anonymous_id:{user}"
        for _ in range(dice.randrange(1, 24)):
            number += 1
            at = shop.now - timedelta(seconds=dice.randrange(int(timedelta(days=380).total_seconds())))
            revenue = dice.choice([9.99, 14.999999, 15, 20, 20.01, 55.5, 99])
            choices: list[tuple[Kind, str, dict[str, Any]]] = [
                (
                    Kind.TRACK,
                    "Order Completed",
                    {
                        "order_id": f"o{number}",
                        "revenue": revenue,
                        "currency": "TRY",
                        "coupon": dice.choice(["", "PAPER"]),
                        "channel": dice.choice(["store", "online"]),
                    },
                ),
                (Kind.TRACK, "Coupon Applied", {"coupon_id": "c"}),
                (Kind.PAGE, "Home", {"path": dice.choice(["/", "/tr/offers"])}),
                (Kind.TRACK, "Product Viewed", {"product_id": "p"}),
            ]
            kind, event, properties = dice.choice(choices if person % 7 else choices[2:])
            shop._put([identifier], kind, event, at=at, properties=properties)


def test_twenty_rules_have_the_members_that_plain_statements_find(shop: Shop) -> None:
    from sadakat.platform import brand, engine
    from sadakat.segments import api as segments

    zone = brand.current().zone
    live_a_year(shop, people=80)
    shop.work()
    cases = predicates_demo.cases(shop.now.astimezone(zone).date())
    for case in cases:
        shop.segment(case.key, case.where)
    sync(shop)
    run(predicates_demo.VIEWS)
    sizes = {}
    for case in cases:
        with connection.cursor() as cursor:
            cursor.execute(case.sql, {"at": shop.now, "zone": zone.key})
            expected = {row[0] for row in cursor.fetchall()}
        found = engine.collect(segments.asked(rule(case.where), at=shop.now))
        assert {row["customer_id"] for row in found if row["fits"]} == expected, case.key
        assert set(segments.member_ids(case.key)) == expected, case.key
        sizes[case.key] = len(expected)
    # None of the rules is idle: each has members, and each leaves somebody out.
    assert len(sizes) == 20
    assert {key: size for key, size in sizes.items() if not 0 < size < 80} == {}
    preview = segments.preview(rule(cases[0].where), at=shop.now)
    members = sorted(segments.member_ids("izmir"))
    assert (preview.count, preview.everybody, preview.sample) == (len(members), 80, tuple(members[:10]))


def test_a_preview_asks_as_of_any_moment_and_keeps_nothing(shop: Shop) -> None:
    from sadakat.platform import engine
    from sadakat.segments import api as segments

    for days, user in ((40, "ayse"), (20, "baris"), (20, "baris"), (1, "cagla")):
        shop.put(user, "Product Viewed", at=shop.now - days * DAY, price=5)
    sync(shop)
    customers = shop.customers()
    where = rule({"event": "Product Viewed", "within": "30d", "sum": {"property": "price", "at_least": 5}})

    def fitting(at: datetime) -> dict[int, int | None]:
        found = engine.collect(segments.asked(where, at=at))
        assert len(found) == 3
        return {row["customer_id"]: row["changes_at"] for row in found if row["fits"]}

    def after(days: int) -> int:
        return int((shop.now + days * DAY).timestamp() * 1_000_000)

    assert segments.preview(where, at=shop.now).count == 2
    assert fitting(shop.now) == {customers["baris"]: after(10), customers["cagla"]: after(29)}
    assert fitting(shop.now - 15 * DAY) == {customers["ayse"]: after(-10), customers["baris"]: after(10)}
    assert rows("SELECT count(*) FROM segments_segment") == [(0,)]


def test_what_tells_who_somebody_is_stays_out_of_the_lake_and_is_asked_in_the_database(shop: Shop) -> None:
    from sadakat.platform import engine
    from sadakat.segments import api as segments
    from sadakat.segments import tables

    shop.say("ayse", firstName="Ayşe", city="İzmir", email="ayse@example.com")
    shop.say("baris", firstName="Barış", city="Ankara")
    sync(shop)
    customers = shop.customers()
    said = {row["customer_id"]: row["said"] for row in engine.collect(tables.subjects())}
    assert said[customers["ayse"]] == '{"city": "izmir", "email": {}, "firstName": {}}'
    by_name = rule({"all": [{"trait": "firstName", "is": "AYSE"}, {"trait": "city", "exists": True}]})
    preview = segments.preview(by_name, at=shop.now)
    assert (preview.count, preview.everybody, preview.sample) == (1, 2, (customers["ayse"],))
    with pytest.raises(Invalid, match=r"^firstName can tell who somebody is and cannot"):
        segments.asked(by_name, at=shop.now)
    known = engine.collect(segments.asked(rule({"trait": "email", "exists": True}), at=shop.now))
    assert {row["customer_id"] for row in known if row["fits"]} == {customers["ayse"]}


def test_a_window_longer_than_what_is_kept_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import settings
    from sadakat.segments import api as segments

    kept = settings.from_environment({"SADAKAT_EVENTS_KEPT_DAYS": "730"})
    monkeypatch.setattr(settings, "current", lambda: kept)
    with pytest.raises(Invalid, match=r"^where\.within: events are kept for 730 days, so 800d cannot be known$"):
        segments.preview(rule({"event": "Product Viewed", "within": "800d"}), at=shop.now)


def test_the_sweep_finds_nothing_when_all_is_right_and_mends_what_is_wrong(shop: Shop) -> None:
    from sadakat.segments import api as segments
    from sadakat.segments.types import SweepReport

    shop.segment("buyers", {"event": "Product Viewed", "within": "30d"})
    shop.segment("others", {"segment": "buyers", "is": False})
    shop.segment("ayses", {"trait": "firstName", "is": "ayse"})
    shop.say("ayse", firstName="Ayşe")
    for user in ("ayse", "baris"):
        shop.put(user, "Product Viewed")
    sync(shop)
    customers = shop.customers()
    shop.now += timedelta(minutes=1)
    clean = segments.sweep(at=shop.now)
    assert (clean.segments, clean.customers, clean.corrections) == (3, 2, 0)
    # Somebody writes past the one writer: three memberships are wrong, and one of them makes another wrong.
    run("UPDATE segments_standing SET is_member = false WHERE customer_id = %s", customers["ayse"])
    assert "ayse" not in {user for user, id_ in customers.items() if id_ in segments.member_ids("buyers")}
    # Barış has done something that the lake does not know: he is left out though his standing is wrong as well.
    run("UPDATE segments_standing SET is_member = false WHERE customer_id = %s", customers["baris"])
    shop.put("baris", "Product Viewed")
    from sadakat.events import api as events

    events.sequence(at=shop.now)
    found = segments.sweep(at=shop.now)
    assert set(segments.member_ids("buyers")) == {customers["ayse"]}
    assert set(segments.member_ids("ayses")) == {customers["ayse"]}
    assert found.corrections == 2
    assert [(told[1], told[3]) for told in shop.told() if told[3] == "sweep"] == []
    shop.work()
    assert sorted((told[1], told[3]) for told in shop.told() if told[3] == "sweep") == [
        ("ayses", "sweep"),
        ("buyers", "sweep"),
    ]
    latest: tuple[SweepReport, ...] = segments.sweeps(limit=1)
    assert latest == (found,)
