"""Words for what the customers' context tells by keys: identifiers, features, traits, and why customers were joined."""

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
FEATURE_LABELS: Final = {
    "orders": gettext_lazy("Orders"),
    "revenue_minor": gettext_lazy("Revenue"),
    "first_order_at": gettext_lazy("First order"),
    "last_order_at": gettext_lazy("Last order"),
    "last_channel": gettext_lazy("Last channel"),
    "events": gettext_lazy("Events"),
    "first_seen_at": gettext_lazy("First seen"),
    "last_seen_at": gettext_lazy("Last seen"),
    "first_source": gettext_lazy("First source"),
    "is_known": gettext_lazy("Is known"),
    "rfm_recency": gettext_lazy("RFM: recency"),
    "rfm_frequency": gettext_lazy("RFM: frequency"),
    "rfm_monetary": gettext_lazy("RFM: monetary value"),
    "cluster": gettext_lazy("Cluster"),
    "habit_orders": gettext_lazy("Orders, last 365 days"),
    "habit_deal_share": gettext_lazy("Share of deals"),
    "habit_place_share": gettext_lazy("Share of the main store"),
    "habit_channel_share": gettext_lazy("Share of the main channel"),
    "habit_daypart_share": gettext_lazy("Share of the main part of the day"),
    "habit_categories": gettext_lazy("Departments"),
    "habit_recommendations": gettext_lazy("Recommendations"),
    "habit_rating": gettext_lazy("Mean rating"),
}
# The sentences by which the features are registered, so that they are translated.
_MEANINGS: Final = (
    gettext_lazy("Probability of no order within the next 90 days"),
    gettext_lazy("Probability of no order within the next 30 days"),
    gettext_lazy("Margin expected of the next 365 days, in minor units of the brand's currency"),
    gettext_lazy("Probability that the customer has not stopped ordering for good"),
    gettext_lazy("Days by which the next order is as likely as not to have come"),
    gettext_lazy("Probability that a visitor makes a first order within 30 days"),
    gettext_lazy("Orders that count: neither cancelled nor wholly refunded, with revenue above zero"),
    gettext_lazy("Time of the first order that counts"),
    gettext_lazy("Time of the latest order that counts"),
    gettext_lazy("Channel of the latest order that counts"),
    gettext_lazy("Events of all kinds"),
    gettext_lazy("Time of the first event"),
    gettext_lazy("Time of the latest event"),
    gettext_lazy("Source of the first event"),
    gettext_lazy("Known by more than anonymous ids"),
    gettext_lazy("RFM: how lately ordered, 1 to 5"),
    gettext_lazy("RFM: how often ordered in the last 365 days, 1 to 5"),
    gettext_lazy("RFM: how much spent in the last 365 days, 1 to 5"),
    gettext_lazy("Cluster of customers who are alike"),
    gettext_lazy("Orders of the last 365 days"),
    gettext_lazy("Share of these orders with a coupon or a tenth off"),
    gettext_lazy("Share of these orders in the store ordered from most"),
    gettext_lazy("Share of these orders on the channel used most"),
    gettext_lazy("Share of these orders in the quarter of the day used most"),
    gettext_lazy("Departments that these orders came from"),
    gettext_lazy("Times that products were shared in the last 365 days"),
    gettext_lazy("Mean rating of products in the last 365 days, 1 to 5"),
)
# Traits with a name of their own; all others are shown under the name that the shop gave them.
TRAIT_LABELS: Final = {
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
    "name": gettext_lazy("Name"),
    "firstName": gettext_lazy("First name"),
    "first_name": gettext_lazy("First name"),
    "lastName": gettext_lazy("Last name"),
    "last_name": gettext_lazy("Last name"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "card": gettext_lazy("Loyalty card"),
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
