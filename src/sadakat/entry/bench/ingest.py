"""How fast the collector takes events durably, beside the same server that answers without storing."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time as stopwatch
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sadakat.entry.bench.figure import Figure
from sadakat.events.types import SourceKind
from sadakat.kernel.errors import Unavailable

SECONDS: Final = 4
ROUNDS: Final = 3
CONNECTIONS: Final = 64
START_SECONDS: Final = 30.0

# Every request carries message ids of its own, so that nothing is a duplicate.
_SCRIPT: Final = """
local n, size, head = 0, %(size)d, {["Content-Type"] = "application/json", ["Authorization"] = "Basic %(auth)s"}
local seed = %(seed)d
request = function()
  local parts = {}
  for i = 1, size do
    n = n + 1
    parts[i] = '%(before)s' .. seed .. "-" .. n .. '%(after)s'
  end
  local body = size == 1 and parts[1] or '{"batch":[' .. table.concat(parts, ",") .. "]}"
  return wrk.format("POST", "%(path)s", head, body)
end
"""


def single() -> list[Figure]:
    """Durable single events over 64 connections."""
    measured = _measure(path="/v1/track", size=1)
    return [
        _figure("ingest-single", measured, goal="≥ 0.70"),
        Figure(
            name="ingest-single/p99",
            ours=measured["storing"]["p99_ms"],
            baseline=measured["answering"]["p99_ms"],
            unit="ms",
            ratio=measured["storing"]["p99_ms"] / measured["answering"]["p99_ms"],
            goal="ours ≤ 10 ms on a quiet machine",
        ),
    ]


def batch() -> list[Figure]:
    """Durable events in batches of 100 over 64 connections."""
    return [_figure("ingest-batch", _measure(path="/v1/batch", size=100), goal="≥ 0.20")]


def _figure(name: str, measured: dict[str, dict[str, float]], *, goal: str) -> Figure:
    ours, baseline = measured["storing"]["events"], measured["answering"]["events"]
    return Figure(name=name, ours=ours, baseline=baseline, unit="events/s", ratio=ours / baseline, goal=goal)


def _measure(*, path: str, size: int) -> dict[str, dict[str, float]]:
    """Medians of both servers, measured in turn; keys `storing` and `answering`."""
    if shutil.which("wrk") is None:
        raise Unavailable("the load generator `wrk` is needed; on Debian: apt-get install wrk")
    runs: dict[str, list[dict[str, float]]] = {"storing": [], "answering": []}
    with _server(stores=True) as storing, _server(stores=False) as answering:
        for seed in range(ROUNDS):
            runs["answering"].append(_wrk(answering, path=path, size=size, seed=seed))
            runs["storing"].append(_wrk(storing, path=path, size=size, seed=seed))
            _empty_inbox()
    return {
        name: {figure: sorted(run[figure] for run in of_name)[len(of_name) // 2] for figure in of_name[0]}
        for name, of_name in runs.items()
    }


def _wrk(port: int, *, path: str, size: int, seed: int) -> dict[str, float]:
    before, after = json.dumps(_event()).split("MESSAGE_ID")
    script = _SCRIPT % {
        "size": size,
        "auth": _auth(),
        "seed": seed,
        "before": before,
        "after": after,
        "path": path,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "15s", "--latency", "-s", file.name]
        output = subprocess.run(
            [*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True
        ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise Unavailable(f"the server did not take everything: {output.splitlines()[-4:]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    if rate is None or slowest is None:
        raise Unavailable(f"wrk printed something else: {output!r:.200}")
    return {
        "events": float(rate[1]) * size,
        "p99_ms": float(slowest[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[slowest[2]],
    }


def _event() -> dict[str, Any]:
    """A page-view like event of about 530 bytes."""
    return {
        "messageId": "MESSAGE_ID",
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": "6f2c1a1e-8f6e-4f0e-9a51-2f6f7f0e1a11",
        "timestamp": "2026-11-20T09:00:00.000Z",
        "properties": {
            "product_id": "1082185",
            "name": "Bananas",
            "price": 1.29,
            "currency": "TRY",
            "position": 3,
        },
        "context": {
            "page": {"path": "/p/1082185", "url": "https://shop.example.com/p/1082185", "title": "Bananas"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0",
            "locale": "tr-TR",
        },
    }


_KEY: dict[str, str] = {}


def _auth() -> str:
    import base64

    return base64.b64encode(f"{_write_key()}:".encode()).decode()


def _write_key() -> str:
    if "key" not in _KEY:
        from sadakat.events import api as events
        from sadakat.platform import audit

        _, _KEY["key"] = events.create_source(
            name="Bench", kind=SourceKind.SERVER, actor=audit.CLI, at=datetime.now(UTC)
        )
    return _KEY["key"]


def _empty_inbox() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("truncate events_inbox")


@contextlib.contextmanager
def _server(*, stores: bool) -> Iterator[int]:
    """A collector in a process of its own; gives its port."""
    _write_key()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    factory = "storing" if stores else "answering"
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        f"sadakat.entry.bench.servers:{factory}",
        "--factory",
        "--loop",
        "uvloop",
    ]
    command += ["--http", "httptools", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, env=os.environ)
    try:
        _wait_until_it_answers(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = stopwatch.monotonic() + START_SECONDS
    while stopwatch.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/track", timeout=1)
        except urllib.error.HTTPError:
            return
        except OSError:
            stopwatch.sleep(0.05)
    raise Unavailable("the server of the benchmark did not start")
