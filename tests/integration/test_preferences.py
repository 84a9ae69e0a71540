"""How a person likes a list is kept, once, and told to the audit log."""

from datetime import datetime
from typing import Any

import pytest

from sadakat.kernel.errors import Invalid, NotFound


@pytest.fixture
def elif_(database: str, now: datetime) -> Any:
    from sadakat.platform import audit, operations

    return operations.create_user(email="elif@moda.example", name="Elif", role="marketer", actor=audit.CLI, at=now)


def _set(user_id: int, value: Any, now: datetime, key: str = "customers_columns") -> bool:
    from sadakat.platform import audit, operations

    return operations.set_preference(
        user_id=user_id, key=key, value=value, actor=audit.Actor(f"user:{user_id}", "Elif"), at=now
    )


def _told() -> list[tuple[Any, Any]]:
    from sadakat.platform.models import AuditEntry

    return list(AuditEntry.objects.filter(action="team.preference_set").order_by("id").values_list("old", "new"))


def test_a_preference_is_kept_changed_and_given_up(elif_: Any, now: datetime) -> None:
    assert [_set(elif_.id, value, now) for value in (["orders"], ["orders"], ["events"])] == [True, False, True]
    assert _set(elif_.id, 1, now, key="other")
    elif_.refresh_from_db()
    assert elif_.preferences == {"customers_columns": ["events"], "other": 1}
    assert [_set(elif_.id, None, now) for _ in range(2)] == [True, False]
    elif_.refresh_from_db()
    assert elif_.preferences == {"other": 1}
    assert [new for _, new in _told()] == [
        {"customers_columns": ["orders"]},
        {"customers_columns": ["events"]},
        {"other": 1},
        {"customers_columns": None},
    ]


def test_what_cannot_be_kept_leaves_nothing(elif_: Any, now: datetime) -> None:
    with pytest.raises(Invalid):
        _set(elif_.id, "x" * 10_000, now)
    with pytest.raises(NotFound):
        _set(elif_.id + 1, 1, now)
    elif_.refresh_from_db()
    assert (elif_.preferences, _told()) == ({}, [])
