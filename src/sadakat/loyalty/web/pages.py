"""Loyalty at a glance: members, points by month, what they may cost and what is due."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from sadakat.loyalty.queries import members, overview, tiers
from sadakat.loyalty.queries import programme as programmes
from sadakat.loyalty.queries import rewards as catalogue
from sadakat.loyalty.queries.overview import Due, GroupFigures
from sadakat.loyalty.rules import burning
from sadakat.loyalty.rules.programme import DEFAULT, parse
from sadakat.loyalty.types import Account, Programme
from sadakat.loyalty.web import telling, words
from sadakat.loyalty.web.programme_forms import FileForm
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.brand import Brand
from sadakat.platform.ui import charts, formats, parts

MONTHS: Final = 12
SOON_DAYS: Final = 30
LOW_STOCK: Final = 5
_COMPARED: Final = [
    parts.Column(label=gettext_lazy("Figure")),
    parts.Column(label=gettext_lazy("Members"), is_numeric=True),
    parts.Column(label=gettext_lazy("Others"), is_numeric=True),
    parts.Column(label=gettext_lazy("Difference"), is_numeric=True),
]


def tabs(request: HttpRequest, current: str) -> list[parts.Tab]:
    """The pages of loyalty that the reader may open."""
    labels = {"members": _("Members"), "rewards": _("Rewards")}
    if access.may(request.user, Permission.VIEW_ANALYTICS):
        labels = {
            "loyalty": _("Overview"),
            **labels,
            "programme": _("Programme"),
            "liability": _("Liability"),
        }
    return parts.tabs("tab", labels, current=current, url=reverse)


def may_manage(request: HttpRequest) -> bool:
    """Whether the reader may change what the programme does and what members have."""
    return access.may(request.user, Permission.MANAGE_LOYALTY)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def overview_page(request: HttpRequest) -> HttpResponse:
    """The programme's figures; before there is one, what a sensible one would say. Who sees no figures sees members."""
    if not access.may(request.user, Permission.VIEW_ANALYTICS):
        return redirect("members")
    here, at = brand.current(), timezone.now()
    held = programmes.programme()
    context: dict[str, Any] = {"tabs": tabs(request, "loyalty"), "may_manage": may_manage(request)}
    if not held.version:
        offered = parse(DEFAULT, time_zone=here.time_zone)
        context |= {"topics": telling.told(offered, currency=here.currency), "file_form": FileForm()}
        return render(request, "loyalty/start.html", context)
    day = here.day(at)
    soon = overview.expiring_until(at + timedelta(days=SOON_DAYS), at=at)
    context |= {
        "name": words.name_of(held.name),
        "figures": _figures(held, soon, here=here),
        "tiers": _tiers(held),
        "due": _due(held, soon, day=day),
    }
    return render(request, "loyalty/overview.html", context)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def history(request: HttpRequest) -> HttpResponse:
    """What all entries and orders of these years say, which the overview loads after itself."""
    here = brand.current()
    day = here.day(timezone.now())
    context = {
        "months": _months(day, here=here),
        "groups": _groups(request, overview.groups(day=day), currency=here.currency),
    }
    return render(request, "loyalty/_history.html", context)


def _figures(held: Programme, soon: Due, *, here: Brand) -> list[parts.Figure]:
    points = overview.outstanding()
    outstanding = sum(points.values())
    worth_minor = burning.liability_minor(held.burning, points=outstanding)
    return [
        parts.Figure(
            label=_("Members"),
            value=formats.number(members.member_count()),
            note=_("in the programme now"),
        ),
        parts.Figure(
            label=_("Points outstanding"),
            value=formats.compact(outstanding),
            note=_("%(active)s active, %(pending)s pending")
            % {
                "active": formats.compact(points[Account.ACTIVE] + points[Account.RESERVED]),
                "pending": formats.compact(points[Account.PENDING]),
            },
        ),
        parts.Figure(
            label=_("What they may cost"),
            value=formats.compact_money(worth_minor, currency=here.currency),
            note=_("at most, if all of them are spent"),
            definition_url=reverse("liability"),
        ),
        parts.Figure(
            label=_("Expire in 30 days"),
            value=formats.compact(soon.points),
            note=ngettext("points of %(n)s member", "points of %(n)s members", soon.members)
            % {"n": formats.number(soon.members)},
        ),
    ]


def _months(day: date, *, here: Brand) -> charts.Chart:
    since = date(day.year - 1, day.month, 1)
    found = overview.points_by_month(since=since, until=day + timedelta(days=1), time_zone=here.time_zone)[-MONTHS:]
    return charts.line(
        title=_("Points by month"),
        label_name=_("Month"),
        labels=[formats.month(one.month) for one in found],
        series=[
            charts.Series(_("Given"), [one.given for one in found]),
            charts.Series(_("Spent"), [one.spent for one in found], "c"),
            charts.Series(_("Expired"), [one.expired for one in found], "b"),
        ],
        show=formats.number,
        show_tick=formats.compact,
    )


def _tiers(held: Programme) -> charts.Chart | None:
    ladder = held.ladder.tiers
    if not ladder:
        return None
    sizes = tiers.tier_sizes()
    rows = [(words.name_of(tier.name, default=tier.key), sizes.get(tier.key, 0)) for tier in ladder]
    if below := sizes.get("", 0):
        rows = [(_("No tier yet"), below), *rows]
    return charts.bars(
        title=_("Members by tier"),
        label_name=_("Tier"),
        value_name=_("Members"),
        labels=[label for label, _size in rows],
        values=[size for _label, size in rows],
        show=formats.number,
    )


def compared(label: str, one: float | None, other: float | None, show: Callable[[Any], str]) -> dict[str, str]:
    """A line of a table that sets one figure beside another; the change is that from the other to the one."""
    change = one / other - 1 if one is not None and other else None
    return {
        "label": label,
        "one": show(one),
        "other": show(other),
        "change": formats.percent_change(change, decimals=0),
    }


def whole_amounts(currency: str) -> Callable[[float | None], str]:
    """Tells amounts in minor units without what is less than a whole one of the currency."""
    return lambda value: formats.money(value and round(value), currency=currency, has_decimals=False)


def _groups(request: HttpRequest, found: Sequence[GroupFigures], *, currency: str) -> parts.Table:
    """Members beside all others, figure by figure."""
    by_group = {one.is_member: one for one in found}
    own, others = by_group.get(True), by_group.get(False)

    def ratio(group: GroupFigures | None, top: str, bottom: str) -> float | None:
        return getattr(group, top) / getattr(group, bottom) if group and getattr(group, bottom) else None

    amount = whole_amounts(currency)
    rows = [
        {
            "label": _("Customers who ordered"),
            "one": formats.number(own.customers if own else 0),
            "other": formats.number(others.customers if others else 0),
            "change": "",
        },
        compared(
            _("Orders per customer"),
            ratio(own, "orders", "customers"),
            ratio(others, "orders", "customers"),
            lambda value: formats.number(value, decimals=2),
        ),
        compared(
            _("Average order value"),
            ratio(own, "revenue_minor", "orders"),
            ratio(others, "revenue_minor", "orders"),
            amount,
        ),
        compared(
            _("Revenue per customer"),
            ratio(own, "revenue_minor", "customers"),
            ratio(others, "revenue_minor", "customers"),
            amount,
        ),
        compared(
            _("Came back"), ratio(own, "came_back", "before"), ratio(others, "came_back", "before"), formats.percent
        ),
    ]
    return parts.short_table(
        request,
        caption=_("Members and other customers"),
        columns=_COMPARED,
        rows=rows if found else [],
        empty=parts.Empty(icon="users", title=_("Nobody has ordered in the last two years")),
    )


def _due(held: Programme, soon: Due, *, day: date) -> list[parts.Need]:
    found = []
    if soon.points:
        found.append(
            parts.Need(
                title=_("%(points)s expire within 30 days") % {"points": words.points(soon.points)},
                reason=ngettext(
                    "They belong to %(n)s member, who can still spend them.",
                    "They belong to %(n)s members, who can still spend them.",
                    soon.members,
                )
                % {"n": formats.number(soon.members)},
                verb=_("See members"),
                url=reverse("members"),
                tone="warn",
            )
        )
    found += [
        parts.Need(
            title=_("“%(name)s” is running out") % {"name": words.name_of(reward.name, default=reward.key)},
            reason=_("%(n)s left in stock.") % {"n": formats.number(reward.stock)},
            verb=_("Open the reward"),
            url=reverse("reward", args=[reward.key]),
            tone="bad" if not reward.stock else "warn",
        )
        for reward in catalogue.rewards()
        if reward.stock is not None and reward.stock <= LOW_STOCK
    ]
    for one in held.multipliers:
        edges = [
            edge for edge in (one.starts_on, one.ends_on) if edge and day <= edge <= day + timedelta(days=SOON_DAYS)
        ]
        if edges:
            found.append(
                parts.Need(
                    title=words.name_of(one.name, default=one.key),
                    reason=telling.days(one.starts_on, one.ends_on),
                    verb=_("Open the programme"),
                    url=reverse("programme"),
                )
            )
    return found
