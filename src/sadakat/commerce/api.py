"""The front door of commerce: orders, lines, products and what they give a customer."""

from sadakat.commerce.consumer import CONSUMERS, CatalogueConsumer, OrderConsumer
from sadakat.commerce.operations import set_currency_rate
from sadakat.commerce.plugs import FILE_TARGETS
from sadakat.commerce.queries import (
    catalogue_counts,
    currency_rates,
    current_basis,
    find_order,
    order,
    orders_of,
    spend_by_month,
)
from sadakat.commerce.words import channel_name

__all__ = [
    "CONSUMERS",
    "FILE_TARGETS",
    "CatalogueConsumer",
    "OrderConsumer",
    "catalogue_counts",
    "channel_name",
    "currency_rates",
    "current_basis",
    "find_order",
    "order",
    "orders_of",
    "set_currency_rate",
    "spend_by_month",
]
