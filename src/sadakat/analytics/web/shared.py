"""What whoever has a link reads: one report, no navigation, no customer by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics import briefing_words, cards
from sadakat.analytics.operations import sharing
from sadakat.analytics.queries import briefings as briefing_queries
from sadakat.analytics.queries import goals as goal_queries
from sadakat.analytics.types.goals import SharedReport
from sadakat.analytics.web import goals, pages
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.kernel.time import PeriodKind
from sadakat.platform import brand
from sadakat.platform.ui import parts

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A kind of report that can be shared. It must not name customers: whoever has the link reads it."""

    template: str
    context: Callable[[HttpRequest, Parameters], dict[str, Any]]
    """What its template is given; raises one of our errors for parameters that it does not take."""
    title: Callable[[Parameters], str]
    """How it is called unless somebody says otherwise; raises likewise."""


_reports: dict[str, Report] = {}


def register(name: str, report: Report) -> None:
    """Makes a report one that can be shared."""
    _reports[name] = report
    sharing.register_report(name, report.title)


def title_of(report: str, parameters: Parameters) -> str:
    """How a report is called unless somebody says otherwise.

    Raises:
        Invalid, NotFound: there is no such report, or it does not take these parameters.
    """
    if report not in _reports:
        raise Invalid(f"a report is one of {', '.join(sorted(_reports))}, not {report!r:.40}")
    return _reports[report].title(parameters)


@require_GET
def shared_report(request: HttpRequest, token: str) -> HttpResponse:
    """The report of a link, in the language that the reader or else the link asks for."""
    asked = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    try:
        one = sharing.open_link(token, at=timezone.now())
    except (NotFound, sharing.EndedLink) as error:
        ended = isinstance(error, sharing.EndedLink)
        return _private(
            render(request, "analytics/shared/ended.html", {"is_known": ended}, status=410 if ended else 404)
        )
    with translation.override(asked if asked in dict(settings.LANGUAGES) else one.language):
        return _private(_render(request, one))


def _render(request: HttpRequest, one: SharedReport) -> HttpResponse:
    report = _reports.get(one.report)
    if report is None:
        return render(request, "analytics/shared/ended.html", {"is_known": True}, status=410)
    here = brand.current()
    context = {"shared": one, "brand_name": here.name, "zone": here.zone, **report.context(request, one.parameters)}
    return render(request, report.template, context)


def _private(response: HttpResponse) -> HttpResponse:
    """Keeps the page out of search engines and caches; its address is its key."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _period(parameters: Parameters) -> PeriodKind:
    wanted = parameters.get("period", PeriodKind.MONTH)
    if wanted not in list(PeriodKind):
        raise Invalid(f"a period is one of {', '.join(PeriodKind)}, not {wanted!r:.40}")
    return PeriodKind(wanted)


def _as_of(parameters: Parameters) -> date:
    """The day that is said; without one the report is always of the latest."""
    said = str(parameters.get("as_of", ""))
    return pages.day_of(said) if said else brand.current().day(timezone.now())


def _figures(request: HttpRequest, parameters: Parameters) -> dict[str, Any]:
    day, period, currency = _as_of(parameters), _period(parameters), brand.current().currency
    now = analytics.metrics(as_of=day, period=period)
    before = analytics.previous_metrics(as_of=day, period=period)
    return {
        "note": _("%(period)s, compared with the period before") % {"period": cards.period_name(now)},
        "table": pages.table(request, now, before, currency=currency),
    }


def _goal(_request: HttpRequest, parameters: Parameters) -> dict[str, Any]:
    here = brand.current()
    one = goal_queries.goal(_id(parameters), as_of=here.day(timezone.now()))
    found = goals.shown(one, currency=here.currency)
    # What a figure means is told on a page that asks for a log-in; here it is said in words below.
    heads = [parts.Figure(label=each.label, value=each.value, note=each.note) for each in found["heads"]]
    return {**found, "heads": heads}


def _briefing(_request: HttpRequest, parameters: Parameters) -> dict[str, Any]:
    return {"told": briefing_words.told(briefing_queries.stored_briefing(_id(parameters)))}


def _id(parameters: Parameters) -> int:
    said = str(parameters.get("id", ""))
    if not (said.isascii() and said.isdecimal() and len(said) < 19):
        raise Invalid(f"expected the number of the report, not {said!r:.40}")
    return int(said)


def _figures_title(parameters: Parameters) -> str:
    _as_of(parameters)
    _period(parameters)
    return _("Figures")


def _goal_title(parameters: Parameters) -> str:
    return goal_queries.goal(_id(parameters), as_of=brand.current().day(timezone.now())).name


def _briefing_title(parameters: Parameters) -> str:
    one = briefing_queries.stored_briefing(_id(parameters))
    return f"{briefing_words.told(one).title}, {briefing_words.week_text(one.week_start)}"


register("figures", Report(template="analytics/shared/figures.html", context=_figures, title=_figures_title))
register("goal", Report(template="analytics/shared/goal.html", context=_goal, title=_goal_title))
register("briefing", Report(template="analytics/shared/briefing.html", context=_briefing, title=_briefing_title))
