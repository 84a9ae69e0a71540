"""Rules that turn a source's own names and forms into ours."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.events import rules
from sadakat.events.rules.mapping import MAX_RULES, instant_of, number_of
from sadakat.events.types import Kind, Source, SourceKind
from sadakat.kernel.errors import Invalid

ISTANBUL = ZoneInfo("Europe/Istanbul")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def after(message: object, *said: dict[str, str]) -> Any:
    body = json.dumps(message).encode()
    return json.loads(rules.mapped(body, rules=rules.mapping_of(said, time_zone="Europe/Istanbul")))


def test_names_and_places_are_moved_in_the_order_of_the_rules() -> None:
    message = {
        "type": "track",
        "event": "siparis_tamamlandi",
        "musteri": 42,
        "properties": {
            "order_no": "A-7",
            "tutar": "1.234,56",
            "urunler": [{"kod": "x", "fiyat": "12,50"}, {"kod": "y", "product_id": "kept", "fiyat": 3}, "stray"],
        },
    }
    name = "Order Completed"
    assert after(
        message,
        {"event": "siparis_tamamlandi", "rename_to": name},
        {"event": name, "from": "musteri", "to": "userId", "as": "text"},
        {"event": name, "from": "properties.order_no", "to": "properties.order_id"},
        {"event": name, "from": "properties.tutar", "to": "properties.revenue", "as": "number"},
        {"event": "", "from": "properties.urunler", "to": "properties.products"},
        {"event": name, "from": "properties.products[].kod", "to": "properties.products[].product_id"},
        {
            "event": name,
            "from": "properties.products[].fiyat",
            "to": "properties.products[].price.amount",
            "as": "number",
        },
        {"event": "siparis_tamamlandi", "from": "type", "to": "never"},
    ) == {
        "type": "track",
        "event": name,
        "userId": "42",
        "properties": {
            "order_id": "A-7",
            "revenue": 1234.56,
            "products": [
                {"product_id": "x", "price": {"amount": 12.5}},
                {"product_id": "kept", "kod": "y", "price": {"amount": 3}},
                "stray",
            ],
        },
    }


def test_what_is_not_there_or_cannot_be_read_stays_as_it_came() -> None:
    body = rb'{"a": {"b": "zw\u00f6lf"},  "n": 12.10, "list": [1]}'
    said = [
        {"from": "a.b", "as": "number"},
        {"from": "missing", "to": "a.c"},
        {"from": "a.b", "to": "n.c"},
        {"from": "list[].x", "to": "list[].y"},
        {"event": "Other", "from": "n", "to": "m"},
        {"from": "n", "as": "number"},
    ]
    assert rules.mapped(body, rules=rules.mapping_of(said)) == body
    moved = rules.mapped(body, rules=rules.mapping_of([{"from": "a", "to": "z"}]))
    assert moved == b'{"n":12.10,"list":[1],"z":{"b":"zw\xc3\xb6lf"}}'
    for strange in (b"", b"[]", b"null", b"{", b"\xff", b'"text"'):
        assert rules.mapped(strange, rules=rules.mapping_of(said)) == strange


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=20,
)
_PATHS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(".".join)
_LISTS = st.tuples(_PATHS, _PATHS, _PATHS).map(lambda p: (f"{p[0]}[].{p[1]}", f"{p[0]}[].{p[2]}"))
_APART = (st.tuples(_PATHS, _PATHS) | _LISTS).filter(lambda pair: not pair[1].startswith(pair[0] + "."))
_RULES = st.builds(
    lambda pair, form: {"from": pair[0], "to": pair[1], "as": form or ("text" if pair[0] == pair[1] else "")},
    _APART,
    st.sampled_from(["", "text", "number", "instant"]),
)


@given(message=st.dictionaries(st.sampled_from("abcd"), _JSON), said=st.lists(_RULES, max_size=8))
def test_a_mapping_never_breaks_a_message(message: dict[str, Any], said: list[dict[str, str]]) -> None:
    body = json.dumps(message).encode()
    found = rules.mapped(body, rules=rules.mapping_of(said))
    again = json.loads(found)
    assert isinstance(again, dict)
    if found != body and all(not rule["as"] for rule in said):
        # A null counts as nothing: something else may take its place.
        assert [each for each in sorted(_leaves(again)) if each != "None"] == [
            each for each in sorted(_leaves(message)) if each != "None"
        ]


def _leaves(value: Any) -> list[str]:
    """Every value that holds no other; empty objects come and go with what is moved."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list):
        return ["[]", *(leaf for each in value for leaf in _leaves(each))]
    return [repr(value)]


@given(body=st.binary(max_size=200))
def test_no_bytes_can_raise(body: bytes) -> None:
    rules.mapped(body, rules=rules.mapping_of([{"from": "a[].b", "to": "a[].c", "as": "number"}]))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("₺ 1.234,56", "1234.56"),
        ("1.234,56 TL", "1234.56"),
        ("-12,5", "-12.5"),
        ("1.234", "1.234"),
        ("1.234.567", "1234567"),
        ("1.234.567,8", "1234567.8"),
        ("007", "7"),
        ("12", "12"),
        ("1.2.3", None),
        ("12,", "12"),
        ("1,2345,678.9", None),
        ("on iki", None),
        ("", None),
        ("--5", None),
        ("12-5", None),
    ],
)
def test_numbers_are_read_with_either_mark(text: str, number: str | None) -> None:
    assert number_of(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("20.11.2026", "2026-11-19T21:00:00+00:00"),
        ("20/11/2026 14:05", "2026-11-20T11:05:00+00:00"),
        ("20-11-2026 14.05.09", "2026-11-20T11:05:09+00:00"),
        ("2026-11-20 14:05:00", "2026-11-20T11:05:00+00:00"),
        ("2026-11-20T14:05:00+01:00", "2026-11-20T13:05:00+00:00"),
        (1795165500, "2026-11-20T09:05:00+00:00"),
        (1795165500000, "2026-11-20T09:05:00+00:00"),
        ("31.02.2026", None),
        ("yesterday", None),
        (10**13, None),
        (-1, None),
        (True, None),
        ([], None),
    ],
)
def test_times_are_read_as_the_brand_writes_them(said: object, at: str | None) -> None:
    found = instant_of(said, zone=ISTANBUL)
    assert (found and found.isoformat()) == at


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"rename_to": "B"}, "rule 1: a rule that renames has event and rename_to alone"),
        ({"event": "A", "rename_to": "B", "from": "a"}, "event and rename_to alone"),
        ({"from": "a"}, "a rule moves a value to another place, or reads it as text, number or instant"),
        ({"from": "a", "to": "b", "as": "date"}, "as is empty or one of text, number, instant, not 'date'"),
        ({"from": "a", "to": "a.b"}, "a value cannot go into itself: a and a.b"),
        ({"from": "a[].b", "to": "c"}, "from and to must agree up to the last []: a[].b and c"),
        ({"from": "a[].b", "to": "c[].b"}, "must agree"),
        ({"from": "a..b", "to": "c"}, "a path is like properties.order_id"),
        ({"from": "a[]", "to": "c"}, "not 'a[]'"),
        ({"from": "a[][].b", "to": "a[][].c"}, "a path is like"),
        ({"to": "c"}, "not ''"),
        ({"from": "a.b.c.d.e.f.g.h.i", "to": "x"}, "at most 8 parts"),
        ({"from": "a", "to": "b", "drop": "x"}, "a rule has as, event, from, rename_to, to, not drop"),
        ({"from": 5, "to": "b"}, "every field of a rule is a text"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(rule: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        rules.mapping_of([rule])
    assert reason in str(refusal.value)


def test_rules_are_bounded_and_come_back_as_they_were_given() -> None:
    rule = {"event": "A", "from": "a", "to": "b", "as": "number"}
    with pytest.raises(Invalid, match="a source may have 50 mapping rules"):
        rules.mapping_of([rule] * (MAX_RULES + 1))
    said = [rule, {"event": "A", "rename_to": "B"}]
    assert [each.as_json() for each in rules.mapping_of(said)] == said


class _Anybody:
    def identifiers_of(self, *, kind: Kind, message: Any, is_trusted: bool) -> tuple[str, ...]:
        return (f"user_id:{message['userId']}",) if message["userId"] else ()


def test_a_message_is_mapped_before_it_is_checked() -> None:
    source = Source(
        id=1,
        name="Shop",
        kind=SourceKind.SERVER,
        is_trusted=True,
        joins_profiles=True,
        accepts_orders=True,
        namespace="",
        allowed_origins=(),
        is_enabled=True,
        mapping=rules.mapping_of([{"from": "ad", "to": "event"}, {"from": "kim", "to": "userId"}]),
    )

    def parse(body: bytes) -> Any:
        return rules.parse_message(
            body,
            source=source,
            received_at=NOW,
            sent_at=None,
            limit=100,
            resolver=_Anybody(),  # type: ignore[arg-type]
        )

    message = parse(b'{"type":"track","ad":"Paid","kim":"7","messageId":"m"}')
    assert (message.event, message.identifiers) == ("Paid", ("user_id:7",))
    assert json.loads(message.body) == {"type": "track", "event": "Paid", "userId": "7", "messageId": "m"}
    with pytest.raises(Invalid, match="type must be one of"):
        parse(b'{"ad":"Paid"}')
    with pytest.raises(Invalid, match="101 bytes; 100 are possible"):
        parse(b'{"type":"track","kim":"' + b"7" * 76 + b'"}')
