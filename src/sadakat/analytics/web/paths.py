"""Paths: what customers do before and after an event."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics.rules import journeys
from sadakat.analytics.types import Direction, Path, PathsFigures, PathsQuestion, Scope
from sadakat.analytics.web.funnels import tabs, usual_days
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, parts, reasons
from sadakat.platform.ui.days import DaysForm

_DIRECTIONS: Final = ((Direction.AFTER, gettext_lazy("after it")), (Direction.BEFORE, gettext_lazy("before it")))
_SCOPES: Final = (
    (Scope.SESSION, gettext_lazy("in the same visit")),
    (Scope.ALL, gettext_lazy("however long it takes")),
)
_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Path")),
    parts.Column(label=gettext_lazy("Share")),
    parts.Column(label=gettext_lazy("Times"), is_numeric=True),
    parts.Column(label=gettext_lazy("Customers"), is_numeric=True),
]


class PathsForm(DaysForm):
    """What is asked."""

    field_order = ("event", "direction", "scope", "steps", "since", "until")
    event = forms.ChoiceField(label=gettext_lazy("Event"), choices=())
    direction = forms.ChoiceField(label=gettext_lazy("What happens"), choices=_DIRECTIONS)
    scope = forms.ChoiceField(label=gettext_lazy("How far"), choices=_SCOPES)
    steps = forms.TypedChoiceField(
        label=gettext_lazy("Steps"), choices=[(n, n) for n in range(1, journeys.MAX_PATH_STEPS + 1)], coerce=int
    )

    def __init__(self, *args: Any, names: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["event"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def paths(request: HttpRequest) -> HttpResponse:
    """The paths of the address; at first those after the most frequent event."""
    names = analytics.event_names()
    first = names[0] if names else ""
    usual: dict[str, Any] = {"event": first, "direction": Direction.AFTER, "scope": Scope.SESSION, "steps": 3}
    said: dict[str, Any] = usual | usual_days() | request.GET.dict()
    form = PathsForm(data=said, names=tuple(dict.fromkeys([*names, str(said["event"])])))
    context: dict[str, Any] = {
        "tabs": tabs("paths"),
        "form": form,
        "empty": parts.Empty(
            icon="activity",
            title=_("No events yet"),
            text=_("Connect your shop with the SDK that it already uses."),
        ),
        "has_events": bool(names),
    }
    if names and form.is_valid():
        given = form.cleaned_data
        question = PathsQuestion(
            event=given["event"],
            since=given["since"],
            until=given["until"] + timedelta(days=1),
            direction=Direction(given["direction"]),
            scope=Scope(given["scope"]),
            steps=given["steps"],
        )
        try:
            context |= _answered(request, analytics.paths(question), question)
        except SadakatError as error:
            context["fault"] = reasons.shown(error)
    return render(request, "analytics/paths.html", context)


def _answered(request: HttpRequest, figures: PathsFigures, question: PathsQuestion) -> dict[str, Any]:
    empty = parts.Empty(icon="activity", title=_("It did not happen in these days"))

    def table(caption: str, found: tuple[Path, ...]) -> parts.Table:
        rows = [_row(path, question) for path in found]
        return parts.short_table(request, caption=caption, columns=_COLUMNS, rows=rows, empty=empty)

    is_after = question.direction is Direction.AFTER
    return {
        "summary": _("%(event)s: times %(times)s, customers %(customers)s")
        % {
            "event": question.event,
            "times": formats.number(figures.times),
            "customers": formats.number(figures.customers),
        },
        "nearest_title": _("What comes next") if is_after else _("What comes right before"),
        "nearest": table(_("Nearest events"), figures.nearest),
        "paths": table(_("Paths"), figures.paths),
    }


def _row(path: Path, question: PathsQuestion) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "direction": question.direction,
        "scope": question.scope,
        "steps": question.steps,
        "since": question.since,
        "until": question.until - timedelta(days=1),
    }
    line = (question.event, *path.events)
    ordered = line if question.direction is Direction.AFTER else line[::-1]
    days: dict[str, Any] = {"since": asked["since"], "until": asked["until"]}
    return {
        "path": path,
        "steps": [(event, f"?{urlencode(asked | {'event': event})}") for event in path.events],
        "bar": charts.share_bar(path.share),
        "funnel_url": f"{resolve_url('funnels')}?{urlencode([*(('event', each) for each in ordered), *days.items()])}"
        if path.events
        else "",
    }
