"""Lists of customers: all or found, and those who are slipping away; and the one search field."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from sadakat.analytics import api as analytics
from sadakat.commerce import api as commerce
from sadakat.console.web import columns, filtering, orders
from sadakat.console.web.columns import Field, Kind
from sadakat.customers import api as customer_data
from sadakat.customers.types import CustomerPage, CustomerRow, Filter
from sadakat.platform import access, brand, operations
from sadakat.platform.access import Permission
from sadakat.platform.models import User
from sadakat.platform.ui import export, formats, parts

PAGE_SIZE: Final = 50

_CSS: Final = {
    Kind.IDENTIFIERS: "wrap soft",
    Kind.TRAIT: "wide",
    Kind.NUMBER: "n",
    Kind.MONEY: "n",
    Kind.DATE: "n",
}
_NAME: Final = parts.Column(label=gettext_lazy("Name"), key="name")
_SLIPPING_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Orders"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
    parts.Column(label=gettext_lazy("Usual gap, days"), is_numeric=True),
    parts.Column(label=gettext_lazy("Silent, days"), is_numeric=True),
    parts.Column(label=gettext_lazy("Last order"), is_numeric=True),
]


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def customers(request: HttpRequest) -> HttpResponse:
    """Everybody, or those who fit search and filters; the address holds these, columns, order and page."""
    here, offered = brand.current(), columns.fields()
    addition = filtering.addition(request, offered=offered, here=here)
    if addition and addition.form.is_bound and (added := addition.form.filter()):
        return redirect(filtering.with_filter(request, added))
    text = request.GET.get("q", "").strip()
    chosen = columns.chosen(request, offered)
    filters = filtering.asked(request)
    ask = parts.asked(request, columns=[_NAME, *(f.column for f in offered.values())], usual_order="-last_order_at")
    found = customer_data.search(
        text,
        filters=filters,
        today=here.day(timezone.now()),
        zone=here.zone,
        page=ask.page,
        page_size=PAGE_SIZE,
        order=ask.order,
    )
    context = {
        "table": parts.table(
            request,
            caption=_("Customers"),
            columns=[_NAME, *(field.column for field in chosen)],
            rows=[_cells(row, chosen, here=here) for row in found.rows],
            total=found.total,
            page_size=PAGE_SIZE,
            ask=ask,
            empty=_nobody(text, filters),
            export_url=_export_url(request, chosen),
        ),
        "search_text": text,
        "note": _found(found, is_narrowed=bool(text or filters)),
        "is_narrowed": text or filters,
        "chips": filtering.chips(request, filters, offered=offered, here=here),
        "addition": addition,
        "to_add": filtering.fields_to_add(request, offered),
        "columns": [(field, field in chosen) for field in offered.values()],
        "query": request.GET.urlencode(),
        "conflicts": customer_data.conflict_count(),
    }
    return render(request, "console/customers.html", context)


@require_POST
@access.requires(Permission.VIEW_CUSTOMERS)
def choose_columns(request: HttpRequest) -> HttpResponse:
    """Shows the list with the columns chosen, now and whenever this person comes back."""
    offered = columns.fields()
    keys = [] if "usual" in request.POST else [key for key in request.POST.getlist("columns") if key in offered]
    assert isinstance(request.user, User)
    operations.set_preference(
        user_id=request.user.id,
        key=columns.PREFERENCE,
        value=keys or None,
        actor=access.actor_of(request.user),
        at=timezone.now(),
    )
    query = QueryDict(request.POST.get("query", ""), mutable=True)
    query.setlist("columns", keys)
    return redirect(f"{resolve_url('customers')}?{query.urlencode()}")


@require_GET
@access.requires(Permission.EXPORT)
@access.requires(Permission.VIEW_CUSTOMERS)
def export_customers(request: HttpRequest) -> HttpResponse:
    """Everybody whom search and filters find, with the columns chosen, as a CSV file in the order of ids."""
    here, now = brand.current(), timezone.now()
    chosen = columns.chosen(request, columns.fields())
    rows = customer_data.export_customers(
        request.GET.get("q", "").strip(),
        filters=filtering.asked(request),
        columns=[field.key for field in chosen],
        today=here.day(now),
        zone=here.zone,
        actor=access.actor_of(request.user),
        at=now,
    )
    return export.csv_stream(
        f"customers-{now:%Y-%m-%d}",
        heads=["id", "name", *(field.key for field in chosen)],
        rows=([row.id, row.name, *(field.plain(row) for field in chosen)] for row in rows),
    )


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


def _cells(row: CustomerRow, chosen: Sequence[Field], *, here: brand.Brand) -> Mapping[str, Any]:
    cells = [(_CSS.get(field.kind, ""), field.lines(row, here=here)) for field in chosen]
    return {"id": row.id, "name": row.name, "cells": cells}


def _found(found: CustomerPage, *, is_narrowed: bool) -> str:
    if not is_narrowed:
        return formats.number(found.total)
    return _("%(n)s found of %(all)s") % {"n": formats.number(found.total), "all": formats.number(found.everybody)}


def _nobody(text: str, filters: Sequence[Filter]) -> parts.Empty:
    if filters:
        return parts.Empty(
            icon="search-x",
            title=_("Nobody fits these filters"),
            text=_("Take one away, or choose another value."),
        )
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


def _export_url(request: HttpRequest, chosen: Sequence[Field]) -> str:
    if not access.may(request.user, Permission.EXPORT):
        return ""
    query = QueryDict(mutable=True)
    for name in ("q", "f"):
        query.setlist(name, request.GET.getlist(name))
    query.setlist("columns", [field.key for field in chosen])
    return f"{resolve_url('export_customers')}?{query.urlencode()}"
