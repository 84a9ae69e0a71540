"""Operations on sources, and the ways into the inbox that are not HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from sadakat.events.types import Fact, Kind, Message, SourceKind
from sadakat.kernel import ids
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from tests.integration import collecting
from tests.integration.collecting import encode, inbox, rejected, rows, track


def deniz() -> Any:
    from sadakat.platform.audit import Actor

    return Actor("user:1", "Deniz")


def create(name: str = "shop", kind: SourceKind = SourceKind.SERVER, **options: Any) -> Any:
    from sadakat.events import sources

    return sources.create_source(
        name=name, kind=kind, actor=deniz(), at=datetime.fromisoformat("2026-11-20T09:00Z"), **options
    )


def audited(dsn: str) -> list[dict[str, Any]]:
    return rows(
        dsn, "SELECT action, actor, subject, old, new FROM platform_auditentry WHERE subject LIKE 'source%' ORDER BY id"
    )


def test_the_kind_gives_a_source_its_trust(database: str) -> None:
    from sadakat.events import api as events

    for kind in (SourceKind.SERVER, SourceKind.IMPORT, SourceKind.WEBHOOK):
        source, _ = create(kind.value, kind)
        assert (source.is_trusted, source.joins_profiles, source.accepts_orders) == (True, True, True)
    browser, _ = create("browser", SourceKind.BROWSER, namespace="web", allowed_origins=["https://A.example:8443/"])
    assert (browser.is_trusted, browser.joins_profiles, browser.accepts_orders) == (False, False, False)
    assert (browser.namespace, browser.allowed_origins) == ("web", ("https://a.example:8443",))
    assert create("till", SourceKind.BROWSER, is_trusted=True)[0].is_trusted
    assert events.sources()[browser.id] == events.source_named("browser") == browser
    assert events.sources()[events.system_source_id()].kind is SourceKind.SYSTEM


def test_a_key_is_shown_once_and_kept_as_its_hash(database: str) -> None:
    source, key = create()
    (stored,) = rows(database, f"SELECT key_hash, key_hint FROM events_source WHERE id = {source.id}")
    assert stored["key_hint"] == key[-4:]
    assert len(stored["key_hash"]) == 32
    assert key not in str(rows(database, "SELECT * FROM events_source")) + str(audited(database))
    assert [(row["action"], row["actor"], row["subject"], row["old"]) for row in audited(database)] == [
        ("events.source_created", "user:1", f"source:{source.id}", None)
    ]


def test_a_change_is_audited_with_old_and_new_and_no_change_is_none(database: str, now: datetime) -> None:
    from sadakat.events import api as events

    source, key = create()
    changed = events.change_source(source_id=source.id, actor=deniz(), at=now, name="till", accepts_orders=False)
    assert (changed.name, changed.accepts_orders, changed.is_trusted) == ("till", False, True)
    assert events.change_source(source_id=source.id, actor=deniz(), at=now, name="till") == changed
    fresh = events.renew_key(source_id=source.id, actor=deniz(), at=now)
    assert fresh != key
    assert [(row["action"], row["old"], row["new"]) for row in audited(database)[1:]] == [
        (
            "events.source_changed",
            {"accepts_orders": True, "name": "shop"},
            {"accepts_orders": False, "name": "till"},
        ),
        ("events.source_key_renewed", {"key_hint": key[-4:]}, {"key_hint": fresh[-4:]}),
    ]


def test_refusals_leave_nothing(database: str, now: datetime) -> None:
    from sadakat.events import api as events

    source, _ = create()
    other, _ = create("other")
    before = (rows(database, "SELECT * FROM events_source ORDER BY id"), audited(database))
    system = events.system_source_id()
    refusals: list[tuple[type[Exception], str, Any]] = [
        (Conflict, "another source is named 'shop'", create),
        (Conflict, "another source", lambda: change(source_id=other.id, name="shop")),
        (Invalid, "needs a name", lambda: create("  ")),
        (Invalid, "100 characters, not 101", lambda: create("x" * 101)),
        (Invalid, "kind must be one of server, browser, import, webhook, not 'shop'", lambda: create("a", "shop")),  # type: ignore[arg-type]
        (Invalid, "a source has no colour", lambda: create("a", colour="red")),
        (Invalid, "an origin is like", lambda: create("a", allowed_origins=["shop.example.com"])),
        (Invalid, "an origin is like", lambda: create("a", allowed_origins=["https://shop.example.com/path"])),
        (Invalid, "100 origins, not 101", lambda: create("a", allowed_origins=["https://a.b"] * 101)),
        (Refused, "one system source", lambda: create("a", SourceKind.SYSTEM)),
        (Refused, "stays as it is", lambda: change(source_id=system, is_enabled=False)),
        (Refused, "stays as it is", lambda: events.renew_key(source_id=system, actor=deniz(), at=now)),
        (NotFound, "no source 999999", lambda: change(source_id=999_999, is_enabled=False)),
        (NotFound, "there are Sadakat, shop, other", lambda: events.source_named("store")),
    ]

    def change(**changes: Any) -> None:
        events.change_source(actor=deniz(), at=now, **changes)

    for kind, message, attempt in refusals:
        with pytest.raises(kind, match=message):
            attempt()
    assert (rows(database, "SELECT * FROM events_source ORDER BY id"), audited(database)) == before
    assert source.name == "shop"


def test_an_import_is_durable_in_batches_and_lists_what_it_refuses(
    database: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.events import api as events
    from sadakat.events import imports, plugs

    monkeypatch.setattr(plugs, "_resolvers", [collecting.PlainResolver()])
    monkeypatch.setattr(imports, "MAX_BATCH_MESSAGES", 10)
    source, _ = create(kind=SourceKind.IMPORT)
    messages = [encode(track(str(i), timestamp="2017-03-01T10:00:00Z")) for i in range(25)]
    messages[7] = encode(track("7", event=""))
    messages[13] = encode(track("13"))[:-1] + b',"x":1e999999}'
    messages[14] = encode(track("14"))[:-1] + b',"x":-1e999999}'
    messages[15] = encode(track("15", x="y" * 500_000))
    heard: list[tuple[int, int]] = []

    def progress(handled: int) -> None:
        heard.append((handled, len(inbox(database)) + len(rejected(database))))

    report = events.import_messages(source=source, raw_messages=iter(messages), at=now, progress=progress)
    assert (report.accepted, report.rejected) == (22, 3)
    assert heard == [(10, 10), (20, 20), (25, 25)]
    assert sorted(row["message_id"] for row in rejected(database)) == ["13", "14", "7"]
    stored = inbox(database)
    assert {row["body"]["messageId"] for row in stored} == {str(i) for i in range(25)} - {"7", "13", "14"}
    assert {row["at"].year for row in stored if row["body"]["messageId"] != "15"} == {2017}
    events.import_messages(source=source, raw_messages=messages, at=now + timedelta(days=1))
    assert {row["mid"] for row in inbox(database)} == {row["mid"] for row in stored}


def test_facts_and_messages_belong_to_the_callers_transaction(database: str, now: datetime) -> None:
    from django.db import transaction

    from sadakat.events import api as events

    fact = Fact(event="Tier Changed", profile_id=5, properties={"tier": "altın"}, at=now, message_id="tier:5:1")
    message = Message(
        source_id=1,
        message_id="m",
        kind=Kind.PAGE,
        event="",
        at=now,
        received_at=now,
        identifiers=(),
        body=b"{}",
    )

    def append() -> None:
        events.append_facts([fact])
        events.append_messages([message])
        events.append_facts([])

    with transaction.atomic():
        append()
        transaction.set_rollback(True)
    assert inbox(database) == []
    with transaction.atomic():
        append()
    first, second = inbox(database)
    assert first["source_id"] == events.system_source_id()
    assert first["mid"] == ids.message_key(events.system_source_id(), "tier:5:1")
    assert (first["kind"], first["event"], first["at"]) == (Kind.TRACK, "Tier Changed", now)
    assert first["identifiers"] == ["profile:5"]
    assert first["body"] == {
        "type": "track",
        "messageId": "tier:5:1",
        "event": "Tier Changed",
        "timestamp": "2026-11-20T09:00:00+00:00",
        "properties": {"tier": "altın"},
    }
    assert (second["identifiers"], second["kind"]) == ([], Kind.PAGE)


def test_without_a_resolver_nothing_is_collected(database: str, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events import api as events
    from sadakat.events import plugs

    source, _ = create(kind=SourceKind.IMPORT)
    monkeypatch.setattr(plugs, "_resolvers", [])
    with pytest.raises(Unavailable, match="no identity resolver"):
        events.import_messages(source=source, raw_messages=[encode(track())], at=now)
    assert inbox(database) == []
