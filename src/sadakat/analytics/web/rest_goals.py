"""Goals by REST."""

from datetime import date
from typing import Any, Final

from django.utils import timezone

from sadakat.analytics import api as analytics
from sadakat.analytics.types.goals import Department, GoalState, Method
from sadakat.kernel.time import PeriodKind
from sadakat.platform import brand, rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Id, Items

area = rest.Area("Goals", reads=Scope.METRICS_READ)


class ForecastAnswer(rest.Answer):
    """What a metric is expected to be on the last day of a goal."""

    value: float
    low: float
    """One time in ten it is expected below this."""
    high: float
    """One time in ten it is expected above this."""
    method: Method


class ReadingAnswer(rest.Answer):
    """The value of a goal's metric as of the beginning of a local day."""

    day: date
    value: float | None


class GoalAnswer(rest.Answer):
    """What a metric is to reach, and how far it is."""

    id: int
    name: str
    metric: str
    """Its name in `GET /metrics`."""
    segment: str
    """Key of a segment; empty for all customers."""
    period: PeriodKind
    start_date: date
    start_value: float | None
    """Amounts in minor units, shares as fractions; so are target, value and forecast."""
    target: float
    by_date: date
    """The last day that counts."""
    owner: str
    department: Department
    state: GoalState
    value: float | None
    value_date: date | None
    progress: float | None
    """The share of the way that is done, 0 to 1."""
    forecast: ForecastAnswer | None
    is_archived: bool
    readings: list[ReadingAnswer]
    """Earliest first; empty in the list of goals."""


_GOAL: Final = {
    "id": 3,
    "name": "More come back",
    "metric": "repeat_purchase_rate",
    "segment": "",
    "period": "month",
    "start_date": "2026-07-01",
    "start_value": 0.2,
    "target": 0.3,
    "by_date": "2026-12-31",
    "owner": "Elif Yıldız",
    "department": "loyalty",
    "state": "on_track",
    "value": 0.26,
    "value_date": "2026-11-22",
    "progress": 0.6,
    "forecast": {"value": 0.31, "low": 0.28, "high": 0.34, "method": "trend"},
    "is_archived": False,
    "readings": [{"day": "2026-11-22", "value": 0.26}],
}


@area.read("/goals", answer=Items[GoalAnswer], example={"items": [{**_GOAL, "readings": []}]})
def list_goals(request: rest.Request) -> Any:  # noqa: ARG001 - as every view
    """The goals that are not archived, the nearest last day first.

    Without their readings.
    """
    return {"items": [analytics.goal_json(each) for each in analytics.goals(as_of=_today())]}


@area.read("/goals/{goal_id}", answer=GoalAnswer, example=_GOAL)
def get_goal(request: rest.Request, goal_id: Id) -> Any:  # noqa: ARG001 - as every view
    """One goal with its readings."""
    return analytics.goal_json(analytics.goal(goal_id, as_of=_today()))


def _today() -> date:
    return brand.current().day(timezone.now())
