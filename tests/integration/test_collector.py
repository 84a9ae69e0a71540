"""The collector as its clients meet it: real HTTP to a real server, and what is in the database afterwards."""

import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from sadakat.kernel import ids
from tests.integration import collecting
from tests.integration.collecting import basic, call, encode, inbox, rejected, track


@pytest.fixture
def resolver(database: str) -> Iterator[None]:
    from sadakat.events import plugs

    wired = list(plugs._resolvers)
    plugs.register_resolver(collecting.PlainResolver())
    yield
    plugs._resolvers[:] = wired


@dataclass
class Door:
    """A served collector with one source of each kind that takes keys."""

    dsn: str
    port: int
    keys: dict[str, str]
    source_ids: dict[str, int]
    collector: Any

    def post(self, path: str, body: Any, *, kind: str | None = "server", **headers: str) -> tuple[int, Any, dict]:
        sent = body if isinstance(body, bytes) else encode(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, answered, text = call(self.port, "POST", path, sent, named | (basic(self.keys[kind]) if kind else {}))
        return status, json.loads(text), answered


@pytest.fixture
def door(database: str, resolver: None, now: datetime) -> Iterator[Door]:
    from sadakat.events import sources
    from sadakat.events.web.collector import Collector
    from sadakat.platform import audit

    keys, source_ids = {}, {}
    for kind in ("server", "browser", "import", "webhook"):
        source, keys[kind] = sources.create_source(name=kind, kind=kind, actor=audit.CLI, at=now)
        source_ids[kind] = source.id
    collector = Collector(lambda: database, now=lambda: now)
    with collecting.serving(collector) as port:
        yield Door(dsn=database, port=port, keys=keys, source_ids=source_ids, collector=collector)


CALLS = {"identify": 1, "track": 2, "page": 3, "screen": 4, "group": 5, "alias": 6}


def test_every_route_stores_before_it_answers(door: Door, now: datetime) -> None:
    for name in CALLS:
        for path in (f"/v1/{name}", f"/v1/{name[0]}"):
            said = {key: value for key, value in track(path).items() if key != "type"}
            status, answered, text = call(door.port, "POST", path, encode(said), basic(door.keys["server"]))
            assert (status, text) == (200, b'{"success": true}')
            assert answered["content-type"] == "application/json"
    for path in ("/v1/batch", "/v1/b", "/v1/import"):
        said = {"batch": [track(f"{path}{name}", type=name) for name in CALLS], "sentAt": now.isoformat()}
        assert door.post(path, said)[:2] == (200, {"success": True})
    stored = inbox(door.dsn)
    assert [row["kind"] for row in stored] == [kind for kind in CALLS.values() for _ in range(2)] + [
        *CALLS.values()
    ] * 3
    assert {row["event"] for row in stored if row["kind"] == 2} == {"Cart Viewed"}
    assert {row["event"] for row in stored if row["kind"] != 2} == {""}
    assert stored[0] | {"id": 0} == {
        "id": 0,
        "source_id": door.source_ids["server"],
        "mid": ids.message_key(door.source_ids["server"], "/v1/identify"),
        "kind": 1,
        "event": "",
        "at": now,
        "received_at": now,
        "identifiers": ["user_id:ayse"],
        "body": {"event": "Cart Viewed", "userId": "ayse", "messageId": "/v1/identify"},
    }


def test_values_survive_as_they_came(door: Door) -> None:
    said = track(
        userId="Işıl",
        anonymousId="a-1",
        properties={"ad": "Çağla 😀", "n": [1, 2.5, None, True]},
        timestamp="2026-11-19T10:00:00.123456+03:00",
    )
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        assert door.post("/v1/track", said, content_type=content_type)[0] == 200
    for row in inbox(door.dsn):
        assert row["body"] == said
        assert row["identifiers"] == ["user_id:Işıl", "anonymous_id:a-1"]
        assert row["at"] == datetime(2026, 11, 19, 7, 0, 0, 123456, tzinfo=UTC)


def test_gzip_is_known_by_its_header_and_by_its_bytes(door: Door) -> None:
    packed = gzip.compress(encode(track()))
    assert door.post("/v1/track", packed, content_encoding="gzip")[0] == 200
    assert door.post("/v1/track", packed, content_type="application/x-www-form-urlencoded")[0] == 200
    assert [row["body"] for row in inbox(door.dsn)] == [track(), track()]


def test_the_key_may_stand_in_the_body(door: Door) -> None:
    said = track(writeKey=door.keys["server"])
    assert door.post("/v1/track", said, kind=None)[0] == 200
    assert door.post("/v1/batch", {"batch": [said], "writeKey": door.keys["server"]}, kind=None)[0] == 200
    assert door.post("/v1/track", said, kind=None, authorization="Bearer of-an-oauth-client")[0] == 200
    assert door.post("/v1/track", said, kind=None, authorization="Basic &&&")[0] == 200
    assert len(inbox(door.dsn)) == 4


def test_without_a_known_key_nothing_is_taken(door: Door) -> None:
    for said, headers in (
        (track(), {}),
        (track(writeKey="wrong"), {}),
        (track(writeKey=5), {}),
        (track(), basic("wrong")),
        (track(), basic("")),
        (track(), {"Authorization": "Basic ğ".encode().decode("latin-1")}),
        (b"[]", {}),
    ):
        status, refused, _ = door.post("/v1/track", said, kind=None, **headers)
        assert (status, refused["code"]) == (401, "unknown_key"), said
        assert "write key" in refused["message"]
    assert inbox(door.dsn) == []


def test_keys_follow_the_operations(door: Door, now: datetime) -> None:
    from sadakat.events import sources
    from sadakat.platform import audit

    assert door.post("/v1/track", track())[0] == 200
    source, key = sources.create_source(name="late", kind="server", actor=audit.CLI, at=now)
    assert call(door.port, "POST", "/v1/track", encode(track()), basic(key))[0] == 200
    sources.change_source(source_id=source.id, actor=audit.CLI, at=now, is_enabled=False)
    collecting.wait_until(
        lambda: call(door.port, "POST", "/v1/track", encode(track()), basic(key))[0] == 401, what="the refusal"
    )
    sources.change_source(source_id=source.id, actor=audit.CLI, at=now, is_enabled=True)
    fresh = sources.renew_key(source_id=source.id, actor=audit.CLI, at=now)
    assert call(door.port, "POST", "/v1/track", encode(track()), basic(fresh))[0] == 200
    assert call(door.port, "POST", "/v1/track", encode(track()), basic(key))[0] == 401


HALF = gzip.compress(encode(track()))[:-12]


UNREADABLE: list[tuple[str, bytes, dict[str, str]]] = [
    ("/v1/track", b"", {}),
    ("/v1/track", b"event=Cart+Viewed", {}),
    ("/v1/track", encode(track())[:-1], {}),
    ("/v1/track", b"[1]", {}),
    ("/v1/track", b"\xff\xfe", {}),
    ("/v1/track", HALF, {}),
    ("/v1/track", HALF, {"content_encoding": "gzip"}),
    ("/v1/track", encode(track()), {"content_encoding": "gzip"}),
    ("/v1/track", gzip.compress(encode(track())) + b"more", {}),
    ("/v1/track", zlib.compress(encode(track())), {"content_encoding": "deflate"}),
    ("/v1/track", encode(track(event="")), {}),
    ("/v1/track", encode(track(userId=None)), {}),
    ("/v1/track", encode(track(timestamp="1970-01-01")), {}),
    ("/v1/track", encode(track(timestamp="2100-01-01")), {}),
    ("/v1/track", encode(track(properties={"x": "a\0b"})), {}),
    ("/v1/track", encode(track(properties={"x": "\ud800"})), {}),
    ("/v1/track", encode(track())[:-1] + b',"x":' + b"[" * 39 + b"]" * 39 + b"}", {}),
    ("/v1/track", encode(track())[:-1] + b',"x":' + b"[" * 9000 + b"]" * 9000 + b"}", {}),
    ("/v1/batch", b"{}", {}),
    ("/v1/batch", encode({"batch": track()}), {}),
    ("/v1/batch", encode([track()]), {}),
    ("/v1/batch", encode({"batch": [track()]})[:-2], {}),
    ("/v1/batch", b'{"batch":' + b"[" * 9000 + b"]" * 9000 + b"}", {}),
]


def test_what_cannot_be_read_gets_one_clear_answer(door: Door) -> None:
    for path, body, headers in UNREADABLE:
        status, refused, _ = door.post(path, body, **headers)
        assert (status, refused["code"]) == (400, "malformed"), (path, body[:100], headers)
        assert refused["message"]
    assert inbox(door.dsn) == rejected(door.dsn) == []


def padded(size: int, **fields: Any) -> bytes:
    """An event of exactly so many bytes."""
    plain = encode(track(**fields, x=""))
    return plain.replace(b'"x": ""', b'"x": "' + b"y" * (size - len(plain)) + b'"')


SIZES: list[tuple[str, str, bytes, int]] = [
    ("server", "/v1/track", padded(32 * 1024), 200),
    ("server", "/v1/track", padded(32 * 1024 + 1), 413),
    ("server", "/v1/track", gzip.compress(padded(32 * 1024 + 1)), 413),
    ("server", "/v1/identify", encode(track(traits={"note": "y" * 10_000_000})), 413),
    ("server", "/v1/track", gzip.compress(b"[" * 50_000_000), 413),
    ("server", "/v1/batch", encode({"batch": [track(x="y" * 20_000)] * 30}), 413),
    ("server", "/v1/batch", encode({"batch": [track()] * 2501}), 413),
    ("server", "/v1/batch", encode({"batch": [track()] * 2500}), 200),
    ("import", "/v1/track", padded(512 * 1024), 200),
    ("import", "/v1/track", padded(512 * 1024 + 1), 413),
    ("import", "/v1/import", encode({"batch": [track(x="y" * 400_000)] * 10}), 200),
    ("import", "/v1/import", encode({"batch": [track(x="y" * 500_000)] * 21}), 413),
]


def test_sizes(door: Door) -> None:
    for kind, path, body, expected in SIZES:
        before = len(inbox(door.dsn))
        status, answered, _ = door.post(path, body, kind=kind)
        assert status == expected, (kind, path, len(body))
        assert answered == {"success": True} if expected == 200 else answered["code"] == "too_large"
        assert (len(inbox(door.dsn)) > before) == (expected == 200)
    assert rejected(door.dsn) == []


def test_a_body_that_never_says_its_length_is_bounded_too(door: Door) -> None:
    chunks = (b'"' + b"y" * 65_536 for _ in range(20))
    status, _, text = call(door.port, "POST", "/v1/batch", chunks, basic(door.keys["server"]))
    assert (status, json.loads(text)["code"]) == (413, "too_large")


def test_in_a_batch_the_good_go_through_and_the_bad_are_listed(door: Door, now: datetime) -> None:
    bad = {
        "type": encode(track("type", type="purchase")),
        "size": padded(32 * 1024 + 1, message_id="size"),
        "past": encode(track("past", timestamp="1970-01-01T00:00:00Z")),
        "future": encode(track("future", timestamp="2100-01-01T00:00:00Z")),
        "deep": encode(track("deep"))[:-1] + b',"x":' + b"[" * 39 + b"]" * 39 + b"}",
        "nul": encode(track("nul", properties={"x": "a\0b"})),
        "half": encode(track("half", properties={"x": "\ud83d"})),
        "nobody": encode(track("nobody", userId=None)),
        "digits": encode(track("digits"))[:-1] + b',"x":1e999999}',
        "": b"5",
    }
    good = [encode(track(f"good-{i}", properties={"x": "😀"})) for i in range(len(bad))]
    batch = [each for pair in zip(good, bad.values(), strict=True) for each in pair]
    assert door.post("/v1/batch", b'{"batch":[' + b",".join(batch) + b"]}")[:2] == (200, {"success": True})
    assert [row["body"] for row in inbox(door.dsn)] == [json.loads(each) for each in good]
    listed = {row["message_id"]: row for row in rejected(door.dsn)}
    assert listed.keys() == bad.keys()
    assert all(row["source_id"] == door.source_ids["server"] for row in listed.values())
    assert all(row["received_at"] == now for row in listed.values())
    assert listed["digits"]["reason"] == "the database refuses it: value overflows numeric format"
    assert listed["digits"]["body"] == bad["digits"].decode()
    assert listed["past"]["reason"].startswith("timestamp must lie between 1990 and a day from now")
    assert len(listed["size"]["body"]) == 32 * 1024


def test_what_only_the_database_refuses_hurts_nobody_else(door: Door) -> None:
    bad = encode(track("bad"))[:-1] + b',"x":1e999999}'

    def send(i: int) -> int:
        if i % 10 == 3:
            return door.post("/v1/track", bad)[0]
        return door.post("/v1/batch", {"batch": [track(f"{i}-{j}") for j in range(5)]})[0]

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(60)))
    assert statuses == [400 if i % 10 == 3 else 200 for i in range(60)]
    assert {row["body"]["messageId"] for row in inbox(door.dsn)} == {
        f"{i}-{j}" for i in range(60) if i % 10 != 3 for j in range(5)
    }
    assert [row["message_id"] for row in rejected(door.dsn)] == ["bad"] * 6


def test_other_paths_and_methods_are_refused_in_json(door: Door) -> None:
    for method, path, expected in (
        ("POST", "/v1/nothing", 404),
        ("POST", "/v1/track/", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v1/track", 405),
        ("PUT", "/v1/batch", 405),
        ("DELETE", "/v1/t", 405),
        ("POST", "/sourceConfig/", 405),
    ):
        status, _, text = call(door.port, method, path)
        assert (status, set(json.loads(text))) == (expected, {"code", "message"})
    assert call(door.port, "HEAD", "/v1/track")[::2] == (405, b"")


ASKED = "AnonymousId, SentAt, Authorization, Rsa-Retry-Attempt, Rsa-Since-Last-Attempt, Rsa-Since-First-Attempt, Rsa-Retry-Reason, X-Retry-Count, Content-Type, Content-Encoding"


def test_browsers_may_ask_before_they_send(door: Door, now: datetime) -> None:
    origin = {"Origin": "https://shop.example.com"}
    for path in ("/v1/t", "/v1/batch", "/sourceConfig/", "/v1/projects/x/settings"):
        status, answered, _ = call(
            door.port, "OPTIONS", path, headers=origin | {"Access-Control-Request-Method": "POST"}
        )
        assert status == 204
        assert answered["access-control-allow-origin"] == origin["Origin"]
        allowed = answered["access-control-allow-headers"].split(", ")
        assert set(ASKED.split(", ")) <= set(allowed)
        assert "POST" in answered["access-control-allow-methods"]
    status, _, answered = door.post("/v1/t", track(), kind="browser", **origin)
    assert (status, answered["access-control-allow-origin"], answered["vary"]) == (200, origin["Origin"], "Origin")
    status, _, answered = door.post("/v1/t", b"{", kind="browser", **origin)
    assert (status, answered["access-control-allow-origin"]) == (400, origin["Origin"])


def test_a_browser_source_may_be_bound_to_its_origins(door: Door, now: datetime) -> None:
    from sadakat.events import sources
    from sadakat.platform import audit

    sources.change_source(
        source_id=door.source_ids["browser"], actor=audit.CLI, at=now, allowed_origins=["https://Shop.example.com/"]
    )
    for kind in ("server", "import", "webhook"):
        sources.change_source(source_id=door.source_ids[kind], actor=audit.CLI, at=now, is_enabled=False)
    ours, theirs = {"Origin": "https://shop.example.com"}, {"Origin": "https://evil.example.com"}
    for headers, expected in ((ours, 200), (theirs, 403), ({}, 403)):
        status, refused, answered = door.post("/v1/t", track(), kind="browser", **headers)
        assert status == expected
        assert ("access-control-allow-origin" in answered) == (headers is ours)
        assert status == 200 or refused["code"] == "origin_refused"
    assert len(inbox(door.dsn)) == 1
    assert call(door.port, "OPTIONS", "/v1/t", headers=ours)[0] == 204
    assert call(door.port, "OPTIONS", "/v1/t", headers=theirs)[0] == 403


def test_the_browser_libraries_find_their_settings(door: Door) -> None:
    key = door.keys["browser"]
    status, answered, text = call(door.port, "GET", f"/v1/projects/{key}/settings")
    settings = json.loads(text)
    assert status == 200
    assert answered["cache-control"] == "no-store"
    segment = settings["integrations"]["Segment.io"]
    assert (segment["apiKey"], segment["apiHost"], segment["protocol"]) == (key, f"127.0.0.1:{door.port}/v1", "http")
    for headers, query in ((basic(key), ""), ({}, f"?p=web&v=3.34.1&writeKey={key}")):
        status, _, text = call(door.port, "GET", f"/sourceConfig/{query}", headers=headers)
        source = json.loads(text)["source"]
        assert status == 200
        assert (source["writeKey"], source["enabled"], source["destinations"]) == (key, True, [])
        assert source["id"] == str(door.source_ids["browser"])
    assert call(door.port, "GET", "/v1/projects/wrong/settings")[0] == 401
    assert call(door.port, "GET", "/sourceConfig/?writeKey=wrong")[0] == 401


def test_too_much_waiting_is_429_with_a_whole_number_of_seconds(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events.web import group_commit

    monkeypatch.setattr(group_commit, "MAX_WAITING_REQUESTS", 0)
    status, refused, answered = door.post("/v1/track", track())
    assert (status, refused["code"], answered["retry-after"]) == (429, "overloaded", "1")
    assert answered["x-ratelimit-reset"].isdigit()
    assert inbox(door.dsn) == []
    monkeypatch.undo()
    assert door.post("/v1/track", track())[0] == 200


def test_a_connection_lost_while_idle_costs_nobody_an_answer(door: Door) -> None:
    assert door.post("/v1/track", track("a"))[0] == 200
    collecting.rows(
        door.dsn,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'COPY%'",
    )
    assert door.post("/v1/track", track("b"))[0] == 200
    assert [row["body"]["messageId"] for row in inbox(door.dsn)] == ["a", "b"]


def test_an_unknown_outcome_is_503_and_the_next_try_is_taken(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events.web import group_commit

    original = group_commit._copy_into

    async def commit_and_lose_the_answer(*arguments: Any) -> None:
        await original(*arguments)
        arguments[1].pgconn.finish()
        raise psycopg.OperationalError("the connection is lost")

    assert door.post("/v1/track", track())[0] == 200
    monkeypatch.setattr(group_commit, "_copy_into", commit_and_lose_the_answer)
    status, refused, answered = door.post("/v1/track", track())
    assert (status, refused["code"], answered["retry-after"]) == (503, "unavailable", "1")
    monkeypatch.undo()
    assert door.post("/v1/track", track())[0] == 200
    assert [row["mid"] for row in inbox(door.dsn)] == [ids.message_key(door.source_ids["server"], "m1")] * 3


def test_while_the_database_is_away_the_answer_is_503(door: Door) -> None:
    reachable = door.collector._commit._dsn
    door.collector._commit._dsn = lambda: "host=/nowhere dbname=none"
    status, refused, answered = door.post("/v1/track", track())
    assert (status, refused["code"], answered["retry-after"]) == (503, "unavailable", "1")
    door.collector._keyring._dsn = door.collector._commit._dsn
    assert door.post("/v1/track", track(), kind=None, **basic("unknown"))[0] in {401, 503}
    door.collector._commit._dsn = door.collector._keyring._dsn = reachable
    assert door.post("/v1/track", track())[0] == 200
    assert len(inbox(door.dsn)) == 1


def test_nobody_waits_for_ever(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request is answered although commits fail in every way, time and again, while others come in."""
    from sadakat.events.web import group_commit

    original = group_commit._copy_into
    turn = iter(range(10**9))
    lock = threading.Lock()

    async def stumble(*arguments: Any) -> None:
        with lock:
            number = next(turn)
        if number % 5 == 1:
            raise psycopg.OperationalError("lost before the commit")
        await original(*arguments)
        if number % 5 == 2:
            raise psycopg.OperationalError("lost after the commit")

    monkeypatch.setattr(group_commit, "_copy_into", stumble)
    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(lambda i: door.post("/v1/track", track(str(i)))[0], range(400)))
    assert set(statuses) == {200, 503}
    stored = {row["body"]["messageId"] for row in inbox(door.dsn)}
    assert {str(i) for i, status in enumerate(statuses) if status == 200} <= stored


def test_without_storing_everything_but_the_storing_is_done(database: str, resolver: None, now: datetime) -> None:
    from sadakat.events import sources
    from sadakat.events.web.collector import Collector
    from sadakat.platform import audit

    _, key = sources.create_source(name="bench", kind="server", actor=audit.CLI, at=now)
    with collecting.serving(Collector(lambda: database, stores=False)) as port:
        assert call(port, "POST", "/v1/track", encode(track()), basic(key))[0] == 200
        assert call(port, "POST", "/v1/track", b"{", basic(key))[0] == 400
    assert inbox(database) == []
