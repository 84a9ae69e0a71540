"""The predicate language: what is refused and where, and who fits."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import Occurrence, Subject, ValueType, Verdict, Vocabulary, evaluate, parse

ISTANBUL = ZoneInfo("Europe/Istanbul")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KNOWN = Vocabulary(
    features={"orders": ValueType.NUMBER, "last_order_at": ValueType.INSTANT, "is_known": ValueType.FLAG},
    segments={"vip"},
    scores={"churn"},
    consents={"email"},
    points={"active"},
    has_tiers=True,
    longest_window=timedelta(days=730),
)
ORDER = "Order Completed"


def read(where: Any) -> Any:
    return parse({"version": 1, "where": where}, vocabulary=KNOWN)


def verdict(where: Any, subject: Subject, *, at: datetime = NOW) -> Verdict:
    return evaluate(read(where), subject, at=at, time_zone=ISTANBUL)


def fits(where: Any, subject: Subject, *, at: datetime = NOW) -> bool:
    return verdict(where, subject, at=at).fits


def ordered(*days_ago: float, total: Any = 100) -> list[Occurrence]:
    return [Occurrence(ORDER, NOW - timedelta(days=days), {"total": total}) for days in days_ago]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"any": []}, "where.any: expected a list of conditions"),
        ({"all": [{"trait": "city", "is": "a"}, {"trait": "city"}]}, "where.all[1]: expected one comparison"),
        ({"not": {"trait": "city", "is": "a", "in": ["b"]}}, "where.not: expected one comparison"),
        ({"trait": "city", "like": "a"}, "where: expected one comparison"),
        ({"trait": "orders", "contains": "a"}, "where.contains: a value of type number can be compared by"),
        ({"trait": "orders", "is": "three"}, "where.is: expected a value of type number, not 'three'"),
        ({"trait": "city", "above": "a"}, "where.above: expected a number"),
        ({"trait": "x", "above": float("nan")}, "where.above: expected a number"),
        ({"trait": "x", "in": ["a", 1]}, "where.in: expected texts only or numbers only"),
        ({"trait": "x", "between": [5, 1]}, "where.between: the first must not be above the second"),
        ({"trait": "x", "matches": "(a+)+$"}, "where.matches: expected letters, classes"),
        ({"trait": "x", "matches": "a{2,999}"}, "where.matches: expected at most 100 repeats"),
        ({"trait": "x", "within_last": "3 days"}, "where.within_last: expected a duration"),
        ({"trait": "x", "before": "2026-02-31"}, "where.before: expected a day"),
        ({"trait": "x", "anniversary": {"within_next": "90m"}}, "where.anniversary.within_next: expected whole days"),
        ({"event": ORDER, "within": "800d"}, "where.within: events are kept for 730 days, so 800d cannot be known"),
        (
            {"event": ORDER, "within": "3d", "between": ["2026-01-01", "2026-02-01"]},
            "where: expected within or between",
        ),
        (
            {"event": ORDER, "count": {"at_least": 1}, "sum": {"property": "total", "above": 1}},
            "where: expected one of",
        ),
        ({"event": ORDER, "sum": {"property": "total", "contains": "x"}}, "where.sum.contains: a value of type number"),
        (
            {"event": ORDER, "having": {"trait": "city", "is": "a"}},
            "where.having: expected one of all, any, not, property",
        ),
        ({"property": "total", "above": 1}, "where: expected one of all, any, not, trait"),
        ({"segment": "gone"}, "where.segment: there is no segment 'gone'; there is vip"),
        ({"score": "luck", "above": 0.5}, "where.score: there is no score 'luck'; there is churn"),
        ({"consent": "email", "purpose": "marketing", "is": "maybe"}, "where: expected is or is_not with granted"),
        ({"tier": "above", "value": "gold"}, "where.tier: expected is, is_not, in or not_in"),
        ("vip", "where: expected a condition, not 'vip'"),
    ],
)
def test_a_refusal_names_the_path_to_the_fault(where: Any, reason: str) -> None:
    with pytest.raises(Invalid, match=re.escape(reason)):
        read(where)


def test_what_is_not_there_yet_is_refused() -> None:
    for where in ({"score": "churn", "above": 1}, {"points": "active", "above": 1}, {"tier": "is", "value": "gold"}):
        with pytest.raises(Invalid):
            parse({"version": 1, "where": where}, vocabulary=Vocabulary())
    with pytest.raises(Invalid, match="version: expected 1, not 2"):
        parse({"version": 2, "where": {"segment": "vip"}}, vocabulary=KNOWN)


def test_depth_and_number_are_bounded() -> None:
    deep: Any = {"segment": "vip"}
    for _ in range(20):
        deep = {"not": deep}
    with pytest.raises(Invalid, match="nested deeper than 20"):
        read(deep)
    with pytest.raises(Invalid, match="more than 500 conditions"):
        read({"all": [{"segment": "vip"}] * 500})


def test_turkish_letters_make_no_difference() -> None:
    isil = Subject(traits={"city": "İZMİR", "name": "Işıl ÇAĞLA"})
    assert fits({"trait": "city", "is": "izmir"}, isil)
    assert fits({"trait": "name", "starts_with": "IŞIL"}, isil)
    assert fits({"trait": "name", "contains": "cağ"}, isil)
    assert fits({"trait": "name", "matches": "^isil [a-z]{5}$"}, isil)
    assert not fits({"trait": "name", "matches": "^isil$"}, isil)


@pytest.mark.parametrize("value", [None, "12", True])
def test_a_missing_value_or_one_of_another_type_fits_the_negative_alone(value: Any) -> None:
    subject = Subject(traits={"size": value})
    assert fits({"trait": "size", "is_not": 12}, subject)
    assert fits({"trait": "size", "not_in": [12]}, subject)
    assert not any(
        fits({"trait": "size", **test}, subject)
        for test in ({"is": 12}, {"above": 0}, {"at_most": 99}, {"in": [12]}, {"between": [0, 99]})
    )
    assert fits({"trait": "size", "exists": value is not None}, subject)


def test_a_window_is_open_at_its_start_and_says_when_it_lets_go() -> None:
    within = {"event": ORDER, "within": "30d"}
    assert not fits(within, Subject(events=ordered(30)))
    assert verdict(within, Subject(events=ordered(29, 3))) == Verdict(True, NOW + timedelta(days=1))
    assert not fits(within, Subject(events=ordered(29)), at=NOW + timedelta(days=1))
    assert fits(within, Subject(events=ordered(29)), at=NOW + timedelta(days=1, microseconds=-1))


def test_a_fixed_window_is_half_open_and_its_days_are_local() -> None:
    november = {"event": ORDER, "between": ["2026-11-01", "2026-12-01"]}
    first = datetime(2026, 10, 31, 21, 0, tzinfo=UTC)  # midnight in Istanbul
    assert verdict(november, Subject(events=[Occurrence(ORDER, first, {})])) == Verdict(True, None)
    assert not fits(november, Subject(events=[Occurrence(ORDER, first - timedelta(seconds=1), {})]))


def test_what_has_not_happened_yet_counts_when_it_happens() -> None:
    soon = Subject(events=ordered(-1))
    assert verdict({"event": ORDER}, soon) == Verdict(False, NOW + timedelta(days=1))
    assert fits({"event": ORDER}, soon, at=NOW + timedelta(days=1))


def test_measures() -> None:
    subject = Subject(events=[*ordered(9, total=50), *ordered(5, total="x"), *ordered(2, total=150)])
    of = {"event": ORDER}
    assert fits({**of, "count": {"at_least": 3}}, subject)
    assert fits({**of, "count": {"at_most": 1}, "having": {"property": "total", "above": 100}}, subject)
    assert fits({**of, "sum": {"property": "total", "is": 200}}, subject)
    assert fits({**of, "average": {"property": "total", "is": 100}}, subject)
    assert fits({**of, "first": {"property": "total", "is": 50}}, subject)
    assert fits({**of, "last": {"property": "total", "above": 149}}, subject)
    nothing = Subject()
    assert fits({**of, "sum": {"property": "total", "below": 1}}, nothing)
    assert fits({**of, "count": {"is": 0}}, nothing)
    assert not fits({**of, "average": {"property": "total", "below": 1}}, nothing)
    assert fits({**of, "last": {"property": "total", "exists": False}}, nothing)


@pytest.mark.parametrize(
    ("birthday", "today", "is_near"),
    [
        (date(2000, 2, 29), date(2026, 2, 22), True),
        (date(2000, 2, 29), date(2026, 2, 21), False),
        (date(2000, 2, 29), date(2028, 2, 22), False),
        (date(2000, 2, 29), date(2028, 2, 23), True),
        (date(1990, 1, 2), date(2026, 12, 27), True),
        (date(1990, 12, 26), date(2026, 12, 27), False),
    ],
)
def test_an_anniversary_looks_ahead_over_the_end_of_the_year(birthday: date, today: date, is_near: bool) -> None:  # noqa: FBT001
    at = datetime(today.year, today.month, today.day, 8, tzinfo=ISTANBUL).astimezone(UTC)
    where = {"trait": "birthday", "anniversary": {"within_next": "7d"}}
    assert verdict(where, Subject(traits={"birthday": birthday.isoformat()}), at=at) == Verdict(
        is_near, datetime(today.year, today.month, today.day, tzinfo=ISTANBUL) + timedelta(days=1)
    )


def test_times_of_features_and_of_traits() -> None:
    subject = Subject(traits={"last_order_at": NOW - timedelta(days=3), "joined": "2026-11-20", "odd": "2026-02-31"})
    assert verdict({"trait": "last_order_at", "within_last": "7d"}, subject) == Verdict(True, NOW + timedelta(days=4))
    assert not fits({"trait": "last_order_at", "not_within_last": "7d"}, subject)
    assert fits({"trait": "joined", "after": "2026-11-19"}, subject)
    assert not fits({"trait": "joined", "before": "2026-11-20"}, subject)
    assert not fits({"trait": "odd", "before": "2030-01-01"}, subject)
    assert not fits({"trait": "gone", "not_within_last": "7d"}, subject)


def test_segments_scores_consents_points_and_tiers() -> None:
    subject = Subject(
        segments={"vip"},
        scores={"churn": 0.8},
        consents={("email", "marketing"): "granted"},
        points={"active": 500},
        tier="Gold",
    )
    assert fits({"segment": "vip"}, subject)
    assert not fits({"segment": "vip", "is": False}, subject)
    assert fits({"score": "churn", "above": 0.7}, subject)
    assert fits({"consent": "email", "purpose": "marketing", "is": "granted"}, subject)
    assert fits({"points": "active", "at_least": 500}, subject)
    assert fits({"tier": "is", "value": "gold"}, subject)
    assert fits({"tier": "not_in", "value": ["gold"]}, Subject())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["all", "any", "not", "trait", "event", "is", "within", "count", "version", "where"])
                | st.text(),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_nonsense_is_refused_and_never_breaks(document: Any) -> None:
    for said in (document, {"version": 1, "where": document}):
        try:
            parse(said, vocabulary=KNOWN)
        except Invalid:
            continue


@given(st.lists(st.floats(0, 400), max_size=8), st.integers(1, 365), st.integers(0, 3), st.floats(0, 400))
def test_the_answer_holds_until_it_is_said_to_change(days: list[float], within: int, least: int, later: float) -> None:
    subject = Subject(events=ordered(*days))
    where = {"event": ORDER, "within": f"{within}d", "count": {"at_least": least}}
    now = verdict(where, subject)
    then = NOW + timedelta(days=later)
    if now.changes_at is None or then < now.changes_at:
        assert fits(where, subject, at=then) is now.fits
