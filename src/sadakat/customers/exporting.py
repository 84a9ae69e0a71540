"""Customers leave the house as a file: who took which of them is kept in the audit log."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from sadakat.customers import searching
from sadakat.customers.rules import filters as filter_rules
from sadakat.customers.types import CustomerRow, Filter
from sadakat.platform import audit


def export_customers(
    text: str,
    *,
    filters: Sequence[Filter],
    columns: Sequence[str],
    today: date,
    zone: ZoneInfo,
    actor: audit.Actor,
    at: datetime,
) -> Iterator[CustomerRow]:
    """All customers whom a search and filters find, in the order of their ids, read as they are taken.

    Before the first one the audit log is told how many there are, which were asked for and which `columns` they have.

    Raises:
        Invalid: a filter that cannot be.
    """
    found = searching.condition(text, filters=filters, today=today, zone=zone)
    with transaction.atomic(durable=True):
        said = {
            "count": searching.count(found),
            "search": text,
            "filters": [filter_rules.text_of(each) for each in filters],
            "columns": [*columns],
        }
        audit.record(actor=actor, at=at, action="customers.exported", subject="customers:all", new=said)
    return searching.every_row(found)
