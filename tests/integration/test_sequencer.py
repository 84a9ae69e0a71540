"""The inbox becomes the log: each message once, positions without gaps, whatever happens in between."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import DataError, OperationalError, ProgrammingError, connections, transaction

from sadakat.events import inbox, log, plugs, sequencer, sources
from sadakat.events.types import Fact, Kind, SourceKind, WorkReport
from sadakat.kernel.errors import Unavailable
from sadakat.platform import audit
from sadakat.platform.database.connection import Lock
from tests.integration import pipeline
from tests.integration.pipeline import NOW, fill, logged, message, mid, profile_of, rows, run, waiting

ROOT = Path(__file__).parents[2]
INSERT = """INSERT INTO events_inbox (source_id, mid, kind, event, at, received_at, identifiers, body)
    VALUES (%s, %s, 2, 'Product Viewed', %s, now(), %s, '{"messageId": "by hand"}')"""


@pytest.fixture
def resolver(database, monkeypatch):
    """The plain resolver in the place of the registered one, and nothing remembered of an earlier database."""
    monkeypatch.setattr(sources, "_read", {})
    plain = pipeline.PlainResolver()
    monkeypatch.setattr(plugs, "_resolvers", [plain])
    return plain


def finish(limit=5_000):
    deadline = time.monotonic() + 60
    while waiting():
        assert time.monotonic() < deadline
        sequencer.sequence(at=NOW, limit=limit)


def test_a_message_counts_once_within_a_batch_and_across_batches(resolver):
    fill([message(1), message(2), message(1, event="Again"), message(3)])
    assert sequencer.sequence(at=NOW) == WorkReport(sequenced=3, duplicates=1)
    fill([message(4), message(2), message(4), message(5)])
    assert sequencer.sequence(at=NOW) == WorkReport(sequenced=2, duplicates=2)
    assert sequencer.sequence(at=NOW) == WorkReport()
    assert logged() == [(n, mid(n)) for n in range(1, 6)]
    assert rows("SELECT DISTINCT event FROM events_log") == [("Product Viewed",)]
    assert waiting() == 0
    assert resolver.positions == [1, 2, 3, 4, 5]


def test_a_row_arrives_in_the_log_as_it_was(resolver):
    at = NOW - timedelta(hours=12)  # 2026-11-19 21:00 UTC is the 20th in Istanbul
    fill([message(1, at=at, kind=Kind.PAGE, event="")])
    sequencer.sequence(at=NOW)
    [event] = log.read_positions([1, 2])
    assert (event.profile_id, event.source_id, event.kind) == (profile_of("user_id:u1"), 7, Kind.PAGE)
    assert (event.at, event.received_at, event.local_date) == (at, NOW, date(2026, 11, 20))
    assert event.mid == mid(1).hex
    assert json.loads(event.body) == {"messageId": "m1", "properties": {"number": 1}}


def test_a_batch_is_bounded_in_rows_and_in_bytes(resolver, monkeypatch):
    fill([message(n) for n in range(5)])
    assert [sequencer.sequence(at=NOW, limit=3).sequenced for _ in range(3)] == [3, 2, 0]
    monkeypatch.setattr(sequencer, "MAX_BATCH_BYTES", 100)
    fill([message(n, body=b'"%b"' % (b"x" * size)) for n, size in ((5, 40), (6, 40), (7, 40), (8, 500), (9, 1))])
    # The two first fit together; the huge one goes alone and does not hold up those behind it.
    assert [sequencer.sequence(at=NOW).sequenced for _ in range(5)] == [2, 1, 1, 1, 0]


def test_two_sequencers_at_once_give_one_log_without_gaps(resolver):
    numbers = [n // 2 if n % 7 == 0 else n for n in range(3_000)]
    fill([message(n) for n in numbers])
    faults = []

    def work():
        try:
            finish(limit=50)
        except Exception as error:  # noqa: BLE001  # a thread cannot fail the test itself
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert logged() == [(position, mid(n)) for position, n in enumerate(dict.fromkeys(numbers), start=1)]


def test_another_sequencer_at_work_is_left_alone(resolver, database):
    fill([message(1)])
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [int(Lock.SEQUENCER)])
        assert sequencer.sequence(at=NOW) == WorkReport()
        assert waiting() == 1
    assert sequencer.sequence(at=NOW).sequenced == 1


def test_a_row_that_commits_late_is_not_lost(resolver, database):
    with psycopg.connect(database) as late:
        late.execute(INSERT, [pipeline.SOURCE, mid(0), NOW, ["user_id:u0"]])
        fill([message(n) for n in range(1, 6)])
        assert sequencer.sequence(at=NOW).sequenced == 5
        assert rows("SELECT min(id) FROM events_inbox") == [(None,)]
    [(late_id,)] = rows("SELECT min(id) FROM events_inbox")
    assert late_id == 1
    assert sequencer.sequence(at=NOW).sequenced == 1
    assert logged() == [(position, mid(n)) for position, n in enumerate([1, 2, 3, 4, 5, 0], start=1)]


def test_killed_in_the_middle_it_ends_with_the_log_of_an_undisturbed_run(resolver, database):
    messages = [message(n // 3 if n % 5 == 0 else n) for n in range(6_000)]
    everything = "SELECT position, mid, profile_id, body FROM events_log ORDER BY position"
    fill(messages)
    finish()
    undisturbed = rows(everything)
    run("TRUNCATE events_inbox, events_messagekey, events_log")
    fill(messages)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.sequencer_program", database],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        told = [int(program.stdout.readline()) for _ in range(10)]
        program.kill()
    assert program.returncode == -9
    assert told == sorted(told)
    assert told[-1] <= log.head() < len(undisturbed)
    finish()
    assert rows(everything) == undisturbed


def test_a_row_that_cannot_be_resolved_is_rejected_and_the_rest_goes_on(resolver):
    resolver.poison = "user_id:u700"
    fill([message(n) for n in range(1, 1_001)])
    assert sequencer.sequence(at=NOW) == WorkReport(sequenced=999, failed=1)
    assert logged() == [(p, mid(n)) for p, n in enumerate([*range(1, 700), *range(701, 1_001)], start=1)]
    assert waiting() == 0
    [rejected] = log.rejected_events()
    assert rejected.reason.startswith("ValueError: cannot resolve …")
    assert (rejected.source_id, rejected.message_id, rejected.received_at) == (7, "m700", NOW)
    assert json.loads(rejected.body)["properties"] == {"number": 700}
    # Its key is free again, so that it can be sent anew once it is mended.
    resolver.poison = None
    fill([message(700)])
    assert sequencer.sequence(at=NOW).sequenced == 1


def test_a_row_that_cannot_even_be_read_is_rejected(resolver):
    fill([message(1)])
    run(INSERT, pipeline.SOURCE, mid(2), "infinity", ["user_id:u2"])
    fill([message(3)])
    assert sequencer.sequence(at=NOW) == WorkReport(sequenced=2, failed=1)
    assert logged() == [(1, mid(1)), (2, mid(3))]
    assert [event.message_id for event in log.rejected_events()] == ["by hand"]


@pytest.mark.parametrize("error", [OperationalError, ProgrammingError, psycopg.errors.DeadlockDetected, Unavailable])
def test_trouble_and_mistakes_of_ours_reject_nothing(resolver, error):
    resolver.poison, resolver.error = "user_id:u1", error
    fill([message(1), message(2)])
    with pytest.raises((error, OperationalError)):  # Django gives errors of psycopg its own name
        sequencer.sequence(at=NOW)
    assert (logged(), log.rejected_events(), waiting()) == ([], [], 2)


def test_a_zone_that_the_server_does_not_know_rejects_nothing(resolver):
    run("UPDATE platform_brand SET time_zone = 'Europe/Nowhere'")
    fill([message(1)])
    with pytest.raises(DataError, match="Nowhere"):
        sequencer.sequence(at=NOW)
    assert (logged(), log.rejected_events(), waiting()) == ([], [], 1)


def test_a_source_made_a_moment_ago_by_another_process_is_known(resolver):
    assert 7 not in sources.sources()
    run(
        """INSERT INTO events_source (id, name, kind, key_hint, is_trusted, joins_profiles, accepts_orders, namespace,
            allowed_origins, is_enabled, created_at) VALUES (7, 'Web', 'browser', '', false, false, false, '', '{}',
            true, now())"""
    )
    fill([message(1)])
    sequencer.sequence(at=NOW)
    assert 7 in resolver.sources


def test_facts_share_the_fate_of_their_transaction(resolver):
    fact = Fact(event="Points Earned", profile_id=42, properties={"points": 5}, at=NOW, message_id="earn:1")
    with transaction.atomic():
        inbox.append_facts([fact])
        transaction.set_rollback(True)
    assert sequencer.sequence(at=NOW) == WorkReport()
    with transaction.atomic():
        inbox.append_facts([fact, fact])
    fill([message(1)])
    assert sequencer.sequence(at=NOW) == WorkReport(sequenced=2, duplicates=1)
    assert resolver.positions == [2]
    [event] = log.read_positions([1])
    assert (event.profile_id, event.kind, event.event) == (42, Kind.TRACK, "Points Earned")
    assert json.loads(event.body) == {
        "type": "track",
        "event": "Points Earned",
        "messageId": "earn:1",
        "timestamp": "2026-11-20T09:00:00+00:00",
        "properties": {"points": 5},
    }


def test_message_keys_are_forgotten_beyond_the_horizon(resolver, monkeypatch):
    monkeypatch.setattr(sequencer, "MAX_KEYS_PER_PURGE", 2)
    ages = {1: 32, 2: 31, 3: 31, 4: 30, 5: 0}
    fill([message(n, received_at=NOW - timedelta(days=days)) for n, days in ages.items()])
    sequencer.sequence(at=NOW)
    assert sequencer.purge_message_keys(at=NOW) == 3
    assert sequencer.purge_message_keys(at=NOW) == 0
    assert {row[0] for row in rows("SELECT mid FROM events_messagekey")} == {mid(4), mid(5)}
    fill([message(3), message(4)])
    assert sequencer.sequence(at=NOW) == WorkReport(sequenced=1, duplicates=1)


def test_message_keys_of_files_are_kept_for_good(resolver, database):
    files, _ = sources.create_source(name="Files", kind=SourceKind.IMPORT, actor=audit.CLI, at=NOW)
    row = replace(message(1, received_at=NOW - timedelta(days=400)), source_id=files.id)
    fill([row])
    assert sequencer.sequence(at=NOW) == WorkReport(sequenced=1)
    assert sequencer.purge_message_keys(at=NOW) == 0
    fill([row])
    assert sequencer.sequence(at=NOW) == WorkReport(duplicates=1)
