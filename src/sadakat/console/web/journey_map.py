"""The journey map: the grid, and the same as a picture or a PDF."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics.types import Improvement, MapCell, MapQuestion, Stage, Touchpoint
from sadakat.console.web import map_document
from sadakat.console.web.map_words import MEASURES, action_words, touchpoint_name
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, heat, parts, reasons
from sadakat.platform.ui.days import DaysForm

DAYS: Final = 90
SILENT_DAYS: Final = 14
MAX_SILENT_DAYS: Final = 90
_ACTION_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Improvement")),
    parts.Column(label=gettext_lazy("Where")),
    parts.Column(label=gettext_lazy("Owner")),
    parts.Column(label=gettext_lazy("Due"), is_numeric=True),
    parts.Column(label=gettext_lazy("State")),
]
_NAMES: Final = {"pdf": "application/pdf", "png": "image/png", "svg": "image/svg+xml"}


class MapForm(DaysForm):
    """What the map is asked."""

    silent_days = forms.IntegerField(
        label=gettext_lazy("Silent after, in days"), min_value=1, max_value=MAX_SILENT_DAYS
    )


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def journey_map(request: HttpRequest) -> HttpResponse:
    """The grid, shaded by one measure, and what is to be done."""
    form, question, measure = asked(request.GET)
    context: dict[str, Any] = {"form": form, "measure": measure, "tabs": _tabs(request.GET, measure)}
    actions = analytics.improvements(only_open=True)
    try:
        context |= _grid(question, measure, actions) | {"query": query_of(question)}
    except SadakatError as error:
        context["fault"] = reasons.shown(error)
    context |= {
        "actions": _actions(request, actions),
        "may_edit": access.may(request.user, Permission.MANAGE_GOALS),
        "formats": list(_NAMES),
        "empty": parts.Empty(
            icon="map",
            title=_("Nobody was here in these days"),
            text=_("The map fills by itself as events arrive. Ask for other days, or connect your shop."),
        ),
    }
    return render(request, "console/journey_map.html", context)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def export(request: HttpRequest, form: str) -> HttpResponse:
    """The map as a picture or a PDF, in the reader's language."""
    if form not in _NAMES:
        raise Http404
    _form, question, measure = asked(request.GET)
    here, at = brand.current(), timezone.now()
    actions = analytics.improvements(only_open=True)
    grid = _grid(question, measure, actions)
    shaded = _("shaded by %(measure)s") % {"measure": MEASURES[measure]}
    made = map_document.document(
        grid,
        form=form,
        title=_("Journey map"),
        subtitle=f"{here.name} · {period(question)} · {shaded}",
        notes=_notes(question),
        actions=action_words(actions),
        at=at,
    )
    headers = {"Content-Disposition": f'attachment; filename="journey-map-{question.since}.{form}"'}
    return HttpResponse(made, content_type=_NAMES[form], headers=headers)


def asked(query: QueryDict) -> tuple[MapForm, MapQuestion, str]:
    """Form, question and measure of the address; nonsense means the usual."""
    today = brand.current().day(timezone.now())
    usual: dict[str, Any] = {
        "since": today - timedelta(days=DAYS),
        "until": today - timedelta(days=1),
        "silent_days": SILENT_DAYS,
    }
    form = MapForm(usual | {name: query[name] for name in usual if name in query})
    given = form.cleaned_data if form.is_valid() else usual
    question = MapQuestion(
        since=given["since"], until=given["until"] + timedelta(days=1), silent_days=given["silent_days"]
    )
    measure = query.get("measure", "")
    return form, question, measure if measure in MEASURES else "reach"


def query_of(question: MapQuestion) -> str:
    """The address of a question."""
    last = question.until - timedelta(days=1)
    return urlencode({"since": str(question.since), "until": str(last), "silent_days": str(question.silent_days)})


def _tabs(query: QueryDict, measure: str) -> list[parts.Tab]:
    kept: dict[str, Any] = {name: query[name] for name in ("since", "until", "silent_days") if name in query}
    return parts.tabs("measure", MEASURES, current=measure, url=lambda name: f"?{urlencode(kept | {'measure': name})}")


def period(question: MapQuestion) -> str:
    """The days of a question, in words."""
    last = question.until - timedelta(days=1)
    return f"{formats.short_date(question.since)} – {formats.short_date(last)}"


def _grid(question: MapQuestion, measure: str, actions: Sequence[Improvement]) -> dict[str, Any]:
    """Heads and rows of the map as pages and documents show them."""
    stages = analytics.journey_map(question, at=timezone.now())
    counts = Counter((each.stage, each.touchpoint_key) for each in actions)

    def shown(stage: Stage, point: Touchpoint, found: MapCell) -> dict[str, Any]:
        count = counts[stage, point.key]
        return {
            "url": f"{resolve_url('map_cell', stage, point.key)}?{query_of(question)}&measure={measure}",
            "shade": heat.shade(getattr(found, measure) or 0, top=1),
            "reach": formats.percent(found.reach) if found.reached else "–",
            "lines": [
                *(
                    [_("moved on %(share)s") % {"share": formats.percent(found.conversion)}]
                    if found.conversion is not None
                    else []
                ),
                *(
                    [_("fell silent %(share)s") % {"share": formats.percent(found.drop_off)}]
                    if found.drop_off is not None
                    else []
                ),
                *([_("%(n)s to do") % {"n": formats.number(count)}] if count else []),
            ],
        }

    return {
        "has_people": any(each.customers for each in stages),
        "heads": [(analytics.stage_name(each.stage), _people(each.customers)) for each in stages],
        "rows": [
            {
                "name": touchpoint_name(point),
                "cells": [shown(each.stage, point, each.cells[point.key]) for each in stages],
            }
            for point in analytics.touchpoints()
        ],
    }


def _people(count: int) -> str:
    return ngettext("%(n)s customer", "%(n)s customers", count) % {"n": formats.number(count)}


def _notes(question: MapQuestion) -> list[str]:
    return [
        _(
            "First stands the share of the stage's customers who met the touchpoint in these days; "
            "stages are those at the beginning."
        ),
        _("Moved on: of those, who stood in a later stage at the end.")
        + " "
        + _("Fell silent: of those, who did nothing for %(n)s days after the first meeting in these days.")
        % {"n": formats.number(question.silent_days)},
        _("Satisfaction is not measured yet."),
    ]


def _actions(request: HttpRequest, found: list[Improvement]) -> parts.Table:
    return parts.short_table(
        request,
        caption=_("What is to be done"),
        columns=_ACTION_COLUMNS,
        rows=action_words(found),
        empty=parts.Empty(
            icon="check",
            title=_("Nothing is planned"),
            text=_("Open a cell of the map to say what should become better there."),
        ),
    )
