"""Reads of tiers: what members have of the metric, where they stand, and how they came there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count
from django.utils.translation import get_language

from sadakat.commerce import api as commerce
from sadakat.kernel import time
from sadakat.loyalty import models
from sadakat.loyalty.queries.programme import programme
from sadakat.loyalty.rules import tiers as rules
from sadakat.loyalty.rules.tiers import Values
from sadakat.loyalty.types import Ladder, TierChange, TierMetric, TierReason, TierStanding

_EVER: Final = datetime.min.replace(tzinfo=UTC)
_INSTANT: Final = timedelta(microseconds=1)
# Members who became one with the one asked for count with him. What is left of an award counts when it became active,
# whether or not what is gone could be taken back from the balance.
_EARNED: Final = """
    WITH RECURSIVE asked AS (
        SELECT number, member_id, since, until
        FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[])
            WITH ORDINALITY AS asked (member_id, since, until, number)
    ), parts AS (
        SELECT DISTINCT member_id, member_id AS part_id FROM asked
        UNION
        SELECT parts.member_id, member.id
        FROM parts JOIN loyalty_member AS member ON member.merged_into_id = parts.part_id
    )
    SELECT greatest(coalesce(sum(counted.points), 0), 0)::bigint
    FROM asked
    JOIN parts USING (member_id)
    LEFT JOIN LATERAL (
        SELECT least(sum(entry.points), min(award.points - award.undone)) AS points
        FROM loyalty_entry AS entry
        JOIN loyalty_operation AS operation ON operation.id = entry.operation_id
        JOIN loyalty_operation AS award
            ON award.id = CASE operation.kind WHEN 'activate' THEN operation.concerns_id ELSE operation.id END
        WHERE entry.member_id = part_id AND entry.at >= since AND entry.at < until
            AND entry.source IN ('issued', 'pending') AND entry.target IN ('active', 'deficit')
        GROUP BY operation.id
        UNION ALL
        SELECT -entry.points
        FROM loyalty_entry AS entry JOIN loyalty_operation AS operation ON operation.id = entry.operation_id
        WHERE entry.member_id = part_id AND entry.at >= since AND entry.at < until
            AND entry.source IN ('active', 'deficit') AND entry.target = 'reversed' AND operation.kind = 'deduct'
    ) AS counted ON true
    GROUP BY number ORDER BY number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A member whose metric is asked for, as of a moment."""

    member_id: int
    customer_id: int
    at: datetime


def values_of(asked: Sequence[Asked], *, ladder: Ladder, zone: ZoneInfo) -> list[Values]:
    """What each has of the ladder's metric, in the order asked."""

    @cache
    def first_days(day: date) -> tuple[datetime, datetime | None]:
        since, before = rules.window(ladder, day=day), rules.window_before(ladder, day=day)
        return (
            time.midnight(since, time_zone=zone) if since else _EVER,
            time.midnight(before, time_zone=zone) if before else None,
        )

    # The running window of each, then the one before of those for whom it matters.
    spans = [first_days(one.at.astimezone(zone).date()) for one in asked]
    earlier = [number for number, (_, before) in enumerate(spans) if before is not None]
    found = _metric(
        [(one, since, one.at + _INSTANT) for one, (since, _) in zip(asked, spans, strict=True)]
        + [(asked[number], before, spans[number][0]) for number in earlier if (before := spans[number][1])],
        metric=ladder.metric,
    )
    befores = dict(zip(earlier, found[len(asked) :], strict=True))
    return [
        Values(running=running, before=befores.get(number, Decimal(0)))
        for number, running in enumerate(found[: len(asked)])
    ]


def standings(member_ids: Collection[int], *, at: datetime) -> dict[int, TierStanding]:
    """Where members stand, by id."""
    held = programme()
    ladder, zone = held.ladder, time.zone(held.time_zone)
    rows = list(models.Member.objects.filter(id__in=member_ids).order_by("id"))
    values = values_of(
        [Asked(member_id=row.pk, customer_id=row.customer_id, at=at) for row in rows], ladder=ladder, zone=zone
    )
    return {row.pk: _standing(row, ladder, value=each.running) for row, each in zip(rows, values, strict=True)}


def tier_sizes() -> dict[str, int]:
    """Members by key of their tier; those of none under the empty one."""
    rows = models.Member.objects.filter(merged_into=None).values_list("tier_key").annotate(Count("id"))
    return dict(rows.order_by("tier_key"))


def tier_changes(member_id: int) -> list[TierChange]:
    """How a member came to where he stands, latest first."""
    rows = models.TierChange.objects.filter(member_id=member_id).order_by("-at", "-id")
    return [
        TierChange(
            from_key=row.from_key, to_key=row.to_key, at=row.at, until_at=row.until, reason=TierReason(row.reason)
        )
        for row in rows
    ]


def _metric(spans: Sequence[tuple[Asked, datetime, datetime]], *, metric: TierMetric) -> list[Decimal]:
    """The metric of each within its half-open span."""
    if not spans:
        return []
    if metric is TierMetric.EARNED:
        with connection.cursor() as cursor:
            cursor.execute(
                _EARNED, [list(part) for part in zip(*((a.member_id, s, u) for a, s, u in spans), strict=True)]
            )
            return [Decimal(row[0]) for row in cursor.fetchall()]
    bought = commerce.bought([(one.customer_id, since, until) for one, since, until in spans])
    return [Decimal(revenue if metric is TierMetric.SPEND else orders) for revenue, orders in bought]


def _standing(row: models.Member, ladder: Ladder, *, value: Decimal) -> TierStanding:
    tier = next((tier for tier in ladder.tiers if tier.key == row.tier_key), None)
    above, missing = rules.next_tier(ladder, key=row.tier_key, value=value)
    return TierStanding(
        key=row.tier_key,
        name=_name(tier.name, row.tier_key) if tier else row.tier_key,
        since_at=row.tier_since,
        until_at=row.tier_until,
        is_pinned=row.is_pinned,
        value=value,
        next_key=above.key if above else "",
        next_name=_name(above.name, above.key) if above else "",
        missing=missing,
    )


def _name(names: Mapping[str, str], key: str) -> str:
    """The tier's name in the reader's language, else in English, else its key."""
    return names.get((get_language() or "en")[:2]) or names.get("en") or key
