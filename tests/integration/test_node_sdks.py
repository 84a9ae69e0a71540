"""The real node SDKs of Segment and RudderStack against a real server that refuses, breaks and is killed."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sadakat.events.types import Kind
from tests.integration import collecting
from tests.integration.collecting import Moody, counted, inbox, rows

RUN_SECONDS = 90
SAID = {
    "identify": Kind.IDENTIFY,
    "page": Kind.PAGE,
    "screen": Kind.SCREEN,
    "group": Kind.GROUP,
    "alias": Kind.ALIAS,
    "anonymous": Kind.TRACK,
    "order": Kind.TRACK,
}
ORDER_AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.fixture(params=["segment", "rudder"])
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def key(database: str, now: datetime) -> str:
    from sadakat.events import sources
    from sadakat.platform import audit

    return sources.create_source(name="shop", kind="server", actor=audit.CLI, at=now)[1]


def said(sdks: Path, sdk: str, *, key: str, port: int) -> list[str]:
    """Runs the SDK's program to its end and gives the errors that it reported."""
    command = ["node", str(sdks.parent / "node.mjs"), sdk, key, f"http://127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    errors: list[str] = json.loads(done.stdout)
    return errors


def assert_all_counted_once(dsn: str, *, begun_at: datetime) -> None:
    logged = {row["body"]["messageId"]: row for row in counted(dsn)}
    assert {name: Kind(row["kind"]) for name, row in logged.items()} == SAID
    assert rows(dsn, "SELECT count(*) AS n FROM events_log") == [{"n": len(SAID)}]
    assert logged["order"]["at"] == ORDER_AT
    assert logged["order"]["event"] == "Order Completed"
    assert logged["order"]["body"]["properties"]["products"][0]["name"] == "Kış botu"
    ended_at = datetime.now(UTC)
    assert all(begun_at <= row["at"] <= ended_at for name, row in logged.items() if name != "order")


@pytest.mark.parametrize(("statuses", "is_after"), [([], False), ([429, 503, 500], False), ([429, 503, 500], True)])
def test_everything_counts_once_whatever_the_answers(
    database: str, key: str, sdks: Path, sdk: str, *, statuses: list[int], is_after: bool
) -> None:
    from sadakat.events.web.collector import Collector

    begun_at = datetime.now(UTC)
    moody = Moody(Collector(lambda: database), statuses=list(statuses), is_after=is_after)
    with collecting.serving(moody) as port:
        assert said(sdks, sdk, key=key, port=port) == []
    assert moody.statuses == []
    assert (len(inbox(database)) > len(SAID)) == is_after
    assert_all_counted_once(database, begun_at=begun_at)
    # The alias makes the anonymous visitor and the customer one.
    assert rows(database, "SELECT count(DISTINCT customer_id) AS n FROM customers_profile") == [{"n": 1}]


@pytest.mark.parametrize("dies", ["before-storing", "before-answering"])
def test_a_server_killed_between_receipt_and_answer(database: str, key: str, sdks: Path, sdk: str, dies: str) -> None:
    begun_at = datetime.now(UTC)
    port = collecting.free_port()
    with ThreadPoolExecutor(1) as pool:
        with collecting.process(database, port=port, dies=dies) as dying:
            saying = pool.submit(said, sdks, sdk, key=key, port=port)
            collecting.wait_until(lambda: dying.poll() is not None, what="the death")
        survived = inbox(database)
        with collecting.process(database, port=port):
            assert saying.result(RUN_SECONDS) == []
    assert bool(survived) == (dies == "before-answering")
    assert_all_counted_once(database, begun_at=begun_at)


def test_the_bodies_are_as_the_wild_has_them(database: str, key: str, sdks: Path, sdk: str) -> None:
    from sadakat.events.web.collector import Collector

    collector = Collector(lambda: database)
    calls: list[dict[str, str]] = []

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            calls.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await collector(scope, receive, send)

    with collecting.serving(listening) as port:
        assert said(sdks, sdk, key=key, port=port) == []
    forms = {(call.get("content-encoding"), call["content-type"]) for call in calls}
    assert (
        forms
        == {
            "segment": {(None, "application/json")},
            # Gzipped JSON by the name of a form.
            "rudder": {("gzip", "application/x-www-form-urlencoded")},
        }[sdk]
    )


def test_a_wrong_key_is_reported_and_not_tried_again(database: str, key: str, sdks: Path, sdk: str) -> None:
    from sadakat.events.web.collector import Collector

    collector = Collector(lambda: database)
    calls: list[str] = []

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        calls.append(scope["type"])
        await collector(scope, receive, send)

    with collecting.serving(counting) as port:
        errors = said(sdks, sdk, key="wrong", port=port)
    assert all("401" in error for error in errors)
    assert len(errors) >= 1
    assert calls.count("http") == {"segment": 2, "rudder": 3}[sdk]
    assert inbox(database) == []
