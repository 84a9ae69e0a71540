"""The team: who is in it, in which role, and that it can never lock itself out."""

import threading
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused

PASSWORD = "kestane balı 42"


@pytest.fixture
def operations(database: str) -> ModuleType:
    from sadakat.platform import operations

    return operations


@pytest.fixture
def deniz(operations: ModuleType, now: datetime) -> Any:
    from sadakat.platform import audit

    return operations.create_user(email="Deniz@Moda.example", name="Deniz", role="owner", actor=audit.CLI, at=now)


def _by(user: Any) -> Any:
    from sadakat.platform import access

    return access.actor_of(user)


def _audited() -> list[tuple[Any, ...]]:
    from sadakat.platform.models import AuditEntry

    entries = AuditEntry.objects.filter(action__startswith="team.").order_by("id")
    return list(entries.values_list("at", "actor", "actor_name", "action", "subject", "old", "new"))


def _row(user: Any) -> tuple[Any, ...]:
    from sadakat.platform.models import User

    row: tuple[Any, ...] = User.objects.values_list("email", "name", "role", "language", "is_active").get(id=user.id)
    return row


def test_a_new_person_has_a_normal_email_no_password_and_an_audit_row(deniz: Any, now: datetime) -> None:
    assert _row(deniz) == ("deniz@moda.example", "Deniz", "owner", "", True)
    assert not deniz.has_usable_password()
    new = {"email": "deniz@moda.example", "name": "Deniz", "role": "owner"}
    assert _audited() == [(now, "cli", "Command line", "team.user_created", f"user:{deniz.id}", None, new)]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"email": "DENIZ@moda.example"}, Conflict, "has the e-mail address deniz@moda.example already"),
        ({"email": "çağla@moda.example"}, Invalid, "not “çağla@moda.example”"),
        ({"email": "elif"}, Invalid, "not “elif”"),
        ({"email": "a" * 400 + "@moda.example"}, Invalid, "Expected an e-mail address"),
        ({"email": "elif@moda.example\0"}, Invalid, "Expected an e-mail address"),
        ({"name": "  "}, Invalid, "1 to 200"),
        ({"name": "E" * 201}, Invalid, "1 to 200"),
        ({"name": "El\0if"}, Invalid, "1 to 200"),
        ({"role": "emperor"}, Invalid, "not 'emperor'"),
        ({"language": "de"}, Invalid, "not 'de'"),
    ],
)
def test_a_person_who_cannot_be_is_refused_and_nothing_is_written(
    operations: ModuleType, deniz: Any, now: datetime, change: dict[str, str], error: type, message: str
) -> None:
    from sadakat.platform.models import User

    before = _audited()
    person = {"email": "elif@moda.example", "name": "Elif", "role": "marketer"} | change
    with pytest.raises(error, match=message):
        operations.create_user(**person, actor=_by(deniz), at=now)
    assert list(User.objects.values_list("email", flat=True)) == ["deniz@moda.example"]
    assert _audited() == before


def test_each_change_is_done_once_and_audited_once(operations: ModuleType, deniz: Any, now: datetime) -> None:
    elif_ = operations.create_user(email="elif@moda.example", name="Elif", role="marketer", actor=_by(deniz), at=now)
    later = now + timedelta(hours=1)
    who = {"user_id": elif_.id, "actor": _by(deniz), "at": later}
    verbs: list[tuple[str, dict[str, str], str, dict[str, Any], dict[str, Any]]] = [
        ("change_role", {"role": "analyst"}, "role_changed", {"role": "marketer"}, {"role": "analyst"}),
        ("change_name", {"name": " Elif  Işık "}, "name_changed", {"name": "Elif"}, {"name": "Elif Işık"}),
        ("change_language", {"language": "tr"}, "language_changed", {"language": ""}, {"language": "tr"}),
        ("deactivate_user", {}, "user_deactivated", {"is_active": True}, {"is_active": False}),
        ("reactivate_user", {}, "user_reactivated", {"is_active": False}, {"is_active": True}),
    ]
    before = len(_audited())
    for verb, values, _action, _old, _new in verbs:
        assert getattr(operations, verb)(**who, **values) is True
        assert getattr(operations, verb)(**who, **values) is False
    assert _row(elif_) == ("elif@moda.example", "Elif Işık", "analyst", "tr", True)
    assert _audited()[before:] == [
        (later, f"user:{deniz.id}", "Deniz", f"team.{action}", f"user:{elif_.id}", old, new)
        for _verb, _values, action, old, new in verbs
    ]


@pytest.mark.parametrize(("verb", "values"), [("change_role", {"role": "support"}), ("deactivate_user", {})])
def test_the_last_active_owner_stays(
    operations: ModuleType, deniz: Any, now: datetime, verb: str, values: dict[str, str]
) -> None:
    second = operations.create_user(email="can@moda.example", name="Can", role="owner", actor=_by(deniz), at=now)
    operations.deactivate_user(user_id=second.id, actor=_by(deniz), at=now)
    before = _audited()
    with pytest.raises(Refused, match="Deniz is the last active owner"):
        getattr(operations, verb)(user_id=deniz.id, actor=_by(deniz), at=now, **values)
    assert _row(deniz) == ("deniz@moda.example", "Deniz", "owner", "", True)
    assert _audited() == before
    operations.reactivate_user(user_id=second.id, actor=_by(deniz), at=now)
    assert getattr(operations, verb)(user_id=deniz.id, actor=_by(deniz), at=now, **values)


def test_two_owners_who_demote_each_other_at_once_leave_one(operations: ModuleType, deniz: Any, now: datetime) -> None:
    from django.db import connections

    from sadakat.platform.models import User

    can = operations.create_user(email="can@moda.example", name="Can", role="owner", actor=_by(deniz), at=now)
    start = threading.Barrier(2, timeout=10)
    outcomes: list[str] = []

    def demote(by: Any, whom: Any) -> None:
        try:
            start.wait()
            operations.change_role(user_id=whom.id, role="analyst", actor=_by(by), at=now)
            outcomes.append("done")
        except Refused:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=demote, args=pair) for pair in ((deniz, can), (can, deniz))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["done", "refused"]
    assert User.objects.filter(role="owner", is_active=True).count() == 1


@pytest.mark.parametrize("password", ["kısa", "password123", "deniz@moda.example"])
def test_a_weak_password_is_refused_and_the_old_one_stays(
    operations: ModuleType, deniz: Any, now: datetime, password: str
) -> None:
    operations.set_password(user_id=deniz.id, password=PASSWORD, actor=_by(deniz), at=now)
    before = _audited()
    with pytest.raises(Invalid):
        operations.set_password(user_id=deniz.id, password=password, actor=_by(deniz), at=now)
    deniz.refresh_from_db()
    assert deniz.check_password(PASSWORD)
    assert _audited() == before


def test_a_password_never_reaches_the_audit_log(operations: ModuleType, deniz: Any, now: datetime) -> None:
    operations.set_password(user_id=deniz.id, password=PASSWORD, actor=_by(deniz), at=now)
    assert _audited()[-1] == (
        now, f"user:{deniz.id}", "Deniz", "team.password_set", f"user:{deniz.id}", None, None,
    )  # fmt: skip


def test_people_are_found_by_email_or_not_at_all(operations: ModuleType, deniz: Any) -> None:
    assert operations.user_by_email(" DENIZ@moda.example ").id == deniz.id
    with pytest.raises(NotFound):
        operations.user_by_email("elif@moda.example")
    with pytest.raises(NotFound):
        operations.change_name(user_id=deniz.id + 1, name="X", actor=_by(deniz), at=deniz.created_at)


def test_the_first_owner_is_the_one_who_is_active(operations: ModuleType, database: str, now: datetime) -> None:
    from sadakat.platform import audit

    assert (operations.has_users(), operations.first_owner()) == (False, None)
    people = [
        operations.create_user(email=f"{name}@moda.example", name=name, role=role, actor=audit.CLI, at=now)
        for name, role in (("can", "support"), ("deniz", "owner"), ("elif", "owner"))
    ]
    operations.deactivate_user(user_id=people[1].id, actor=audit.CLI, at=now)
    assert operations.has_users()
    assert operations.first_owner() == people[2]
