"""Random weeks of a shop: after every step who is in which segment is what the evaluator in memory says."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sadakat.events.types import Kind
from sadakat.kernel import predicates
from sadakat.kernel.predicates import Occurrence, Subject
from tests.integration import living
from tests.integration.living import Shop
from tests.integration.pipeline import rows

shop = living.shop
ISTANBUL: Final = ZoneInfo("Europe/Istanbul")
RULES: Final = {
    "recent": {"event": "Bought", "within": "2d"},
    "busy": {"event": "Bought", "within": "3d", "count": {"at_least": 2}},
    "dear": {"event": "Bought", "within": "5d", "sum": {"property": "total", "above": 15}},
    "quiet": {"not": {"segment": "recent"}},
    "lapsed": {"all": [{"segment": "quiet"}, {"event": "Bought"}]},
    "readers": {"event": "Page Viewed", "within": "12h", "having": {"property": "path", "contains": "ı"}},
    "izmir": {"any": [{"trait": "city", "is": "İzmir"}, {"segment": "dear", "is": True}]},
    "born": {"trait": "birthday", "anniversary": {"within_next": "2d"}},
    "active": {"all": [{"trait": "last_seen_at", "within_last": "1d"}, {"trait": "events", "above": 2}]},
    "told": {"event": "Segment Exited", "within": "2d", "having": {"property": "segment", "is": "busy"}},
}
USERS: Final = ("ayse", "isil", "baris")
steps = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from(USERS), st.integers(1, 20), st.sampled_from([0, 0, -30, 20])),
    st.tuples(st.just("read"), st.sampled_from(USERS), st.sampled_from(["/ışık", "/su"]), st.just(0)),
    st.tuples(st.just("city"), st.sampled_from(USERS), st.sampled_from(["izmir", "Iğdır"]), st.just(0)),
    st.tuples(st.just("birthday"), st.sampled_from(USERS), st.sampled_from(["1990-11-24", "1984-12-01"]), st.just(0)),
    st.tuples(st.just("merge"), st.sampled_from(USERS), st.sampled_from(USERS), st.just(0)),
    st.tuples(st.just("undo"), st.just(""), st.just(""), st.just(0)),
    st.tuples(st.just("wait"), st.just(""), st.just(""), st.integers(1, 60)),
    st.tuples(st.just("work"), st.just(""), st.just(""), st.just(0)),
)


def step(shop: Shop, kind: str, user: str, value: Any, hours: int) -> None:
    shop.now += timedelta(minutes=1)
    match kind:
        case "buy":
            shop.put(user, "Bought", at=shop.now + timedelta(hours=hours), total=value)
        case "read":
            shop.page(user, path=value)
        case "city" | "birthday":
            shop.say(user, **{kind: value})
        case "merge":
            merge(shop, user, value)
        case "undo":
            undo_one(shop)
        case "wait":
            shop.now += timedelta(hours=hours)
        case "work":
            shop.work()


def merge(shop: Shop, left: str, right: str) -> None:
    from sadakat.customers import api as customers

    known = shop.customers()
    if left in known and right in known and known[left] != known[right]:
        customers.merge_customers(left_id=known[left], right_id=known[right], actor=living.DENIZ, at=shop.now)


def undo_one(shop: Shop) -> None:
    """Undoes the latest merge that can be undone."""
    from sadakat.customers import api as customers
    from sadakat.kernel.errors import SadakatError

    for one in customers.merges():
        if one.undone_at is None:
            try:
                customers.undo_merge(merge_id=one.id, actor=living.DENIZ, at=shop.now)
            except SadakatError:
                continue
            return


def expected(shop: Shop) -> dict[str, set[int]]:
    """Who fits each rule by the evaluator in memory."""
    found: dict[str, set[int]] = {key: set() for key in RULES}
    words = vocabulary()
    order = ["quiet", "lapsed", "izmir"]
    for customer_id in sorted(set(rows_of_customers())):
        fits: set[str] = set()
        subject = subject_of(customer_id)
        for key in sorted(RULES, key=lambda key: order.index(key) if key in order else -1):
            predicate = predicates.parse(living.rule(RULES[key]), vocabulary=words)
            asked = Subject(traits=subject.traits, events=subject.events, segments=fits)
            if predicates.evaluate(predicate, asked, at=shop.now, time_zone=ISTANBUL).fits:
                fits.add(key)
                found[key].add(customer_id)
    return found


def vocabulary() -> Any:
    from sadakat.segments import api as segments

    return segments.vocabulary()


def rows_of_customers() -> list[int]:
    return [row[0] for row in rows("SELECT customer_id FROM customers_profile")]


def subject_of(customer_id: int) -> Subject:
    from sadakat.customers import api as customers
    from sadakat.events import api as events

    known = customers.customer(customer_id)
    names = {Kind.PAGE: "Page Viewed", Kind.SCREEN: "Screen Viewed"}
    happened = [
        Occurrence(names.get(event.kind, event.event), event.at, json.loads(event.body).get("properties") or {})
        for event in events.timeline(profile_ids=known.profile_ids, limit=1_000)
        if event.kind in {Kind.TRACK, Kind.PAGE, Kind.SCREEN}
    ]
    return Subject(
        traits={**{name: said.value for name, said in known.traits.items()}, **known.features}, events=happened
    )


@pytest.mark.parametrize("batch", [1, 5_000])
def test_everybody_is_where_the_evaluator_in_memory_says_after_random_weeks(
    shop: Shop, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.platform import lake
    from sadakat.segments import api as segments
    from sadakat.segments import evaluation

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)
    monkeypatch.setattr(evaluation, "MAX_CUSTOMERS", batch)
    start = shop.now
    for key in RULES:
        shop.segment(key, RULES[key])

    @settings(
        max_examples=12 if batch > 1 else 4,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(steps, min_size=3, max_size=14))
    def live(said: list[Any]) -> None:
        for each in said:
            step(shop, *each)
        shop.work()
        assert {key: set(segments.member_ids(key)) for key in RULES} == expected(shop)
        assert {key: segments.segment_named(key).size for key in RULES} == {
            key: len(ids) for key, ids in expected(shop).items()
        }

    live()
    assert len(shop.told()) > 20
    told = [at for *_, at in shop.told()]
    assert start <= min(told) <= max(told) <= shop.now
    assert segments.sweep(at=shop.now).corrections == 0
