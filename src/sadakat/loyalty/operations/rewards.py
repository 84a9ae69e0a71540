"""Keeping the catalogue of rewards."""

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from sadakat.kernel.errors import Invalid, NotFound
from sadakat.loyalty import models
from sadakat.loyalty.queries.programme import programme
from sadakat.loyalty.queries.rewards import reward_of
from sadakat.loyalty.rules.checking import MAX_NUMBER, MAX_TEXT_LENGTH, is_key
from sadakat.loyalty.types import MAX_POINTS, Reward
from sadakat.platform import audit


def save_reward(reward: Reward, *, actor: audit.Actor, at: datetime, kept: Collection[str] = ()) -> Reward:
    """Makes a reward, or changes the one of that key; the same again changes nothing.

    Of one that exists, the fields named in `kept` stay as they are by now, whatever `reward` has there: a form that is
    open while members take the reward must not bring back its stock. `taken` is counted and always stays.

    Raises:
        Invalid: a value that cannot be.
    """
    with transaction.atomic(durable=True):
        row = models.Reward.objects.select_for_update(no_key=True).filter(key=reward.key).first()
        if row is not None:
            reward = dataclasses.replace(reward, **{name: getattr(row, name) for name in kept})
        _check(reward)
        wanted = {name: getattr(reward, name) for name in Reward.__dataclass_fields__ if name != "taken"}
        wanted |= {"name": dict(reward.name), "description": dict(reward.description), "tiers": list(reward.tiers)}
        old = {name: getattr(row, name) for name in wanted} if row else None
        if row is not None and old == wanted:
            return reward_of(row)
        row, _ = models.Reward.objects.update_or_create(key=reward.key, defaults=wanted)
        _record("saved", reward.key, actor=actor, at=at, old=old, new=wanted)
    return reward_of(row)


def archive_reward(key: str, *, actor: audit.Actor, at: datetime, is_archived: bool = True) -> bool:
    """Takes a reward out of the catalogue, or puts it back; says whether anything changed. Its codes stay good.

    Raises:
        NotFound: there is none of that key.
    """
    with transaction.atomic(durable=True):
        row = models.Reward.objects.select_for_update(no_key=True).filter(key=key).first()
        if row is None:
            raise NotFound(f"there is no reward {key!r:.80}")
        if row.is_archived == is_archived:
            return False
        models.Reward.objects.filter(pk=row.pk).update(is_archived=is_archived)
        _record("archived" if is_archived else "put_back", key, actor=actor, at=at)
    return True


def _check(reward: Reward) -> None:
    if not is_key(reward.key):
        raise Invalid(f"key: expected small letters, digits, - and _, such as free-coffee, not {reward.key!r:.80}")
    if not any(text.strip() for text in reward.name.values()):
        raise Invalid("name: expected a text in at least one language")
    _check_texts(reward.name, path="name")
    _check_texts(reward.description, path="description")
    _within(reward.points, 1, MAX_POINTS, path="points")
    _within(reward.value_minor, 0, MAX_POINTS, path="value_minor")
    if reward.stock is not None:
        _within(reward.stock, 0, MAX_NUMBER, path="stock")
    if reward.per_member is not None:
        _within(reward.per_member, 1, MAX_NUMBER, path="per_member")
    known = [tier.key for tier in programme().ladder.tiers]
    for key in reward.tiers:
        if key not in known:
            raise Invalid(f"tiers: there is no tier {key!r:.80}; there is {', '.join(known) or 'none'}")
    if reward.starts_at and reward.ends_at and reward.starts_at >= reward.ends_at:
        raise Invalid(f"ends_at: expected an instant after {reward.starts_at}, not {reward.ends_at}")


def _check_texts(texts: Mapping[str, str], *, path: str) -> None:
    for language, text in texts.items():
        if language not in {"en", "tr"}:
            raise Invalid(f"{path}: expected the languages en and tr, not {language!r:.20}")
        if len(text) > MAX_TEXT_LENGTH:
            raise Invalid(f"{path}.{language}: expected at most {MAX_TEXT_LENGTH} characters, not {len(text)}")


def _within(number: int, least: int, most: int, *, path: str) -> None:
    if not least <= number <= most:
        raise Invalid(f"{path}: expected {least} to {most}, not {number}")


def _record(verb: str, key: str, *, actor: audit.Actor, at: datetime, old: Any = None, new: Any = None) -> None:
    def said(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if values is None:
            return None
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}

    audit.record(
        actor=actor, at=at, action=f"loyalty.reward_{verb}", subject=f"reward:{key}", old=said(old), new=said(new)
    )
