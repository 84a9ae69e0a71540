"""The segments of a customer on his page, renewed every second."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sadakat.platform import access
from sadakat.platform.access import Permission
from sadakat.platform.models import User
from sadakat.segments import api as segments
from sadakat.segments.types import Kind, Membership, Segment


def context(customer_id: int) -> dict[str, Any]:
    """What the card shows: each group with the memberships of it; those that people have made come last."""
    found: dict[str, list[tuple[str, Membership]]] = {}
    own = segments.segments_of(customer_id)
    names = segments.names_of(own)
    for each in own:
        found.setdefault(each.group, []).append((names[each.key], each))
    memberships = [(segments.group_name(group), found[group]) for group in segments.in_order(found)]
    return {"customer_id": customer_id, "memberships": memberships}


def lists_for(user: User | AnonymousUser) -> list[Segment]:
    """The lists on which this person may put somebody."""
    if not access.may(user, Permission.MANAGE_SEGMENTS):
        return []
    return [each for each in segments.segments() if each.kind is Kind.LIST and not each.group]


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def live(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The memberships alone; the page asks every second."""
    return render(request, "console/_memberships.html", context(customer_id))
