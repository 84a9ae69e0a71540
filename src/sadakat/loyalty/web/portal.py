"""The member portal: points, card, tier, rewards and history of the member who is in."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from sadakat.customers import api as customers
from sadakat.kernel import money
from sadakat.kernel.errors import NotFound, SadakatError
from sadakat.loyalty.operations import redemptions as redemption_operations
from sadakat.loyalty.queries import ledger as ledger_queries
from sadakat.loyalty.queries import programme as programme_queries
from sadakat.loyalty.queries import rewards as reward_queries
from sadakat.loyalty.queries.members import parts_of
from sadakat.loyalty.rules.rewards import Hindrance, closed, hindrance
from sadakat.loyalty.types import Member, Programme, RedemptionStatus, Reward, TierMetric
from sadakat.loyalty.web import portal_words, qr, telling, words
from sadakat.loyalty.web.portal_entry import inside
from sadakat.platform import audit, brand
from sadakat.platform.ui import reasons

SHOWN_MOVEMENTS: Final = 6
HISTORY_PAGE: Final = 50
SHOWN_CODES: Final = 5
SHOWN_EXPIRING: Final = 4
MAX_NONCE: Final = 40


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as a member sees it; `hindrance` says why it cannot be had now."""

    key: str
    name: str
    description: str
    points: str
    dialog: str
    hindrance: str
    after: str
    """What is left once it is redeemed."""


@require_GET
@inside
def home(request: HttpRequest, member: Member) -> HttpResponse:
    """Everything on one page: what a member has, the card for the till, the tier, and what points can be had for."""
    here, at = brand.current(), timezone.now()
    programme = programme_queries.programme()
    rewards = {each.key: each for each in reward_queries.rewards(include_archived=True)}
    taken = reward_queries.taken_by(member.id)
    offers = [
        _offer(each, member, programme, taken=taken.get(each.key, 0), number=number, at=at)
        for number, each in enumerate(rewards.values())
        if not closed(each, at=at)
    ]
    lines = ledger_queries.ledger(member.id, limit=SHOWN_MOVEMENTS * 2)
    shown = portal_words.movements(lines, programme=programme, rewards=rewards, zone=here.zone, now=at)
    context = {
        **_frame(member, programme),
        "balance": member.balance,
        "worth": portal_words.worth(member.balance.active, programme=programme, currency=here.currency),
        "expiring": [
            (words.points(each.points), portal_words.last_day(each.expires_at, zone=here.zone))
            for each in member.expiring[:SHOWN_EXPIRING]
        ],
        "tier": _tier(member, programme, currency=here.currency),
        "card": portal_words.grouped(member.number),
        "qr": qr.svg(member.number, label=_("QR code of your member number")),
        "offers": offers,
        "codes": _codes(member, rewards),
        "movements": shown[:SHOWN_MOVEMENTS],
        "nonce": secrets.token_hex(8),
    }
    return render(request, "loyalty/portal/home.html", context)


@require_GET
@inside
def history(request: HttpRequest, member: Member) -> HttpResponse:
    """Everything that has ever changed the points, the latest first."""
    here, at = brand.current(), timezone.now()
    said = request.GET.get("before", "")
    before = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else None
    lines = ledger_queries.ledger(member.id, before_id=before, limit=HISTORY_PAGE)
    programme = programme_queries.programme()
    rewards = {each.key: each for each in reward_queries.rewards(include_archived=True)}
    context = {
        **_frame(member, programme),
        "movements": portal_words.movements(lines, programme=programme, rewards=rewards, zone=here.zone, now=at),
        "next": lines[-1].operation_id if len(lines) == HISTORY_PAGE else None,
        "is_first": before is None,
    }
    return render(request, "loyalty/portal/history.html", context)


@require_POST
@inside
def redeem(request: HttpRequest, member: Member, key: str) -> HttpResponse:
    """Gives points for a reward, once for each time that the page was shown, and leads to its code."""
    nonce = request.POST.get("nonce", "")[:MAX_NONCE]
    try:
        done = redemption_operations.redeem_reward(
            member.id,
            reward_key=key,
            key=f"portal:{member.id}:{key}:{nonce}",
            actor=audit.Actor(f"member:{member.id}", _name(member)),
            at=timezone.now(),
        )
    except SadakatError as error:
        messages.error(request, _("That did not work: %(reason)s") % {"reason": reasons.shown(error)})
        return redirect("portal")
    return redirect("portal_redeemed", done.id)


@require_GET
@inside
def redeemed(request: HttpRequest, member: Member, redemption_id: int) -> HttpResponse:
    """The code of a reward, to be shown at the till or typed at checkout."""
    one = reward_queries.redemption(redemption_id)
    if one.member_id not in parts_of(member.id) or not one.code:
        raise NotFound(f"there is no redemption {redemption_id}")
    reward = reward_queries.reward(one.reward_key)
    context = {
        **_frame(member, programme_queries.programme()),
        "reward": words.name_of(reward.name),
        "description": words.name_of(reward.description),
        "code": one.code,
        "qr": qr.svg(one.code, label=_("QR code of your reward")),
        "is_open": one.status is RedemptionStatus.DONE,
    }
    return render(request, "loyalty/portal/redeemed.html", context)


def _frame(member: Member, programme: Programme) -> dict[str, Any]:
    return {
        "member": member,
        "member_name": _name(member),
        "programme": words.name_of(programme.name, default=brand.current().name),
        "zone": brand.current().zone,
    }


def _name(member: Member) -> str:
    return customers.customer(member.customer_id).name


def _offer(reward: Reward, member: Member, programme: Programme, *, taken: int, number: int, at: datetime) -> Offer:
    missing = reward.points - member.spendable
    why = ""
    match hindrance(reward, tier_key=member.tier.key, taken=taken, at=at, active=member.spendable):
        case Hindrance.TIER:
            names = {tier.key: words.name_of(tier.name) for tier in programme.ladder.tiers}
            why = _("For %(tiers)s") % {"tiers": words.listed([names.get(key, key) for key in reward.tiers])}
        case Hindrance.TAKEN:
            why = _("already had as often as it can be")
        case Hindrance.POINTS:
            why = _("%(points)s to go") % {"points": words.points(missing)}
    return Offer(
        key=reward.key,
        name=words.name_of(reward.name),
        description=words.name_of(reward.description),
        points=words.points(reward.points),
        dialog=f"redeem-{number}",
        hindrance=why,
        after=words.points(max(0, -missing)),
    )


def _codes(member: Member, rewards: dict[str, Reward]) -> list[dict[str, Any]]:
    """The latest rewards whose code still stands."""
    return [
        {"id": one.id, "code": one.code, "name": words.name_of(rewards[one.reward_key].name), "at": one.created_at}
        for one in reward_queries.redemptions(member_id=member.id)
        if one.code and one.status is RedemptionStatus.DONE and one.reward_key in rewards
    ][:SHOWN_CODES]


def _tier(member: Member, programme: Programme, *, currency: str) -> dict[str, Any] | None:
    """The tier with its benefits and the way to the next one; None where there are no tiers."""
    ladder, standing = programme.ladder, member.tier
    if not ladder.tiers:
        return None
    tiers = {tier.key: tier for tier in ladder.tiers}
    tier, after = tiers.get(standing.key), tiers.get(standing.next_key)

    def whole(value: Decimal) -> int:
        is_money = ladder.metric is TierMetric.SPEND
        return int(money.to_major(int(value), currency=currency) if is_money else value)

    return {
        "name": words.name_of(tier.name) if tier else "",
        "benefits": telling.benefits(tier) if tier else [],
        "until_at": standing.until_at,
        "next": words.name_of(after.name) if after else "",
        "next_benefits": telling.benefits(after) if after else [],
        "missing": words.metric_value(standing.missing, metric=ladder.metric, currency=currency),
        "value": whole(standing.value),
        "maximum": whole(standing.value + standing.missing),
    }
