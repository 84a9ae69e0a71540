"""What the journey map calls things, and how its improvements are told."""

from collections.abc import Sequence
from typing import Any, Final

from django.shortcuts import resolve_url
from django.utils.translation import gettext_lazy

from sadakat.analytics import api as analytics
from sadakat.analytics.types import Improvement, ImprovementStatus, Stage, Touchpoint
from sadakat.platform import queries
from sadakat.platform.ui import formats

TOUCHPOINT_NAMES: Final = {
    "site-visit": gettext_lazy("Visit to the site"),
    "product-page": gettext_lazy("Product page"),
    "cart": gettext_lazy("Cart"),
    "check-out": gettext_lazy("Check-out"),
    "online-purchase": gettext_lazy("Purchase on-line"),
    "store-purchase": gettext_lazy("Purchase in a store"),
    "campaign": gettext_lazy("Campaign"),
    "coupon": gettext_lazy("Coupon used"),
    "log-in": gettext_lazy("Log-in"),
    "sign-up": gettext_lazy("Sign-up"),
    "refund": gettext_lazy("Refund"),
}
MEASURES: Final = {
    "reach": gettext_lazy("Reach"),
    "conversion": gettext_lazy("Conversion"),
    "drop_off": gettext_lazy("Drop-off"),
}
STATUSES: Final = {
    ImprovementStatus.PLANNED: gettext_lazy("Planned"),
    ImprovementStatus.DOING: gettext_lazy("Doing"),
    ImprovementStatus.DONE: gettext_lazy("Done"),
    ImprovementStatus.DROPPED: gettext_lazy("Dropped"),
}
_TONES: Final = {
    ImprovementStatus.PLANNED: "",
    ImprovementStatus.DOING: "accent",
    ImprovementStatus.DONE: "good",
    ImprovementStatus.DROPPED: "off",
}


def touchpoint_name(point: Touchpoint) -> str:
    """What a touchpoint is called: its own name, its usual one, or its key."""
    return point.name or str(TOUCHPOINT_NAMES.get(point.key, point.key))


def owner_names() -> dict[int, str]:
    """The people of the team by id."""
    return {each.pk: each.name for each in queries.team()}


def action_words(found: Sequence[Improvement]) -> list[dict[str, Any]]:
    """Improvements in words, each with the address of its cell."""
    names = {each.key: touchpoint_name(each) for each in analytics.touchpoints(include_archived=True)}
    owners = owner_names()
    return [
        {
            "title": one.title,
            "where": f"{analytics.stage_name(Stage(one.stage))} · {names.get(one.touchpoint_key, one.touchpoint_key)}",
            "url": resolve_url("map_cell", one.stage, one.touchpoint_key),
            "owner": owners.get(one.owner_id or 0, ""),
            "due": formats.short_date(one.due_date),
            "state": str(STATUSES[one.status]),
            "tone": _TONES[one.status],
        }
        for one in found
    ]
