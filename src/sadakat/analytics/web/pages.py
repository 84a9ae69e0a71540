"""Every figure, as of any day, with its definition."""

from contextlib import suppress
from datetime import date
from typing import Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics import cards
from sadakat.analytics.types import Metrics, PeriodFigures
from sadakat.kernel.errors import Invalid
from sadakat.kernel.time import PeriodKind
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, export, formats, parts
from sadakat.platform.ui.days import FIRST_DAY, LAST_DAY, day_field

PERIOD_LABELS: Final = {
    PeriodKind.WEEK: gettext_lazy("Week"),
    PeriodKind.MONTH: gettext_lazy("Month"),
    PeriodKind.QUARTER: gettext_lazy("Quarter"),
    PeriodKind.YEAR: gettext_lazy("Year"),
}
# How many periods the chart shows: enough for a shape, few enough to read.
_SHOWN: Final = {PeriodKind.WEEK: 26, PeriodKind.MONTH: 12, PeriodKind.QUARTER: 8, PeriodKind.YEAR: 5}
_HEADS: Final = ("repeat_purchase_rate", "retention_rate", "average_order_value", "purchase_frequency")
_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Figure")),
    parts.Column(label=gettext_lazy("Value"), is_numeric=True),
    parts.Column(label=gettext_lazy("Change"), is_numeric=True),
    parts.Column(label=gettext_lazy("Period")),
    parts.Column(label=gettext_lazy("Definition")),
]


class _Asked(forms.Form):
    """The day that figures are asked for."""

    as_of = day_field(label=gettext_lazy("As of the start of"))


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def figures(request: HttpRequest) -> HttpResponse:
    """All figures of one day and one kind of period; both stand in the address."""
    here = brand.current()
    day, period = asked(request, here)
    as_of = f"&as_of={day}" if "as_of" in request.GET else ""
    now = analytics.metrics(as_of=day, period=period)
    before = analytics.previous_metrics(as_of=day, period=period)
    past = analytics.series(as_of=day, period=period, count=_SHOWN[period])
    context = {
        "day": day,
        "period_note": _("%(period)s, compared with the period before") % {"period": cards.period_name(now)},
        "form": _Asked(initial={"as_of": day}),
        "tabs": parts.tabs("period", PERIOD_LABELS, current=period, url=lambda kind: f"?period={kind}{as_of}"),
        "sections": sections(request),
        "period": period,
        "heads": [cards.card(name, now=now, before=before, past=past, currency=here.currency) for name in _HEADS],
        "chart": _revenue_chart(past, currency=here.currency),
        "table": table(request, now, before, currency=here.currency),
        "csv_url": f"?as_of={day}&period={period}&format=csv",
    }
    if request.GET.get("format") == "csv":
        return _csv(now, day, period)
    return render(request, "analytics/figures.html", context)


def asked(request: HttpRequest, here: brand.Brand) -> tuple[date, PeriodKind]:
    """Day and period of the address; nonsense means today and the month."""
    try:
        day = day_of(request.GET.get("as_of", ""))
    except Invalid:
        day = here.day(timezone.now())
    wanted = request.GET.get("period", "")
    return day, PeriodKind(wanted) if wanted in set(PeriodKind) else PeriodKind.MONTH


def day_of(text: str) -> date:
    """The day that a text says.

    Raises:
        Invalid: it says none, or one before `FIRST_DAY` or after `LAST_DAY`.
    """
    with suppress(ValueError):
        day = date.fromisoformat(text)
        if FIRST_DAY <= day <= LAST_DAY:
            return day
    raise Invalid(f"expected a day such as 2026-11-22, from {FIRST_DAY} to {LAST_DAY}, not {text!r:.40}")


def sections(request: HttpRequest, current: str = "figures") -> list[parts.Tab]:
    """The pages about figures; day and period go along."""
    kept = urlencode({name: request.GET[name] for name in ("as_of", "period") if name in request.GET})
    labels = {"figures": _("All figures"), "figures_by": _("By part"), "cohorts": _("Cohorts")}
    return parts.tabs("section", labels, current=current, url=lambda name: f"{reverse(name)}?{kept}")


def _revenue_chart(past: tuple[PeriodFigures, ...], *, currency: str) -> charts.Chart:
    return charts.line(
        title=_("Revenue of returning and of new customers"),
        label_name=_("Period"),
        labels=[label_of(figures.period, figures.period_start) for figures in past],
        series=[
            charts.Series(_("Returning"), [figures.returning_customer_revenue.amount_minor for figures in past]),
            charts.Series(_("New"), [figures.new_customer_revenue.amount_minor for figures in past], "b"),
        ],
        show=lambda value: formats.money(value, currency=currency, has_decimals=False),
        show_tick=lambda value: formats.compact_money(value, currency=currency),
    )


def label_of(period: PeriodKind, start: date) -> str:
    """A period in the fewest words: a week by its first day."""
    return formats.day_month(start) if period is PeriodKind.WEEK else cards.name_of(period, start)


def table(request: HttpRequest, now: Metrics, before: Metrics, *, currency: str) -> parts.Table:
    """All figures, each with its change and its definition."""
    rows = [
        {
            "name": name,
            "definition": definition,
            "value": cards.written(getattr(now, name), definition, currency=currency),
            "change": cards.change(getattr(now, name), getattr(before, name), definition),
            "note": cards.note(name, now),
        }
        for name, definition in analytics.definitions().items()
    ]
    return parts.short_table(
        request,
        caption=_("All figures"),
        columns=_COLUMNS,
        rows=rows,
        empty=parts.Empty(icon="chart-line", title=_("No figures yet")),
    )


def _csv(now: Metrics, day: date, period: PeriodKind) -> HttpResponse:
    rows = (
        [name, value["amount"], value["currency"]] if isinstance(value, dict) else [name, value, ""]
        for name, value in analytics.as_json(now).items()
    )
    return export.csv_answer(f"figures-{day}-{period}", heads=["metric", "value", "currency"], rows=rows)
