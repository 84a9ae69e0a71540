"""Verbs of analytics."""

from sadakat.analytics.operations.spend import (
    NOBODY,
    priced,
    record_spend,
)

__all__ = [
    "NOBODY",
    "priced",
    "record_spend",
]
