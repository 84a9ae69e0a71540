"""What staff do at the till: take points, give rewards, undo either, and enrol."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from sadakat.customers import api as customers
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid, NotFound, SadakatError
from sadakat.loyalty.operations import members as member_operations
from sadakat.loyalty.operations import portal as portal_operations
from sadakat.loyalty.operations import redemptions as operations
from sadakat.loyalty.queries import members as member_queries
from sadakat.loyalty.queries import rewards as reward_queries
from sadakat.loyalty.types import EnrolledBy, RedemptionStatus
from sadakat.loyalty.web import qr, words
from sadakat.loyalty.web.portal_entry import waiting
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, reasons

MAX_NONCE: Final = 40
TOKEN_SECONDS: Final = 30 * 60
_SALT: Final = "sadakat.till-enrolling"


class EnrolForm(forms.Form):
    """Somebody who wants to become a member."""

    first_name = forms.CharField(label=gettext_lazy("First name"), max_length=100)
    last_name = forms.CharField(label=gettext_lazy("Last name"), max_length=100)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=40, required=False)
    email = forms.CharField(label=gettext_lazy("E-mail address"), max_length=254, required=False)
    agrees = forms.BooleanField(label=gettext_lazy("The customer wants to become a member and has been told how."))

    def clean(self) -> dict[str, Any]:
        """Keys of the person in their one spelling; one of them must be there."""
        said = super().clean() or {}
        for name, type_ in (("phone", "phone"), ("email", "email")):
            if said.get(name):
                key = customers.parse_identifier(type_, said[name])
                if key is None:
                    self.add_error(name, _("This cannot be somebody's."))
                said[name] = key.partition(":")[2] if key else ""
        if not self.errors and not (said.get("phone") or said.get("email")):
            self.add_error("phone", _("A phone number or an e-mail address is needed."))
        return said


@require_POST
@access.requires(Permission.USE_TILL)
def points(request: HttpRequest, member_id: int) -> HttpResponse:
    """Takes points off a basket, as many as may pay, and says what is left to pay."""
    currency = brand.current().currency
    try:
        asked = int(request.POST.get("points", ""))
        amount_minor = money.to_minor(request.POST.get("amount", ""), currency=currency)
    except ValueError:
        raise Invalid("points must be a whole number") from None
    try:
        done = operations.redeem_points(
            member_id,
            points=asked,
            order_id=request.POST.get("order", "").strip()[:100],
            order_minor=amount_minor,
            key=f"till:{member_id}:{_nonce(request)}",
            actor=access.actor_of(request.user),
            at=timezone.now(),
        )
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    else:
        said = {
            "points": words.points(done.points),
            "amount": formats.money(amount_minor - done.value_minor, currency=currency),
        }
        messages.success(request, _("%(points)s taken: the customer pays %(amount)s.") % said)
    return redirect("till_member", member_id)


@require_POST
@access.requires(Permission.USE_TILL)
def reward(request: HttpRequest, member_id: int, key: str) -> HttpResponse:
    """Gives a reward for points."""
    try:
        done = operations.redeem_reward(
            member_id,
            reward_key=key,
            key=f"till:{member_id}:{key}:{_nonce(request)}",
            actor=access.actor_of(request.user),
            at=timezone.now(),
        )
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    else:
        name = words.name_of(reward_queries.reward(key).name)
        messages.success(
            request,
            _("%(reward)s given for %(points)s. Code: %(code)s")
            % {"reward": name, "points": words.points(done.points), "code": done.code},
        )
    return redirect("till_member", member_id)


@require_POST
@access.requires(Permission.USE_TILL)
def undo(request: HttpRequest, redemption_id: int) -> HttpResponse:
    """Gives the points of a redemption back."""
    one = reward_queries.redemption(redemption_id)
    try:
        # Points that an order holds were never taken: they are let go.
        take_back = operations.release if one.status is RedemptionStatus.HELD else operations.reverse_redemption
        take_back(redemption_id, actor=access.actor_of(request.user), at=timezone.now())
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    else:
        messages.success(request, _("Undone: %(points)s are back.") % {"points": words.points(one.points)})
    return redirect("till_member", one.member_id)


@never_cache
@require_POST
@access.requires(Permission.USE_TILL)
def link(request: HttpRequest, member_id: int) -> HttpResponse:
    """Shows a link to the member's portal, once older ones have ended where that is asked for."""
    at, actor = timezone.now(), access.actor_of(request.user)
    if "renew" in request.POST:
        member_operations.renew_link(member_id, actor=actor, at=at)
    url = portal_operations.hand_out_link(member_id, actor=actor, at=at)
    one = member_queries.member(member_id, at=at)
    context = {
        "member_id": member_id,
        "name": customers.customer(one.customer_id).name or one.number,
        "link": url,
        "qr": qr.svg(url, label=_("QR code of the link")),
    }
    return render(request, "loyalty/till/link.html", context)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.USE_TILL)
def enrol(request: HttpRequest) -> HttpResponse:
    """Makes a member of somebody, known or new."""
    form = EnrolForm(request.POST or None, initial=_initial(request.GET.get("q", "").strip()))
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        key = f"phone:{said['phone']}" if said["phone"] else f"email:{said['email']}"
        traits = {
            "firstName": said["first_name"],
            "lastName": said["last_name"],
            **{name: said[name] for name in ("phone", "email") if said[name]},
        }
        try:
            portal_operations.introduce(
                traits,
                by=EnrolledBy.TILL,
                wording=str(form.fields["agrees"].label),
                language=get_language() or "en",
                at=timezone.now(),
            )
            return redirect("till_enrolling", signing.dumps(key, salt=_SALT))
        except Invalid as error:
            form.add_error(None, reasons.shown(error))
    return render(request, "loyalty/till/enrol.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
@access.requires(Permission.USE_TILL)
def enrolling(request: HttpRequest, token: str) -> HttpResponse:
    """Makes a member of whom the form has introduced, as soon as the log knows him; until then it asks again."""
    try:
        key: str = signing.loads(token, salt=_SALT, max_age=TOKEN_SECONDS)
        customer_id = customers.find(key)
    except signing.BadSignature:
        return redirect("till_enrol")
    except NotFound:
        return waiting(request, "loyalty/till/enrolling.html")
    return _enrolled(request, customer_id)


@require_POST
@access.requires(Permission.USE_TILL)
def enrol_customer(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Makes a member of a customer who is known."""
    return _enrolled(request, customer_id)


def _enrolled(request: HttpRequest, customer_id: int) -> HttpResponse:
    one = member_operations.enrol(
        customer_id, by=EnrolledBy.TILL, actor=access.actor_of(request.user), at=timezone.now()
    )
    messages.success(request, _("Member number %(number)s") % {"number": one.number})
    url = reverse("till_member", args=[one.id])
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)


def _initial(text: str) -> dict[str, str]:
    """What was searched for goes where it belongs."""
    if customers.parse_identifier("email", text):
        return {"email": text}
    if customers.parse_identifier("phone", text):
        return {"phone": text}
    first, _blank, last = text.rpartition(" ")
    return {"first_name": first or last, "last_name": last if first else ""}


def _nonce(request: HttpRequest) -> str:
    """Of the page that was shown: pressing its button twice counts once."""
    return request.POST.get("nonce", "")[:MAX_NONCE]
