"""Customers by stage and phase: now, month by month, and between two days."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics import naming
from sadakat.analytics.naming import Words
from sadakat.analytics.types import Group, StageCell, StageSizes
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, heat, parts
from sadakat.platform.ui.days import DaysForm
from sadakat.segments import api as segments

_LOOK_BACK: Final = timedelta(days=90)
_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Stage")),
    parts.Column(label=gettext_lazy("Customers"), is_numeric=True),
    parts.Column(label=gettext_lazy("Share"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
    parts.Column(label=gettext_lazy("Median time in it"), is_numeric=True),
    parts.Column(label=gettext_lazy("Last 12 months")),
]


class _Span(DaysForm):
    """Two days that are compared."""

    def clean(self) -> None:
        """Refuses days in the wrong order."""
        days = self.cleaned_data
        if {"since", "until"} <= set(days) and days["since"] >= days["until"]:
            self.add_error("until", _("The second day must be after the first."))


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def stages(request: HttpRequest) -> HttpResponse:
    """Who stands where, how long, and who has moved."""
    here = brand.current()
    today = here.day(timezone.now())
    span, since, until = _span(request, today)
    words = naming.words_of(Group.STAGE)
    cells = analytics.stage_cells(as_of=today)
    trend = analytics.stage_trend()
    context = {
        "tabs": tabs("stages"),
        "may_set": access.may(request.user, Permission.MANAGE_SEGMENTS),
        "note": formats.long_date(today),
        "filling": filling(Group.STAGE, Group.PHASE),
        "table": _table(request, cells, words, trend, currency=here.currency),
        "phases": _phases(cells, words, currency=here.currency) if cells else None,
        "span": span,
        "moves": None if span.errors else _moves(since, until, words),
        "trend": _trend(trend, words) if trend else None,
    }
    return render(request, "analytics/stages.html", context)


def tabs(current: str) -> list[parts.Tab]:
    """The pages about groups, as a segmented control."""
    pages = {"stages": _("Stages"), "customer_types": _("Types"), "rfm": _("RFM"), "clusters": _("Clusters")}
    return parts.tabs("tab", pages, current=current, url=reverse)


def filling(*groups: Group) -> bool:
    """Whether somebody is still being asked the rules of these groups."""
    return any(not each.is_ready for group in groups for each in segments.segments(group=group))


def segment_url(key: str) -> str:
    """The page of a group's segment."""
    return reverse("segment", args=[key])


def _span(request: HttpRequest, today: date) -> tuple[_Span, date, date]:
    """The days of the address; without any, the latest ninety."""
    usual = {"since": today - _LOOK_BACK, "until": today}
    form = _Span(request.GET) if {"since", "until"} & set(request.GET) else _Span(initial=usual)
    days = form.cleaned_data if form.is_bound and form.is_valid() else usual
    return form, days["since"], days["until"]


def _table(
    request: HttpRequest,
    cells: Sequence[StageCell],
    words: Mapping[str, Words],
    trend: Sequence[StageSizes],
    *,
    currency: str,
) -> parts.Table:
    everybody = sum(cell.customers for cell in cells)
    times = {each.stage: each for each in analytics.stage_times()}
    rows = []
    for key, said in words.items() if cells else ():
        mine = [cell for cell in cells if cell.stage == key]
        customers = sum(cell.customers for cell in mine)
        there = times.get(key)
        rows.append(
            {
                "words": said,
                "url": segment_url(key),
                "customers": formats.number(customers),
                "share": formats.percent(customers / everybody),
                "revenue": formats.money(
                    sum(cell.revenue.amount_minor for cell in mine), currency=currency, has_decimals=False
                ),
                "time": _days(there.days, is_at_least=there.is_at_least) if there else formats.UNKNOWN,
                "spark": charts.sparkline([each.sizes.get(key, 0) for each in trend]) if trend else "",
            }
        )
    return parts.short_table(request, caption=_("Stages"), columns=_COLUMNS, rows=rows, empty=nothing_yet())


def nothing_yet() -> parts.Empty:
    """What stands where the first run has not been."""
    return parts.Empty(
        icon="milestone",
        title=_("Nothing computed yet"),
        text=_("Groups are computed every night, for the first time within a day."),
    )


def _days(days: int, *, is_at_least: bool) -> str:
    text = ngettext("%(days)s day", "%(days)s days", days) % {"days": formats.number(days)}
    return _("at least %(time)s") % {"time": text} if is_at_least else text


def _phases(cells: Sequence[StageCell], words: Mapping[str, Words], *, currency: str) -> heat.HeatMap:
    """Stages by phases: customers, with their revenue in words."""
    phases = naming.words_of(Group.PHASE)
    known = {(cell.stage, cell.phase): cell for cell in cells}
    top = max(cell.customers for cell in cells)

    def cell(stage: str, phase: str) -> heat.Cell | None:
        found = known.get((stage, phase))
        if found is None:
            return None
        revenue = formats.compact_money(found.revenue.amount_minor, currency=currency)
        return heat.Cell(f"{formats.number(found.customers)} · {revenue}", heat.shade(found.customers, top=top))

    return heat.HeatMap(
        caption=_("Customers and revenue by stage and phase"),
        heads=[_("Stage"), "", *(said.name for said in phases.values())],
        rows=[
            heat.Row(said.name, "", [cell(key, phase) for phase in phases], url=segment_url(key))
            for key, said in words.items()
        ],
        has_notes=False,
    )


def _moves(since: date, until: date, words: Mapping[str, Words]) -> heat.HeatMap | None:
    moves = {(each.from_key, each.to_key): each.customers for each in analytics.stage_moves(since=since, until=until)}
    names = {**{key: said.name for key, said in words.items()}, "": _("Not known yet")}
    rows: list[tuple[str, str, list[Any]]] = []
    for start, name in names.items():
        values = [moves.get((start, end)) for end in words]
        rows.append((name, formats.number(sum(value or 0 for value in values)), values))
    moved = [count for (start, end), count in moves.items() if start != end]
    return heat.heat_map(
        caption=_("From the stage on the first day, down, to that on the second, across"),
        heads=[_("From"), _("Customers"), *(said.name for said in words.values())],
        rows=rows,
        show=formats.number,
        # Most people stay where they are: the shades are for those who moved.
        top=max(moved, default=0),
    )


def _trend(trend: Sequence[StageSizes], words: Mapping[str, Words]) -> heat.HeatMap:
    return heat.heat_map(
        caption=_("Customers in each stage as the day began"),
        heads=[_("Stage"), "", *(formats.day_month(each.day) for each in trend)],
        rows=[(said.name, "", [each.sizes.get(key, 0) for each in trend]) for key, said in words.items()],
        show=formats.compact,
    )
