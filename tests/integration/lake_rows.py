"""Order entries and the profile map as their consumers leave them, for the tests of the lake and of figures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
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


class Spend(NamedTuple):
    """A row of analytics_spend."""

    channel: str
    campaign: str
    from_date: date
    to_date: date
    amount: int

    @property
    def days(self) -> list[date]:
        return [self.from_date + timedelta(days=n) for n in range((self.to_date - self.from_date).days + 1)]


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
        moments = [[e.at, e.date, e.of_order_at, e.order_date] for e in entries]
        cursor.executemany(
            _INSERT,
            [
                [e.order, e.number, e.kind, e.profile, *when, e.channel, e.is_guest, e.amount]
                for e, when in zip(entries, moments, strict=True)
            ],
        )
        cursor.executemany(
            "INSERT INTO customers_profile (profile_id, customer_id) VALUES (%s, %s)"
            " ON CONFLICT (profile_id) DO UPDATE SET customer_id = excluded.customer_id",
            list(people.items()),
        )
        lake.mark_changed(dataset="order_entries", partitions=[f"{e.order_date:%Y-%m}" for e in entries])
        lake.mark_changed(dataset="profile_map", partitions=["all"])


def insert_spend(spends: Iterable[Spend]) -> None:
    """Adds rows of marketing spend and marks their months."""
    from django.db import connection, transaction

    from sadakat.platform import lake

    with transaction.atomic(), connection.cursor() as cursor:
        for spend in spends:
            cursor.execute(
                "INSERT INTO analytics_spend (channel, campaign, from_date, to_date, amount_minor, currency, said_minor,"
                " currency_rate, source_id, position, at, mid) VALUES (%s, %s, %s, %s, %s, 'TRY', %s, 1, 1, 1, now(),"
                " gen_random_uuid())",
                [*spend, spend.amount],
            )
            lake.mark_changed(dataset="marketing_spend", partitions={f"{day:%Y-%m}" for day in spend.days})
