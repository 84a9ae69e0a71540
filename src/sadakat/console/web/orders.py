"""A single order, and how orders are written elsewhere."""

from collections.abc import Sequence
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.commerce import api as commerce
from sadakat.commerce.types import Order, OrderStatus
from sadakat.console.web import timeline
from sadakat.customers import api as customers
from sadakat.kernel.errors import NotFound
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts

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


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def order(request: HttpRequest, order_id: str) -> HttpResponse:
    """One order: its lines, and what each event changed."""
    here = brand.current()
    try:
        detail = commerce.order(namespace=request.GET.get("namespace", ""), order_id=order_id)
    except NotFound:
        raise Http404 from None
    customer_id = customers.customers_of([detail.order.profile_id])[detail.order.profile_id]
    word, tone = STATUS_TONES[detail.order.status]
    context = {
        "order": detail.order,
        "customer": customers.customer(customer_id),
        "status": (word, tone, _TONE_ICONS[tone]),
        "channel": channel_of(detail.order),
        "namesakes": [
            {"url": url_of(other), "channel": channel_of(other)}
            for other in commerce.find_order(order_id)
            if other.namespace != detail.order.namespace
        ],
        "facts": _order_facts(detail.order, here),
        "lines": table_of(request, _("Lines"), _LINE_COLUMNS, detail.lines),
        "entries": table_of(
            request,
            _("Changes of revenue"),
            _ENTRY_COLUMNS,
            [{"entry": entry, "label": ENTRY_LABELS[entry.kind]} for entry in detail.entries],
        ),
    }
    return render(request, "console/order.html", context)


def url_of(found: Order) -> str:
    """Where the page of an order is."""
    return timeline.order_url(found.order_id, namespace=found.namespace)


def channel_of(found: Order) -> str:
    """Channel and store in the reader's language."""
    return " ".join(filter(None, [commerce.channel_name(found.channel), found.store_id]))


def table_of(
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


def _order_facts(found: Order, here: brand.Brand) -> list[tuple[str, str]]:
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
