"""The real SDKs of Segment and RudderStack against a real server that refuses, breaks and is killed."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from sadakat.kernel import ids
from tests.integration import collecting
from tests.integration.collecting import PATIENCE_SECONDS, Moody, basic, call, counted, encode, inbox, track

MESSAGES = 25


class Sender:
    """One SDK's client, the errors it reported and the message ids it made."""

    def __init__(self, sdk: str, *, key: str, port: int, gzip: bool = False) -> None:
        self.errors: list[Exception] = []
        self.names = [f"{sdk}-{i}" for i in range(MESSAGES)]
        make = {"segment": SegmentClient, "rudder": RudderClient}[sdk]
        self.client = make(
            key,
            host=f"http://127.0.0.1:{port}",
            gzip=gzip,
            on_error=lambda error, batch: self.errors.append(error),
            upload_interval=0.05,
            upload_size=10,
            max_retries=200,
        )

    def send(self) -> None:
        """Everything the SDK can say, until it believes that all has been delivered or refused."""
        for name in self.names[:-5]:
            self.client.track("ayse", "Cart Viewed", {"n": name}, message_id=name)
        calls: tuple[Callable[..., Any], ...] = (
            lambda **k: self.client.identify("ayse", {"city": "İzmir"}, **k),
            lambda **k: self.client.page("ayse", "Shop", "Home", **k),
            lambda **k: self.client.screen("ayse", "Shop", "Home", **k),
            lambda **k: self.client.group("ayse", "g1", {"size": 3}, **k),
            lambda **k: self.client.alias("anonymous", "ayse", **k),
        )
        for name, say in zip(self.names[-5:], calls, strict=True):
            say(message_id=name)
        finished = threading.Thread(target=self.client.queue.join, daemon=True)
        finished.start()
        finished.join(PATIENCE_SECONDS)
        assert not finished.is_alive(), "the SDK is still sending"
        self.client.join()


@pytest.fixture(params=["segment", "rudder"])
def sdk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an SDK, impatient for the test: it waits as often as ever, but never long."""
    from segment.analytics.consumer import Consumer

    monkeypatch.setattr("random.uniform", lambda low, high: min(high, 0.2))
    monkeypatch.setattr(Consumer, "_wait", _short_wait(Consumer._wait))
    logging.getLogger("segment").setLevel(logging.CRITICAL)
    logging.getLogger("rudderstack").setLevel(logging.CRITICAL)
    return str(request.param)


def _short_wait(wait: Callable[[Any, float], bool]) -> Callable[[Any, float], bool]:
    return lambda consumer, seconds: wait(consumer, min(seconds, 0.3))


@pytest.fixture
def key(database: str, now: datetime) -> str:
    from sadakat.events import sources
    from sadakat.platform import audit

    return sources.create_source(name="shop", kind="server", actor=audit.CLI, at=now)[1]


def mids(names: list[str]) -> set[UUID]:
    from sadakat.events import sources

    return {ids.message_key(sources.source_named("shop").id, name) for name in names}


@pytest.mark.parametrize("gzip", [False, True])
def test_everything_the_sdk_says_arrives_once(database: str, key: str, sdk: str, *, gzip: bool) -> None:
    from sadakat.events.web.collector import Collector

    with collecting.serving(Collector(lambda: database)) as port:
        sender = Sender(sdk, key=key, port=port, gzip=gzip)
        sender.send()
    stored = inbox(database)
    assert sender.errors == []
    assert [row["body"]["messageId"] for row in stored] == sender.names
    assert [row["kind"] for row in stored] == [2] * (MESSAGES - 5) + [1, 3, 4, 5, 6]
    assert {row["mid"] for row in stored} == mids(sender.names)


@pytest.mark.parametrize("is_after", [False, True])
def test_what_was_refused_or_not_heard_of_is_sent_again_and_counts_once(
    database: str, key: str, sdk: str, *, is_after: bool
) -> None:
    from sadakat.events.web.collector import Collector

    moody = Moody(Collector(lambda: database), statuses=[429, 503, 500], is_after=is_after)
    with collecting.serving(moody) as port:
        sender = Sender(sdk, key=key, port=port)
        sender.send()
    assert sender.errors == []
    assert moody.statuses == []
    assert (len(inbox(database)) > MESSAGES) == is_after
    counts = [row["mid"] for row in counted(database)]
    assert (len(counts), set(counts)) == (MESSAGES, mids(sender.names))


def test_our_own_429_and_503_are_understood(database: str, key: str, sdk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events.web import answers, group_commit
    from sadakat.events.web.collector import Collector

    refusals = [answers.overloaded(now_seconds=0), answers.unavailable(), answers.unavailable()]
    original = group_commit.GroupCommit.store

    async def refuse_first(*arguments: Any) -> list[str]:
        if refusals:
            raise refusals.pop()
        return await original(*arguments)

    monkeypatch.setattr(group_commit.GroupCommit, "store", refuse_first)
    with collecting.serving(Collector(lambda: database)) as port:
        sender = Sender(sdk, key=key, port=port)
        sender.send()
    assert (sender.errors, refusals) == ([], [])
    assert {row["mid"] for row in inbox(database)} == mids(sender.names)
    assert len(inbox(database)) == MESSAGES


def test_a_wrong_key_is_dropped_and_not_tried_again(database: str, key: str, sdk: str) -> None:
    from sadakat.events.web.collector import Collector

    collector = Collector(lambda: database)
    calls = []

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        calls.append(scope["type"])
        await collector(scope, receive, send)

    with collecting.serving(counting) as port:
        sender = Sender(sdk, key="wrong", port=port)
        sender.send()
    assert {error.status for error in sender.errors} == {401}
    assert calls.count("http") == len(sender.errors)
    assert inbox(database) == []


@pytest.mark.parametrize("dies", ["before-storing", "before-answering"])
def test_a_server_killed_between_receipt_and_answer(database: str, key: str, sdk: str, dies: str) -> None:
    port = collecting.free_port()
    with ThreadPoolExecutor(1) as pool:
        with collecting.process(database, port=port, dies=dies) as dying:
            sender = Sender(sdk, key=key, port=port)
            sending = pool.submit(sender.send)
            collecting.wait_until(lambda: dying.poll() is not None, what="the death")
        survived = {row["mid"] for row in inbox(database)}
        with collecting.process(database, port=port):
            sending.result(PATIENCE_SECONDS)
    assert dying.returncode == -9
    assert bool(survived) == (dies == "before-answering")
    assert sender.errors == []
    assert (len(inbox(database)) > MESSAGES) == (dies == "before-answering")
    counts = [row["mid"] for row in counted(database)]
    assert (len(counts), set(counts)) == (MESSAGES, mids(sender.names))


def test_nothing_acknowledged_is_lost_when_killed_under_load(database: str, key: str) -> None:
    port = collecting.free_port()
    acknowledged: set[str] = set()
    stop = threading.Event()

    def shop(number: int) -> None:
        for i in range(10**6):
            names = [f"{number}-{i}-{j}" for j in range(20)]
            try:
                if call(port, "POST", "/v1/batch", encode({"batch": [track(n) for n in names]}), basic(key))[0] == 200:
                    acknowledged.update(names)
            except (OSError, EOFError):
                pass
            except Exception:  # http.client has a class of its own for each way of dying
                if not stop.is_set():
                    raise
            if stop.is_set():
                return

    with ThreadPoolExecutor(4) as pool, collecting.process(database, port=port) as running:
        shops = [pool.submit(shop, number) for number in range(4)]
        collecting.wait_until(lambda: len(acknowledged) > 500, what="answers")
        stop.set()
        running.kill()
        for each in shops:
            each.result(PATIENCE_SECONDS)
    stored = [row["mid"] for row in inbox(database)]
    assert mids(sorted(acknowledged)) <= set(stored)
    assert len(stored) == len(set(stored))
