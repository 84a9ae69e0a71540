"""Customer types, RFM segments and clusters: how many, what they bring, and what tells them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics import naming
from sadakat.analytics.naming import Words
from sadakat.analytics.types import Group, RfmCuts
from sadakat.analytics.web.stages import filling, nothing_yet, segment_url, tabs
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, heat, parts
from sadakat.segments import api as segments

_MOVES_DAYS: Final = 90
_SCORES: Final = range(1, 6)
_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Segment")),
    parts.Column(label=gettext_lazy("Customers"), is_numeric=True),
    parts.Column(label=gettext_lazy("Share"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
    parts.Column(label=gettext_lazy("Meaning")),
]
_CUT_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Score")),
    parts.Column(label=gettext_lazy("Days since the last order"), is_numeric=True),
    parts.Column(label=gettext_lazy("Orders"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
]


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def customer_types(request: HttpRequest) -> HttpResponse:
    """Why customers come back, as far as there is evidence."""
    words = naming.words_of(Group.TYPE)
    context = _shared(request, Group.TYPE, words, current="customer_types")
    until = brand.current().day(timezone.now()) + timedelta(days=1)
    moves = segments.moves(group=Group.TYPE, since=until - timedelta(days=_MOVES_DAYS), until=until)
    context["missing"] = _missing()
    context["moves"] = _moves({(each.from_key, each.to_key): each.customers for each in moves}, words)
    return render(request, "analytics/customer_types.html", context)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def rfm(request: HttpRequest) -> HttpResponse:
    """Recency by frequency, the named segments, and where the scores begin."""
    here = brand.current()
    context = _shared(request, Group.RFM, naming.words_of(Group.RFM), current="rfm")
    cuts = analytics.rfm_cuts()
    context["map"] = _rfm_map(currency=here.currency) if cuts else None
    context["empty"] = parts.Empty(
        icon="grid-3x3",
        title=_("No scores yet"),
        text=_("Scores are fifths of all who ordered in the last 365 days; they need 25 customers."),
    )
    context["cuts"] = _cuts(request, cuts, currency=here.currency) if cuts else None
    return render(request, "analytics/rfm.html", context)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def clusters(request: HttpRequest) -> HttpResponse:
    """Customers who are alike."""
    words = naming.words_of(Group.CLUSTER, clusters=analytics.cluster_portraits())
    return render(request, "analytics/clusters.html", _shared(request, Group.CLUSTER, words, current="clusters"))


def _shared(request: HttpRequest, group: Group, words: Mapping[str, Words], *, current: str) -> dict[str, Any]:
    here = brand.current()
    today = here.day(timezone.now())
    known = {each.key: each for each in analytics.group_sizes(group, as_of=today)}
    everybody = sum(each.customers for each in known.values())
    rows = [
        {
            "words": said,
            "url": segment_url(key),
            "customers": formats.number(found.customers if found else 0),
            "share": formats.percent((found.customers if found else 0) / everybody),
            "revenue": formats.money(
                found.revenue.amount_minor if found else 0, currency=here.currency, has_decimals=False
            ),
        }
        for key, said in (words.items() if everybody else ())
        for found in [known.get(key)]
    ]
    return {
        "tabs": tabs(current),
        "may_set": access.may(request.user, Permission.MANAGE_SEGMENTS),
        "note": formats.long_date(today),
        "filling": filling(group),
        "table": parts.short_table(
            request,
            caption=str(naming.GROUP_LABELS[group]),
            columns=_COLUMNS,
            rows=rows,
            empty=nothing_yet(),
        ),
    }


def _missing() -> list[parts.Need]:
    """What keeps customers from having a type, and what would tell."""
    told = analytics.known_habits()
    needs = {
        "habit_deal_share": (
            _("No order names a coupon or a discount"),
            _("Whether a customer pays full price is not known. Send coupon and discount with Order Completed."),
        ),
        "habit_categories": (
            _("No product has a department"),
            _("How broadly a customer buys is not known. Send the catalogue, or import it."),
        ),
        "habit_recommendations": (
            _("Nobody is known to recommend"),
            _("Nobody can be called truly loyal. Send Product Shared or Cart Shared."),
        ),
        "habit_rating": (
            _("Nobody has rated anything"),
            _("Nobody can be called satisfied. Send Product Reviewed with a rating."),
        ),
    }
    return [
        parts.Need(title=title, reason=reason, verb="", url="", tone="warn")
        for name, (title, reason) in needs.items()
        if name not in told
    ]


def _moves(moves: Mapping[tuple[str, str], int], words: Mapping[str, Words]) -> heat.HeatMap | None:
    if not moves:
        return None
    names = {**{key: said.name for key, said in words.items()}, "": _("Not known yet")}
    return heat.heat_map(
        caption=_("From the type, down, to the type, across"),
        heads=[_("From"), "", *(said.name for said in words.values())],
        rows=[(name, "", [moves.get((start, end)) for end in words]) for start, name in names.items()],
        show=formats.number,
    )


def _rfm_map(*, currency: str) -> heat.HeatMap:
    cells = {
        (cell.recency, cell.frequency): cell for cell in analytics.rfm_cells(as_of=brand.current().day(timezone.now()))
    }
    top = max((cell.customers for cell in cells.values()), default=0)

    def cell(recency: int, frequency: int) -> heat.Cell | None:
        found = cells.get((recency, frequency))
        if found is None:
            return None
        revenue = formats.compact_money(found.revenue.amount_minor, currency=currency)
        return heat.Cell(f"{formats.number(found.customers)} · {revenue}", heat.shade(found.customers, top=top))

    return heat.HeatMap(
        caption=_("Customers and revenue by recency, down, and frequency, across"),
        heads=[_("Recency"), "", *(f"F{frequency}" for frequency in _SCORES)],
        rows=[
            heat.Row(f"R{recency}", "", [cell(recency, frequency) for frequency in _SCORES])
            for recency in reversed(_SCORES)
        ],
        has_notes=False,
    )


def _cuts(request: HttpRequest, cuts: RfmCuts, *, currency: str) -> parts.Table:
    def amount(minor: int) -> str:
        return formats.money(minor, currency=currency, has_decimals=False)

    rows = []
    for score in reversed(_SCORES):
        days = [None, *cuts.recency, None][5 - score : 7 - score]
        orders, revenue = ([None, *each, None][score - 1 : score + 1] for each in (cuts.frequency, cuts.monetary))
        rows.append(
            {
                "score": score,
                "days": _between(days, formats.number),
                "orders": _between(orders, formats.number),
                "revenue": _between(revenue, amount),
            }
        )
    return parts.short_table(
        request, caption=_("Where the scores begin"), columns=_CUT_COLUMNS, rows=rows, empty=nothing_yet()
    )


def _between(ends: list[int | None], show: Any) -> str:
    """A span that begins beyond its first end and takes in its second."""
    low, high = ends
    if low is None:
        return _("up to %(high)s") % {"high": show(high)}
    if high is None:
        return _("above %(low)s") % {"low": show(low)}
    return "–" if low == high else _("above %(low)s, up to %(high)s") % {"low": show(low), "high": show(high)}
