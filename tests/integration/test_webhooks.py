"""Webhooks against a real receiver: told once of what happens, tried again, stopped, and never sent to our own network."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from psycopg.conninfo import conninfo_to_dict

from sadakat.events import api as events
from sadakat.events import models
from sadakat.events.types import Fact, WebhookState
from sadakat.events.webhooks import posting, sending, subscriptions
from sadakat.events.webhooks.consumer import WebhookConsumer
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.platform import audit, settings
from tests.integration.living import DAY, DENIZ, Shop, shop
from tests.integration.pipeline import NOW, rows, run
from tests.integration.receiving import Receiver, receiver, verified

__all__ = ["shop"]
SECOND = timedelta(seconds=1)


@pytest.fixture
def box() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    here = replace(settings.current(), allows_private_webhooks=True)
    monkeypatch.setattr(settings, "current", lambda: here)


def add(url: str, **changes: Any) -> tuple[int, str]:
    values = {"name": "Kasa", "url": url, "actor": DENIZ, "at": NOW} | changes
    webhook, secret = events.create_webhook(**values)
    return webhook.id, secret


def happen(*names: str, profile_id: int = 1, **properties: Any) -> None:
    """Facts of Sadakat, through the log and every consumer."""
    told = rows("SELECT count(*) FROM events_log")[0][0]
    facts = [
        Fact(event=name, profile_id=profile_id, properties=properties, at=NOW, message_id=f"fact:{told + number}")
        for number, name in enumerate(names)
    ]
    with transaction.atomic():
        events.append_facts(facts)
    follow()


def follow() -> None:
    while events.sequence(at=NOW).sequenced:
        pass
    while sum(events.consume(name, at=NOW) for name in events.consumers()):
        pass
    assert events.failed_count() == 0


def send(at: Any = NOW, *, is_failing: bool = False) -> int:
    """Everything that is due; gives the number of batches."""
    batches = 0
    while events.send_due(at=at, is_failing=is_failing):
        batches += 1
        assert batches < 100
    return batches


def states(webhook_id: int) -> list[tuple[str, str, int | None, int]]:
    """Event, state, status and attempts of each delivery, the oldest first."""
    return [(d.event, d.state.value, d.status, d.attempts) for d in reversed(events.deliveries(webhook_id))]


def actions() -> list[str]:
    return [
        row[0]
        for row in rows("SELECT action FROM platform_auditentry WHERE action LIKE 'events.webhook%%' ORDER BY id")
    ]


def test_what_happens_is_told_once_with_a_signature_and_without_identifiers(shop: Shop, box: Receiver) -> None:
    shop.do("ayse", "Product Viewed")
    webhook_id, secret = add(box.url)
    shop.segment("sepet", {"event": "Cart Viewed"})
    shop.do("ayse", "Cart Viewed", email="ayse@example.com")
    assert send(shop.now) == 1
    assert send(shop.now) == 0
    [body] = box.bodies()
    position = rows("SELECT position FROM events_log WHERE event = 'Segment Entered'")[0][0]
    assert body == {
        "type": "Segment Entered",
        "timestamp": "2026-11-20T09:00:00Z",
        "data": {
            "customer_id": shop.customers()["ayse"],
            "position": position,
            "properties": {"name": "sepet", "reason": "event", "segment": "sepet", "segment_id": 1},
        },
    }
    path, headers, raw = box.requests[0]
    assert path == "/hooks?shop=1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int(shop.now.timestamp()))
    assert verified(secret, headers, raw)
    assert not verified(secret, headers, raw + b" ")
    assert states(webhook_id) == [("Segment Entered", "delivered", 204, 1)]
    # The log is read once more from the start, as after a restored cursor: nothing is written twice.
    run("UPDATE events_cursor SET position = 0 WHERE consumer = 'events.webhooks'")
    follow()
    assert send(shop.now) == 0
    assert len(box.requests) == 1


def test_only_what_is_asked_for_is_told(shop: Shop, box: Receiver) -> None:
    happen("Tier Changed")
    own, _ = add(box.url, name="own")
    named, _ = add(box.url, name="named", event_names=["Tier Changed", "Order Completed", " "])
    shops, _ = add(box.url, name="shops", event_names=["Order Completed"], takes_shop_events=True)
    every, _ = add(box.url, name="every", takes_shop_events=True)
    happen("Tier Changed", "Points Earned")
    shop.page("ayse")
    shop.do(
        "ayse",
        "Order Completed",
        order_id="A-1",
        revenue=5,
        email="ayse@example.com",
        to={"phone": "1", "city": "İzmir"},
    )
    assert [[name for name, *_ in states(one)] for one in (own, named, shops, every)] == [
        ["Tier Changed", "Points Earned"],
        ["Tier Changed"],
        ["Order Completed"],
        ["Tier Changed", "Points Earned", "Order Completed"],
    ]
    send(shop.now)
    told = [body["data"] for body in box.bodies() if body["type"] == "Order Completed"]
    assert [data["properties"] for data in told] == [{"order_id": "A-1", "revenue": 5, "to": {"city": "İzmir"}}] * 2
    assert [data["customer_id"] for data in told] == [shop.customers()["ayse"]] * 2


def test_own_facts_keep_names_of_things_and_lose_cards(database: str, box: Receiver) -> None:
    add(box.url)
    happen("Reward Redeemed", name="Kahve", card="4000001", points=50)
    send()
    assert box.bodies()[0]["data"] == {
        "customer_id": None,  # nobody knows this profile
        "position": 1,
        "properties": {"name": "Kahve", "points": 50},
    }


def test_failures_are_tried_again_later_and_later_under_the_same_id(database: str, box: Receiver) -> None:
    webhook_id, secret = add(box.url)
    happen("Tier Changed")
    box.answers = [500, 302]
    assert send() == 1
    [waiting] = events.deliveries(webhook_id, is_failing=True)
    assert (waiting.status, waiting.answer, waiting.next_at) == (500, "status 500", NOW + 5 * SECOND)
    assert events.webhook(webhook_id).failing_since == NOW
    assert send(NOW + 4 * SECOND) + send(NOW + 4 * SECOND, is_failing=True) == 0
    assert send(NOW + 5 * SECOND) == 0  # another lane
    assert send(NOW + 5 * SECOND, is_failing=True) == 1
    assert events.deliveries(webhook_id)[0].next_at == NOW + 305 * SECOND
    assert send(NOW + 305 * SECOND, is_failing=True) == 1
    assert states(webhook_id) == [("Tier Changed", "delivered", 204, 3)]
    assert events.webhook(webhook_id).failing_since is None
    # The redirect was not followed, and each attempt carries its own time.
    assert len(box.requests) == 3
    assert len(set(box.ids())) == 1
    assert len({headers["webhook-timestamp"] for _, headers, _ in box.requests}) == 3
    assert all(verified(secret, headers, body) for _, headers, body in box.requests)


def test_what_is_never_taken_is_given_up_and_sent_again_by_hand(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url)
    happen("Tier Changed")
    box.answers = [500] * 10
    at = NOW
    for attempt in range(10):
        assert send(at, is_failing=attempt > 0) == 1
        [delivery] = events.deliveries(webhook_id)
        at = delivery.next_at or at
    assert (delivery.state.value, delivery.attempts, delivery.next_at) == ("failed", 10, None)
    assert (events.webhook(webhook_id).failed, events.webhook(webhook_id).waiting) == (1, 0)
    at += DAY / 2
    assert send(at, is_failing=True) == 0
    assert events.redeliver(webhook_id, actor=DENIZ, at=at) == 1
    assert events.redeliver(webhook_id, actor=DENIZ, at=at) == 0
    assert send(at, is_failing=True) == 1
    assert states(webhook_id) == [("Tier Changed", "delivered", 204, 1)]
    # What was delivered can be sent once more as well.
    assert events.redeliver(webhook_id, delivery_id=delivery.id, actor=DENIZ, at=at) == 1
    assert send(at) == 1
    assert len(set(box.ids())) == 1
    assert len(box.requests) == 12
    assert actions() == ["events.webhook_created", "events.webhook_redelivered", "events.webhook_redelivered"]


@pytest.mark.parametrize("how", ["silent", "drips"])
def test_receiver_that_does_not_answer_in_time(
    database: str, box: Receiver, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 1.0)
    webhook_id, _ = add(box.url)
    happen("Tier Changed")
    box.is_silent = how == "silent"
    box.drips = b"HTTP/1.1 200 OK\r\nX-A: b\r\n" if how == "drips" else b""
    assert send() == 1
    [delivery] = events.deliveries(webhook_id)
    assert (delivery.status, delivery.answer) == (None, "no answer within 1 seconds")
    assert delivery.next_at == NOW + 5 * SECOND


def test_receiver_that_is_not_there(database: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes the port
        webhook_id, _ = add(f"http://127.0.0.1:{closed.getsockname()[1]}/")
        happen("Tier Changed")
        send()
    assert events.deliveries(webhook_id)[0].answer == "no connection: [Errno 111] Connection refused"


def test_answer_that_is_no_http_and_one_that_cannot_be_kept(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url.replace("http://", "https://"))
    happen("Tier Changed")
    send()
    assert events.deliveries(webhook_id)[0].answer.startswith("no connection: [SSL")
    answer = posting.post(box.url, body=b"{}", headers={"webhook-id": "x"}, allows_private=True)
    assert (answer.status, answer.text, answer.is_taken) == (204, "", True)


def test_410_stops_a_webhook_and_what_happens_waits_until_it_is_resumed(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url)
    happen("Tier Changed")
    box.answers = [410]
    send()
    assert events.webhook(webhook_id).state is WebhookState.GONE
    assert events.stopped_webhooks() == 1
    happen("Points Earned")
    assert send(NOW + DAY) + send(NOW + DAY, is_failing=True) == 0
    with pytest.raises(Refused, match="resume it first"):
        events.send_test(webhook_id, actor=DENIZ, at=NOW)
    assert events.resume_webhook(webhook_id, actor=DENIZ, at=NOW + SECOND) is True
    assert events.resume_webhook(webhook_id, actor=DENIZ, at=NOW + SECOND) is False
    assert send(NOW + SECOND) == 1
    assert states(webhook_id) == [("Tier Changed", "delivered", 204, 2), ("Points Earned", "delivered", 204, 1)]
    stopped = rows("SELECT actor, subject, old, new FROM platform_auditentry WHERE action = 'events.webhook_stopped'")
    assert stopped == [("system", f"webhook:{webhook_id}", '{"state": "active"}', '{"state": "gone"}')]
    assert actions() == ["events.webhook_created", "events.webhook_stopped", "events.webhook_resumed"]


def test_five_days_without_success_stop_a_webhook(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url)
    box.answers = [500] * 3
    happen("Tier Changed")
    send()
    happen("Points Earned")
    send(NOW + 5 * DAY - SECOND, is_failing=True)
    assert events.webhook(webhook_id).state is WebhookState.ACTIVE
    happen("Points Expired")
    send(NOW + 5 * DAY + 300 * SECOND, is_failing=True)
    assert events.webhook(webhook_id).state is WebhookState.FAILING
    assert actions()[-1] == "events.webhook_stopped"


def test_one_that_fails_does_not_hold_up_the_others(database: str, box: Receiver) -> None:
    with receiver() as ill:
        ill.answers = [500] * 100
        bad, _ = add(ill.url, name="bad")
        good, _ = add(box.url, name="good")
        happen(*["Points Earned"] * 100)
        # First both give a share to a batch; from then on the one that fails is asked rarely, for one.
        assert send() == 13
        assert {state for _, state, _, _ in states(good)} == {"delivered"}
        assert len(box.requests) == 100
        assert len(ill.requests) == sending.MAX_OF_ONE
        assert events.send_due(at=NOW + SECOND, is_failing=True) is False
        assert events.send_due(at=NOW + 2 * SECOND, is_failing=True) is True
        assert events.send_due(at=NOW + 2 * SECOND, is_failing=True) is False
        assert len(ill.requests) == sending.MAX_OF_ONE + 1
        assert events.webhook(bad).waiting == 100


def test_posts_begin_in_the_order_of_the_log(database: str, box: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "CONCURRENT_POSTS", 1)
    add(box.url)
    happen(*["Points Earned"] * 40)
    assert send() == 5
    assert [body["data"]["position"] for body in box.bodies()] == list(range(1, 41))


def test_killed_sender_loses_nothing(database: str, box: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook_id, _ = add(box.url)
    happen("Tier Changed")
    with monkeypatch.context() as patch:

        def dies(*_arguments: Any, **_said: Any) -> None:
            raise SystemExit

        patch.setattr(sending, "_keep", dies)  # it has posted, and has not written so
        with pytest.raises(SystemExit):
            events.send_due(at=NOW)
    assert send(NOW + sending.LEASE - SECOND) == 0
    assert send(NOW + sending.LEASE) == 1
    assert len(box.requests) == 2
    assert len(set(box.ids())) == 1
    assert states(webhook_id) == [("Tier Changed", "delivered", 204, 1)]


def test_worker_killed_while_it_sends_loses_nothing(database: str, box: Receiver, tmp_path: Path) -> None:
    webhook_id, _ = add(box.url)
    happen("Tier Changed", "Points Earned")
    box.is_silent = True
    url = "postgresql://?" + "&".join(f"{key}={value}" for key, value in conninfo_to_dict(database).items())
    environment = {**os.environ, "DATABASE_URL": url, "SADAKAT_HOME": str(tmp_path), "SADAKAT_WEBHOOK_PRIVATE": "1"}
    command = [sys.executable, "-m", "sadakat.entry", "worker"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        deadline = time.monotonic() + 60
        while len(box.requests) < 2 and time.monotonic() < deadline and worker.poll() is None:
            threading.Event().wait(0.02)
        worker.kill()
    assert len(box.requests) == 2
    assert [state for _, state, *_ in states(webhook_id)] == ["waiting", "waiting"]
    box.is_silent = False
    box.over.set()
    assert send(datetime.now(UTC) + sending.LEASE) == 1
    assert sorted(box.ids()) == sorted([*{*box.ids()}] * 2)
    assert [state for _, state, *_ in states(webhook_id)] == ["delivered", "delivered"]


def test_senders_at_the_same_time_share_the_work(database: str, box: Receiver) -> None:
    add(box.url)
    happen(*["Points Earned"] * 60)

    def work(_number: int) -> None:
        try:
            send()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    send()
    assert sorted(body["data"]["position"] for body in box.bodies()) == list(range(1, 61))


def test_paused_webhook_is_sent_nothing_until_it_is_resumed(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url)
    assert events.pause_webhook(webhook_id, actor=DENIZ, at=NOW) is True
    assert events.pause_webhook(webhook_id, actor=DENIZ, at=NOW) is False
    happen("Tier Changed")
    assert send() == 0
    assert events.webhook(webhook_id).waiting == 1
    assert events.stopped_webhooks() == 0
    events.resume_webhook(webhook_id, actor=DENIZ, at=NOW)
    assert send() == 1
    assert actions() == ["events.webhook_created", "events.webhook_paused", "events.webhook_resumed"]


def test_while_a_secret_is_replaced_both_sign(database: str, box: Receiver) -> None:
    webhook_id, old = add(box.url)
    new = events.rotate_secret(webhook_id, actor=DENIZ, at=NOW)
    for at in (NOW, NOW + DAY - SECOND, NOW + DAY):
        events.send_test(webhook_id, actor=DENIZ, at=at)
        send(at)
    checked = [[verified(secret, headers, body) for secret in (new, old)] for _, headers, body in box.requests]
    assert checked == [[True, True], [True, True], [True, False]]
    told = rows("SELECT old, new FROM platform_auditentry WHERE action = 'events.webhook_secret_rotated'")
    assert told == [(None, None)]


def test_a_test_is_told_as_a_test(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url, event_names=["Tier Changed"])
    events.send_test(webhook_id, actor=DENIZ, at=NOW)
    send()
    assert box.bodies() == [
        {
            "type": "Webhook Test",
            "timestamp": "2026-11-20T09:00:00Z",
            "data": {"customer_id": None, "position": None, "properties": {}},
        }
    ]
    assert states(webhook_id) == [("", "delivered", 204, 1)]


def test_private_addresses_are_refused_when_it_is_sent(
    database: str, box: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = replace(settings.current(), allows_private_webhooks=False)
    monkeypatch.setattr(settings, "current", lambda: here)
    # A name that was public when it was typed in, and is ours by now.
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_said: found)
    webhook_id, _ = add(box.url.replace("127.0.0.1", "shop.example.com"))
    happen("Tier Changed")
    send()
    [delivery] = events.deliveries(webhook_id)
    assert (delivery.status, delivery.answer) == (None, "127.0.0.1 is not an address of the public internet")
    assert box.requests == []


def test_a_name_that_does_not_exist(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: Any, **_said: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    webhook_id, _ = add("https://nobody.example.com/")
    happen("Tier Changed")
    send()
    assert events.deliveries(webhook_id)[0].answer == "there is no host nobody.example.com"


def test_tls_is_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    made = [*command.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with receiver(tls=serving) as box:
        body = json.dumps({"a": 1}).encode()
        said = {"body": body, "headers": {"webhook-id": "x"}, "allows_private": True}
        with pytest.raises(posting.Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            posting.post(box.url, **said)
        monkeypatch.setattr(posting, "_tls", lambda: trusting)
        with pytest.raises(posting.Unavailable, match="IP address mismatch"):
            posting.post(box.url.replace("localhost", "127.0.0.1"), **said)
        assert posting.post(box.url, **said).status == 204
        [(path, headers, came)] = box.requests
        assert (path, came) == ("/hooks?shop=1", body)
        assert headers["host"] == box.url.split("/")[2]


def test_what_has_been_erased_is_not_told(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url)
    happen("Tier Changed", "Points Earned")
    run("UPDATE events_log SET body = NULL WHERE position = 1")
    assert send() == 1
    assert [body["data"]["position"] for body in box.bodies()] == [2]
    [_, erased] = events.deliveries(webhook_id)
    assert (erased.state.value, erased.answer) == ("failed", "the event has been erased")
    assert events.webhook(webhook_id).failing_since is None


def test_old_deliveries_are_purged(database: str, box: Receiver) -> None:
    webhook_id, _ = add(box.url)
    happen("Tier Changed")
    events.send_test(webhook_id, actor=DENIZ, at=NOW + SECOND)
    assert events.purge_deliveries(at=NOW + 30 * DAY) == 0
    assert events.purge_deliveries(at=NOW + 30 * DAY + SECOND) == 1
    assert [name for name, *_ in states(webhook_id)] == [""]


def test_changes_are_checked_told_and_kept(database: str) -> None:
    webhook_id, secret = add("https://shop.example.com/hooks")
    one = events.change_webhook(webhook_id, name=" Kasa  2 ", event_names=["B", "A", "A"], actor=DENIZ, at=NOW)
    assert (one.name, one.event_names, one.url) == ("Kasa 2", ("A", "B"), "https://shop.example.com/hooks")
    events.change_webhook(webhook_id, name="Kasa 2", actor=DENIZ, at=NOW)
    before = rows("SELECT * FROM events_webhook")
    refusals: list[tuple[type[Exception], dict[str, Any]]] = [
        (Invalid, {"url": "ftp://shop.example.com"}),
        (Invalid, {"name": " "}),
        (Invalid, {"event_names": ["x" * 256]}),
        (Invalid, {"event_names": [str(n) for n in range(101)]}),
    ]
    for error, changes in refusals:
        with pytest.raises(error):
            events.change_webhook(webhook_id, **changes, actor=DENIZ, at=NOW)
        with pytest.raises(error):
            add(**({"url": "https://shop.example.com", "name": "other"} | changes))
    with pytest.raises(Conflict, match="another webhook is named 'Kasa 2'"):
        add("https://shop.example.com", name="Kasa 2")
    assert rows("SELECT * FROM events_webhook") == before
    assert actions() == ["events.webhook_created", "events.webhook_changed"]
    assert not rows("SELECT 1 FROM platform_auditentry WHERE strpos(new::text, %s) > 0", secret)
    events.delete_webhook(webhook_id, actor=DENIZ, at=NOW)
    for act in (events.delete_webhook, events.pause_webhook, events.rotate_secret, events.redeliver, events.send_test):
        with pytest.raises(NotFound, match=f"there is no webhook {webhook_id}"):
            act(webhook_id, actor=audit.CLI, at=NOW)
    assert (list(events.webhooks()), rows("SELECT count(*) FROM events_delivery")) == ([], [(0,)])


def test_open_deliveries_are_counted_up_to_a_bound(
    database: str, box: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id, _secret = add(box.url)
    other_id, _secret = add(box.url, name="Depo", event_names=["Nothing"])
    happen(*["Coupon Redeemed"] * 5)
    for bound, counted in ((10, (5, 0)), (3, (4, 0))):
        monkeypatch.setattr(subscriptions, "MAX_COUNTED", bound)
        assert {one.id: (one.waiting, one.failed) for one in events.webhooks()} == {
            webhook_id: counted,
            other_id: (0, 0),
        }


@pytest.mark.parametrize("is_deleted_first", [True, False])
def test_a_webhook_deleted_while_its_deliveries_are_written(
    database: str, box: Receiver, monkeypatch: pytest.MonkeyPatch, *, is_deleted_first: bool
) -> None:
    webhook_id, _secret = add(box.url)
    happen("Coupon Redeemed")
    held, released = threading.Event(), threading.Event()

    def hold(owner: Any, name: str) -> None:
        """Whoever calls it stops behind it, within its transaction."""
        usual = getattr(owner, name)

        def stopping(*arguments: Any, **said: Any) -> None:
            usual(*arguments, **said)
            held.set()
            assert released.wait(30)

        monkeypatch.setattr(owner, name, stopping)

    def delete() -> None:
        events.delete_webhook(webhook_id, actor=DENIZ, at=NOW)
        connections.close_all()

    def write() -> None:
        assert events.consume("events.webhooks", at=NOW) > 0
        connections.close_all()

    with transaction.atomic():
        events.append_facts([Fact(event="Coupon Redeemed", profile_id=1, properties={}, at=NOW, message_id="late")])
    assert events.sequence(at=NOW).sequenced
    if is_deleted_first:
        hold(models.Webhook, "delete")
    else:
        hold(WebhookConsumer, "handle")
    first, second = (delete, write) if is_deleted_first else (write, delete)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(first)]
        assert held.wait(30)
        both.append(threads.submit(second))
        for _ in range(1_000):
            if both[1].done() or rows(
                "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.01)"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ) != [(0,)]:
                break
        released.set()
        for one in both:
            one.result(60)
    assert rows("SELECT count(*) FROM events_delivery") == [(0,)]
    assert list(events.webhooks()) == []
