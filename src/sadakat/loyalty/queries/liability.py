"""What the programme owes, as of any day. The algorithm is docs/algorithms/liability.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection

from sadakat.kernel import time
from sadakat.kernel.errors import Invalid
from sadakat.kernel.time import PeriodKind
from sadakat.loyalty.methods import deferral
from sadakat.loyalty.methods.breakage import Floats
from sadakat.loyalty.methods.deferral import Movement, Standing
from sadakat.loyalty.methods.lots import Exit, Exits, History, Integers, Lots
from sadakat.loyalty.queries.programme import versions
from sadakat.loyalty.rules import lives
from sadakat.loyalty.types import Burning, Expiry, Liability, LiabilityPart, Programme, RollForward, Span
from sadakat.platform import brand

MONTHS_TOLD: Final = 13
MAX_VERSIONS: Final = 10_000
"""Of the programme; each is asked what a point was worth."""
FIRST_DATE: Final = date(1970, 1, 2)
LAST_DATE: Final = date(2199, 12, 31)
AGES: Final = {"under_3_months": 90, "3_to_6_months": 180, "6_to_12_months": 365, "over_12_months": np.inf}
"""Ages of points, by the days that they end before."""

# An order that earned more later has several awards, each with its part of what the order earns by the same basis.
# What a transfer, or giving back to somebody who was merged, made of a lot belongs to the lot that was first given.
_WITH: Final = """
    WITH RECURSIVE ancestors AS (
        SELECT id, came_from_id AS root_id FROM loyalty_lot WHERE came_from_id IS NOT NULL
        UNION ALL
        SELECT copy.id, lot.came_from_id FROM ancestors AS copy JOIN loyalty_lot AS lot ON lot.id = copy.root_id
        WHERE lot.came_from_id IS NOT NULL
    ), copies AS (
        SELECT copy.id, copy.root_id FROM ancestors AS copy JOIN loyalty_lot AS lot ON lot.id = copy.root_id
        WHERE lot.came_from_id IS NULL
    ), tiers AS (
        SELECT DISTINCT ON (member_id) member_id, to_key FROM loyalty_tierchange
        WHERE at < %(until)s ORDER BY member_id, at DESC, id DESC
    ), joined AS (
        SELECT id, merged_into_id AS holder_id FROM loyalty_member WHERE merged_into_id IS NOT NULL
        UNION ALL
        SELECT joined.id, above.merged_into_id FROM joined JOIN loyalty_member AS above ON above.id = joined.holder_id
        WHERE above.merged_into_id IS NOT NULL
    ), holders AS (
        SELECT joined.id, joined.holder_id FROM joined JOIN loyalty_member AS top ON top.id = joined.holder_id
        WHERE top.merged_into_id IS NULL
    ), roots AS (
        SELECT lot.id, lot.points,
            (lot.at AT TIME ZONE %(zone)s)::date AS given,
            ((lot.expires_at - interval '1 microsecond') AT TIME ZONE %(zone)s)::date AS last_day,
            CASE WHEN lot.expires_at IS NULL THEN (lot.activates_at AT TIME ZONE %(zone)s)::date END AS activates,
            CASE WHEN lot.expires_at IS NULL THEN lot.span ELSE '' END AS span,
            CASE WHEN lot.expires_at IS NULL THEN lot.count ELSE 0 END AS count,
            coalesce((award.reference->>'basis_minor')::numeric * lot.points
                / greatest((award.reference->'kept'->>'points')::bigint, lot.points), 0) AS revenue,
            coalesce(tiers.to_key, '') AS tier
        FROM loyalty_lot AS lot
        JOIN loyalty_operation AS award ON award.id = lot.operation_id
        LEFT JOIN holders ON holders.id = lot.member_id
        LEFT JOIN tiers ON tiers.member_id = coalesce(holders.holder_id, lot.member_id)
        WHERE lot.came_from_id IS NULL AND lot.at < %(until)s
    )
"""
_GROUP: Final = "given, last_day, activates, span, count, revenue > 0, tier"
_LOTS: Final = f"""
    {_WITH} SELECT {_GROUP}, sum(points)::bigint, sum(revenue)::float8 FROM roots GROUP BY {_GROUP}
"""
# A reservation uses points once it is captured. A draw by which a lot only changes hands is none; one of an operation
# that gives is what expired, or paid a debt for points that had been used, before it could be spent.
_EXITS: Final = f"""
    {_WITH}, taken AS (
        SELECT draw.id, draw.lot_id, draw.points, draw.restored, coalesce(capture.id, operation.id) AS operation_id,
            coalesce(capture.at, operation.at) AS at,
            CASE
                WHEN operation.kind IN ('spend', 'reserve') THEN {Exit.USED}
                WHEN operation.kind = 'reverse' THEN {Exit.REVERSED}
                WHEN operation.kind IN ('expire', 'deduct') OR lot.expires_at <= operation.at THEN {Exit.GONE}
                ELSE {Exit.USED}
            END AS way
        FROM loyalty_draw AS draw
        JOIN loyalty_operation AS operation ON operation.id = draw.operation_id
        JOIN loyalty_lot AS lot ON lot.id = draw.lot_id
        LEFT JOIN loyalty_operation AS capture
            ON operation.kind = 'reserve' AND capture.concerns_id = operation.id AND capture.kind = 'capture'
        WHERE (operation.kind <> 'reserve' OR capture.id IS NOT NULL)
            AND NOT (operation.kind = 'return' AND lot.came_from_id IS NOT NULL)
            AND NOT (
                operation.kind IN ('transfer', 'restore', 'release') AND EXISTS (
                    SELECT FROM loyalty_lot AS copy
                    WHERE copy.operation_id = operation.id AND copy.came_from_id = lot.id
                )
            )
    ), back AS (
        SELECT concerns_id, at, points, sum(points) OVER before - points AS before
        FROM loyalty_operation
        WHERE kind = 'restore' AND points > 0
        WINDOW before AS (PARTITION BY concerns_id ORDER BY id)
    ), places AS (
        SELECT *, sum(points) OVER (PARTITION BY operation_id ORDER BY id DESC) - points AS before
        FROM taken WHERE operation_id IN (SELECT concerns_id FROM back)
    ), moved AS (
        SELECT lot_id, way, at, at AS known, points FROM taken
        UNION ALL
        SELECT place.lot_id, way, place.at, back.at,
            -(least(place.before + place.points, back.before + back.points) - greatest(place.before, back.before))
        FROM places AS place JOIN back ON back.concerns_id = place.operation_id
            AND back.before < place.before + place.points AND place.before < back.before + back.points
    )
    SELECT {_GROUP}, way, (moved.at AT TIME ZONE %(zone)s)::date, (known AT TIME ZONE %(zone)s)::date,
        sum(moved.points)::bigint
    FROM moved LEFT JOIN copies ON copies.id = moved.lot_id
    JOIN roots ON roots.id = coalesce(copies.root_id, moved.lot_id)
    WHERE known < %(until)s
    GROUP BY {_GROUP}, 8, 9, 10
"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Given:
    """All lots that had been given, those alike as one."""

    history: History
    revenue: Floats
    """Of the purchases that gave them, in minor units; 0: no purchase did."""
    days: Sequence[date]
    tiers: Sequence[str]


def liability(*, as_of: date) -> Liability:
    """What is owed as `as_of` begins in the programme's zone, by what had happened until then.

    Raises:
        Invalid: a date before 1970 or after 2199.
    """
    if not FIRST_DATE <= as_of <= LAST_DATE:
        raise Invalid(f"expected a date from {FIRST_DATE} to {LAST_DATE}, not {as_of}")
    known = versions(limit=MAX_VERSIONS)
    zone = time.zone(known[0].time_zone) if known else brand.current().zone
    until = time.midnight(as_of, time_zone=zone)
    given = _read(until=until, zone=zone)
    history, day = given.history, float(as_of.toordinal())
    left = history.left(day=day)
    expected = history.expected(day=day, curve=history.survival(day=day))
    outstanding_points, expected_points = round(left.sum()), round(expected.sum())
    value = _worth(known, at=until)
    prices, months = _by_month(given, as_of=as_of, zone=zone, known=known)
    stood = months[-1][1] if months else []
    return Liability(
        as_of=as_of,
        outstanding_points=outstanding_points,
        expected_points=expected_points,
        breakage_rate=_breakage_rate(history, day=day, left=left, expected=expected),
        outstanding_minor=round(outstanding_points * value),
        expected_minor=round(expected_points * value),
        deferred_minor=sum(round(deferral.deferred(price, one)) for price, one in zip(prices, stood, strict=True)),
        by_tier=_parts(given.tiers, left=left, expected=expected, value=value),
        by_age=_parts(_ages(history, day=day), left=left, expected=expected, value=value, order=list(AGES)),
        roll_forward=tuple(_roll_forward(prices, months)),
    )


def _read(*, until: datetime, zone: ZoneInfo) -> _Given:
    said: dict[str, datetime | str] = {"until": until, "zone": zone.key}
    with connection.cursor() as cursor:
        cursor.execute(_LOTS, said)
        rows = cursor.fetchall()
        cursor.execute(_EXITS, said)
        exits = cursor.fetchall()
    groups = {row[:7]: place for place, row in enumerate(rows)}
    return _Given(
        history=History(
            Lots(
                given=_floats([row[0].toordinal() for row in rows]),
                ends=_floats([_end(row, zone=zone) for row in rows]),
                points=_floats([row[7] for row in rows]),
            ),
            Exits(
                lot=_whole([groups[row[:7]] for row in exits]),
                kind=_whole([row[7] for row in exits]),
                day=_floats([row[8].toordinal() for row in exits]),
                known=_floats([row[9].toordinal() for row in exits]),
                points=_floats([row[10] for row in exits]),
            ),
        ),
        revenue=_floats([row[8] for row in rows]),
        days=[row[0] for row in rows],
        tiers=[row[6] for row in rows],
    )


def _end(row: Sequence[Any], *, zone: ZoneInfo) -> float:
    """The day with whose beginning lots are gone: as they say, or of pending ones, as they will say."""
    last_day, activates, span, count = row[1:5]
    if last_day is not None:
        return float(last_day.toordinal() + 1)
    if activates is None:
        return np.inf
    active_at = time.midnight(activates, time_zone=zone)
    ends_at = lives.expires_at(Expiry(Span(span), count), active_at=active_at, time_zone=zone)
    return np.inf if ends_at is None else float(ends_at.astimezone(zone).date().toordinal())


def _by_month(
    given: _Given, *, as_of: date, zone: ZoneInfo, known: Sequence[Programme]
) -> tuple[list[float], list[tuple[date, list[Standing]]]]:
    """What was deferred for the points of each month since the first, and how all of them stood as each one ended.

    The month of `as_of` ends with it.
    """
    sold = given.revenue > 0
    if not sold.any():
        return [], []
    starts = _months(min(day for day, is_sold in zip(given.days, sold, strict=True) if is_sold), as_of)
    place = {start: number for number, start in enumerate(starts)}
    parts = _whole(
        [place[day.replace(day=1)] if is_sold else -1 for day, is_sold in zip(given.days, sold, strict=True)]
    )
    revenue = np.bincount(parts[sold], given.revenue[sold], minlength=len(starts)).tolist()
    prices, months = [], []
    for number, start in enumerate(starts):
        end = min(time.period_containing(start, kind=PeriodKind.MONTH).end, as_of)
        day = float(end.toordinal())
        stood = given.history.standings(parts, count=len(starts), day=day, curve=given.history.survival(day=day))
        months.append((start, stood))
        own = stood[number]
        kept = own.given - own.reversed
        share = (own.used + own.expected) / kept if kept > 0 else 0.0
        value = _worth(known, at=time.midnight(end, time_zone=zone))
        prices.append(deferral.allocated(revenue=revenue[number], worth=own.given * value * share))
    return prices, months


def _months(first: date, as_of: date) -> list[date]:
    """The first days of the months from that of `first` to that of the day before `as_of`."""
    found = [first.replace(day=1)]
    while (following := time.period_containing(found[-1], kind=PeriodKind.MONTH).end) < as_of:
        found.append(following)
    return found


def _worth(known: Sequence[Programme], *, at: datetime) -> float:
    """Of a point at checkout in minor units, by the programme of the moment; before the first one, as in it.

    `known` has the latest first.
    """
    then = [programme for programme in known if programme.applied_at is None or programme.applied_at <= at]
    burning = (then or known[-1:])[0].burning if known else Burning()
    return burning.step_minor / burning.points_step


def _breakage_rate(history: History, *, day: float, left: Floats, expected: Floats) -> float:
    kept = history.lots.points.sum() - history.gone(Exit.REVERSED, day=day).sum()
    unused = history.gone(Exit.GONE, day=day).sum() + (left - expected).sum()
    return round(float(unused / kept), 6) if kept > 0 else 0.0


def _ages(history: History, *, day: float) -> list[str]:
    """By lot: how old its points are."""
    bounds, names = list(AGES.values()), list(AGES)
    return [names[place] for place in np.searchsorted(bounds, day - history.lots.given, side="right")]


def _parts(
    keys: Sequence[str], *, left: Floats, expected: Floats, value: float, order: Sequence[str] = ()
) -> tuple[LiabilityPart, ...]:
    """The points by key, those without any left out; in the order given, else by key."""
    names = [key for key in order or sorted(set(keys)) if key in set(keys)]
    place = {key: number for number, key in enumerate(names)}
    of = _whole([place[key] for key in keys])
    points = np.bincount(of, left, minlength=len(names))
    parts = dict(zip(names, np.bincount(of, expected, minlength=len(names)).tolist(), strict=True))
    used = deferral.shared(round(expected.sum()), parts)
    return tuple(
        LiabilityPart(
            key=key,
            points=round(points[place[key]]),
            expected_points=used[key],
            value_minor=round(used[key] * value),
        )
        for key in names
        if points[place[key]] > 0
    )


def _roll_forward(prices: Sequence[float], months: Sequence[tuple[date, Sequence[Standing]]]) -> list[RollForward]:
    found = []
    for number in range(max(len(months) - MONTHS_TOLD, 0), len(months)):
        start, stood = months[number]
        moved = [
            deferral.movement(
                prices[one], before=months[number - 1][1][one] if one < number else None, after=stood[one]
            )
            for one in range(number + 1)
        ]
        found.append(RollForward(month=start, **{f"{name}_minor": _sum(moved, name) for name in _COLUMNS}))
    return found


_COLUMNS: Final = tuple(Movement.__dataclass_fields__)


def _sum(moved: Sequence[Movement], name: str) -> int:
    return sum(getattr(one, name) for one in moved)


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _whole(values: Sequence[int]) -> Integers:
    return np.array(values, dtype=np.int64)
