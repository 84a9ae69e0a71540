"""Orders from messages to tables, features and the lake."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sadakat.commerce import api as commerce
from sadakat.commerce import tables
from sadakat.commerce.testing import order_message
from sadakat.commerce.types import CatalogueCounts, MonthSpend, OrderDetail, OrderStatus
from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.events.types import Source, SourceKind
from sadakat.kernel.errors import Invalid, NotFound, Refused
from sadakat.platform import audit, engine, lake
from sadakat.platform.models import AuditEntry, LakePartition

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC) - timedelta(days=10)
COMPLETED, UPDATED, REFUNDED, CANCELLED = "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"
SHIRT = {"product_id": "shirt", "price": 200, "quantity": 2}
SOCKS = {"product_id": "socks", "price": "33.35", "quantity": 3, "category": "Socks"}


@pytest.fixture
def shop(database: str) -> Source:
    return new_source("shop", kind=SourceKind.IMPORT)


def new_source(name: str, *, kind: SourceKind, **options: Any) -> Source:
    source, _ = events.create_source(name=name, kind=kind, actor=audit.CLI, at=NOW, **options)
    return source


def message(
    event: str, *, order_id: str | int = "1001", minute: int = 0, user: str | None = "ayse", **properties: Any
) -> dict[str, Any]:
    content = json.dumps([event, order_id, minute, user, properties], sort_keys=True)
    message_id = hashlib.sha256(content.encode()).hexdigest()
    at = NOON + timedelta(minutes=minute)
    traits = None if user else {"email": "guest@example.com"}
    return order_message(
        event, order_id=order_id, at=at, message_id=message_id, user_id=user, traits=traits, **properties
    )


def tracked(event: str, *, minute: int = 0, **properties: Any) -> dict[str, Any]:
    body = message(event, order_id="none", minute=minute, **properties)
    del body["properties"]["order_id"]
    return body


def send(source: Source, *messages: dict[str, Any]) -> None:
    report = events.import_messages(source=source, raw_messages=[json.dumps(m).encode() for m in messages], at=NOW)
    assert report.accepted == len(messages)
    work()


def work() -> None:
    for _ in range(1000):
        report = events.sequence(at=NOW)
        moved = [events.consume(name, at=NOW) for name in events.consumers()]
        if not report.sequenced and not any(moved):
            return
    pytest.fail("the pipeline does not come to rest")


def detail(order_id: str = "1001", *, namespace: str = "") -> OrderDetail:
    return commerce.order(namespace=namespace, order_id=order_id)


def figures(order_id: str = "1001") -> tuple[str, int, int, int]:
    order = detail(order_id).order
    return order.status.value, order.revenue_minor, order.refunded_minor, order.net_minor


def failed() -> list[tuple[str, str]]:
    return [(row.event, row.reason) for row in events.failed_events()]


def features_of(user: str) -> dict[str, Any]:
    customer = customers.customer(customers.find(f"user_id:{user}"))
    names = ("orders", "revenue_minor", "first_order_at", "last_order_at", "last_channel")
    return {name: customer.features[name] for name in names}


def stored() -> list[Any]:
    """All that the projection holds, apart from positions, which tell the order of arrival."""
    with connection.cursor() as cursor:
        found = []
        for table in ("order", "orderentry", "line"):
            cursor.execute(f"SELECT to_jsonb(t) - 'position' FROM commerce_{table} AS t ORDER BY 1")
            found.append(cursor.fetchall())
        return found


def test_a_completed_order_with_its_lines_and_what_it_gives_the_customer(shop: Source) -> None:
    send(
        shop,
        tracked("Category Updated", category_id="men", name="Erkek"),
        tracked("Category Updated", category_id="shirts", name="Gömlek", parent_id="men"),
        tracked("Product Updated", product_id="shirt", name="Oxford\tGömlek", category_id="shirts", price="200"),
        message(COMPLETED, revenue="500.05", channel="store", store_id=324, products=[SHIRT, SOCKS, {"price": 1}]),
    )

    found = detail()
    assert (found.order.channel, found.order.store_id, found.order.is_guest) == ("store", "324", False)
    assert (found.order.at, found.order.local_date, found.order.line_count) == (NOON, date(2026, 11, 10), 3)
    assert figures() == ("completed", 50005, 0, 50005)
    assert [(line.product_id, line.name, line.category, line.quantity, line.amount_minor) for line in found.lines] == [
        ("shirt", "Oxford\tGömlek", ("Erkek", "Gömlek"), Decimal(2), 40000),
        ("socks", "", ("Socks",), Decimal(3), 10005),
        ("", "", (), Decimal(1), 100),
    ]
    assert [(entry.number, entry.kind, entry.at, entry.amount_minor) for entry in found.entries] == [
        (1, "completed", NOON, 50005)
    ]
    assert features_of("ayse") == {
        "orders": 1,
        "revenue_minor": 50005,
        "first_order_at": NOON,
        "last_order_at": NOON,
        "last_channel": "store",
    }
    assert commerce.catalogue_counts() == CatalogueCounts(products=1, categories=2)
    assert failed() == []


def test_texts_that_copy_would_take_for_its_own_signs(shop: Source) -> None:
    name = "a\tb\nc\rd\\e\\.\\N"
    send(
        shop,
        message(COMPLETED, order_id=name, revenue=1, products=[{"product_id": name, "name": name, "category": "\\N"}]),
    )

    line = detail(name).lines[0]
    assert (line.product_id, line.name, line.category) == (name, name, ("\\N",))


def test_an_order_through_its_life_and_the_sums_as_of_each_moment(shop: Source) -> None:
    send(shop, message(COMPLETED, revenue=100, products=[SHIRT]))
    send(shop, message(UPDATED, minute=10, revenue=120))
    send(shop, message(REFUNDED, minute=2000, revenue=50))
    send(shop, message(REFUNDED, minute=3000, products=[{"product_id": "shirt", "quantity": 1, "price": "20.05"}]))
    assert figures() == ("partly_refunded", 12000, 7005, 4995)
    send(shop, message(CANCELLED, minute=4000))

    assert figures() == ("cancelled", 12000, 7005, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT at, sum(amount_minor) OVER (ORDER BY at, number) FROM commerce_orderentry ORDER BY 1")
        assert cursor.fetchall() == [
            (NOON + timedelta(minutes=minute), net)
            for minute, net in [(0, 10000), (10, 12000), (2000, 7000), (3000, 4995), (4000, 0)]
        ]
    assert [entry.local_date.day for entry in detail().entries] == [10, 10, 11, 12, 13]
    assert features_of("ayse")["orders"] == features_of("ayse")["revenue_minor"] == 0
    assert features_of("ayse")["last_order_at"] is None
    assert failed() == []


def test_a_refund_waits_for_its_order(shop: Source) -> None:
    send(shop, message(REFUNDED, minute=5, total=40), message(UPDATED, minute=4, coupon="YAZ"))
    assert commerce.find_order("1001") == []
    assert failed() == []

    send(shop, message(COMPLETED, revenue=100))

    assert figures() == ("partly_refunded", 10000, 4000, 6000)
    assert detail().order.coupon == "YAZ"


def test_cancelled_then_refunded(shop: Source) -> None:
    send(shop, message(COMPLETED, revenue=100), message(CANCELLED, minute=1), message(REFUNDED, minute=2))

    assert figures() == ("cancelled", 10000, 10000, 0)
    assert failed() == []


def test_the_same_order_under_two_message_ids_counts_once(shop: Source) -> None:
    send(shop, message(COMPLETED, revenue=100), message(COMPLETED, minute=1, revenue="100.00"))

    assert figures() == ("completed", 10000, 0, 10000)
    assert features_of("ayse")["orders"] == 1
    assert failed() == []


def test_two_orders_of_one_id_whichever_comes_first(shop: Source) -> None:
    send(shop, message(COMPLETED, minute=1, revenue=90))
    send(shop, message(COMPLETED, minute=0, revenue=100))

    assert figures() == ("completed", 10000, 0, 10000)
    [(event, reason)] = failed()
    assert event == COMPLETED
    assert reason == (
        "order 1001 was completed twice with different content (revenue 90 instead of 100); "
        "the earlier of 2026-11-10 09:00:00 UTC counts; Order Updated changes an order"
    )

    send(shop, message(REFUNDED, minute=2, revenue=10))
    assert [row.attempts for row in events.failed_events()] == [1]
    assert events.retry_failed(actor=audit.CLI, at=NOW).solved == 0
    assert figures() == ("partly_refunded", 10000, 1000, 9000)


def test_another_currency_waits_for_its_rate_and_keeps_it(shop: Source) -> None:
    send(shop, message(COMPLETED, revenue="10.01", currency="EUR"), message(REFUNDED, minute=1, revenue=5))
    assert commerce.find_order("1001") == []
    [(event, reason)] = failed()
    assert event == COMPLETED
    assert "`sadakat rates set EUR RATE --from 2026-11-10`" in reason

    assert rate("48.25", date(2026, 11, 1)) is True
    assert events.retry_failed(actor=audit.CLI, at=NOW).solved == 1

    assert failed() == []
    assert figures() == ("partly_refunded", 48298, 24125, 24173)
    assert (detail().order.currency, detail().order.currency_rate) == ("EUR", Decimal("48.25"))

    assert rate("50", date(2026, 11, 5)) is True
    send(shop, message(REFUNDED, minute=2, revenue=1), message(COMPLETED, order_id="1002", revenue=1, currency="EUR"))
    assert figures() == ("partly_refunded", 48298, 28950, 19348)
    assert figures("1002")[3] == 5000


def rate(value: str, since: date, *, currency: str = "EUR") -> bool:
    return commerce.set_currency_rate(currency=currency, rate=Decimal(value), from_date=since, actor=audit.CLI, at=NOW)


def test_setting_a_rate_is_audited_and_repeatable(database: str) -> None:
    assert [rate("48.25", date(2026, 11, 1)), rate("48.25", date(2026, 11, 1))] == [True, False]
    assert rate("48.5", date(2026, 11, 1)) is True

    changes = AuditEntry.objects.filter(action="commerce.currency_rate_set").order_by("id")
    assert [(entry.subject, entry.old, entry.new) for entry in changes] == [
        ("currency:EUR", None, {"from_date": "2026-11-01", "rate": "48.25"}),
        ("currency:EUR", {"from_date": "2026-11-01", "rate": "48.25"}, {"from_date": "2026-11-01", "rate": "48.5"}),
    ]
    for value in ("0", "-1", "NaN", "Infinity", "1000001", "0.0000000000001"):
        with pytest.raises(Invalid, match="the rate must be above 0"):
            rate(value, date(2026, 11, 1))
    with pytest.raises(Refused, match="TRY is the brand's own currency"):
        rate("1", date(2026, 11, 1), currency="try")
    assert [(row.currency, row.from_date, row.rate) for row in commerce.currency_rates()] == [
        ("EUR", date(2026, 11, 1), Decimal("48.5"))
    ]
    assert changes.count() == 2


def test_guests_and_accounts(shop: Source) -> None:
    send(
        shop,
        message(COMPLETED, order_id="account", revenue=1),
        message(COMPLETED, order_id="guest", revenue=1, user=None),
        message(COMPLETED, order_id="told", revenue=1, guest=True),
    )

    assert {order_id: detail(order_id).order.is_guest for order_id in ("account", "guest", "told")} == {
        "account": False,
        "guest": True,
        "told": True,
    }


def test_an_order_of_zero_is_kept_and_not_counted(shop: Source) -> None:
    send(shop, message(COMPLETED, revenue=0), message(COMPLETED, order_id="1002", minute=3, revenue=5))

    assert figures() == ("completed", 0, 0, 0)
    assert (features_of("ayse")["orders"], features_of("ayse")["first_order_at"]) == (1, NOON + timedelta(minutes=3))


def test_one_bad_event_is_set_aside_and_the_rest_of_its_batch_counts(shop: Source) -> None:
    send(
        shop,
        message(COMPLETED, order_id="bad", revenue=-5),
        message(COMPLETED, revenue=5),
        tracked(COMPLETED, revenue=5),
    )

    assert figures() == ("completed", 500, 0, 500)
    assert sorted(reason for _, reason in failed()) == [
        "Order Completed needs an order_id of 1 to 200 characters, not None",
        "revenue must be a number from 0 to 10000000000, not -5",
    ]
    with pytest.raises(NotFound, match="there is no order 'bad'"):
        detail("bad")


def test_what_a_browser_says_of_orders_and_products_counts_nowhere(shop: Source) -> None:
    page = new_source("page", kind=SourceKind.BROWSER)
    send(shop, message(COMPLETED, revenue=5))
    send(page, message(CANCELLED, minute=1), message(COMPLETED, order_id="1002", revenue=5))
    send(page, tracked("Product Updated", product_id="shirt"), tracked("Category Updated", category_id="men"))

    assert figures() == ("completed", 500, 0, 500)
    assert commerce.find_order("1002") == []
    assert commerce.catalogue_counts() == CatalogueCounts(products=0, categories=0)
    assert failed() == []


def test_two_shops_may_use_the_same_number(shop: Source) -> None:
    other = new_source("other", kind=SourceKind.SERVER, namespace="other")
    send(shop, message(COMPLETED, revenue=5))
    send(other, message(COMPLETED, revenue=7))

    assert [(order.namespace, order.net_minor) for order in commerce.find_order(" 1001 ")] == [
        ("", 500),
        ("other", 700),
    ]
    assert detail(namespace="other").order.net_minor == 700


def test_an_order_of_more_than_32_kb(shop: Source) -> None:
    products = [{"product_id": f"product-{n}", "name": "x" * 40, "price": "1.10", "quantity": 1} for n in range(500)]
    body = message(COMPLETED, products=products)
    assert len(json.dumps(body)) > 34_000

    send(shop, body)

    assert figures() == ("completed", 55000, 0, 55000)
    assert len(detail().lines) == 500


def test_an_order_with_too_many_events_takes_no_more(shop: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadakat.commerce.consumer.orders.MAX_EVENTS_PER_ORDER", 3)
    send(shop, message(COMPLETED, revenue=100), *(message(REFUNDED, minute=n, revenue=1) for n in (1, 2)))
    send(shop, message(REFUNDED, minute=3, revenue=1), message(COMPLETED, order_id="1002", revenue=5))

    assert figures() == ("partly_refunded", 10000, 200, 9800)
    assert len(detail().entries) == 3
    assert figures("1002")[3] == 500
    assert failed() == [(REFUNDED, "order 1001 has more than 3 events")]


def test_merged_customers_have_the_orders_of_both(shop: Source) -> None:
    send(shop, message(COMPLETED, revenue=100, channel="store"))
    guest = message(COMPLETED, order_id="1002", minute=30, revenue=50, user=None)
    send(shop, guest)
    assert features_of("ayse")["orders"] == 1

    together = {"type": "identify", "messageId": "i", "userId": "ayse", "traits": {"email": "guest@example.com"}}
    send(shop, together | {"timestamp": NOW.isoformat()})

    assert features_of("ayse") == {
        "orders": 2,
        "revenue_minor": 15000,
        "first_order_at": NOON,
        "last_order_at": NOON + timedelta(minutes=30),
        "last_channel": "online",
    }


def test_orders_of_a_customer_by_page_and_by_month(shop: Source) -> None:
    for n in range(5):
        send(shop, message(COMPLETED, order_id=str(n), minute=n, revenue=n * 10))
    late = datetime(2026, 10, 31, 21, 30, tzinfo=UTC)  # already November in Istanbul
    send(shop, message(COMPLETED, order_id="late", revenue=7) | {"timestamp": late.isoformat(), "messageId": "late"})
    early = message(COMPLETED, order_id="early", revenue=3) | {
        "timestamp": "2026-10-31T20:30:00Z",
        "messageId": "early",
    }
    send(shop, early)
    profile_ids = customers.customer(customers.find("user_id:ayse")).profile_ids

    assert [order.order_id for order in commerce.orders_of(profile_ids=profile_ids, limit=3)] == ["4", "3", "2"]
    assert [order.order_id for order in commerce.orders_of(profile_ids=profile_ids, limit=9, offset=5)] == [
        "late",
        "early",
    ]
    assert commerce.orders_of(profile_ids=[]) == []
    assert commerce.spend_by_month(profile_ids) == [
        MonthSpend(month=date(2026, 10, 1), orders=1, revenue_minor=300),
        MonthSpend(month=date(2026, 11, 1), orders=5, revenue_minor=10700),
    ]


def test_the_lake_learns_which_months_have_changed(
    shop: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake, "folder", lambda: tmp_path)
    send(shop, message(COMPLETED, revenue=100), message(REFUNDED, minute=14_000, revenue=40))
    lake.sync(at=NOW)
    earlier = message(COMPLETED, revenue=100) | {"timestamp": "2026-10-05T09:00:00Z", "messageId": "earlier"}

    rows = engine.collect(tables.order_entries().order_by("number"))
    assert [(row["kind"], row["local_date"], row["order_date"], row["amount_minor"]) for row in rows] == [
        ("completed", date(2026, 11, 10), date(2026, 11, 10), 10000),
        ("refunded", NOW.date(), date(2026, 11, 10), -4000),
    ]

    send(shop, earlier)
    changed = LakePartition.objects.filter(dataset="order_entries").order_by("partition")
    assert [(row.partition, row.changes > row.written) for row in changed] == [("2026-10", True), ("2026-11", True)]
    lake.sync(at=NOW)
    rows = engine.collect(tables.order_entries())
    assert {row["order_date"] for row in rows} == {date(2026, 10, 5)}
    assert sum(row["amount_minor"] for row in rows) == 6000


histories = st.lists(
    st.builds(
        message,
        st.sampled_from([COMPLETED, UPDATED, REFUNDED, CANCELLED]),
        order_id=st.sampled_from(["1", "2"]),
        minute=st.integers(0, 1),
        revenue=st.integers(0, 50).map(lambda lira: f"{lira}.05"),
        channel=st.sampled_from(["online", "store"]),
        currency=st.sampled_from(["TRY", "EUR"]),
        products=st.lists(st.just(SHIRT), max_size=2),
    ),
    min_size=3,
    max_size=6,
    unique_by=lambda body: body["messageId"],
)


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.generate],  # shrinking on a database takes minutes; the rules have a property test that shrinks
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_disorder_and_replay_end_in_the_same_state(shop: Source, data: st.DataObject) -> None:
    messages = data.draw(histories)
    rate("48.25", date(2026, 1, 1))

    whole = [*outcome(shop, [messages])]
    pieces = [[body] for body in data.draw(st.permutations(messages))]
    repeats = [data.draw(st.lists(st.sampled_from(messages), max_size=2))]

    assert [*outcome(shop, pieces + repeats)] == whole


def outcome(source: Source, batches: list[list[dict[str, Any]]]) -> Iterator[Any]:
    """What is stored after these batches, on a log that is empty before and after."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE events_log, events_inbox, events_messagekey, events_cursor, events_failedevent, commerce_order,"
            " commerce_orderentry, commerce_line, commerce_orderevent"
        )
    for batch in batches:
        send(source, *batch)
    yield stored()
    yield features_of("ayse")


def test_purchases_as_those_ask_who_reward_them(shop: Source) -> None:
    send(
        shop,
        tracked("Category Updated", category_id="men", name="Erkek"),
        tracked("Category Updated", category_id="shirts", name="Gömlek", parent_id="men"),
        tracked("Product Updated", product_id="shirt", category_id="shirts", brand="Moda Nord"),
        message(COMPLETED, minute=5, total=480, tax=70, shipping=10, products=[SHIRT, SOCKS | {"brand": "Other"}]),
        message(COMPLETED, order_id="1000", revenue=1),
        message(COMPLETED, order_id="999", minute=-1, revenue=1),
        message(CANCELLED, order_id="999", minute=1),
        message(COMPLETED, order_id="2000", minute=2, user="baris", revenue=1),
        message(REFUNDED, minute=9, products=[{"product_id": "socks", "quantity": 1}]),
    )

    assert commerce.purchases([]) == []
    (found,) = commerce.purchases([("", "1001"), ("", "none"), ("other", "1001")])
    # The cancelled one does not count, and that of somebody else is not his.
    assert (found.nth, found.changed_at) == (2, NOON + timedelta(minutes=9))
    assert (found.order.goods_minor, found.order.taxed_minor, found.order.total_minor) == (40000, 47000, 48000)
    assert [(line.product_id, line.brand, line.paid_minor, line.refunded_minor) for line in found.lines] == [
        ("shirt", "Moda Nord", 31997, 0),
        ("socks", "Other", 8003, 3335),
    ]
    assert [set(line.categories) for line in found.lines] == [{"men", "Erkek", "shirts", "Gömlek"}, {"Socks"}]
    profiles = [found.order.profile_id]
    assert [(each.order.order_id, each.nth) for each in commerce.purchases_of(profiles, since=NOON)] == [
        ("1000", 1),
        ("1001", 2),
    ]


def test_replaying_the_whole_log_changes_nothing(shop: Source) -> None:
    send(shop, message(COMPLETED, revenue=100, products=[SHIRT]), message(REFUNDED, minute=1, revenue=10))
    send(shop, message(COMPLETED, order_id="1002", revenue=1), message(CANCELLED, order_id="1002", minute=1))
    before = stored()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE events_cursor SET position = 0")
    work()

    assert stored() == before
    assert figures() == ("partly_refunded", 10000, 1000, 9000)
    assert detail("1002").order.status is OrderStatus.CANCELLED
