"""A customer's events as sentences."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final

import msgspec
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sadakat.commerce import api as commerce
from sadakat.console.web import words
from sadakat.events import api as log
from sadakat.events.types import Event, Kind
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid
from sadakat.platform.brand import Brand
from sadakat.platform.ui import formats, parts

ORDER_EVENTS: Final = ("Order Completed", "Order Updated", "Order Refunded", "Order Cancelled")
Properties = Mapping[str, Any]


def by_day(events: Sequence[Event], *, here: Brand) -> list[tuple[date, list[parts.TimelineItem]]]:
    """The events, newest first, under their local days."""
    return [
        (day, [item(event, here=here) for event in of_day])
        for day, of_day in groupby(events, key=lambda event: event.local_date)
    ]


def item(event: Event, *, here: Brand) -> parts.TimelineItem:
    """One event as a sentence with its icon; an erased body leaves its name and time."""
    body = msgspec.json.decode(event.body) if event.body else {}
    properties = body.get("properties") or {}
    icon, tone, title, text = _said(event, body, properties, here=here)
    order_id = properties.get("order_id")
    return parts.TimelineItem(
        icon=icon,
        tone=tone,
        title=title,
        text=text,
        at=event.at,
        clock=formats.clock(event.at, zone=here.zone),
        url=_order_url(event, order_id) if event.event in ORDER_EVENTS and order_id else "",
    )


def order_url(order_id: str, *, namespace: str) -> str:
    """The page of an order; the namespace stands in the address where a source has one."""
    return reverse("order", args=[order_id]) + (f"?{urlencode({'namespace': namespace})}" if namespace else "")


def _order_url(event: Event, order_id: Any) -> str:
    source = log.sources().get(event.source_id)
    return order_url(str(order_id), namespace=source.namespace if source else "")


def _said(event: Event, body: Properties, properties: Properties, *, here: Brand) -> tuple[str, parts.Tone, str, str]:
    """Icon, tone, title and text."""
    if event.kind in {Kind.PAGE, Kind.SCREEN}:
        name = body.get("name") or properties.get("title") or properties.get("path") or ""
        return "globe", "", _("Viewed the page “%(name)s”") % {"name": name}, _came_from(body)
    if event.kind is Kind.IDENTIFY:
        known = sorted((body.get("traits") or {}).keys())
        text = ", ".join(known[:6]) + (" …" if len(known) > 6 else "")
        return "user-round", "", _("Was identified"), text
    if event.kind is Kind.ALIAS:
        return "link", "", _("Got another id"), ""
    if event.kind is Kind.GROUP:
        return "users-round", "", _("Joined a group"), str(body.get("groupId") or "")
    say = _TRACKED.get(event.event)
    if say is None:
        return "activity", "", event.event, _few(properties)
    return say(properties, here)


def _amount(properties: Properties, here: Brand) -> str:
    """The amount of an order event as the shop sent it; empty where it named none."""
    value = properties.get("revenue", properties.get("total"))
    try:
        currency = money.currency_code(properties.get("currency") or here.currency)
        return "" if value is None else formats.money(money.to_minor(value, currency=currency), currency=currency)
    except Invalid:
        return ""


def _ordered(properties: Properties, here: Brand) -> tuple[str, parts.Tone, str, str]:
    title = _("Ordered %(order)s for %(amount)s") % {
        "order": properties.get("order_id", ""),
        "amount": _amount(properties, here) or "–",
    }
    lines = len(properties.get("products") or [])
    told = [_channel(properties), ngettext("%(n)s line", "%(n)s lines", lines) % {"n": formats.number(lines)}]
    if coupon := properties.get("coupon"):
        told.append(_("coupon %(code)s") % {"code": coupon})
    return "shopping-bag", "accent", title, " · ".join(told)


def _refunded(properties: Properties, here: Brand) -> tuple[str, parts.Tone, str, str]:
    title = _("Was refunded for order %(order)s") % {"order": properties.get("order_id", "")}
    return "undo-2", "warn", title, _amount(properties, here)


def _cancelled(properties: Properties, _here: Brand) -> tuple[str, parts.Tone, str, str]:
    return "circle-x", "warn", _("Order %(order)s was cancelled") % {"order": properties.get("order_id", "")}, ""


def _updated(properties: Properties, here: Brand) -> tuple[str, parts.Tone, str, str]:
    title = _("Order %(order)s was changed") % {"order": properties.get("order_id", "")}
    return "pencil", "", title, _amount(properties, here)


def _viewed(properties: Properties, _here: Brand) -> tuple[str, parts.Tone, str, str]:
    return "eye", "", _("Viewed %(product)s") % {"product": _product(properties)}, ""


def _added(properties: Properties, _here: Brand) -> tuple[str, parts.Tone, str, str]:
    return "shopping-cart", "", _("Put %(product)s into the cart") % {"product": _product(properties)}, ""


def _campaign(properties: Properties, _here: Brand) -> tuple[str, parts.Tone, str, str]:
    title = _("Received campaign %(campaign)s") % {"campaign": properties.get("campaign_id", "")}
    return "mail", "", title, str(properties.get("campaign_type") or "")


def _coupon(properties: Properties, _here: Brand) -> tuple[str, parts.Tone, str, str]:
    return "ticket-percent", "good", _("Used coupon %(coupon)s") % {"coupon": properties.get("coupon_id", "")}, ""


def _merged(properties: Properties, _here: Brand) -> tuple[str, parts.Tone, str, str]:
    title = _("Customer %(loser)s turned out to be the same person") % {"loser": properties.get("loser_id", "")}
    return "merge", "accent", title, words.merge_reason(str(properties.get("reason") or ""))


_TRACKED: Final[Mapping[str, Callable[[Properties, Brand], tuple[str, parts.Tone, str, str]]]] = {
    "Order Completed": _ordered,
    "Order Refunded": _refunded,
    "Order Cancelled": _cancelled,
    "Order Updated": _updated,
    "Product Viewed": _viewed,
    "Product Added": _added,
    "Campaign Received": _campaign,
    "Coupon Applied": _coupon,
    "Customers Merged": _merged,
}


def _product(properties: Properties) -> str:
    return str(properties.get("name") or properties.get("product_id") or _("a product"))


def _channel(properties: Properties) -> str:
    channel, store = str(properties.get("channel") or "online"), properties.get("store_id")
    name = commerce.channel_name(channel)
    return f"{name} {store}" if store else name


def _came_from(body: Properties) -> str:
    campaign = (body.get("context") or {}).get("campaign") or {}
    return " · ".join(str(campaign[part]) for part in ("source", "medium", "name") if campaign.get(part))


def _few(properties: Properties) -> str:
    """The first plain properties, so that an event nobody prepared for still says something."""
    plain = [f"{name}: {value}" for name, value in properties.items() if isinstance(value, str | int | float)]
    return " · ".join(plain[:4])
