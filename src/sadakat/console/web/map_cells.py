"""Cells of the journey map with owner, note and improvements, and the touchpoints that are its rows."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.analytics import api as analytics
from sadakat.analytics.types import Improvement, ImprovementStatus, MapCell, Stage, Touchpoint
from sadakat.console.web import journey_map
from sadakat.console.web.map_words import STATUSES, action_words, owner_names, touchpoint_name
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts, reasons
from sadakat.platform.ui.days import day_field


class OwnedForm(forms.Form):
    """What somebody of the team may look after."""

    owner = forms.TypedChoiceField(
        label=gettext_lazy("Owner"), choices=(), coerce=int, empty_value=None, required=False
    )

    def __init__(self, *args: Any, owners: list[tuple[Any, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].choices = owners  # type: ignore[attr-defined]


class NoteForm(OwnedForm):
    """Who looks after a cell, and what is known of it."""

    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=2_000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )


class ImprovementForm(OwnedForm):
    """Something to be done; its state is asked once it is there."""

    field_order = ("title", "owner", "due_date", "status")
    title = forms.CharField(label=gettext_lazy("What is to be done"), max_length=200)
    due_date = day_field(label=gettext_lazy("Due"), required=False)
    status = forms.ChoiceField(label=gettext_lazy("State"), choices=STATUSES.items())

    def __init__(self, *args: Any, is_new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_new:
            del self.fields["status"]


class TouchpointForm(forms.Form):
    """A row of the map."""

    key = forms.SlugField(
        label=gettext_lazy("Key"), max_length=40, help_text=gettext_lazy("Small letters, digits and -.")
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80, required=False)
    events = forms.CharField(
        label=gettext_lazy("Events, one a line"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("Each of them is a meeting with the customer."),
    )


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def cell(request: HttpRequest, stage: str, touchpoint_key: str) -> HttpResponse:
    """One cell: its figures, who looks after it, what is known and what is to be done."""
    point = _touchpoint(stage, touchpoint_key)
    said = analytics.cell_notes().get((stage, touchpoint_key))
    owners = _owner_choices()
    _form, question, measure = journey_map.asked(request.GET)
    row = next(each for each in analytics.journey_map(question, at=timezone.now()) if each.stage == stage)
    found = row.cells.get(touchpoint_key)
    own = analytics.improvements(stage=stage, touchpoint_key=touchpoint_key)
    context = {
        "title": f"{analytics.stage_name(Stage(stage))} · {touchpoint_name(point)}",
        "period": journey_map.period(question),
        "back_url": f"{resolve_url('journey_map')}?{journey_map.query_of(question)}&measure={measure}",
        "figures": _figures(found, of_stage=row.customers) if found else [],
        "events": ", ".join(point.events),
        "form": NoteForm(initial={"owner": said.owner_id, "note": said.note} if said else {}, owners=owners),
        "owner": owner_names().get(said.owner_id or 0, "") if said else "",
        "note": said.note if said else "",
        "may_edit": access.may(request.user, Permission.MANAGE_GOALS),
        "improvements": [
            {"words": told, "form": _improvement_form(each, owners), "id": each.id}
            for each, told in zip(own, action_words(own), strict=True)
        ],
        "new_form": ImprovementForm(is_new=True, auto_id="new_%s", owners=owners),
        "stage": stage,
        "touchpoint_key": touchpoint_key,
    }
    return render(request, "console/map_cell.html", context)


@require_POST
@access.requires(Permission.MANAGE_GOALS)
def note(request: HttpRequest, stage: str, touchpoint_key: str) -> HttpResponse:
    """Says who looks after a cell, and what is known of it."""
    form = NoteForm(request.POST, owners=_owner_choices())
    if form.is_valid():
        analytics.note_cell(
            stage=stage,
            touchpoint_key=touchpoint_key,
            owner_id=form.cleaned_data["owner"],
            note=form.cleaned_data["note"],
            actor=access.actor_of(request.user),
            at=timezone.now(),
        )
        messages.success(request, _("Saved."))
    else:
        _tell(request, form)
    return redirect("map_cell", stage, touchpoint_key)


@require_POST
@access.requires(Permission.MANAGE_GOALS)
def add_improvement(request: HttpRequest, stage: str, touchpoint_key: str) -> HttpResponse:
    """Plans something about a cell."""
    _touchpoint(stage, touchpoint_key)
    form = ImprovementForm(request.POST, is_new=True, owners=_owner_choices())
    if form.is_valid():
        given = form.cleaned_data
        try:
            analytics.add_improvement(
                stage=stage,
                touchpoint_key=touchpoint_key,
                title=given["title"],
                owner_id=given["owner"],
                due_date=given["due_date"],
                actor=access.actor_of(request.user),
                at=timezone.now(),
            )
        except SadakatError as error:
            messages.error(request, reasons.shown(error))
    else:
        _tell(request, form)
    return redirect("map_cell", stage, touchpoint_key)


@require_POST
@access.requires(Permission.MANAGE_GOALS)
def change_improvement(request: HttpRequest, stage: str, touchpoint_key: str, improvement_id: int) -> HttpResponse:
    """Says what has become of an improvement, and leads back to its cell."""
    form = ImprovementForm(request.POST, prefix=str(improvement_id), owners=_owner_choices())
    if form.is_valid():
        given = form.cleaned_data
        analytics.change_improvement(
            improvement_id,
            title=given["title"],
            owner_id=given["owner"],
            due_date=given["due_date"],
            status=ImprovementStatus(given["status"]),
            actor=access.actor_of(request.user),
            at=timezone.now(),
        )
        messages.success(request, _("Saved."))
    else:
        _tell(request, form)
    return redirect("map_cell", stage, touchpoint_key)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_GOALS)
def touchpoints(request: HttpRequest) -> HttpResponse:
    """The rows of the map: which there are, and one to change or add."""
    known = {each.key: each for each in analytics.touchpoints(include_archived=True)}
    chosen = known.get(request.GET.get("key", ""))
    initial = {"key": chosen.key, "name": chosen.name, "events": "\n".join(chosen.events)} if chosen else {}
    form = TouchpointForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        before = known.get(given["key"])
        try:
            analytics.save_touchpoint(
                key=given["key"],
                name=given["name"],
                events=given["events"].splitlines(),
                having=before.document if before else None,
                is_archived="archive" in request.POST,
                actor=access.actor_of(request.user),
                at=timezone.now(),
            )
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("touchpoints")
    rows = [(each, touchpoint_name(each), ", ".join(each.events)) for each in known.values()]
    return render(
        request,
        "console/touchpoints.html",
        {"rows": rows, "form": form, "chosen": chosen, "chosen_name": chosen and touchpoint_name(chosen)},
    )


def _touchpoint(stage: str, touchpoint_key: str) -> Touchpoint:
    known = {each.key: each for each in analytics.touchpoints(include_archived=True)}
    if stage not in list(Stage) or touchpoint_key not in known:
        raise Http404
    return known[touchpoint_key]


def _figures(found: MapCell, *, of_stage: int) -> list[parts.Figure]:
    def of(part: int, whole: int) -> str:
        return _("%(part)s of %(whole)s") % {"part": formats.number(part), "whole": formats.number(whole)}

    return [
        parts.Figure(label=_("Reach"), value=formats.percent(found.reach), note=of(found.reached, of_stage)),
        parts.Figure(
            label=_("Conversion to a later stage"),
            value=formats.percent(found.conversion),
            note=of(found.moved, found.reached) if found.conversion is not None else "",
        ),
        parts.Figure(label=_("Drop-off"), value=formats.percent(found.drop_off), note=of(found.silent, found.judged)),
        parts.Figure(label=_("Satisfaction"), value="–", note=_("not measured")),
    ]


def _owner_choices() -> list[tuple[Any, str]]:
    return [("", _("Nobody yet")), *((each.pk, each.name) for each in analytics.owners())]


def _improvement_form(one: Improvement, owners: list[tuple[Any, str]]) -> ImprovementForm:
    initial = {"title": one.title, "owner": one.owner_id, "due_date": one.due_date, "status": one.status}
    return ImprovementForm(initial=initial, prefix=str(one.id), owners=owners)


def _tell(request: HttpRequest, form: forms.Form) -> None:
    """The first fault of a form as a toast: these forms stand among others on the page."""
    name, faults = next(iter(form.errors.items()))
    label = form.fields[name].label if name in form.fields else ""
    messages.error(request, f"{label}: {faults[0]}")
