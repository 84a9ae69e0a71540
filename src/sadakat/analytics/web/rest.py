"""Figures by REST, as the command line and the pages have them."""

from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Final, get_type_hints

from django.utils import timezone
from ninja.params import functions as params
from pydantic import create_model

from sadakat.analytics import api as analytics
from sadakat.analytics.types import Better, Dimension, Metrics, PeriodFigures, Unit
from sadakat.kernel.errors import Invalid
from sadakat.kernel.money import Money
from sadakat.kernel.time import PeriodKind
from sadakat.platform import brand, rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Items
from sadakat.platform.ui.days import FIRST_DAY, LAST_DAY

area = rest.Area("Metrics", reads=Scope.METRICS_READ)


def _answer(figures: type[PeriodFigures]) -> type[rest.Answer]:
    """The schema of what `analytics.as_json` makes of `figures`: the same names, money as an object."""
    hints = get_type_hints(figures)
    shown = {Money: rest.Money, Money | None: rest.Money | None}
    columns: dict[str, Any] = {
        field.name: (shown.get(hints[field.name], hints[field.name]), ...) for field in fields(figures)
    }
    return create_model(figures.__name__, __base__=rest.Answer, __doc__=None, **columns)


class DefinitionAnswer(rest.Answer):
    """What a figure is called and means."""

    name: str
    title: str
    text: str
    unit: Unit
    better: Better


_PERIOD: Final = {
    "period": "month",
    "period_start": "2026-10-01",
    "period_end": "2026-11-01",
    "customers": 640,
    "orders": 801,
    "revenue": {"amount": 102_931_550, "currency": "TRY"},
    "new_customers": 120,
    "returning_customers": 520,
    "new_customer_revenue": {"amount": 14_220_000, "currency": "TRY"},
    "returning_customer_revenue": {"amount": 88_711_550, "currency": "TRY"},
    "repeat_purchase_rate": 0.21,
    "guest_checkout_rate": 0.12,
    "retention_rate": 0.43,
    "churn_rate": 0.57,
    "marketing_spend": {"amount": 9_600_000, "currency": "TRY"},
    "acquisition_cost": {"amount": 80_000, "currency": "TRY"},
}
_METRICS: Final = {
    "as_of": "2026-11-20",
    **_PERIOD,
    "purchase_frequency": 3.4,
    "average_order_value": {"amount": 128_450, "currency": "TRY"},
    "active_customers": 2_140,
    "retention_rate_classical": 0.71,
    "days_between_orders": 24.5,
    "historic_cltv": {"amount": 436_700, "currency": "TRY"},
    "total_customers": 3_310,
    "total_revenue": {"amount": 1_445_477_000, "currency": "TRY"},
}
_COHORT: Final = {
    "start": "2026-08-01",
    "customers": 120,
    "kept": [120, 41, 33],
    "revenue": [
        {"amount": 14_220_000, "currency": "TRY"},
        {"amount": 5_102_000, "currency": "TRY"},
        {"amount": 4_408_000, "currency": "TRY"},
    ],
}
_DEFINITION: Final = {
    "name": "churn_rate",
    "title": "Churn rate",
    "text": "1 − retention rate, of the same period and the same customers.",
    "unit": "share",
    "better": "lower",
}


class PartAnswer(rest.Answer):
    """The figures of one part."""

    value: str
    label: str
    metrics: _answer(Metrics)  # type: ignore[valid-type]  # made above


class CohortAnswer(rest.Answer):
    """Who had the first order in one period."""

    start: date
    customers: int
    kept: list[int]
    """How many of them ordered in that period, the next one, and so on."""
    revenue: list[rest.Money]
    """What they spent in each."""


By = Annotated[Dimension, params.Query(description="What the trade is divided by.")]
AsOf = Annotated[date | None, params.Query(description="Figures end before this local day; today when left out.")]
Period = Annotated[PeriodKind, params.Query(description="The latest whole one that ended on or before `as_of`.")]
Count = Annotated[int, params.Query(ge=1, le=analytics.MAX_PERIODS, description="How many periods.")]


@area.read("/metrics", answer=_answer(Metrics), example=_METRICS)
def get_metrics(request: rest.Request, as_of: AsOf = None, period: Period = PeriodKind.MONTH) -> Any:  # noqa: ARG001
    """Every figure of one day.

    One flat object by the names of the figures: rates are fractions, null where there is nothing to divide by.
    """
    return analytics.as_json(analytics.metrics(as_of=_day(as_of), period=period))


@area.read("/metrics/series", answer=Items[_answer(PeriodFigures)], example={"items": [_PERIOD]})  # type: ignore[misc]  # made above
def get_metric_series(
    request: rest.Request,  # noqa: ARG001 - as every view
    as_of: AsOf = None,
    period: Period = PeriodKind.MONTH,
    count: Count = 12,
) -> Any:
    """The figures of the latest whole periods, earliest first.

    Periods without orders are there too.
    """
    return {
        "items": [analytics.as_json(each) for each in analytics.series(as_of=_day(as_of), period=period, count=count)]
    }


@area.read(
    "/metrics/by",
    answer=Items[PartAnswer],
    example={"items": [{"value": "store", "label": "store", "metrics": _METRICS}]},
)
def list_metrics_by_part(
    request: rest.Request,  # noqa: ARG001 - as every view
    dimension: By,
    as_of: AsOf = None,
    period: Period = PeriodKind.MONTH,
) -> Any:
    """The figures of each part of the trade.

    Stages in their order, all else by revenue, at most 20. Spend is not recorded by part, so it is null.
    """
    found = analytics.metrics_by(dimension=dimension, as_of=_day(as_of), period=period)
    return {
        "items": [
            {"value": each.slice.value, "label": each.label, "metrics": analytics.as_json(each.metrics)}
            for each in found
        ]
    }


@area.read("/metrics/cohorts", answer=Items[CohortAnswer], example={"items": [_COHORT]})
def list_cohorts(
    request: rest.Request,  # noqa: ARG001 - as every view
    as_of: AsOf = None,
    period: Period = PeriodKind.MONTH,
    count: Count = 12,
) -> Any:
    """Customers by the period of their first order, and who of them came back when.

    The latest whole periods, earliest first.
    """
    found = analytics.cohorts(as_of=_day(as_of), period=period, count=count)
    return {
        "items": [
            {
                "start": row.start,
                "customers": row.customers,
                "kept": row.kept,
                "revenue": [{"amount": each.amount_minor, "currency": each.currency} for each in row.revenue],
            }
            for row in found.rows
        ]
    }


@area.read("/metrics/definitions", answer=Items[DefinitionAnswer], example={"items": [_DEFINITION]})
def list_metric_definitions(request: rest.Request) -> Any:  # noqa: ARG001 - as every view
    """What each figure means.

    In the language that `Accept-Language` asks for, English or Turkish.
    """
    return {
        "items": [
            {"name": name, "title": said.title, "text": said.text, "unit": said.unit, "better": said.better}
            for name, said in analytics.definitions().items()
        ]
    }


def _day(asked: date | None) -> date:
    if asked is None:
        return brand.current().day(timezone.now())
    if not FIRST_DAY <= asked <= LAST_DAY:
        raise Invalid(f"as_of is a day from {FIRST_DAY} to {LAST_DAY}, not {asked}")
    return asked
