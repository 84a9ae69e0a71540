"""The front door of commerce: orders, lines, products and what they give a customer."""

from sadakat.commerce.consumer import CONSUMERS, CatalogueConsumer, OrderConsumer
from sadakat.commerce.operations import set_currency_rate
from sadakat.commerce.plugs import FILE_TARGETS
from sadakat.commerce.purchases import ORDER_EVENTS, foretold, order_keys, purchases, purchases_of, purchases_on
from sadakat.commerce.queries import (
    bought,
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
    "ORDER_EVENTS",
    "CatalogueConsumer",
    "OrderConsumer",
    "bought",
    "catalogue_counts",
    "channel_name",
    "currency_rates",
    "current_basis",
    "find_order",
    "foretold",
    "order",
    "order_keys",
    "orders_of",
    "purchases",
    "purchases_of",
    "purchases_on",
    "set_currency_rate",
    "spend_by_month",
]
