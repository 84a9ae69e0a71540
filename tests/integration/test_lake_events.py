"""The datasets `events` and `order_lines`: what arrives in the lake of what was said, and what never does."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.db import transaction

from sadakat.commerce import tables as commerce_tables
from sadakat.events import api as events
from sadakat.events import tables
from sadakat.events.types import Fact, Source
from sadakat.platform import audit, engine, lake
from tests.integration import test_orders as orders
from tests.integration.pipeline import rows, run

NOW = orders.NOW
shop = orders.shop
_STALE_LINES = "SELECT count(*) FROM platform_lakepartition WHERE dataset = 'order_lines' AND changes > written"


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "folder", lambda: tmp_path / "lake")


def call(kind: str, number: int, *, at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "messageId": f"m{number}", "userId": "ayse", "timestamp": at.isoformat(), **fields}


def held() -> list[dict[str, Any]]:
    found = engine.collect(tables.events().order_by("position"))
    return [row | {name: json.loads(row[name] or "null") for name in ("said", "moments", "days")} for row in found]


def on_disk() -> bytes:
    """All that the lake's files hold, as text."""
    files = sorted(lake.folder().rglob("*.parquet"))
    return json.dumps([pq.read_table(path).to_pylist() for path in files], default=str, ensure_ascii=False).encode()


def test_calls_arrive_with_the_names_and_the_folded_properties_that_predicates_read(shop: Source) -> None:
    orders.send(
        shop,
        call("identify", 1, traits={"city": "İzmir"}),
        call("track", 2, event="Product Viewed", properties={"colour": "KIRMIZI", "price": 12.5, "is_new": True}),
        call("page", 3, name="Home", properties={"path": "/İç"}, at=datetime(2026, 10, 31, 22, 30, tzinfo=UTC)),
        call("screen", 4, name="Basket"),
        call("track", 5, event="Visit Booked", properties={"on": "2026-12-01", "sizes": ["S"]}),
    )
    [profile] = {event.profile_id for event in events.read_positions([2, 3, 4, 5])}
    with transaction.atomic():
        events.append_facts(
            [Fact(event="Segment Entered", profile_id=profile, properties={"key": "vip"}, at=NOW, message_id="fact")]
        )
    orders.work()

    lake.sync(at=NOW)

    base = {"profile_id": profile, "source_id": shop.id, "at": NOW, "local_date": date(2026, 11, 20)}
    nothing = {"said": None, "moments": None, "days": None}
    midnight = int(datetime(2026, 11, 30, 21, tzinfo=UTC).timestamp()) * 1_000_000
    page_at = {"at": datetime(2026, 10, 31, 22, 30, tzinfo=UTC), "local_date": date(2026, 11, 1)}
    assert held() == [
        base
        | nothing
        | {"position": 2, "event": "Product Viewed", "said": {"colour": "kirmizi", "price": 12.5, "is_new": True}},
        base | nothing | page_at | {"position": 3, "event": "Page Viewed", "said": {"path": "/ic"}},
        base | nothing | {"position": 4, "event": "Screen Viewed"},
        base
        | {
            "position": 5,
            "event": "Visit Booked",
            "said": {"on": "2026-12-01", "sizes": {}},
            "moments": {"on": midnight},
            "days": {"on": 1201},
        },
        base
        | nothing
        | {
            "position": 6,
            "event": "Segment Entered",
            "said": {"key": "vip"},
            "source_id": events.system_source_id(),
        },
    ]
    files = lake.files(["events"])["events"]
    assert [path.parent.name for path in files] == ["partition=2026-11"]
    assert not lake.is_stale()


def test_events_of_no_profile_stay_out(shop: Source) -> None:
    orders.send(shop, call("track", 1, event="Product Viewed"))
    run(
        "INSERT INTO events_log SELECT 2, 0, source_id, kind, event, at, local_date, received_at, gen_random_uuid(), body "
        "FROM events_log WHERE position = 1"
    )

    lake.sync(at=NOW)

    assert [row["position"] for row in held()] == [1]
    assert not lake.is_stale()


def test_direct_identifiers_do_not_reach_the_lake(shop: Source) -> None:
    told = {
        "email": "ayse@example.com",
        "E-mail": "ayse2@example.com",
        "phone": "+905321112233",
        "phone_number": "5321112233",
        "firstName": "Ayşegül",
        "last_name": "Yıldırım",
        "name": "Ayşegül Yıldırım",
        "address": {"street": "Lale Sokak 5"},
        "shipping_address": "Gül Sokak 7",
        "adres": "Menekşe Sokak 9",
        "card_number": "4111111111111111",
        "colour": "mavi",
    }
    context = {"traits": {"email": "context@example.com"}, "ip": "203.0.113.9"}
    orders.send(
        shop,
        call("identify", 1, traits=told),
        call("track", 2, event="Form Sent", properties=told, context=context),
        orders.message(orders.COMPLETED, revenue=10, **told),
    )

    lake.sync(at=NOW)

    first, _ = held()
    assert first["said"]["colour"] == "mavi"
    assert [first["said"][name] for name in ("email", "phone", "name", "address")] == [{}] * 4
    lower = on_disk().decode().lower()
    assert "mavi" in lower
    for trace in ("@", "532111", "aysegul", "ayşegül", "yildirim", "yıldırım", "sokak", "411111", "203.0"):
        assert trace not in lower, trace


def test_an_amended_event_is_written_anew_as_its_readers_see_it(shop: Source) -> None:
    orders.send(shop, orders.message(orders.COMPLETED), orders.message(orders.COMPLETED, order_id="1002", revenue=5))
    lake.sync(at=NOW)
    mended = orders.message(orders.COMPLETED, revenue="12.50")
    [failed] = events.failed_events(consumer="commerce.orders")
    assert [row["said"].get("revenue") for row in held()] == [None, 5]

    events.amend_failed(position=failed.position, body=json.dumps(mended).encode(), actor=audit.CLI, at=NOW)

    assert lake.is_stale()
    lake.sync(at=NOW)
    assert [row["said"].get("revenue") for row in held()] == ["12.50", 5]


@pytest.mark.parametrize("by", ["positions", "profile_ids"])
def test_what_is_erased_leaves_the_files_of_its_months_and_no_others(by: str, shop: Source) -> None:
    month_ago = NOW - timedelta(days=30)
    for number, (user, at) in enumerate([("ayse", NOW), ("isil", NOW), ("ayse", month_ago), ("isil", NOW)]):
        told = call("track", number, event="Note Left", at=at, properties={"note": f"gizli {user} {number}"})
        orders.send(shop, told | {"userId": user})
        lake.sync(at=NOW)
    untouched = {path for path in lake.files(["events"])["events"] if "2026-10" in str(path)}
    erased = {"positions": [2, 4], "profile_ids": [event.profile_id for event in events.read_positions([2])]}[by]

    with transaction.atomic():
        run("UPDATE events_log SET body = NULL WHERE position = ANY(%s)", [2, 4])
        tables.mark_bodies_changed(**{by: erased})
    assert rows("SELECT partition FROM platform_lakepartition WHERE dataset = 'events' AND changes > written") == [
        ("2026-11",)
    ]
    lake.sync(at=NOW)

    assert [(row["event"], row["said"]) for row in held()] == [
        ("Note Left", {"note": "gizli ayse 0"}),
        ("Note Left", None),
        ("Note Left", {"note": "gizli ayse 2"}),
        ("Note Left", None),
    ]
    assert untouched < set(lake.files(["events"])["events"])
    assert b"gizli isil" in on_disk()  # readers of the old files have begun with them
    lake.sweep(at=datetime.now(UTC) + lake.GRACE)
    assert b"gizli isil" not in on_disk()
    assert b"gizli ayse" in on_disk()


def lines() -> list[tuple[Any, ...]]:
    found = engine.collect(commerce_tables.order_lines().order_by("order_id", "number"))
    return [tuple(row.values()) for row in found]


def test_lines_carry_the_top_of_their_category_and_follow_the_catalogue(shop: Source) -> None:
    orders.send(
        shop,
        orders.tracked("Category Updated", category_id="men", name="Erkek"),
        orders.tracked("Category Updated", category_id="shirts", name="Gömlek", parent_id="men"),
        orders.tracked("Product Updated", product_id="shirt", category_id="shirts"),
        orders.tracked("Product Updated", product_id="hat", category_id="unknown"),
        orders.message(
            orders.COMPLETED,
            products=[orders.SHIRT, orders.SOCKS, {"product_id": "hat", "price": 5}, {"product_id": "tie", "price": 1}],
        ),
    )
    lake.sync(at=NOW)
    assert lines() == [
        ("", "1001", 1, "shirt", "Erkek", 2.0, 40000),
        ("", "1001", 2, "socks", "Socks", 3.0, 10005),
        ("", "1001", 3, "hat", "unknown", 1.0, 500),
        ("", "1001", 4, "tie", None, 1.0, 100),
    ]

    orders.send(shop, orders.tracked("Product Updated", minute=1, product_id="shirt", category_id="shirts", price=9))
    assert rows(_STALE_LINES) == [(0,)]

    orders.send(
        shop,
        orders.tracked("Product Updated", minute=2, product_id="tie", category_id="men"),
        orders.tracked("Category Updated", minute=2, category_id="men", name="Beyler"),
    )
    lake.sync(at=NOW)
    assert [line[4] for line in lines()] == ["Beyler", "Socks", "unknown", "Beyler"]

    orders.send(shop, orders.message("Order Updated", minute=3, products=[orders.SOCKS]))
    lake.sync(at=NOW)
    assert [line[3:] for line in lines()] == [("socks", "Socks", 3.0, 10005)]


def test_an_order_that_moves_to_another_month_takes_its_lines_along(shop: Source) -> None:
    orders.send(shop, orders.message(orders.COMPLETED, products=[orders.SOCKS]))
    lake.sync(at=NOW)
    earlier = orders.message(orders.COMPLETED, products=[orders.SOCKS]) | {"messageId": "x"}
    orders.send(shop, earlier | {"timestamp": "2026-10-05T09:00:00Z"})

    lake.sync(at=NOW)

    assert len(lines()) == 1
    with_rows = [path for path in lake.files(["order_lines"])["order_lines"] if pq.read_metadata(path).num_rows]
    assert [path.parent.name for path in with_rows] == ["partition=2026-10"]
