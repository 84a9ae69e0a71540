"""Proving who somebody is: password, throttle, and links that work once."""

import threading
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from sadakat.kernel.errors import Refused

PASSWORD = "kestane balı 42"
HERE = "203.0.113.7"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def login(database: str) -> ModuleType:
    from sadakat.platform import login

    return login


@pytest.fixture
def elif_(login: ModuleType, now: datetime) -> Any:
    from sadakat.platform import audit, operations

    user = operations.create_user(email="elif@moda.example", name="Elif", role="marketer", actor=audit.CLI, at=now)
    operations.set_password(user_id=user.id, password=PASSWORD, actor=audit.CLI, at=now)
    user.refresh_from_db()
    return user


def _try(login: ModuleType, *, at: datetime, password: str = PASSWORD, **changes: str) -> Any:
    said = {"email": "elif@moda.example", "address": HERE} | changes
    return login.check_password(password=password, at=at, **said)


def _attempts() -> int:
    from sadakat.platform.models import LoginAttempt

    return LoginAttempt.objects.count()


def test_the_right_password_lets_in_and_forgets_the_failures(login: ModuleType, elif_: Any, now: datetime) -> None:
    with pytest.raises(login.WrongCredentials):
        _try(login, at=now, password="wrong")
    assert _attempts() == 1
    assert _try(login, at=now, email=" Elif@MODA.example ") == elif_
    assert _attempts() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "kestane balı 43"},
        {"password": ""},
        {"email": "nobody@moda.example"},
        {"email": "not an address"},
        {"email": "elif@moda.example\0" + "x" * 1000},
    ],
)
def test_every_wrong_log_in_gets_the_same_answer(
    login: ModuleType, elif_: Any, now: datetime, changes: dict[str, str]
) -> None:
    with pytest.raises(login.WrongCredentials, match=r"^The e-mail address or the password is wrong\.$"):
        _try(login, at=now, **changes)
    assert _attempts() == 1


@pytest.mark.parametrize("email", ["elif@moda.example", "nobody@moda.example"])
def test_every_log_in_costs_one_hash_whoever_it_is(
    login: ModuleType, elif_: Any, now: datetime, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import ScryptPasswordHasher

    hashed: list[str] = []
    real = ScryptPasswordHasher.encode

    def encode(self: Any, password: str, *args: Any, **kwargs: Any) -> str:
        hashed.append(password)
        encoded: str = real(self, password, *args, **kwargs)
        return encoded

    monkeypatch.setattr(ScryptPasswordHasher, "encode", encode)
    with pytest.raises(login.WrongCredentials):
        _try(login, at=now, email=email, password="wrong")
    assert hashed == ["wrong"]


def test_a_deactivated_person_is_wrong_even_with_the_right_password(
    login: ModuleType, elif_: Any, now: datetime
) -> None:
    from sadakat.platform import audit, operations

    operations.deactivate_user(user_id=elif_.id, actor=audit.CLI, at=now)
    with pytest.raises(login.WrongCredentials):
        _try(login, at=now)
    assert login.Backend().get_user(elif_.id) is None


def test_five_failures_shut_out_even_the_right_password_until_a_quarter_has_passed(
    login: ModuleType, elif_: Any, now: datetime
) -> None:
    for minute in range(5):
        with pytest.raises(login.WrongCredentials):
            _try(login, at=now + minute * MINUTE, password="wrong", address=f"203.0.113.{minute}")
    with pytest.raises(login.TooManyAttempts, match="Try again in 11 minutes") as refusal:
        _try(login, at=now + 4 * MINUTE)
    assert refusal.value.wait == 11 * MINUTE
    assert _attempts() == 5
    with pytest.raises(login.TooManyAttempts, match="Try again in 1 minute"):
        _try(login, at=now + 15 * MINUTE - timedelta(seconds=1))
    assert _try(login, at=now + 15 * MINUTE) == elif_


def test_the_throttle_treats_unknown_addresses_alike(login: ModuleType, now: datetime) -> None:
    for _ in range(5):
        with pytest.raises(login.WrongCredentials):
            _try(login, at=now, email="nobody@moda.example")
    with pytest.raises(login.TooManyAttempts):
        _try(login, at=now, email="NOBODY@moda.example")


def test_fifty_failures_of_one_network_address_shut_it_out_and_no_other(
    login: ModuleType, elif_: Any, now: datetime
) -> None:
    from sadakat.platform.models import LoginAttempt

    LoginAttempt.objects.bulk_create(LoginAttempt(email=f"{n}@moda.example", address=HERE, at=now) for n in range(50))
    with pytest.raises(login.TooManyAttempts, match="15 minutes"):
        _try(login, at=now)
    assert _attempts() == 50
    assert _try(login, at=now, address="203.0.113.8") == elif_


def test_many_guesses_at_once_do_not_slip_below_the_limit(login: ModuleType, elif_: Any, now: datetime) -> None:
    from django.db import connections

    start = threading.Barrier(12, timeout=20)
    outcomes: list[str] = []

    def guess(number: int) -> None:
        try:
            start.wait()
            _try(login, at=now, password=f"guess {number}")
        except Refused as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["TooManyAttempts"] * 7 + ["WrongCredentials"] * 5


def test_old_failures_are_forgotten(login: ModuleType, now: datetime) -> None:
    with pytest.raises(login.WrongCredentials):
        _try(login, at=now - 15 * MINUTE)
    with pytest.raises(login.WrongCredentials):
        _try(login, at=now)
    assert login.purge_attempts(now) == 1
    assert _attempts() == 1


def _token(link: str) -> str:
    return link.rstrip("/").rsplit("/", 1)[1]


def test_a_link_lets_in_once_within_the_hour(login: ModuleType, elif_: Any, now: datetime) -> None:
    from sadakat.platform.models import AuditEntry

    link = login.log_in_link(elif_, at=now)
    assert link.startswith("http://localhost:8000/")
    assert login.log_in_link(elif_, at=now, base_url="https://s.example").startswith("https://s.example/")
    made = AuditEntry.objects.filter(action="team.link_made").values_list("actor", "subject", "new")
    assert list(made) == [("cli", f"user:{elif_.id}", None)] * 2
    late = now + timedelta(hours=1)
    with pytest.raises(login.DeadLink, match="expired"):
        login.redeem_link(_token(link), at=late)
    assert login.user_of_link(_token(link), at=late - MINUTE) == elif_
    assert login.redeem_link(_token(link), at=late - MINUTE) == elif_
    with pytest.raises(login.DeadLink, match="has been used"):
        login.redeem_link(_token(link), at=late - MINUTE)
    elif_.refresh_from_db()
    assert elif_.last_login == late - MINUTE


def test_a_link_dies_with_the_password_the_person_or_another_log_in(
    login: ModuleType, elif_: Any, now: datetime
) -> None:
    from sadakat.platform import audit, operations

    first, second = (_token(login.log_in_link(elif_, at=now)) for _ in range(2))
    login.redeem_link(first, at=now)
    with pytest.raises(login.DeadLink):
        login.redeem_link(second, at=now)
    elif_.refresh_from_db()
    third = _token(login.log_in_link(elif_, at=now))
    operations.set_password(user_id=elif_.id, password=PASSWORD + "!", actor=audit.CLI, at=now)
    with pytest.raises(login.DeadLink):
        login.redeem_link(third, at=now)
    elif_.refresh_from_db()
    fourth = _token(login.log_in_link(elif_, at=now))
    operations.deactivate_user(user_id=elif_.id, actor=audit.CLI, at=now)
    with pytest.raises(login.DeadLink):
        login.redeem_link(fourth, at=now)
    elif_.refresh_from_db()
    with pytest.raises(Refused, match="Elif has been deactivated"):
        login.log_in_link(elif_, at=now)


def test_of_two_who_use_a_link_at_the_same_moment_one_gets_in(
    login: ModuleType, elif_: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = _token(login.log_in_link(elif_, at=now))
    real = login.user_of_link
    rival: list[Any] = []

    def overtaken(token: str, *, at: datetime) -> Any:
        user = real(token, at=at)
        if not rival:
            rival.append(user)
            login.redeem_link(token, at=at)
        return user

    monkeypatch.setattr(login, "user_of_link", overtaken)
    with pytest.raises(login.DeadLink, match="has been used"):
        login.redeem_link(token, at=now + MINUTE)


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "0" * 5000])
def test_a_made_up_link_is_refused(login: ModuleType, elif_: Any, now: datetime, token: str) -> None:
    with pytest.raises(login.DeadLink, match="not valid"):
        login.redeem_link(token, at=now)


def test_a_link_of_another_key_is_refused(login: ModuleType, elif_: Any, now: datetime) -> None:
    from django.test import override_settings

    with override_settings(SECRET_KEY="another key of forty characters or more!"):
        token = _token(login.log_in_link(elif_, at=now))
    with pytest.raises(login.DeadLink, match="not valid"):
        login.redeem_link(token, at=now)
