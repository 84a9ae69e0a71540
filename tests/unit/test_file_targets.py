"""What rows of files of customers, products and orders mean."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from sadakat.events.types import CellType, ImportField, ImportTarget, Row
from sadakat.kernel import text
from sadakat.kernel.errors import Invalid

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/import-fields.md"
AT = datetime(2026, 3, 14, 11, 30, tzinfo=UTC)
LATER = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)


def all_targets() -> Sequence[ImportTarget]:
    from sadakat.commerce import api as commerce
    from sadakat.customers import api as customers

    return [*customers.FILE_TARGETS, *commerce.FILE_TARGETS]


def read(target: str, *rows: Mapping[str, Any], other: Mapping[str, Any] | None = None) -> tuple[list[Any], list[Any]]:
    """The messages of these rows, numbered from 2, and the warnings as (row, field, reason)."""
    (found,) = [one for one in all_targets() if one.name == target]
    warnings: list[tuple[int, str, str]] = []
    messages = found.messages(
        [Row(number=number, values=values, other=other or {}) for number, values in enumerate(rows, start=2)],
        warn=lambda row, field_name, reason: warnings.append((row.number, field_name, reason)),
    )
    return [*messages], warnings


def completed(*rows: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of the order completed of these rows."""
    messages, _ = read("orders", *({"order_id": "A-7", "ordered_at": AT, **row} for row in rows))
    assert messages[0]["event"] == "Order Completed"
    return dict(messages[0]["properties"])


def told(**values: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """(event, timestamp, properties) of what follows an order completed of a total of 120 with 20 tax."""
    row = {"order_id": "A-7", "ordered_at": AT, "user_id": "7", "total": Decimal(120), "tax": Decimal(20)}
    messages, _ = read("orders", row | values)
    return [(message["event"], message["timestamp"], message["properties"]) for message in messages[1:]]


# All targets


def _labels(field: ImportField) -> list[str]:
    labels = []
    for language in ("en", "tr"):
        with translation.override(language):
            labels.append(str(field.label))
    return labels


def test_no_heading_means_two_things() -> None:
    for target in all_targets():
        means: dict[str, str] = {}
        for field in target.fields:
            for heading in {field.name, *field.aliases, *_labels(field)}:
                plain = "".join(c for c in text.fold(heading) if c.isalnum())
                assert means.setdefault(plain, field.name) == field.name, (target.name, heading)


def test_the_page_names_every_field() -> None:
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    for target in all_targets():
        (section,) = [one for one in sections if one.startswith(f"`{target.name}`")]
        assert [field.name for field in target.fields if f"| `{field.name}`" not in section] == []


def test_every_text_of_people_is_a_label_and_required_fields_are_those_of_orders() -> None:
    fields = [(target.name, field) for target in all_targets() for field in target.fields]
    assert all(str(field.label) for _, field in fields)
    assert [(target, field.name) for target, field in fields if field.is_required] == [
        ("orders", "order_id"),
        ("orders", "ordered_at"),
    ]
    assert {field.name for target, field in fields if target == "orders" and field.type is CellType.INSTANT} == {
        "ordered_at",
        "refunded_at",
        "cancelled_at",
    }


# Customers


def test_a_customer_with_everything() -> None:
    messages, warnings = read(
        "customers",
        {
            "user_id": "1002",
            "email": " Isil.Igdir@Example.com ",
            "phone": "(0532) 123-45-02",
            "card": "6034 0000-022",
            "anonymous_id": "web-isil",
            "name": "Işıl Iğdır",
            "gender": "KADIN",
            "birthday": date(1990, 2, 28),
            "city": "Iğdır",
            "created_at": AT,
            "updated_at": LATER,
        },
        other={"meslek": "Öğretmen"},
    )

    assert messages == [
        {
            "type": "identify",
            "userId": "1002",
            "anonymousId": "web-isil",
            "timestamp": "2026-03-20T08:00:00+00:00",
            "traits": {
                "meslek": "Öğretmen",
                "name": "Işıl Iğdır",
                "gender": "female",
                "birthday": "1990-02-28",
                "city": "Iğdır",
                "createdAt": "2026-03-14T11:30:00+00:00",
                "email": "isil.igdir@example.com",
                "phone": "+905321234502",
                "card": "60340000022",
            },
        }
    ]
    assert warnings == []


LOST = "a spreadsheet has rounded the number: its last digits are lost"
SEVERAL = "it holds more than one; the first counts"
NOBODY = "it identifies nobody"


@pytest.mark.parametrize(
    ("cell", "phone", "fault"),
    [
        ("5321234567.0", "+905321234567", None),
        ("905321234567,00", "+905321234567", None),
        ("'0532 123 45 67", "+905321234567", None),
        ('="05321234567"', "+905321234567", None),
        ("5,321234567E+09", "+905321234567", None),
        ("9.05321234567e+11", "+905321234567", None),
        ("5,32123E+09", None, LOST),
        ("5.32123E+09", None, LOST),
        ("0532 123 45 67 / 0533 765 43 21", "+905321234567", SEVERAL),
        ("155; 0533 765 43 21", None, NOBODY),
        ("0850 222 00 00", None, NOBODY),
        ("telefon yok", None, NOBODY),
    ],
)
def test_phones_out_of_spreadsheets(cell: str, phone: str | None, fault: str | None) -> None:
    messages, warnings = read("customers", {"user_id": "7", "phone": cell})

    assert messages[0]["traits"] == ({"phone": phone} if phone else {})
    assert warnings == ([(2, "phone", fault)] if fault else [])


def test_two_addresses_in_a_cell_and_ids_that_a_column_of_floats_has_changed() -> None:
    messages, warnings = read(
        "customers", {"user_id": "1001.0", "email": "a@example.com; b@example.com", "card": "60340000011,0"}
    )

    assert messages == [
        {"type": "identify", "userId": "1001", "traits": {"email": "a@example.com", "card": "60340000011"}}
    ]
    assert warnings == [(2, "email", SEVERAL)]


def test_an_address_with_a_blank_in_it_is_not_its_end() -> None:
    messages, warnings = read("customers", {"user_id": "7", "email": "ayse yilmaz@example.com"})
    assert (messages[0]["traits"], warnings) == ({}, [(2, "email", NOBODY)])


def test_a_user_id_is_not_taken_apart() -> None:
    messages, _ = read("customers", {"user_id": "tr/7;8|9"})
    assert messages[0]["userId"] == "tr/7;8|9"


def test_nobody_is_refused_with_what_came() -> None:
    with pytest.raises(Invalid, match=r"^no identifier: email 'ayse@', phone '155'$"):
        read("customers", {"email": "ayse@", "phone": "155", "name": "Ayşe"})
    with pytest.raises(Invalid, match=r"^no identifier: all of user_id, card, email, phone, anonymous_id are empty$"):
        read("customers", {"name": "Ayşe"})


# Products


def test_a_product_with_a_category_of_one_name() -> None:
    messages, _ = read(
        "products",
        {"product_id": "G1", "name": "Gömlek", "category": "Giyim", "price": Decimal("199.90"), "currency": "TL"},
        other={"renk": "mavi"},
    )

    assert messages == [
        {
            "type": "track",
            "event": "Product Updated",
            "properties": {
                "renk": "mavi",
                "product_id": "G1",
                "name": "Gömlek",
                "category": "Giyim",
                "price": Decimal("199.90"),
                "currency": "TRY",
            },
        }
    ]


def test_a_path_of_categories_becomes_a_tree() -> None:
    messages, _ = read("products", {"sku": "G1", "category": "Giyim >  Erkek > Gömlek", "updated_at": AT})

    assert [(message["event"], message["timestamp"], message["properties"]) for message in messages] == [
        ("Category Updated", AT.isoformat(), {"category_id": "Giyim", "name": "Giyim", "parent_id": ""}),
        ("Category Updated", AT.isoformat(), {"category_id": "Giyim > Erkek", "name": "Erkek", "parent_id": "Giyim"}),
        (
            "Category Updated",
            AT.isoformat(),
            {"category_id": "Giyim > Erkek > Gömlek", "name": "Gömlek", "parent_id": "Giyim > Erkek"},
        ),
        (
            "Product Updated",
            AT.isoformat(),
            {
                "sku": "G1",
                "category": "Giyim >  Erkek > Gömlek",
                "category_id": "Giyim > Erkek > Gömlek",
                "product_id": "G1",
            },
        ),
    ]


def test_a_category_with_a_number_and_a_name() -> None:
    messages, _ = read("products", {"product_id": "1", "category_id": "44", "category": "Gömlek"})
    assert [message["properties"] for message in messages] == [
        {"category_id": "44", "name": "Gömlek", "parent_id": ""},
        {"product_id": "1", "category_id": "44", "category": "Gömlek"},
    ]
    alone, _ = read("products", {"product_id": "1", "category_id": "44"})
    assert [message["event"] for message in alone] == ["Product Updated"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"name": "Gömlek"}, "product_id or sku must have 1 to 200 characters, not ''"),
        ({"sku": "1", "price": Decimal(-5)}, "price must be a number from 0 to 10000000000, not -5"),
        ({"sku": "1", "currency": "kuruş"}, "currency must be three letters such as TRY, not 'KURUŞ'"),
    ],
)
def test_products_that_cannot_count(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid, match=f"^{reason}$"):
        read("products", values)


# Orders


def test_lines_of_one_order_on_rows_of_their_own() -> None:
    order = {"order_id": "A-7", "ordered_at": AT, "user_id": "1001", "phone": "0532 123 45 01", "name": "Ayşe Yılmaz"}
    messages, warnings = read(
        "orders",
        order | {"product_id": "g", "quantity": Decimal(2), "price": Decimal("199.90"), "coupon": "BAHAR"},
        {"order_id": "A-7", "product_name": "Çorap", "line_total": Decimal(50), "phone": "+905321234501"},
        other={"ödeme": "kart"},
    )

    who = {"userId": "1001", "context": {"traits": {"phone": "+905321234501"}}}
    assert messages == [
        {
            "type": "track",
            "event": "Order Completed",
            "timestamp": AT.isoformat(),
            **who,
            "properties": {
                "ödeme": "kart",
                "order_id": "A-7",
                "channel": "online",
                "coupon": "BAHAR",
                "products": [
                    {"product_id": "g", "quantity": Decimal(2), "price": Decimal("199.90")},
                    {"name": "Çorap", "total": Decimal(50)},
                ],
                "guest": False,
            },
        },
        {"type": "identify", "timestamp": AT.isoformat(), **who, "traits": {"name": "Ayşe Yılmaz"}},
    ]
    assert warnings == []


def test_rows_that_contradict_one_another_are_refused_with_both_values() -> None:
    with pytest.raises(
        Invalid, match=r'^rows of one order differ in total: "row 2 says 100\.50", "row 4 says 100\.60"$'
    ):
        completed({"total": Decimal("100.50")}, {}, {"total": Decimal("100.60")})
    with pytest.raises(
        Invalid, match=r'^rows of one order differ in email: "row 2 says a@x\.com", "row 3 says b@x\.com"$'
    ):
        completed({"email": "a@x.com"}, {"email": "b@x.com"})


def test_a_sale_of_a_store_with_a_card_is_no_guests() -> None:
    messages, _ = read(
        "orders",
        {"order_id": "1", "ordered_at": AT, "store_id": "34-01", "card": "6034 0000 011", "total": Decimal(5)},
    )
    assert (messages[0]["context"], "userId" in messages[0]) == ({"traits": {"card": "60340000011"}}, False)
    properties = messages[0]["properties"]
    assert (properties["channel"], properties["store_id"], properties["guest"]) == ("store", "34-01", False)


def test_a_sale_to_nobody_is_a_guests_and_joins_nobody() -> None:
    messages, warnings = read(
        "orders",
        {
            "order_id": "F-1",
            "ordered_at": AT,
            "total": Decimal(5),
            "guest": False,
            "phone": "555",
            "name": "Perakende",
            "status": "iade",
        },
    )
    assert [message.get("event") for message in messages] == ["Order Completed", "Order Refunded"]
    assert {message["anonymousId"] for message in messages} == {"order:F-1"}
    assert messages[0]["properties"]["guest"] is True
    assert warnings == [(2, "phone", NOBODY)]


@pytest.mark.parametrize(
    ("values", "guest"),
    [
        ({"user_id": "7"}, False),
        ({"card": "60340000011"}, False),
        ({"email": "a@example.com"}, True),
        ({"email": "a@example.com", "guest": False}, False),
        ({"user_id": "7", "guest": True}, True),
    ],
)
def test_who_is_a_guest(values: dict[str, Any], *, guest: bool) -> None:
    assert completed({"total": Decimal(5)} | values)["guest"] is guest


@pytest.mark.parametrize(
    ("values", "channel"),
    [
        ({"channel": "MAĞAZA"}, "store"),
        ({"channel": "Kasa"}, "store"),
        ({"channel": "E-Ticaret", "store_id": "1"}, "online"),
        ({"channel": "Çağrı Merkezi"}, "call_centre"),
        ({"channel": "call_centre"}, "call_centre"),
        ({"channel": "Trendyol"}, "trendyol"),
        ({}, "online"),
    ],
)
def test_channels(values: dict[str, Any], channel: str) -> None:
    assert completed({"total": Decimal(5)} | values)["channel"] == channel


def test_what_was_paid() -> None:
    paid = completed({"subtotal": Decimal(100), "discount": Decimal(-20), "currency": "₺"})
    assert (paid["revenue"], paid["discount"], paid["currency"]) == (Decimal(80), Decimal(20), "TRY")
    paid = completed({"subtotal": Decimal(100), "total": Decimal(90)})
    assert (paid["total"], "revenue" in paid) == (Decimal(90), False)


@pytest.mark.parametrize("word", ["Tamamlandı", "TESLİM EDİLDİ", "paid", "Kargoya verildi", "Completed"])
def test_words_for_an_order_that_stands(word: str) -> None:
    assert told(status=word, refunded_amount=Decimal(0)) == []


@pytest.mark.parametrize(
    ("values", "events"),
    [
        ({"status": "İADE"}, [("Order Refunded", AT, {})]),
        ({"status": "refunded", "refunded_at": LATER}, [("Order Refunded", LATER, {})]),
        ({"refunded_at": LATER}, [("Order Refunded", LATER, {})]),
        (
            {"status": "Kısmi İade", "refunded_amount": Decimal(-30)},
            [("Order Refunded", AT, {"total": Decimal(30), "tax": Decimal(5)})],
        ),
        (
            {"refunded_amount": Decimal(120), "refunded_at": LATER},
            [("Order Refunded", LATER, {"total": Decimal(120), "tax": Decimal(20)})],
        ),
        ({"status": "İptal Edildi"}, [("Order Cancelled", AT, {})]),
        ({"status": "cancelled", "cancelled_at": LATER}, [("Order Cancelled", LATER, {})]),
        ({"cancelled_at": LATER, "refunded_amount": Decimal(120)}, [("Order Cancelled", LATER, {})]),
    ],
)
def test_refunds_and_cancellations(values: dict[str, Any], events: list[tuple[str, datetime, dict[str, Any]]]) -> None:
    assert told(**values) == [
        (event, at.isoformat(), {"order_id": "A-7", **properties}) for event, at, properties in events
    ]


def test_a_refund_of_an_order_that_has_lines_alone() -> None:
    messages, _ = read(
        "orders",
        {"order_id": "1", "ordered_at": AT, "user_id": "7", "price": Decimal(60), "refunded_amount": Decimal(20)},
    )
    assert messages[1]["properties"] == {"order_id": "1", "revenue": Decimal(20)}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "the order says by none of total, revenue, subtotal, price and line_total what was paid"),
        ({"product_id": "g"}, "the order says by none of total, .*"),
        ({"total": Decimal(-5)}, "total must be a number from 0 to 10000000000, not -5"),
        ({"price": Decimal(5), "quantity": Decimal(-1)}, r"products\[0\] must have a product_id of .*"),
        ({"total": Decimal(5), "currency": "Akçe"}, "currency must be three letters such as TRY, not 'AKÇE'"),
        ({"total": Decimal(5), "channel": "x" * 41}, "channel may have 40 characters, not 41"),
        ({"total": Decimal(5), "status": "Ödeme bekliyor"}, "status 'Ödeme bekliyor' says that this is no order yet"),
        ({"total": Decimal(5), "status": "?"}, r"status '\?' is not known; completed, refunded, .*"),
        ({"total": Decimal(5), "status": "kısmi iade"}, "the order is partly refunded and refunded_amount does not .*"),
    ],
)
def test_orders_that_cannot_count(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid, match=f"^{reason}$"):
        completed(values)


def test_an_order_needs_its_number_and_its_time() -> None:
    with pytest.raises(Invalid, match=r"^ordered_at is empty$"):
        read("orders", {"order_id": "1", "total": Decimal(1)})
    with pytest.raises(Invalid, match=r"^order_id is empty$"):
        read("orders", {"ordered_at": AT, "total": Decimal(1)})
