"""A predicate has one answer: in memory, on PostgreSQL and on DuckDB, for random trees, customers and clocks."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import ibis
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sadakat.kernel.errors import Invalid, NotFound
from sadakat.kernel.predicates import Occurrence, Predicate, Subject, ValueType, Vocabulary, evaluate, parse
from sadakat.platform import engine, lake, predicates

ISTANBUL: Final = ZoneInfo("Europe/Istanbul")
NOW: Final = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
FEATURES: Final = {
    "orders": ValueType.NUMBER,
    "last_order_at": ValueType.INSTANT,
    "is_known": ValueType.FLAG,
    "last_channel": ValueType.TEXT,
}
VOCABULARY: Final = Vocabulary(features=FEATURES, segments={"vip"})
VIP: Final = 7
ASKED: Final = "CREATE TEMPORARY TABLE segments_asked (customer_id bigint PRIMARY KEY, at timestamptz NOT NULL)"
DUCKDB_TYPES: Final = {
    "int64": "BIGINT",
    "int32": "INTEGER",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp('UTC', 6)": "TIMESTAMPTZ",
    "timestamp('UTC')": "TIMESTAMPTZ",
}
Verdicts = dict[int, tuple[bool, int | None]]


def micro(at: datetime | None) -> int | None:
    return None if at is None else (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def profiles_of(customer_id: int) -> tuple[int, int]:
    """Each customer has two profiles; the smaller one names him."""
    return customer_id, customer_id + 1


class Engines:
    """PostgreSQL with the tables that the platform has, and DuckDB with what they export to the lake."""

    def __init__(self) -> None:
        from sadakat.segments import relations, tables

        self.relations = relations
        tables.register_subjects()
        self.names = ("events", "subjects", "segment_members", "profile_map")
        self.duck = duckdb.connect(config={"threads": 1})
        self.duck.execute("SET TimeZone = 'UTC'")
        self.duck.execute(predicates.DUCKDB_MACROS)
        for name in self.names:
            kinds = engine.read(name).schema().items()
            columns = ", ".join(f'"{column}" {DUCKDB_TYPES[str(kind)]}' for column, kind in kinds)
            self.duck.execute(f"CREATE TABLE {name} ({columns})")
        with connection.cursor() as cursor:
            cursor.execute(ASKED)
            cursor.execute(
                """
                INSERT INTO segments_segment (id, key, name, kind, created_at, changed_at)
                VALUES (%s, 'vip', 'VIP', 'list', now(), now())
                """,
                [VIP],
            )

    def fill(self, subjects: dict[int, Subject]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE customers_profile, customers_feature, events_log, segments_standing")
            for number, subject in subjects.items():
                for profile_id in profiles_of(number):
                    cursor.execute("INSERT INTO customers_profile VALUES (%s, %s)", [profile_id, number])
                if subject.traits:
                    self._insert_traits(cursor, number, subject)
                if "vip" in subject.segments:
                    cursor.execute(
                        "INSERT INTO segments_standing (segment_id, customer_id, is_member, since_at)"
                        " VALUES (%s, %s, true, now())",
                        [VIP, number],
                    )
            happened = [(number, event) for number, subject in subjects.items() for event in subject.events]
            for position, (number, event) in enumerate(happened, 1):
                is_page = event.event == "Page Viewed"
                body = json.dumps({"properties": dict(event.properties)})
                cursor.execute(
                    """
                    INSERT INTO events_log (position, profile_id, source_id, kind, event, at, local_date, received_at,
                        mid, body)
                    VALUES (%s, %s, 1, %s, %s, %s, %s, now(), gen_random_uuid(), %s)
                    """,
                    [
                        position,
                        profiles_of(number)[position % 2],
                        3 if is_page else 2,
                        "Home" if is_page else event.event,
                        event.at,
                        event.at.astimezone(ISTANBUL).date(),
                        body,
                    ],
                )
        self.export()

    def _insert_traits(self, cursor: Any, number: int, subject: Subject) -> None:
        own = {name: subject.traits.get(name) for name in FEATURES}
        traits = {name: value for name, value in subject.traits.items() if name not in FEATURES}
        cursor.execute(
            f"""
            INSERT INTO customers_feature (customer_id, traits, changed_at, {", ".join(own)})
            VALUES (%s, %s, now(), %s, %s, %s, %s)
            """,
            [number, json.dumps(traits), *own.values()],
        )

    def export(self) -> None:
        partitions = {"subjects": "'0'", "segment_members": f"'{VIP}'", "profile_map": "'all'"}
        for name in self.names:
            dataset = lake.dataset_named(name)
            query = dataset.sql.replace("{partition}", partitions.get(name, ""))
            query = query.replace("{after}", "0").replace("{upto}", "1000000")
            with connection.cursor() as cursor:
                cursor.execute(query)
                rows = [row[: len(dataset.schema)] for row in cursor.fetchall()]
            self.duck.execute(f"DELETE FROM {name}")
            if rows:
                marks = ", ".join("?" for _ in dataset.schema)
                self.duck.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)

    def asked_on_postgres(self, predicate: Predicate, *, clocks: dict[int, datetime]) -> Verdicts:
        days = {at.astimezone(ISTANBUL).date() for at in clocks.values()}
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE segments_asked")
            cursor.executemany("INSERT INTO segments_asked VALUES (%s, %s)", list(clocks.items()))
            # Without parameters psycopg leaves per cent signs alone.
            cursor.execute(self.relations.verdict_sql(predicate, time_zone=ISTANBUL, local_days=days))
            return {row[0]: (row[1], micro(row[2])) for row in cursor.fetchall()}

    def asked_in_the_lake(self, predicate: Predicate, *, at: datetime) -> Verdicts:
        expression = predicates.compile_predicate(
            predicate, relations=self.relations.lake_relations(), at=at, time_zone=ISTANBUL
        )
        found = self.duck.execute(str(ibis.to_sql(expression, dialect="duckdb"))).fetchall()
        return {row[0]: (row[1], row[2]) for row in found}


@pytest.fixture
def engines(database: str) -> Iterator[Engines]:
    both = Engines()
    yield both
    both.duck.close()


names = st.sampled_from(["city", "size", "joined", "a.b", "x_y", "vip?", *FEATURES])
texts = st.sampled_from(
    [
        "İzmir",
        "IZMIR",
        "ışık",
        "Işıl ÇAĞLA",
        "a%b_c",
        "",
        "2026-02-28",
        "2024-02-29",
        "2026-03-01T08:59:59Z",
        "2026-02-30",
        "2026-02-28T23:30:00.25-05:00",
        "2026-03-02 00:30",
        "9999-12-31",
        "9999-12-31T23:00:00-05:00",
        "ΟΔΟΣ",
        "οδος a",
        "Ա ffi\u0301",
    ]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
numbers = st.sampled_from([0, 1, 2, 3, -1, 0.1, 0.3, 99.99]) | st.floats(-1000, 1000).map(lambda x: round(x, 2))
spans = st.sampled_from(["30m", "12h", "1d", "30d", "52w"])
comparisons = st.sampled_from(["above", "at_least", "below", "at_most", "is", "is_not"])
tests = st.one_of(
    st.builds(lambda op, value: {op: value}, st.sampled_from(["is", "is_not"]), texts | numbers | st.booleans()),
    st.builds(
        lambda op, values: {op: values},
        st.sampled_from(["in", "not_in"]),
        st.lists(texts, min_size=1, max_size=3) | st.lists(numbers, min_size=1, max_size=3),
    ),
    st.builds(lambda op, value: {op: value}, comparisons, numbers),
    st.builds(lambda *ends: {"between": sorted(ends)}, numbers, numbers),
    st.builds(lambda op, value: {op: value}, st.sampled_from(["contains", "starts_with", "ends_with"]), texts),
    st.builds(lambda form: {"matches": form}, st.sampled_from(["^i", "[a-z]{3}", "r$", "^$", "\\d{4}-", "a%b_"])),
    st.builds(lambda value: {"exists": value}, st.booleans()),
    st.builds(
        lambda op, moment: {op: moment},
        st.sampled_from(["before", "after"]),
        st.sampled_from(["2026-02-28", "2026-03-01T09:00:00Z", "2025-03-01T00:00:00+03:00"]),
    ),
    st.builds(lambda op, span: {op: span}, st.sampled_from(["within_last", "not_within_last"]), spans),
    st.builds(
        lambda way, span: {"anniversary": {way: span}},
        st.sampled_from(["within_next", "within_last"]),
        st.sampled_from(["1d", "2d", "366d"]),
    ),
    st.just({"between": ["2026-02-28", "2026-03-01"]}),
)


def trees(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: (
            st.builds(
                lambda kind, parts: {kind: parts},
                st.sampled_from(["all", "any"]),
                st.lists(inner, min_size=1, max_size=3),
            )
            | inner.map(lambda part: {"not": part})
        ),
        max_leaves=5,
    )


def leaves(kind: str) -> st.SearchStrategy[Any]:
    return st.builds(lambda name, test: {kind: name, **test}, names, tests)


windows: st.SearchStrategy[Any] = st.one_of(
    st.just({}),
    spans.map(lambda span: {"within": span}),
    st.just({"between": ["2026-01-01", "2026-03-01"]}),
    st.just({"between": ["2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z"]}),
)
few = st.builds(lambda op, value: {op: value}, comparisons, st.sampled_from([0, 1, 2, 0.1, 0.3, 0.4, 100, 200]))
measures = st.one_of(
    st.just({}),
    few.map(lambda test: {"count": test}),
    st.builds(
        lambda kind, name, test: {kind: {"property": name, **test}}, st.sampled_from(["sum", "average"]), names, few
    ),
    st.builds(
        lambda kind, name, test: {kind: {"property": name, **test}}, st.sampled_from(["first", "last"]), names, tests
    ),
)
event_leaves = st.builds(
    lambda event, window, having, measure: {"event": event, **window, **having, **measure},
    st.sampled_from(["A", "Page Viewed"]),
    windows,
    st.just({}) | trees(leaves("property")).map(lambda tree: {"having": tree}),
    measures,
)
documents = trees(
    leaves("trait") | event_leaves | st.builds(lambda is_member: {"segment": "vip", "is": is_member}, st.booleans())
)
edges = st.sampled_from([0, 1, -1, 1800, 43200, 86400, 30 * 86400, -3600]) | st.integers(-100_000, 40 * 86400)
moments = st.builds(lambda s, u: NOW - timedelta(seconds=s, microseconds=u), edges, st.sampled_from([0, 1, -1]))
values = texts | numbers | st.booleans() | st.none() | st.sampled_from([1e13, {"a": 1}, ["x"], []])
people = st.builds(
    lambda traits, own, events, segments: Subject(
        traits={**{name: value for name, value in traits.items() if name not in FEATURES}, **own},
        events=events,
        segments=segments,
    ),
    st.dictionaries(names, values, max_size=4),
    st.fixed_dictionaries(
        {
            "orders": st.none() | st.integers(-2, 3),
            "last_order_at": st.none() | moments,
            "is_known": st.none() | st.booleans(),
            "last_channel": st.none() | texts,
        }
    ),
    st.lists(
        st.builds(
            Occurrence, st.sampled_from(["A", "B", "Page Viewed"]), moments, st.dictionaries(names, values, max_size=3)
        ),
        max_size=5,
    ),
    st.sets(st.just("vip")),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(where=documents, persons=st.lists(people, min_size=1, max_size=4), at=moments, others_at=moments)
def test_every_engine_answers_as_memory_does(
    engines: Engines, where: Any, persons: list[Subject], at: datetime, others_at: datetime
) -> None:
    try:
        predicate = parse({"version": 1, "where": where}, vocabulary=VOCABULARY)
    except Invalid:
        return  # such as a comparison that the type of a feature does not have
    subjects = {number * 10: subject for number, subject in enumerate(persons, 1)}
    engines.fill(subjects)

    def in_memory(number: int, moment: datetime) -> tuple[bool, int | None]:
        found = evaluate(predicate, subjects[number], at=moment, time_zone=ISTANBUL)
        return found.fits, micro(found.changes_at)

    clocks = {number: (at, others_at)[number // 10 % 2] for number in subjects}
    assert engines.asked_in_the_lake(predicate, at=at) == {number: in_memory(number, at) for number in subjects}
    expected = {number: in_memory(number, moment) for number, moment in clocks.items()}
    assert engines.asked_on_postgres(predicate, clocks=clocks) == expected


def test_true_is_not_one(engines: Engines) -> None:
    engines.fill({10: Subject(traits={"size": 1}), 20: Subject(traits={"size": True})})
    for operand, fitting in ((1, 10), (True, 20)):
        predicate = parse({"version": 1, "where": {"trait": "size", "is": operand}}, vocabulary=VOCABULARY)
        expected = {number: (number == fitting, None) for number in (10, 20)}
        assert engines.asked_in_the_lake(predicate, at=NOW) == expected
        assert engines.asked_on_postgres(predicate, clocks={10: NOW, 20: NOW}) == expected


def test_a_score_is_read_from_its_feature_and_refused_without_one(engines: Engines) -> None:
    engines.fill({10: Subject(traits={"size": 1}), 20: Subject(traits={"size": 1})})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_feature SET score_churn = customer_id / 20.0")
    engines.export()
    likely = parse(asked_score("churn"), vocabulary=Vocabulary(scores={"churn"}))
    expected = {10: (False, None), 20: (True, None)}
    assert engines.asked_in_the_lake(likely, at=NOW) == expected
    assert engines.asked_on_postgres(likely, clocks={10: NOW, 20: NOW}) == expected
    lucky = parse(asked_score("luck"), vocabulary=Vocabulary(scores={"luck"}))
    with pytest.raises(NotFound, match=r"^there is no feature 'score_luck' here yet$"):
        engines.asked_in_the_lake(lucky, at=NOW)


def asked_score(name: str) -> dict[str, Any]:
    return {"version": 1, "where": {"score": name, "above": 0.7}}


def test_the_names_of_direct_identifiers_are_hidden_and_those_of_products_are_not(database: str) -> None:
    hidden = (
        "email",
        "e-mail",
        "E_Mail",
        "emailAddress",
        "phone",
        "mobilePhone",
        "firstName",
        "last_name",
        "name",
        "billing_address",
        "Adres",
        "telefon",
        "card",
        "cardNumber",
        "ip",
        "TCKN",
        "password",
    )
    told = ("city", "revenue", "order_id", "product", "path", "coupon", "card_type", "shipping", "zip", "brand_name")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE said_hides(name)", [[*hidden, *told]])
        assert [row[0] for row in cursor.fetchall()] == list(hidden)
        cursor.execute(
            "SELECT said_of(%s::jsonb)", ['{"email": "a@b.c", "a.b": "ÇAĞLA", "n": 1.50, "tags": ["x"], "no": null}']
        )
        said = json.loads(cursor.fetchone()[0])
    assert said == {"email": {}, "x_612e62": "cagla", "n": 1.5, "tags": {}}
