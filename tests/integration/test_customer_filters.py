"""Filters of the customers list: each operator against plain Python over random rows, and the export beside the list."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sadakat.kernel import text as kernel_text
from sadakat.kernel.errors import Invalid

ISTANBUL = ZoneInfo("Europe/Istanbul")
TODAY = date(2026, 11, 20)
CITIES = ["İstanbul", "ISTANBUL", "Iğdır", "igdir", "Şanlıurfa", "Ankara", " ankara ", "Muğla%", "", None]
BIRTHDAYS = ["1990-04-23", "2026-11-20", "2026-11-14", "2026-11-13", "2026-11-21", "23.04.1990", 1990, None]
SIZES = [1, 2.5, "3", "3,5", "many", -1, True, ["4"], None]


def _rows() -> list[dict[str, Any]]:
    dice = random.Random(7)
    moments = [datetime(2026, 11, day, hour, 30, tzinfo=UTC) for day in (13, 14, 19, 20) for hour in (0, 20, 21)]
    return [
        {
            "id": number,
            "traits": {
                name: value
                for name, value in (
                    ("city", dice.choice(CITIES)),
                    ("birthday", dice.choice(BIRTHDAYS)),
                    ("household_size", dice.choice(SIZES)),
                )
                if value is not None
            },
            "orders": dice.choice([None, 0, 1, 4, 5, 6]),
            "last_order_at": dice.choice([None, *moments]),
            "last_channel": dice.choice([None, "online", "store", "Çağrı"]),
            "is_known": dice.choice([None, True, False]),
        }
        for number in range(1, 301)
    ]


@pytest.fixture
def rows(database: str, now: datetime) -> list[dict[str, Any]]:
    import json

    told = _rows()
    with connection.cursor() as cursor:
        for row in told:
            cursor.execute(
                "INSERT INTO customers_feature"
                " (customer_id, traits, changed_at, orders, last_order_at, last_channel, is_known)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    row["id"],
                    json.dumps(row["traits"]),
                    now,
                    *(row[n] for n in ("orders", "last_order_at", "last_channel", "is_known")),
                ],
            )
    return told


def _found(*filters: str) -> list[int]:
    from sadakat.customers import api as customers

    asked = [customers.parse_filter(each) for each in filters]
    pages = [
        customers.search(filters=asked, today=TODAY, zone=ISTANBUL, order="first_seen_at", page=page, page_size=200)
        for page in (1, 2)
    ]
    found = [row.id for page in pages for row in page.rows]
    assert (len(found), 300) == (pages[0].total, pages[0].everybody)
    return found


def _text(value: Any) -> str:
    return kernel_text.fold("" if value is None else value)


def _figure(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return None


def _day(value: Any) -> str:
    return value if isinstance(value, str) and value[:3].isdigit() else ""


def _local(at: datetime | None) -> date:
    return at.astimezone(ISTANBUL).date() if at else date.max


Row = dict[str, Any]
CASES: list[tuple[str, Callable[[Row], bool]]] = [
    ("orders.at_least.5", lambda r: (r["orders"] or 0) >= 5),
    ("orders.at_most.0", lambda r: not r["orders"]),
    ("orders.between.1..4", lambda r: 1 <= (r["orders"] or 0) <= 4),
    ("orders.at_least.4.5", lambda r: (r["orders"] or 0) >= 5),
    ("last_order_at.within_days.7", lambda r: date(2026, 11, 14) <= _local(r["last_order_at"]) <= TODAY),
    ("last_order_at.within_days.1", lambda r: _local(r["last_order_at"]) == TODAY),
    ("last_order_at.before.2026-11-14", lambda r: _local(r["last_order_at"]) < date(2026, 11, 14)),
    ("last_order_at.after.2026-11-19", lambda r: TODAY <= _local(r["last_order_at"]) < date.max),
    ("last_order_at.is_empty", lambda r: r["last_order_at"] is None),
    ("last_channel.is.ONLİNE", lambda r: r["last_channel"] == "online"),
    ("last_channel.contains.agr", lambda r: r["last_channel"] == "Çağrı"),
    ("last_channel.is_empty", lambda r: r["last_channel"] is None),
    ("is_known.is.yes", lambda r: r["is_known"] is True),
    ("is_known.is.no", lambda r: r["is_known"] is not True),
    ("traits.city.is.istanbul", lambda r: _text(r["traits"].get("city")) == "istanbul"),
    ("traits.city.contains.IĞ", lambda r: "ig" in _text(r["traits"].get("city"))),
    ("traits.city.contains.%", lambda r: "%" in _text(r["traits"].get("city"))),
    ("traits.city.starts_with.şan", lambda r: _text(r["traits"].get("city")).startswith("san")),
    ("traits.city.is_empty", lambda r: not _text(r["traits"].get("city"))),
    ("traits.birthday.within_days.7", lambda r: "2026-11-14" <= _day(r["traits"].get("birthday")) <= "2026-11-20"),
    ("traits.birthday.before.2000-01-01", lambda r: r["traits"].get("birthday") == "1990-04-23"),
    ("traits.birthday.after.2026-11-20", lambda r: r["traits"].get("birthday") == "2026-11-21"),
    ("traits.household_size.at_least.2.5", lambda r: (_figure(r["traits"].get("household_size")) or -9) >= 2.5),
    ("traits.household_size.between.-1..1", lambda r: abs(_figure(r["traits"].get("household_size")) or 9) == 1),
    ("traits.nobody's 100%s.is.x", lambda r: False),
]


@pytest.mark.parametrize(("said", "fits"), CASES, ids=[said for said, _ in CASES])
def test_each_operator_finds_whom_plain_python_finds(rows: list[Row], said: str, fits: Callable[[Row], bool]) -> None:
    expected = [row["id"] for row in rows if fits(row)]
    assert _found(said) == expected
    assert (0 < len(expected) < 300) is ("nobody" not in said)


def test_several_filters_must_all_fit(rows: list[Row]) -> None:
    expected = [r["id"] for r in rows if (r["orders"] or 0) >= 1 and r["is_known"] and r["last_channel"] == "store"]
    assert _found("orders.at_least.1", "is_known.is.yes", "last_channel.is.store") == expected != []


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.text(st.sampled_from("aAiIıİîÎşŞçÇğĞüÜöÖâÂûÛzZ ßæÆøØéÉ09%_'\\\"\t\n\u00a0\u0301\u0307ﬁД½ΩΛя"), max_size=30)
)
def test_texts_are_folded_as_the_kernel_folds_them(database: str, said: str) -> None:
    from psycopg import sql

    from sadakat.customers import searching

    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM (SELECT %s::text) AS given (x)").format(
                searching._FOLD.format(sql.Identifier("x"))
            ),
            [said],
        )
        assert cursor.fetchone() == (kernel_text.fold(said),)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "orders",
        "orders.at_least",
        "orders.at_least.",
        "orders.at_least.five",
        "orders.at_least.1e5",
        "orders.at_least.NaN",
        "orders.at_least.٥",
        "orders.between.5",
        "orders.between.9..5",
        "orders.is_empty",
        "orders.contains.5",
        "shoes.at_least.5",
        "customer_id.at_least.5",
        "last_order_at.after.yesterday",
        "last_order_at.before.0001-01-01",
        "last_order_at.after.9999-12-31",
        "last_order_at.within_days.0",
        "last_order_at.within_days.1.5",
        "last_order_at.is_empty.x",
        "is_known.is.maybe",
        "traits.city.is.",
        "traits.city.is.\u0307",
        "traits.city.is.a\0b",
        "traits.a\0b.is.x",
        "traits..is.x",
        "traits.city.is." + "x" * 300,
    ],
)
def test_a_filter_that_cannot_be_is_refused(database: str, said: str) -> None:
    from sadakat.customers import api as customers

    with pytest.raises(Invalid):
        customers.parse_filter(said)


@pytest.mark.parametrize("said", [said for said, _ in CASES])
def test_a_filter_is_written_as_it_is_read(template: str, said: str) -> None:
    from sadakat.customers import api as customers

    assert customers.filter_text(customers.parse_filter(said)) == said


def test_days_need_to_know_today_and_lists_have_few_filters(rows: list[Row]) -> None:
    from sadakat.customers import api as customers

    with pytest.raises(Invalid, match="which day is today"):
        customers.search(filters=[customers.parse_filter("last_order_at.within_days.7")])
    with pytest.raises(Invalid, match="20 filters, not 21"):
        customers.search(filters=[customers.parse_filter("orders.at_least.1")] * 21)


def test_values_and_traits_that_there_are(rows: list[Row]) -> None:
    from sadakat.customers import api as customers

    assert customers.values_of("last_channel") == ("online", "store", "Çağrı")
    assert customers.trait_names() == ("birthday", "city", "household_size")
    with pytest.raises(Invalid):
        customers.values_of("orders")


def test_the_export_has_everybody_of_the_list_and_is_audited(
    rows: list[Row], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.customers import api as customers
    from sadakat.customers import searching
    from sadakat.platform import audit
    from sadakat.platform.models import AuditEntry

    monkeypatch.setattr(searching, "EXPORT_PAGE_SIZE", 20)
    filters = [customers.parse_filter("orders.at_least.1")]
    exported = customers.export_customers(
        "",
        filters=filters,
        columns=["orders"],
        today=TODAY,
        zone=ISTANBUL,
        actor=audit.Actor("user:1", "Deniz"),
        at=now,
    )
    entry = AuditEntry.objects.get(action="customers.exported")
    listed = customers.search(filters=filters, order="first_seen_at", page_size=200)
    assert (entry.actor, entry.at, entry.new) == (
        "user:1",
        now,
        {"count": listed.total, "search": "", "filters": ["orders.at_least.1"], "columns": ["orders"]},
    )
    told = [next(exported)]
    # Somebody who leaves while the file is written moves nobody from one page to another.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_feature WHERE customer_id = %s", [told[0].id])
    told += exported
    assert told == list(listed.rows)
    assert len(told) == listed.total > 100


def test_an_export_that_cannot_be_leaves_nothing(rows: list[Row], now: datetime) -> None:
    from sadakat.customers import api as customers
    from sadakat.customers.types import Filter, Operator
    from sadakat.platform import audit
    from sadakat.platform.models import AuditEntry

    before = AuditEntry.objects.count()
    with pytest.raises(Invalid):
        customers.export_customers(
            "",
            filters=[Filter(field="shoes", operator=Operator.IS_EMPTY)],
            columns=[],
            today=TODAY - timedelta(days=1),
            zone=ISTANBUL,
            actor=audit.CLI,
            at=now,
        )
    assert AuditEntry.objects.count() == before
