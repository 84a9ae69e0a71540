"""Merging and undoing amid streams, crowds and random histories of events."""

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sadakat.platform.audit import Actor
from tests.integration import deciding
from tests.integration.deciding import BOUND_SECONDS, Home, audited
from tests.integration.pipeline import rows, run

DENIZ = Actor("user:1", "Deniz")

home = deciding.home


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
