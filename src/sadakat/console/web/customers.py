"""Customer 360: one page for everything known of a person."""

from datetime import datetime
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.commerce import api as commerce
from sadakat.console.web import memberships, merging, orders, timeline, words
from sadakat.customers import api as customers
from sadakat.customers.types import Customer, IdentifierType
from sadakat.events import api as events
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, parts

SHOWN_EVENTS: Final = 15
SHOWN_ORDERS: Final = 10

_ORDER_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Order")),
    parts.Column(label=gettext_lazy("Date")),
    parts.Column(label=gettext_lazy("Channel")),
    parts.Column(label=gettext_lazy("Lines"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
    parts.Column(label=gettext_lazy("Status")),
]
_IN_HEADER: Final = {"firstName", "lastName", "name", "email", "phone", "card"}
_TABS: Final = {"all": None, "orders": timeline.ORDER_EVENTS}


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def customer(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Customer 360: who it is, every identifier, orders on all channels and the time line."""
    here = brand.current()
    person = _customer(customer_id)
    if person.id != customer_id:
        return redirect("customer", person.id)
    tab = request.GET.get("show", "all")
    names = _TABS.get(tab)
    happened = events.timeline(
        profile_ids=person.profile_ids, names=names, before=_cursor(request), limit=SHOWN_EVENTS + 1
    )
    context = {
        "person": person,
        "title": merging.name_of(person),
        "note": _who(person, here),
        "strip": _strip(person, here),
        "traits": _traits(person),
        "identifiers": _identifiers(person),
        "merges": merging.undo_terms(person, customers.merges_of(person.id)),
        "may_edit": access.may(request.user, Permission.EDIT_CUSTOMERS),
        "is_computing": person.features.get("events") is None,
        "days": timeline.by_day(happened[:SHOWN_EVENTS], here=here),
        "older_url": _older(happened, tab),
        "tabs": _timeline_tabs(tab),
        "orders": _orders_table(request, person),
        "order_note": _order_note(person, here),
        "chart": _spend(person, here),
        "lists": memberships.lists_for(request.user),
        **memberships.context(person.id),
    }
    return render(request, "console/customer.html", context)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def profile(_request: HttpRequest, profile_id: int) -> HttpResponse:
    """Leads from a profile to the customer that it belongs to now."""
    found = customers.customers_of([profile_id])
    if profile_id not in found:
        raise Http404
    return redirect("customer", found[profile_id])


def _customer(customer_id: int) -> Customer:
    try:
        return customers.customer(customer_id)
    except NotFound:
        raise Http404 from None


def _who(person: Customer, here: brand.Brand) -> str:
    city = person.traits.get("city")
    since = person.features.get("first_seen_at")
    told = [str(city.value)] if city else []
    if since:
        told.append(_("first seen %(day)s") % {"day": formats.long_date(since.astimezone(here.zone).date())})
    return " · ".join(told)


def _strip(person: Customer, here: brand.Brand) -> list[tuple[str, str]]:
    features = person.features
    count, revenue = features.get("orders") or 0, features.get("revenue_minor") or 0
    average = revenue / count if count else None

    def day(at: datetime | None) -> str:
        return formats.short_date(at.astimezone(here.zone).date() if at else None)

    return [
        (_("Counted orders"), formats.number(count)),
        (_("Revenue"), formats.money(revenue, currency=here.currency)),
        (_("Average order value"), formats.money(average, currency=here.currency)),
        (_("First order"), day(features.get("first_order_at"))),
        (_("Last order"), day(features.get("last_order_at"))),
        (_("Events"), formats.number(features.get("events") or 0)),
    ]


def _traits(person: Customer) -> list[dict[str, Any]]:
    return [
        {
            "label": customers.label_of_trait(name),
            "value": words.trait_text(trait.value),
            "source": _source_name(trait.source_id),
            "at": trait.at,
        }
        for name, trait in sorted(person.traits.items(), key=lambda pair: customers.order_of_trait(pair[0]))
        if name not in _IN_HEADER
    ]


def _identifiers(person: Customer) -> list[dict[str, Any]]:
    return [
        {
            "label": words.IDENTIFIER_LABELS[IdentifierType(identifier.type)],
            "value": identifier.value,
            "is_verified": identifier.is_verified,
            "source": _source_name(identifier.source_id),
            "last_seen_at": identifier.last_seen_at,
        }
        for identifier in person.identifiers
    ]


def _source_name(source_id: int) -> str:
    source = events.sources().get(source_id)
    return source.name if source else ""


def _cursor(request: HttpRequest) -> tuple[datetime, int] | None:
    """The `before` of the address: `INSTANT_POSITION` of the last event seen; nonsense starts at the newest."""
    at, _separator, position = request.GET.get("before", "").partition("_")
    try:
        return time.instant(at), int(position)
    except (Invalid, ValueError):
        return None


def _older(happened: list[Any], tab: str) -> str:
    if len(happened) <= SHOWN_EVENTS:
        return ""
    last = happened[SHOWN_EVENTS - 1]
    return f"?show={tab}&before={last.at.isoformat().replace('+00:00', 'Z')}_{last.position}"


def _timeline_tabs(current: str) -> list[parts.Tab]:
    labels = {"all": _("All"), "orders": _("Orders")}
    return [
        parts.Tab(id=f"show-{name}", label=label, url=f"?show={name}", is_current=name == current)
        for name, label in labels.items()
    ]


def _orders_table(request: HttpRequest, person: Customer) -> parts.Table:
    rows = [
        {
            "order": found,
            "channel": orders.channel_of(found),
            "url": orders.url_of(found),
            "status": orders.STATUS_TONES[found.status],
            "day": found.local_date,
        }
        for found in commerce.orders_of(profile_ids=person.profile_ids, limit=SHOWN_ORDERS)
    ]
    return orders.table_of(
        request,
        _("Orders"),
        _ORDER_COLUMNS,
        rows,
        empty=parts.Empty(icon="shopping-bag", title=_("No orders yet")),
    )


def _order_note(person: Customer, here: brand.Brand) -> str:
    count = person.features.get("orders") or 0
    if count > SHOWN_ORDERS:
        return _("the latest %(shown)s of %(orders)s") % {
            "shown": formats.number(SHOWN_ORDERS),
            "orders": formats.number(count),
        }
    return formats.money(person.features.get("revenue_minor") or 0, currency=here.currency)


def _spend(person: Customer, here: brand.Brand) -> charts.Chart | None:
    months = commerce.spend_by_month(person.profile_ids)[-12:]
    if not months:
        return None
    return charts.bars(
        title=_("Spend per month"),
        label_name=_("Month"),
        value_name=_("Revenue"),
        labels=[formats.month(spend.month) for spend in months],
        values=[spend.revenue_minor for spend in months],
        show=lambda value: formats.money(value, currency=here.currency, has_decimals=False),
    )
