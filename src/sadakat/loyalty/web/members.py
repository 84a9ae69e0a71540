"""Members: the list, and one member with points, tier, ledger and redemptions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.customers import api as customers
from sadakat.loyalty import models
from sadakat.loyalty.queries import ledger
from sadakat.loyalty.queries import members as queries
from sadakat.loyalty.queries import programme as programmes
from sadakat.loyalty.queries import rewards as catalogue
from sadakat.loyalty.queries import tiers as standings
from sadakat.loyalty.rules import burning
from sadakat.loyalty.rules.rewards import hindrance
from sadakat.loyalty.types import EnrolledBy, Member, Programme, TierMetric
from sadakat.loyalty.web import member_tables, portal_words, telling, words
from sadakat.loyalty.web.pages import may_manage, tabs
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts

PAGE_SIZE: Final = 50
_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Card")),
    parts.Column(label=gettext_lazy("Tier")),
    parts.Column(label=gettext_lazy("Active"), is_numeric=True),
    parts.Column(label=gettext_lazy("Pending"), is_numeric=True),
    parts.Column(label=gettext_lazy("Ever earned"), is_numeric=True),
    parts.Column(label=gettext_lazy("Member since")),
]
_EXPIRING: Final = [
    parts.Column(label=gettext_lazy("Last day")),
    parts.Column(label=gettext_lazy("Points"), is_numeric=True),
]
_HOUSEHOLD: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Points"), is_numeric=True),
]


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def members(request: HttpRequest) -> HttpResponse:
    """Members whose name, number, e-mail or phone is searched for, or of one tier."""
    here, held = brand.current(), programmes.programme()
    text, tier = request.GET.get("q", "").strip(), request.GET.get("tier", "")
    said = request.GET.get("after", "")
    after = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0
    found = queries.search_members(text, tier=tier, after=after, limit=PAGE_SIZE + 1, at=timezone.now())
    shown = found[:PAGE_SIZE]
    names = names_of([each.customer_id for each in shown])
    kept = {key: value for key, value in (("q", text), ("tier", tier)) if value}
    context = {
        "tabs": tabs(request, "members"),
        "text": text,
        "tier": tier,
        "tier_tabs": _tier_tabs(held, tier=tier, text=text),
        "table": parts.short_table(
            request,
            caption=_("Members"),
            columns=_COLUMNS,
            rows=[
                {"member": each, "name": names.get(each.customer_id, ""), "tier": tier_name(each, held)}
                for each in shown
            ],
            empty=_nobody(is_asked=bool(kept)),
        ),
        "next_url": _url(kept, after=shown[-1].id) if len(found) > PAGE_SIZE else "",
        "first_url": _url(kept) if after else "",
        "zone": here.zone,
    }
    return render(request, "loyalty/members.html", context)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def member(request: HttpRequest, member_id: int) -> HttpResponse:
    """One member; `?before=` are older lines of the ledger."""
    here, at, held = brand.current(), timezone.now(), programmes.programme()
    found = queries.member(member_id, at=at)
    if found.id != member_id:
        return redirect("member", member_id=found.id)
    rewards = {each.key: each for each in catalogue.rewards(include_archived=True)}
    is_manager, taken = may_manage(request), catalogue.taken_by(member_id)
    context = {
        "member": found,
        "name": names_of([found.customer_id]).get(found.customer_id, "") or found.number,
        "note": _("Card %(number)s, member since %(day)s %(way)s")
        % {
            "number": found.number,
            "day": formats.short_date(found.enrolled_at.astimezone(here.zone).date()),
            "way": words.ENROLLED_BY[EnrolledBy(found.enrolled_by)],
        },
        "strip": strip(found, held, currency=here.currency),
        "progress": progress(found, held, here=here),
        "expiring": parts.short_table(
            request,
            caption=_("Points that expire"),
            columns=_EXPIRING,
            rows=[(words.last_day(each.expires_at, zone=here.zone), each.points) for each in found.expiring],
            empty=parts.Empty(icon="hourglass", title=_("No points expire")),
        ),
        "household": household(request, found, at=at),
        "changes": _tier_changes(member_id, held),
        "ledger": member_tables.lines(request, member_id, held, rewards, may_undo=is_manager, zone=here.zone),
        "redemptions": member_tables.redeemed(
            request, member_id, rewards, may_manage=is_manager, currency=here.currency
        ),
        "may_manage": is_manager,
        "tiers": [(tier.key, words.name_of(tier.name, default=tier.key)) for tier in held.ladder.tiers],
        "affordable": [
            {"reward": each, "name": words.name_of(each.name, default=each.key)}
            for each in rewards.values()
            if not hindrance(
                each,
                tier_key=found.tier.key,
                taken=taken.get(each.key, 0),
                at=at,
                active=found.spendable,
            )
        ],
        "nonce": uuid4(),
    }
    return render(request, "loyalty/member.html", context)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def of_customer(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The membership of a customer: a part of the page of that customer, asked for by it."""
    here, held = brand.current(), programmes.programme()
    found = queries.member_of(customer_id, at=timezone.now()) if held.version else None
    context: dict[str, Any] = {
        "customer_id": customer_id,
        "is_running": bool(held.version),
        "member": found,
        "may_manage": may_manage(request),
    }
    if found is not None:
        context |= {
            "strip": strip(found, held, currency=here.currency),
            "progress": progress(found, held, here=here),
            "soonest": found.expiring[0] if found.expiring else None,
            "last_day": words.last_day(found.expiring[0].expires_at, zone=here.zone) if found.expiring else None,
        }
    return render(request, "loyalty/_customer.html", context)


def names_of(customer_ids: Sequence[int]) -> dict[int, str]:
    """What customers are called."""
    return {row.id: row.name for row in customers.customer_rows(customer_ids)}


def called(member_ids: Collection[int]) -> dict[int, str]:
    """Member → what he is called, else his card number."""
    members = models.Member.objects.filter(pk__in=member_ids).values_list("pk", "customer_id", "number")
    names = names_of([customer_id for _, customer_id, _ in members])
    return {pk: names.get(customer_id) or portal_words.grouped(number) for pk, customer_id, number in members}


def household(request: HttpRequest, found: Member, *, at: datetime) -> dict[str, Any]:
    """Who is in the household of a member, with the active points of each, and of all of them."""
    ids = found.household.member_ids if found.household else ()
    names, balances = called(ids), ledger.balances(ids, at=at)
    table = parts.short_table(
        request,
        caption=_("Household"),
        columns=_HOUSEHOLD,
        rows=[(id_, names[id_], balances[id_].active) for id_ in ids],
        empty=parts.Empty(icon="users", title=_("In no household")),
    )
    return {"table": table, "points": sum(balance.active for balance in balances.values())}


def tier_name(found: Member, held: Programme) -> str:
    """The tier of a member in the reader's language; empty below the lowest."""
    tiers = {tier.key: tier.name for tier in held.ladder.tiers}
    return words.name_of(tiers.get(found.tier.key, {}), default=found.tier.name)


def strip(found: Member, held: Programme, *, currency: str) -> list[tuple[str, str]]:
    """What a member has, in figures."""
    balance = found.balance
    worth_minor = burning.worth_minor(held.burning, points=balance.active)
    return [
        (_("Active points"), formats.number(balance.active)),
        (_("Worth at checkout"), formats.money(worth_minor, currency=currency)),
        (_("Pending"), formats.number(balance.pending)),
        *([(_("Reserved"), formats.number(balance.reserved))] if balance.reserved else []),
        *([(_("Owed"), formats.number(balance.deficit))] if balance.deficit else []),
        (_("Ever earned"), formats.number(balance.lifetime)),
    ]


def progress(found: Member, held: Programme, *, here: brand.Brand) -> dict[str, Any]:
    """Where a member stands on the ladder, and what is missing to the next tier."""
    standing, ladder = found.tier, held.ladder
    names = {tier.key: tier for tier in ladder.tiers}

    def amount(value: Any) -> str:
        return words.metric_value(value, metric=TierMetric(ladder.metric), currency=here.currency)

    own, following = names.get(standing.key), names.get(standing.next_key)
    goal = standing.value + standing.missing
    return {
        "name": words.name_of(own.name, default=own.key) if own else _("No tier yet"),
        "standing": standing,
        "last_day": words.last_day(standing.until_at, zone=here.zone),
        "next": words.name_of(following.name, default=following.key) if following else "",
        "missing": amount(standing.missing),
        "value": amount(standing.value),
        "done": int(100 * standing.value / goal) if following and goal else 100,
        "window": telling.window(ladder),
        "benefits": telling.benefits(own) if own else [],
        "has_tiers": bool(ladder.tiers),
    }


def _tier_tabs(held: Programme, *, tier: str, text: str) -> list[parts.Tab]:
    labels = {"": _("All"), **{each.key: words.name_of(each.name, default=each.key) for each in held.ladder.tiers}}
    return parts.tabs("tier", labels, current=tier, url=lambda key: _url({"q": text, "tier": key}))


def _url(kept: Mapping[str, str], **more: str | int) -> str:
    return f"{reverse('members')}?{urlencode({key: value for key, value in {**kept, **more}.items() if value})}"


def _nobody(*, is_asked: bool) -> parts.Empty:
    if is_asked:
        return parts.Empty(icon="search", title=_("No member fits"), text=_("Search for less, or in all tiers."))
    return parts.Empty(
        icon="users",
        title=_("No members yet"),
        text=_("Customers become members as the programme says: by ordering, by a form or at the till."),
        url=reverse("loyalty"),
        verb=_("See the programme"),
    )


def _tier_changes(member_id: int, held: Programme) -> list[dict[str, Any]]:
    names = {tier.key: words.name_of(tier.name, default=tier.key) for tier in held.ladder.tiers}
    none = _("No tier yet")
    return [
        {
            "from": names.get(each.from_key, each.from_key or none),
            "to": names.get(each.to_key, each.to_key or none),
            "at": each.at,
            "reason": words.TIER_REASONS.get(each.reason, each.reason),
        }
        for each in standings.tier_changes(member_id)
    ]
