"""Giving points for a reward or at checkout, and giving them back.

Whoever redeems locks the balances of the member and his household first, then the reward. What he lacks they bring, and
it goes back to them (`households`). Every later step goes through the ledger before it touches a redemption: the ledger
locks the member, so what is read after it holds, and of two who do the same at once it refuses the second. See
docs/algorithms/spending-points.md.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.loyalty import models
from sadakat.loyalty.operations import households, ledger
from sadakat.loyalty.queries.households import spendable
from sadakat.loyalty.queries.members import holders, parts_of
from sadakat.loyalty.queries.programme import programme
from sadakat.loyalty.queries.rewards import redemption, redemption_of, reward_of, taken_by
from sadakat.loyalty.rules import burning, rewards
from sadakat.loyalty.rules.rewards import Hindrance
from sadakat.loyalty.types import (
    REWARD_REDEEMED,
    Capture,
    Command,
    Outcome,
    Redemption,
    RedemptionStatus,
    Release,
    Reserve,
    Restore,
    Reward,
    Spend,
)
from sadakat.platform import audit

CODE_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 signs without those that look like others: 5 bits each."""
CODE_LENGTH: Final = 15


def redeem_points(
    member_id: int,
    *,
    points: int,
    key: str,
    actor: audit.Actor,
    at: datetime,
    order_id: str = "",
    namespace: str = "",
    order_minor: int | None = None,
    is_held: bool = False,
) -> Redemption:
    """Pays with points at checkout, once for each `key`: as many of `points` as the balance and the order take.

    `order_minor` is what of the order may be paid; without it no share of an order bounds the points. Held points are
    set aside until they are captured, released, or the time of the programme is over.

    Raises:
        Invalid: less than one point.
        NotFound: there is no such member.
        Conflict: no points can pay; the key stands for something else; the member has become one with another.
    """
    if points < 1:
        raise Invalid(f"expected at least one point, not {points}")
    asked = {
        "asked": points,
        "order_id": order_id,
        "namespace": namespace,
        "order_minor": order_minor,
        "is_held": is_held,
    }
    with transaction.atomic(durable=True):
        member = households.locked(member_id)
        known = _known(key, member, asked)
        if known is not None:
            return known
        rules = programme().burning
        active = spendable(member_id, at=at)
        paying = burning.burnable(rules, asked=points, active=active, order_minor=order_minor)
        if not paying:
            raise Conflict(
                f"none of {active} active points can pay {points} points here; they pay in steps of"
                f" {rules.points_step}, at least {rules.least_points}, and at most {rules.most_share} of an order"
            )
        until = at + timedelta(minutes=rules.hold_minutes)
        common = _common(key, member, asked, actor=actor, at=at)
        taking = Reserve(points=paying, until=until, **common) if is_held else Spend(points=paying, **common)
        outcome = _done([*households.brought(taking), taking], at)[-1]
        row = models.Redemption.objects.create(
            member=member,
            operation_id=_operation_id(outcome),
            status=RedemptionStatus.HELD if is_held else RedemptionStatus.DONE,
            points=paying,
            value_minor=burning.worth_minor(rules, points=paying),
            namespace=namespace,
            order_id=order_id,
            holds_until=until if is_held else None,
            created_at=at,
        )
        new = {"points": paying, "redemption": row.pk, "order_id": order_id, "is_held": is_held}
        _record("points_redeemed", row, actor=actor, at=at, new=new)
    return redemption_of(row)


def redeem_reward(member_id: int, *, reward_key: str, key: str, actor: audit.Actor, at: datetime) -> Redemption:
    """Gives the points of a reward for a code of it, once for each `key`.

    Raises:
        NotFound: there is no such member or reward.
        Refused: the reward is not for him, or not to be had now.
        Conflict: too few points; the key stands for something else; the member has become one with another.
    """
    asked = {"reward": reward_key}
    with transaction.atomic(durable=True):
        member = households.locked(member_id)
        known = _known(key, member, asked)
        if known is not None:
            return known
        reward = models.Reward.objects.select_for_update(no_key=True).filter(key=reward_key).first()
        if reward is None:
            raise NotFound(f"there is no reward {reward_key!r:.80}")
        _check_to_be_had(reward_of(reward), member, at=at)
        spend = Spend(points=reward.points, **_common(key, member, asked, actor=actor, at=at))
        outcome = _done([*households.brought(spend), spend], at)[-1]
        models.Reward.objects.filter(pk=reward.pk).update(taken=F("taken") + 1, stock=F("stock") - 1)
        row = models.Redemption.objects.create(
            member=member,
            operation_id=_operation_id(outcome),
            reward=reward,
            status=RedemptionStatus.DONE,
            points=reward.points,
            value_minor=reward.value_minor,
            code=new_code(),
            created_at=at,
        )
        new = {"points": reward.points, "redemption": row.pk, "reward": reward_key}
        # The code is no part of it: whoever may read the log could use it.
        fact = Fact(
            event=REWARD_REDEEMED,
            profile_id=member.customer_id,
            properties={**new, "value_minor": reward.value_minor, "kind": reward.kind},
            at=at,
            message_id=f"loyalty:redemption:{row.pk}",
        )
        events.append_facts([fact])
        _record("reward_redeemed", row, actor=actor, at=at, new=new)
    return redemption_of(row)


def capture(
    redemption_id: int,
    *,
    actor: audit.Actor,
    at: datetime,
    order_minor: int | None = None,
    order_id: str = "",
    namespace: str = "",
) -> Redemption:
    """Takes the points that a redemption holds, bounded anew by what the order has become; the rest goes back.

    When the order takes none any more, all of them are released. Doing it again changes nothing.

    Raises:
        NotFound: there is no such redemption.
        Conflict: it is not held any more.
    """
    with transaction.atomic(durable=True):
        row = _row(redemption_id)
        if row.status != RedemptionStatus.HELD:
            return _as_it_is(row, wanted=RedemptionStatus.DONE)
        rules = programme().burning
        held = row.operation.points
        paying = (
            held if order_minor is None else burning.burnable(rules, asked=held, active=held, order_minor=order_minor)
        )
        if not paying:
            return _release(row, actor=actor, at=at)
        capture_key, back = f"capture:{row.operation.key}", held - paying
        common = _about(row, actor=actor, at=at)
        restore = Restore(key=f"restore:{capture_key}:{back}", spend_key=capture_key, upto=back, **common)
        giving_back = [restore, *households.given_back({row.operation_id: restore})] if back else []
        # In one order, although the ledger is asked twice.
        ledger.lock({common["member_id"], *(command.member_id for command in giving_back)})
        (outcome,) = _done([Capture(key=capture_key, reserve_key=row.operation.key, **common)], at)
        if outcome.is_replay:
            return redemption(redemption_id)
        if back:
            _done(giving_back, at)
            row.points, row.value_minor = paying, burning.worth_minor(rules, points=paying)
        row.status, row.holds_until, row.capture_id = RedemptionStatus.DONE, None, outcome.operation_id
        row.order_id, row.namespace = order_id or row.order_id, namespace or row.namespace
        row.save(update_fields=["status", "capture", "points", "value_minor", "holds_until", "order_id", "namespace"])
        _record("redemption_captured", row, actor=actor, at=at, new={"points": paying, "redemption": row.pk})
    return redemption_of(row)


def release(redemption_id: int, *, actor: audit.Actor, at: datetime) -> Redemption:
    """Gives back what a redemption holds, to its lots. Doing it again changes nothing.

    Raises:
        NotFound: there is no such redemption.
        Conflict: it is not held any more.
    """
    with transaction.atomic(durable=True):
        row = _row(redemption_id)
        if row.status != RedemptionStatus.HELD:
            return _as_it_is(row, wanted=RedemptionStatus.RELEASED)
        return _release(row, actor=actor, at=at)


def reverse_redemption(redemption_id: int, *, actor: audit.Actor, at: datetime, upto: int | None = None) -> Redemption:
    """Gives points of a redemption back to their lots, `upto` of them in all; all of them where it is not said.

    Saying it twice changes nothing. A reward that is given back whole is in stock again.

    Raises:
        NotFound: there is no such redemption.
        Invalid: more points than the redemption has, or none.
        Conflict: it is held, or was released.
    """
    with transaction.atomic(durable=True):
        row = _row(redemption_id)
        wanted = row.points if upto is None else upto
        if not 0 < wanted <= row.points:
            raise Invalid(f"of {row.points} points 1 to {row.points} can be given back, not {wanted}")
        if row.status in {RedemptionStatus.HELD, RedemptionStatus.RELEASED}:
            raise Conflict(f"redemption {row.pk} is {row.status}; only one that is done can be reversed")
        if _restore([(row, wanted)], by=actor, at=at):
            new = {"points": wanted, "redemption": row.pk}
            _record("redemption_reversed", row, actor=actor, at=at, old={"points": row.restored}, new=new)
        return redemption(redemption_id)


def restore_for_order(namespace: str, order_id: str, *, member_id: int | None, share: Decimal, at: datetime) -> int:
    """Gives back the points that were spent on an order of which `share` is left, in the caller's transaction.

    Says how many went back now. What was given back before counts; points held for an order of which nothing is left
    are released. Where a redemption does not say whose number its order has, as at the till, the order must be that of
    its member: `member_id` is who has what the order earns, None: nobody.
    """
    if not order_id:
        return 0
    told = Q(namespace="", member_id__in=[] if member_id is None else parts_of(member_id))
    if namespace:
        told |= Q(namespace=namespace)
    rows = _rows().filter(told, order_id=order_id).order_by("id")
    if share <= 0:
        # One whose time is over is released by the ledger at this very moment: it refuses here, and all is well.
        held = list(rows.filter(status=RedemptionStatus.HELD))
        releases = {row.operation_id: _release_command(row, by=audit.SYSTEM, at=at) for row in held}
        ledger.post_batch([*releases.values(), *households.given_back(releases)], at=at)
        _mark_released(pk__in=[row.pk for row in held])
    done = rows.filter(status=RedemptionStatus.DONE)
    wanted = [(row, burning.given_back(row.points, share=max(share, Decimal(0)))) for row in done]
    return _restore(wanted, by=audit.SYSTEM, at=at)


def release_due(*, at: datetime) -> bool:
    """Says of redemptions whose hold the ledger has released that they are; whether there were any.

    To be run after the ledger's own step of that name.
    """
    with transaction.atomic(durable=True):
        return _mark_released(holds_until__lte=at) > 0


def new_code() -> str:
    """A code that cannot be guessed and is easily read out: `7KQ2M-XH9RT-4WBDZ`."""
    signs = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    return "-".join(signs[start : start + 5] for start in range(0, CODE_LENGTH, 5))


# ── Before ──


def _known(key: str, member: models.Member, asked: dict[str, Any]) -> Redemption | None:
    """The redemption that the key stands for, if it has been done."""
    operation = models.Operation.objects.filter(key=key).first()
    if operation is None:
        return None
    row = models.Redemption.objects.select_related("reward").filter(operation=operation).first()
    if row is None or row.member_id != member.pk or operation.reference != asked:
        raise Conflict(f"the key {key!r:.80} stands for another operation already")
    return redemption_of(row)


def _check_to_be_had(reward: Reward, member: models.Member, *, at: datetime) -> None:
    taken = taken_by(member.pk).get(reward.key, 0)
    match rewards.hindrance(reward, tier_key=member.tier_key, taken=taken, at=at):
        case Hindrance.ARCHIVED:
            raise Refused(f"the reward {reward.key!r} is not in the catalogue any more")
        case Hindrance.TO_COME | Hindrance.OVER:
            raise Refused(f"the reward {reward.key!r} is not to be had at this time")
        case Hindrance.SOLD_OUT:
            raise Refused(f"the reward {reward.key!r} is out of stock")
        case Hindrance.TIER:
            raise Refused(f"the reward {reward.key!r} is for other tiers: {', '.join(reward.tiers)}")
        case Hindrance.TAKEN:
            raise Refused(
                f"the member has had the reward {reward.key!r} {taken} times; {reward.per_member} is the most"
            )


# ── Through the ledger ──


def _common(
    key: str, member: models.Member, asked: dict[str, Any], *, actor: audit.Actor, at: datetime
) -> dict[str, Any]:
    by = {"actor": actor.key, "actor_name": actor.name}
    return {"key": key, "member_id": member.pk, "at": at, "reference": asked, **by}


def _about(row: models.Redemption, *, actor: audit.Actor, at: datetime) -> dict[str, Any]:
    """What all commands about a redemption say. They are for whom its member is by now: what comes back is his."""
    return {
        "member_id": holders([row.member_id])[row.member_id],
        "at": at,
        "reference": {"redemption": row.pk, "order_id": row.order_id, "reward": row.reward.key if row.reward else ""},
        "actor": actor.key,
        "actor_name": actor.name,
    }


def _done(commands: Sequence[Command], at: datetime) -> list[Outcome]:
    outcomes = ledger.post_batch(commands, at=at)
    for outcome in outcomes:
        if not outcome.is_done:
            raise Conflict(outcome.reason)
    return outcomes


def _operation_id(outcome: Outcome) -> int:
    assert outcome.operation_id is not None  # of what has moved points there is an operation
    return outcome.operation_id


def _release(row: models.Redemption, *, actor: audit.Actor, at: datetime) -> Redemption:
    command = _release_command(row, by=actor, at=at)
    outcome = _done([command, *households.given_back({row.operation_id: command})], at)[0]
    if not outcome.is_replay:
        row.status, row.holds_until = RedemptionStatus.RELEASED, None
        row.save(update_fields=["status", "holds_until"])
        _record("redemption_released", row, actor=actor, at=at, new={"redemption": row.pk})
    return redemption(row.pk)


def _mark_released(**which: Any) -> int:
    """Whoever is captured in this moment holds nothing either; he is done by then, and not held any more."""
    hold = models.Hold.objects.filter(operation_id=OuterRef("operation_id"))
    held = models.Redemption.objects.filter(~Exists(hold), status=RedemptionStatus.HELD, **which)
    return held.update(status=RedemptionStatus.RELEASED, holds_until=None)


def _release_command(row: models.Redemption, *, by: audit.Actor, at: datetime) -> Release:
    key = row.operation.key
    return Release(key=f"release:{key}", reserve_key=key, **_about(row, actor=by, at=at))


def _restore(wanted: Sequence[tuple[models.Redemption, int]], *, by: audit.Actor, at: datetime) -> int:
    """Gives points back, so many of each redemption in all; says how many went back now.

    What went back already is not asked for again: its key stands for the member of that time, and he may have become
    one with another since.
    """
    commands, due = {}, [(row, points) for row, points in wanted if points > row.restored]
    for row, points in due:
        spend = row.capture or row.operation
        # What the capture gave back at once, because the order had become smaller, was never the redemption's.
        upto = spend.points - row.points + points
        said = _about(row, actor=by, at=at)
        key = f"restore:{spend.key}:{upto}"
        commands[row.operation_id] = Restore(key=key, spend_key=spend.key, upto=upto, **said)
    outcomes = _done([*commands.values(), *households.given_back(commands)], at)[: len(due)]
    for (row, points), outcome in zip(due, outcomes, strict=True):
        if outcome.is_replay:
            continue
        is_whole = points == row.points
        models.Redemption.objects.filter(pk=row.pk).update(
            restored=points, status=RedemptionStatus.REVERSED if is_whole else RedemptionStatus.DONE
        )
        if is_whole and row.reward_id:
            models.Reward.objects.filter(pk=row.reward_id).update(taken=F("taken") - 1, stock=F("stock") + 1)
    return sum(outcome.points for outcome in outcomes if not outcome.is_replay)


# ── After ──


def _rows() -> QuerySet[models.Redemption]:
    return models.Redemption.objects.select_related("operation", "capture", "reward")


def _row(redemption_id: int) -> models.Redemption:
    row = _rows().filter(pk=redemption_id).first()
    if row is None:
        raise NotFound(f"there is no redemption {redemption_id}")
    return row


def _as_it_is(row: models.Redemption, *, wanted: RedemptionStatus) -> Redemption:
    if row.status != wanted:
        raise Conflict(f"redemption {row.pk} is {row.status}, not held")
    return redemption_of(row)


def _record(
    action: str, row: models.Redemption, *, actor: audit.Actor, at: datetime, new: dict[str, Any], old: Any = None
) -> None:
    audit.record(actor=actor, at=at, action=f"loyalty.{action}", subject=f"member:{row.member_id}", old=old, new=new)
