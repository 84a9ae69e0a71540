"""A home in which people decide who is one customer, held to the rule after every step."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from sadakat.events.types import SourceKind
from sadakat.platform.audit import Actor
from tests.integration.pipeline import fill, message, rows

DENIZ = Actor("user:1", "Deniz")
BOUND_SECONDS = 60


class Home:
    """Events through the real sequencer, and what people decide in between."""

    def __init__(self, now: datetime) -> None:
        from sadakat.events import api as events
        from sadakat.platform import audit

        self.now = now
        self.sent = 0
        kinds = {
            "shop": (SourceKind.SERVER, True),
            "site": (SourceKind.BROWSER, False),
            "app": (SourceKind.BROWSER, True),
        }
        self.sources = {
            name: events.create_source(name=name, kind=kind, joins_profiles=joins, actor=audit.SYSTEM, at=now)[0].id
            for name, (kind, joins) in kinds.items()
        }

    def put(self, *said: Sequence[str], source: str = "shop") -> None:
        """Events into the inbox."""
        messages = []
        for identifiers in said:
            self.sent += 1
            at = self.now + timedelta(seconds=self.sent)
            messages.append(message(self.sent, source_id=self.sources[source], identifiers=tuple(identifiers), at=at))
        fill(messages)

    def send(self, *said: Sequence[str], source: str = "shop") -> None:
        """Events into the log."""
        from sadakat.events import api as events

        self.put(*said, source=source)
        while events.sequence(at=self.now).sequenced:
            pass

    def merge(self, left: int, right: int) -> Any:
        from sadakat.customers import api as customers

        return customers.merge_customers(left_id=left, right_id=right, actor=DENIZ, at=self.now)

    def undo(self, merge_id: int) -> Any:
        from sadakat.customers import api as customers

        return customers.undo_merge(merge_id=merge_id, actor=DENIZ, at=self.now)

    def decide(self, conflict_id: int, *, are_same: bool) -> Any:
        from sadakat.customers import api as customers

        return customers.decide_conflict(conflict_id=conflict_id, are_same=are_same, actor=DENIZ, at=self.now)

    def customers(self) -> dict[int, int]:
        return dict(rows("SELECT profile_id, customer_id FROM customers_profile"))

    def is_settled(self) -> None:
        """The map and the conflicts are the partition of everything, and nobody is with whom he was set apart from."""
        from sadakat.customers.operations.mapping import connected_with
        from sadakat.customers.rules import joining
        from sadakat.events import api as events

        now = self.customers()
        if not now:
            return
        untrusted = [source.id for source in events.sources().values() if not source.is_trusted]
        found = connected_with(now, untrusted=untrusted)
        whole = joining.partition(found.customers, found.links, found.identifiers, found.separations)
        assert now == whole.customers
        listed = rows("""
            SELECT low_profile_id, high_profile_id FROM customers_conflict
            JOIN customers_profile AS low ON low.profile_id = low_profile_id
            JOIN customers_profile AS high ON high.profile_id = high_profile_id
            WHERE solved_at IS NULL AND low.customer_id <> high.customer_id""")
        assert set(listed) == set(whole.conflicts)
        for separation in found.separations:
            if not separation.is_lifted:
                assert not {now[p] for p in separation.left} & {now[p] for p in separation.right}


@pytest.fixture
def home(database: str, now: datetime) -> Home:
    return Home(now)


def told() -> list[tuple[Any, ...]]:
    """Facts of the map in the log or on their way."""
    return rows("""
        SELECT event, body -> 'properties' ->> 'reason', profile FROM (
            SELECT position AS n, 0 AS late, event, body, profile_id AS profile FROM events_log
            UNION ALL SELECT id, 1, event, body, substr(identifiers[1], 9)::bigint FROM events_inbox
        ) AS everything WHERE event LIKE 'Customers %%' ORDER BY late, n""")


def audited() -> list[tuple[Any, ...]]:
    from sadakat.platform.models import AuditEntry

    return list(
        AuditEntry.objects.filter(action__startswith="customers.")
        .order_by("id")
        .values_list("actor", "action", "subject", "old", "new")
    )


def everything() -> list[list[tuple[Any, ...]]]:
    tables = "customers_profile customers_link customers_merge customers_separation customers_conflict".split()
    tables += ["events_inbox", "platform_auditentry"]
    return [rows(f"SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY 1") for table in tables]
