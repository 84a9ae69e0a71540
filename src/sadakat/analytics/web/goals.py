"""Goals: the list, one goal with its way, setting and changing them."""

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.analytics import api as analytics
from sadakat.analytics import cards, goal_words
from sadakat.analytics.operations import goals as operations
from sadakat.analytics.queries import goals as queries
from sadakat.analytics.types import Unit
from sadakat.analytics.types.goals import Goal
from sadakat.analytics.web.pages import PERIOD_LABELS
from sadakat.kernel import money
from sadakat.kernel.errors import SadakatError
from sadakat.kernel.time import PeriodKind
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, parts, reasons
from sadakat.platform.ui.days import day_field
from sadakat.segments import api as segments

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Goal")),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("Progress")),
    parts.Column(label=gettext_lazy("Target"), is_numeric=True),
    parts.Column(label=gettext_lazy("Forecast"), is_numeric=True),
    parts.Column(label=gettext_lazy("Last day")),
    parts.Column(label=gettext_lazy("Owner")),
    parts.Column(label=gettext_lazy("Department")),
]
_METRIC_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Figure")),
    parts.Column(label=gettext_lazy("Now"), is_numeric=True),
    parts.Column(label=gettext_lazy("Definition")),
]


class GoalForm(forms.Form):
    """What a goal aims at and who owns it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=operations.MAX_NAME_LENGTH)
    target = forms.DecimalField(
        label=gettext_lazy("Target"),
        min_value=0,
        max_digits=16,
        decimal_places=4,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=gettext_lazy("Money in whole units of the currency, shares in per cent, all else as a number."),
    )
    by_date = day_field(label=gettext_lazy("Last day"))
    owner_id = forms.TypedChoiceField(label=gettext_lazy("Owner"), coerce=int)
    department = forms.ChoiceField(label=gettext_lazy("Department"), choices=list(goal_words.DEPARTMENTS.items()))

    def __init__(self, *args: Any, metric: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._metric = metric
        owner = self.fields["owner_id"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = [(person.pk, person.name) for person in queries.owners()]

    def said(self) -> dict[str, Any]:
        """What was filled in, as the operations take it."""
        values = dict(self.cleaned_data)
        metric = values.get("metric") or self._metric
        return {**values, "target": _as_kept(values["target"], metric=metric)}


class NewGoalForm(GoalForm):
    """A goal with what it measures."""

    metric = forms.ChoiceField(label=gettext_lazy("Figure"))
    period = forms.ChoiceField(
        label=gettext_lazy("Period"),
        choices=list(PERIOD_LABELS.items()),
        initial=PeriodKind.MONTH,
        help_text=gettext_lazy("Of figures of a period; figures of the last 365 days and of all orders have none."),
    )
    segment_key = forms.ChoiceField(label=gettext_lazy("Segment"), required=False)
    start_date = day_field(
        label=gettext_lazy("Start"),
        required=False,
        help_text=gettext_lazy("Progress counts from the value of this day; today when left empty."),
    )
    field_order = (
        "name",
        "metric",
        "period",
        "segment_key",
        "target",
        "start_date",
        "by_date",
        "owner_id",
        "department",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(name, definition.title) for name, definition in analytics.definitions().items()]
        known = [("", _("All customers")), *segments.names_of(segments.segments()).items()]
        for field, choices in (("metric", named), ("segment_key", known)):
            chosen = self.fields[field]
            assert isinstance(chosen, forms.ChoiceField)
            chosen.choices = choices


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def goals(request: HttpRequest) -> HttpResponse:
    """Every goal that is not archived; `?archived=1` shows those too."""
    here = brand.current()
    is_all = request.GET.get("archived") == "1"
    found = queries.goals(as_of=here.day(timezone.now()), include_archived=is_all)
    names = segments.names_of(segments.segments(include_archived=True))
    table = parts.short_table(
        request,
        caption=_("Goals"),
        columns=_COLUMNS,
        rows=[_row(each, segment=names.get(each.segment_key, ""), currency=here.currency) for each in found],
        empty=parts.Empty(
            icon="target",
            title=_("No goals yet"),
            text=_("A goal says what a figure is to reach, by when, and who answers for it."),
        ),
    )
    context = {"table": table, "tabs": tabs("goals"), "is_all": is_all, "may_change": _may_change(request)}
    return render(request, "analytics/goals.html", context)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """One goal: where it stands, its way so far, and what is expected."""
    here = brand.current()
    one = queries.goal(goal_id, as_of=here.day(timezone.now()))
    return render(
        request,
        "analytics/goal.html",
        {**shown(one, currency=here.currency), "may_change": _may_change(request)},
    )


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_GOALS)
def new(request: HttpRequest) -> HttpResponse:
    """Sets a goal; a metric and a segment named in the address stand in the form."""
    here, at = brand.current(), timezone.now()
    form = NewGoalForm(request.POST or None, initial={"department": "management", **request.GET.dict()})
    if request.method == "POST" and form.is_valid():
        try:
            goal_id = operations.create_goal(**form.said(), actor=access.actor_of(request.user), at=at)
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            messages.success(request, _("The goal is set. Its figures are being read."))
            return redirect("goal", goal_id=goal_id)
    now = analytics.metrics(as_of=here.day(at), period=PeriodKind.MONTH)
    rows = [
        {
            "definition": definition,
            "value": cards.written(getattr(now, name), definition, currency=here.currency),
            "note": cards.note(name, now),
        }
        for name, definition in analytics.definitions().items()
    ]
    table = parts.short_table(
        request,
        caption=_("What each figure means"),
        columns=_METRIC_COLUMNS,
        rows=rows,
        empty=parts.Empty(icon="target", title=""),
    )
    context = {"form": form, "table": table}
    return render(request, "analytics/goal_new.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_GOALS)
def edit(request: HttpRequest, goal_id: int) -> HttpResponse:
    """Changes what a goal aims at and who owns it."""
    at = timezone.now()
    one = queries.goal(goal_id, as_of=brand.current().day(at))
    initial = {
        "name": one.name,
        "target": _as_typed(one.target, metric=one.metric),
        "by_date": one.by_date,
        "owner_id": one.owner_id,
        "department": one.department,
    }
    form = GoalForm(request.POST or None, initial=initial, metric=one.metric)
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_goal(goal_id=goal_id, **form.said(), actor=access.actor_of(request.user), at=at)
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("goal", goal_id=goal_id)
    context = {"form": form, "goal": one, "metric": goal_words.metric_text(one)}
    return render(request, "analytics/goal_edit.html", context, status=422 if form.errors else 200)


@require_POST
@access.requires(Permission.MANAGE_GOALS)
def archive(request: HttpRequest, goal_id: int) -> HttpResponse:
    """Takes a goal off the list, or back with `restore`."""
    is_archived = "restore" not in request.POST
    operations.archive_goal(
        goal_id=goal_id, is_archived=is_archived, actor=access.actor_of(request.user), at=timezone.now()
    )
    messages.success(request, _("The goal is archived.") if is_archived else _("The goal is back on the list."))
    return redirect("goals") if is_archived else redirect("goal", goal_id=goal_id)


def tabs(current: str) -> list[parts.Tab]:
    """Goals and briefings, one page each."""
    labels = {"goals": _("Goals"), "briefings": _("Weekly briefings")}
    return parts.tabs("tab", labels, current=current, url=reverse)


def shown(one: Goal, *, currency: str) -> dict[str, Any]:
    """What pages show of a goal, shared ones too."""

    def text(value: float | None) -> str:
        return goal_words.value_text(value, metric=one.metric, currency=currency)

    day = formats.short_date(one.value_date)
    chart = _chart(one, currency=currency)
    return {
        "goal": one,
        "metric": goal_words.metric_text(one),
        "state": goal_words.STATES[one.state],
        "tone": goal_words.TONES[one.state],
        "heads": [
            parts.Figure(
                label=_("Now"),
                value=text(one.value),
                note=_("as of %(day)s") % {"day": day} if one.value_date else _("not read yet"),
                definition_url=f"{reverse('figures')}#{one.metric}",
            ),
            parts.Figure(label=_("Target"), value=text(one.target), note=formats.short_date(one.by_date)),
            parts.Figure(
                label=_("Progress"),
                value=formats.percent(one.progress, decimals=0),
                note=_("of the way from %(start)s") % {"start": text(one.start_value)},
            ),
            parts.Figure(
                label=_("Forecast"),
                value=text(one.forecast.value) if one.forecast else formats.UNKNOWN,
                note=_("%(low)s to %(high)s") % {"low": text(one.forecast.low), "high": text(one.forecast.high)}
                if one.forecast
                else _("too little is known"),
            ),
        ],
        "forecast": goal_words.forecast_text(one.forecast, metric=one.metric, currency=currency),
        "chart": chart,
        "facts": [
            (goal_words.metric_text(one), analytics.definitions()[one.metric].text),
            (_("Department"), str(goal_words.DEPARTMENTS[one.department])),
            (_("Start"), f"{formats.short_date(one.start_date)}: {text(one.start_value)}"),
            (_("Last day"), formats.short_date(one.by_date)),
            *([(_("Segment"), segments.name_of(segments.segment_named(one.segment_key)))] if one.segment_key else []),
        ],
    }


def _row(one: Goal, *, segment: str, currency: str) -> dict[str, Any]:
    def text(value: float | None) -> str:
        return goal_words.value_text(value, metric=one.metric, currency=currency)

    return {
        "goal": one,
        "metric": goal_words.metric_text(one),
        "segment": segment,
        "state": goal_words.STATES[one.state],
        "tone": goal_words.TONES[one.state],
        "done": None if one.progress is None else round(100 * one.progress),
        "share": formats.percent(one.progress, decimals=0),
        "value": text(one.value),
        "target": text(one.target),
        "forecast": text(one.forecast.value) if one.forecast else formats.UNKNOWN,
        "department": goal_words.DEPARTMENTS[one.department],
    }


def _chart(one: Goal, *, currency: str) -> charts.Chart | None:
    course = queries.course(one)
    if not course:
        return None
    series = [
        charts.Series(_("Value"), [value for _day, value, _expected in course]),
        charts.Series(_("Target"), [one.target] * len(course), "b"),
    ]
    if one.forecast is not None:
        series.append(charts.Series(_("Forecast"), [expected for _day, _value, expected in course], "c"))
    return charts.line(
        title=f"{one.name}: {goal_words.metric_text(one)}",
        label_name=_("Day"),
        labels=[formats.day_month(day) for day, _value, _expected in course],
        series=series,
        show=lambda value: goal_words.value_text(value, metric=one.metric, currency=currency),
        show_tick=lambda value: goal_words.tick_text(value, metric=one.metric, currency=currency),
    )


def _as_kept(typed: Decimal, *, metric: str) -> float:
    """A target as it is kept: minor units, fractions."""
    match analytics.definitions()[metric].unit:
        case Unit.MONEY:
            return float(money.to_minor(typed, currency=brand.current().currency, name="target"))
        case Unit.SHARE:
            return float(typed / 100)
        case _:
            return float(typed)


def _as_typed(kept: float, *, metric: str) -> str:
    """A kept target as people type it."""
    match analytics.definitions()[metric].unit:
        case Unit.MONEY:
            return str(money.to_major(round(kept), currency=brand.current().currency))
        case Unit.SHARE:
            return f"{Decimal(str(kept)) * 100:f}"
        case _:
            return f"{kept:g}" if kept % 1 else f"{kept:.0f}"


def _may_change(request: HttpRequest) -> bool:
    return access.may(request.user, Permission.MANAGE_GOALS)
