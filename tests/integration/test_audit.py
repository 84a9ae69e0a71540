"""The audit log as it is read: filters and pages."""

from datetime import datetime, timedelta
from types import ModuleType

import pytest

HOUR = timedelta(hours=1)


@pytest.fixture
def queries(database: str, now: datetime) -> ModuleType:
    from sadakat.platform import audit, queries

    deniz, can = audit.Actor("user:1", "Deniz"), audit.Actor("user:2", "Can")
    for hour, (actor, action, subject) in enumerate(
        [
            (deniz, "team.user_created", "user:2"),
            (can, "team.name_changed", "user:2"),
            (audit.SYSTEM, "events.source_created", "source:1"),
            (deniz, "team.role_changed", "user:2"),
            (deniz, "team.role_changed", "user:3"),
        ]
    ):
        audit.record(
            actor=actor, at=now + hour * HOUR, action=action, subject=subject, old={"n": hour}, new={"n": hour + 1}
        )
    return queries


def _hours(page: object, now: datetime) -> list[int]:
    return [(row.at - now) // HOUR for row in page.rows if row.action != "platform.brand_set_up"]  # type: ignore[attr-defined]


def test_an_entry_is_read_whole(queries: ModuleType, now: datetime) -> None:
    row = queries.audit_page(limit=1).rows[0]
    assert (row.at, row.actor, row.actor_name) == (now + 4 * HOUR, "user:1", "Deniz")
    assert (row.action, row.subject, row.old, row.new) == ("team.role_changed", "user:3", {"n": 4}, {"n": 5})


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"actor": "user:1"}, [4, 3, 0]),
        ({"actor": "user:9"}, []),
        ({"action": "team.role_changed"}, [4, 3]),
        ({"subject": "user:2"}, [3, 1, 0]),
        ({"actor": "user:1", "subject": "user:2"}, [3, 0]),
    ],
)
def test_filters_narrow_and_the_latest_comes_first(
    queries: ModuleType, now: datetime, filters: dict[str, str], expected: list[int]
) -> None:
    assert _hours(queries.audit_page(**filters), now) == expected


def test_moments_are_half_open(queries: ModuleType, now: datetime) -> None:
    assert _hours(queries.audit_page(from_at=now + HOUR, until_at=now + 3 * HOUR), now) == [2, 1]


def test_pages_follow_one_another_without_gap_or_repeat_while_entries_arrive(
    queries: ModuleType, now: datetime
) -> None:
    from sadakat.platform import audit

    first = queries.audit_page(subject="user:2", limit=2)
    audit.record(actor=audit.SYSTEM, at=now, action="team.name_changed", subject="user:2")
    second = queries.audit_page(subject="user:2", limit=2, before=first.next_before)
    assert (_hours(first, now), _hours(second, now)) == ([3, 1], [0])
    assert second.next_before is None


def test_a_page_that_is_exactly_full_is_the_last(queries: ModuleType, now: datetime) -> None:
    assert queries.audit_page(subject="user:2", limit=3).next_before is None
