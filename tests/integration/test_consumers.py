"""What follows the log: once in effect, nothing stalls, nothing is skipped silently."""

import base64
import json
import random
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection

from sadakat.events import consumers, log, plugs, sequencer
from sadakat.events.types import Kind, RetryReport
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import audit
from sadakat.platform.database.connection import Lock
from tests.integration import pipeline
from tests.integration.pipeline import NOW, fill, message, rows, run

CAN = audit.Actor("user:3", "Can")


class Writer:
    """A consumer that writes each position into a table without any key, so that a double effect shows."""

    kinds = frozenset(Kind)
    wants_body = True

    def __init__(self, *, name="test.writer", names=None):
        self.name = name
        self.names = names
        self.batches = []
        self.broken = {}
        self.refused = {}
        self.dies = False

    def handle(self, batch, *, set_aside):
        self.batches.append(batch)
        for event in batch.events:
            if event.position in self.refused:
                set_aside(position=event.position, reason=self.refused[event.position])
            else:
                run("INSERT INTO effect VALUES (%s)", event.position)
            if event.position in self.broken:
                raise self.broken[event.position]
        if self.dies:
            self.dies = False
            run("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture
def writer(database, monkeypatch):
    """A registered writer, and a resolver that knows everybody."""
    monkeypatch.setattr(plugs, "_resolvers", [pipeline.PlainResolver()])
    monkeypatch.setattr(consumers, "_consumers", {})
    run("CREATE TABLE effect (position bigint)")
    consumers.register_consumers([one := Writer()])
    return one


def grow(messages):
    fill(messages)
    while sequencer.sequence(at=NOW).sequenced:
        pass


def effects():
    return [row[0] for row in rows("SELECT position FROM effect ORDER BY position")]


def test_each_event_has_its_effect_once_and_in_order(writer):
    grow([message(n) for n in range(25)])
    assert [consumers.consume(writer.name, at=NOW, limit=10) for _ in range(4)] == [10, 10, 5, 0]
    assert effects() == list(range(1, 26))
    assert [(batch.after, batch.upto, len(batch.events)) for batch in writer.batches] == [
        (0, 10, 10),
        (10, 20, 10),
        (20, 25, 5),
    ]
    assert log.cursors() == {writer.name: 25}
    assert json.loads(writer.batches[0].events[3].body)["messageId"] == "m3"
    writer.wants_body = False
    grow([message(30)])
    consumers.consume(writer.name, at=NOW)
    assert writer.batches[-1].events[0].body == b""


def test_one_event_at_fault_among_five_thousand_is_set_aside_and_solved_later(writer):
    grow([message(n) for n in range(1, 5_001)])
    writer.broken = {3_210: ValueError("no number: 'ayse@example.com' wrote 5321112233")}
    assert consumers.consume(writer.name, at=NOW) == 5_000
    assert effects() == [n for n in range(1, 5_001) if n != 3_210]
    assert log.cursors() == {writer.name: 5_000}
    [failed] = log.failed_events()
    assert (failed.consumer, failed.position, failed.event) == (writer.name, 3_210, "Product Viewed")
    assert (failed.attempts, failed.failed_at) == (1, NOW)
    assert failed.reason.startswith("ValueError: no number: … wrote … (")
    assert consumers.consume(writer.name, at=NOW) == 0

    later = NOW + timedelta(hours=1)
    assert consumers.retry_failed(actor=CAN, at=later) == RetryReport(solved=0, still_failing=1)
    assert [event.attempts for event in log.failed_events()] == [2]
    writer.broken = {}
    assert consumers.retry_failed(consumer=writer.name, position=3_210, actor=CAN, at=later) == RetryReport(
        solved=1, still_failing=0
    )
    assert effects() == list(range(1, 5_001))
    assert log.failed_events() == []
    assert [event.position for event in log.failed_events(is_solved=True)] == [3_210]
    assert rows(
        "SELECT actor, subject, new FROM platform_auditentry WHERE action = 'events.failed_retried' ORDER BY id"
    ) == [
        ("user:3", "consumer:*", '{"solved": 0, "position": null, "still_failing": 1}'),
        ("user:3", f"consumer:{writer.name}", '{"solved": 1, "position": 3210, "still_failing": 0}'),
    ]


def test_a_consumer_may_set_an_event_aside_without_raising(writer):
    grow([message(n) for n in range(1, 6)])
    writer.refused = {2: "the order has no lines"}
    writer.broken = {4: Invalid("amount must be a number such as 12.50, not 'x'")}
    consumers.consume(writer.name, at=NOW)
    assert effects() == [1, 3, 5]
    assert {event.position: event.reason for event in log.failed_events(consumer=writer.name)} == {
        2: "the order has no lines",
        4: "amount must be a number such as 12.50, not 'x'",
    }


def test_a_connection_lost_between_work_and_commit_leaves_no_double_effect(writer):
    grow([message(n) for n in range(1, 11)])
    writer.dies = True
    with pytest.raises(OperationalError):
        consumers.consume(writer.name, at=NOW)
    connection.close()
    assert (effects(), log.cursors(), log.failed_events()) == ([], {}, [])
    assert consumers.consume(writer.name, at=NOW) == 10
    assert effects() == list(range(1, 11))


def test_trouble_that_may_pass_sets_nothing_aside(writer):
    grow([message(1), message(2)])
    writer.broken = {2: psycopg.errors.SerializationFailure("could not serialize access")}
    with pytest.raises(psycopg.errors.SerializationFailure):
        consumers.consume(writer.name, at=NOW)
    assert (effects(), log.cursors(), log.failed_events()) == ([], {}, [])


def test_a_broken_statement_is_the_events_fault_and_spares_the_rest(writer):
    grow([message(n) for n in range(1, 9)])
    run("CREATE UNIQUE INDEX one_effect ON effect (position)")
    run("INSERT INTO effect VALUES (5)")
    consumers.consume(writer.name, at=NOW)
    assert effects() == list(range(1, 9))
    [failed] = log.failed_events()
    assert failed.position == 5
    assert failed.reason.startswith("IntegrityError: duplicate key value violates unique constraint")
    assert "(5)" not in failed.reason


def test_a_cursor_passes_quickly_over_events_of_others(writer):
    consumers.register_consumers([rare := Writer(name="test.rare", names=frozenset({"Order Completed"}))])
    rare.kinds = frozenset({Kind.TRACK, Kind.IDENTIFY})
    strange = {
        30: {"event": "Order Completed"},
        150: {"kind": Kind.IDENTIFY, "event": ""},
        190: {"kind": Kind.PAGE, "event": "Order Completed"},
    }
    grow([message(n, **strange.get(n, {})) for n in range(1, 301)])
    assert [consumers.consume(rare.name, at=NOW, limit=10) for _ in range(3)] == [200, 100, 0]
    assert effects() == [30, 150]
    assert len(rare.batches) == 1
    assert log.cursors() == {rare.name: 300}


def test_batches_of_huge_events_are_cut_by_bytes(writer):
    noise = random.Random(7)
    bodies = [base64.b64encode(noise.randbytes(384 * 1024 - 64)).decode() for _ in range(70)]
    grow([message(n, body=json.dumps({"trait": body}).encode()) for n, body in enumerate(bodies)])
    while consumers.consume(writer.name, at=NOW):
        pass
    assert effects() == list(range(1, 71))
    sizes = [sum(len(event.body) for event in batch.events) for batch in writer.batches]
    assert len(sizes) > 1
    assert max(sizes) <= consumers.MAX_BATCH_BYTES


def test_an_event_larger_than_a_batch_goes_alone(writer, monkeypatch):
    monkeypatch.setattr(consumers, "MAX_BATCH_BYTES", 10)
    grow([message(1), message(2)])
    assert [consumers.consume(writer.name, at=NOW) for _ in range(3)] == [1, 1, 0]
    assert effects() == [1, 2]


def test_one_process_at_a_time_for_each_consumer(writer, database):
    consumers.register_consumers([writer, other := Writer(name="test.other")])
    grow([message(1)])
    with psycopg.connect(database) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [int(Lock.CONSUMER), writer.name])
        assert consumers.consume(writer.name, at=NOW) == 0
        assert consumers.consume(other.name, at=NOW) == 1
    assert consumers.consume(writer.name, at=NOW) == 1


def test_names_are_known_and_differ(writer):
    with pytest.raises(Conflict):
        consumers.register_consumers([Writer(), Writer()])
    assert list(consumers.consumers()) == [writer.name]
    with pytest.raises(NotFound, match=r"known are test\.writer"):
        consumers.consume("orders", at=NOW)
    with pytest.raises(NotFound, match="position 9"):
        consumers.retry_failed(position=9, actor=CAN, at=NOW)
    assert rows("SELECT count(*) FROM platform_auditentry WHERE action = 'events.failed_retried'") == [(0,)]


def test_the_time_line_is_read_newest_first_page_by_page(writer):
    ayse, isil, baris = (pipeline.profile_of(f"user_id:{name}") for name in ("ayşe", "ışıl", "barış"))
    who = ["ayşe", "ışıl", "barış"]
    grow(
        [
            message(
                n,
                identifiers=(f"user_id:{who[n % 3]}",),
                at=NOW - timedelta(minutes=n // 4),
                event="Order Completed" if n % 2 else "Product Viewed",
            )
            for n in range(60)
        ]
    )
    expected = [
        row[0]
        for row in rows(
            "SELECT position FROM events_log WHERE profile_id = ANY(%s) ORDER BY at DESC, position DESC", [ayse, isil]
        )
    ]
    page, seen = log.timeline(profile_ids=[ayse, isil], limit=7), []
    while page:
        seen += [event.position for event in page]
        page = log.timeline(profile_ids=[ayse, isil], before=(page[-1].at, page[-1].position), limit=7)
    assert seen == expected
    assert len(seen) == 40
    orders = log.timeline(profile_ids=[baris], names=["Order Completed"])
    assert {event.event for event in orders} == {"Order Completed"}
    assert len(orders) == 10


def test_live_events_and_counts_are_of_a_source(writer):
    grow([message(n, source_id=8 if n % 4 == 0 else 7, received_at=NOW - timedelta(days=n)) for n in range(12)])
    assert [event.position for event in log.recent(limit=3)] == [12, 11, 10]
    assert [event.position for event in log.recent(source_id=8)] == [9, 5, 1]
    assert log.event_counts(since=NOW - timedelta(days=7)) == {7: 6, 8: 2}
