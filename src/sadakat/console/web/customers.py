"""The list of customers, the search, Customer 360 and a single order."""

import csv
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.commerce import api as commerce
from sadakat.commerce.types import Order, OrderStatus
from sadakat.console.web import timeline, words
from sadakat.customers import api as customer_data
from sadakat.customers.types import Customer, IdentifierType
from sadakat.events import api as events
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, parts

PAGE_SIZE: Final = 50
SHOWN_EVENTS: Final = 15
SHOWN_ORDERS: Final = 10
EXPORT_PAGE_SIZE: Final = 200
MAX_EXPORT_PAGES: Final = 10_000

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name"), key="name"),
    parts.Column(label=gettext_lazy("City")),
    parts.Column(label=gettext_lazy("Identifiers")),
    parts.Column(label=gettext_lazy("Orders"), key="orders", is_numeric=True, starts_descending=True),
    parts.Column(label=gettext_lazy("Revenue"), key="revenue_minor", is_numeric=True, starts_descending=True),
    parts.Column(label=gettext_lazy("Last order"), key="last_order_at", is_numeric=True, starts_descending=True),
    parts.Column(label=gettext_lazy("Last seen"), key="last_seen_at", is_numeric=True, starts_descending=True),
]
_ORDER_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Order")),
    parts.Column(label=gettext_lazy("Date")),
    parts.Column(label=gettext_lazy("Channel")),
    parts.Column(label=gettext_lazy("Lines"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
    parts.Column(label=gettext_lazy("Status")),
]
_LINE_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Product")),
    parts.Column(label=gettext_lazy("Category")),
    parts.Column(label=gettext_lazy("Quantity"), is_numeric=True),
    parts.Column(label=gettext_lazy("Amount"), is_numeric=True),
]
_ENTRY_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("What happened")),
    parts.Column(label=gettext_lazy("When")),
    parts.Column(label=gettext_lazy("Change"), is_numeric=True),
]
_SLIPPING_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Orders"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
    parts.Column(label=gettext_lazy("Usual gap, days"), is_numeric=True),
    parts.Column(label=gettext_lazy("Silent, days"), is_numeric=True),
    parts.Column(label=gettext_lazy("Last order"), is_numeric=True),
]
_CONFLICT_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Customers")),
    parts.Column(label=gettext_lazy("Why they stay apart")),
    parts.Column(label=gettext_lazy("Since"), is_numeric=True),
]
STATUS_TONES: Final = {
    OrderStatus.COMPLETED: (gettext_lazy("Completed"), "good"),
    OrderStatus.PARTLY_REFUNDED: (gettext_lazy("Partly refunded"), "warn"),
    OrderStatus.REFUNDED: (gettext_lazy("Refunded"), "warn"),
    OrderStatus.CANCELLED: (gettext_lazy("Cancelled"), "bad"),
}
_TONE_ICONS: Final = {"good": "check", "warn": "undo-2", "bad": "circle-x"}
ENTRY_LABELS: Final = {
    "completed": gettext_lazy("Completed"),
    "updated": gettext_lazy("Changed"),
    "refunded": gettext_lazy("Refunded"),
    "cancelled": gettext_lazy("Cancelled"),
}
# Traits with a name of their own; all others are shown under the name that the shop gave them.
_TRAIT_LABELS: Final = {
    "city": gettext_lazy("City"),
    "birthday": gettext_lazy("Birthday"),
    "language": gettext_lazy("Preferred language"),
    "age_group": gettext_lazy("Age group"),
    "income_group": gettext_lazy("Income group"),
    "household_size": gettext_lazy("Household size"),
    "kids_count": gettext_lazy("Children"),
    "gender": gettext_lazy("Gender"),
    "company": gettext_lazy("Company"),
    "household_id": gettext_lazy("Household id"),
}
_IN_HEADER: Final = {"firstName", "lastName", "name", "email", "phone", "card"}
_TABS: Final = {"all": None, "orders": timeline.ORDER_EVENTS}


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def customers(request: HttpRequest) -> HttpResponse:
    """Everybody, or those who fit the search; the address holds search, order and page."""
    text = request.GET.get("q", "").strip()
    ask = parts.asked(request, columns=_COLUMNS, usual_order="-last_order_at")
    if request.GET.get("format") == "csv":
        return _export(request, text, ask.order)
    found = customer_data.search(text=text, page=ask.page, page_size=PAGE_SIZE, order=ask.order)
    query = request.GET.copy()
    query["format"] = "csv"
    table = parts.table(
        request,
        caption=_("Customers"),
        columns=_COLUMNS,
        rows=found.rows,
        total=found.total,
        page_size=PAGE_SIZE,
        ask=ask,
        empty=_nobody(text),
        export_url=f"?{query.urlencode()}" if access.may(request.user, Permission.EXPORT) else "",
    )
    context = {
        "table": table,
        "search_text": text,
        "note": _("%(n)s found") % {"n": formats.number(found.total)} if text else formats.number(found.total),
        "conflicts": len(customer_data.conflicts()),
    }
    return render(request, "console/customers.html", context)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def search(request: HttpRequest) -> HttpResponse:
    """One field for everything: an order number leads to the order, all else to the customers found."""
    text = request.GET.get("q", "").strip()
    orders = commerce.find_order(text) if text else []
    if orders:
        return redirect(_url_of(orders[0]))
    found = customer_data.search(text=text, page=1, page_size=2, order="-last_order_at")
    if text and found.total == 1:
        return redirect("customer", found.rows[0].id)
    response = redirect("customers")
    if text:
        query = request.GET.copy()
        response["Location"] += f"?{query.urlencode()}"
    return response


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
        "title": person.name or _("Customer %(id)s") % {"id": str(person.id)},
        "note": _who(person, here),
        "strip": _strip(person, here),
        "traits": _traits(person),
        "identifiers": _identifiers(person),
        "merges": [
            {"merge": merge, "reason": words.merge_reason(merge.reason)} for merge in customer_data.merges_of(person.id)
        ],
        "days": timeline.by_day(happened[:SHOWN_EVENTS], here=here),
        "older_url": _older(happened, tab),
        "tabs": _timeline_tabs(tab),
        "orders": _orders_table(request, person),
        "order_note": _order_note(person, here),
        "chart": _spend(person, here),
    }
    return render(request, "console/customer.html", context)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def profile(_request: HttpRequest, profile_id: int) -> HttpResponse:
    """Leads from a profile to the customer that it belongs to now."""
    found = customer_data.customers_of([profile_id])
    if profile_id not in found:
        raise Http404
    return redirect("customer", found[profile_id])


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def order(request: HttpRequest, order_id: str) -> HttpResponse:
    """One order: its lines, and what each event changed."""
    here = brand.current()
    try:
        detail = commerce.order(namespace=request.GET.get("namespace", ""), order_id=order_id)
    except NotFound:
        raise Http404 from None
    customer_id = customer_data.customers_of([detail.order.profile_id])[detail.order.profile_id]
    word, tone = STATUS_TONES[detail.order.status]
    context = {
        "order": detail.order,
        "customer": _customer(customer_id),
        "status": (word, tone, _TONE_ICONS[tone]),
        "channel": _channel(detail.order.channel, detail.order.store_id),
        "namesakes": [
            {"url": _url_of(other), "channel": _channel(other.channel, other.store_id)}
            for other in commerce.find_order(order_id)
            if other.namespace != detail.order.namespace
        ],
        "facts": _order_facts(detail.order, here),
        "lines": _table_of(request, _("Lines"), _LINE_COLUMNS, detail.lines),
        "entries": _table_of(
            request,
            _("Changes of revenue"),
            _ENTRY_COLUMNS,
            [{"entry": entry, "label": ENTRY_LABELS[entry.kind]} for entry in detail.entries],
        ),
    }
    return render(request, "console/order.html", context)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def conflicts(request: HttpRequest) -> HttpResponse:
    """Links that a limit keeps from joining two customers."""
    rows = [
        {"conflict": conflict, "reason": words.conflict_reason(conflict.reason)}
        for conflict in customer_data.conflicts(limit=200)
    ]
    table = _table_of(
        request,
        _("Conflicts of identity"),
        _CONFLICT_COLUMNS,
        rows,
        empty=parts.Empty(icon="check", title=_("No conflicts"), text=_("Nobody is kept apart by a limit.")),
    )
    return render(request, "console/conflicts.html", {"table": table})


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def slipping(request: HttpRequest) -> HttpResponse:
    """Regular customers who have broken their habit, those who spent most first."""
    here = brand.current()
    found = analytics.slipping(as_of=here.day(timezone.now()))
    names = {row.id: row.name for row in customer_data.customer_rows([who.customer_id for who in found.customers])}
    rows = [{"who": who, "name": names.get(who.customer_id, "")} for who in found.customers]
    table = _table_of(
        request,
        _("Slipping away"),
        _SLIPPING_COLUMNS,
        rows,
        empty=parts.Empty(icon="check", title=_("Nobody is slipping away")),
    )
    note = ngettext("%(n)s customer", "%(n)s customers", found.count) % {"n": formats.number(found.count)}
    return render(request, "console/slipping.html", {"table": table, "note": note})


def _customer(customer_id: int) -> Customer:
    try:
        return customer_data.customer(customer_id)
    except NotFound:
        raise Http404 from None


def _nobody(text: str) -> parts.Empty:
    if text:
        return parts.Empty(
            icon="search-x",
            title=_("Nobody fits “%(text)s”") % {"text": text},
            text=_("Search by name, e-mail, phone in any spelling, card, user id or order number."),
        )
    return parts.Empty(
        icon="users",
        title=_("No customers yet"),
        text=_("They appear as soon as a source sends events."),
    )


def _who(person: Customer, here: brand.Brand) -> str:
    city = person.traits.get("city")
    since = person.features.get("first_seen_at")
    told = [str(city.value)] if city else []
    if since:
        told.append(_("first seen %(day)s") % {"day": formats.long_date(since.astimezone(here.zone).date())})
    return " · ".join(told)


def _strip(person: Customer, here: brand.Brand) -> list[tuple[str, str]]:
    features = person.features
    orders, revenue = features.get("orders") or 0, features.get("revenue_minor") or 0
    average = revenue / orders if orders else None

    def day(at: datetime | None) -> str:
        return formats.short_date(at.astimezone(here.zone).date() if at else None)

    return [
        (_("Counted orders"), formats.number(orders)),
        (_("Revenue"), formats.money(revenue, currency=here.currency)),
        (_("Average order value"), formats.money(average, currency=here.currency)),
        (_("First order"), day(features.get("first_order_at"))),
        (_("Last order"), day(features.get("last_order_at"))),
        (_("Events"), formats.number(features.get("events") or 0)),
    ]


def _traits(person: Customer) -> list[tuple[str, str]]:
    return [
        (str(_TRAIT_LABELS.get(name, name)), _trait_text(trait.value))
        for name, trait in sorted(person.traits.items(), key=lambda pair: (pair[0] not in _TRAIT_LABELS, pair[0]))
        if name not in _IN_HEADER
    ]


def _trait_text(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and len(value) == len("2026-11-20"):
        with suppress(ValueError):
            return formats.long_date(date.fromisoformat(value))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _identifiers(person: Customer) -> list[dict[str, Any]]:
    sources = events.sources()
    return [
        {
            "label": words.IDENTIFIER_LABELS[IdentifierType(identifier.type)],
            "value": identifier.value,
            "is_verified": identifier.is_verified,
            "source": sources[identifier.source_id].name if identifier.source_id in sources else "",
            "last_seen_at": identifier.last_seen_at,
        }
        for identifier in person.identifiers
    ]


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
            "channel": _channel(found.channel, found.store_id),
            "url": _url_of(found),
            "status": STATUS_TONES[found.status],
            "day": found.local_date,
        }
        for found in commerce.orders_of(profile_ids=person.profile_ids, limit=SHOWN_ORDERS)
    ]
    return _table_of(
        request,
        _("Orders"),
        _ORDER_COLUMNS,
        rows,
        empty=parts.Empty(icon="shopping-bag", title=_("No orders yet")),
    )


def _order_note(person: Customer, here: brand.Brand) -> str:
    orders = person.features.get("orders") or 0
    if orders > SHOWN_ORDERS:
        return _("the latest %(shown)s of %(orders)s") % {
            "shown": formats.number(SHOWN_ORDERS),
            "orders": formats.number(orders),
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


def _order_facts(found: Any, here: brand.Brand) -> list[tuple[str, str]]:
    facts = [
        (_("Date"), formats.instant(found.at, zone=here.zone)),
        (_("Revenue"), formats.money(found.revenue_minor, currency=here.currency)),
        (_("Refunded"), formats.money(found.refunded_minor, currency=here.currency)),
        (_("Counts as"), formats.money(found.net_minor, currency=here.currency)),
    ]
    if found.channel == "online":
        facts.append((_("Checkout"), _("guest") if found.is_guest else _("account")))
    if found.coupon:
        facts.append((_("Coupon"), found.coupon))
    if found.currency != here.currency:
        facts.append((_("Currency"), f"{found.currency} × {found.currency_rate.normalize():f}"))
    return facts


def _url_of(found: Order) -> str:
    return timeline.order_url(found.order_id, namespace=found.namespace)


def _channel(channel: str, store_id: str) -> str:
    return " ".join(filter(None, [timeline.channel_name(channel), store_id]))


def _table_of(
    request: HttpRequest,
    caption: str,
    columns: list[parts.Column],
    rows: Sequence[object],
    empty: parts.Empty | None = None,
) -> parts.Table:
    """A table of one page in an order of its own."""
    return parts.short_table(
        request,
        caption=caption,
        columns=columns,
        rows=rows,
        empty=empty or parts.Empty(icon="inbox", title=_("Nothing here")),
    )


def _export(request: HttpRequest, text: str, order_by: str) -> HttpResponse:
    """The whole list as CSV, for those who may export."""
    if not access.may(request.user, Permission.EXPORT):
        raise Http404
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="customers-{timezone.now():%Y-%m-%d}.csv"'
    writer = csv.writer(response)
    writer.writerow(["id", "name", "city", "identifiers", "orders", "revenue_minor", "last_order_at", "last_seen_at"])
    for page in range(1, MAX_EXPORT_PAGES + 1):
        found = customer_data.search(text=text, page=page, page_size=EXPORT_PAGE_SIZE, order=order_by)
        for row in found.rows:
            figures = [row.features.get(n) for n in ("orders", "revenue_minor", "last_order_at", "last_seen_at")]
            writer.writerow([row.id, row.name, row.city, " ".join(row.identifiers), *figures])
        if page >= found.pages:
            break
    return response
