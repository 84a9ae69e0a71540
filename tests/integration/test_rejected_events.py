"""Rejected events: taken after all, as they are, by a mapping, or mended by hand."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sadakat.events import api as events
from sadakat.events import rejections
from sadakat.events.types import ReplayReport, Source, SourceKind
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import audit
from sadakat.platform.models import AuditEntry

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
ELIF = audit.Actor("user:2", "Elif")


@pytest.fixture
def shop(database: str) -> Source:
    return events.create_source(name="shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)[0]


def send(source: Source, *messages: dict[str, Any] | bytes) -> None:
    raw = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
    events.import_messages(source=source, raw_messages=raw, at=NOW)


def nameless(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": f"m{number}", "userId": "42", "olay": "Paid", "properties": {}, **more}


def logged() -> list[tuple[str, datetime, Any]]:
    while events.sequence(at=LATER).sequenced:
        pass
    return [(event.event, event.received_at, json.loads(event.body)) for event in reversed(events.recent())]


def test_a_mapping_lets_rejected_events_in_once(shop: Source) -> None:
    send(shop, nameless(1), nameless(2), {"type": "nonsense", "messageId": "m3"}, nameless(4, event="Viewed"))
    assert [(group.key, group.reason, group.count) for group in events.rejected_groups()] == [
        (str(shop.id), "a track call needs the name of its event", 2),
        (str(shop.id), "type must be one of identify, track, page, screen, group, alias, not 'nonsense'", 1),
    ]
    assert events.replay_rejected(source_id=shop.id, actor=ELIF, at=LATER) == ReplayReport(
        accepted=0, still_rejected=3, cut=0
    )
    events.change_source(source_id=shop.id, mapping=[{"from": "olay", "to": "event"}], actor=ELIF, at=LATER)
    assert events.replay_rejected(source_id=shop.id, actor=ELIF, at=LATER) == ReplayReport(
        accepted=2, still_rejected=1, cut=0
    )
    assert events.replay_rejected(actor=ELIF, at=LATER) == ReplayReport(accepted=0, still_rejected=1, cut=0)
    taken = {"type": "track", "userId": "42", "properties": {}, "event": "Paid"}
    assert logged() == [
        ("Viewed", NOW, nameless(4, event="Viewed")),
        ("Paid", NOW, taken | {"messageId": "m1"}),
        ("Paid", NOW, taken | {"messageId": "m2"}),
    ]
    assert events.rejected_count() == 1
    reports = AuditEntry.objects.filter(action="events.rejected_replayed").order_by("id")
    assert [(entry.actor, entry.subject, entry.new) for entry in reports][1] == (
        "user:2",
        f"source:{shop.id}",
        {"accepted": 2, "still_rejected": 1, "cut": 0},
    )


def test_those_still_refused_get_their_new_reason(shop: Source) -> None:
    send(shop, nameless(1, userId=""), nameless(2))
    events.change_source(source_id=shop.id, mapping=[{"from": "olay", "to": "event"}], actor=ELIF, at=LATER)
    chosen = [event.id for event in events.rejected_events() if event.message_id == "m1"]
    assert events.replay_rejected(ids=chosen, actor=ELIF, at=LATER).still_rejected == 1
    assert {event.message_id: event.reason for event in events.rejected_events()} == {
        "m1": "an identifier that names somebody is needed: userId, anonymousId or an e-mail in the traits",
        "m2": "a track call needs the name of its event",
    }


def test_what_was_not_kept_whole_is_told_apart(shop: Source) -> None:
    send(shop, nameless(1, text="x" * 40_000), b'{"type": "track", "userId": "\xff"}', nameless(2))
    assert {event.message_id: event.is_cut for event in events.rejected_events()} == {"m1": True, "": True, "m2": False}
    assert events.replay_rejected(actor=ELIF, at=LATER) == ReplayReport(accepted=0, still_rejected=1, cut=2)


def test_one_that_the_database_cannot_keep_harms_no_other(shop: Source) -> None:
    from django.db import connection

    poison = b'{"type":"track","event":"Paid","userId":"1","messageId":"big","n":1' + b"0" * 200_000 + b"}"
    send(shop, nameless(1))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_rejectedevent (source_id, received_at, reason, body, message_id) VALUES (%s, %s, '', %s, '')",
            [shop.id, NOW, poison.decode()],
        )
        cursor.execute("UPDATE events_source SET kind = 'import' WHERE id = %s", [shop.id])
    events.change_source(source_id=shop.id, mapping=[{"from": "olay", "to": "event"}], actor=ELIF, at=LATER)
    assert events.replay_rejected(actor=ELIF, at=LATER) == ReplayReport(accepted=1, still_rejected=1, cut=0)
    [left] = events.rejected_events()
    assert left.reason.startswith("the database refuses it: ")
    assert [name for name, _, _ in logged()] == ["Paid"]


def test_one_is_mended_by_hand(shop: Source) -> None:
    send(shop, nameless(1))
    [rejected] = events.rejected_events()
    before = AuditEntry.objects.count()
    with pytest.raises(Invalid, match="a track call needs the name of its event"):
        events.edit_rejected(rejected_id=rejected.id, body=b'{"type":"track","userId":"1"}', actor=ELIF, at=LATER)
    with pytest.raises(NotFound):
        events.edit_rejected(rejected_id=rejected.id + 1, body=b"{}", actor=ELIF, at=LATER)
    assert (AuditEntry.objects.count(), logged()) == (before, [])

    mended = nameless(1, event="Paid")
    body = json.dumps(mended).encode()
    events.edit_rejected(rejected_id=rejected.id, body=body, actor=ELIF, at=LATER)
    assert logged() == [("Paid", NOW, mended)]
    found = events.rejected_event(rejected.id)
    assert (found.replayed_at, found.body) == (LATER, body.decode())
    assert events.rejected_events() == []
    with pytest.raises(Conflict):
        events.edit_rejected(rejected_id=rejected.id, body=body, actor=ELIF, at=LATER)
    assert AuditEntry.objects.filter(action="events.rejected_mended").count() == 1


def test_a_trial_stores_nothing(shop: Source) -> None:
    mapped = events.change_source(source_id=shop.id, mapping=[{"from": "olay", "to": "event"}], actor=ELIF, at=LATER)
    good = rejections.trial(b'{"type":"track","olay":"Paid","userId":"1"}', source=mapped, received_at=NOW)
    assert (good.body, good.refusal) == (b'{"type":"track","userId":"1","event":"Paid"}', "")
    bad = rejections.trial(b'{"type":"track"}', source=mapped, received_at=NOW)
    assert (bad.body, bad.refusal) == (b'{"type":"track"}', "a track call needs the name of its event")
    assert (logged(), events.rejected_events()) == ([], [])


def test_the_collector_reads_the_mapping_over_its_own_connection(shop: Source, database: str) -> None:
    import psycopg

    from sadakat.events import sources

    changed = events.change_source(
        source_id=shop.id, mapping=[{"from": "when", "to": "timestamp", "as": "instant"}], actor=ELIF, at=LATER
    )
    with psycopg.connect(database) as connection:
        read = {row[0]: sources.source_of(row) for row in connection.execute(sources.SELECT_SOURCES)}
    assert read[shop.id] == changed
    [rule] = changed.mapping
    assert (rule.target, rule.time_zone) == ("timestamp", "Europe/Istanbul")
    assert all(source.mapping == () for source_id, source in read.items() if source_id != shop.id)


def test_they_are_forgotten_in_time(shop: Source) -> None:
    send(shop, nameless(1), nameless(2))
    events.edit_rejected(
        rejected_id=events.rejected_events()[0].id,
        body=json.dumps(nameless(2, event="Paid")).encode(),
        actor=ELIF,
        at=NOW,
    )
    assert events.purge_rejected(at=NOW + timedelta(days=30)) == 0
    assert events.purge_rejected(at=NOW + timedelta(days=31)) == 1
    assert events.purge_rejected(at=NOW + timedelta(days=90)) == 0
    assert events.purge_rejected(at=NOW + timedelta(days=91)) == 1
