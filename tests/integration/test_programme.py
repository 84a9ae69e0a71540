"""The programme in its versions, and what customers with histories would earn by it."""

import json
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sadakat.kernel.errors import Invalid, NotFound
from sadakat.loyalty.rules import programme as rules
from sadakat.loyalty.rules.earning import Occasion, Purchase
from sadakat.loyalty.types import Quote
from tests.integration import living
from tests.integration.living import DAY, DENIZ, Shop
from tests.integration.pipeline import rows

shop = living.shop
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/loyalty-programme.md"


def rule(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "name": {"en": key.title()}, "event": "order", **more}


def club(*said: Mapping[str, Any], at: datetime = AT, **more: Any) -> None:
    from sadakat.loyalty import api as loyalty

    loyalty.apply_programme({"rules": list(said), **more}, actor=DENIZ, at=at)


def bought(at: datetime, **more: Any) -> Purchase:
    said = {"order_id": "1", "at": at, "local_date": at.date(), "nth": 1, "basis_minor": 10_000}
    return Purchase(**said | more)


def kept() -> list[Any]:
    return [rows("SELECT to_jsonb(t)::text FROM loyalty_programme AS t ORDER BY 1"), *_audited()]


def _audited() -> list[tuple[Any, ...]]:
    return rows("""SELECT actor, action, subject, old ->> 'award_back_days', new ->> 'award_back_days'
        FROM platform_auditentry WHERE action LIKE 'loyalty.%%' ORDER BY id""")


def quotes(asked: Sequence[Any], *, at: datetime) -> list[Quote]:
    """What each of these earns by the programme that holds at `at`."""
    from sadakat.loyalty.queries.earning import quotes_by
    from sadakat.loyalty.queries.programme import programme_at

    return quotes_by(programme_at(at), asked)


def test_nothing_earns_before_a_programme_is_applied(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.queries.programme import programme_version

    none = loyalty.programme()
    assert (none.version, none.rules, none.time_zone, loyalty.versions()) == (0, (), "Europe/Istanbul", [])
    (quote,) = quotes([(None, 1, bought(shop.now))], at=shop.now)
    assert (quote.points, quote.rules, quote.programme_version) == (0, (), 0)
    with pytest.raises(NotFound, match="the programme has no version 1"):
        programme_version(1)


def test_each_change_is_a_version_and_the_same_again_changes_nothing(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.queries.programme import programme_at, programme_version

    first = loyalty.apply_programme(rules.DEFAULT, actor=DENIZ, at=AT)
    assert (first.version, first.applied_at, first.applied_by, len(first.rules)) == (1, AT, "Deniz", 10)
    assert loyalty.programme() == first
    before = kept()
    again = loyalty.apply_programme(loyalty.programme_json(first), actor=DENIZ, at=AT + DAY)
    assert (again, kept()) == (first, before)
    changed = {**rules.DEFAULT, "award_back_days": 90}
    tried = loyalty.apply_programme(changed, actor=DENIZ, at=AT + DAY, dry_run=True)
    assert (tried.version, tried.award_back_days, kept()) == (2, 90, before)
    second = loyalty.apply_programme(changed, actor=DENIZ, at=AT + DAY)
    assert (second, loyalty.programme(), loyalty.versions()) == (tried, second, [second, first])
    held = [programme_at(AT + timedelta(hours=hours)).version for hours in (-1, 0, 23, 24)]
    assert (held, programme_version(1)) == ([0, 1, 1, 2], first)
    assert _audited() == [
        ("user:1", "loyalty.programme_applied", "programme:1", None, "30"),
        ("user:1", "loyalty.programme_applied", "programme:2", "30", "90"),
    ]


def test_the_file_of_the_page_can_be_applied(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty

    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    assert loyalty.apply_programme(loyalty.read_programme(found[1]), actor=DENIZ, at=AT).name["tr"] == "Moda Kulübü"


def test_a_refused_programme_leaves_nothing(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty

    club(rule("all", points=1))
    before = kept()
    for document, fault in (
        ({"rules": [rule("a")]}, "programme.rules[0].points: a rule gives points"),
        ({"rules": [rule("a", points=1, where={"segment": "vip"})]}, "programme.rules[0].where.segment: there is no"),
    ):
        with pytest.raises(Invalid, match=re.escape(fault)):
            loyalty.apply_programme(document, actor=DENIZ, at=AT)
        assert kept() == before


def test_two_who_apply_at_once_make_two_versions(shop: Shop) -> None:
    from django.db import connection

    from sadakat.loyalty import api as loyalty

    made: list[int] = []

    def apply(days: int) -> None:
        document = {"award_back_days": days}
        made.append(loyalty.apply_programme(document, actor=DENIZ, at=AT).version)
        connection.close()

    threads = [threading.Thread(target=apply, args=[days]) for days in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(made) == list(range(1, 9))


def test_conditions_on_customers_are_asked_as_of_each_purchase(shop: Shop) -> None:

    shop.say("ayse", city="İZMİR")
    shop.do("ayse", "Waved")
    shop.do("isil", "Waved", at=shop.now - 2 * DAY)
    shop.segment("waved", {"event": "Waved"})
    shop.work()
    ayse, isil = (shop.customers()[user] for user in ("ayse", "isil"))
    club(
        rule("izmir", points=1, where={"trait": "city", "is": "İzmir"}),
        rule("wavers", points=10, where={"event": "Waved", "within": "1d"}),
        rule("segment", points=100, where={"segment": "waved"}),
        rule("monday", points=5_000, weekdays=[1], where={"segment": "waved"}),
        multipliers=[{"key": "twice", "name": {"en": "T"}, "factor": 2, "where": {"trait": "city", "is": "İzmir"}}],
    )
    asked = [
        (None, isil, bought(shop.now)),
        (None, ayse, bought(shop.now)),
        (None, isil, bought(shop.now - 1.5 * DAY)),
        (None, 999_999, bought(shop.now)),
        (None, isil, bought(shop.now - 3 * DAY)),
        (None, ayse, Occasion(event="Waved", at=shop.now, local_date=shop.now.date())),
    ]
    assert [quote.points for quote in quotes(asked, at=shop.now)] == [100, 222, 110, 0, 100, 0]


def test_a_rule_that_names_what_has_gone_gives_nothing_and_others_go_on(shop: Shop) -> None:
    from sadakat.segments import api as segments

    shop.do("ayse", "Waved")
    shop.segment("waved", {"event": "Waved"})
    club(rule("segment", points=100, where={"segment": "waved"}), rule("all", points=1))
    asked = [(None, shop.customers()["ayse"], bought(shop.now))]
    assert quotes(asked, at=shop.now)[0].points == 101
    segments.archive_segment("waved", actor=DENIZ, at=shop.now)
    assert quotes(asked, at=shop.now)[0].points == 1


def test_caps_count_tallies_and_what_the_same_batch_gives(shop: Shop) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.testing import make_members

    for user in ("ayse", "isil"):
        shop.do(user, "Waved")
    ayse, isil = (shop.customers()[user] for user in ("ayse", "isil"))
    first, second = make_members([ayse, isil], at=AT)
    club(
        rule("day", points=10, caps=[{"per": "day", "times": 2}]),
        rule("month", points=100, caps=[{"per": "month", "points": 250}]),
        rule("year", points=1_000, caps=[{"per": "year", "points": 1_500}]),
        rule("ever", points=10_000, caps=[{"per": "ever", "times": 1}]),
    )
    models.Tally.objects.bulk_create(
        models.Tally(member_id=first, rule_key=key, day=day, points=points, times=times)
        for key, day, points, times in (
            ("day", date(2026, 11, 19), 20, 2),
            ("day", date(2026, 11, 20), 10, 1),
            ("month", date(2026, 10, 31), 250, 3),
            ("month", date(2026, 11, 1), 100, 1),
            ("year", date(2025, 12, 31), 1_500, 2),
            ("year", date(2026, 1, 1), 1_000, 1),
            ("ever", date(2020, 1, 1), 10_000, 1),
        )
    )
    today = bought(AT)
    tomorrow, next_year = bought(AT + DAY), bought(AT + 60 * DAY)
    asked = [(first, ayse, today), (second, isil, today), (None, 999_999, today), (first, ayse, today)]
    asked += [(first, ayse, tomorrow), (first, ayse, next_year), (second, isil, today)]
    found = quotes(asked, at=AT)
    assert [[rule.points for rule in quote.rules] for quote in found] == [
        [10, 100, 500, 0],
        [10, 100, 1_000, 10_000],
        [10, 100, 1_000, 10_000],
        [0, 50, 0, 0],
        [10, 0, 0, 0],
        [10, 100, 1_000, 0],
        [10, 100, 500, 0],
    ]
    assert [rule.refusal for rule in found[3].rules] == [
        "at most 2 times a day",
        "at most 250 points a month",
        "at most 1500 points a year",
        "at most 1 times in all",
    ]


def test_the_tier_is_that_of_the_moment(shop: Shop) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.testing import make_member

    shop.do("ayse", "Waved")
    ayse = shop.customers()["ayse"]
    member = make_member(ayse, at=AT)
    tiers = [
        {"key": "silver", "name": {"en": "S"}, "threshold": 1, "multiplier": 2},
        {"key": "gold", "name": {"en": "G"}, "threshold": 2, "multiplier": 3},
    ]
    club(rule("all", points=10), ladder={"tiers": tiers})
    models.TierChange.objects.create(member_id=member, from_key="", to_key="silver", at=AT, reason="reached")
    models.TierChange.objects.create(member_id=member, from_key="silver", to_key="gold", at=AT + DAY, reason="reached")
    moments = [AT - DAY, AT, AT + DAY, AT + 2 * DAY]
    asked: list[Any] = [(member, ayse, bought(moment)) for moment in moments]
    asked += [(None, ayse, bought(AT)), (member, ayse, Occasion(event="Waved", at=AT, local_date=AT.date()))]
    found = quotes(asked, at=AT + 2 * DAY)
    assert [quote.points for quote in found] == [10, 20, 30, 30, 10, 0]


def test_a_batch_takes_as_many_queries_as_one(shop: Shop) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from sadakat.loyalty.testing import make_members

    for user in ("ayse", "isil", "baris"):
        shop.do(user, "Waved")
    ids = sorted(shop.customers().values())
    members = make_members(ids, at=AT)
    club(
        rule("waved", points=10, where={"event": "Waved"}, caps=[{"per": "day", "times": 1}]),
        ladder={"tiers": [{"key": "silver", "name": {"en": "S"}, "threshold": 1, "multiplier": 2}]},
    )
    asked = [(member, id_, bought(AT)) for member, id_ in zip(members, ids, strict=True)]
    counts = []
    for batch in (asked[:1], asked):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert [quote.points for quote in quotes(batch, at=AT)] == [10] * len(batch)
        counts.append(len(queries))
    assert counts[0] == counts[1]


ORDER = {
    "revenue": 180,
    "tax": 36,
    "shipping": 20,
    "total": 236,
    "products": [
        {"product_id": "boot", "price": 150, "quantity": 1, "category": "Shoes"},
        {"product_id": "sock", "price": 25, "quantity": 2},
    ],
}


@pytest.mark.parametrize(
    ("basis", "basis_minor"), [("net", 18_000), ("with_tax", 21_600), ("with_tax_and_shipping", 23_600)]
)
def test_the_quote_of_an_order(shop: Shop, basis: str, basis_minor: int) -> None:
    from sadakat.loyalty import api as loyalty

    shop.put("ayse", "Category Updated", category_id="c1", name="Clothes")
    shop.put("ayse", "Category Updated", category_id="c2", name="Çorap", parent_id="c1")
    shop.put("ayse", "Product Updated", product_id="sock", name="Sock", brand="Çağla", category_id="c2")
    shop.do("ayse", "Order Completed", at=shop.now - DAY, order_id="A1", revenue=10)
    ayse = shop.customers()["ayse"]
    club(
        rule("all", points_per_unit=1),
        rule("shoes", points_per_unit=1, categories=["shoes"]),
        rule("clothes", points=7, categories=["Clothes"]),
        rule("brand", points=9, brands=["cagla"]),
        rule("second", points=500, nth_orders=[2]),
        rule("store", points=1_000, channels=["store"]),
        basis=basis,
    )
    quote = loyalty.quote_order(ayse, ORDER, at=shop.now)
    whole = basis_minor // 100
    shoes = basis_minor * 3 // 4 // 100
    assert [(part.key, part.points) for part in quote.rules] == [
        ("all", whole),
        ("shoes", shoes),
        ("clothes", 7),
        ("brand", 9),
        ("second", 500),
    ]
    assert (quote.points, quote.basis_minor) == (whole + shoes + 516, basis_minor)
    assert (quote.rules[1].by_line, quote.rules[2].by_line) == ({1: shoes}, {2: 7})
    nobody = loyalty.quote_order(None, {**ORDER, "channel": "Store"}, at=shop.now)
    assert [part.key for part in nobody.rules] == ["all", "shoes", "clothes", "brand", "store"]
    assert rows("SELECT count(*) FROM commerce_order") == [(1,)]


def test_an_order_that_cannot_be_quoted(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty

    club(rule("all", points_per_unit=1))
    with pytest.raises(Invalid, match="says what was paid by none of revenue, total and products"):
        loyalty.quote_order(None, {}, at=shop.now)
    with pytest.raises(Invalid, match="there is no rate for EUR"):
        loyalty.quote_order(None, {"revenue": 10, "currency": "EUR"}, at=shop.now)
    with pytest.raises(NotFound, match="there is no customer 4711"):
        loyalty.quote_order(4711, {"revenue": 10}, at=shop.now)
    assert loyalty.quote_order(None, {"revenue": "19.99"}, at=shop.now).points == 19


def test_who_fits_a_predicate_as_of_his_own_clock(shop: Shop) -> None:
    from sadakat.segments import api as segments

    for user, days in (("ayse", 0), ("isil", 3)):
        shop.do(user, "Waved", at=shop.now - days * DAY)
    ayse, isil = (shop.customers()[user] for user in ("ayse", "isil"))
    where = {"version": 1, "where": {"event": "Waved", "within": "1d"}}
    assert segments.fitting(where, {ayse: shop.now, isil: shop.now}) == {ayse}
    assert segments.fitting(where, {ayse: shop.now - DAY, isil: shop.now - 2.5 * DAY}) == {isil}
    assert segments.fitting({"version": 1, "where": {"not": where["where"]}}, {ayse: shop.now, 999: shop.now}) == {999}
    assert segments.fitting(where, {}) == set()
    with pytest.raises(Invalid, match="no segment 'gone'"):
        segments.fitting({"version": 1, "where": {"segment": "gone"}}, {ayse: shop.now})


def test_what_a_programme_would_have_given(shop: Shop, tmp_path: Path) -> None:
    from sadakat.entry.cli import app
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.types import Replay, ReplayedRule

    for number, (user, days, revenue) in enumerate(
        [("ayse", 40, "19.99"), ("ayse", 12, 50), ("ayse", 2, 30), ("isil", 2, 100), ("isil", 1, 0), ("isil", 0, 7)]
    ):
        shop.put(user, "Order Completed", at=shop.now - days * DAY, order_id=str(number), revenue=revenue)
    shop.work()
    document = {
        "rules": [
            rule("all", points_per_unit=1),
            rule("month", points=10, caps=[{"per": "month", "times": 1}]),
            rule("never", points=5, weekdays=[7], nth_orders=[50]),
        ],
        "multipliers": [{"key": "m", "name": {"en": "M"}, "factor": 1.5}],
    }
    today = shop.now.date()
    before = kept()
    found = loyalty.replay(document, since=today - timedelta(days=40), until=today)
    assert found == Replay(
        orders=4,
        customers=2,
        points=43 + 90 + 45 + 165,
        worth_minor=343,
        basis_minor=19_999,
        rules=(
            ReplayedRule(key="all", name="All", points=199, orders=4),
            ReplayedRule(key="month", name="Month", points=30, orders=3),
            ReplayedRule(key="never", name="Never", points=0, orders=0),
        ),
    )
    assert kept() == before
    file = tmp_path / "club.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    days = ["--since", str(today - timedelta(days=40)), "--until", str(today)]
    told = CliRunner().invoke(app, ["loyalty", "replay", str(file), *days, "--json"])
    assert json.loads(told.stdout) == {
        "orders": 4,
        "customers": 2,
        "points": 343,
        "worth": {"amount": 343, "currency": "TRY"},
        "basis": {"amount": 19_999, "currency": "TRY"},
        "rules": [
            {"key": "all", "name": "All", "points": 199, "orders": 4},
            {"key": "month", "name": "Month", "points": 30, "orders": 3},
            {"key": "never", "name": "Never", "points": 0, "orders": 0},
        ],
    }
    assert "199.99 TRY" in CliRunner().invoke(app, ["loyalty", "replay", str(file), *days]).output
    for until in (today - timedelta(days=1), today + timedelta(days=732)):
        with pytest.raises(Invalid, match="expected 1 to 731 days"):
            loyalty.replay(document, since=today, until=until)
