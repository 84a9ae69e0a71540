"""The mapping of a source: its rules, tried on an event before they are saved."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from sadakat.events import api as events
from sadakat.events import rejections, rules
from sadakat.events.types import Event, MappingRule, RejectedEvent, Source, SourceKind
from sadakat.events.web import aside
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, brand
from sadakat.platform.access import Permission

RENAME: Final = "rename"


class RuleForm(forms.Form):
    """One rule."""

    event = forms.CharField(label=gettext_lazy("Event"), required=False, max_length=255)
    source = forms.CharField(label=gettext_lazy("From the field"), required=False, max_length=255)
    form = forms.ChoiceField(
        label=gettext_lazy("How"),
        required=False,
        choices=[
            ("", gettext_lazy("as it is")),
            ("text", gettext_lazy("as text")),
            ("number", gettext_lazy("as a number")),
            ("instant", gettext_lazy("as a time")),
            (RENAME, gettext_lazy("rename the event")),
        ],
    )
    target = forms.CharField(label=gettext_lazy("To the field, or new name"), required=False, max_length=255)

    def rule(self) -> dict[str, str]:
        """The rule as it is stored."""
        said = self.cleaned_data
        if said["form"] == RENAME:
            moved = {"from": said["source"]} if said["source"] else {}
            return {"event": said["event"], "rename_to": said["target"], **moved}
        return {"event": said["event"], "from": said["source"], "to": said["target"], "as": said["form"]}


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def mapping(request: HttpRequest, source_id: int) -> HttpResponse:
    """The rules of a source with what they make of a sample; a POST changes the list, shows it, or saves it."""
    source = _source(source_id)
    rows = _posted(request) if request.method == "POST" else [_row(rule) for rule in source.mapping]
    wanted, _colon, place = request.POST.get("do", "").partition(":")
    _change(rows, wanted=wanted, place=int(place) if place.isdecimal() else -1)
    bound = [RuleForm(row, prefix=f"rule{number}") for number, row in enumerate(_prefixed(rows))]
    refusal, said = "", [form.rule() for form in bound if form.is_valid()]
    tried = source.mapping
    if wanted != "add":
        try:
            tried = rules.mapping_of(said, time_zone=brand.current().time_zone)
            if wanted == "save":
                events.change_source(
                    source_id=source_id, mapping=said, actor=access.actor_of(request.user), at=timezone.now()
                )
                messages.success(request, _("Saved."))
                return redirect(request.get_full_path())
        except SadakatError as error:
            refusal = str(error)
    context = {
        "source": source,
        "forms": bound,
        "refusal": refusal,
        "sample": _sample(request, replace(source, mapping=tried)),
        "waiting": events.rejected_count(source_id=source_id),
        "has_room": len(rows) < rules.MAX_RULES,
    }
    return render(request, "events/mapping.html", context)


@require_POST
@access.requires(Permission.MANAGE_SOURCES)
def replay(request: HttpRequest, source_id: int) -> HttpResponse:
    """Takes the rejected events of a source again, through the mapping that it has now."""
    _source(source_id)
    report = events.replay_rejected(source_id=source_id, actor=access.actor_of(request.user), at=timezone.now())
    aside.tell_replay(request, report)
    return redirect("source_mapping", source_id)


def _source(source_id: int) -> Source:
    source = events.sources().get(source_id)
    if source is None or source.kind is SourceKind.SYSTEM:
        raise Http404
    return source


def _posted(request: HttpRequest) -> list[dict[str, str]]:
    """The rows of the form, empty ones left out."""
    rows = [
        {name: request.POST.get(f"rule{number}-{name}", "") for name in RuleForm.base_fields}
        for number in range(rules.MAX_RULES)
    ]
    return [row for row in rows if any(row.values())]


def _row(rule: MappingRule) -> dict[str, str]:
    if rule.rename_to:
        return {"event": rule.event, "source": "", "form": RENAME, "target": rule.rename_to}
    return {"event": rule.event, "source": rule.source, "form": rule.form, "target": rule.target}


def _prefixed(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{f"rule{number}-{name}": value for name, value in row.items()} for number, row in enumerate(rows)]


def _change(rows: list[dict[str, str]], *, wanted: str, place: int) -> None:
    """Adds, removes or moves a row."""
    if wanted == "add" and len(rows) < rules.MAX_RULES:
        rows.append(dict.fromkeys(RuleForm.base_fields, ""))
    elif wanted == "remove" and 0 <= place < len(rows):
        del rows[place]
    elif wanted == "up" and 0 < place < len(rows):
        rows[place - 1 : place + 1] = rows[place], rows[place - 1]


def _sample(request: HttpRequest, source: Source) -> Mapping[str, Any] | None:
    """The event that the address names, else the newest rejected one, else the newest of the source; None for none."""
    kind, _dash, number = request.GET.get("sample", "").partition("-")
    found: Sequence[Event | RejectedEvent]
    if number.isdecimal() and kind == aside.FAILED:
        found = [event for event in events.read_positions([int(number)]) if event.source_id == source.id]
    elif number.isdecimal() and kind == aside.REJECTED:
        found = events.rejected_events(source_id=source.id, before=int(number) + 1, limit=1)
    else:
        found = events.rejected_events(source_id=source.id, limit=1) or events.recent(source_id=source.id, limit=1)
    if not found:
        return None
    body = found[0].body.encode() if isinstance(found[0], RejectedEvent) else found[0].body
    trial = rejections.trial(body, source=source, received_at=found[0].received_at)
    return {
        "before": aside.pretty(body),
        "after": aside.pretty(trial.body),
        "refusal": trial.refusal,
        "is_changed": trial.body != body,
    }
