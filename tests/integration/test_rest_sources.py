"""Figures and sources over REST."""

import json
from datetime import UTC, datetime

from sadakat.customers.testing import ISIL
from tests.integration import asking
from tests.integration.asking import audited, caller, idof, refusal, walk

shop = asking.shop


def test_metrics_are_those_of_the_command_line(shop: None) -> None:
    from datetime import date

    from sadakat.analytics import api as analytics
    from sadakat.kernel.time import PeriodKind

    till = caller("metrics:read")
    told = till.get("/metrics?as_of=2024-11-01&period=quarter")
    expected = analytics.as_json(analytics.metrics(as_of=date(2024, 11, 1), period=PeriodKind.QUARTER))
    assert told == expected
    assert (told["period"], told["period_start"], told["orders"]) == ("quarter", "2024-07-01", 3)
    assert told["revenue"] == {"amount": 50_050 + 120_000 + 9_990, "currency": "TRY"}
    # Today is the day after the sample year, as on the pages.
    assert till.get("/metrics")["as_of"] == "2024-11-20"
    series = till.get("/metrics/series?as_of=2024-11-01&period=month&count=3")["items"]
    assert [figures["period_start"] for figures in series] == ["2024-08-01", "2024-09-01", "2024-10-01"]
    assert [figures["orders"] for figures in series] == [1, 1, 1]
    assert "as_of" not in series[0]


def test_definitions_speak_the_language_that_is_asked_for(database: str) -> None:
    till = caller("metrics:read")
    told = {item["name"]: item for item in till.get("/metrics/definitions")["items"]}
    assert told["churn_rate"] == {
        "name": "churn_rate",
        "title": "Churn rate",
        "text": "1 − retention rate, of the same period and the same customers.",
        "unit": "share",
        "better": "lower",
    }
    turkish = till.send("GET", "/metrics/definitions", Accept_Language="tr").json()["items"]
    assert {item["name"]: item["title"] for item in turkish}["churn_rate"] == "Kayıp oranı"


# Sources


def test_a_source_is_added_changed_and_gets_another_key(database: str) -> None:
    from sadakat.events import models, sources

    till = caller("sources:read", "sources:write")
    status, made = till.ask("POST", "/sources", {"name": "Till", "kind": "browser", "namespace": "tills"})
    assert status == 201
    key, id_ = made.pop("write_key"), made["id"]
    assert bytes(models.Source.objects.get(pk=id_).key_hash) == sources.key_hash(key)
    assert made == {
        "id": id_,
        "name": "Till",
        "kind": "browser",
        "is_trusted": False,
        "joins_profiles": False,
        "accepts_orders": False,
        "namespace": "tills",
        "allowed_origins": [],
        "is_enabled": True,
    }
    assert till.get(f"/sources/{id_}") == made
    assert made in till.get("/sources")["items"]
    changes = {"is_enabled": False, "allowed_origins": ["https://Shop.example"]}
    changed = made | {"is_enabled": False, "allowed_origins": ["https://shop.example"]}
    assert till.ask("PATCH", f"/sources/{id_}", changes) == (200, changed)
    assert till.ask("PATCH", f"/sources/{id_}", {}) == (200, changed)
    status, renewed = till.ask("POST", f"/sources/{id_}/key")
    assert (status, list(renewed)) == (200, ["write_key"])
    assert renewed["write_key"] != key
    assert bytes(models.Source.objects.get(pk=id_).key_hash) == sources.key_hash(renewed["write_key"])
    subject = f"source:{id_}"
    assert audited() == [
        ("Till", "events.source_created", subject),
        ("Till", "events.source_changed", subject),
        ("Till", "events.source_key_renewed", subject),
    ]
    taken = refusal(409, "Conflict", "another source is named 'Till'")
    assert till.ask("POST", "/sources", {"name": "Till", "kind": "server"}) == taken
    own = refusal(403, "Forbidden", "the source of Sadakat's own facts stays as it is")
    assert till.ask("PATCH", "/sources/1", {"is_enabled": False}) == own
    assert till.ask("POST", "/sources/1/key") == own
    missing = refusal(404, "Not Found", "there is no source 99")
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/key"), ("GET", "/events"), ("GET", "/rejected")):
        assert till.ask(method, f"/sources/99{path}", {} if method == "PATCH" else None) == missing
    assert len(audited()) == 3


def test_events_of_a_source_are_told_live_and_what_was_refused_with_its_reason(shop: None) -> None:
    from sadakat.events import api as events

    till = caller("sources:read")
    stores, server = events.source_named("Stores").id, events.source_named("Shop server").id
    (order,) = till.get(f"/sources/{stores}/events")["items"]
    assert (order["event"], order["customer_id"]) == ("Order Completed", idof(f"card:{ISIL.card}"))
    everything = walk(till, f"/sources/{server}/events", limit=40)
    positions = [event["position"] for event in everything]
    assert positions == sorted(positions, reverse=True)
    assert len(positions) == events.event_counts(since=datetime(2024, 1, 1, tzinfo=UTC))[server]
    (refused,) = till.get(f"/sources/{server}/rejected")["items"]
    assert isinstance(refused.pop("id"), int)
    assert datetime.fromisoformat(refused.pop("received_at")).tzinfo == UTC
    assert json.loads(refused.pop("body")) == {"type": "track", "messageId": "nameless", "userId": "1002"}
    assert refused == {
        "reason": "a track call needs the name of its event",
        "message_id": "nameless",
    }
    assert till.get(f"/sources/{stores}/rejected") == {"items": [], "next": None}
