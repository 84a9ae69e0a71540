"""Goals in words, as pages, mails and shared reports say them."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.analytics import cards
from sadakat.analytics.definitions import definitions
from sadakat.analytics.types import Unit
from sadakat.analytics.types.goals import Department, Forecast, Goal, GoalState, Method
from sadakat.kernel import money
from sadakat.platform.ui import formats, parts
from sadakat.platform.ui.parts import Tone

DEPARTMENTS: Final[dict[Department, Promise]] = {
    Department.MANAGEMENT: gettext_lazy("Management"),
    Department.MARKETING: gettext_lazy("Marketing"),
    Department.LOYALTY: gettext_lazy("Loyalty"),
    Department.SUPPORT: gettext_lazy("Support"),
    Department.STORES: gettext_lazy("Stores"),
    Department.E_COMMERCE: gettext_lazy("E-commerce"),
}
STATES: Final[dict[GoalState, Promise]] = {
    GoalState.ON_TRACK: gettext_lazy("on track"),
    GoalState.OFF_TRACK: gettext_lazy("off track"),
    GoalState.REACHED: gettext_lazy("reached"),
    GoalState.MISSED: gettext_lazy("missed"),
    GoalState.UNKNOWN: gettext_lazy("not known yet"),
}
TONES: Final[dict[GoalState, Tone]] = {
    GoalState.ON_TRACK: "good",
    GoalState.OFF_TRACK: "warn",
    GoalState.REACHED: "good",
    GoalState.MISSED: "bad",
    GoalState.UNKNOWN: "off",
}
PERIODS: Final[dict[str, Promise]] = {
    "week": gettext_lazy("of the week"),
    "month": gettext_lazy("of the month"),
    "quarter": gettext_lazy("of the quarter"),
    "year": gettext_lazy("of the year"),
}
# Below so many major units the kuruş of an amount tell something.
_FINE_MAJOR: Final = 10_000


def value_text(value: float | None, *, metric: str, currency: str) -> str:
    """A value of a metric as people read it; an unknown one is a dash."""
    definition = definitions()[metric]
    if definition.unit is Unit.MONEY and value is not None:
        is_fine = abs(value) < _FINE_MAJOR * 10 ** money.minor_digits(currency)
        return formats.money(round(value), currency=currency, has_decimals=is_fine)
    return cards.written(value, definition, currency=currency)


def tick_text(value: float | None, *, metric: str, currency: str) -> str:
    """A value at the axis of a chart."""
    definition = definitions()[metric]
    if definition.unit is Unit.MONEY:
        return formats.compact_money(value, currency=currency)
    if definition.unit is Unit.COUNT:
        return formats.compact(value)
    return cards.written(value, definition, currency=currency)


def forecast_text(forecast: Forecast | None, *, metric: str, currency: str) -> str:
    """A forecast with its interval, in a sentence."""
    if forecast is None:
        return _("Too little is known for a forecast.")

    def text(value: float) -> str:
        return value_text(value, metric=metric, currency=currency)

    values = {
        "value": text(forecast.value),
        "low": text(forecast.low),
        "high": text(forecast.high),
        "count": formats.number(forecast.count),
    }
    if forecast.method is Method.SEASON:
        return (
            _(
                "%(value)s expected, between %(low)s and %(high)s in 8 of 10 cases:"
                " the year before and a straight line through the latest %(count)s differences from it."
            )
            % values
        )
    return (
        _(
            "%(value)s expected, between %(low)s and %(high)s in 8 of 10 cases:"
            " a straight line through the latest %(count)s values."
        )
        % values
    )


def metric_text(goal: Goal) -> str:
    """What a goal measures: the figure and its period."""
    return f"{definitions()[goal.metric].title}, {cards.window(goal.metric) or PERIODS[goal.period]}"


def need(
    *,
    goal_id: int,
    name: str,
    state: GoalState,
    metric: str,
    target: float,
    value: float | None,
    expected: float | None,
    by_date: date,
    currency: str,
) -> parts.Need:
    """A goal off track or missed, as something that needs its owner."""

    def text(amount: float | None) -> str:
        return value_text(amount, metric=metric, currency=currency)

    said = {
        "target": text(target),
        "value": text(value),
        "forecast": text(expected),
        "day": formats.short_date(by_date),
    }
    if state is GoalState.MISSED:
        reason = _("Target %(target)s by %(day)s; it came to %(value)s.") % said
    else:
        reason = _("Target %(target)s by %(day)s; now %(value)s, expected %(forecast)s.") % said
    return parts.Need(
        title=f"{name}: {STATES[state]}",
        reason=reason,
        verb=_("Open the goal"),
        url=reverse("goal", args=[goal_id]),
        tone=TONES[state],
    )


def goal_needs(goals: Sequence[Goal], *, currency: str) -> list[parts.Need]:
    """These goals, as what needs their owner."""
    return [
        need(
            goal_id=one.id,
            name=one.name,
            state=one.state,
            metric=one.metric,
            target=one.target,
            value=one.value,
            expected=one.forecast.value if one.forecast else None,
            by_date=one.by_date,
            currency=currency,
        )
        for one in goals
    ]


def as_json(one: Goal) -> dict[str, Any]:
    """A goal as REST and the command line tell it: amounts in minor units, shares as fractions, days as ISO."""
    expected = one.forecast
    return {
        "id": one.id,
        "name": one.name,
        "metric": one.metric,
        "segment": one.segment_key,
        "period": one.period.value,
        "start_date": str(one.start_date),
        "start_value": one.start_value,
        "target": one.target,
        "by_date": str(one.by_date),
        "owner": one.owner_name,
        "department": one.department.value,
        "state": one.state.value,
        "value": one.value,
        "value_date": one.value_date and str(one.value_date),
        "progress": one.progress,
        "forecast": expected
        and {"value": expected.value, "low": expected.low, "high": expected.high, "method": expected.method.value},
        "is_archived": one.is_archived,
        "readings": [{"day": str(day), "value": value} for day, value in one.readings],
    }
