"""The messy Turkish files of `tests.messy_csv`, all the way in: report, customers, orders, figures, and once more."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from sadakat.analytics import api as analytics
from sadakat.commerce import api as commerce
from sadakat.commerce import tables as commerce_tables
from sadakat.customers import api as customers
from sadakat.customers import tables as customer_tables
from sadakat.events import api as events
from sadakat.events.types import FileReport, ImportPlan, Inspection, Source, SourceKind
from sadakat.kernel.time import PeriodKind
from sadakat.platform import audit, engine, lake
from tests import messy_csv
from tests.messy_csv import CustomersFile, Order, OrdersFile, Person

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ISTANBUL = ZoneInfo("Europe/Istanbul")
# What is wrong with a row, as the generator calls it → how the reason in the file of rejected rows begins.
REASONS = {
    "too few cells": "expected 13 cells, found ",
    "too many cells": "expected 13 cells, found 14",
    "open quote": "a quotation mark opens a cell and nothing closes it",
    "unreadable byte": "the line has bytes that are no text in the encoding of the file",
    "nobody": "no identifier: ",
    "no such time": "Son Güncelleme: expected a day such as 20.11.2026",
    "rows differ": 'rows of one order differ in total: "row ',
    "no order yet": "status 'Ödeme bekliyor' says that this is no order yet",
    "negative": "total must be a number from 0 to 10000000000, not -100.00",
    "no such order time": "Tarih: expected a day such as 20.11.2026",
    "no amount": "the order says by none of total, revenue, subtotal, price and line_total what was paid",
    "no number": "Fiş No: the cell is empty",
}
WARNINGS = {
    "e-mail of nobody": ("E-Posta Adresi", "it identifies nobody"),
    "rounded phone": ("Cep Telefonu", "a spreadsheet has rounded the number: its last digits are lost"),
    "two e-mails": ("E-Posta Adresi", "it holds more than one; the first counts"),
    "no such day": ("Doğum Tarihi", "expected a day such as 20.11.2026 or 2026-11-20"),
    "card of nobody": ("Sadakat Kart No", "it identifies nobody"),
}
# Everything that an import changes, but for when it was computed.
STATE = (
    "events_log",
    "events_inbox",
    "events_rejectedevent",
    "events_failedevent",
    "customers_identifier",
    "customers_profile",
    "customers_link",
    "customers_conflict",
    "customers_merge",
    "customers_trait",
    "customers_activity",
    "customers_feature",
    "commerce_orderevent",
    "commerce_order",
    "commerce_orderentry",
    "commerce_line",
    "commerce_product",
    "commerce_category",
)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The files, and how they are imported."""

    folder: Path
    source: Source
    customers: CustomersFile
    orders: OrdersFile

    def plan(self, target: str, name: str) -> tuple[Inspection, ImportPlan]:
        """What a look at the file suggests, taken as it is."""
        seen = events.inspect_file(self.folder / name, file_name=name, target=target)
        mapping = {column.name: column.suggestion for column in seen.columns if column.suggestion}
        return seen, ImportPlan(target=target, mapping=mapping, format=seen.format)

    def take(self, target: str, name: str, *, at: datetime = NOW) -> tuple[FileReport, dict[str, list[int]]]:
        """Imports a file and works until nothing is left; the report, and the rejected lines by reason."""
        plan = self.plan(target, name)[1]
        if target == "customers":
            plan = replace(plan, mapping={**plan.mapping, "Meslek": "trait:meslek"})
        rejected_path = self.folder / f"{target}.rejected.csv"
        report = events.import_file(
            path=self.folder / name,
            file_name=name,
            plan=plan,
            source=self.source,
            actor=audit.CLI,
            at=at,
            rejected_path=rejected_path,
        )
        work(at)
        return report, rejected_lines(rejected_path)


@pytest.fixture
def shop(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "lake").mkdir()
    monkeypatch.setattr(lake, "folder", lambda: tmp_path / "lake")
    source, _ = events.create_source(name="files", kind=SourceKind.IMPORT, actor=audit.CLI, at=NOW)
    people = messy_csv.customers_file()
    orders = messy_csv.orders_file(people.people)
    (tmp_path / "musteriler.csv").write_bytes(people.content)
    (tmp_path / "siparisler.csv").write_bytes(orders.content)
    return Shop(folder=tmp_path, source=source, customers=people, orders=orders)


def work(at: datetime) -> None:
    for _ in range(1000):
        report = events.sequence(at=at)
        moved = [events.consume(name, at=at) for name in events.consumers()]
        if not report.sequenced and not any(moved):
            lake.sync(at=at)
            return
    pytest.fail("the pipeline does not come to rest")


def rejected_lines(path: Path) -> dict[str, list[int]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    found: defaultdict[str, list[int]] = defaultdict(list)
    for line, reason, *_ in rows[1:]:
        found[reason].append(int(line))
    return found


def matched(rejected: dict[str, list[int]], *, faults: Sequence[str]) -> dict[str, list[int]]:
    """The rejected lines by what the generator calls their fault; a reason that none explains stays as it is."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for reason, lines in rejected.items():
        fault = next((fault for fault in faults if reason.startswith(REASONS[fault])), reason)
        if fault == "too few cells" and reason.endswith(" 14"):
            fault = "too many cells"
        found[fault] += lines
    return {fault: sorted(lines) for fault, lines in found.items()}


def rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def state() -> dict[str, Any]:
    """Everything that is known: each table of the state row by row, and what the lake says."""
    found: dict[str, Any] = {
        table: rows(f"SELECT to_jsonb(t) - 'changed_at' FROM {table} AS t ORDER BY 1") for table in STATE
    }
    found["lake entries"] = engine.collect(commerce_tables.order_entries().order_by("namespace", "order_id", "number"))
    found["lake map"] = engine.collect(customer_tables.profile_map().order_by("profile_id"))
    return found


def utc(local: datetime) -> datetime:
    return local.replace(tzinfo=ISTANBUL).astimezone(UTC)


def expected_traits(person: Person) -> dict[str, Any]:
    said = {
        "name": person.name,
        "email": person.email if person.emails else None,
        "phone": f"+90{person.phone}" if person.phone else None,
        "card": person.card or None,
        "gender": person.gender,
        "birthday": person.birthday.isoformat() if person.birthday else None,
        "city": person.city,
        "district": messy_csv.CITIES[person.city],
        "createdAt": utc(person.created_at).isoformat(),
        "meslek": person.job or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def test_suggestions_for_headings_in_turkish(shop: Shop) -> None:
    seen, plan = shop.plan("customers", "musteriler.csv")
    assert (seen.format.encoding, seen.format.delimiter, seen.format.decimal_mark) == ("cp1254", ";", ",")
    assert seen.format.day_order == "dmy"
    assert plan.mapping == {
        "MÜŞTERİ NO": "user_id",
        "Adı Soyadı": "name",
        "E-Posta Adresi": "email",
        "Cep Telefonu": "phone",
        "Sadakat Kart No": "card",
        "İl": "city",
        "İLÇE": "district",
        "Doğum Tarihi": "birthday",
        "Cinsiyet": "gender",
        "Kayıt Tarihi": "created_at",
        "Son Güncelleme": "updated_at",
    }

    seen, plan = shop.plan("orders", "siparisler.csv")
    assert (seen.format.encoding, seen.format.delimiter, seen.format.decimal_mark) == ("utf-8", ";", ",")
    assert list(plan.mapping) == messy_csv.ORDER_HEADINGS
    assert (
        list(plan.mapping.values())
        == (
            "order_id ordered_at status store_id user_id card email phone guest total tax discount coupon product_id"
            " product_name category quantity price refunded_at refunded_amount cancelled_at"
        ).split()
    )


def test_customers_exactly_as_the_generator_expects_them(shop: Shop) -> None:
    made = shop.customers
    report, rejected = shop.take("customers", "musteriler.csv")

    assert (report.rows, report.accepted, report.duplicates, report.rejected) == (
        messy_csv.ROWS,
        made.accepted,
        made.duplicates,
        sum(map(len, made.rejected.values())),
    )
    assert matched(rejected, faults=[*made.rejected]) == {
        fault: sorted(lines) for fault, lines in made.rejected.items()
    }
    # However many cells a line has instead: one reason.
    cells = [(note.reason, note.count) for note in report.rejections if note.reason.startswith("expected 13")]
    assert cells == [("expected 13 cells", messy_csv.REJECTED["too few cells"] + messy_csv.REJECTED["too many cells"])]
    assert {(note.column, note.reason): note.count for note in report.warnings} == {
        WARNINGS[fault]: count for fault, count in made.warned.items()
    }
    keys = {key for (key,) in rows("SELECT key FROM customers_identifier")}
    assert keys == set().union(*(person.keys for person in made.people.values()))
    assert rows("SELECT count(DISTINCT customer_id) FROM customers_profile") == [(len(made.people),)]
    for person in made.people.values():
        customer = customers.customer(customers.find(f"user_id:{person.user_id}"))
        assert {f"{one.type}:{one.value}" for one in customer.identifiers} == person.keys
        assert {name: said.value for name, said in customer.traits.items()} == expected_traits(person)
    assert [customers.customer(customers.find(f"user_id:{user_id}")).name for user_id in messy_csv.CAST] == [
        "Ayşe Yılmaz",
        "Işıl Iğdır",
        "Barış Öztürk",
        "Çağla Gülşen",
    ]
    assert events.failed_events() == []


def test_orders_and_figures_exactly_as_the_generator_expects_them(shop: Shop) -> None:
    made = shop.orders
    shop.take("customers", "musteriler.csv")
    report, rejected = shop.take("orders", "siparisler.csv")

    faults = {
        "no such order time" if fault == "no such time" else fault: lines for fault, lines in made.rejected.items()
    }
    assert matched(rejected, faults=[*faults]) == {fault: sorted(lines) for fault, lines in faults.items()}
    assert (report.accepted, report.duplicates, report.rejected) == (
        made.accepted,
        0,
        sum(map(len, made.rejected.values())),
    )
    assert (report.warnings, events.failed_events()) == ((), [])
    # Each contradiction is of its own rows and values; the report counts them as one reason.
    differing = [note for note in report.rejections if note.reason.startswith("rows of one order")]
    assert [(note.reason, note.count) for note in differing] == [
        ("rows of one order differ in total: …, …", len(made.rejected["rows differ"]))
    ]
    assert {order_id for (order_id,) in rows("SELECT order_id FROM commerce_order")} == made.orders.keys()
    for order_id, expected in made.orders.items():
        detail = commerce.order(namespace="", order_id=order_id)
        order = detail.order
        found = Order(
            order_id=order_id,
            at=order.at.astimezone(ISTANBUL).replace(tzinfo=None),
            channel=order.channel,
            is_guest=order.is_guest,
            status=order.status.value,
            net_minor=order.net_minor,
            lines=len(detail.lines),
        )
        assert found == expected
    # Those who name nobody are somebody of their own each, and nobody else has become a customer.
    anonymous = {key for (key,) in rows("SELECT key FROM customers_identifier WHERE key LIKE 'anonymous\\_id:%'")}
    assert anonymous == {f"anonymous_id:order:{order_id}" for order_id in made.nobodys}
    count = len(shop.customers.people) + len(made.nobodys)
    assert rows("SELECT count(DISTINCT customer_id) FROM customers_profile") == [(count,)]
    for user_id in messy_csv.CAST:
        person = shop.customers.people[user_id]
        counted = [order for order in person.orders if order.net_minor]
        features = customers.customer(customers.find(f"user_id:{user_id}")).features
        assert {name: features[name] for name in ("orders", "revenue_minor", "first_order_at", "last_order_at")} == {
            "orders": len(counted),
            "revenue_minor": sum(order.net_minor for order in counted),
            "first_order_at": utc(min(order.at for order in counted)),
            "last_order_at": utc(max(order.at for order in counted)),
        }
        assert len(counted) > 1
    check_figures_of_the_quarter(shop)


def check_figures_of_the_quarter(shop: Shop) -> None:
    """Once both files are in: every order and every refund of theirs lies in the first quarter."""
    got = analytics.metrics(as_of=date(2026, 4, 15), period=PeriodKind.QUARTER)

    counted = [order for order in shop.orders.orders.values() if order.net_minor]
    online = [order for order in counted if order.channel == "online"]
    buyers = [[one for one in person.orders if one.net_minor] for person in shop.customers.people.values()]
    buyers += [[shop.orders.orders[order_id]] for order_id in shop.orders.nobodys]
    buyers = [orders for said in buyers if (orders := [one for one in said if one.net_minor])]
    assert (got.orders, got.revenue.amount_minor, got.customers, got.new_customers) == (
        len(counted),
        sum(order.net_minor for order in counted),
        len(buyers),
        len(buyers),
    )
    assert got.guest_checkout_rate == sum(order.is_guest for order in online) / len(online)
    assert got.repeat_purchase_rate == sum(len(orders) > 1 for orders in buyers) / len(buyers)


def test_the_same_files_again_change_nothing(shop: Shop) -> None:
    """A day later, and in another sequence."""
    first_customers, rejected_customers = shop.take("customers", "musteriler.csv")
    first_orders, rejected_orders = shop.take("orders", "siparisler.csv")
    before = state()
    assert len(before["events_log"]) > messy_csv.ROWS - 300
    assert before["lake entries"]

    later = NOW + timedelta(days=1)
    orders, rejected_orders_again = shop.take("orders", "siparisler.csv", at=later)
    people, rejected_customers_again = shop.take("customers", "musteriler.csv", at=later)

    for first, again in ((first_customers, people), (first_orders, orders)):
        assert again == replace(first, accepted=0, duplicates=first.accepted + first.duplicates)
    assert rejected_customers_again == rejected_customers
    assert rejected_orders_again == rejected_orders
    after = state()
    for name, known in before.items():
        assert after[name] == known, name


def test_a_dry_run_says_the_same_and_leaves_nothing(shop: Shop) -> None:
    plan = shop.plan("orders", "siparisler.csv")[1]
    before = rows("SELECT count(*) FROM events_inbox UNION ALL SELECT count(*) FROM platform_auditentry")
    dry = events.import_file(
        path=shop.folder / "siparisler.csv",
        file_name="siparisler.csv",
        plan=plan,
        source=shop.source,
        actor=audit.CLI,
        at=NOW,
        dry_run=True,
    )
    assert rows("SELECT count(*) FROM events_inbox UNION ALL SELECT count(*) FROM platform_auditentry") == before
    assert not (shop.folder / "orders.rejected.csv").exists()

    report, _ = shop.take("orders", "siparisler.csv")
    assert report == replace(dry, preview=(), is_dry_run=False)


def test_products_give_the_lines_of_orders_their_names_and_the_tree_of_categories(shop: Shop) -> None:
    (shop.folder / "urunler.csv").write_text(
        "Stok Kodu;Ürün Adı;Marka;Kategori;Satış Fiyatı;Para Birimi;Renk\n"
        "U1;OXFORD Gömlek;Çınar;Giyim > Üst;1.299,90;TL;mavi\n"
        "U2;Çorap;;Giyim > Alt > Çorap;₺49,5;;\n"
        "U3;Kırlent;;Ev;-5;;\n",
        encoding="utf-8",
    )
    shop.take("orders", "siparisler.csv")

    report, rejected = shop.take("products", "urunler.csv")
    assert (report.accepted, report.rejected) == (2, 1)
    assert rejected == {"price must be a number from 0 to 10000000000, not -5": [4]}
    again, _ = shop.take("products", "urunler.csv", at=NOW + timedelta(days=1))
    assert (again.accepted, again.duplicates, again.rejected) == (0, 2, 1)

    assert events.failed_events() == []
    assert rows("SELECT product_id, name, brand, category_id, price_minor FROM commerce_product ORDER BY 1") == [
        ("U1", "OXFORD Gömlek", "Çınar", "Giyim > Üst", 129990),
        ("U2", "Çorap", "", "Giyim > Alt > Çorap", 4950),
    ]
    order_id = next(order.order_id for order in shop.orders.orders.values() if order.lines)
    lines = commerce.order(namespace="", order_id=order_id).lines
    assert {line.product_id: line.category for line in lines} == {
        "U1": ("Giyim", "Üst"),
        "U2": ("Giyim", "Alt", "Çorap"),
        "U3": ("Giyim > Üst",),
    }
