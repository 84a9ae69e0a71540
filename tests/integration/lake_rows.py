"""Order entries and the profile map as their consumers leave them, for the tests of the lake and of figures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

ISTANBUL = ZoneInfo("Europe/Istanbul")
_INSERT = """
    INSERT INTO commerce_orderentry (namespace, order_id, number, kind, profile_id, at, local_date, order_at, order_date,
        channel, store_id, is_guest, amount_minor)
    VALUES ('', %s, %s, %s, %s, %s, %s, %s, %s, %s, '', %s, %s)
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row of commerce_orderentry."""

    order: str
    profile: int
    at: datetime
    amount: int
    kind: str = "completed"
    number: int = 0
    order_at: datetime | None = None
    """When its order was completed; by default `at`."""
    channel: str = "online"
    is_guest: bool = False

    @property
    def of_order_at(self) -> datetime:
        return self.order_at or self.at

    @property
    def date(self) -> date:
        return local_date(self.at)

    @property
    def order_date(self) -> date:
        return local_date(self.of_order_at)


def local_date(at: datetime) -> date:
    return at.astimezone(ISTANBUL).date()


def istanbul(text: str) -> datetime:
    """The UTC instant of a local time such as `2026-01-20 12:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=ISTANBUL).astimezone(UTC)


def insert(entries: Iterable[Entry], *, customers: dict[int, int] | None = None) -> None:
    """Adds rows and marks their partitions in one transaction; `customers` maps profiles, else each is its own."""
    from django.db import connection, transaction

    from sadakat.platform import lake

    entries = list(entries)
    people = {entry.profile: entry.profile for entry in entries} | (customers or {})
    with transaction.atomic(), connection.cursor() as cursor:
        for e in entries:
            when = [e.at, e.date, e.of_order_at, e.order_date]
            cursor.execute(_INSERT, [e.order, e.number, e.kind, e.profile, *when, e.channel, e.is_guest, e.amount])
        for profile, customer in people.items():
            cursor.execute(
                "INSERT INTO customers_profile (profile_id, customer_id) VALUES (%s, %s)"
                " ON CONFLICT (profile_id) DO UPDATE SET customer_id = excluded.customer_id",
                [profile, customer],
            )
        lake.mark_changed(dataset="order_entries", partitions=[f"{e.order_date:%Y-%m}" for e in entries])
        lake.mark_changed(dataset="profile_map", partitions=["all"])
