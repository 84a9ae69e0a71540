"""Features that analytics gives each customer who has ordered, written by `operations.refresh_groups` alone."""

from typing import Final

from sadakat.customers import api as customers
from sadakat.customers.types import Feature, FeatureType

OWNER: Final = "analytics"


def _feature(name: str, type_: FeatureType, meaning: str) -> Feature:
    return Feature(name=name, type=type_, owner=OWNER, meaning=meaning)


FEATURES: Final = (
    _feature("rfm_recency", FeatureType.INTEGER, "RFM: how lately ordered, 1 to 5"),
    _feature("rfm_frequency", FeatureType.INTEGER, "RFM: how often ordered in the last 365 days, 1 to 5"),
    _feature("rfm_monetary", FeatureType.INTEGER, "RFM: how much spent in the last 365 days, 1 to 5"),
    _feature("cluster", FeatureType.TEXT, "Cluster of customers who are alike"),
    _feature("habit_orders", FeatureType.INTEGER, "Orders of the last 365 days"),
    _feature("habit_deal_share", FeatureType.NUMBER, "Share of these orders with a coupon or a tenth off"),
    _feature("habit_place_share", FeatureType.NUMBER, "Share of these orders in the store ordered from most"),
    _feature("habit_channel_share", FeatureType.NUMBER, "Share of these orders on the channel used most"),
    _feature("habit_daypart_share", FeatureType.NUMBER, "Share of these orders in the quarter of the day used most"),
    _feature("habit_categories", FeatureType.INTEGER, "Departments that these orders came from"),
    _feature("habit_recommendations", FeatureType.INTEGER, "Times that products were shared in the last 365 days"),
    _feature("habit_rating", FeatureType.NUMBER, "Mean rating of products in the last 365 days, 1 to 5"),
)


def register() -> None:
    """Makes the features known; their columns come with the next boot."""
    for each in FEATURES:
        customers.register_feature(each)
