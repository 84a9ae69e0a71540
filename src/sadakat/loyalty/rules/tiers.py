"""Tiers: over which time they are earned, how long they hold, and what becomes of a member at a moment.

`docs/algorithms/tiers.md` works it out by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from sadakat.kernel import time
from sadakat.kernel.time import PeriodKind
from sadakat.loyalty.types import Downgrade, Ladder, Tier, TierReason, TierWindow, Validity

_KINDS: Final = {
    TierWindow.CALENDAR_MONTH: PeriodKind.MONTH,
    TierWindow.CALENDAR_QUARTER: PeriodKind.QUARTER,
    TierWindow.CALENDAR_YEAR: PeriodKind.YEAR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The tier that a member has."""

    key: str = ""
    until: datetime | None = None
    """The instant at which it ends, grace included; None: without end."""
    is_pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The tier that a member comes to, or keeps for longer."""

    key: str
    until: datetime | None
    reason: TierReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a member has of the metric."""

    running: Decimal
    """In the window that contains the moment."""
    before: Decimal = Decimal(0)
    """In the whole period before it; 0 where `window_before` says that it does not matter."""


def window(ladder: Ladder, *, day: date) -> date | None:
    """The first day of the window that contains `day`, which is its last one so far; None: everything counts.

    >>> window(Ladder(window=TierWindow.CALENDAR_QUARTER), day=date(2026, 5, 9))
    datetime.date(2026, 4, 1)
    >>> window(Ladder(window=TierWindow.TRAILING_MONTHS, window_months=1), day=date(2026, 3, 31))
    datetime.date(2026, 3, 1)
    """
    if ladder.window is TierWindow.EVER:
        return None
    if ladder.window is TierWindow.TRAILING_MONTHS:
        return time.months_on(day, -ladder.window_months) + timedelta(days=1)
    return time.period_containing(day, kind=_KINDS[ladder.window]).start


def window_before(ladder: Ladder, *, day: date) -> date | None:
    """The first day of the period before that of `day`, where what was earned in it still gives a tier; else None."""
    kind = _KINDS.get(ladder.window)
    if kind is None or ladder.validity is not Validity.END_OF_NEXT_PERIOD:
        return None
    return time.period_before(time.period_containing(day, kind=kind), kind=kind).start


def judged(ladder: Ladder, held: Held, *, values: Values, at: datetime, zone: ZoneInfo) -> Move | None:
    """What becomes at `at` of a member who has `held`; None: nothing.

    Whoever has earned a higher tier comes to it at once; whoever has earned his own anew keeps it for longer; nobody
    loses one before its end.
    """
    if held.is_pinned:
        return None
    rank, until = _earned(ladder, values=values, day=at.astimezone(zone).date(), zone=zone)
    current = rank_of(ladder, held.key)
    if held.key and not current:
        return Move(key=_key(ladder, rank), until=until, reason=TierReason.PROGRAMME)
    if rank > current:
        return Move(key=_key(ladder, rank), until=until, reason=TierReason.REACHED)
    if rank == current:
        is_longer = held.until is not None and (until is None or until > held.until)
        return Move(key=held.key, until=until, reason=TierReason.KEPT) if rank and is_longer else None
    if held.until is None or held.until > at:
        return None
    return _ended(ladder, current=current, rank=rank, until=until, at=at, zone=zone)


def is_told(ladder: Ladder, move: Move) -> bool:
    """Whether a move is told; a tier that is kept for longer only where that happens once a period, not day by day."""
    return move.reason is not TierReason.KEPT or (
        ladder.window in _KINDS and ladder.validity in {Validity.END_OF_PERIOD, Validity.END_OF_NEXT_PERIOD}
    )


def ends_at(ladder: Ladder, *, tier: Tier, day: date, zone: ZoneInfo, is_earned: bool = True) -> datetime | None:
    """When a tier ends that somebody comes to on `day`: 00:00 after its last day and the days of grace.

    One that nobody earned, such as one step down, holds through the running period where an earned one would hold
    through the next. A tier that asks for nothing, and every tier of a ladder that nobody falls on, has no end.
    """
    if tier.threshold <= 0 or ladder.downgrade is Downgrade.NONE:
        return None
    last = _last_day(ladder, day=day, is_next=is_earned and ladder.validity is Validity.END_OF_NEXT_PERIOD)
    if last is None:
        return None
    return time.midnight(last + timedelta(days=1 + ladder.grace_days), time_zone=zone)


def rank_of(ladder: Ladder, key: str) -> int:
    """Which step of the ladder that is, from 1; 0: none."""
    return next((rank for rank, tier in enumerate(ladder.tiers, 1) if tier.key == key), 0)


def next_tier(ladder: Ladder, *, key: str, value: Decimal) -> tuple[Tier | None, Decimal]:
    """The tier above `key` that `value` does not reach yet and what is missing to it; none, and 0, at the top."""
    for tier in ladder.tiers[rank_of(ladder, key) :]:
        if tier.threshold > value:
            return tier, tier.threshold - value
    return None, Decimal(0)


def _earned(ladder: Ladder, *, values: Values, day: date, zone: ZoneInfo) -> tuple[int, datetime | None]:
    """The highest step that the values give, and until when."""
    rank, before = _rank(ladder.tiers, values.running), _rank(ladder.tiers, values.before)
    if max(rank, before) == 0:
        return 0, None
    is_running = rank >= before
    tier = ladder.tiers[max(rank, before) - 1]
    return max(rank, before), ends_at(ladder, tier=tier, day=day, zone=zone, is_earned=is_running)


def _ended(ladder: Ladder, *, current: int, rank: int, until: datetime | None, at: datetime, zone: ZoneInfo) -> Move:
    """Where a member goes whose tier is over and not earned again."""
    if ladder.downgrade is Downgrade.NONE:
        return Move(key=_key(ladder, current), until=None, reason=TierReason.KEPT)
    to = max(rank, current - 1) if ladder.downgrade is Downgrade.ONE_STEP else rank
    if to > rank:
        day = at.astimezone(zone).date()
        until = ends_at(ladder, tier=ladder.tiers[to - 1], day=day, zone=zone, is_earned=False)
    return Move(key=_key(ladder, to), until=until, reason=TierReason.ENDED)


def _last_day(ladder: Ladder, *, day: date, is_next: bool) -> date | None:
    if ladder.validity is Validity.FOR_EVER:
        return None
    if ladder.validity is Validity.MONTHS:
        return time.months_on(day, ladder.validity_months)
    if ladder.window is TierWindow.EVER:
        return None
    kind = _KINDS.get(ladder.window)
    if kind is None:  # a trailing window has no calendar: its period is its length, from the day on
        return time.months_on(day, ladder.window_months * (2 if is_next else 1))
    period = time.period_containing(day, kind=kind)
    if is_next:
        period = time.period_containing(period.end, kind=kind)
    return period.end - timedelta(days=1)


def _rank(tiers: Sequence[Tier], value: Decimal) -> int:
    return sum(tier.threshold <= value for tier in tiers)


def _key(ladder: Ladder, rank: int) -> str:
    return ladder.tiers[rank - 1].key if rank else ""
