"""Whether a reward can be had: one answer for the catalogue, the portal, the till and whoever gives points for it."""

import enum
from datetime import datetime

from sadakat.loyalty.types import Reward


class Hindrance(enum.StrEnum):
    """Why a reward cannot be had."""

    ARCHIVED = "archived"
    TO_COME = "to_come"
    OVER = "over"
    SOLD_OUT = "sold_out"
    TIER = "tier"
    """It is for other tiers."""
    TAKEN = "taken"
    """The member has had it as often as one may."""
    POINTS = "points"


def closed(reward: Reward, *, at: datetime) -> Hindrance | None:
    """Why nobody can have the reward at that moment; None: some can."""
    if reward.is_archived:
        return Hindrance.ARCHIVED
    if reward.starts_at and at < reward.starts_at:
        return Hindrance.TO_COME
    if reward.ends_at and at >= reward.ends_at:
        return Hindrance.OVER
    return Hindrance.SOLD_OUT if reward.stock == 0 else None


def hindrance(
    reward: Reward, *, tier_key: str, taken: int, at: datetime, active: int | None = None
) -> Hindrance | None:
    """Why a member of that tier, who has had the reward `taken` times, cannot have it; None: he can.

    Without his `active` points (None) the ledger is left to judge whether they are enough.
    """
    if found := closed(reward, at=at):
        return found
    if reward.tiers and tier_key not in reward.tiers:
        return Hindrance.TIER
    if reward.per_member is not None and taken >= reward.per_member:
        return Hindrance.TAKEN
    return Hindrance.POINTS if active is not None and active < reward.points else None
