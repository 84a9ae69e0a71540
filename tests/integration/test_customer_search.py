"""Finding people: without Turkish letters, by a phone in any spelling, by card, e-mail and exact identifiers."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from sadakat.customers.testing import AYSE, BARIS, CAGLA, CAST, ISIL, known_as
from sadakat.kernel.errors import Invalid


@pytest.fixture
def cast(database: str, now: datetime) -> dict[str, int]:
    """The four of them, each with a row as the consumers write it, and one visitor whom nobody knows."""
    from sadakat.customers import consumer

    ids = {person.first_name: known_as(*person.keys, at=now) for person in CAST}
    ids["visitor"] = known_as("anonymous_id:visitor-1", at=now)
    with connection.cursor() as cursor:
        for number, person in enumerate(CAST):
            for name, value in (
                ("firstName", person.first_name),
                ("lastName", person.last_name),
                ("city", person.city),
            ):
                cursor.execute(
                    "INSERT INTO customers_trait VALUES (%s, %s, to_jsonb(%s::text), 1, %s, gen_random_uuid())",
                    [ids[person.first_name], name, value, now],
                )
            cursor.execute(
                "INSERT INTO customers_activity VALUES (%s, 1, %s, %s, 1, true)",
                [ids[person.first_name], now, now + timedelta(days=number)],
            )
    consumer._write_names(sorted(ids.values()), untrusted=[], at=now)
    consumer.ACTIVITY.handle(_batch(ids, now), set_aside=lambda **said: pytest.fail(str(said)))
    return ids


def _batch(ids: dict[str, int], now: datetime) -> object:
    from datetime import date

    from sadakat.events.types import Batch, Event, Kind

    return Batch(
        events=[
            Event(position=n, profile_id=id_, source_id=9, kind=Kind.TRACK, event="Customers Merged", at=now,
                  local_date=date(2026, 11, 20), received_at=now, mid="", body=b"")
            for n, id_ in enumerate(ids.values(), start=1)
        ],
        after=0, upto=9, at=now,
    )  # fmt: skip


def names(text: str, **options: object) -> list[str]:
    from sadakat.customers import api as customers

    return [row.name for row in customers.search(text, **options).rows]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("isil", [ISIL]),
        ("IŞIL IĞDIR", [ISIL]),
        ("igdir ışıl", [ISIL]),
        ("ÇAĞ", [CAGLA]),
        ("ozturk", [BARIS]),
        ("yilm ays", [AYSE]),
        ("ay", [AYSE]),
        ("i", [ISIL]),
        ("0532 123 45 02", [ISIL]),
        ("+90 (532) 123-45-03", [BARIS]),
        ("5321234504", [CAGLA]),
        ("123 45 04", []),
        ("23450", [AYSE, ISIL, BARIS, CAGLA]),
        ("6034-0000-044", [CAGLA]),
        ("0000044", [CAGLA]),
        ("AYSE.YILMAZ@example.com", [AYSE]),
        ("ayse.yil", [AYSE]),
        ("@example", [AYSE, ISIL, BARIS, CAGLA]),
        ("user_id:1003", [BARIS]),
        ("1003", [BARIS]),
        ("web-cag", [CAGLA]),
        ("anonymous_id:web-ayse", [AYSE]),
        ("isil yilmaz", []),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("a\0b", []),
        ("x" * 5000, []),
    ],
)
def test_search(cast: dict[str, int], text: str, found: list[object]) -> None:
    assert sorted(names(text)) == sorted(f"{p.first_name} {p.last_name}" for p in found)  # type: ignore[attr-defined]


def test_lines_say_who_it_is(cast: dict[str, int]) -> None:
    from sadakat.customers import api as customers

    (row,) = customers.search("isil").rows
    assert (row.id, row.name, row.city) == (cast["Işıl"], "Işıl Iğdır", "Iğdır")
    assert row.identifiers == ("user_id:1002", "card:60340000022", "email:isil.igdir@example.com")
    assert row.features["is_known"] is True


def test_orders_pages_and_filters(cast: dict[str, int], now: datetime) -> None:
    from sadakat.customers import api as customers

    assert names("", order="name") == ["Ayşe Yılmaz", "Barış Öztürk", "Çağla Gülşen", "Işıl Iğdır", ""]
    assert names("", order="-last_seen_at", filters=[customers.parse_filter("is_known.is.yes")]) == [
        "Çağla Gülşen",
        "Barış Öztürk",
        "Işıl Iğdır",
        "Ayşe Yılmaz",
    ]
    assert [row.id for row in customers.search(filters=[customers.parse_filter("is_known.is.no")]).rows] == [
        cast["visitor"]
    ]
    customers.set_features(
        owner="commerce",
        values={
            cast[n]: {"revenue_minor": r, "last_order_at": a} for n, r, a in (("Ayşe", 100, now), ("Barış", 900, None))
        },
        at=now,
    )
    assert names("", order="-revenue_minor")[:2] == ["Barış Öztürk", "Ayşe Yılmaz"]
    assert names("", order="last_order_at")[0] == "Ayşe Yılmaz"
    assert names("")[0] == "Çağla Gülşen"
    pages = [customers.search("", order="name", page=page, page_size=2) for page in (1, 2, 3, 4)]
    assert [[row.name for row in page.rows] for page in pages] == [
        ["Ayşe Yılmaz", "Barış Öztürk"],
        ["Çağla Gülşen", "Işıl Iğdır"],
        [""],
        [],
    ]
    assert {(page.total, page.pages) for page in pages} == {(5, 3)}


@pytest.mark.parametrize("options", [{"order": "age"}, {"page": 0}, {"page_size": 0}, {"page_size": 10_000}])
def test_searches_that_cannot_be(cast: dict[str, int], options: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        names("", **options)


def test_searches_use_the_index(cast: dict[str, int]) -> None:
    """With sequential scans made dear, as a million customers make them, each pattern finds a way by the index."""
    from sadakat.customers import searching

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            for word in ("isil", "ay", "i", "905321234502"):
                cursor.execute(
                    "EXPLAIN SELECT customer_id FROM customers_feature WHERE search_text LIKE %s OR customer_id = ANY(%s)",
                    [searching._pattern(word), [1, 2]],
                )
                plan = "\n".join(row[0] for row in cursor.fetchall())
                assert "customers_feature_search" in plan, plan
                assert "Seq Scan" not in plan, plan
        finally:
            cursor.execute("RESET enable_seqscan")
