"""How long points live, how many will be used, and what of the revenue waits: by hand, by published example, by property."""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sadakat.loyalty.methods import deferral
from sadakat.loyalty.methods.breakage import BEYOND, Survival, survival
from sadakat.loyalty.methods.deferral import Standing
from sadakat.loyalty.methods.lots import Exit, Exits, History, Lots

PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/liability.md"


def rows_of_page(head: str) -> Iterator[list[str]]:
    """The rows of the table of the page whose head begins so."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith(head))
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def one_by_one(deaths: list[tuple[int, bool]]) -> dict[int, float]:
    """The estimate as its authors write it, over single points: age, and whether it was used."""
    alive, shares = 1.0, {}
    for age in sorted({age for age, is_used in deaths if is_used}):
        in_sight = sum(other > age or (other == age and is_used) for other, is_used in deaths)
        dying = sum(other == age and is_used for other, is_used in deaths)
        alive *= 1 - dying / in_sight
        shares[age] = alive
    return shares


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60))
def test_points_in_heaps_are_as_points_one_by_one(deaths: list[tuple[int, bool]]) -> None:
    counted = [np.bincount([age for age, used in deaths if used is kind], minlength=13) for kind in (True, False)]
    shares = survival(used=counted[0].astype(float), left=counted[1].astype(float)).shares
    assert shares[0] == 1
    for age, share in one_by_one(deaths).items():
        if age + 1 < len(shares):
            assert shares[age + 1] == pytest.approx(share, abs=1e-12)
    assert (np.diff(shares) <= 0).all()


def test_a_classic() -> None:
    """Remission of leukaemia under 6-MP in weeks (Freireich et al. 1963), as every book on survival has it."""
    relapses = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
    # Somebody who is lost in a week has been in sight in it: out of sight from the next one on.
    lost = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    used, left = np.zeros(40), np.zeros(40)
    for week, count in relapses.items():
        used[week] += count
    for week in lost:
        left[week + 1] += 1
    shares = survival(used=used, left=left).shares
    told = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {week: round(float(shares[week + 1]), 3) for week in told} == told


def test_beyond_what_was_seen_use_goes_on_for_a_while_and_then_nothing_is_hoped_for() -> None:
    curve = Survival(np.array([1.0, 0.9, 0.8, 0.5, 0.25]))
    assert curve.at(np.array([4.0, 5.0, 5.01, np.inf])).tolist() == [0.25, 0.25 ** (BEYOND), 0.0, 0.0]
    unused = Survival(np.array([1.0, 1.0, 1.0, 1.0, 1.0]))
    assert unused.at(np.array([4.0, 4.5, np.inf])).tolist() == [1.0, 0.0, 0.0]
    nothing = survival(used=np.zeros(1), left=np.zeros(1))
    assert nothing.at(np.array([0.0, 1.0])).tolist() == [1.0, 0.0]
    assert nothing.unused(ages=np.array([0.0]), lives=np.array([365.0])).tolist() == [0.0]
    all_used = Survival(np.array([1.0, 0.0]))
    assert all_used.unused(ages=np.array([1.0]), lives=np.array([9.0])).tolist() == [0.0]


def test_a_few_old_points_say_nothing_of_all() -> None:
    used, left = np.zeros(100), np.zeros(100)
    used[10], left[50], used[90] = 500, 495, 5
    shares = survival(used=used, left=left).shares
    assert len(shares) == 51  # of the 5 that were watched longer, the curve says nothing
    assert shares[-1] == 0.5


def history(*, lots: list[tuple[int, float, int]], exits: list[tuple[int, Exit, int, int, int]]) -> History:
    given_, ends, points = (np.array(column, dtype=float) for column in zip(*lots, strict=True))
    columns = list(zip(*exits, strict=True)) or [()] * 5
    lot, kind = (np.array(column, dtype=np.int64) for column in columns[:2])
    day, known, moved = (np.array(column, dtype=float) for column in columns[2:])
    return History(
        Lots(given=given_, ends=ends, points=points), Exits(lot=lot, kind=kind, day=day, known=known, points=moved)
    )


def test_lots_as_of_any_day() -> None:
    one = history(
        lots=[(0, 59, 100), (40, 99, 100)],
        exits=[
            (0, Exit.USED, 10, 10, 20),
            (0, Exit.USED, 30, 30, 30),
            (0, Exit.USED, 30, 35, -10),  # given back five days later
            (1, Exit.REVERSED, 44, 44, 5),
        ],
    )
    assert [one.left(day=day).tolist() for day in (0, 1, 31, 36, 59, 60)] == [
        [0, 0],
        [100, 0],
        [50, 0],
        [60, 0],
        [0, 95],
        [0, 95],
    ]
    # Nobody has booked yet that 60 points have expired: they are gone all the same.
    assert one.gone(Exit.GONE, day=59).tolist() == [60, 0]
    assert one.gone(Exit.USED, day=36).tolist() == [40, 0]
    assert one.survival(day=31).shares[-1] == 0.5
    assert one.survival(day=36).shares[31:] == pytest.approx([0.6] * 6)


def test_lots_that_were_booked_as_expired_are_as_those_that_were_not() -> None:
    lots = [(0, 59.0, 100), (40, 99.0, 100)]
    used = [(0, Exit.USED, 10, 10, 20), (1, Exit.USED, 50, 50, 40)]
    swept = history(lots=lots, exits=[*used, (0, Exit.GONE, 59, 59, 80)])
    unswept = history(lots=lots, exits=used)
    for day in (58, 59, 60, 75, 99):
        curve = unswept.survival(day=day)
        assert swept.survival(day=day).shares.tolist() == curve.shares.tolist()
        parts = np.array([0, 1])
        assert swept.standings(parts, count=2, day=day, curve=curve) == unswept.standings(
            parts, count=2, day=day, curve=curve
        )


# Deferred revenue


def test_the_example_of_the_standard() -> None:
    price = deferral.allocated(revenue=100_000, worth=9_500)
    rows = [[int(cell) for cell in row[1:] if cell] for row in rows_of_page("| | used so far")]
    assert round(price) == rows[0][2]
    waits = price
    for used, expected, told, revenue in rows[1:]:
        standing = Standing(given=10_000, used=used, reversed=0, gone=0, expected=expected)
        now = deferral.deferred(price, standing)
        assert (round(now), round(waits - now)) == (told, revenue)
        waits = now
    assert waits < price / 8


shares = st.floats(0, 1)


@st.composite
def standings(draw: st.DrawFn) -> list[Standing]:
    """How one month's points stand after each of a few months: nothing comes back, and the estimate is any."""
    given_ = draw(st.integers(1, 10**6))
    left, told = float(given_), []
    used = reversed_ = gone = 0.0
    for _ in range(draw(st.integers(1, 5))):
        parts = [left * draw(shares) / 3 for _ in range(3)]
        used, reversed_, gone = used + parts[0], reversed_ + parts[1], gone + parts[2]
        left -= sum(parts)
        told.append(Standing(given=given_, used=used, reversed=reversed_, gone=gone, expected=left * draw(shares)))
    return told


@settings(max_examples=300)
@given(st.floats(0, 10**9), standings())
def test_the_movements_of_a_month_lead_from_opening_to_what_is_computed_afresh(
    price: float, stood: list[Standing]
) -> None:
    closing = 0
    for before, after in zip([None, *stood], stood, strict=False):
        moved = deferral.movement(price, before=before, after=after)
        assert moved.opening == closing
        assert moved.closing == round(deferral.deferred(price, after)) <= price + 1
        went = moved.recognised + moved.reversed + moved.expired
        assert moved.closing == moved.opening + moved.deferred - went + moved.reestimated
        assert min(moved.recognised, moved.reversed, moved.expired) >= -1
        closing = moved.closing


@pytest.mark.parametrize("kind", ["used", "reversed", "gone"])
def test_what_is_used_up_no_longer_waits_and_the_cause_is_named(kind: str) -> None:
    start = Standing(given=100, used=0, reversed=0, gone=0, expected=80)
    end = Standing(**{"given": 100, "used": 0, "reversed": 0, "gone": 0, "expected": 0} | {kind: 100})
    moved = deferral.movement(1_000, before=start, after=end)
    told = {"used": moved.recognised, "reversed": moved.reversed, "gone": moved.expired}
    assert told == {"used": 0, "reversed": 0, "gone": 0} | {kind: 1_000}
    assert (moved.reestimated, moved.closing) == (0, 0)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1e6), min_size=1, max_size=8))
def test_parts_sum_to_the_whole(parts: dict[str, float]) -> None:
    whole = round(sum(parts.values()))
    found = deferral.shared(whole, parts)
    assert sum(found.values()) == (whole if sum(parts.values()) else 0)
    assert all(abs(found[key] - part) < 2 for key, part in parts.items())


def test_the_curve_of_the_page() -> None:
    lots = [(0, 59.0, 100), (40, 99.0, 100), (60, 119.0, 100)]
    exits = [
        (0, Exit.USED, 10, 10, 20),
        (0, Exit.USED, 30, 30, 30),
        (1, Exit.USED, 50, 50, 20),
        (1, Exit.USED, 65, 65, 40),
        (2, Exit.REVERSED, 64, 64, 20),
    ]
    curve = history(lots=lots, exits=exits).survival(day=70)
    rows = [[float(cell) for cell in row] for row in rows_of_page("| age |")]
    for age, *_, alive in rows[:-1]:
        assert curve.shares[int(age) + 1] == pytest.approx(alive)
    assert len(curve.shares) == rows[-1][0] + 1
    seen = list(
        accumulate(
            rows, lambda last, row: [row[0], 0, last[2] - row[1] - last[3], row[3], 0], initial=[0, 0, 300, 0, 0]
        )
    )
    assert [row[2] for row in seen[1:]] == [row[2] for row in rows]
