"""The segments of a customer on his page, renewed every second."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.platform import access
from sadakat.platform.access import Permission
from sadakat.platform.models import User
from sadakat.segments import api as segments
from sadakat.segments.types import Kind, Membership, Segment

# What a group says of a customer, in the order of the card; those that people have made come last.
_GROUPS: Final[Mapping[str, str | Promise]] = {
    "stage": gettext_lazy("Stage"),
    "phase": gettext_lazy("Phase"),
    "type": gettext_lazy("Customer type"),
    "rfm": gettext_lazy("Recency, frequency, spend"),
    "cluster": gettext_lazy("Cluster"),
    "": gettext_lazy("Segments"),
}


def context(customer_id: int) -> dict[str, Any]:
    """What the card shows: each group with the memberships of it."""
    found: dict[str, list[Membership]] = {}
    for each in segments.segments_of(customer_id):
        found.setdefault(each.group, []).append(each)
    order = [*_GROUPS, *sorted(found.keys() - _GROUPS.keys())]
    return {
        "customer_id": customer_id,
        "memberships": [
            (_GROUPS.get(group, group), [(_(each.name) if each.group else each.name, each) for each in found[group]])
            for group in order
            if group in found
        ],
        "now": timezone.now(),
    }


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
