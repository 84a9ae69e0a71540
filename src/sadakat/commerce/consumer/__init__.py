"""What commerce does with the log: orders and catalogue are projections of it."""

from sadakat.commerce.consumer.catalogue import CatalogueConsumer
from sadakat.commerce.consumer.orders import OrderConsumer
from sadakat.events.types import Consumer

CONSUMERS: tuple[Consumer, ...] = (CatalogueConsumer(), OrderConsumer())

__all__ = ["CONSUMERS", "CatalogueConsumer", "OrderConsumer"]
