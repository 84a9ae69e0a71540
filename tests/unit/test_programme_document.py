"""The programme as a file: read, refused with the path to the fault, and written down again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import ValueType, Vocabulary
from sadakat.loyalty.rules import programme
from sadakat.loyalty.types import (
    ActiveFrom,
    Basis,
    Burning,
    Cap,
    ClawBack,
    Expiry,
    Ladder,
    Per,
    Programme,
    Rounding,
    Span,
)

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/loyalty-programme.md"
NAME = {"en": "N"}
RULE = {"key": "a", "name": NAME, "event": "order", "points": 1}
EVENT = {"key": "a", "name": NAME, "event": "Waved", "points": 1}
TIMES = {"key": "m", "name": NAME, "factor": 2}
TIER = {"key": "t", "name": NAME, "threshold": 1}


def of_page() -> str:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_a_document_that_says_nothing() -> None:
    assert programme.parse({}, time_zone="Europe/Istanbul") == Programme(
        version=0,
        name={"en": "Loyalty programme", "tr": "Sadakat programı"},
        time_zone="Europe/Istanbul",
        is_enrolment_automatic=False,
        award_back_days=0,
        basis=Basis.NET,
        rounding=Rounding.FLOOR,
        active_from=ActiveFrom.AT_ONCE,
        active_after_days=0,
        active_on=None,
        active_on_event="",
        expiry=Expiry(Span.NEVER),
        claw_back=ClawBack.WITHIN_BALANCE,
        rules=(),
        multipliers=(),
        ladder=Ladder(),
        burning=Burning(),
    )


def test_the_file_of_the_page_says_all_that_a_file_can() -> None:
    read = programme.parse(programme.read(of_page()), vocabulary=Vocabulary())
    assert [rule.key for rule in read.rules] == [
        "purchases",
        "shoes-on-sunday",
        "first-orders",
        "izmir",
        "good-reviews",
        "birthday",
    ]
    assert read.rules[1].caps == (Cap(per=Per.ORDER, points=1000), Cap(per=Per.MONTH, points=2000))
    assert read.rules[3].where == {"trait": "city", "is": "İzmir"}
    assert [tier.key for tier in read.ladder.tiers] == ["bronze", "silver", "gold"]
    page = PAGE.read_text(encoding="utf-8")
    fields = {*Programme.__dataclass_fields__, *type(read.rules[0]).__dataclass_fields__}
    assert {name for name in fields - {"version", "applied_at", "applied_by"} if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    "document", [programme.DEFAULT, {}, programme.read(of_page())], ids=["default", "none", "page"]
)
def test_what_is_written_down_reads_the_same(document: dict[str, Any]) -> None:
    read = programme.parse(document, vocabulary=Vocabulary(), time_zone="Asia/Tokyo")
    written = json.loads(json.dumps(programme.as_json(read)))
    assert programme.parse(written) == read
    assert programme.as_json(programme.parse(written)) == written
    assert programme.parse(programme.read(json.dumps(written))) == read


@given(
    st.decimals("0.000001", "100", places=6),
    st.decimals("0.000001", "1", places=6),
    st.decimals("0", "1000000", places=4),
    st.integers(0, 10**15 - 1),
)
def test_decimals_come_back_from_json_as_they_were(factor: Any, share: Any, per_unit: Any, threshold: int) -> None:
    document = {
        "rules": [{**RULE, "points_per_unit": str(per_unit)}],
        "multipliers": [{**TIMES, "factor": str(factor)}],
        "ladder": {"tiers": [{**TIER, "threshold": threshold}]},
        "burning": {"most_share": str(share)},
    }
    read = programme.parse(document)
    assert read.multipliers[0].factor == factor
    assert programme.parse(json.loads(json.dumps(programme.as_json(read)))) == read


def test_the_default_earns_a_point_for_each_unit() -> None:
    read = programme.parse(programme.DEFAULT, vocabulary=Vocabulary())
    assert (read.rules[0].points_per_unit, read.rules[0].unit_minor, read.active_after_days) == (1, 100, 14)
    assert (read.expiry, len(read.ladder.tiers)) == (Expiry(Span.MONTHS, 12), 3)
    assert {"order", "Member Enrolled", "Birthday", "Product Reviewed"} < {rule.event for rule in read.rules}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"rule": []}, "programme.rule: there is no such field; there is name, time_zone,"),
        ({"version": 3}, "programme.version: there is no such field"),
        ({"rules": [RULE, {**RULE, "pionts": 3}]}, "programme.rules[1].pionts: there is no such field; there is key,"),
        ({"rules": [{**RULE, "caps": [{"par": 1}]}]}, "programme.rules[0].caps[0].par: there is no such field; there"),
        ({"ladder": {"tier": []}}, "programme.ladder.tier: there is no such field"),
        ({"basis": "gross"}, "programme.basis: Invalid enum value 'gross'"),
        ({"rules": {}}, "programme.rules: Expected `array`, got `object`"),
        ({"rules": [{"key": "a"}]}, "programme.rules[0]: Object missing required field `name`"),
        ({"rules": [{**RULE, "points": 1.5}]}, "programme.rules[0].points: Expected `int`, got `float`"),
        ({"active_on": "soon"}, "programme.active_on: Invalid RFC3339 encoded date"),
        ({"time_zone": "Mars/Base"}, "expected an IANA time zone"),
        ({"name": {}}, "programme.name: expected a name in one language"),
        ({"name": {"en": " "}}, "programme.name.en: expected 1 to 500 printable characters"),
        ({"award_back_days": -1}, "programme.award_back_days: expected a whole number from 0 to 3660, not -1"),
        ({"active_from": "on_date"}, "programme.active_on: points become active on a date, so expected one"),
        ({"active_from": "on_event"}, "programme.active_on_event: expected 1 to 500"),
        ({"expiry": {"span": "months"}}, "programme.expiry.count: expected a whole number from 1 to 120, not 0"),
        ({"rules": [{**RULE, "key": "Büyük"}]}, "programme.rules and multipliers: a key has 1 to 60 small letters"),
        ({"rules": [RULE, RULE]}, "programme.rules and multipliers: the key 'a' is taken"),
        ({"rules": [RULE], "multipliers": [{**TIMES, "key": "a"}]}, "programme.rules and multipliers: the key 'a'"),
        ({"multipliers": [{**TIMES, "key": "tier"}]}, "programme.rules and multipliers: the key 'tier' is taken"),
        (
            {"rules": [{**RULE, "key": f"k{n}"} for n in range(201)]},
            "programme.rules and multipliers: expected at most 200, not 201",
        ),
        ({"rules": [{**RULE, "points": 0}]}, "programme.rules[0].points: a rule gives points, or points_per_unit"),
        ({"rules": [{**RULE, "points": -1}]}, "programme.rules[0].points: expected a whole number from 0"),
        ({"rules": [{**RULE, "points_per_unit": "NaN"}]}, "programme.rules[0].points_per_unit: expected a number"),
        ({"rules": [{**RULE, "points_per_unit": "0.0000001"}]}, "programme.rules[0].points_per_unit: expected a"),
        ({"rules": [{**RULE, "unit_minor": 0}]}, "programme.rules[0].unit_minor: expected a whole number from 1"),
        ({"rules": [{**RULE, "event": "Order Completed"}]}, "programme.rules[0].event: for purchases expected order"),
        ({"rules": [{**RULE, "event": "Points Earned"}]}, "programme.rules[0].event: Points Earned tells of points"),
        ({"rules": [{**RULE, "event": ""}]}, "programme.rules[0].event: expected 1 to 500 printable"),
        ({"rules": [{**RULE, "having": {"property": "a", "is": 1}}]}, "programme.rules[0].having: cannot stand in"),
        ({"rules": [{**EVENT, "stores": ["a"]}]}, "programme.rules[0].stores: cannot stand in a rule for 'Waved'"),
        ({"rules": [{**EVENT, "nth_orders": [1]}]}, "programme.rules[0].nth_orders: cannot stand in a rule for"),
        ({"rules": [{**EVENT, "having": {"trait": "a"}}]}, "programme.rules[0].having: expected one of all,"),
        ({"rules": [{**RULE, "weekdays": [8]}]}, "programme.rules[0].weekdays: expected a whole number from 1 to 7"),
        ({"rules": [{**RULE, "nth_orders": [0]}]}, "programme.rules[0].nth_orders: expected a whole number from 1"),
        (
            {"rules": [{**RULE, "starts_on": "2026-02-02", "ends_on": "2026-02-01"}]},
            "programme.rules[0].ends_on: 2026-02-01 lies before the first day, 2026-02-02",
        ),
        ({"rules": [{**RULE, "caps": [{"per": "day"}]}]}, "programme.rules[0].caps[0]: a cap says points or times"),
        (
            {"rules": [{**RULE, "caps": [{"per": "order", "times": 1}]}]},
            "programme.rules[0].caps[0]: a cap for an order is of points, in a rule for orders",
        ),
        (
            {"rules": [{**EVENT, "caps": [{"per": "order", "points": 1}]}]},
            "programme.rules[0].caps[0]: a cap for an order is of points, in a rule for orders",
        ),
        ({"rules": [{**RULE, "caps": [{"per": "day", "points": 0}]}]}, "programme.rules[0].caps[0].points: expected"),
        ({"rules": [{**RULE, "where": {"segment": "vip"}}]}, "programme.rules[0].where.segment: there is no segment"),
        ({"rules": [{**RULE, "where": {"trait": "orders", "contains": "x"}}]}, "programme.rules[0].where.contains:"),
        ({"multipliers": [{**TIMES, "factor": 0}]}, "programme.multipliers[0].factor: expected a number above 0"),
        ({"multipliers": [{**TIMES, "factor": 101}]}, "programme.multipliers[0].factor: expected a number from 0 to"),
        ({"multipliers": [{**TIMES, "tiers": ["x"]}]}, "programme.multipliers[0].tiers: there is no tier 'x'"),
        ({"ladder": {"tiers": [TIER, TIER]}}, "programme.ladder.tiers: the key 't' is taken"),
        (
            {"ladder": {"tiers": [TIER, {**TIER, "key": "u"}]}},
            "programme.ladder.tiers[1].threshold: expected more than the 1 of the tier below",
        ),
        ({"ladder": {"grace_days": 400}}, "programme.ladder.grace_days: expected a whole number from 0 to 366"),
        ({"burning": {"most_share": 1.5}}, "programme.burning.most_share: expected a number from 0 to 1"),
        ({"burning": {"points_step": 0}}, "programme.burning.points_step: expected a whole number from 1"),
    ],
)
def test_faults_are_told_with_their_path(document: dict[str, Any], fault: str) -> None:
    vocabulary = Vocabulary(features={"orders": ValueType.NUMBER})
    with pytest.raises(Invalid) as refused:
        programme.parse(document, vocabulary=vocabulary)
    assert str(refused.value).startswith(fault), str(refused.value)


def test_a_kept_programme_is_read_though_what_it_speaks_of_has_gone() -> None:
    assert programme.parse({"rules": [{**RULE, "where": {"segment": "vip"}}]}).rules[0].where == {"segment": "vip"}


def test_what_is_no_file_of_a_programme() -> None:
    for content in ("rules = [", "{", "{]"):
        with pytest.raises(Invalid, match="a programme is a TOML or JSON file: "):
            programme.read(content)
    assert programme.read(" {} ") == programme.read("# nothing") == {}
