"""Funnels, paths and the journey map against plain Python, on a lake of three tables in memory."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sadakat.analytics.queries import acts as acts_of
from sadakat.analytics.queries import funnels, journey_map, paths
from sadakat.analytics.rules import journeys
from sadakat.analytics.types import (
    Direction,
    FunnelQuestion,
    FunnelStep,
    MapQuestion,
    PathsQuestion,
    Scope,
    Touchpoint,
)
from sadakat.platform import predicates

ZONE = ZoneInfo("Europe/Istanbul")
START = datetime(2026, 3, 1, 21, tzinfo=UTC)
"""The midnight at which 2 March begins."""
HOLDS = acts_of.holds(at=START, time_zone=ZONE)
SINCE, UNTIL = date(2026, 3, 2), date(2026, 3, 9)
ACTS = ibis.table(
    {
        "position": "int64",
        "source_id": "int32",
        "event": "string",
        "at": "timestamp('UTC')",
        "local_date": "date",
        "said": "string",
        "moments": "string",
        "days": "string",
        "customer_id": "int64",
    },
    name="acts",
)
SEEN = ibis.table({"customer_id": "int64", "first_at": "timestamp('UTC')"}, name="seen")
BEFORE = ibis.table({"customer_id": "int64", "stage": "int8"}, name="before")
AFTER = ibis.table({"customer_id": "int64", "stage": "int8"}, name="after")
# (customer, minutes after START less two days, event, price), in the order of the log.
Act = tuple[int, int, str, float]
DAY = 24 * 60


@pytest.fixture(scope="session")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(predicates.DUCKDB_MACROS)
        yield connection


def moment(minute: int) -> datetime:
    return START + timedelta(minutes=minute - 2 * DAY)


def filled(duck: duckdb.DuckDBPyConnection, table: ibis.Table, rows: list[dict[str, Any]]) -> None:
    duck.register(table.get_name(), pa.Table.from_pylist(rows, schema=table.schema().to_pyarrow()))


def with_acts(duck: duckdb.DuckDBPyConnection, acts: list[Act]) -> None:
    rows = [
        {
            "position": position,
            "source_id": 7,
            "event": event,
            "at": moment(minute),
            "local_date": moment(minute).astimezone(ZONE).date(),
            "said": json.dumps({"price": price, "channel": "store" if price > 1 else "online"}),
            "customer_id": customer,
        }
        for position, (customer, minute, event, price) in enumerate(acts)
    ]
    filled(duck, ACTS, rows)


def answers(duck: duckdb.DuckDBPyConnection, expression: ibis.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = duck.sql(ibis.to_sql(expression, dialect="duckdb")).to_arrow_table().to_pylist()
    return found


def ordered(acts: list[Act]) -> list[Act]:
    """By time, and in the order of the log at the same time."""
    return sorted(acts, key=lambda act: act[1])


# Times that often coincide, or lie exactly a window apart.
minutes = st.integers(0, 20).map(lambda n: n * DAY // 2) | st.integers(0, 10 * DAY)
many_acts = st.lists(
    st.tuples(st.integers(1, 3), minutes, st.sampled_from("ABC"), st.sampled_from([1.0, 2.0])), max_size=25
)


def chain(own: list[Act], start: int, steps: list[tuple[str, float]], *, window: int, is_per_step: bool) -> list[int]:
    """The minutes of the steps that are taken from the act at `start`, each the first of its kind after the last."""
    taken, place = [own[start][1]], start
    for event, price in steps[1:]:
        later = [n for n in range(place + 1, len(own)) if own[n][2] == event and own[n][3] >= price]
        if not later:
            break
        place = later[0]
        if own[place][1] - (taken[-1] if is_per_step else taken[0]) >= window:
            break
        taken.append(own[place][1])
    return taken


def furthest(
    acts: list[Act], steps: list[tuple[str, float]], *, window: int, is_per_step: bool
) -> dict[int, list[int]]:
    found = {}
    for customer in {act[0] for act in acts}:
        own = ordered([act for act in acts if act[0] == customer])
        chains = [
            chain(own, n, steps, window=window, is_per_step=is_per_step)
            for n, (_, minute, event, price) in enumerate(own)
            if event == steps[0][0] and price >= steps[0][1] and SINCE <= moment(minute).astimezone(ZONE).date() < UNTIL
        ]
        if chains:
            found[customer] = max(chains, key=len)  # the earliest of the longest
    return found


@settings(max_examples=60, deadline=None)
@given(
    acts=many_acts,
    steps=st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from([0.0, 2.0])), min_size=2, max_size=4),
    days=st.integers(1, 3),
    is_per_step=st.booleans(),
)
def test_a_funnel_is_what_plain_python_makes_of_it(
    duck: duckdb.DuckDBPyConnection,
    acts: list[Act],
    steps: list[tuple[str, float]],
    days: int,
    is_per_step: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    with_acts(duck, acts)
    conditions = [{"property": "price", "at_least": price} if price else None for _, price in steps]
    question = FunnelQuestion(
        steps=tuple(
            FunnelStep(event=event, having=journeys.condition(having))
            for (event, _), having in zip(steps, conditions, strict=True)
        ),
        since=SINCE,
        until=UNTIL,
        window=timedelta(days=days),
        is_per_step=is_per_step,
    )
    best = funnels.furthest(question, acts=ACTS, holds=HOLDS)
    rows = {row["customer_id"]: row for row in answers(duck, best)}
    told = {id_: [row[f"at_{n}"] for n in range(1, row["depth"] + 1)] for id_, row in rows.items()}
    expected = furthest(acts, steps, window=days * DAY, is_per_step=is_per_step)
    assert told == {id_: [moment(minute) for minute in taken] for id_, taken in expected.items()}
    (total,) = answers(duck, funnels.summed(best, steps=len(steps)))
    assert [total[f"n_{m}"] for m in range(1, len(steps) + 1)] == [
        sum(len(taken) >= m for taken in expected.values()) for m in range(1, len(steps) + 1)
    ]


def test_times_between_steps_are_medians_of_those_who_came(duck: duckdb.DuckDBPyConnection) -> None:
    gaps = [10, 30, 70]
    with_acts(
        duck,
        [(n, 2 * DAY, "A", 1.0) for n in range(5)]
        + [(n, 2 * DAY + gap, "B", 1.0) for n, gap in enumerate(gaps)]
        + [(0, 2 * DAY + 11, "C", 1.0), (3, 2 * DAY + 12, "C", 1.0)],
    )
    steps = tuple(FunnelStep(event=event) for event in "ABC")
    question = FunnelQuestion(steps=steps, since=SINCE, until=UNTIL, window=timedelta(hours=1))
    best = funnels.furthest(question, acts=ACTS, holds=HOLDS)
    (total,) = answers(duck, funnels.summed(best, steps=3))
    # The third came after the hour; the fourth skipped a step.
    assert total == {"n_1": 5, "n_2": 2, "gap_2": 20 * 60.0, "n_3": 1, "gap_3": 60.0}


def paths_of(acts: list[Act], *, is_after: bool, in_session: bool, steps: int) -> list[tuple[int, tuple[str, ...]]]:
    found = []
    for customer in {act[0] for act in acts}:
        own = [
            act
            for act in ordered([act for act in acts if act[0] == customer])
            if SINCE <= moment(act[1]).astimezone(ZONE).date() < UNTIL
        ]
        sessions: list[list[str]] = []
        for n, act in enumerate(own):
            is_new = not n or (in_session and act[1] - own[n - 1][1] > 30)
            if is_new:
                sessions.append([])
            if is_new or act[2] != own[n - 1][2]:
                sessions[-1].append(act[2])
        for names in sessions:
            line = names if is_after else names[::-1]
            found += [(customer, tuple(line[n + 1 : n + 1 + steps])) for n, name in enumerate(line) if name == "A"]
    return found


@settings(max_examples=40, deadline=None)
@given(
    acts=st.lists(
        st.tuples(
            st.integers(1, 3),
            st.integers(0, 12).map(lambda n: 2 * DAY + n * 15) | st.integers(DAY, 10 * DAY),
            st.sampled_from("AABC"),
            st.just(1.0),
        ),
        max_size=25,
    ),
    is_after=st.booleans(),
    in_session=st.booleans(),
    steps=st.integers(1, 5),
)
def test_paths_are_what_plain_python_makes_of_them(
    duck: duckdb.DuckDBPyConnection,
    acts: list[Act],
    is_after: bool,  # noqa: FBT001 - hypothesis gives it by name
    in_session: bool,  # noqa: FBT001
    steps: int,
) -> None:
    with_acts(duck, acts)
    question = PathsQuestion(
        event="A",
        since=SINCE,
        until=UNTIL,
        direction=Direction.AFTER if is_after else Direction.BEFORE,
        scope=Scope.SESSION if in_session else Scope.ALL,
        steps=steps,
    )
    rows = answers(duck, paths.sequences(question, acts=ACTS))
    names = [f"step_{n}" for n in range(1, steps + 1)]
    told = Counter((row["customer_id"], tuple(row[name] for name in names if row[name] is not None)) for row in rows)
    assert told == Counter(paths_of(acts, is_after=is_after, in_session=in_session, steps=steps))


stage = st.sampled_from([0, 1, 2, 3, None])
SILENT_DAYS = 2


@settings(max_examples=40, deadline=None)
@given(
    acts=st.lists(
        st.tuples(
            st.integers(1, 4),
            minutes | st.integers(10 * DAY, 14 * DAY),
            st.sampled_from(["A", "B", "Campaign Received"]),
            st.sampled_from([1.0, 2.0]),
        ),
        max_size=25,
    ),
    people=st.dictionaries(st.integers(1, 4), st.tuples(st.integers(0, 12), stage, stage)),
    known_days=st.integers(5, 14),
)
def test_the_map_is_what_plain_python_makes_of_it(
    duck: duckdb.DuckDBPyConnection,
    acts: list[Act],
    people: dict[int, tuple[int, int | None, int | None]],
    known_days: int,
) -> None:
    with_acts(duck, acts)
    filled(duck, SEEN, [{"customer_id": id_, "first_at": moment(day * DAY)} for id_, (day, _, _) in people.items()])
    for table, place in ((BEFORE, 1), (AFTER, 2)):
        rows = [{"customer_id": id_, "stage": said[place]} for id_, said in people.items() if said[place] is not None]
        filled(duck, table, rows)
    condition = journeys.condition({"property": "channel", "is": "store"})
    points = [
        Touchpoint(key="any", name="", events=("A", "B")),
        Touchpoint(key="store", name="", events=("A",), having=condition),
        Touchpoint(key="mail", name="", events=("Campaign Received",)),
    ]
    end = START + timedelta(days=7)
    known_until = moment(known_days * DAY)
    expression = journey_map.counted(
        MapQuestion(since=SINCE, until=UNTIL, silent_days=SILENT_DAYS),
        points=points,
        acts=ACTS,
        seen=SEEN,
        before=BEFORE,
        after=AFTER,
        start=START,
        end=end,
        known_until=known_until,
        holds=HOLDS,
    )
    told = {row.pop("stage"): row for row in answers(duck, expression)}
    assert told == expected_map(acts, people, end=end, known_until=known_until)


def expected_map(
    acts: list[Act], people: dict[int, tuple[int, int | None, int | None]], *, end: datetime, known_until: datetime
) -> dict[int, dict[str, int]]:
    meets: list[Callable[[Act], bool]] = [
        lambda act: act[2] in "AB",
        lambda act: act[2] == "A" and act[3] > 1,
        lambda act: act[2] == "Campaign Received",
    ]
    silence = timedelta(days=SILENT_DAYS)
    found: dict[int, dict[str, int]] = {}
    for id_, (day, before, after) in people.items():
        if moment(day * DAY) >= end:
            continue
        is_new = moment(day * DAY) >= START
        at_start = 0 if is_new or before is None else before
        row = found.setdefault(
            at_start,
            {"customers": 0} | {f"{k}_{n}": 0 for n in range(3) for k in ("reached", "moved", "judged", "silent")},
        )
        row["customers"] += 1
        own = [act for act in ordered([act for act in acts if act[0] == id_]) if moment(act[1]) >= START]
        for n, is_met in enumerate(meets):
            met = [place for place, act in enumerate(own) if moment(act[1]) < end and is_met(act)]
            if not met:
                continue
            first = moment(own[met[0]][1])
            later = [moment(act[1]) for act in own[met[0] + 1 :] if act[2] != "Campaign Received"]
            row[f"reached_{n}"] += 1
            row[f"moved_{n}"] += (after or 0) > at_start
            if first < known_until - silence:
                row[f"judged_{n}"] += 1
                row[f"silent_{n}"] += not later or later[0] - first > silence
    return found
