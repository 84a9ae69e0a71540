"""What members read of their points: plain words, no term of the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.loyalty.rules import burning
from sadakat.loyalty.types import LedgerLine, OperationKind, Programme, Reward
from sadakat.loyalty.web import words
from sadakat.platform.ui import formats

_PLAIN: Final[Mapping[OperationKind, str | Promise]] = {
    OperationKind.AWARD: gettext_lazy("Points given"),
    OperationKind.ACTIVATE: gettext_lazy("Points can be used now"),
    OperationKind.SPEND: gettext_lazy("Points used"),
    OperationKind.RESERVE: gettext_lazy("Points set aside"),
    OperationKind.CAPTURE: gettext_lazy("Points used"),
    OperationKind.RELEASE: gettext_lazy("Points given back"),
    OperationKind.RESTORE: gettext_lazy("Points given back"),
    OperationKind.REVERSE: gettext_lazy("Points taken back"),
    OperationKind.EXPIRE: gettext_lazy("Points expired"),
    OperationKind.DEDUCT: gettext_lazy("Points taken off"),
    OperationKind.TRANSFER: gettext_lazy("Points moved"),
    OperationKind.RETURN: gettext_lazy("Points moved back"),
}
_OF_ORDER: Final[Mapping[OperationKind, str | Promise]] = {
    OperationKind.AWARD: gettext_lazy("Order %(order)s"),
    OperationKind.SPEND: gettext_lazy("Paid with points, order %(order)s"),
    OperationKind.RESERVE: gettext_lazy("Set aside for order %(order)s"),
    OperationKind.RESTORE: gettext_lazy("Given back, order %(order)s"),
    OperationKind.REVERSE: gettext_lazy("Returned, order %(order)s"),
}


@dataclass(frozen=True, slots=True)
class Movement:
    """A line of the history as a member reads it."""

    title: str
    day: str
    note: str
    points: str
    """With its sign."""


def movements(
    lines: Sequence[LedgerLine], *, programme: Programme, rewards: Mapping[str, Reward], zone: ZoneInfo, now: datetime
) -> list[Movement]:
    """What has changed the points; what only moves them inside is left out."""
    names = {rule.key: words.name_of(rule.name, default=rule.key) for rule in programme.rules}
    return [
        Movement(
            title=_title(line, names=names, rewards=rewards),
            day=_day(line.at, zone),
            note=_note(line, zone=zone, now=now),
            points=words.signed(line.points),
        )
        for line in lines
        if line.points
    ]


def worth(points: int, *, programme: Programme, currency: str) -> str:
    """What whole steps of points are worth at checkout; empty below one step."""
    minor = burning.worth_minor(programme.burning, points=points)
    return formats.money(minor, currency=currency) if minor else ""


def grouped(number: str) -> str:
    """A card number in groups of four, as people read it out."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _title(line: LedgerLine, *, names: Mapping[str, str], rewards: Mapping[str, Reward]) -> str:
    said: Mapping[str, Any] = line.reference
    if words.is_of_household(said):
        return _("From the household") if line.points > 0 else _("For the household")
    reward = rewards.get(said.get("reward", ""))
    if reward is not None:
        return words.name_of(reward.name, default=reward.key)
    if said.get("order_id") and line.kind in _OF_ORDER:
        return str(_OF_ORDER[line.kind]) % {"order": said["order_id"]}
    rules = [names.get(rule["key"], rule["name"]) for rule in said.get("rules", ())]
    return ", ".join(rules) if rules and line.kind is OperationKind.AWARD else str(_PLAIN[line.kind])


def _note(line: LedgerLine, *, zone: ZoneInfo, now: datetime) -> str:
    if line.points > 0 and line.activates_at and line.activates_at > now:
        return _("can be used from %(day)s") % {"day": _day(line.activates_at, zone)}
    if line.points > 0 and line.expires_at and line.expires_at > now:
        return _("until %(day)s") % {"day": last_day(line.expires_at, zone=zone)}
    return ""


def last_day(expires_at: datetime, *, zone: ZoneInfo) -> str:
    """The last day on which points count that are gone at `expires_at`, as people read it."""
    return formats.short_date(words.last_day(expires_at, zone=zone))


def _day(at: datetime, zone: ZoneInfo) -> str:
    return formats.short_date(at.astimezone(zone).date())
