"""What crosses the door of `analytics`."""

from sadakat.analytics.types.figures import (
    Better,
    ChannelSpend,
    Definition,
    Metrics,
    PeriodFigures,
    Slipping,
    SlippingCustomer,
    Spend,
    Unit,
)

__all__ = [
    "Better",
    "ChannelSpend",
    "Definition",
    "Metrics",
    "PeriodFigures",
    "Slipping",
    "SlippingCustomer",
    "Spend",
    "Unit",
]
