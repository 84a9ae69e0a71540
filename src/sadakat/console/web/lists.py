"""Lists of customers: all or found, those in conflict, those who are slipping away; and the one search field."""

from collections.abc import Iterator
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.commerce import api as commerce
from sadakat.console.web import orders, words
from sadakat.customers import api as customer_data
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import export, formats, parts

PAGE_SIZE: Final = 50
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
_EXPORTED: Final = ("orders", "revenue_minor", "last_order_at", "last_seen_at")


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
    found_orders = commerce.find_order(text) if text else []
    if found_orders:
        return redirect(orders.url_of(found_orders[0]))
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
def conflicts(request: HttpRequest) -> HttpResponse:
    """Links that a limit keeps from joining two customers."""
    rows = [
        {"conflict": conflict, "reason": words.conflict_reason(conflict.reason)}
        for conflict in customer_data.conflicts(limit=200)
    ]
    table = orders.table_of(
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
    table = orders.table_of(
        request,
        _("Slipping away"),
        _SLIPPING_COLUMNS,
        rows,
        empty=parts.Empty(icon="check", title=_("Nobody is slipping away")),
    )
    note = ngettext("%(n)s customer", "%(n)s customers", found.count) % {"n": formats.number(found.count)}
    return render(request, "console/slipping.html", {"table": table, "note": note})


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


def _export(request: HttpRequest, text: str, order_by: str) -> HttpResponse:
    """The whole list as CSV, for those who may export."""
    if not access.may(request.user, Permission.EXPORT):
        raise Http404
    return export.csv_answer(
        f"customers-{timezone.now():%Y-%m-%d}",
        heads=["id", "name", "city", "identifiers", *_EXPORTED],
        rows=_exported_rows(text, order_by),
    )


def _exported_rows(text: str, order_by: str) -> Iterator[list[Any]]:
    for page in range(1, MAX_EXPORT_PAGES + 1):
        found = customer_data.search(text=text, page=page, page_size=EXPORT_PAGE_SIZE, order=order_by)
        for row in found.rows:
            figures = [row.features.get(name) for name in _EXPORTED]
            yield [row.id, row.name, row.city, " ".join(row.identifiers), *figures]
        if page >= found.pages:
            return
