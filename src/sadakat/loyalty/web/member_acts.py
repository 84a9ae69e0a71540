"""What the loyalty manager does to a member; each answers with the page of the member and says what came of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from sadakat.kernel import time
from sadakat.kernel.errors import Conflict, NotFound, SadakatError
from sadakat.loyalty.operations import by_hand, households, redemptions
from sadakat.loyalty.operations import members as membership
from sadakat.loyalty.operations import tiers as standings
from sadakat.loyalty.queries import members as queries
from sadakat.loyalty.queries import rewards as catalogue
from sadakat.loyalty.types import MAX_POINTS, EnrolledBy, Member
from sadakat.loyalty.web import words
from sadakat.loyalty.web.members import called
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import reasons
from sadakat.platform.ui.days import day_field

MAX_NONCE: Final = 40
MAX_TEXT: Final = 200


class _ActForm(forms.Form):
    """What several acts ask for; `nonce` makes a second press of the button the same act."""

    nonce = forms.SlugField(max_length=MAX_NONCE)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=by_hand.MAX_REASON_LENGTH)
    points = forms.IntegerField(label=gettext_lazy("Points"), min_value=-MAX_POINTS, max_value=MAX_POINTS)


class _AdjustForm(_ActForm):
    expires_on = day_field(label=gettext_lazy("Last day of points given"), required=False)


class _TransferForm(_ActForm):
    to = forms.CharField(label=gettext_lazy("Card number of the other member"), max_length=40)


def _act(member_id: int, request: HttpRequest, do: Callable[[datetime], str]) -> HttpResponse:
    """Does it and says what came of it, or why it could not be."""
    try:
        said = do(timezone.now())
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    else:
        messages.success(request, said)
    return redirect("member", member_id=member_id)


def _read(form: forms.Form, request: HttpRequest) -> dict[str, Any] | None:
    """What was filled in; None, and a toast, where something is missing."""
    if form.is_valid():
        return form.cleaned_data
    name, found = next(iter(form.errors.items()))
    messages.error(request, f"{form[name].label}: {found[0]}")
    return None


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def adjust(request: HttpRequest, member_id: int) -> HttpResponse:
    """Gives or takes points, with a reason."""
    said = _read(_AdjustForm(request.POST), request)
    if said is None:
        return redirect("member", member_id=member_id)
    last = said["expires_on"]

    def do(at: datetime) -> str:
        outcome = by_hand.adjust_points(
            member_id,
            points=said["points"],
            reason=said["reason"],
            key=f"adjust:{said['nonce']}",
            expires_at=last and time.midnight(last + timedelta(days=1), time_zone=brand.current().zone),
            actor=access.actor_of(request.user),
            at=at,
        )
        template = _("%(points)s given.") if said["points"] > 0 else _("%(points)s taken.")
        return template % {"points": words.points(outcome.points)}

    return _act(member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def transfer(request: HttpRequest, member_id: int) -> HttpResponse:
    """Gives points of the member to another one, named by the number of the card."""
    said = _read(_TransferForm(request.POST), request)
    if said is None:
        return redirect("member", member_id=member_id)

    def do(at: datetime) -> str:
        other = queries.member_numbered("".join(said["to"].split()), at=at)
        if other is None:
            raise NotFound(f"no member has the card {said['to']}")
        outcome = by_hand.transfer_points(
            member_id,
            to_member_id=other.id,
            points=said["points"],
            reason=said["reason"],
            key=f"transfer:{said['nonce']}",
            actor=access.actor_of(request.user),
            at=at,
        )
        return _("%(points)s transferred.") % {"points": words.points(outcome.points)}

    return _act(member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def pin(request: HttpRequest, member_id: int) -> HttpResponse:
    """Pins the member to a tier, or lets the figure decide again."""
    tier = request.POST.get("tier", "")

    def do(at: datetime) -> str:
        standings.pin_tier(member_id, tier, actor=access.actor_of(request.user), at=at)
        return _("The tier is pinned.") if tier else _("The tier follows the programme again.")

    return _act(member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def join(request: HttpRequest, member_id: int) -> HttpResponse:
    """Puts another member into the household of this one."""

    def do(at: datetime) -> str:
        other = _other(request.POST.get("who", "").strip()[:MAX_TEXT], than=member_id, at=at)
        households.join_household(other.id, with_member_id=member_id, actor=access.actor_of(request.user), at=at)
        return _("%(name)s is in the household.") % {"name": called([other.id])[other.id]}

    return _act(member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def leave(request: HttpRequest, member_id: int) -> HttpResponse:
    """Takes a member, this one or another, out of the household of this one."""

    def do(at: datetime) -> str:
        household = queries.member(member_id, at=at).household
        # Who is in another one by now is not meant.
        ids = household.member_ids if household else ()
        who = {str(id_): id_ for id_ in ids}.get(request.POST.get("who", ""))
        if who is None:
            raise NotFound("that member is in the household no more")
        households.leave_household(who, actor=access.actor_of(request.user), at=at)
        return _("%(name)s is in the household no more.") % {"name": called([who])[who]}

    return _act(member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def redeem(request: HttpRequest, member_id: int) -> HttpResponse:
    """Redeems a reward for the member."""
    key, nonce = request.POST.get("reward", ""), request.POST.get("nonce", "")[:MAX_NONCE]

    def do(at: datetime) -> str:
        done = redemptions.redeem_reward(
            member_id, reward_key=key, key=f"redeem:{nonce}", actor=access.actor_of(request.user), at=at
        )
        return _("Redeemed. The code is %(code)s.") % {"code": done.code}

    return _act(member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def reverse(request: HttpRequest, redemption_id: int) -> HttpResponse:
    """Gives back the points of a redemption, to the lots that they came from."""
    found = catalogue.redemption(redemption_id)

    def do(at: datetime) -> str:
        redemptions.reverse_redemption(redemption_id, actor=access.actor_of(request.user), at=at)
        return _("Reversed. The points are back with their expiries.")

    return _act(found.member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def undo(request: HttpRequest, member_id: int, operation_id: int) -> HttpResponse:
    """Undoes what somebody has done by hand."""

    def do(at: datetime) -> str:
        outcome = by_hand.undo_by_hand(operation_id, actor=access.actor_of(request.user), at=at)
        return _("Undone: %(points)s.") % {"points": words.points(outcome.points)}

    return _act(member_id, request, do)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def enrol(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Makes a customer a member."""
    try:
        found = membership.enrol(
            customer_id, by=EnrolledBy.CONSOLE, actor=access.actor_of(request.user), at=timezone.now()
        )
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
        return redirect("customer", customer_id)
    messages.success(request, _("Now a member."))
    return redirect("member", member_id=found.id)


def _other(text: str, *, than: int, at: datetime) -> Member:
    """The one other member who has this card, or whom a search finds.

    Raises:
        NotFound: nobody else fits.
        Conflict: several do.
    """
    if one := queries.member_numbered(text, at=at):
        return one
    # Of the same name as often as not: the member himself is not looked for.
    found = [each for each in queries.search_members(text, limit=3, at=at) if each.id != than] if text else []
    if not found:
        raise NotFound(f"no other member fits {text}")
    if len(found) > 1:
        raise Conflict(f"several members fit {text}; the card number tells them apart")
    return found[0]
