"""The tables of one member: the ledger, and what was redeemed."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.loyalty.operations.by_hand import BY_HAND, UNDO
from sadakat.loyalty.queries import ledger
from sadakat.loyalty.queries import rewards as catalogue
from sadakat.loyalty.types import LedgerLine, OperationKind, Programme, Redemption, RedemptionStatus, Reward
from sadakat.loyalty.web import words
from sadakat.platform.ui import formats, parts

LEDGER_LINES: Final = 25
_LEDGER: Final = [
    parts.Column(label=gettext_lazy("When")),
    parts.Column(label=gettext_lazy("What")),
    parts.Column(label=gettext_lazy("Points"), is_numeric=True),
    parts.Column(label=gettext_lazy("Active from")),
    parts.Column(label=gettext_lazy("Last day")),
]
_REDEMPTIONS: Final = [
    parts.Column(label=gettext_lazy("What")),
    parts.Column(label=gettext_lazy("Points"), is_numeric=True),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("When")),
]
# Whoever has a code has what it stands for.
_CODE: Final = parts.Column(label=gettext_lazy("Code"))
_ACT: Final = parts.Column(label=gettext_lazy("Undo"))


def lines(
    request: HttpRequest,
    member_id: int,
    held: Programme,
    rewards: Mapping[str, Reward],
    *,
    may_undo: bool,
    zone: ZoneInfo,
) -> dict[str, Any]:
    """A page of the ledger, latest first, and the ways to older ones; the address says from where."""
    said = request.GET.get("before", "")
    before = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else None
    found = ledger.ledger(member_id, before_id=before, limit=LEDGER_LINES + 1)
    shown = found[:LEDGER_LINES]
    undone = {each.key.removeprefix(UNDO) for each in shown if each.key.startswith(UNDO)}
    rows = [_line(each, held, rewards, may_undo=may_undo and each.key not in undone, zone=zone) for each in shown]
    has_acts = any(row["may_undo"] for row in rows)
    table = parts.short_table(
        request,
        caption=_("Ledger"),
        columns=[*_LEDGER, *([_ACT] if has_acts else [])],
        rows=rows,
        empty=parts.Empty(icon="coins", title=_("Nothing has happened to the points yet")),
    )
    return {
        "table": table,
        "has_acts": has_acts,
        "older_url": f"?before={shown[-1].operation_id}" if len(found) > LEDGER_LINES else "",
        "newest_url": "?" if before else "",
    }


def _line(
    line: LedgerLine, held: Programme, rewards: Mapping[str, Reward], *, may_undo: bool, zone: ZoneInfo
) -> dict[str, Any]:
    label, tone = words.KINDS[OperationKind(line.kind)]
    is_by_hand = line.key.startswith(BY_HAND) and line.points != 0
    return {
        "line": line,
        "label": label,
        "tone": tone,
        "last_day": words.last_day(line.expires_at, zone=zone),
        "points": words.signed(line.points),
        "about": words.about(line.reference, rewards=rewards) or ("" if line.points else words.points(line.moved)),
        "rules": words.breakdown(line.reference, held),
        "may_undo": may_undo and is_by_hand and line.undone < abs(line.points),
        "dialog": f"undo-{line.operation_id}",
    }


def redeemed(
    request: HttpRequest, member_id: int, rewards: Mapping[str, Reward], *, may_manage: bool, currency: str
) -> parts.Table:
    """What a member has redeemed, latest first, with the codes and ways back for managers; `rewards` by key."""
    rows = [
        _redeemed(each, rewards, may_undo=may_manage, currency=currency) for each in catalogue.redemptions(member_id)
    ]
    what, *others = _REDEMPTIONS
    return parts.short_table(
        request,
        caption=_("Redemptions"),
        columns=[what, _CODE, *others, _ACT] if may_manage else _REDEMPTIONS,
        rows=rows,
        empty=parts.Empty(icon="gift", title=_("Nothing redeemed yet")),
    )


def _redeemed(each: Redemption, rewards: Mapping[str, Reward], *, may_undo: bool, currency: str) -> dict[str, Any]:
    reward = rewards.get(each.reward_key)
    if reward:
        what = words.name_of(reward.name, default=reward.key)
    else:
        what = _("%(amount)s at checkout") % {"amount": formats.money(each.value_minor, currency=currency)}
    word, tone = words.STATUSES[RedemptionStatus(each.status)]
    is_open = each.status in {RedemptionStatus.DONE, RedemptionStatus.HELD} and each.restored < each.points
    return {
        "redemption": each,
        "what": what,
        "word": word,
        "tone": tone,
        "may_undo": may_undo and is_open,
        "dialog": f"reverse-{each.id}",
    }
