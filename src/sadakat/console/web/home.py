"""Home: how we do, and what needs me."""

from datetime import date, datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.kernel.time import PeriodKind
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.models import User
from sadakat.platform.ui import charts, formats, parts

KPIS: Final = ("retention_rate", "repeat_purchase_rate", "average_order_value", "active_customers")
WEEKS: Final = (6, 12, 26)
WEEKS_OF_A_YEAR: Final = 52


@require_GET
@access.requires_login
def home(request: HttpRequest) -> HttpResponse:
    """Figures with their change, revenue by week, and what needs the reader."""
    assert isinstance(request.user, User)
    here, at = brand.current(), timezone.now()
    context: dict[str, object] = {
        "greeting": _greeting(at.astimezone(here.zone), name=request.user.name),
        "needs": _needs(request.user, here, day=here.day(at)),
    }
    if access.may(request.user, Permission.VIEW_ANALYTICS):
        context |= _figures(request, here, day=here.day(at))
    return render(request, "console/home.html", context)


def _greeting(local: datetime, *, name: str) -> str:
    if local.hour < 12:
        return _("Good morning, %(name)s") % {"name": name}
    if local.hour < 18:
        return _("Good day, %(name)s") % {"name": name}
    return _("Good evening, %(name)s") % {"name": name}


def _figures(request: HttpRequest, here: brand.Brand, *, day: date) -> dict[str, object]:
    now = analytics.metrics(as_of=day, period=PeriodKind.MONTH)
    before = analytics.previous_metrics(as_of=day, period=PeriodKind.MONTH)
    past = analytics.series(as_of=day, period=PeriodKind.MONTH, count=12)
    asked = request.GET.get("weeks", "")
    weeks = int(asked) if asked in {str(n) for n in WEEKS} else WEEKS[-1]
    return {
        "note": _("%(brand)s · %(period)s, compared with the month before")
        % {"brand": here.name, "period": analytics.period_name(now)},
        "kpis": [analytics.card(name, now=now, before=before, past=past, currency=here.currency) for name in KPIS],
        "has_orders": now.total_customers > 0,
        "chart": _revenue(day, weeks, currency=here.currency),
        "tabs": parts.tabs(
            "weeks", {str(n): formats.number(n) for n in WEEKS}, current=str(weeks), url=lambda n: f"?weeks={n}"
        ),
    }


def _revenue(day: date, weeks: int, *, currency: str) -> charts.Chart:
    """Revenue by week, and the same weeks a year before where there are any."""
    past = analytics.series(as_of=day, period=PeriodKind.WEEK, count=weeks)
    year_before = day - timedelta(weeks=WEEKS_OF_A_YEAR)
    earlier = analytics.series(as_of=year_before, period=PeriodKind.WEEK, count=weeks)
    series = [charts.Series(_("This year"), [figures.revenue.amount_minor for figures in past])]
    # A year that has just begun to be recorded would draw a line at zero that nobody earned.
    if all(figures.orders for figures in earlier):
        series.append(charts.Series(_("Year before"), [figures.revenue.amount_minor for figures in earlier], "b"))
    return charts.line(
        title=_("Net revenue by week"),
        label_name=_("Week of"),
        labels=[formats.day_month(figures.period_start) for figures in past],
        series=series,
        show=lambda value: formats.money(value, currency=currency, has_decimals=False),
        show_tick=lambda value: formats.compact_money(value, currency=currency),
    )


def _needs(user: User, here: brand.Brand, *, day: date) -> list[parts.Need]:
    """Facts that somebody should act on, the most pressing first; only what this person may open."""
    needs = []
    if access.may(user, Permission.MANAGE_SOURCES):
        if failed := events.failed_count():
            needs.append(
                parts.Need(
                    title=ngettext("%(n)s event is set aside", "%(n)s events are set aside", failed)
                    % {"n": formats.number(failed)},
                    reason=_("They count nowhere until their cause is mended."),
                    verb=_("See the reasons"),
                    url=reverse("failed_events"),
                    tone="bad",
                )
            )
        if stopped := events.stopped_webhooks():
            needs.append(
                parts.Need(
                    title=ngettext("%(n)s webhook is stopped", "%(n)s webhooks are stopped", stopped)
                    % {"n": formats.number(stopped)},
                    reason=_("Its receiver takes nothing; what happens waits for up to 30 days."),
                    verb=_("See which"),
                    url=reverse("webhooks"),
                    tone="bad",
                )
            )
        needs += _nothing_arrived()
    if access.may(user, Permission.VIEW_ANALYTICS):
        needs += analytics.goal_needs(analytics.owner_needs(user.pk, as_of=day), currency=here.currency)
    if access.may(user, Permission.VIEW_CUSTOMERS) and access.may(user, Permission.VIEW_ANALYTICS):
        slipping = analytics.slipping(as_of=day)
        if slipping.count:
            needs.append(
                parts.Need(
                    title=ngettext(
                        "%(n)s regular customer is slipping away",
                        "%(n)s regular customers are slipping away",
                        slipping.count,
                    )
                    % {"n": formats.number(slipping.count)},
                    reason=_("No order for over twice their usual gap. So far they have spent %(revenue)s.")
                    % {
                        "revenue": formats.money(
                            slipping.revenue.amount_minor, currency=here.currency, has_decimals=False
                        )
                    },
                    verb=_("See who"),
                    url=reverse("slipping"),
                    tone="warn",
                )
            )
    if access.may(user, Permission.VIEW_CUSTOMERS) and (count := customers.conflict_count()):
        needs.append(
            parts.Need(
                title=ngettext("%(n)s conflict of identity", "%(n)s conflicts of identity", count)
                % {"n": formats.number(count)},
                reason=_("Customers share a device or an address, and a limit keeps them apart."),
                verb=_("Review"),
                url=reverse("conflicts"),
                tone="warn",
            )
        )
    return needs


def _nothing_arrived() -> list[parts.Need]:
    """Nothing has ever arrived: the one thing to do first."""
    if events.head():
        return []
    return [
        parts.Need(
            title=_("No events yet"),
            reason=_("Connect your shop with the SDK that it already uses."),
            verb=_("Add a source"),
            url=reverse("new_source"),
            tone="warn",
        )
    ]
