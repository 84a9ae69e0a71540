"""The till: finding a member while a customer waits, and what a basket earns and what points take off it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.customers import api as customers
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid
from sadakat.loyalty.queries import earning
from sadakat.loyalty.queries import ledger as ledger_queries
from sadakat.loyalty.queries import members as member_queries
from sadakat.loyalty.queries import programme as programme_queries
from sadakat.loyalty.queries import rewards as reward_queries
from sadakat.loyalty.rules import burning, cards
from sadakat.loyalty.rules.rewards import Hindrance, closed, hindrance
from sadakat.loyalty.types import Member, Programme, Quote, Redemption, RedemptionStatus, Reward
from sadakat.loyalty.web import portal_words, words
from sadakat.loyalty.web.members import called
from sadakat.loyalty.web.pages import may_manage
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts, reasons

MAX_FOUND: Final = 20
LATEST: Final = 8
LINES: Final = 4
MAX_TEXT: Final = 200
CHANNEL: Final = "store"
SHOWN_SIGNS: Final = 5
"""Of a code, to whoever does not run the programme: enough to compare it with what a customer shows, not to use it."""
_WHY: Final = {
    Hindrance.TIER: gettext_lazy("not for this tier"),
    Hindrance.TAKEN: gettext_lazy("already had as often as it can be"),
    Hindrance.POINTS: gettext_lazy("not enough points"),
}


class BasketForm(forms.Form):
    """What the customer is about to buy."""

    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        required=False,
        min_value=0,
        max_value=Decimal(10**9),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "autofocus": True}),
        localize=True,
    )
    points = forms.IntegerField(
        label=gettext_lazy("Points to pay with"),
        required=False,
        min_value=0,
        max_value=10**12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        localize=True,
    )
    store = forms.CharField(label=gettext_lazy("Store"), required=False, max_length=100)


class LineForm(forms.Form):
    """A line of the basket, where rules look at products."""

    product = forms.CharField(label=gettext_lazy("Product number"), required=False, max_length=200)
    quantity = forms.DecimalField(
        label=gettext_lazy("Quantity"),
        required=False,
        min_value=Decimal("0.001"),
        max_value=10**6,
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    price = forms.DecimalField(
        label=gettext_lazy("Price"),
        required=False,
        min_value=0,
        max_value=Decimal(10**9),
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )


@dataclass(frozen=True, slots=True)
class Basket:
    """A basket with what points take off it and what is earned by the rest."""

    amount: str
    points: int
    """That pay, after clamping; 0: none."""
    off: str
    to_pay: str
    note: str
    """Why fewer points pay than were asked for."""
    most: int
    """That could pay."""
    quote: Quote
    rules: Sequence[tuple[str, str, str]]
    """Name, points, and why a rule gave less."""
    multipliers: str


@require_GET
@access.requires(Permission.USE_TILL)
def start(request: HttpRequest) -> HttpResponse:
    """Finds a member by card number, phone, e-mail or name; one that fits is opened at once."""
    text = request.GET.get("q", "").strip()[:MAX_TEXT]
    here = brand.current()
    context: dict[str, Any] = {"q": text, "fault": "", "rows": (), "zone": here.zone}
    if text:
        try:
            found = _found(text)
        except Invalid as error:
            context["fault"] = reasons.shown(error)
        else:
            if len(found) == 1 and found[0]["member_id"]:
                return redirect("till_member", found[0]["member_id"])
            context["rows"] = found
            context["empty"] = parts.Empty(
                icon="user-x",
                title=_("Nobody is known as %(text)s") % {"text": text},
                text=_("Check the spelling, or enrol the customer as a new member."),
                url=f"{reverse('till_enrol')}?{urlencode({'q': text})}",
                verb=_("Enrol somebody new"),
            )
    latest = reward_queries.redemptions(limit=LATEST)
    names = called({each.member_id for each in latest})
    rewards = _rewards()
    context["latest"] = [
        _latest(each, rewards, currency=here.currency, name=names.get(each.member_id, "")) for each in latest
    ]
    return render(request, "loyalty/till/start.html", context, status=422 if context["fault"] else 200)


@require_GET
@access.requires(Permission.USE_TILL)
def member(request: HttpRequest, member_id: int) -> HttpResponse:
    """One member at the till; the basket stands in the address."""
    at, here = timezone.now(), brand.current()
    one = member_queries.member(member_id, at=at)
    programme = programme_queries.programme()
    is_asked = "amount" in request.GET
    store = request.GET.get("store", request.session.get("till_store", ""))
    form = BasketForm(request.GET if is_asked else None, initial={"store": store})
    lines = _lines(request, is_asked=is_asked)
    basket = None
    if is_asked and form.is_valid() and all(line.is_valid() for line in lines):
        request.session["till_store"] = form.cleaned_data["store"]
        try:
            basket = _basket(one, programme, form.cleaned_data, [line.cleaned_data for line in lines])
        except Invalid as error:
            form.add_error("amount", reasons.shown(error))
    if basket and basket.points:
        # What comes next is the receipt and the button beside it.
        del form.fields["amount"].widget.attrs["autofocus"]
    person = customers.customer(one.customer_id)
    rewards, taken = _rewards(), reward_queries.taken_by(one.id)
    offered = [each for each in rewards.values() if not closed(each, at=at)]
    movements = portal_words.movements(
        ledger_queries.ledger(one.id, limit=LATEST), programme=programme, rewards=rewards, zone=here.zone, now=at
    )
    is_manager = may_manage(request)
    context = {
        "member": one,
        "name": person.name or _("Member"),
        "identifiers": ", ".join(each.value for each in person.identifiers if each.type in {"email", "phone"}),
        "card": portal_words.grouped(one.number),
        "tier": next((words.name_of(each.name) for each in programme.ladder.tiers if each.key == one.tier.key), ""),
        "of_others": one.spendable - one.balance.active,
        "worth": portal_words.worth(one.spendable, programme=programme, currency=here.currency),
        "form": form,
        "lines": lines,
        "has_lines": any(line.has_changed() for line in lines),
        "basket": basket,
        "rewards": [
            _reward(each, one, taken=taken.get(each.key, 0), number=number, at=at)
            for number, each in enumerate(offered)
        ],
        "latest": [
            _latest(each, rewards, currency=here.currency, code=each.code if is_manager else each.code[-SHOWN_SIGNS:])
            for each in reward_queries.redemptions(member_id=one.id, limit=LATEST)
        ],
        "movements": movements,
        "nonce": secrets.token_hex(8),
        "zone": here.zone,
        "may_see_customer": access.may(request.user, Permission.VIEW_CUSTOMERS),
    }
    return render(request, "loyalty/till/member.html", context, status=422 if form.errors else 200)


def _rewards() -> dict[str, Reward]:
    """By key, those of the past too."""
    return {each.key: each for each in reward_queries.rewards(include_archived=True)}


def _latest(
    one: Redemption, rewards: Mapping[str, Reward], *, currency: str, name: str = "", code: str = ""
) -> dict[str, Any]:
    """A redemption with whether it can be undone, `name`, whose it is, and as much of its code as may be seen."""
    status, tone = words.STATUSES[one.status]
    what = words.name_of(rewards[one.reward_key].name) if one.reward_key else _("Points at checkout")
    return {
        "id": one.id,
        "member_id": one.member_id,
        "name": name,
        "what": what,
        "note": " · ".join(filter(None, (one.order_id, code))),
        "points": words.points(one.points),
        "value": formats.money(one.value_minor, currency=currency),
        "status": status,
        "tone": tone,
        "at": one.created_at,
        "can_undo": one.status in {RedemptionStatus.DONE, RedemptionStatus.HELD},
        "dialog": f"undo-{one.id}",
    }


def _found(text: str) -> list[dict[str, Any]]:
    """Customers who fit, with their membership. A whole card number is looked up alone.

    Raises:
        Invalid: a card number of ours with a check digit that does not fit.
    """
    digits = "".join(text.replace("-", " ").split())
    if digits.isascii() and digits.isdigit() and len(digits) == cards.DIGITS and digits.startswith(cards.PREFIX):
        one = member_queries.member_numbered(cards.read_number(text), at=timezone.now())
        return [{"member_id": one.id}] if one else []
    rows = customers.search(text, page_size=MAX_FOUND).rows
    of_customer = member_queries.members_of([row.id for row in rows])
    return [
        {
            "member_id": of_customer.get(row.id),
            "customer_id": row.id,
            "name": row.name or _("No name"),
            "keys": ", ".join(key.partition(":")[2] for key in row.identifiers),
        }
        for row in rows
    ]


def _lines(request: HttpRequest, *, is_asked: bool) -> list[LineForm]:
    return [LineForm(request.GET if is_asked else None, prefix=f"line{number}", initial={}) for number in range(LINES)]


def _basket(one: Member, programme: Programme, said: dict[str, Any], lines: Sequence[dict[str, Any]]) -> Basket:
    """What is to pay and what it earns: what points pay earns nothing."""
    currency = brand.current().currency
    bought = [line for line in lines if line.get("price") is not None]
    summed = sum((line["price"] * (line["quantity"] or 1) for line in bought), Decimal(0))
    amount = said["amount"] if said["amount"] is not None else summed
    if not amount:
        raise Invalid("a basket needs an amount above zero, or lines with prices")
    amount_minor = money.to_minor(amount, currency=currency)
    active, rules = one.spendable, programme.burning
    most = burning.burnable(rules, asked=active, active=active, order_minor=amount_minor)
    asked = said["points"] or 0
    points = burning.burnable(rules, asked=asked, active=active, order_minor=amount_minor)
    off_minor = burning.worth_minor(rules, points=points)
    to_pay_minor = amount_minor - off_minor
    order: dict[str, Any] = {
        "revenue": str(money.to_major(to_pay_minor, currency=currency)),
        "total": str(money.to_major(to_pay_minor, currency=currency)),
        "discount": str(money.to_major(off_minor, currency=currency)),
        "currency": currency,
        "channel": CHANNEL,
        "products": [
            {"product_id": line["product"], "price": str(line["price"]), "quantity": str(line["quantity"] or 1)}
            for line in bought
        ],
    }
    if said["store"]:
        order["store_id"] = said["store"]
    names = {rule.key: rule.name for rule in programme.rules}
    quote = earning.quote_order(one.customer_id, order, at=timezone.now())
    return Basket(
        amount=str(money.to_major(amount_minor, currency=currency)),
        points=points,
        off=formats.money(off_minor, currency=currency),
        to_pay=formats.money(to_pay_minor, currency=currency),
        note=_clamped(asked, points),
        most=most,
        quote=quote,
        rules=[
            (words.name_of(names.get(rule.key, {}), default=rule.name), formats.number(rule.points), rule.refusal)
            for rule in quote.rules
        ],
        multipliers=" × ".join(words.decimal(factor) for factor in quote.multipliers.values()),
    )


def _clamped(asked: int, points: int) -> str:
    if points == asked:
        return ""
    return _(
        "%(asked)s were asked for; %(points)s can pay: whole steps, what the member has, and the order's share."
    ) % {
        "asked": words.points(asked),
        "points": words.points(points),
    }


def _reward(reward: Reward, one: Member, *, taken: int, number: int, at: datetime) -> dict[str, Any]:
    found = hindrance(reward, tier_key=one.tier.key, taken=taken, at=at, active=one.spendable)
    return {
        "key": reward.key,
        "name": words.name_of(reward.name),
        "points": words.points(reward.points),
        "can": found is None,
        "why": _WHY[found] if found else "",
        "dialog": f"reward-{number}",
    }
