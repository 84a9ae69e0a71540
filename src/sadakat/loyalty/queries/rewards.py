"""Reads of the catalogue and of what was redeemed."""

from typing import Final

from django.db.models import Count, QuerySet

from sadakat.kernel.errors import NotFound
from sadakat.loyalty import models
from sadakat.loyalty.queries.members import parts_of
from sadakat.loyalty.types import Redemption, RedemptionStatus, Reward, RewardKind

REDEMPTIONS_PER_PAGE: Final = 50


def rewards(*, include_archived: bool = False) -> list[Reward]:
    """The catalogue, fewest points first."""
    rows = models.Reward.objects.order_by("points", "key")
    return [reward_of(row) for row in (rows if include_archived else rows.filter(is_archived=False))]


def reward(key: str) -> Reward:
    """One reward.

    Raises:
        NotFound: there is none of that key.
    """
    row = models.Reward.objects.filter(key=key).first()
    if row is None:
        raise NotFound(f"there is no reward {key!r:.80}")
    return reward_of(row)


def redemptions(
    member_id: int | None = None,
    *,
    reward_key: str = "",
    before_id: int | None = None,
    limit: int = REDEMPTIONS_PER_PAGE,
) -> list[Redemption]:
    """What a member, or everybody, has redeemed, latest first; `before_id` is that of the last one seen.

    Those of members who have become one with him are his.
    """
    rows = _rows().order_by("-id")
    if member_id is not None:
        rows = rows.filter(member_id__in=parts_of(member_id))
    if reward_key:
        rows = rows.filter(reward__key=reward_key)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [redemption_of(row) for row in rows[:limit]]


def taken_by(member_id: int) -> dict[str, int]:
    """How often a member, with those who have become one with him, has had each reward, by its key."""
    rows = models.Redemption.objects.filter(member_id__in=parts_of(member_id), reward__isnull=False)
    counted = rows.exclude(status=RedemptionStatus.REVERSED).values_list("reward__key").annotate(Count("id"))
    return dict(counted.order_by())


def redemption(redemption_id: int) -> Redemption:
    """One redemption.

    Raises:
        NotFound: there is none of that number.
    """
    row = _rows().filter(pk=redemption_id).first()
    if row is None:
        raise NotFound(f"there is no redemption {redemption_id}")
    return redemption_of(row)


def reward_of(row: models.Reward) -> Reward:
    """What crosses the door of a row."""
    return Reward(
        key=row.key,
        name=row.name,
        description=row.description,
        kind=RewardKind(row.kind),
        points=row.points,
        value_minor=row.value_minor,
        stock=row.stock,
        per_member=row.per_member,
        tiers=tuple(row.tiers),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_archived=row.is_archived,
        taken=row.taken,
    )


def redemption_of(row: models.Redemption) -> Redemption:
    """What crosses the door of a row."""
    return Redemption(
        id=row.pk,
        member_id=row.member_id,
        status=RedemptionStatus(row.status),
        points=row.points,
        value_minor=row.value_minor,
        reward_key=row.reward.key if row.reward else "",
        order_id=row.order_id,
        code=row.code,
        holds_until=row.holds_until,
        created_at=row.created_at,
        restored=row.restored,
    )


def _rows() -> QuerySet[models.Redemption]:
    return models.Redemption.objects.select_related("reward")
