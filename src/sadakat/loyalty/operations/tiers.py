"""Moving members between tiers: by what they have earned, by time, by a new programme, and by hand."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.kernel import time
from sadakat.kernel.errors import Conflict, NotFound
from sadakat.loyalty import models
from sadakat.loyalty.operations import sweeps
from sadakat.loyalty.queries import tiers as queries
from sadakat.loyalty.queries.programme import programme
from sadakat.loyalty.rules import tiers as rules
from sadakat.loyalty.rules.tiers import Held
from sadakat.loyalty.types import TIER_CHANGED, TierReason
from sadakat.platform import audit

BATCH: Final = 5_000
"""Members of one transaction."""
MAX_ENDS: Final = 100
"""Ends of tiers of one member that one transaction works off."""

_WRITE: Final = """
    UPDATE loyalty_member AS member SET tier_key = new.key, tier_since = new.since, tier_until = new.until
    FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[]) AS new (id, key, since, until)
    WHERE member.id = new.id
"""


def evaluate_tiers(member_ids: Collection[int], *, at: datetime, is_new_programme: bool = False) -> set[int]:
    """Moves those of the members whose tier is another one now, in the caller's transaction, and gives who they are.

    Ends that have passed are worked off one by one, each as of its own moment.
    """
    held = programme()
    ladder, zone = held.ladder, time.zone(held.time_zone)
    open_ = models.Member.objects.filter(merged_into=None, is_pinned=False, id__in=member_ids)
    waiting = list(open_.select_for_update(no_key=True).order_by("id"))
    told: list[models.TierChange] = []
    changed: dict[int, models.Member] = {}
    for _ in range(MAX_ENDS):
        if not waiting:
            break
        moments = [min(row.tier_until or at, at) for row in waiting]
        asked = [
            queries.Asked(member_id=row.pk, customer_id=row.customer_id, at=moment)
            for row, moment in zip(waiting, moments, strict=True)
        ]
        values = queries.values_of(asked, ladder=ladder, zone=zone)
        for row, moment, value in zip(waiting, moments, values, strict=True):
            was = Held(key=row.tier_key, until=row.tier_until)
            move = rules.judged(ladder, was, values=value, at=moment, zone=zone)
            if move is None:
                continue
            if rules.is_told(ladder, move):
                is_by_it = is_new_programme and move.reason is TierReason.REACHED
                reason = TierReason.PROGRAMME if is_by_it else move.reason
                told.append(_change(row, to=move.key, until=move.until, reason=reason, at=moment))
            if move.key != was.key:
                row.tier_since = moment
            row.tier_key, row.tier_until = move.key, move.until
            changed[row.pk] = row
        waiting = [row for row, moment in zip(waiting, moments, strict=True) if moment < at]
    _write(changed.values())
    _tell(told)
    return {change.member_id for change in told if change.from_key != change.to_key}


def tiers_due(*, at: datetime) -> bool:
    """Ends the tiers whose time is over, then judges everybody by a new programme; says whether there was anything.

    Bounded, so that there may be more. Whose points have moved is judged by `features.features_due`.
    """
    over = models.Member.objects.filter(tier_until__lte=at, is_pinned=False, merged_into=None)
    ids = list(over.order_by("tier_until", "id").values_list("id", flat=True)[:BATCH])
    if ids:
        # What has become active by then counts, whichever step of the worker comes first.
        if not sweeps.activate_due(at):
            with transaction.atomic(durable=True):
                touch(evaluate_tiers(ids, at=at))
        return True
    if not models.Programme.objects.filter(tiers_upto__isnull=False).exists():
        return False
    with transaction.atomic(durable=True):
        latest = models.Programme.objects.select_for_update().order_by("-version")[0]
        models.Programme.objects.exclude(pk=latest.pk).filter(tiers_upto__isnull=False).update(tiers_upto=None)
        if latest.tiers_upto is None:
            return True
        members = models.Member.objects.filter(id__gt=latest.tiers_upto, merged_into=None)
        ids = list(members.order_by("id").values_list("id", flat=True)[:BATCH])
        # By the first programme members reach their tiers; nothing has changed for them.
        evaluate_tiers(ids, at=at, is_new_programme=latest.version > 1)
        # What a point is worth may have changed too, which is a feature of everybody.
        touch(ids)
        latest.tiers_upto = ids[-1] if len(ids) == BATCH else None
        latest.save(update_fields=["tiers_upto"])
    return True


def pin_tier(member_id: int, tier_key: str, *, actor: audit.Actor, at: datetime) -> bool:
    """Pins a member to a tier, which he then keeps whatever he earns; an empty key takes the pin off.

    From then on the tier holds as if he had reached it at that moment. Says whether anything changed.

    Raises:
        NotFound: there is no such member or tier.
        Conflict: the member has become one with another.
    """
    held = programme()
    tier = next((tier for tier in held.ladder.tiers if tier.key == tier_key), None)
    if tier_key and tier is None:
        raise NotFound(f"there is no tier {tier_key!r:.80}")
    with transaction.atomic(durable=True):
        row = models.Member.objects.select_for_update(no_key=True).filter(pk=member_id).first()
        if row is None:
            raise NotFound(f"there is no member {member_id}")
        if row.merged_into_id:
            raise Conflict(f"member {member_id} has become one with member {row.merged_into_id}")
        old = {"tier": row.tier_key, "is_pinned": row.is_pinned}
        if row.is_pinned == bool(tier_key) and (not tier_key or row.tier_key == tier_key):
            return False
        row.is_pinned = bool(tier_key)
        row.tier_until = None
        if tier and tier_key != row.tier_key:
            _tell([_change(row, to=tier_key, until=None, reason=TierReason.BY_HAND, at=at)])
            row.tier_key, row.tier_since = tier_key, at
        if tier is None:
            has = next((tier for tier in held.ladder.tiers if tier.key == row.tier_key), None)
            zone = time.zone(held.time_zone)
            day = at.astimezone(zone).date()
            row.tier_until = rules.ends_at(held.ladder, tier=has, day=day, zone=zone) if has else None
        row.save(update_fields=["tier_key", "tier_since", "tier_until", "is_pinned"])
        evaluate_tiers([member_id], at=at)
        touch([member_id])
        row.refresh_from_db()
        new = {"tier": row.tier_key, "is_pinned": row.is_pinned}
        audit.record(actor=actor, at=at, action="loyalty.tier_pinned", subject=f"member:{member_id}", old=old, new=new)
    return True


def touch(member_ids: Iterable[int]) -> None:
    """Has features of members written anew soon, and their tiers judged."""
    models.Touched.objects.bulk_create([models.Touched(member_id=member_id) for member_id in sorted(member_ids)])


def _write(rows: Collection[models.Member]) -> None:
    if rows:
        columns = zip(*((row.pk, row.tier_key, row.tier_since, row.tier_until) for row in rows), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [list(column) for column in columns])


def _change(
    row: models.Member, *, to: str, until: datetime | None, reason: TierReason, at: datetime
) -> models.TierChange:
    """A move of a member from the tier that he has, not kept yet."""
    return models.TierChange(member=row, from_key=row.tier_key, to_key=to, until=until, reason=reason, at=at)


def _tell(changes: Iterable[models.TierChange]) -> None:
    """Keeps the moves and tells the log of them."""
    kept = models.TierChange.objects.bulk_create(changes)
    events.append_facts(
        [
            Fact(
                event=TIER_CHANGED,
                profile_id=change.member.customer_id,
                properties={
                    "from": change.from_key,
                    "to": change.to_key,
                    "reason": change.reason,
                    "until": change.until and change.until.isoformat(),
                },
                at=change.at,
                message_id=f"loyalty:tier:{change.pk}",
            )
            for change in kept
        ]
    )
