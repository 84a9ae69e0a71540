"""A write with an Idempotency-Key happens once, whatever is sent again, at once or after a crash."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from sadakat.kernel.errors import Conflict, Invalid
from tests.integration.asking import Caller, caller, refusal

TILL = {"name": "Till", "kind": "server"}


def named(name: str) -> int:
    from sadakat.events.models import Source

    return Source.objects.filter(name=name).count()


def kept() -> list[tuple[Any, ...]]:
    from sadakat.platform.models import IdempotentAnswer

    return list(IdempotentAnswer.objects.order_by("id").values_list("key", "status"))


def test_the_same_request_gets_the_first_answer_again(database: str) -> None:
    till = caller()
    first = till.send("POST", "/sources", TILL, Idempotency_Key="a")
    assert "Idempotency-Replayed" not in first.headers
    again = till.send("POST", "/sources", TILL, Idempotency_Key="a")
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert named("Till") == 1
    # Without the key, or with another, it is another request.
    assert till.ask("POST", "/sources", TILL)[0] == 409
    assert till.ask("POST", "/sources", TILL, Idempotency_Key="b")[0] == 409
    assert kept() == [("a", 201), ("b", 409)]


def test_a_refusal_is_given_again_too(database: str) -> None:
    till = caller()
    first = till.send("POST", "/sources", {"name": "Till"}, Idempotency_Key="a")
    again = till.send("POST", "/sources", {"name": "Till"}, Idempotency_Key="a")
    assert (again.status_code, again.content) == (422, first.content)
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotency-Replayed"] == "true"


def test_another_request_under_the_same_key_is_refused(database: str) -> None:
    till = caller()
    till.ask("POST", "/sources", TILL, Idempotency_Key="a")
    used = refusal(409, "Conflict", "the Idempotency-Key 'a' has been used for another request; use a new one")
    assert till.ask("POST", "/sources", TILL | {"name": "Till 2"}, Idempotency_Key="a") == used
    assert till.ask("PATCH", "/sources/2", {"name": "Till 2"}, Idempotency_Key="a") == used
    assert named("Till 2") == 0
    # Another caller's key of the same name is another key.
    assert caller().ask("POST", "/sources", TILL | {"name": "Till 2"}, Idempotency_Key="a")[0] == 201


@pytest.mark.parametrize("key", ["", "k" * 256, "ç", "a\tb"])
def test_a_key_that_cannot_be_is_refused_and_nothing_is_done(database: str, key: str) -> None:
    status, document = caller().ask("POST", "/sources", TILL, Idempotency_Key=key)
    assert (status, document["detail"]) == (422, "an Idempotency-Key has 1 to 255 printable ASCII characters")
    assert (named("Till"), kept()) == (0, [])


def test_who_may_not_write_reserves_nothing(database: str) -> None:
    assert caller("sources:read").ask("POST", "/sources", TILL, Idempotency_Key="a")[0] == 403
    assert Caller("sk_unknown").ask("POST", "/sources", TILL, Idempotency_Key="a")[0] == 401
    assert kept() == []


def test_a_fault_is_forgotten_so_that_it_can_be_tried_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events import api as events

    till = caller()

    def fail(**_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(events, "create_source", fail)
        assert till.ask("POST", "/sources", TILL, Idempotency_Key="a")[0] == 500
    assert kept() == []
    assert till.ask("POST", "/sources", TILL, Idempotency_Key="a")[0] == 201


def test_two_at_once_under_one_key_do_it_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connections

    from sadakat.events import api as events

    till, create = caller(), events.create_source
    inside, go_on = threading.Event(), threading.Event()
    answers: list[tuple[int, Any]] = []

    def slow(**said: Any) -> Any:
        inside.set()
        assert go_on.wait(timeout=30)
        return create(**said)

    def first() -> None:
        answers.append(till.ask("POST", "/sources", TILL, Idempotency_Key="a"))
        connections.close_all()

    monkeypatch.setattr(events, "create_source", slow)
    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert inside.wait(timeout=30)
        second = Caller(till.key).ask("POST", "/sources", TILL, Idempotency_Key="a")
        other = Caller(till.key).ask("POST", "/sources", {"name": "x"}, Idempotency_Key="a")
    finally:
        go_on.set()
        thread.join(timeout=30)
    assert second == refusal(
        409, "Conflict", "the first request with the Idempotency-Key 'a' is in progress; ask again later"
    )
    assert other[0] == 409
    assert answers[0][0] == 201
    assert till.ask("POST", "/sources", TILL, Idempotency_Key="a") == answers[0]
    assert named("Till") == 1


def test_many_at_once_under_one_key_do_it_once(database: str) -> None:
    from django.db import connections

    till, together = caller(), threading.Barrier(6)
    answers: list[int] = []

    def send() -> None:
        together.wait(timeout=30)
        answers.append(Caller(till.key).ask("POST", "/sources", TILL, Idempotency_Key="a")[0])
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == 6
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert named("Till") == 1
    assert kept() == [("a", 201)]


def reserve(at: datetime, *, request: bytes = b"one", key: str = "a") -> Any:
    from sadakat.platform import idempotency

    return idempotency.reserve(api_key_id=1, key=key, request=request, secret="sk_own", at=at)


def test_what_died_is_taken_over_after_a_minute_by_the_same_request_alone(database: str, now: datetime) -> None:
    from sadakat.platform import idempotency

    died = reserve(now)
    with pytest.raises(Conflict, match="in progress"):
        reserve(now + timedelta(seconds=59))
    with pytest.raises(Conflict, match="another request"):
        reserve(now + timedelta(seconds=61), request=b"two")
    later = now + timedelta(seconds=60)
    taken = reserve(later)
    assert (taken.id, taken.at) == (died.id, later)
    # The first one was only slow: its answer comes too late to count.
    idempotency.keep(died, idempotency.Answer(status=201, body=b"late"))
    with pytest.raises(Conflict, match="in progress"):
        reserve(later)
    idempotency.keep(taken, idempotency.Answer(status=201, body=b"right"))
    assert reserve(later) == idempotency.Answer(status=201, body=b"right")


def test_an_answer_is_kept_for_a_day(database: str, now: datetime) -> None:
    from sadakat.platform import idempotency, jobs
    from sadakat.platform.models import IdempotentAnswer

    idempotency.keep(reserve(now), idempotency.Answer(status=200, body=b"{}"))
    assert bytes(IdempotentAnswer.objects.get().body) != b"{}", "answers are kept sealed"
    almost = now + timedelta(hours=24) - timedelta(seconds=1)
    assert reserve(almost) == idempotency.Answer(status=200, body=b"{}")
    assert jobs.keep_house(almost)["platform.idempotent_answers"] == 0
    assert isinstance(reserve(now + timedelta(hours=24), request=b"two"), idempotency.Reservation)
    idempotency.keep(reserve(now, key="b"), idempotency.Answer(status=200, body=b"{}"))
    assert jobs.keep_house(now + timedelta(hours=24))["platform.idempotent_answers"] == 1
    assert kept() == [("a", None)]


def test_a_key_must_be_printable(database: str, now: datetime) -> None:
    with pytest.raises(Invalid, match="printable ASCII"):
        reserve(now, key="a\0")
