"""Funnels: a question that stands whole in the address, its answer, and the ones that people keep."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from sadakat.analytics import api as analytics
from sadakat.analytics.rules import journeys
from sadakat.analytics.types import FunnelFigures, FunnelQuestion, KeptFunnel, StepFigures
from sadakat.commerce import api as commerce
from sadakat.kernel.errors import SadakatError
from sadakat.kernel.predicates.parsing import duration
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, parts, reasons
from sadakat.platform.ui.days import DaysForm
from sadakat.segments import api as segments

DAYS: Final = 90
_OPS: Final = (
    ("is", gettext_lazy("is")),
    ("is_not", gettext_lazy("is not")),
    ("contains", gettext_lazy("contains")),
    ("at_least", gettext_lazy("at least")),
    ("at_most", gettext_lazy("at most")),
    ("exists", gettext_lazy("is known")),
)
_WINDOWS: Final = ("30m", "1h", "1d", "7d", "14d", "30d", "90d", "365d")
_PER_STEP: Final = (("", gettext_lazy("from the first step")), ("1", gettext_lazy("from the step before")))
_STEP_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Step")),
    parts.Column(label=gettext_lazy("Customers"), is_numeric=True),
    parts.Column(label=gettext_lazy("Of the first"), is_numeric=True),
    parts.Column(label=gettext_lazy("Of the step before"), is_numeric=True),
    parts.Column(label=gettext_lazy("Lost here"), is_numeric=True),
    parts.Column(label=gettext_lazy("Median time"), is_numeric=True),
]


class FunnelForm(DaysForm):
    """What is asked besides the steps."""

    window = forms.ChoiceField(label=gettext_lazy("Within"), choices=())
    per_step = forms.ChoiceField(label=gettext_lazy("Counted"), choices=_PER_STEP, required=False)
    by = forms.ChoiceField(label=gettext_lazy("Break down by"), choices=(), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["window"].choices = [(each, window_words(each)) for each in _WINDOWS]  # type: ignore[attr-defined]
        self.fields["by"].choices = _part_choices()  # type: ignore[attr-defined]


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def funnels(request: HttpRequest) -> HttpResponse:
    """The funnel of the address, if there is one, and the kept ones."""
    said = {"window": "7d", **usual_days()} | request.GET.dict()
    form = FunnelForm(data=said)
    rows = _rows(request.GET)
    fault, question, figures = "", None, None
    if len(rows) > 1 and form.is_valid():
        try:
            question = _question(rows, form.cleaned_data)
            figures = analytics.funnel(question, at=timezone.now())
        except SadakatError as error:
            fault = reasons.shown(error)
    may_keep = access.may(request.user, Permission.MANAGE_SEGMENTS)
    context = {
        "tabs": tabs("funnels"),
        "form": form,
        "fault": fault,
        "rows": _asked_rows(rows),
        "ops": _OPS,
        "names": _event_names(rows),
        "figures": figures,
        "kept": [_kept(each) for each in analytics.kept_funnels()],
        "may_keep": may_keep,
        "query": [(name, value) for name, values in request.GET.lists() for value in values],
    }
    if figures and question:
        context |= _answered(request, figures, rows, question)
    return render(request, "analytics/funnels.html", context)


@require_POST
@access.requires(Permission.MANAGE_SEGMENTS)
def keep(request: HttpRequest) -> HttpResponse:
    """Keeps the funnel of the form's hidden fields under a name."""
    said = request.POST
    question = {
        "steps": _rows(said),
        "window": said.get("window", ""),
        "per_step": said.get("per_step") == "1",
        "by": said.get("by", ""),
    }
    try:
        analytics.keep_funnel(
            name=said.get("name", ""), question=question, actor=access.actor_of(request.user), at=timezone.now()
        )
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    else:
        messages.success(request, _("Kept. It stands below, for everybody."))
    days = {name: said[name] for name in ("since", "until") if name in said}
    return redirect(f"{_address(question)}&{urlencode(days)}")


@require_POST
@access.requires(Permission.MANAGE_SEGMENTS)
def delete(request: HttpRequest, funnel_id: int) -> HttpResponse:
    """Forgets a kept funnel."""
    try:
        analytics.delete_funnel(funnel_id, actor=access.actor_of(request.user), at=timezone.now())
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    else:
        messages.success(request, _("The funnel is kept no more."))
    return redirect("funnels")


def tabs(current: str) -> list[parts.Tab]:
    """Funnels and paths, side by side."""
    labels = {"funnels": _("Funnels"), "paths": _("Paths")}
    return parts.tabs("tab", labels, current=current, url=resolve_url)


def usual_days() -> dict[str, Any]:
    """What the form of days begins with: the latest `DAYS`."""
    today = brand.current().day(timezone.now())
    return {"since": today - timedelta(days=DAYS), "until": today - timedelta(days=1)}


def window_words(said: str) -> str:
    """A duration such as `7d`, in words."""
    span = duration(said, "window")
    if span >= timedelta(days=1):
        return _("%(n)s days") % {"n": formats.number(span.days)} if span.days > 1 else _("1 day")
    hours = span // timedelta(hours=1)
    return _("1 hour") if hours else _("%(n)s minutes") % {"n": formats.number(span // timedelta(minutes=1))}


def lasting(seconds: float | None) -> str:
    """How long something took, in its largest unit."""
    if seconds is None:
        return "–"
    for unit, words in ((86_400, _("%(n)s d")), (3_600, _("%(n)s h")), (60, _("%(n)s min"))):
        if seconds >= unit:
            return words % {"n": formats.number(seconds / unit, decimals=1)}
    return _("%(n)s s") % {"n": formats.number(seconds)}


def _part_choices() -> list[tuple[str, Any]]:
    named = segments.segments()
    groups = segments.in_order({each.group for each in named if each.group})
    own = [(f"segment:{each.key}", each.name) for each in named if not each.group]
    return [
        ("", "–"),
        ("channel", _("Channel")),
        ("source", _("Source")),
        ("city", _("City")),
        *((f"group:{group}", segments.group_name(group)) for group in groups),
        *([(_("Segments"), own)] if own else []),
    ]


def _rows(query: QueryDict) -> list[dict[str, str]]:
    """The steps of an address or form, those without an event left out."""
    names = ("event", "property", "op", "value")
    columns = [query.getlist(name) for name in names]
    rows = [
        {name: column[n] if n < len(column) else "" for name, column in zip(names, columns, strict=True)}
        for n in range(min(len(columns[0]), journeys.MAX_STEPS))
    ]
    return [row for row in rows if row["event"]]


def _asked_rows(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The steps as the form shows them, with room for more."""
    room = max(journeys.MIN_STEPS, min(len(rows) + 1, journeys.MAX_STEPS))
    return rows + [{"event": "", "property": "", "op": "is", "value": ""}] * (room - len(rows))


def _event_names(rows: list[dict[str, str]]) -> list[str]:
    known = analytics.event_names()
    return [*known, *(row["event"] for row in rows if row["event"] not in known)]


def _question(rows: list[dict[str, str]], given: Mapping[str, Any]) -> FunnelQuestion:
    return FunnelQuestion(
        steps=tuple(journeys.step(row) for row in rows),
        since=given["since"],
        until=given["until"] + timedelta(days=1),
        window=duration(given["window"], "window"),
        is_per_step=given["per_step"] == "1",
        part_by=given["by"],
    )


def _address(question: Mapping[str, Any]) -> str:
    pairs = [(name, step.get(name, "")) for step in question["steps"] for name in ("event", "property", "op", "value")]
    pairs += [("window", question["window"]), ("per_step", "1" if question["per_step"] else ""), ("by", question["by"])]
    return f"{resolve_url('funnels')}?{urlencode(pairs)}"


def _kept(funnel: KeptFunnel) -> dict[str, Any]:
    return {
        "funnel": funnel,
        "url": _address(funnel.question),
        "steps": " → ".join(step["event"] for step in funnel.question["steps"]),
        "dialog": f"delete-{funnel.id}",
    }


def _step_name(row: Mapping[str, str]) -> str:
    if not row["property"]:
        return row["event"]
    op = dict(_OPS).get(row["op"], row["op"])
    value = "" if row["op"] == "exists" else f" {row['value']}"
    return f"{row['event']} ({row['property']} {op}{value})"


def _answered(
    request: HttpRequest, figures: FunnelFigures, rows: list[dict[str, str]], question: FunnelQuestion
) -> dict[str, Any]:
    labels = [_step_name(row) for row in rows]
    parted = [*_STEP_COLUMNS[:1], *(parts.Column(label=label, is_numeric=True) for label in labels)]
    parted[0] = parts.Column(label=_("Part"))
    whole = figures.steps[-1]
    names = {"": _("not known"), **segments.names_of(segments.segments())}
    if question.part_by == "channel":
        names |= {each.value: commerce.channel_name(each.value) for each in figures.parts if each.value}
    return {
        "summary": _("%(share)s came to the end, of %(customers)s who began")
        % {"share": formats.percent(whole.of_first), "customers": formats.number(figures.steps[0].customers)},
        "chart": charts.funnel(
            title=_("Customers by step"),
            label_name=_("Step"),
            value_name=_("Customers"),
            labels=[f"{n}. {row['event']}" for n, row in enumerate(rows, 1)],
            values=[step.customers for step in figures.steps],
            show=formats.number,
        ),
        "steps": parts.short_table(
            request,
            caption=_("Steps"),
            columns=_STEP_COLUMNS,
            rows=[_step(label, step) for label, step in zip(labels, figures.steps, strict=True)],
            empty=parts.Empty(icon="route", title=_("No steps")),
        ),
        "parts": question.part_by
        and parts.short_table(
            request,
            caption=_("By part"),
            columns=[*parted, parts.Column(label=_("Conversion"), is_numeric=True)],
            rows=[
                {
                    "value": names.get(part.value, part.value),
                    "customers": [step.customers for step in part.steps],
                    "conversion": part.steps[-1].of_first,
                }
                for part in figures.parts
            ],
            empty=parts.Empty(icon="route", title=_("Nobody took the first step in these days")),
        ),
    }


def _step(label: str, step: StepFigures) -> dict[str, Any]:
    return {"label": label, "step": step, "median": lasting(step.median_seconds)}
