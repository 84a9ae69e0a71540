"""Members leave the house as a file: who took those of which segment is kept in the audit log."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db import transaction

from sadakat.customers import api as customers
from sadakat.customers.types import CustomerRow
from sadakat.platform import audit
from sadakat.segments import queries
from sadakat.segments.types import Member

PAGE_SIZE: Final = 1_000


def export_members(key: str, *, actor: audit.Actor, at: datetime) -> Iterator[tuple[Member, CustomerRow]]:
    """All members in the order of their ids, read as they are taken; those without a feature row yet are left out.

    Before the first one the audit log is told which segment was asked for and how many are in it.

    Raises:
        NotFound: there is no such segment.
    """
    with transaction.atomic(durable=True):
        segment = queries.segment_named(key)
        audit.record(
            actor=actor, at=at, action="segments.exported", subject=f"segment:{key}", new={"count": segment.size}
        )
    return _members(key)


def _members(key: str) -> Iterator[tuple[Member, CustomerRow]]:
    last = 0
    while True:
        page = queries.members(key, after=last, limit=PAGE_SIZE)
        rows = {row.id: row for row in customers.customer_rows([member.customer_id for member in page])}
        yield from ((member, rows[member.customer_id]) for member in page if member.customer_id in rows)
        if len(page) < PAGE_SIZE:
            return
        last = page[-1].customer_id
