"""Figures by parts of the trade, and cohorts."""

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics import cards
from sadakat.analytics.types import Cohort, Cohorts, Dimension, Slice, SliceFigures
from sadakat.analytics.web.pages import PERIOD_LABELS, asked, label_of, sections
from sadakat.kernel.time import PeriodKind
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import export, formats, heat, parts

DIMENSION_LABELS: Final = {
    Dimension.STAGE: gettext_lazy("Stage"),
    Dimension.SEGMENT: gettext_lazy("Segment"),
    Dimension.CHANNEL: gettext_lazy("Channel"),
    Dimension.CITY: gettext_lazy("City"),
    Dimension.CATEGORY: gettext_lazy("Category"),
}
# Of the many figures those by which parts differ, and that fit a table.
SHOWN: Final = (
    "customers",
    "orders",
    "revenue",
    "new_customers",
    "repeat_purchase_rate",
    "retention_rate",
    "average_order_value",
    "purchase_frequency",
    "historic_cltv",
)
_COHORTS: Final = {PeriodKind.WEEK: 16, PeriodKind.MONTH: 12, PeriodKind.QUARTER: 8, PeriodKind.YEAR: 5}
_EVERYBODY: Final = ""


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def by(request: HttpRequest) -> HttpResponse:
    """One dimension's parts side by side."""
    here = brand.current()
    day, period = asked(request, here)
    wanted = request.GET.get("dimension", "")
    dimension = Dimension(wanted) if wanted in set(Dimension) else Dimension.CHANNEL
    found = analytics.metrics_by(dimension=dimension, as_of=day, period=period)
    if request.GET.get("format") == "csv":
        rows = ([each.slice.value, *(_plain(getattr(each.metrics, name)) for name in SHOWN)] for each in found)
        return export.csv_answer(f"figures-by-{dimension}-{day}", heads=[str(dimension), *SHOWN], rows=rows)

    def url(**changes: str) -> str:
        return f"?{urlencode({'as_of': str(day), 'period': period, 'dimension': dimension} | changes)}"

    context = {
        "sections": sections(request, "figures_by"),
        "dimensions": _tabs("dimension", DIMENSION_LABELS, dimension, url),
        "periods": _tabs("period", PERIOD_LABELS, period, url),
        "note": _("%(period)s; customers and orders of the part alone")
        % {"period": cards.period_name(found[0].metrics)}
        if found
        else "",
        "table": _table(request, found, currency=here.currency),
        "csv_url": url(format="csv"),
    }
    return render(request, "analytics/figures_by.html", context)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def cohorts(request: HttpRequest) -> HttpResponse:
    """Who came back when, by the period of the first order; of everybody or of one part."""
    here = brand.current()
    day, period = asked(request, here)
    form = _part_form(request, analytics.slice_choices(as_of=day))
    of = form.slice()
    measure = "revenue" if request.GET.get("measure") == "revenue" else "customers"
    found = analytics.cohorts(as_of=day, period=period, count=_COHORTS[period], of=of)

    def url(**changes: str) -> str:
        return f"?{urlencode({'as_of': str(day), 'period': period, 'measure': measure, 'of': form.value} | changes)}"

    measures = {"customers": gettext_lazy("Share that ordered"), "revenue": gettext_lazy("Revenue per customer")}
    context = {
        "sections": sections(request, "cohorts"),
        "form": form,
        "hidden": {"as_of": day, "period": period, "measure": measure},
        "periods": _tabs("period", PERIOD_LABELS, period, url),
        "measures": _tabs("measure", measures, measure, url),
        "map": _map(found, measure, currency=here.currency) if any(row.customers for row in found.rows) else None,
        "empty": parts.Empty(icon="users", title=_("No customers had their first order in these periods")),
    }
    return render(request, "analytics/cohorts.html", context)


class _Part(forms.Form):
    of = forms.ChoiceField(label=gettext_lazy("Of"), required=False)

    @property
    def value(self) -> str:
        """The choice that holds."""
        return str(self.cleaned_data["of"]) if self.is_valid() else _EVERYBODY

    def slice(self) -> Slice | None:
        """The part that is chosen; None for everybody."""
        dimension, _colon, value = self.value.partition(":")
        return Slice(Dimension(dimension), value) if dimension else None


def _part_form(request: HttpRequest, found: list[tuple[Slice, str]]) -> _Part:
    form = _Part({"of": request.GET.get("of", "")})
    groups: dict[str, list[tuple[str, str]]] = {}
    for of, label in found:
        groups.setdefault(str(DIMENSION_LABELS[of.dimension]), []).append((f"{of.dimension}:{of.value}", label))
    field = form.fields["of"]
    assert isinstance(field, forms.ChoiceField)
    field.choices = [(_EVERYBODY, _("Everybody")), *groups.items()]
    return form


def _tabs(name: str, labels: Any, current: str, url: Callable[..., str]) -> list[parts.Tab]:
    return parts.tabs(name, labels, current=current, url=lambda key: url(**{name: key}))


def _table(request: HttpRequest, found: list[SliceFigures], *, currency: str) -> parts.Table:
    definitions = analytics.definitions()
    rows = [
        {
            "label": each.label,
            "url": reverse("cohorts") + "?" + urlencode({"of": f"{each.slice.dimension}:{each.slice.value}"}),
            "values": [
                cards.written(getattr(each.metrics, name), definitions[name], currency=currency) for name in SHOWN
            ],
        }
        for each in found
    ]
    return parts.short_table(
        request,
        caption=_("Figures by part"),
        columns=[
            parts.Column(label=_("Part")),
            *(parts.Column(label=definitions[name].title, is_numeric=True) for name in SHOWN),
        ],
        rows=rows,
        empty=parts.Empty(icon="chart-line", title=_("Nothing to divide by here yet")),
    )


def _map(found: Cohorts, measure: str, *, currency: str) -> heat.HeatMap:
    def values(row: Cohort) -> list[float | None]:
        if not row.customers:
            return [None for _each in row.kept]
        sums = [each.amount_minor for each in row.revenue] if measure == "revenue" else row.kept
        return [each / row.customers for each in sums]

    def show(value: float | None) -> str:
        if measure == "revenue":
            return formats.money(value and round(value), currency=currency, has_decimals=False)
        return formats.percent(value)

    rows = [(label_of(found.period, row.start), formats.number(row.customers), values(row)) for row in found.rows]
    # The first period holds everybody: the shades are for what comes after it.
    later = [value or 0 for _label, _note, row in rows for value in row[1:]]
    return heat.heat_map(
        caption=_("Cohorts by first order"),
        heads=[_("First order"), _("Customers"), *(str(n) for n in range(len(rows)))],
        rows=rows,
        show=show,
        top=max(later, default=0),
    )


def _plain(value: Any) -> Any:
    return getattr(value, "amount_minor", value)
