"""The thresholds of stages, phases and customer types: looked at, tried, set."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from sadakat.analytics import api as analytics
from sadakat.analytics import naming, rules
from sadakat.analytics.types import Group, Threshold
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts, reasons
from sadakat.segments import api as segments

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Segment")),
    parts.Column(label=gettext_lazy("Now"), is_numeric=True),
    parts.Column(label=gettext_lazy("With these rules"), is_numeric=True),
]
_BACK: Final = {Group.STAGE: "stages", Group.PHASE: "stages", Group.TYPE: "customer_types"}


def _field(threshold: Threshold) -> forms.Field:
    made = forms.FloatField if threshold.is_share else forms.IntegerField
    # Both take ends that are whole for whole numbers.
    ends: dict[str, Any] = {"min_value": threshold.low, "max_value": threshold.high}
    step = "0.05" if threshold.is_share else "1"
    return made(label=naming.THRESHOLD_LABELS[threshold.name], widget=forms.NumberInput(attrs={"step": step}), **ends)


def _form(group: Group, *args: Any, **kwargs: Any) -> forms.Form:
    fields = {each.name: _field(each) for each in rules.thresholds_of(group)}
    made: type[forms.Form] = type("ThresholdsForm", (forms.Form,), fields)
    return made(*args, **kwargs)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SEGMENTS)
def group_rules(request: HttpRequest, name: str) -> HttpResponse:
    """Sets the thresholds of a group; before that, says who would be where."""
    if name not in rules.ADJUSTABLE:
        raise Http404
    group = Group(name)
    form = _form(group, request.POST) if request.POST else _form(group, initial=analytics.group_thresholds(group))
    tried = None
    if request.POST and form.is_valid():
        try:
            if "try" in request.POST:
                tried = _tried(request, group, form.cleaned_data)
            else:
                analytics.set_rules(
                    group=group,
                    thresholds=form.cleaned_data,
                    actor=access.actor_of(request.user),
                    at=timezone.now(),
                )
                messages.success(request, _("Saved. Everybody is asked anew; it takes a moment."))
                return redirect("group_rules", name=name)
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
    context = {
        "form": form,
        "tried": tried,
        "group": naming.GROUP_LABELS[group],
        "tabs": parts.tabs(
            "rules",
            {each: naming.GROUP_LABELS[each] for each in rules.ADJUSTABLE},
            current=group,
            url=lambda each: reverse("group_rules", args=[each]),
        ),
        "back": reverse(_BACK[group]),
        "versions": analytics.rules_versions(group),
        "defaults": [
            (naming.THRESHOLD_LABELS[each.name], formats.percent(each.default) if each.is_share else each.default)
            for each in rules.thresholds_of(group)
        ],
    }
    return render(request, "analytics/group_rules.html", context)


def _tried(request: HttpRequest, group: Group, thresholds: Mapping[str, float]) -> parts.Table:
    """Who is where now, and who would be under these thresholds."""
    now = {each.key: each.size for each in segments.segments(group=group)}
    words = naming.words_of(group)
    at = timezone.now()
    rows = []
    for rule in rules.rules_of(group, rules.checked(group, thresholds)):
        would = segments.preview(rules.document(rule.where), at=at)
        rows.append({"name": words[rule.key].name, "now": now.get(rule.key), "would": would.count})
    return parts.short_table(
        request,
        caption=_("Sizes with these rules"),
        columns=_COLUMNS,
        rows=rows,
        empty=parts.Empty(icon="users", title=_("Nobody yet")),
    )
