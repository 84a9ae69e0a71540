"""Fills the sockets of `events`: what files of products and orders say."""

from collections.abc import Sequence
from typing import Final

from sadakat.commerce.plugs.orders import OrdersTarget
from sadakat.commerce.plugs.products import ProductsTarget
from sadakat.events.types import ImportTarget

FILE_TARGETS: Final[Sequence[ImportTarget]] = (ProductsTarget(), OrdersTarget())

__all__ = ["FILE_TARGETS", "OrdersTarget", "ProductsTarget"]
