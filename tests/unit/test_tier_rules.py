"""Tiers: by the worked page, at the edges of days, and by property."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.kernel import time
from sadakat.loyalty.rules import tiers
from sadakat.loyalty.rules.tiers import Held, Values
from sadakat.loyalty.types import Downgrade, Ladder, Tier, TierReason, TierWindow, Validity

PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/tiers.md"
ZONE = time.zone("Europe/Istanbul")
SILVER, GOLD, PLATINUM = STEPS = tuple(
    Tier(key=key, name={"en": key}, threshold=Decimal(threshold))
    for key, threshold in {"silver": 500, "gold": 1_000, "platinum": 2_000}.items()
)
YEARLY = Ladder(tiers=STEPS)


def rows_of_page(columns: int) -> list[list[str]]:
    """The rows of worked cases with so many columns: those that begin with a day."""
    lines = re.findall(r"^\| \d{4}-.*\|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [row for row in found if len(row) == columns]


def through(text: str) -> datetime | None:
    """The end of a tier that holds through a day."""
    return None if text == "-" else time.midnight(date.fromisoformat(text) + timedelta(days=1), time_zone=ZONE)


def ladder_of(window: str, validity: str, *, grace: int = 0, downgrade: str = "one_step") -> Ladder:
    (kind, *months), (holds, *count) = window.split(), validity.split()
    return Ladder(
        tiers=STEPS,
        window=TierWindow(kind),
        window_months=int(months[0]) if months else 12,
        validity=Validity(holds),
        validity_months=int(count[0]) if count else 12,
        grace_days=grace,
        downgrade=Downgrade(downgrade),
    )


def values(running: int, before: int = 0) -> Values:
    return Values(running=Decimal(running), before=Decimal(before))


def test_the_page_has_its_cases() -> None:
    assert [len(rows_of_page(columns)) for columns in (5, 9)] == [12, 12]


@pytest.mark.parametrize("row", rows_of_page(5))
def test_how_long_a_tier_holds(row: list[str]) -> None:
    reached, window, validity, grace, last = row
    ladder = ladder_of(window, validity, grace=int(grace))
    found = tiers.ends_at(ladder, tier=SILVER, day=date.fromisoformat(reached), zone=ZONE)
    assert found == through(last)


@pytest.mark.parametrize("row", rows_of_page(9))
def test_what_becomes_of_a_member(row: list[str]) -> None:
    day, downgrade, held, until, running, before, key, last, reason = row
    ladder = ladder_of("calendar_year", "end_of_next_period", downgrade=downgrade)
    was = Held(key=held.replace("-", ""), until=through(until))
    at = time.midnight(date.fromisoformat(day), time_zone=ZONE)
    move = tiers.judged(ladder, was, values=values(int(running), int(before)), at=at, zone=ZONE)
    if reason == "-":
        assert move is None
        assert (key.replace("-", ""), through(last)) == (was.key, was.until)
    else:
        assert move == tiers.Move(key=key.replace("-", ""), until=through(last), reason=TierReason(reason))


def test_a_tier_ends_with_the_local_day_to_the_microsecond() -> None:
    until = datetime(2028, 12, 31, 21, 0, tzinfo=UTC)  # midnight in Istanbul
    held = Held(key="gold", until=until)
    eve = until - timedelta(microseconds=1)
    assert tiers.judged(YEARLY, held, values=values(0), at=eve, zone=ZONE) is None
    assert tiers.judged(YEARLY, held, values=values(0), at=until, zone=ZONE) == tiers.Move(
        key="silver", until=through("2029-12-31"), reason=TierReason.ENDED
    )


def test_an_end_is_local_where_clocks_change() -> None:
    berlin = time.zone("Europe/Berlin")
    ladder = ladder_of("calendar_month", "end_of_period")
    ends = [tiers.ends_at(ladder, tier=GOLD, day=date(2026, month, 10), zone=berlin) for month in (3, 10)]
    assert ends == [datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)]


def test_grace_is_time_to_earn_it_again() -> None:
    ladder = ladder_of("calendar_month", "end_of_period", grace=7)
    held = Held(key="gold", until=through("2026-04-07"))
    third, eighth = (time.midnight(date(2026, 4, day), time_zone=ZONE) for day in (3, 8))
    assert tiers.judged(ladder, held, values=values(999), at=third, zone=ZONE) is None
    kept = tiers.judged(ladder, held, values=values(1_000), at=third, zone=ZONE)
    assert kept == tiers.Move(key="gold", until=through("2026-05-07"), reason=TierReason.KEPT)
    lost = tiers.judged(ladder, held, values=values(999), at=eighth, zone=ZONE)
    assert lost == tiers.Move(key="silver", until=through("2026-05-07"), reason=TierReason.ENDED)


def test_the_pinned_never_move() -> None:
    held = Held(key="silver", until=through("2020-01-01"), is_pinned=True)
    for running in (0, 10_000):
        assert tiers.judged(YEARLY, held, values=values(running), at=datetime.now(UTC), zone=ZONE) is None


def test_a_higher_threshold_takes_nothing_and_a_lower_one_gives() -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    held = Held(key="gold", until=through("2027-12-31"))
    harder = Ladder(tiers=(SILVER, Tier(key="gold", name={}, threshold=Decimal(5_000))))
    assert tiers.judged(harder, held, values=values(1_200), at=at, zone=ZONE) is None
    easier = Ladder(tiers=(SILVER, GOLD, Tier(key="platinum", name={}, threshold=Decimal(1_200))))
    move = tiers.judged(easier, held, values=values(1_200), at=at, zone=ZONE)
    assert move == tiers.Move(key="platinum", until=through("2027-12-31"), reason=TierReason.REACHED)


def test_a_tier_that_asks_for_nothing_has_no_end() -> None:
    base = Tier(key="member", name={}, threshold=Decimal(0))
    ladder = Ladder(tiers=(base, *STEPS))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    reached = tiers.judged(ladder, Held(), values=values(0), at=at, zone=ZONE)
    assert reached == tiers.Move(key="member", until=None, reason=TierReason.REACHED)
    assert tiers.judged(ladder, Held(key="member"), values=values(0), at=at, zone=ZONE) is None


def test_to_keep_is_told_once_a_period_and_not_day_by_day() -> None:
    kept = tiers.Move(key="gold", until=None, reason=TierReason.KEPT)
    told = {
        (window, validity): tiers.is_told(ladder_of(window, validity), kept)
        for window in ("calendar_year", "trailing_months")
        for validity in ("end_of_next_period", "months")
    }
    assert [key for key, is_told in told.items() if is_told] == [("calendar_year", "end_of_next_period")]
    assert tiers.is_told(
        ladder_of("trailing_months", "months"), tiers.Move(key="", until=None, reason=TierReason.ENDED)
    )


def test_the_windows() -> None:
    day = date(2026, 5, 9)
    ladders = {
        window: ladder_of(window, "end_of_next_period")
        for window in ("calendar_month", "calendar_quarter", "calendar_year", "trailing_months 12", "ever")
    }
    found = {
        window: (tiers.window(ladder, day=day), tiers.window_before(ladder, day=day))
        for window, ladder in ladders.items()
    }
    assert found == {
        "calendar_month": (date(2026, 5, 1), date(2026, 4, 1)),
        "calendar_quarter": (date(2026, 4, 1), date(2026, 1, 1)),
        "calendar_year": (date(2026, 1, 1), date(2025, 1, 1)),
        "trailing_months 12": (date(2025, 5, 10), None),
        "ever": (None, None),
    }
    assert tiers.window_before(ladder_of("calendar_year", "end_of_period"), day=day) is None


def test_what_is_missing_to_the_next_tier() -> None:
    assert tiers.next_tier(YEARLY, key="", value=Decimal(120)) == (SILVER, Decimal(380))
    assert tiers.next_tier(YEARLY, key="gold", value=Decimal(120)) == (PLATINUM, Decimal(1_880))
    assert tiers.next_tier(YEARLY, key="platinum", value=Decimal(9_000)) == (None, Decimal(0))
    # Pinned below what he has earned: the next one is what he has not earned yet.
    assert tiers.next_tier(YEARLY, key="silver", value=Decimal(1_500)) == (PLATINUM, Decimal(500))


LADDERS = st.builds(
    Ladder,
    tiers=st.just(STEPS),
    window=st.sampled_from(TierWindow),
    window_months=st.integers(1, 24),
    validity=st.sampled_from(Validity),
    validity_months=st.integers(1, 24),
    grace_days=st.integers(0, 40),
    downgrade=st.sampled_from(Downgrade),
)


@given(
    ladder=LADDERS,
    key=st.sampled_from(["", "silver", "gold", "platinum"]),
    running=st.integers(0, 3_000),
    before=st.integers(0, 3_000),
    at=st.integers(0, 6 * 365 * 24).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)),
    days=st.none() | st.integers(-400, 400),
)
def test_nobody_loses_before_the_end_and_a_judged_member_rests(
    ladder: Ladder, key: str, running: int, before: int, at: datetime, days: int | None
) -> None:
    until = at + timedelta(days=days) if days is not None and key else None
    held = Held(key=key, until=until)
    if tiers.window_before(ladder, day=at.date()) is None:
        before = 0
    given_ = values(running, before)
    move = tiers.judged(ladder, held, values=given_, at=at, zone=ZONE)
    if move is None:
        assert until is None or until > at
        return
    was, now = tiers.rank_of(ladder, key), tiers.rank_of(ladder, move.key)
    is_over = until is not None and until <= at
    assert now >= was or (is_over and move.reason is TierReason.ENDED and ladder.downgrade is not Downgrade.NONE)
    assert now >= was - 1 or ladder.downgrade is Downgrade.FULL
    assert move.until is None or move.until > at
    # What was judged is judged the same at once: the step comes to an end.
    assert tiers.judged(ladder, Held(key=move.key, until=move.until), values=given_, at=at, zone=ZONE) is None
