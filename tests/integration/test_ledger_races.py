"""Many connections on one account: nothing is lost, nothing is doubled."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, connection, connections

from sadakat.loyalty.types import Award, Outcome, Restore, Reverse, Spend, Transfer
from tests.integration.loyal import operation_named

CLIENTS = 20
# Independent of the ledger's own audit: what each account of the database says, computed three ways.
DIFFERENCES = """
    WITH moves AS (
        SELECT member_id, sum(CASE WHEN target = 'active' THEN points WHEN source = 'active' THEN -points ELSE 0 END) AS active
        FROM loyalty_entry GROUP BY member_id
    ), lots AS (SELECT member_id, sum(remaining) AS active FROM loyalty_lot WHERE NOT is_pending GROUP BY member_id)
    SELECT b.member_id, b.active, moves.active, lots.active
    FROM loyalty_balances AS b LEFT JOIN moves USING (member_id) LEFT JOIN lots USING (member_id)
    WHERE b.active <> coalesce(moves.active, 0) OR b.active <> coalesce(lots.active, 0)
"""


@pytest.fixture
def hot(database, now):
    """A member with 100 points in one lot."""
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.testing import make_member

    member = make_member(101, at=now)
    loyalty.post([Award(key="given", member_id=member, at=now, points=100)], at=now)
    return member


def at_once(actions: list[Callable[[], Any]]) -> list[Any]:
    """Runs each action in a thread with a connection of its own; none begins before all are there."""
    barrier = threading.Barrier(len(actions), timeout=60)

    def run(action: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return action()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result(60) for future in [pool.submit(run, action) for action in actions]]


def differences() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES)
        return cursor.fetchall()


def posts(command: Any, now: Any) -> Callable[[], Outcome]:
    from sadakat.loyalty import api as loyalty

    return lambda: loyalty.post([command], at=now)[0]


def submits(command: Any, now: Any) -> Callable[[], Outcome]:
    from sadakat.loyalty import api as loyalty

    return lambda: loyalty.submit(command, at=now)


@pytest.mark.parametrize("how", [posts, submits])
def test_a_hundred_points_are_given_away_once(hot, now, how):
    from sadakat.loyalty import api as loyalty

    spends = [Spend(key=f"s{n}", member_id=hot, at=now, points=100) for n in range(CLIENTS)]
    outcomes = at_once([how(spend, now) for spend in spends])
    assert sorted((outcome.is_done, outcome.reason) for outcome in outcomes) == [
        *[(False, "the member has 0 active points; 100 are asked for")] * (CLIENTS - 1),
        (True, ""),
    ]
    assert loyalty.balances([hot], at=now)[hot].active == 0
    assert loyalty.audit().problems == ()
    assert differences() == []


@pytest.mark.parametrize("how", [posts, submits])
def test_the_same_command_from_everybody_has_one_effect(hot, now, how):
    from sadakat.loyalty import api as loyalty

    outcomes = at_once([how(Spend(key="s", member_id=hot, at=now, points=3), now)] * CLIENTS)
    assert all(outcome.is_done and outcome.points == 3 for outcome in outcomes)
    assert sum(not outcome.is_replay for outcome in outcomes) == 1
    assert len({outcome.operation_id for outcome in outcomes}) == 1
    assert loyalty.balances([hot], at=now)[hot].active == 97
    assert differences() == []


def test_commands_that_commute_end_alike_in_any_order(hot, now):
    from sadakat.loyalty import api as loyalty

    loyalty.post([Spend(key="s", member_id=hot, at=now, points=60)], at=now)
    commands = [
        *(Award(key=f"a{n}", member_id=hot, at=now, points=10) for n in range(8)),
        *(Restore(key=f"r{n}", member_id=hot, at=now, spend_key="s", upto=5 * n) for n in range(1, 9)),
        *(Reverse(key=f"v{n}", member_id=hot, at=now, award_key="given", upto=n) for n in range(1, 5)),
    ]
    at_once([submits(command, now) for command in commands])
    # 100 − 60 + 8 × 10 + 40 − 4, whoever came first.
    assert loyalty.balances([hot], at=now)[hot].active == 156
    assert operation_named("s").undone == 40
    assert operation_named("given").undone == 4
    assert loyalty.audit().problems == ()


def test_transfers_there_and_back_at_once_neither_lose_points_nor_wait_for_each_other(hot, now):
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.testing import make_member

    other = make_member(102, at=now)
    loyalty.post([Award(key="other", member_id=other, at=now, points=100)], at=now)
    both = [(hot, other), (other, hot)] * 10
    outcomes = at_once(
        [
            posts(Transfer(key=f"t{n}", member_id=giver, at=now, to_member_id=receiver, points=7), now)
            for n, (giver, receiver) in enumerate(both)
        ]
    )
    assert all(outcome.is_done for outcome in outcomes)
    assert {m: b.active for m, b in loyalty.balances([hot, other], at=now).items()} == {hot: 100, other: 100}
    assert loyalty.audit().problems == ()
    assert differences() == []


def test_the_competitor_that_comes_between_reading_and_writing_waits(hot, now, monkeypatch):
    """The second spend begins at the exact point where the first has seen that there are enough points."""
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.operations import ledger
    from sadakat.loyalty.rules import ledger as rules

    decide, started, pool = rules.decide, threading.Event(), ThreadPoolExecutor(1)
    competitors = []

    def compete() -> Outcome:
        try:
            connection.ensure_connection()
            started.set()
            return loyalty.post([Spend(key="second", member_id=hot, at=now, points=100)], at=now)[0]
        finally:
            connections.close_all()

    def decide_beside(book: Any, commands: Any) -> Any:
        decisions = decide(book, commands)
        if commands[0].key == "first":
            competitors.append(pool.submit(compete))
            assert started.wait(30)
            _wait_until_blocked()
        return decisions

    monkeypatch.setattr(ledger.ledger, "decide", decide_beside)
    (first,) = loyalty.post([Spend(key="first", member_id=hot, at=now, points=100)], at=now)
    second = competitors[0].result(30)
    pool.shutdown()
    assert (first.is_done, second.is_done) == (True, False)
    assert second.reason == "the member has 0 active points; 100 are asked for"
    assert loyalty.audit().problems == ()


def test_one_key_for_two_members_at_once_stands_for_one_of_them(hot, now, monkeypatch):
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.operations import ledger
    from sadakat.loyalty.rules import ledger as rules
    from sadakat.loyalty.testing import make_member

    other, decide, pool = make_member(102, at=now), rules.decide, ThreadPoolExecutor(1)

    def compete() -> Outcome:
        try:
            return loyalty.post([Award(key="k", member_id=other, at=now, points=5)], at=now)[0]
        finally:
            connections.close_all()

    def decide_beside(book: Any, commands: Any) -> Any:
        decisions = decide(book, commands)
        if commands[0].member_id == hot and operation_named("k") is None:
            assert pool.submit(compete).result(30).is_done
        return decisions

    monkeypatch.setattr(ledger.ledger, "decide", decide_beside)
    outcomes = loyalty.post(
        [
            Award(key="k", member_id=hot, at=now, points=5),
            Award(key="mine", member_id=hot, at=now, points=1),
        ],
        at=now,
    )
    pool.shutdown()
    assert [(outcome.is_done, outcome.reason) for outcome in outcomes] == [
        (False, "the key 'k' stands for another operation already"),
        (True, ""),
    ]
    assert {m: b.active for m, b in loyalty.balances([hot, other], at=now).items()} == {hot: 101, other: 5}
    assert loyalty.audit().problems == ()


def test_a_command_that_cannot_be_written_sinks_none_that_came_with_it(hot, now):
    from sadakat.loyalty import api as loyalty

    bad = Award(key="bad\0key", member_id=hot, at=now, points=1)
    good = [Award(key=f"a{n}", member_id=hot, at=now, points=1) for n in range(CLIENTS)]

    def try_bad() -> str:
        try:
            loyalty.submit(bad, at=now)
        except (DataError, ValueError) as error:
            return type(error).__name__
        return "done"

    failure, *outcomes = at_once([try_bad, *(submits(command, now) for command in good)])
    assert failure == "DataError"
    assert all(outcome.is_done for outcome in outcomes)
    assert loyalty.balances([hot], at=now + timedelta(days=1))[hot].active == 100 + CLIENTS


def test_submit_wants_a_transaction_of_its_own(hot, now):
    from django.db import transaction

    from sadakat.loyalty import api as loyalty

    with transaction.atomic(), pytest.raises(RuntimeError, match=r"call post_batch\(\)"):
        loyalty.submit(Spend(key="s", member_id=hot, at=now, points=1), at=now)
    assert operation_named("s") is None


def _wait_until_blocked() -> None:
    """Until a connection to this database waits for a row that another one has locked."""
    for _ in range(2_000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.01)"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("the competitor does not wait")
