"""Rules of groups: every customer fits exactly one rule of each, by property and case by case."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.analytics import rules
from sadakat.analytics.features import FEATURES
from sadakat.analytics.types import Group
from sadakat.customers.types import FeatureType
from sadakat.kernel import predicates
from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import Occurrence, Subject, ValueType, Vocabulary

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Istanbul")
PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/customer-types.md"
TYPES = {
    "not yet loyal": "not-yet-loyal",
    "programme-loyal": "programme",
    "convenience-loyal": "convenience",
    "truly loyal": "truly-loyal",
    "satisfied": "satisfied",
    "unknown": "unknown",
}
VOCABULARY = Vocabulary(
    features={each.name: ValueType.TEXT if each.type is FeatureType.TEXT else ValueType.NUMBER for each in FEATURES}
)


def fitting(
    group: Group, subject: Subject, *, thresholds: Mapping[str, float] | None = None, clusters: int = 0
) -> list[str]:
    """The rules of the group that a customer fits, without the group's name."""
    found = []
    for rule in rules.rules_of(group, thresholds, clusters=clusters):
        predicate = predicates.parse(rules.document(rule.where), vocabulary=VOCABULARY)
        if predicates.evaluate(predicate, subject, at=NOW, time_zone=ZONE).fits:
            found.append(rule.key.removeprefix(f"{group}-"))
    return found


def did(**events: list[float]) -> Subject:
    """A customer by the days before now on which he did something."""
    names = {"ordered": "Order Completed", "viewed": "Product Viewed", "added": "Product Added", "paged": "Page Viewed"}
    return Subject(
        events=[Occurrence(names[name], NOW - timedelta(days=day), {}) for name, days in events.items() for day in days]
    )


_days = st.lists(
    st.sampled_from([-1.0, 0.0, 1.0, 29.0, 30.0, 89.0, 90.0, 179.0, 180.0, 364.0, 365.0, 366.0, 900.0]), max_size=6
)


@given(
    ordered=_days,
    viewed=_days,
    added=_days,
    paged=_days,
    loyalty_orders=st.integers(2, 5),
    win_back_days=st.integers(7, 400),
)
def test_everybody_is_in_one_stage_and_one_phase(
    ordered: list[float],
    viewed: list[float],
    added: list[float],
    paged: list[float],
    loyalty_orders: int,
    win_back_days: int,
) -> None:
    subject = did(ordered=ordered, viewed=viewed, added=added, paged=paged)

    stage = fitting(Group.STAGE, subject, thresholds=rules.checked(Group.STAGE, {"loyalty_orders": loyalty_orders}))
    phase = fitting(Group.PHASE, subject, thresholds=rules.checked(Group.PHASE, {"win_back_days": win_back_days}))

    assert len(stage) == len(phase) == 1
    assert (phase == ["acquisition"]) is (stage[0] in {"awareness", "evaluation"})


@pytest.mark.parametrize(
    ("subject", "stage", "phase"),
    [
        (did(), "awareness", "acquisition"),
        (did(paged=[1, 2, 3, 4]), "awareness", "acquisition"),
        (did(paged=[1, 2, 3, 4, 5]), "evaluation", "acquisition"),
        (did(viewed=[89]), "evaluation", "acquisition"),
        (did(added=[90]), "awareness", "acquisition"),
        (did(ordered=[0], viewed=[0]), "purchase", "retention"),
        (did(ordered=[1, 2, 365]), "purchase", "retention"),
        (did(ordered=[1, 2, 364]), "loyalty", "retention"),
        (did(ordered=[181, 200, 364]), "loyalty", "win-back"),
        (did(ordered=[180]), "purchase", "win-back"),
        (did(ordered=[-1]), "awareness", "acquisition"),
    ],
)
def test_stages_and_phases(subject: Subject, stage: str, phase: str) -> None:
    assert (fitting(Group.STAGE, subject), fitting(Group.PHASE, subject)) == ([stage], [phase])


def rfm(r: int | None, f: int | None, m: int | None) -> str:
    (key,) = fitting(Group.RFM, Subject(traits={"rfm_recency": r, "rfm_frequency": f, "rfm_monetary": m}))
    return key


def test_every_combination_of_scores_has_one_name() -> None:
    found = {scores: rfm(*scores) for scores in product(range(1, 6), repeat=3)}

    sizes: dict[str, int] = {}
    for key in found.values():
        sizes[key] = sizes.get(key, 0) + 1
    assert sizes == {
        "champions": 8,
        "loyal": 22,
        "potential-loyalists": 20,
        "new": 5,
        "promising": 5,
        "needs-attention": 13,
        "about-to-sleep": 2,
        "cannot-lose": 8,
        "at-risk": 30,
        "hibernating": 6,
        "lost": 6,
    }
    assert rfm(None, None, None) == "none"


@pytest.mark.parametrize(
    ("scores", "key"),
    [
        ((5, 5, 5), "champions"),
        ((5, 5, 3), "loyal"),
        ((4, 2, 5), "potential-loyalists"),
        ((5, 1, 5), "new"),
        ((4, 1, 1), "promising"),
        ((3, 1, 3), "needs-attention"),
        ((3, 1, 2), "about-to-sleep"),
        ((1, 4, 4), "cannot-lose"),
        ((1, 5, 3), "at-risk"),
        ((2, 1, 4), "at-risk"),
        ((2, 2, 3), "hibernating"),
        ((1, 1, 1), "lost"),
    ],
)
def test_named_segments(scores: tuple[int, int, int], key: str) -> None:
    assert rfm(*scores) == key


def test_clusters_and_who_is_in_none() -> None:
    assert fitting(Group.CLUSTER, Subject(traits={"cluster": "c2"}), clusters=3) == ["c2"]
    assert fitting(Group.CLUSTER, Subject(traits={"cluster": "c4"}), clusters=3) == ["none"]
    assert fitting(Group.CLUSTER, Subject(), clusters=0) == fitting(Group.CLUSTER, Subject(), clusters=3) == ["none"]


FULL_PRICE = {"habit_orders": 4, "habit_deal_share": 0.1, "habit_categories": 3, "habit_place_share": 0.5}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, "not-yet-loyal"),
        ({"habit_orders": 3, "habit_deal_share": 1.0}, "not-yet-loyal"),
        ({"habit_orders": 4}, "unknown"),
        ({"habit_orders": 4, "habit_rating": 5.0}, "unknown"),
        ({"habit_orders": 4, "habit_place_share": 1.0}, "unknown"),
        ({"habit_orders": 4, "habit_deal_share": 0.6}, "programme"),
        ({"habit_orders": 4, "habit_deal_share": 0.31, "habit_place_share": 1.0}, "unknown"),
        ({"habit_orders": 4, "habit_deal_share": 0.3, "habit_place_share": 0.8}, "convenience"),
        ({"habit_orders": 4, "habit_deal_share": 0.3, "habit_daypart_share": 0.8}, "convenience"),
        (FULL_PRICE, "unknown"),
        (FULL_PRICE | {"habit_recommendations": 0}, "unknown"),
        (FULL_PRICE | {"habit_recommendations": 1}, "truly-loyal"),
        (FULL_PRICE | {"habit_recommendations": 1, "habit_categories": None}, "unknown"),
        (FULL_PRICE | {"habit_recommendations": 1, "habit_channel_share": 0.9}, "convenience"),
        (FULL_PRICE | {"habit_rating": 4.0}, "unknown"),
        (FULL_PRICE | {"habit_rating": 4.0, "habit_recommendations": 0}, "satisfied"),
        (FULL_PRICE | {"habit_rating": 4.0, "habit_categories": 2}, "satisfied"),
        (FULL_PRICE | {"habit_rating": 3.9, "habit_recommendations": 0}, "unknown"),
        ({"habit_orders": 9, "habit_deal_share": 0.5, "habit_rating": 4.5}, "satisfied"),
    ],
)
def test_customer_types_are_never_guessed(known: Mapping[str, Any], expected: str) -> None:
    assert fitting(Group.TYPE, Subject(traits=known)) == [expected]


def test_whoever_spends_points_often_is_loyal_to_the_programme() -> None:
    spent = [Occurrence("Points Spent", NOW - timedelta(days=day), {}) for day in (1, 90, 180, 364, 366)]
    assert fitting(Group.TYPE, Subject(traits=FULL_PRICE, events=spent)) == ["programme"]
    assert fitting(Group.TYPE, Subject(traits=FULL_PRICE, events=spent[1:])) != ["programme"]


_share = st.one_of(st.none(), st.sampled_from([0.0, 0.3, 0.5, 0.6, 0.8, 1.0]))


@given(
    habit_orders=st.one_of(st.none(), st.integers(0, 6)),
    habit_deal_share=_share,
    habit_place_share=_share,
    habit_channel_share=_share,
    habit_daypart_share=_share,
    habit_categories=st.one_of(st.none(), st.integers(1, 5)),
    habit_recommendations=st.one_of(st.none(), st.integers(0, 2)),
    habit_rating=st.one_of(st.none(), st.floats(1, 5)),
)
def test_everybody_has_one_type(**known: float | None) -> None:
    assert len(fitting(Group.TYPE, Subject(traits=known))) == 1


def test_thresholds_are_checked() -> None:
    assert rules.checked(Group.STAGE, {}) == {
        "evaluation_pages": 5,
        "evaluation_days": 90,
        "loyalty_orders": 3,
        "loyalty_days": 365,
    }
    assert rules.checked(Group.PHASE, {"win_back_days": 45.0}) == {"win_back_days": 45}
    for group, wrong, message in (
        (Group.RFM, {}, "the rules of rfm cannot be set; those of stage, phase, type can"),
        (Group.PHASE, {"days": 5}, "the rules of phase have win_back_days, not 'days'"),
        (Group.PHASE, {"win_back_days": 6}, "win_back_days must be a whole number from 7 to 1095, not 6"),
        (Group.PHASE, {"win_back_days": 30.5}, "win_back_days must be a whole number from 7 to 1095, not 30.5"),
        (Group.PHASE, {"win_back_days": True}, "win_back_days must be a whole number from 7 to 1095, not True"),
        (Group.TYPE, {"deal_share": 1.2}, "deal_share must be a number from 0.05 to 1, not 1.2"),
        (Group.TYPE, {"deal_share": 0.3}, "full_price_share must be below deal_share, 0.3, not 0.3"),
    ):
        with pytest.raises(Invalid) as refused:
            rules.checked(group, wrong)
        assert str(refused.value) == message


@given(st.floats(0, 10_000, allow_nan=False))
def test_silence_has_bounds(gap: float) -> None:
    assert 30 <= rules.silence_days(median_gap_days=gap) <= 365


def test_the_worked_example_of_the_page() -> None:
    rows = re.findall(r"^\| (\d.*) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    names = ("orders", "deal_share", "place_share", "categories", "recommendations", "rating")
    found = {}
    for row in rows:
        *cells, key = row.split(" | ")
        known = {
            f"habit_{name}": float(cell.removesuffix(" %")) / (100 if cell.endswith("%") else 1)
            for name, cell in zip(names, cells, strict=True)
            if cell != "–"
        }
        found[row] = (fitting(Group.TYPE, Subject(traits=known)), [TYPES[key]])
    assert len(found) == 7
    assert [given for given, (ours, said) in found.items() if ours != said] == []
