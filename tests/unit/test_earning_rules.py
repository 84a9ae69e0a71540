"""What purchases and events earn: the page's worked cases, and what must hold for every programme."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.loyalty.rules import earning, programme
from sadakat.loyalty.rules.earning import Occasion, Purchase, PurchaseLine, earned
from sadakat.loyalty.types import MAX_POINTS, Per, Programme, Quote, Rounding

PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/earning.md"
ISTANBUL = ZoneInfo("Europe/Istanbul")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)  # a Sunday, 15:00 in Istanbul
SUNDAY = date(2026, 3, 1)


def table(head: str) -> list[list[str]]:
    """The rows below the header that begins with `head`."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head}"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    assert found
    return found


def rules(*said: Mapping[str, Any], **more: Any) -> Programme:
    parts = [
        {"key": f"r{place}", "name": {"en": f"R{place}"}, "event": "order"} | part for place, part in enumerate(said)
    ]
    return programme.parse({"time_zone": "Europe/Istanbul", "rules": parts, **more})


def purchase(basis_minor: int = 10_000, *amounts: int, **more: Any) -> Purchase:
    lines = tuple(PurchaseLine(number=number, amount_minor=amount) for number, amount in enumerate(amounts, 1))
    said = {"order_id": "1", "at": AT, "local_date": SUNDAY, "nth": 1, "basis_minor": basis_minor, "lines": lines}
    return Purchase(**said | more)


def line(number: int, amount_minor: int, **more: Any) -> PurchaseLine:
    return PurchaseLine(number=number, amount_minor=amount_minor, **more)


@pytest.mark.parametrize(("basis", "per_unit", "unit", "points", "_why"), table("basis"))
def test_one_rule_of_the_page(basis: str, per_unit: str, unit: str, points: str, _why: str) -> None:
    club = rules({"points_per_unit": per_unit, "unit_minor": int(unit)})
    assert earned(club, purchase(int(basis))).points == int(points)


@pytest.mark.parametrize(("gives", "factors", "floor", "round_", "ceil"), table("rules"))
def test_the_multiplied_sums_of_the_page(gives: str, factors: str, floor: str, round_: str, ceil: str) -> None:
    multipliers = [
        {"key": f"m{place}", "name": {"en": "M"}, "factor": factor} for place, factor in enumerate(factors.split())
    ]
    for rounding, wanted in (("floor", floor), ("round", round_), ("ceil", ceil)):
        club = rules(*({"points": int(points)} for points in gives.split()), multipliers=multipliers, rounding=rounding)
        quote = earned(club, purchase())
        assert [rule.points for rule in quote.rules] == [int(points) for points in gives.split()]
        assert list(quote.multipliers.values()) == [Decimal(factor) for factor in factors.split()]
        assert quote.points == int(wanted)


@pytest.mark.parametrize(("points", "amounts", "wanted"), table("points"))
def test_the_shares_of_the_page(points: str, amounts: str, wanted: str) -> None:
    parts = [int(part) for part in amounts.split()]
    quote = earned(rules({"points": int(points)}), purchase(sum(parts), *parts))
    assert list(quote.rules[0].by_line.values()) == [int(part) for part in wanted.split()]


@pytest.mark.parametrize(("gives", "cap", "before", "points"), table("rule gives"))
def test_the_caps_of_the_page(gives: str, cap: str, before: str, points: str) -> None:
    number, what, _, per = cap.split()
    had_points, had_times = map(int, before.split())
    club = rules({"points": int(gives), "caps": [{"per": per, what: int(number)}]})
    quote = earned(club, purchase(100, 60, 40), given={("r0", Per(per)): (had_points, had_times)})
    assert quote.points == quote.rules[0].points == sum(quote.rules[0].by_line.values()) == int(points)
    assert quote.rules[0].refusal == ("" if points == gives else f"at most {cap}")


@pytest.mark.parametrize(("active", "start", "gone"), table("active"))
def test_the_days_of_the_page(active: str, start: str, gone: str) -> None:
    how, _, value = active.partition(" ")
    more = {"active_after_days": int(value)} if how == "after_days" else {"active_on": value or None}
    club = rules({"points": 1}, active_from=how, expiry={"span": "months", "count": 12}, **more)
    quote = earned(club, purchase())
    moments = [
        moment and f"{moment.astimezone(ISTANBUL):%Y-%m-%d %H:%M}" for moment in (quote.activates_at, quote.expires_at)
    ]
    assert moments == [start, gone]


def test_points_that_wait_for_an_event_have_no_days_yet_and_events_never_wait() -> None:
    club = rules({"points": 5}, {"event": "Waved", "points": 7}, active_from="on_event", active_on_event="Delivered")
    waits, waved = earned(club, purchase()), earned(club, Occasion(event="Waved", at=AT, local_date=SUNDAY))
    assert (waits.points, waits.activates_at, waits.expires_at) == (5, None, None)
    assert (waved.points, waved.activates_at, waved.basis_minor) == (7, AT, 0)


def test_a_date_that_has_passed_holds_nothing_up() -> None:
    assert earned(rules({"points": 5}, active_from="on_date", active_on="2026-01-01"), purchase()).activates_at == AT


FITS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"weekdays": [7]}, {}, True),
    ({"weekdays": [1, 6]}, {}, False),
    ({"starts_on": "2026-03-01", "ends_on": "2026-03-01"}, {}, True),
    ({"starts_on": "2026-03-02"}, {}, False),
    ({"ends_on": "2026-02-28"}, {}, False),
    ({"channels": ["Store", "online"]}, {"channel": "store"}, True),
    ({"channels": ["online"]}, {"channel": "store"}, False),
    ({"stores": ["moda"]}, {"store_id": "moda"}, True),
    ({"stores": ["moda"]}, {}, False),
    ({"least_minor": 10_000}, {}, True),
    ({"least_minor": 10_001}, {}, False),
    ({"nth_orders": [1, 3]}, {"nth": 3}, True),
    ({"nth_orders": [1, 3]}, {"nth": 2}, False),
    ({"where": {"trait": "city", "is": "İzmir"}}, {}, False),
    ({"event": "Waved"}, {}, False),
]


@pytest.mark.parametrize(("rule", "order", "is_given"), FITS)
def test_every_condition_of_a_rule_must_hold(rule: dict[str, Any], order: dict[str, Any], *, is_given: bool) -> None:
    quote = earned(rules({"points": 9, **rule}), purchase(**order))
    assert (quote.points, len(quote.rules)) == ((9, 1) if is_given else (0, 0))


def test_a_condition_on_the_customer_holds_where_he_fits() -> None:
    where = {"trait": "city", "is": "İzmir"}
    club = rules(
        {"points": 9, "where": where},
        multipliers=[{"key": "izmir", "name": {"en": "M"}, "factor": 2, "where": where}],
    )
    assert [
        earned(club, purchase(), fitting=fitting).points for fitting in (set(), {"r0"}, {"izmir"}, {"r0", "izmir"})
    ] == [
        0,
        9,
        0,
        18,
    ]


def test_only_lines_that_fit_all_that_is_given_earn() -> None:
    lines = (
        line(1, 2_050, product_id="a", categories=("Giyim", "Ayakkabı"), brand="Çağla"),
        line(2, 1_050, product_id="b", categories=("Giyim", "Ayakkabı"), brand="Other"),
        line(3, 7_000, product_id="c", categories=("Ev",), brand="ÇAĞLA"),
    )
    order = purchase(10_100, lines=lines)
    said = [{"categories": ["ayakkabi"]}, {"brands": ["cagla"]}, {"categories": ["Ayakkabı"], "brands": ["Çağla"]}]
    found = [
        earned(rules({"points_per_unit": 1, **each}), order).rules[0] for each in [*said, {"products": ["b", "c"]}]
    ]
    # Whole units of the sum of the lines, not of each: 20.50 and 10.50 are 31.
    assert [(rule.points, dict(rule.by_line)) for rule in found] == [
        (31, {1: 21, 2: 10}),
        (90, {1: 20, 3: 70}),
        (20, {1: 20}),
        (80, {2: 10, 3: 70}),
    ]
    assert earned(rules({"points": 50, "products": ["A"]}), order).rules == ()


def test_the_tier_multiplies_beside_what_holds_for_it() -> None:
    ladder = {
        "tiers": [
            {"key": "silver", "name": {"en": "S"}, "threshold": 0},
            {"key": "gold", "name": {"en": "G"}, "threshold": 9, "multiplier": 1.5},
        ]
    }
    week = {"key": "week", "name": {"en": "W"}, "factor": 2, "tiers": ["gold"], "channels": ["store"]}
    club = rules({"points": 19}, ladder=ladder, multipliers=[week])
    told = [
        (quote.points, quote.multipliers)
        for tier, channel in (("", "store"), ("silver", "store"), ("gold", "online"), ("gold", "store"))
        for quote in [earned(club, purchase(channel=channel), tier_key=tier)]
    ]
    assert told == [
        (19, {}),
        (19, {}),
        (28, {"tier": Decimal("1.5")}),
        (57, {"week": Decimal(2), "tier": Decimal("1.5")}),
    ]


def test_events_earn_by_their_properties_and_nothing_multiplies_them() -> None:
    club = rules(
        {"event": "Product Reviewed", "points": 20, "having": {"property": "rating", "at_least": 4}},
        multipliers=[{"key": "week", "name": {"en": "W"}, "factor": 2}],
    )
    found = [
        earned(club, Occasion(event=event, at=AT, local_date=SUNDAY, properties=properties)).points
        for event, properties in (
            ("Product Reviewed", {"rating": 5}),
            ("Product Reviewed", {"rating": 3}),
            ("Product Reviewed", {}),
            ("Product Shared", {"rating": 5}),
        )
    ]
    assert found == [20, 0, 0, 0]
    assert earned(rules({"points": 9}), Occasion(event="order", at=AT, local_date=SUNDAY)).points == 0


def test_names_are_told_in_the_language_that_is_asked_for() -> None:
    club = programme.parse({"rules": [{"key": "a", "name": {"tr": "Puan"}, "event": "order", "points": 1}]})
    assert [earned(club, purchase(), language=language).rules[0].name for language in ("tr", "en")] == ["Puan", "Puan"]


def test_no_quote_is_larger_than_an_operation_can_be() -> None:
    club = rules({"points_per_unit": 1_000_000, "unit_minor": 1})
    assert earned(club, purchase(10**15)).points == MAX_POINTS


amounts = st.lists(st.integers(0, 10**9), max_size=8)
factors = st.decimals("0.01", "10", places=2)


@given(st.integers(0, 10**12), amounts)
def test_shares_sum_to_the_whole_and_are_off_by_less_than_one(total: int, weights: list[int]) -> None:
    parts = earning.shared(total, weights)
    assert sum(parts) == (total if weights else 0)
    whole = sum(weights)
    if whole:
        assert all(abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True))
    elif weights:
        assert max(parts) - min(parts) <= 1


gives = st.lists(
    st.fixed_dictionaries(
        {"points": st.integers(1, 1_000)},
        optional={
            "points_per_unit": st.decimals("0", "9.99", places=2),
            "unit_minor": st.integers(1, 10_000),
            "least_minor": st.integers(0, 10**6),
            "products": st.just(["p1"]),
            "caps": st.lists(
                st.fixed_dictionaries({"per": st.sampled_from(list(Per)), "points": st.integers(1, 2_000)}), max_size=2
            ),
        },
    ),
    max_size=5,
)


def quoted(said: list[dict[str, Any]], parts: list[int], times: list[Decimal], **more: Any) -> Quote:
    multipliers = [{"key": f"m{place}", "name": {"en": "M"}, "factor": factor} for place, factor in enumerate(times)]
    lines = tuple(line(number, amount, product_id=f"p{number}") for number, amount in enumerate(parts, 1))
    return earned(rules(*said, multipliers=multipliers, **more), purchase(sum(parts), lines=lines))


@given(gives, amounts.filter(bool), st.lists(factors, max_size=3))
def test_lines_have_all_the_points_of_a_rule(
    said: list[dict[str, Any]], parts: list[int], times: list[Decimal]
) -> None:
    quote = quoted(said, parts, times)
    assert all(sum(rule.by_line.values()) == rule.points for rule in quote.rules)
    assert all(points >= 0 for rule in quote.rules for points in rule.by_line.values())


@given(gives, amounts, st.lists(factors, max_size=3))
def test_rounding_happens_once(said: list[dict[str, Any]], parts: list[int], times: list[Decimal]) -> None:
    exact = Decimal(sum(rule.points for rule in quoted(said, parts, []).rules))
    for factor in times:
        exact *= factor
    down, nearest, up = (quoted(said, parts, times, rounding=str(each)).points for each in Rounding)
    assert down <= exact < down + 1
    assert up - 1 < exact <= up
    assert abs(exact - nearest) <= Decimal("0.5")


@given(gives, amounts, st.lists(factors, max_size=3), st.randoms())
def test_the_order_of_rules_and_multipliers_is_all_the_same(
    said: list[dict[str, Any]], parts: list[int], times: list[Decimal], random: Any
) -> None:
    mixed, other = random.sample(said, len(said)), random.sample(times, len(times))
    assert quoted(mixed, parts, other).points == quoted(said, parts, times).points


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**7), st.sampled_from(list(Per)))
def test_caps_only_lower_and_periods_never_pass_them(points: int, most: int, had: int, per: Per) -> None:
    club = rules({"points": points, "caps": [{"per": per, "points": most}]})
    before = {} if per is Per.ORDER else {("r0", per): (had, 1)}
    found = earned(club, purchase(), given=before).points
    assert found in (0, points) if per is Per.ORDER else found == max(0, min(points, most - had))
    assert found <= most
