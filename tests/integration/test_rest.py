"""The REST API: exact answers, scopes, pages, and a problem document for everything that goes wrong."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from sadakat.customers.testing import BARIS, CAGLA, ISIL
from tests.integration import asking
from tests.integration.asking import audited, caller, idof, refusal, walk

shop = asking.shop
ALL = (
    "customers:read",
    "customers:write",
    "loyalty:read",
    "loyalty:write",
    "metrics:read",
    "segments:read",
    "segments:write",
    "sources:read",
    "sources:write",
)


def test_a_key_is_kept_as_its_hash_notes_its_day_and_ends_when_revoked(database: str, now: datetime) -> None:
    from hashlib import sha256

    from sadakat.kernel.errors import NotFound
    from sadakat.platform import apikeys, audit, models

    row, key = apikeys.create_key(
        name=" The  till ", scopes=["metrics:read", "customers:read"], actor=audit.CLI, at=now
    )
    assert key.startswith("sk_")
    assert len(key) == 46
    stored = models.ApiKey.objects.values().get(id=row.pk)
    assert bytes(stored.pop("key_hash")) == sha256(key.encode()).digest()
    assert stored == {
        "id": row.pk,
        "name": "The till",
        "key_hint": key[-4:],
        "scopes": ["customers:read", "metrics:read"],
        "created_by": "Command line",
        "created_at": now,
        "last_used_date": None,
        "revoked_at": None,
    }
    till = asking.Caller(key)
    assert till.get("/me") == {"name": "The till", "scopes": ["customers:read", "metrics:read"]}
    row.refresh_from_db()
    assert row.last_used_date == datetime.now(UTC).date()
    assert apikeys.revoke_key(key_id=row.pk, actor=audit.CLI, at=now) is True
    assert apikeys.revoke_key(key_id=row.pk, actor=audit.CLI, at=now) is False
    assert till.ask("GET", "/me")[0] == 401
    entries = models.AuditEntry.objects.filter(subject=f"apikey:{row.pk}").order_by("id")
    told = {"name": "The till", "scopes": ["customers:read", "metrics:read"]}
    assert list(entries.values_list("at", "actor", "action", "old", "new")) == [
        (now, "cli", "platform.api_key_created", None, told),
        (now, "cli", "platform.api_key_revoked", told, None),
    ]
    with pytest.raises(NotFound, match="no API key 999"):
        apikeys.revoke_key(key_id=999, actor=audit.CLI, at=now)


def test_the_day_of_use_is_written_once_a_day(database: str, now: datetime) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from sadakat.platform import apikeys, audit

    _, key = apikeys.create_key(name="Till", scopes=["metrics:read"], actor=audit.CLI, at=now)
    assert apikeys.key_of(key, at=now) is not None
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert apikeys.key_of(key, at=now) is not None
    assert len(queries) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": " "}, "1 to 100"),
        ({"name": "T" * 101}, "1 to 100"),
        ({"name": "Ti\0ll"}, "1 to 100"),
        ({"scopes": []}, "at least one scope"),
        ({"scopes": ["customers:read", "everything"]}, "not everything"),
    ],
)
def test_a_key_that_cannot_be_is_refused(database: str, now: datetime, change: dict[str, Any], said: str) -> None:
    from sadakat.kernel.errors import Invalid
    from sadakat.platform import apikeys, audit, models

    with pytest.raises(Invalid, match=said):
        apikeys.create_key(**{"name": "Till", "scopes": ["metrics:read"]} | change, actor=audit.CLI, at=now)
    assert not models.ApiKey.objects.exists()


def test_without_a_key_that_counts_the_answer_is_401(database: str, now: datetime) -> None:
    from django.test import Client

    from sadakat.platform import audit, operations

    expected = refusal(401, "Unauthorized", "send a key as `Authorization: Bearer sk_…`")
    client = Client(SERVER_NAME="localhost")
    deniz = operations.create_user(email="deniz@moda.example", name="Deniz", role="owner", actor=audit.CLI, at=now)
    client.force_login(deniz)
    for said in (
        {},
        {"Authorization": "Bearer sk_unknown"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic eA=="},
    ):
        answer = client.get("/api/v1/sources", headers=said)
        assert (answer.status_code, answer.json()) == expected
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"
    answer = client.post("/api/v1/sources", {"name": "x", "kind": "server"}, content_type="application/json")
    assert (answer.status_code, answer.json()) == expected


OPERATIONS = [
    ("GET", "/customers", "customers:read"),
    ("GET", "/customers/1", "customers:read"),
    ("GET", "/customers/1/timeline", "customers:read"),
    ("GET", "/customers/1/orders", "customers:read"),
    ("POST", "/customers/1/merge", "customers:write"),
    ("GET", "/merges", "customers:read"),
    ("GET", "/merges/1", "customers:read"),
    ("POST", "/merges/1/undo", "customers:write"),
    ("GET", "/conflicts", "customers:read"),
    ("POST", "/conflicts/1/decide", "customers:write"),
    ("GET", "/customers/1/scores", "customers:read"),
    ("GET", "/scores", "metrics:read"),
    ("GET", "/metrics", "metrics:read"),
    ("GET", "/metrics/series", "metrics:read"),
    ("GET", "/metrics/definitions", "metrics:read"),
    ("GET", "/metrics/by?dimension=channel", "metrics:read"),
    ("GET", "/metrics/cohorts", "metrics:read"),
    ("GET", "/goals", "metrics:read"),
    ("GET", "/goals/1", "metrics:read"),
    ("GET", "/segments", "segments:read"),
    ("POST", "/segments", "segments:write"),
    ("POST", "/segments/preview", "segments:write"),
    ("GET", "/segments/vip", "segments:read"),
    ("PUT", "/segments/vip", "segments:write"),
    ("GET", "/segments/vip/members", "segments:read"),
    ("POST", "/segments/vip/members", "segments:write"),
    ("POST", "/segments/vip/members/remove", "segments:write"),
    ("GET", "/segments/vip/overlap", "segments:read"),
    ("POST", "/loyalty/members", "loyalty:write"),
    ("GET", "/loyalty/members/1", "loyalty:read"),
    ("GET", "/loyalty/members/1/ledger", "loyalty:read"),
    ("GET", "/loyalty/members/1/balance", "loyalty:read"),
    ("POST", "/loyalty/members/1/adjust", "loyalty:write"),
    ("POST", "/loyalty/members/1/transfer", "loyalty:write"),
    ("POST", "/loyalty/members/1/household", "loyalty:write"),
    ("DELETE", "/loyalty/members/1/household", "loyalty:write"),
    ("POST", "/loyalty/members/1/redeem", "loyalty:write"),
    ("GET", "/loyalty/redemptions/1", "loyalty:read"),
    ("POST", "/loyalty/redemptions/1/reverse", "loyalty:write"),
    ("POST", "/loyalty/redemptions/1/capture", "loyalty:write"),
    ("POST", "/loyalty/redemptions/1/release", "loyalty:write"),
    ("POST", "/loyalty/quote", "loyalty:write"),
    ("GET", "/loyalty/programme", "loyalty:read"),
    ("GET", "/loyalty/rewards", "loyalty:read"),
    ("PUT", "/loyalty/rewards/coffee", "loyalty:write"),
    ("GET", "/loyalty/liability", "loyalty:read"),
    ("GET", "/sources", "sources:read"),
    ("POST", "/sources", "sources:write"),
    ("GET", "/sources/1", "sources:read"),
    ("PATCH", "/sources/1", "sources:write"),
    ("POST", "/sources/1/key", "sources:write"),
    ("GET", "/sources/1/events", "sources:read"),
    ("GET", "/sources/1/rejected", "sources:read"),
]


def test_every_operation_needs_its_scope_and_no_other_will_do(database: str) -> None:
    from django.test import Client

    lacking = {scope: caller(*(other for other in ALL if other != scope)) for scope in ALL}
    for method, path, scope in OPERATIONS:
        expected = refusal(403, "Forbidden", f"this key needs the scope {scope}")
        assert lacking[scope].ask(method, path, {}) == expected, path
    document = Client(SERVER_NAME="localhost").get("/api/v1/openapi.json").json()
    told = sum(len(methods) for methods in document["paths"].values())
    assert told == len(OPERATIONS) + 1  # /me, for which any key will do


# Problems


def test_what_goes_wrong_is_told_as_a_problem(database: str) -> None:
    from django.test import Client

    till = caller()
    assert till.ask("GET", "/nothing") == refusal(404, "Not Found", "there is nothing at /api/v1/nothing")
    assert till.ask("GET", "/")[0] == 404
    assert till.ask("GET", "/customers/")[0] == 404
    answer = till.send("PUT", "/sources")
    assert answer.json() == refusal(405, "Method Not Allowed", "expected GET, POST, not PUT")[1]
    assert answer.headers["Allow"] == "GET, POST"
    # No address asks for the token that forms of the console carry.
    strict = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    for path in ("nothing", "me", "sources"):
        assert strict.post(f"/api/v1/{path}").headers["Content-Type"] == "application/problem+json"
    malformed = refusal(400, "Bad Request", "the body must be one JSON document in UTF-8")
    deep = b'{"name": ' + b"[" * 30_000
    for body in (b"{", b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"name": NaN}', b'{"a": 1e999}', b"{} {}", deep):
        assert till.ask("POST", "/sources", body) == malformed, body[:20]
    assert till.ask("POST", "/sources", b" " * 65_537) == refusal(
        413, "Content Too Large", "a body may have 65536 bytes, not 65537"
    )
    assert till.ask("POST", "/sources", b" " * 3_000_000)[0] == 413
    assert till.ask("GET", "/customers?limit=0") == refusal(
        422,
        "Unprocessable Content",
        "query.limit: Input should be greater than or equal to 1",
        errors=[{"where": "query.limit", "detail": "Input should be greater than or equal to 1"}],
    )
    assert till.ask("POST", "/sources", {"name": "Till", "colour": "red"}) == refusal(
        422,
        "Unprocessable Content",
        "body.kind: Field required; body.colour: Extra inputs are not permitted",
        errors=[
            {"where": "body.kind", "detail": "Field required"},
            {"where": "body.colour", "detail": "Extra inputs are not permitted"},
        ],
    )
    assert till.ask("GET", "/customers?email=x") == refusal(
        422, "Unprocessable Content", "the query parameters here are before, limit, q; not email"
    )


def test_strange_input_is_refused_and_never_a_fault(shop: None) -> None:
    till = caller()
    huge = 2**63
    before = base64_of([huge, 1])
    for path in (
        "/customers/%00",
        "/customers/user_id:%00",
        "/customers/user_id:%ff%fe",
        "/customers/" + "9" * 400,
        f"/customers/{huge}",
        "/customers/1/timeline?event=%00",
        f"/customers/1/timeline?before={before}",
        f"/customers/1/timeline?before={base64_of([2**62, 1])}",
        "/customers/1/orders?before=" + base64_of([1, "\0", ""]),
        "/customers/1/orders?before=" + base64_of({"a": 1}),
        "/customers?before=%C3%A7",
        "/customers?before=a",
        "/customers?before=" + base64_of("[" * 2_000),
        f"/merges?before={base64_of(-1)}",
        f"/merges/{huge}",
        f"/conflicts/{huge}",
        f"/sources/{huge}",
        "/sources/1e3",
        "/sources/1/events?before=" + base64_of(1.5),
        "/metrics?as_of=0001-01-01",
        "/metrics?as_of=9999-12-31",
        "/metrics?as_of=2024-13-01",
        "/metrics?period=decade",
        "/metrics/series?count=100000000000000000000",
        "/customers?" + "&".join(f"a{n}=1" for n in range(1_200)),
    ):
        answer = till.send("GET", path)
        assert answer.status_code in {400, 404, 422}, path
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert till.ask("GET", "/customers?q=%00%25_%5C")[0] == 200
    for path, body in (
        ("/sources", {"name": "a\0b", "kind": "server"}),
        ("/sources", {"name": "x", "kind": "server", "namespace": "\0"}),
        ("/sources", {"name": "x", "kind": "server", "allowed_origins": ["https://\0"]}),
        ("/sources", {"name": "x", "kind": "server", "allowed_origins": ["https://[x"]}),
        ("/sources", {"name": "x" * 10_000, "kind": "server"}),
        ("/sources", {"name": None, "kind": "server"}),
        ("/sources", [1]),
        ("/sources", None),
        ("/customers/1/merge", {"with": "user_id:\0"}),
        ("/customers/1/merge", {"with": 12}),
        (f"/conflicts/{2**63 - 1}/decide", {"same": True}),
        (f"/merges/{2**63 - 1}/undo", None),
    ):
        status, document = till.ask("POST", path, body)
        assert status in {404, 422}, (path, body, document)


def base64_of(mark: Any) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(json.dumps(mark).encode()).rstrip(b"=").decode()


def test_a_fault_of_ours_is_a_problem_too_and_tells_nothing(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from sadakat.events import api as events
    from sadakat.platform import apikeys

    till = caller()

    def fail() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(events, "sources", fail)
    with capture_logs() as logged:
        assert till.ask("GET", "/sources") == refusal(500, "Internal Server Error", "something went wrong here")
    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("rest.fault", "error")]

    def silent(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(apikeys, "key_of", silent)
    assert till.ask("GET", "/sources") == refusal(503, "Service Unavailable", "the database does not answer")


def test_every_answer_names_its_request_and_is_not_kept(database: str, caplog: pytest.LogCaptureFixture) -> None:
    till = caller()
    assert till.send("GET", "/me", Request_Id="till-7").headers["Request-Id"] == "till-7"
    made = till.send("GET", "/me", Request_Id="x y").headers["Request-Id"]
    assert len(made) == 32
    refused = till.send("GET", "/customers/email:ayse@example.com")
    assert (refused.status_code, refused.headers["Cache-Control"]) == (404, "no-store")
    assert len(refused.headers["Request-Id"]) == 32
    assert "ayse@" not in caplog.text


# Customers


def test_a_customer_is_told_with_traits_identifiers_and_features(shop: None) -> None:
    from sadakat.events import api as events

    till, source = caller("customers:read"), events.source_named("Shop server").id
    id_ = idof("user_id:1001")
    told = till.get("/customers/email:AYSE.YILMAZ@Example.com")
    assert told == till.get(f"/customers/{id_}") == till.get("/customers/phone:0532%20123%2045%2001")
    assert (told["id"], told["name"]) == (id_, "Ayşe Yılmaz")
    assert told["traits"]["city"] == {"value": "İstanbul", "source_id": source, "at": "2024-01-08T11:00:00Z"}
    assert told["identifiers"][0] == {
        "type": "user_id",
        "value": "1001",
        "is_verified": False,
        "source_id": source,
        "first_seen_at": "2024-01-08T09:00:00Z",
        "last_seen_at": "2024-10-10T12:30:00Z",
    }
    assert [said["type"] for said in told["identifiers"]][:3] == ["user_id", "card", "email"]
    features = told["features"]
    assert features["revenue"] == {"amount": 170_000, "currency": "TRY"}
    assert features["last_order_at"] == "2024-10-10T12:30:00Z"
    assert (features["orders"], features["is_known"]) == (2, True)
    assert not [name for name in features if name.endswith("_minor")]
    assert till.ask("GET", "/customers/email:nobody@example.com") == refusal(
        404, "Not Found", "no customer is known as 'email:nobody@example.com'"
    )
    assert till.ask("GET", "/customers/ayse")[0] == 422
    assert till.ask("GET", "/customers/shoe:42")[0] == 422


def test_a_reference_may_hold_a_slash(database: str, now: datetime) -> None:
    from sadakat.customers.testing import known_as

    id_ = known_as("user_id:a/b c", at=now)
    assert caller().get("/customers/user_id:a%2Fb%20c")["id"] == id_
    assert caller().get("/customers/user_id:a/b%20c/timeline") == {"items": [], "next": None}


def test_customers_are_found_and_come_in_pages(shop: None) -> None:
    from tests.web import shop as shop_data

    till = caller("customers:read")
    everybody = walk(till, "/customers", limit=20)
    ids = [row["id"] for row in everybody]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == shop_data.CUSTOMERS
    (isil,) = till.get("/customers?q=isil%20IGDIR")["items"]
    assert isil["id"] == idof("user_id:1002")
    assert (isil["name"], isil["city"]) == ("Işıl Iğdır", "Iğdır")
    assert isil["identifiers"] == [f"user_id:{ISIL.user_id}", f"card:{ISIL.card}", f"email:{ISIL.email}"]
    assert isil["features"]["revenue"] == {"amount": 6 * 50_050 + 9_990, "currency": "TRY"}
    assert len(walk(till, "/customers?q=müşteri", limit=25)) == shop_data.OTHERS


def test_the_time_line_is_told_latest_first_and_can_be_filtered(shop: None) -> None:
    from sadakat.events import api as events

    till, source = caller("customers:read"), events.source_named("Shop server").id
    (order, *_) = orders = walk(till, "/customers/user_id:1002/timeline?event=Order%20Completed", limit=3)
    assert len(orders) == 7
    assert order["message"]["properties"]["order_id"] == "B-1"
    newest = orders[1]
    assert newest.pop("message")["properties"]["order_id"] == "A-7"
    assert isinstance(newest.pop("position"), int)
    assert newest == {
        "customer_id": idof("user_id:1002"),
        "source_id": source,
        "kind": "track",
        "event": "Order Completed",
        "at": "2024-07-10T12:30:00Z",
        "received_at": "2024-11-20T09:00:00Z",
    }
    everything = walk(till, "/customers/user_id:1002/timeline", limit=4)
    assert len(everything) == 7 + 12 + 1
    assert [event["at"] for event in everything] == sorted((event["at"] for event in everything), reverse=True)
    assert till.get("/customers/user_id:1002/timeline?event=Nothing") == {"items": [], "next": None}


def test_orders_are_told_with_money_as_money(shop: None) -> None:
    from sadakat.events import api as events

    till = caller("customers:read")
    latest, first = till.get("/customers/user_id:1001/orders")["items"]
    lira = {"currency": "TRY"}
    assert latest == {
        "order_id": "B-2",
        "namespace": "",
        "at": "2024-10-10T12:30:00Z",
        "status": "partly_refunded",
        "channel": "online",
        "store_id": "",
        "is_guest": False,
        "coupon": "",
        "revenue": {"amount": 80_000} | lira,
        "refunded": {"amount": 30_000} | lira,
        "net": {"amount": 50_000} | lira,
        "currency": "TRY",
        "line_count": 0,
        "source_id": events.source_named("Shop server").id,
    }
    assert (first["order_id"], first["coupon"], first["line_count"]) == ("B-1", "BAHAR", 1)
    ids = [(o["namespace"], o["order_id"]) for o in walk(till, "/customers/user_id:1002/orders", limit=2)]
    assert ids == [("stores", "B-1")] + [("", f"A-{month}") for month in range(7, 1, -1)]


# Merges and conflicts


def test_two_customers_are_merged_and_parted_again(shop: None) -> None:
    till = caller("customers:read", "customers:write")
    cagla, baris = idof(f"email:{CAGLA.email}"), idof(f"email:{BARIS.email}")
    winner, loser = min(cagla, baris), max(cagla, baris)
    status, merge = till.ask("POST", f"/customers/email:{CAGLA.email}/merge", {"with": f"user_id:{BARIS.user_id}"})
    assert status == 201
    assert merge.pop("at") == till.get(f"/merges/{merge['id']}")["at"]
    merge_id = merge.pop("id")
    assert merge == {
        "winner_id": winner,
        "loser_id": loser,
        "reason": "by_hand",
        "undone_at": None,
        "customer_ids": [winner],
    }
    assert till.get(f"/customers/{loser}")["id"] == winner
    status, again = till.ask("POST", f"/customers/{loser}/merge", {"with": str(winner)})
    assert (status, again["id"], again["customer_ids"]) == (200, merge_id, [winner])

    status, undone = till.ask("POST", f"/merges/{merge_id}/undo")
    assert (status, sorted(undone["customer_ids"])) == (200, [winner, loser])
    assert undone["undone_at"] is not None
    assert till.ask("POST", f"/merges/{merge_id}/undo")[1]["undone_at"] == undone["undone_at"]
    assert till.get(f"/customers/{loser}")["id"] == loser
    assert till.get(f"/merges/{merge_id}")["undone_at"] == undone["undone_at"]
    assert [action for _, action, _ in audited()] == ["customers.merged", "customers.merge_undone"]
    assert {name for name, _, _ in audited()} == {"Till"}

    assert till.ask("POST", f"/customers/{winner}/merge", {"with": str(winner)})[0] == 403
    assert till.ask("POST", f"/customers/{winner}/merge", {"with": "999999999"})[0] == 404
    assert till.ask("GET", "/merges/999999999") == refusal(404, "Not Found", "there is no merge 999999999")
    assert till.ask("POST", "/merges/999999999/undo")[0] == 404


def test_merges_come_in_pages_latest_first(shop: None) -> None:
    till = caller("customers:read", "customers:write")
    till.ask("POST", f"/customers/email:{CAGLA.email}/merge", {"with": f"user_id:{BARIS.user_id}"})
    merges = walk(till, "/merges", limit=1)
    assert [row["id"] for row in merges] == sorted((row["id"] for row in merges), reverse=True)
    assert merges[0]["reason"] == "by_hand"
    assert {"anonymous_id+user_id", "user_id+email"} & {row["reason"] for row in merges[1:]}
    assert len(merges) == len(till.get("/merges")["items"]) >= 2


@pytest.mark.parametrize("is_same", [True, False])
def test_a_conflict_is_decided(shop: None, *, is_same: bool) -> None:
    till = caller("customers:read", "customers:write")
    (conflict,) = till.get("/conflicts")["items"]
    one, other = sorted((idof("user_id:shared-1"), idof("user_id:shared-2")))
    assert conflict["customer_ids"] == [one, other]
    assert (conflict["reason"], conflict["shared"]) == ("user_id_limit", "phone:+905321239999")
    status, decided = till.ask("POST", f"/conflicts/{conflict['id']}/decide", {"same": is_same})
    assert status == 200
    if is_same:
        assert decided["customer_ids"] == [one]
        assert decided["merge"] == till.get(f"/merges/{decided['merge']['id']}")
    else:
        assert decided == {"merge": None, "customer_ids": [one, other]}
    assert till.get("/conflicts") == {"items": [], "next": None}
    assert till.ask("POST", "/conflicts/999999999/decide", {"same": is_same})[0] == 404


# Metrics
