"""A collector on loopback for tests: in a thread of this process, or in a process of its own that may be killed."""

import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any

import psycopg
import uvicorn
from psycopg.rows import dict_row

PATIENCE_SECONDS = 20


class PlainResolver:
    """Takes ids and e-mails as they are; what `customers` makes of them is tested there."""

    def identifiers_of(self, *, kind, message, is_trusted):
        traits = {**message["context"]["traits"], **message["traits"]}
        pairs = (
            ("user_id", message["userId"]),
            ("email", traits.get("email")),
            ("anonymous_id", message["anonymousId"]),
        )
        return tuple(f"{name}:{value}" for name, value in pairs if value)

    def resolve(self, batch, *, sources):
        raise AssertionError("collecting resolves nobody")


def wait_until(holds: Callable[[], bool], *, what: str) -> None:
    """Polls a condition, with a bound."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s in vain for {what}"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """The port on which `app` answers, from a thread with an event loop of its own."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, what="the server")
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


@contextmanager
def process(dsn: str, *, port: int, dies: str = "never") -> Iterator[subprocess.Popen[bytes]]:
    """A collector in a process of its own, answering; see `collector_process` for how it `dies`."""
    arguments = [sys.executable, "-m", "tests.integration.collector_process", dsn, str(port), dies]
    running = subprocess.Popen(arguments)
    try:
        wait_until(lambda: running.poll() is not None or _answers(port), what="the collector process")
        assert running.poll() is None
        yield running
    finally:
        running.kill()
        running.wait()


def _answers(port: int) -> bool:
    try:
        return call(port, "GET", "/v1/track")[0] == 405
    except OSError:
        return False


def basic(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def call(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """One request; gives status, headers in lower case, body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def rows(dsn: str, query: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()


def inbox(dsn: str) -> list[dict[str, Any]]:
    return rows(dsn, "SELECT * FROM events_inbox ORDER BY id")


def rejected(dsn: str) -> list[dict[str, Any]]:
    return rows(dsn, "SELECT * FROM events_rejectedevent ORDER BY id")


def track(message_id: str = "m1", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Cart Viewed", "userId": "ayse", "messageId": message_id, **fields}


def encode(document: Any) -> bytes:
    return json.dumps(document).encode()


def counted(dsn: str) -> list[dict[str, Any]]:
    """The rows of the log, in their order, once the sequencer has dropped what was sent again."""
    from sadakat.events import api as events

    while inbox(dsn):
        report = events.sequence(at=datetime.now(UTC))
        assert report.sequenced + report.duplicates > 0
        assert report.failed == 0
    return rows(dsn, "SELECT * FROM events_log ORDER BY position")


class Moody:
    """A server that answers its first calls with a fault, with or without having stored them."""

    def __init__(self, app: Any, *, statuses: list[int], is_after: bool) -> None:
        self.app = app
        self.statuses = statuses
        self.is_after = is_after

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not self.statuses:
            await self.app(scope, receive, send)
            return
        status = self.statuses.pop(0)
        if self.is_after:
            await self.app(scope, receive, _swallow)
        body = encode({"code": "moody", "message": "not now"})
        # Without the origin a browser would see no answer at all.
        headers = [(b"content-length", b"%d" % len(body)), (b"access-control-allow-origin", b"*")]
        if status == 429:
            headers.append((b"retry-after", b"1"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _swallow(message: Any) -> None:
    pass
