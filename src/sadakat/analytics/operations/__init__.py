"""Verbs of analytics."""

from sadakat.analytics.operations.spend import (
    priced,
    record_spend,
)

__all__ = [
    "priced",
    "record_spend",
]
