"""Features that analytics gives each customer who has ordered, written by `operations.refresh_groups` alone."""

from typing import Final

from django.utils.translation import gettext_noop as _

from sadakat.customers import api as customers
from sadakat.customers.types import Feature, FeatureType

OWNER: Final = "analytics"


def _feature(name: str, type_: FeatureType, label: str, meaning: str) -> Feature:
    return Feature(name=name, type=type_, owner=OWNER, label=label, meaning=meaning)


FEATURES: Final = (
    _feature("rfm_recency", FeatureType.INTEGER, _("Recency, 1 to 5"), _("RFM: how lately ordered, 1 to 5")),
    _feature(
        "rfm_frequency",
        FeatureType.INTEGER,
        _("Frequency, 1 to 5"),
        _("RFM: how often ordered in the last 365 days, 1 to 5"),
    ),
    _feature(
        "rfm_monetary", FeatureType.INTEGER, _("Spend, 1 to 5"), _("RFM: how much spent in the last 365 days, 1 to 5")
    ),
    _feature("cluster", FeatureType.TEXT, _("Cluster"), _("Cluster of customers who are alike")),
    _feature("habit_orders", FeatureType.INTEGER, _("Orders, last 365 days"), _("Orders of the last 365 days")),
    _feature(
        "habit_deal_share",
        FeatureType.NUMBER,
        _("Share of deals"),
        _("Share of these orders with a coupon or a tenth off"),
    ),
    _feature(
        "habit_place_share",
        FeatureType.NUMBER,
        _("Share of the main store"),
        _("Share of these orders in the store ordered from most"),
    ),
    _feature(
        "habit_channel_share",
        FeatureType.NUMBER,
        _("Share of the main channel"),
        _("Share of these orders on the channel used most"),
    ),
    _feature(
        "habit_daypart_share",
        FeatureType.NUMBER,
        _("Share of the main part of the day"),
        _("Share of these orders in the quarter of the day used most"),
    ),
    _feature("habit_categories", FeatureType.INTEGER, _("Departments"), _("Departments that these orders came from")),
    _feature(
        "habit_recommendations",
        FeatureType.INTEGER,
        _("Recommendations"),
        _("Times that products were shared in the last 365 days"),
    ),
    _feature(
        "habit_rating", FeatureType.NUMBER, _("Mean rating"), _("Mean rating of products in the last 365 days, 1 to 5")
    ),
)


def register() -> None:
    """Makes the features known; their columns come with the next boot."""
    for each in FEATURES:
        customers.register_feature(each)
