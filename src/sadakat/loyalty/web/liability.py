"""What the programme owes: figures, how they came to be by month, by tier and by age, and a file for the books."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.loyalty import exporting
from sadakat.loyalty.queries import liability as queries
from sadakat.loyalty.queries import programme as programmes
from sadakat.loyalty.types import Liability, LiabilityPart
from sadakat.loyalty.web import words
from sadakat.loyalty.web.pages import tabs
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import export, formats, parts
from sadakat.platform.ui.days import FIRST_DAY

_ROLLED: Final = {
    "opening_minor": gettext_lazy("Opening"),
    "deferred_minor": gettext_lazy("Deferred"),
    "recognised_minor": gettext_lazy("Recognised"),
    "reversed_minor": gettext_lazy("Reversed"),
    "expired_minor": gettext_lazy("Expired"),
    "reestimated_minor": gettext_lazy("Re-estimated"),
    "closing_minor": gettext_lazy("Closing"),
}
_PART_COLUMNS: Final = (
    parts.Column(label=gettext_lazy("Points"), is_numeric=True),
    parts.Column(label=gettext_lazy("Expected to be used"), is_numeric=True),
    parts.Column(label=gettext_lazy("Worth"), is_numeric=True),
)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def liability(request: HttpRequest) -> HttpResponse:
    """The liability as of a day, today's unless `?as_of=` says another."""
    here = brand.current()
    found, money = queries.liability(as_of=_day(request)), here.currency
    empty = parts.Empty(icon="scale", title=_("No points are outstanding"))

    def amount(value: int) -> str:
        return formats.money(value, currency=money, has_decimals=False)

    def table(caption: str, head: str, rows: Sequence[LiabilityPart], names: Mapping[str, str]) -> parts.Table:
        return parts.short_table(
            request,
            caption=caption,
            columns=[parts.Column(label=head), *_PART_COLUMNS],
            rows=[{"name": names.get(each.key, each.key), "part": each} for each in rows],
            empty=empty,
        )

    context = {
        "tabs": tabs(request, "liability"),
        "as_of": found.as_of,
        "may_export": access.may(request.user, Permission.EXPORT),
        "latest": here.day(timezone.now()),
        "figures": _figures(found, amount),
        "rolled": parts.short_table(
            request,
            caption=_("Roll-forward"),
            columns=[
                parts.Column(label=_("Month")),
                *(parts.Column(label=label, is_numeric=True) for label in _ROLLED.values()),
            ],
            rows=[(each.month, [amount(getattr(each, name)) for name in _ROLLED]) for each in found.roll_forward[::-1]],
            empty=parts.Empty(icon="scale", title=_("No revenue has been deferred yet")),
        ),
        "by_tier": table(_("By tier"), _("Tier"), found.by_tier, _tier_names()),
        "by_age": table(_("By age of the points"), _("Age"), found.by_age, words.ages()),
    }
    return render(request, "loyalty/liability.html", context)


@require_GET
@access.requires(Permission.EXPORT)
def download(request: HttpRequest) -> HttpResponse:
    """All of it as a file for the accountant."""
    day = _day(request)
    rows = exporting.export_liability(as_of=day, actor=access.actor_of(request.user), at=timezone.now())
    return export.csv_answer(f"liability-{day.isoformat()}", heads=exporting.HEADS, rows=rows)


def _day(request: HttpRequest) -> date:
    latest = brand.current().day(timezone.now())
    try:
        said = date.fromisoformat(request.GET.get("as_of", ""))
    except ValueError:
        return latest
    return said if FIRST_DAY < said <= latest else latest


def _figures(found: Liability, amount: Any) -> list[parts.Figure]:
    day = _("as of %(day)s") % {"day": formats.short_date(found.as_of)}
    return [
        parts.Figure(
            label=_("Points outstanding"),
            value=formats.compact(found.outstanding_points),
            note=_("worth %(amount)s at checkout") % {"amount": amount(found.outstanding_minor)},
        ),
        parts.Figure(
            label=_("Expected to be used"),
            value=formats.compact(found.expected_points),
            note=_("worth %(amount)s at checkout") % {"amount": amount(found.expected_minor)},
        ),
        parts.Figure(
            label=_("Breakage"), value=formats.percent(found.breakage_rate), note=_("of points given are never used")
        ),
        parts.Figure(label=_("Deferred revenue"), value=amount(found.deferred_minor), note=day),
    ]


def _tier_names() -> dict[str, str]:
    ladder = programmes.programme().ladder
    return {"": _("No tier yet"), **{tier.key: words.name_of(tier.name, default=tier.key) for tier in ladder.tiers}}
