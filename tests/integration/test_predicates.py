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

from sadakat.kernel import text, time
from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import Occurrence, Subject, ValueType, Vocabulary, evaluate, parse
from sadakat.kernel.predicates.evaluating import moment_of
from sadakat.platform import predicates

ISTANBUL: Final = ZoneInfo("Europe/Istanbul")
NOW: Final = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
FEATURES: Final = {
    "orders": ValueType.NUMBER,
    "last_order_at": ValueType.INSTANT,
    "is_known": ValueType.FLAG,
    "channel": ValueType.TEXT,
}
VOCABULARY: Final = Vocabulary(features=FEATURES, segments={"vip"})
SAID: Final = {"said": "json", "moments": "json", "days": "json"}
SUBJECTS: Final = ibis.table(
    {"customer_id": "int64", "orders": "float64", "last_order_at": "int64", "is_known": "boolean", "channel": "string"}
    | SAID,
    name="subjects",
)
EVENTS: Final = ibis.table(
    {"customer_id": "int64", "position": "int64", "event": "string", "at": "int64"} | SAID, name="occurred"
)
MEMBERSHIPS: Final = ibis.table({"customer_id": "int64", "segment_key": "string"}, name="memberships")
TABLES: Final = (SUBJECTS, EVENTS, MEMBERSHIPS)
RELATIONS: Final = predicates.Relations(subjects=SUBJECTS, events=EVENTS, memberships=MEMBERSHIPS, features=FEATURES)
COLUMN_TYPES: Final = {
    "int64": "bigint",
    "float64": "double precision",
    "boolean": "boolean",
    "string": "text",
    "json": "json",
}


def said_of(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int], dict[str, int]]:
    """Values, moments and days as the relations hold them."""
    said: dict[str, Any] = {}
    moments: dict[str, int] = {}
    days: dict[str, int] = {}
    for name, value in values.items():
        key = predicates.key_of(name)
        if isinstance(value, str):
            said[key] = text.fold(value)
            if (moment := moment_of(value)) is not None:
                is_instant = isinstance(moment, datetime)
                day = moment.astimezone(ISTANBUL).date() if is_instant else moment
                moments[key] = micro(moment if is_instant else time.midnight(moment, time_zone=ISTANBUL))
                days[key] = day.month * 100 + day.day
        elif value is not None:
            # A number beyond the bound is there, and is none.
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            said[key] = {} if is_number and abs(value) >= 1e12 else value
    return said, moments, days


def micro(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def rows_of(subjects: list[Subject]) -> tuple[list[Any], list[Any], list[Any]]:
    people, events, memberships = [], [], []
    for number, subject in enumerate(subjects, 1):
        own = {name: subject.traits.get(name) for name in FEATURES}
        said, moments, days = said_of({name: value for name, value in subject.traits.items() if name not in FEATURES})
        last = own["last_order_at"]
        if last is not None:
            day = last.astimezone(ISTANBUL).date()
            days["last_order_at"] = day.month * 100 + day.day
        channel = None if own["channel"] is None else text.fold(own["channel"])
        last_micro = None if last is None else micro(last)
        people.append(
            (number, own["orders"], last_micro, own["is_known"], channel, *map(json.dumps, (said, moments, days)))
        )
        for event in subject.events:
            words = map(json.dumps, said_of(dict(event.properties)))
            events.append((number, len(events) + 1, event.event, micro(event.at), *words))
        memberships += [(number, key) for key in subject.segments]
    return people, events, memberships


class Engines:
    """Both engines with the three relations."""

    def __init__(self) -> None:
        self.duck = duckdb.connect(config={"threads": 1})
        self.duck.execute(predicates.DUCKDB_MACROS)
        for table in TABLES:
            columns = ", ".join(f'"{name}" {COLUMN_TYPES[str(kind)]}' for name, kind in table.schema().items())
            self.duck.execute(f"CREATE TABLE {table.get_name()} ({columns})")
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE TEMPORARY TABLE {table.get_name()} ({columns})")

    def fill(self, subjects: list[Subject]) -> None:
        for table, rows in zip(TABLES, rows_of(subjects), strict=True):
            name = table.get_name()
            self.duck.execute(f"DELETE FROM {name}")
            marks = ", ".join("?" for _ in table.columns)
            if rows:
                self.duck.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {name}")
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks.replace('?', '%s')})", rows)

    def answers(self, expression: ibis.Table) -> dict[str, dict[int, tuple[bool, int | None]]]:
        with connection.cursor() as cursor:
            # Without parameters psycopg leaves per cent signs alone.
            cursor.execute(str(ibis.to_sql(expression, dialect="postgres")))
            postgres = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
        found = self.duck.execute(str(ibis.to_sql(expression, dialect="duckdb"))).fetchall()
        return {"postgres": postgres, "duckdb": {row[0]: (row[1], row[2]) for row in found}}


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


windows = st.one_of(
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
    st.sampled_from(["A", "B"]),
    windows,
    st.just({}) | trees(leaves("property")).map(lambda tree: {"having": tree}),
    measures,
)
documents = trees(
    leaves("trait") | event_leaves | st.builds(lambda is_member: {"segment": "vip", "is": is_member}, st.booleans())
)
edges = st.sampled_from([0, 1, -1, 1800, 43200, 86400, 30 * 86400, -3600]) | st.integers(-100_000, 40 * 86400)
moments = st.builds(lambda s, u: NOW - timedelta(seconds=s, microseconds=u), edges, st.sampled_from([0, 1, -1]))
values = texts | numbers | st.booleans() | st.none() | st.just(1e13)
people = st.builds(
    lambda traits, own, events, segments: Subject(
        traits={**{name: value for name, value in traits.items() if name not in FEATURES}, **own},
        events=events,
        segments=segments,
    ),
    st.dictionaries(names, values, max_size=4),
    st.fixed_dictionaries(
        {
            "orders": st.none() | numbers,
            "last_order_at": st.none() | moments,
            "is_known": st.none() | st.booleans(),
            "channel": st.none() | texts,
        }
    ),
    st.lists(
        st.builds(Occurrence, st.sampled_from(["A", "B"]), moments, st.dictionaries(names, values, max_size=3)),
        max_size=5,
    ),
    st.sets(st.just("vip")),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(where=documents, subjects=st.lists(people, min_size=1, max_size=4), at=moments)
def test_every_engine_answers_as_memory_does(
    engines: Engines, where: Any, subjects: list[Subject], at: datetime
) -> None:
    try:
        predicate = parse({"version": 1, "where": where}, vocabulary=VOCABULARY)
    except Invalid:
        return  # such as a comparison that the type of a feature does not have
    engines.fill(subjects)
    expected = {}
    for number, subject in enumerate(subjects, 1):
        found = evaluate(predicate, subject, at=at, time_zone=ISTANBUL)
        expected[number] = (found.fits, None if found.changes_at is None else micro(found.changes_at))
    expression = predicates.compile_predicate(predicate, relations=RELATIONS, at=at, time_zone=ISTANBUL)
    assert engines.answers(expression) == {"postgres": expected, "duckdb": expected}
