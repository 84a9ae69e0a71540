"""Words for what the customers' context tells by keys: identifiers, traits, and why customers were joined."""

from contextlib import suppress
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.customers.types import ConflictReason, IdentifierType
from sadakat.platform.ui import formats

IDENTIFIER_LABELS: Final = {
    IdentifierType.USER_ID: gettext_lazy("User id"),
    IdentifierType.CARD: gettext_lazy("Loyalty card"),
    IdentifierType.EMAIL: gettext_lazy("E-mail"),
    IdentifierType.PHONE: gettext_lazy("Phone"),
    IdentifierType.ANONYMOUS_ID: gettext_lazy("Anonymous id"),
}
_CONFLICT_LABELS: Final = {
    ConflictReason.USER_ID_LIMIT: gettext_lazy("Each has a user id of its own."),
    ConflictReason.VERIFIED_EMAIL_LIMIT: gettext_lazy("Each has a verified e-mail of its own."),
    ConflictReason.CARD_LIMIT: gettext_lazy("Together they would have too many loyalty cards."),
    ConflictReason.EMAIL_LIMIT: gettext_lazy("Together they would have too many e-mails."),
    ConflictReason.PHONE_LIMIT: gettext_lazy("Together they would have too many phones."),
    ConflictReason.ANONYMOUS_ID_LIMIT: gettext_lazy("Together they would have too many devices."),
    ConflictReason.SHARED_DEVICE: gettext_lazy("They share a device that several people use."),
    ConflictReason.BROWSER_SOURCE: gettext_lazy("Only a browser has named them together."),
    ConflictReason.FORBIDDEN: gettext_lazy("You have said that these are two persons."),
}


def conflict_reason(reason: str) -> str:
    """Why two customers stay apart."""
    return str(_CONFLICT_LABELS[ConflictReason(reason)]) if reason in set(ConflictReason) else reason


def merge_reason(reason: str) -> str:
    """What joined two customers: the two identifiers that one event named, or a computation of everybody."""
    kinds = reason.split("+")
    if set(kinds) <= set(IdentifierType):
        return " + ".join(str(IDENTIFIER_LABELS[IdentifierType(kind)]) for kind in kinds)
    said = {"recomputed": _("computed again"), "by_hand": _("by hand")}
    return said.get(reason, reason)


def trait_text(value: Any) -> str:
    """What somebody said of himself, as it is read: days in the reader's language, lists with commas."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and len(value) == len("2026-11-20"):
        with suppress(ValueError):
            return formats.long_date(date.fromisoformat(value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {"male": _("male"), "female": _("female")}.get(str(value), str(value))
