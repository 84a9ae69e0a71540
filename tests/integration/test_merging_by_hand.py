"""What people decide of who is one customer: merges by hand, undoing any merge, conflicts, and all of it at random."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sadakat.customers.testing import AYSE, BARIS, ISIL
from sadakat.events.types import SourceKind
from sadakat.kernel.errors import NotFound, Refused, Unavailable
from sadakat.platform.audit import Actor
from sadakat.platform.database.connection import Lock
from tests.integration.pipeline import fill, message, rows, run

DENIZ = Actor("user:1", "Deniz")
BOUND_SECONDS = 60


class Home:
    """Events through the real sequencer, and what people decide in between."""

    def __init__(self, now: datetime) -> None:
        from sadakat.events import api as events
        from sadakat.platform import audit

        self.now = now
        self.sent = 0
        kinds = {
            "shop": (SourceKind.SERVER, True),
            "site": (SourceKind.BROWSER, False),
            "app": (SourceKind.BROWSER, True),
        }
        self.sources = {
            name: events.create_source(name=name, kind=kind, joins_profiles=joins, actor=audit.SYSTEM, at=now)[0].id
            for name, (kind, joins) in kinds.items()
        }

    def put(self, *said: Sequence[str], source: str = "shop") -> None:
        """Events into the inbox."""
        messages = []
        for identifiers in said:
            self.sent += 1
            at = self.now + timedelta(seconds=self.sent)
            messages.append(message(self.sent, source_id=self.sources[source], identifiers=tuple(identifiers), at=at))
        fill(messages)

    def send(self, *said: Sequence[str], source: str = "shop") -> None:
        """Events into the log."""
        from sadakat.events import api as events

        self.put(*said, source=source)
        while events.sequence(at=self.now).sequenced:
            pass

    def merge(self, left: int, right: int) -> Any:
        from sadakat.customers import api as customers

        return customers.merge_customers(left_id=left, right_id=right, actor=DENIZ, at=self.now)

    def undo(self, merge_id: int) -> Any:
        from sadakat.customers import api as customers

        return customers.undo_merge(merge_id=merge_id, actor=DENIZ, at=self.now)

    def decide(self, conflict_id: int, *, are_same: bool) -> Any:
        from sadakat.customers import api as customers

        return customers.decide_conflict(conflict_id=conflict_id, are_same=are_same, actor=DENIZ, at=self.now)

    def customers(self) -> dict[int, int]:
        return dict(rows("SELECT profile_id, customer_id FROM customers_profile"))

    def is_settled(self) -> None:
        """The map and the conflicts are the partition of everything, and nobody is with whom he was set apart from."""
        from sadakat.customers.operations.mapping import connected_with
        from sadakat.customers.rules import joining
        from sadakat.events import api as events

        now = self.customers()
        if not now:
            return
        untrusted = [source.id for source in events.sources().values() if not source.is_trusted]
        found = connected_with(now, untrusted=untrusted)
        whole = joining.partition(found.customers, found.links, found.identifiers, found.separations)
        assert now == whole.customers
        listed = rows("""
            SELECT low_profile_id, high_profile_id FROM customers_conflict
            JOIN customers_profile AS low ON low.profile_id = low_profile_id
            JOIN customers_profile AS high ON high.profile_id = high_profile_id
            WHERE solved_at IS NULL AND low.customer_id <> high.customer_id""")
        assert set(listed) == set(whole.conflicts)
        for separation in found.separations:
            if not separation.is_lifted:
                assert not {now[p] for p in separation.left} & {now[p] for p in separation.right}


@pytest.fixture
def home(database: str, now: datetime) -> Home:
    return Home(now)


def told() -> list[tuple[Any, ...]]:
    """Facts of the map in the log or on their way."""
    return rows("""
        SELECT event, body -> 'properties' ->> 'reason', profile FROM (
            SELECT position AS n, 0 AS late, event, body, profile_id AS profile FROM events_log
            UNION ALL SELECT id, 1, event, body, substr(identifiers[1], 9)::bigint FROM events_inbox
        ) AS everything WHERE event LIKE 'Customers %%' ORDER BY late, n""")


def audited() -> list[tuple[Any, ...]]:
    from sadakat.platform.models import AuditEntry

    return list(
        AuditEntry.objects.filter(action__startswith="customers.")
        .order_by("id")
        .values_list("actor", "action", "subject", "old", "new")
    )


def everything() -> list[list[tuple[Any, ...]]]:
    tables = "customers_profile customers_link customers_merge customers_separation customers_conflict".split()
    tables += ["events_inbox", "platform_auditentry"]
    return [rows(f"SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY 1") for table in tables]


def test_merge_by_hand_goes_beyond_limits_and_its_undo_restores_both(home: Home, now: datetime) -> None:
    from sadakat.customers import api as customers

    home.send(AYSE.keys, ISIL.keys)
    before = home.customers()
    preview = customers.preview_merge(6, 1)
    assert (preview.winner_id, preview.loser_id, preview.profile_ids) == (1, 6, tuple(range(1, 11)))
    assert (preview.limits, preview.is_separated, preview.traits) == (("user_id_limit",), False, {})

    merged = home.merge(6, 1)
    assert (merged.customer_ids, merged.is_replay) == ((1,), False)
    assert (merged.merge.winner_id, merged.merge.loser_id, merged.merge.reason) == (1, 6, "by_hand")
    assert set(home.customers().values()) == {1}
    assert rows("SELECT profiles, kept, reason FROM customers_merge") == [
        ([6, 7, 8, 9, 10], [1, 2, 3, 4, 5], "by_hand")
    ]
    assert customers.merges_of(1) == customers.merges() == (merged.merge,)
    assert customers.merge(merged.merge.id) == merged.merge

    undone = home.undo(merged.merge.id)
    assert (undone.customer_ids, undone.is_replay, undone.merge.undone_at) == ((1, 6), False, now)
    assert home.customers() == before
    assert rows("SELECT count(*) FROM customers_link WHERE is_by_hand") == [(0,)]
    assert rows('SELECT "left", "right", merge_id, actor, actor_name, at, lifted_at FROM customers_separation') == [
        ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], merged.merge.id, "user:1", "Deniz", now, None)
    ]
    assert customers.merges_of(1) == customers.merges_of(6) == (undone.merge,)
    assert told() == [
        ("Customers Merged", "by_hand", 1),
        ("Customers Separated", "by_hand", 6),
        ("Customers Separated", "by_hand", 1),
    ]
    assert audited() == [
        ("user:1", "customers.merged", "customer:1", None, {"merge_id": merged.merge.id, "loser_id": 6}),
        (
            "user:1",
            "customers.merge_undone",
            f"merge:{merged.merge.id}",
            {"winner_id": 1, "loser_id": 6},
            {"customer_ids": [1, 6]},
        ),
    ]


def test_repeating_is_a_replay_and_a_refusal_leaves_nothing(home: Home) -> None:
    from sadakat.customers import api as customers

    home.send(AYSE.keys, ISIL.keys, BARIS.keys)
    merged = home.merge(1, 6)
    done = everything()
    for left, right in ((1, 6), (6, 1)):
        again = home.merge(left, right)
        assert (again.merge, again.customer_ids, again.is_replay) == (merged.merge, (1,), True)
    for refused in ((1, 1), (1, 2), (6, 6)):
        with pytest.raises(Refused, match="the same customer"):
            home.merge(*refused)
    for refused in ((1, 6), (11, 11)):
        with pytest.raises(Refused, match="the same customer"):
            customers.preview_merge(*refused)
    for missing in (lambda: home.merge(1, 99), lambda: home.undo(99), lambda: home.decide(99, are_same=True),
                    lambda: customers.merge(99), lambda: customers.preview_merge(99, 1)):  # fmt: skip
        with pytest.raises(NotFound):
            missing()
    assert everything() == done
    undone = home.undo(merged.merge.id)
    done = everything()
    again = home.undo(merged.merge.id)
    assert (again.merge, again.customer_ids, again.is_replay) == (undone.merge, (1, 6), True)
    assert everything() == done


def test_merge_undo_merge_undo_tells_each_of_them(home: Home) -> None:
    from sadakat.customers import api as customers

    home.send(AYSE.keys, ISIL.keys)
    before = home.customers()
    for _ in range(3):
        home.undo(home.merge(1, 6).merge.id)
        assert home.customers() == before
        assert customers.preview_merge(1, 6).is_separated
    home.send()
    assert len(told()) == 9
    assert rows("SELECT count(*) FILTER (WHERE lifted_at IS NULL), count(*) FROM customers_separation") == [(1, 3)]
    assert len({row.id for row in customers.merges()}) == 3


def test_undone_merge_of_an_event_stays_undone_whatever_comes(home: Home) -> None:
    from sadakat.customers import api as customers

    home.send(["user_id:1", "anonymous_id:a"], ["email:e@example.com", "phone:+905321234567"])
    before = home.customers()
    home.send(["user_id:1", "email:e@example.com"])
    (merge,) = customers.merges()
    assert (merge.winner_id, merge.loser_id, merge.reason) == (1, 3, "user_id+email")
    assert home.undo(merge.id).customer_ids == (1, 3)
    assert home.customers() == before
    home.send(["user_id:1", "phone:+905321234567"], ["user_id:1", "email:e@example.com", "anonymous_id:a"])
    assert home.customers() == before
    # Through somebody new neither: he stays with whom he was named first.
    home.send(["email:e@example.com", "anonymous_id:new"], ["user_id:1", "anonymous_id:new"])
    assert home.customers() == before | {5: 3}
    assert customers.conflicts() == ()
    assert {(c.customer_ids, c.reason) for c in customers.conflicts(kept_apart=True)} == {((1, 3), "forbidden")}
    home.is_settled()


def test_undoing_an_early_merge_leaves_later_ones_where_links_put_them(home: Home) -> None:
    from sadakat.customers import api as customers

    home.send(["user_id:1"], ["email:b@example.com"], ["phone:+905321234567"], ["card:60340000011"])
    home.send(["user_id:1", "email:b@example.com"])
    home.send(["email:b@example.com", "phone:+905321234567"])
    home.send(["user_id:1", "card:60340000011"])
    assert home.customers() == dict.fromkeys(range(1, 5), 1)
    first = customers.merges()[-1]
    assert home.undo(first.id).customer_ids == (1, 2)
    assert home.customers() == {1: 1, 2: 2, 3: 2, 4: 1}
    # The phone's merge is part of what made the customer whom it is with now, and can be undone too.
    phone = next(merge for merge in customers.merges_of(2) if merge.undone_at is None)
    assert phone.loser_id == 3
    home.undo(phone.id)
    assert home.customers() == {1: 1, 2: 2, 3: 3, 4: 1}
    home.is_settled()


def test_merge_recorded_by_an_older_version_can_be_undone(home: Home) -> None:
    from sadakat.customers import api as customers

    home.send(["user_id:1", "anonymous_id:a"], ["email:e@example.com", "phone:+905321234567"])
    before = home.customers()
    home.send(["user_id:1", "email:e@example.com"], ["user_id:1", "card:60340000011"])
    run("UPDATE customers_merge SET kept = '{}'")
    home.undo(customers.merges()[0].id)
    assert home.customers() == before | {5: 1}
    assert rows('SELECT "left", "right" FROM customers_separation') == [([1, 2], [3, 4])]


def test_merge_that_was_recomputed_can_be_undone(home: Home) -> None:
    from sadakat.customers import api as customers

    home.send(["user_id:1", "anonymous_id:a"], source="app")
    home.send(["email:e@example.com"])
    before = home.customers()
    assert before == {1: 1, 2: 1, 3: 3}
    home.send(["user_id:1", "email:e@example.com"])
    (merge,) = customers.merges()
    assert (merge.winner_id, merge.loser_id, merge.reason) == (1, 3, "recomputed")
    assert home.undo(merge.id).customer_ids == (1, 3)
    assert home.customers() == before
    home.is_settled()


def test_conflict_is_decided_one_way_then_the_other(home: Home) -> None:
    from sadakat.customers import api as customers

    home.send(["user_id:1", "anonymous_id:a"], ["user_id:2", "email:e@example.com"], ["user_id:2", "anonymous_id:a"])
    before = home.customers()
    (conflict,) = customers.conflicts()
    assert (conflict.customer_ids, conflict.shared, conflict.reason) == ((1, 3), "anonymous_id:a", "user_id_limit")

    two = home.decide(conflict.id, are_same=False)
    assert (two.merge, two.customer_ids, two.is_replay) == (None, (1, 3), False)
    assert home.customers() == before
    assert customers.conflicts() == customers.conflicts(customer_id=1) == ()
    assert customers.conflicts(kept_apart=True) == customers.conflicts(customer_id=3, kept_apart=True) == (conflict,)
    assert home.decide(conflict.id, are_same=False).is_replay

    one = home.decide(conflict.id, are_same=True)
    assert (one.customer_ids, one.is_replay) == ((1,), False)
    assert set(home.customers().values()) == {1}
    assert customers.conflicts() == customers.conflicts(kept_apart=True) == ()
    assert home.decide(conflict.id, are_same=True).is_replay

    again = home.decide(conflict.id, are_same=False)
    assert (again.merge.id, again.customer_ids) == (one.merge.id, (1, 3))
    assert home.customers() == before
    assert [c.id for c in customers.conflicts(kept_apart=True)] == [conflict.id]
    assert [(action, new["are_same"]) for _, action, _, _, new in audited()] == [
        ("customers.conflict_decided", same) for same in (False, True, False)
    ]
    home.is_settled()


def test_lifting_keeps_apart_whoever_else_was(home: Home) -> None:
    """Of a separation of {1, 2} and {3}, merging 1 with 3 leaves 2 and 3 apart."""
    from sadakat.customers import api as customers

    home.send(["user_id:1"], ["email:b@example.com"], ["card:60340000011"])
    home.send(["user_id:1", "email:b@example.com"], ["user_id:1", "card:60340000011"])
    email, card = customers.merges()[::-1]
    home.undo(card.id)
    home.undo(email.id)
    assert home.customers() == {1: 1, 2: 2, 3: 3}
    home.merge(1, 3)
    home.send(["email:b@example.com", "card:60340000011"][::-1])
    assert home.customers() == {1: 1, 2: 2, 3: 1}
    home.is_settled()


def test_preview_tells_which_words_would_no_longer_count(home: Home, now: datetime) -> None:
    from sadakat.customers import api as customers

    home.send(AYSE.keys, ISIL.keys)
    said = [
        (1, "city", "İstanbul", now),
        (6, "city", "Iğdır", now - timedelta(days=1)),
        (6, "plan", "gold", now),
        (1, "age", 30, now - timedelta(days=1)),
        (6, "age", 30, now),
        (1, "shoe", 38, now - timedelta(days=1)),
        (6, "shoe", None, now),
    ]
    for n, (profile, name, value, at) in enumerate(said):
        run(
            "INSERT INTO customers_trait (profile_id, name, value, source_id, at, mid) VALUES (%s, %s, %s, %s, %s, %s)",
            *(profile, name, json.dumps(value), home.sources["shop"], at, f"{n:032x}"),
        )
    preview = customers.preview_merge(1, 6)
    assert {name: trait.value for name, trait in preview.traits.items()} == {
        "city": "İstanbul",
        "plan": "gold",
        "age": 30,
    }
    assert {name: [trait.value for trait in words] for name, words in preview.replaced.items()} == {
        "city": ["Iğdır"],
        "shoe": [38],
    }


def test_busy_log_is_told_and_nothing_happens(home: Home, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.customers.operations import by_hand

    monkeypatch.setattr(by_hand, "LOCK_SECONDS", 0.05)
    home.send(AYSE.keys, ISIL.keys)
    before = everything()
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [int(Lock.SEQUENCER)])
        with pytest.raises(Unavailable, match="try again"):
            home.merge(1, 6)
    assert everything() == before
    assert home.merge(1, 6).customer_ids == (1,)


def at_work(work: Callable[[], None], faults: list[Exception]) -> threading.Thread:
    """A thread that tells what has gone wrong in it."""

    def run_it() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # a thread cannot fail the test itself
            faults.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run_it)
    thread.start()
    return thread


def test_merging_and_undoing_while_events_stream_in(home: Home) -> None:
    """Sequencers and people at once: everybody's work is done, and the map is that of all of it."""
    from sadakat.events import api as events

    people = 30
    home.send(*([f"user_id:{n}", f"card:{n}"] for n in range(people)))
    faults: list[Exception] = []
    are_done = threading.Event()
    deadline = time.monotonic() + BOUND_SECONDS

    def sequencing() -> None:
        while not are_done.is_set() or events.has_backlog([]):
            assert time.monotonic() < deadline
            events.sequence(at=home.now, limit=7)

    def deciding(first: int) -> None:
        for n in range(first, people - 2, 4):
            left, right = 2 * n + 1, 2 * n + 3
            home.undo(home.merge(left, right).merge.id)
            home.merge(left, right)

    home.put(*([f"user_id:{n % people}", f"anonymous_id:{n}", f"phone:{n % 40}"] for n in range(400)))
    workers = [at_work(sequencing, faults) for _ in range(2)]
    for decider in [at_work(partial(deciding, first), faults) for first in (0, 2)]:
        decider.join()
    are_done.set()
    for worker in workers:
        worker.join()
    assert faults == []
    counted = rows(
        "SELECT count(*), count(DISTINCT mid) FROM events_log WHERE source_id <> %s", events.system_source_id()
    )
    assert counted == [(people + 400, people + 400)]
    now = home.customers()
    assert all(now[2 * n + 1] == now[2 * n + 3] for n in range(0, people - 2, 2))
    assert len(audited()) == 3 * len(range(0, people - 2, 2))
    home.is_settled()


def test_undoing_in_a_customer_of_a_thousand_profiles(home: Home) -> None:
    from sadakat.customers import api as customers

    devices = [[f"user_id:{n // 100}", f"anonymous_id:{n}"] for n in range(1_000)]
    home.send(*devices)
    before = home.customers()
    found = sorted(set(before.values()))
    assert len(found) == 10
    merged = [home.merge(found[0], other).merge for other in found[1:]]
    assert set(home.customers().values()) == {1}
    home.undo(merged[4].id)
    apart = {profile for profile, customer in before.items() if customer == found[5]}
    assert home.customers() == {profile: found[5] if profile in apart else 1 for profile in before}
    for merge in merged:
        home.undo(merge.id)
    assert home.customers() == before
    assert len(customers.merges_of(1)) == 9


KEYS = [
    "user_id:1",
    "user_id:2",
    "!email:1@example.com",
    "!email:2@example.com",
    "email:1@example.com",
    "email:2@example.com",
    "phone:1",
    "anonymous_id:1",
    "anonymous_id:2",
]
NAMES = st.lists(st.integers(0, len(KEYS) - 1), min_size=2, max_size=3, unique_by=lambda n: KEYS[n].lstrip("!")).map(
    sorted
)
EVENT = st.tuples(
    st.just("event"), st.sampled_from(["shop", "shop", "app", "site"]), st.lists(NAMES, min_size=1, max_size=3)
)
NUMBER = st.integers(0, 20)
DECISION = st.one_of(
    st.tuples(st.just("merge"), NUMBER, NUMBER),
    st.tuples(st.just("undo"), NUMBER, NUMBER),
    st.tuples(st.just("decide"), NUMBER, st.booleans()),
)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def start_anew() -> None:
    run("""TRUNCATE customers_identifier, customers_profile, customers_link, customers_conflict, customers_merge,
        customers_separation, events_inbox, events_log, events_messagekey RESTART IDENTITY""")


def keys_of(numbers: Iterable[int]) -> list[str]:
    return [KEYS[n] for n in numbers]


def merge_some(home: Home, one: int, other: int) -> Any:
    """Merges two of the customers there are, and looks that nobody else has moved; None where there are not two."""
    before = home.customers()
    found = sorted(set(before.values()))
    left, right = (found[n % len(found)] for n in (one, other)) if found else (0, 0)
    if left == right:
        return None
    result = home.merge(left, right)
    winner, loser = min(left, right), max(left, right)
    assert home.customers() == {p: winner if customer == loser else customer for p, customer in before.items()}
    return result.merge


def decide_something(home: Home, what: str, one: int, other: Any) -> None:
    from sadakat.customers import api as customers

    if what == "merge":
        merge_some(home, one, other)
    elif what == "undo":
        waiting = [merge for merge in customers.merges() if merge.undone_at is None]
        if waiting:
            ids = home.undo(waiting[one % len(waiting)].id).customer_ids
            assert len(set(ids)) == 2
    else:
        listed = [*customers.conflicts(), *customers.conflicts(kept_apart=True)]
        if listed:
            result = home.decide(listed[one % len(listed)].id, are_same=other)
            assert len(set(result.customer_ids)) == (1 if other else 2)


def send_and_take_back(home: Home, source: str, keys: list[str]) -> None:
    """One event; when a link is all that it has brought, and it has merged two, undoing that restores both."""
    from sadakat.customers import api as customers

    def said() -> tuple[Any, ...]:
        links = rows("SELECT low_profile_id, high_profile_id, source_id, position FROM customers_link")
        return (
            set(links),
            rows("SELECT key FROM customers_identifier WHERE is_verified ORDER BY key"),
            customers.merges(),
        )

    before, (links, verified, merges) = home.customers(), said()
    home.send(keys, source=source)
    now_links, now_verified, now_merges = said()
    is_one_link = links < now_links and len(now_links) == len(links) + 1 and verified == now_verified
    if is_one_link and len(now_merges) == len(merges) + 1 and home.customers().keys() == before.keys():
        home.undo(now_merges[0].id)
        assert home.customers() == before


@given(st.lists(st.one_of(EVENT, EVENT, DECISION), min_size=4, max_size=20))
@QUIET
def test_any_history_ends_in_the_partition_and_any_undo_restores(home: Home, history: list[Any]) -> None:

    start_anew()
    home.sent = 0
    for what, *how in history:
        if what != "event":
            decide_something(home, what, *how)
        elif len(how[1]) > 1:
            home.send(*map(keys_of, how[1]), source=how[0])
        else:
            send_and_take_back(home, how[0], keys_of(how[1][0]))
        home.is_settled()


@given(st.lists(EVENT, min_size=2, max_size=8), NUMBER, NUMBER, st.lists(EVENT, max_size=8))
@QUIET
def test_undone_it_is_as_if_it_had_never_been(
    home: Home, first: list[Any], one: int, other: int, later: list[Any]
) -> None:
    """A merge, other events, and the undo: as in a home that knew from the beginning that the two are two."""
    from sadakat.customers.operations import by_hand

    start_anew()
    home.sent = 0
    for _, source, numbers in first:
        home.send(*map(keys_of, numbers), source=source)
    before = home.customers()
    merge = merge_some(home, one, other)
    if merge is None:
        return
    home.undo(merge.id)
    assert home.customers() == before
    merge = home.merge(merge.winner_id, merge.loser_id).merge
    for _, source, numbers in later:
        home.send(*map(keys_of, numbers), source=source)
        home.is_settled()
    home.undo(merge.id)
    home.is_settled()
    undone = home.customers()
    ((kept, profiles),) = rows("SELECT kept, profiles FROM customers_merge WHERE id = %s", merge.id)

    start_anew()
    home.sent = 0
    for _, source, numbers in first:
        home.send(*map(keys_of, numbers), source=source)
    with by_hand._only_writer():
        by_hand._set_apart(kept, profiles, merge_id=None, actor=DENIZ, at=home.now)
    assert home.customers() == before
    for _, source, numbers in later:
        home.send(*map(keys_of, numbers), source=source)
    assert home.customers() == undone
