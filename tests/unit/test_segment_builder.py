"""The form of a rule: what it means as a document, and which documents it can show to the last bit."""

from typing import Any

import pytest
from django.utils import translation

from sadakat.commerce.consumer import features as orders
from sadakat.customers import api as customers
from sadakat.kernel import predicates
from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import Vocabulary
from sadakat.platform.brand import Brand
from sadakat.predictions import features as scores
from sadakat.segments.web import builder
from sadakat.segments.web.builder import Amounts, Row
from sadakat.segments.web.words import Said, Speaker

AMOUNTS = Amounts(names=frozenset({"revenue_minor", "clv"}), currency="TRY")
VOCABULARY = Vocabulary(segments={"vip"}, scores={"churn", "clv"})

FREQUENT: dict[str, Any] = {
    "event": "Order Completed",
    "within": "90d",
    "count": {"at_least": 3},
    "having": {"all": [{"property": "total", "above": 100}]},
}
SHOWN: list[dict[str, Any]] = [
    FREQUENT,
    {"all": [FREQUENT]},
    {"all": [{"trait": "city", "is": "Ankara"}, {"not": {"event": "Email Opened", "within": "30d"}}]},
    {"any": [{"segment": "vip"}, {"segment": "vip", "is": False}, {"score": "churn", "above": 0.7}]},
    {"not": {"any": [{"trait": "city", "in": ["Ankara", "İzmir"]}, {"trait": "kids_count", "not_in": [1, 2.5]}]}},
    {"not": {"trait": "city", "exists": True}},
    {"not": {"all": [{"segment": "vip"}, {"trait": "city", "is": "Ankara"}]}},
    {"all": [{"any": [{"all": [FREQUENT, {"trait": "age", "between": [18, 25]}]}, {"segment": "vip"}]}]},
    {"event": "Order Completed", "between": ["2026-01-01", "2026-02-01"], "sum": {"property": "total", "at_least": 5}},
    {"event": "Page Viewed", "last": {"property": "path", "starts_with": "/sale"}},
    {"event": "Page Viewed", "having": {"any": [{"property": "a", "is": True}, {"property": "b", "is_not": False}]}},
    {"event": "Page Viewed", "having": {"property": "a", "exists": False}},
    {"event": "Page Viewed", "count": {"at_least": 1}},
    {"trait": "birthday", "anniversary": {"within_next": "7d"}},
    {"trait": "birthday", "before": "2026-01-01"},
    {"trait": "seen", "between": ["2026-01-01T00:00:00+03:00", "2026-02-01T00:00:00+03:00"]},
    {"trait": "seen", "not_within_last": "12h"},
    {"trait": "revenue_minor", "at_least": 128450},
    {"score": "clv", "between": [10000, 20050]},
    {"trait": "code", "matches": "^[a-z]{2,4}$"},
]
BEYOND: list[dict[str, Any]] = [
    {"any": [{"any": [{"any": [{"any": [{"segment": "vip"}, FREQUENT]}, FREQUENT]}, FREQUENT]}, FREQUENT]},
    {"event": "Page Viewed", "having": {"not": {"property": "a", "is": 1}}},
    {"consent": "email", "purpose": "marketing", "is": "granted"},
    {"trait": "city", "in": ["  Ankara"]},
    {"trait": "revenue_minor", "at_least": 0.5},
    {},
]


def rows(where: Any) -> Row:
    root = builder.rows_of(where, amounts=AMOUNTS)
    assert root is not None
    return root


def form_of(root: Row) -> dict[str, str]:
    """What a browser posts of these rows."""
    return {
        f"{row.place}-{name}": value
        for row in root.every()
        for name, value in {**row.said, **({} if row is root else {"kind": row.kind})}.items()
    }


@pytest.mark.parametrize("where", SHOWN)
def test_a_document_comes_back_from_the_form_and_from_what_it_posts(where: dict[str, Any]) -> None:
    root = rows(where)
    assert not builder.missing(root)
    written = builder.document_of(root, amounts=AMOUNTS)
    posted = builder.document_of(builder.posted(form_of(root)), amounts=AMOUNTS)
    assert posted == written
    assert builder._canonical(written["where"]) == builder._canonical(where)
    predicates.parse(written, vocabulary=VOCABULARY)


@pytest.mark.parametrize("where", BEYOND)
def test_what_the_form_cannot_show_is_left_to_json(where: dict[str, Any]) -> None:
    assert builder.rows_of(where, amounts=AMOUNTS) is None


def test_amounts_are_written_in_the_currency() -> None:
    root = rows({"trait": "revenue_minor", "at_least": 128450})
    assert root.rows[0].said["value"] == "1284.5"
    assert rows({"score": "clv", "above": 5000000}).rows[0].said["value"] == "50000"


def test_rows_are_added_and_removed_where_the_button_stands() -> None:
    root = builder.empty()
    added = builder.change(root, "add:r:group")
    assert (added.place, [row.kind for row in added.rows]) == ("r-1", ["event"])
    builder.change(root, "add:r-1-0:property")
    assert [row.place for row in root.every()] == ["r", "r-0", "r-1", "r-1-0", "r-1-0-0"]
    builder.change(root, "remove:r-0")
    assert [row.place for row in root.every()] == ["r", "r-0", "r-0-0", "r-0-0-0"]
    assert builder.change(root, "add:r:nonsense") is root


def test_rows_that_a_form_cannot_take_are_told() -> None:
    said = {f"r-{number}-kind": "segment" for number in range(builder.MAX_ROWS - 1)} | {"r-match": "all"}
    assert builder.posted(said).errors == {}
    root = builder.posted(said | {"r-999-kind": "segment"})
    assert root.errors == {"match": "the form takes 100 rows, not 101; the last ones are left out"}
    assert len(list(root.every())) == builder.MAX_ROWS
    assert builder.missing(root)


def test_what_is_missing_is_marked_at_its_field() -> None:
    root = builder.empty()
    root.rows[0].said |= {"measure": "sum", "window": "within", "op": "number.above"}
    assert builder.missing(root)
    assert set(root.rows[0].errors) == {"event", "prop", "value", "amount"}


@pytest.mark.parametrize(
    ("where", "place", "field"),
    [
        ({"all": [FREQUENT, {**FREQUENT, "within": "9000d"}]}, "r-1", "amount"),
        ({"all": [{"event": "A", "sum": {"property": "total", "at_least": -1e12}}]}, "r-0", "value"),
        ({"all": [{"event": "A", "having": {"any": [{"property": "b", "matches": "("}]}}]}, "r-0-0", "value"),
        ({"all": [{"not": {"event": "A", "between": ["2026-02-01", "2026-01-01"]}}]}, "r-0", "start"),
        ({"any": [{"segment": "gone"}]}, "r-0", "key"),
        ({"any": [{"score": "luck", "above": 1}]}, "r-0", "name"),
        ({"not": {"any": [{"trait": "age", "between": [5, 1]}]}}, "r-0", "value"),
        ({"all": []}, "r", "match"),
    ],
)
def test_a_fault_stands_at_the_field_that_means_it(where: dict[str, Any], place: str, field: str) -> None:
    root = rows({key: value for key, value in where.items() if key != "count"})
    with pytest.raises(Invalid) as fault:
        predicates.parse(builder.document_of(root, amounts=AMOUNTS), vocabulary=VOCABULARY)
    builder.place_fault(root, str(fault.value))
    assert {row.place: set(row.errors) for row in root.every() if row.errors} == {place: {field}}
    assert "where" not in str([row.errors for row in root.every()])


SPEAKER = Speaker(
    here=Brand(name="Moda Nord", time_zone="Europe/Istanbul", currency="TRY", language="tr"),
    names={"vip": "Best customers"},
)


@pytest.fixture(scope="module", autouse=True)
def _features() -> None:
    scores.register()
    for feature in orders.FEATURES:
        customers.register_feature(feature)


def told(where: dict[str, Any]) -> Said:
    return SPEAKER.rule({"version": 1, "where": where})


@pytest.mark.parametrize(
    ("where", "english", "turkish"),
    [
        (
            FREQUENT,
            "did “Order Completed” at least 3 times in the last 90 days, where total is above 100",
            "son 90 gün içinde en az 3 kez “Order Completed” yaptı; ayrıntı: total 100 üstünde",
        ),
        (
            {"event": "A", "count": {"at_least": 1}},
            "did “A” at least 1 time",
            "en az 1 kez “A” yaptı",
        ),
        (
            {"not": {"event": "A", "between": ["2026-01-01", "2026-02-01"]}},
            "did not do “A” from 1 Jan 2026 until before 1 Feb 2026",
            "1 Oca 2026 ile 1 Şub 2026 arasında (son gün hariç) “A” yapmadı",
        ),
        (
            {"event": "A", "sum": {"property": "total", "at_least": 1000.5}},
            "did “A” (the total of total is at least 1,000.5)",
            "(toplam total en az 1.000,5) “A” yaptı",
        ),
        ({"trait": "revenue_minor", "at_least": 128450}, "Revenue is at least ₺1,284.50", "Ciro en az ₺1.284,50"),
        (
            {"trait": "city", "in": ["Ankara", "İzmir"]},
            "City is one of “Ankara”, “İzmir”",
            "Şehir şunlardan biri: “Ankara”, “İzmir”",
        ),
        ({"trait": "city", "exists": False}, "City is not known", "Şehir bilinmiyor"),
        ({"trait": "is_known", "is": True}, "Is known: yes", "Tanınıyor: evet"),
        (
            {"trait": "birthday", "anniversary": {"within_next": "1w"}},
            "Birthday has its anniversary in the next 1 week",
            "Doğum günü yıl dönümü önümüzdeki 1 hafta içinde",
        ),
        (
            {"segment": "vip", "is": False},
            "is not in the segment “Best customers”",
            "“Best customers” segmentinde değil",
        ),
        (
            {"score": "churn", "above": 0.7},
            "Churn probability, 90 days is above 0.7",
            "Kayıp olasılığı, 90 gün 0,7 üstünde",
        ),
    ],
)
def test_a_rule_is_told_in_both_languages(where: dict[str, Any], english: str, turkish: str) -> None:
    with translation.override("en"):
        assert told(where) == Said(english)
    with translation.override("tr"):
        assert told(where) == Said(turkish)


@pytest.mark.parametrize("where", [each for each in SHOWN + BEYOND if each])
def test_every_rule_can_be_told(where: dict[str, Any]) -> None:
    assert told(where).text


def test_groups_are_told_as_lists_of_sentences() -> None:
    with translation.override("en"):
        said = told({"all": [{"segment": "vip"}, {"not": {"any": [{"trait": "city", "is": "İzmir"}, FREQUENT]}}]})
    assert said.text == "All of these are true:"
    assert said.parts[0] == Said("is in the segment “Best customers”")
    assert (said.parts[1].text, said.parts[1].parts[0]) == ("None of these is true:", Said("City is “İzmir”"))
