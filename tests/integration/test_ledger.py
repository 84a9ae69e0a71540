"""The ledger's verbs on PostgreSQL: what they answer, what they leave behind, what the database itself refuses."""

import random
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from django.db import connection, transaction

from sadakat.loyalty.types import (
    POINTS_ADJUSTED,
    POINTS_EARNED,
    POINTS_EXPIRED,
    POINTS_SPENT,
    POINTS_TRANSFERRED,
    Activate,
    Award,
    Balance,
    Capture,
    ClawBack,
    Command,
    Deduct,
    Expire,
    Expiring,
    Expiry,
    Release,
    Reserve,
    Restore,
    Return,
    Reverse,
    Span,
    Spend,
    Transfer,
)
from tests.integration.loyal import operation_named
from tests.ledger_model import Model

DAY = timedelta(days=1)


def has(active: int = 0, pending: int = 0, reserved: int = 0, deficit: int = 0, lifetime: int = 0) -> Balance:
    return Balance(active=active, pending=pending, reserved=reserved, deficit=deficit, lifetime=lifetime)


def rows(statement: str, *said: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, said)
        return cursor.fetchall()


def audited() -> tuple[str, ...]:
    from sadakat.loyalty import api as loyalty

    return loyalty.audit().problems


@pytest.fixture
def ayse(database, now):
    """A member with 100 points that go on the tenth day and 50 that never do."""
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.testing import make_member

    member = make_member(101, at=now)
    loyalty.post(
        [
            Award(key="never", member_id=member, at=now, points=50),
            Award(key="soon", member_id=member, at=now, points=100, expiry=Expiry(Span.DAYS, 10)),
        ],
        at=now,
    )
    return member


def test_soonest_expiry_is_spent_first_and_a_refusal_sinks_nobody(ayse, now):
    from sadakat.loyalty import api as loyalty

    outcomes = loyalty.post(
        [
            Spend(key="s1", member_id=ayse, at=now, points=120),
            Spend(key="s2", member_id=ayse, at=now, points=31),
            Spend(key="s3", member_id=ayse, at=now, points=0),
            Spend(key="s4", member_id=ayse + 1, at=now, points=1),
            Spend(key="s5", member_id=ayse, at=now, points=30),
        ],
        at=now,
    )
    assert [(o.is_done, o.points, o.balance.active, o.reason) for o in outcomes] == [
        (True, 120, 30, ""),
        (False, 0, 30, "the member has 30 active points; 31 are asked for"),
        (False, 0, 30, "expected 1 to 1000000000000 points, not 0"),
        (False, 0, 0, f"there is no member {ayse + 1}"),
        (True, 30, 0, ""),
    ]
    taken = rows(
        "SELECT o.key, a.key, d.points FROM loyalty_draw d JOIN loyalty_operation o ON o.id = d.operation_id"
        " JOIN loyalty_lot l ON l.id = d.lot_id JOIN loyalty_operation a ON a.id = l.operation_id ORDER BY d.id"
    )
    assert taken == [("s1", "soon", 100), ("s1", "never", 20), ("s5", "never", 30)]
    assert rows("SELECT key FROM loyalty_operation ORDER BY id") == [("never",), ("soon",), ("s1",), ("s5",)]
    assert audited() == ()


def test_the_same_again_answers_as_before_and_another_meaning_is_refused(ayse, now):
    from sadakat.loyalty import api as loyalty

    spend = Spend(key="s", member_id=ayse, at=now, points=40)
    (first,) = loyalty.post([spend], at=now)
    before = rows("SELECT count(*) FROM loyalty_entry")
    later = Spend(key="s", member_id=ayse, at=now + DAY, points=40, reference={"reason": "asked again"})
    again, other = loyalty.post([later, Spend(key="s", member_id=ayse, at=now, points=41)], at=now + DAY)
    assert (again.is_done, again.is_replay, again.points, again.operation_id) == (True, True, 40, first.operation_id)
    assert (other.is_done, other.reason) == (False, "the key 's' stands for another operation already")
    assert rows("SELECT count(*) FROM loyalty_entry") == before
    assert operation_named("s").points == 40
    assert operation_named("t") is None


def test_each_operation_is_told_in_the_log_once(ayse, now):
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.testing import make_member

    isil = make_member(102, at=now)
    reference = {"order_id": "A-7", "breakdown": [{"rule": "basket", "points": 5}]}
    loyalty.post(
        [
            Award(
                key="earn:order:shop:A-7",
                member_id=isil,
                at=now,
                points=5,
                reference=reference,
                expiry=Expiry(Span.DAYS, 1),
            ),
            Spend(key="s", member_id=ayse, at=now, points=20),
            Transfer(key="t", member_id=ayse, at=now, to_member_id=isil, points=10),
            Award(key="adjust:1", member_id=isil, at=now, points=3, actor="user:1", actor_name="Deniz"),
            Reserve(key="r", member_id=isil, at=now, points=1, until=now + DAY),
            Spend(key="too much", member_id=isil, at=now, points=999),
        ],
        at=now,
    )
    facts = [
        (event, keys, msgspec.json.decode(body))
        for event, keys, body in rows("SELECT event, identifiers, body::text FROM events_inbox ORDER BY id OFFSET 2")
    ]
    assert [
        (event, *keys, body["messageId"], body["properties"]["points"], body["properties"]["balance"])
        for event, keys, body in facts
    ] == [
        (POINTS_EARNED, "profile:102", "loyalty:earn:order:shop:A-7", 5, 5),
        (POINTS_SPENT, "profile:101", "loyalty:s", 20, 130),
        (POINTS_TRANSFERRED, "profile:101", "loyalty:t", 10, 120),
        (POINTS_TRANSFERRED, "profile:102", f"loyalty:t:{isil}", 10, 15),
        (POINTS_ADJUSTED, "profile:102", "loyalty:adjust:1", 3, 18),
    ]
    assert facts[0][2]["properties"] == {
        "order_id": "A-7",
        "kind": "award",
        "member_id": isil,
        "points": 5,
        "balance": 5,
        "expires_at": "2026-11-21T21:00:00+00:00",
    }
    assert sorted(rows("SELECT member_id FROM loyalty_touched ORDER BY id OFFSET 1")) == [(ayse,), (isil,)]
    assert [line.reference for line in loyalty.ledger(isil) if line.key == "earn:order:shop:A-7"] == [reference]


def test_expired_points_cannot_be_spent_whether_the_sweep_has_come_by_or_not(ayse, now):
    from sadakat.loyalty import api as loyalty

    # Through the tenth day in Istanbul, whose midnight is 21:00 in UTC.
    end = (now + 10 * DAY).replace(hour=21, minute=0)
    assert loyalty.expiring([ayse], at=now) == {ayse: (Expiring(points=100, expires_at=end),)}
    assert loyalty.balances([ayse], at=end - timedelta(microseconds=1)) == {ayse: has(active=150, lifetime=150)}
    assert loyalty.balances([ayse], at=end) == {ayse: has(active=50, lifetime=150)}
    assert loyalty.balance_as_of(ayse, at=end) == has(active=50, lifetime=150)
    early, late = loyalty.post(
        [
            Spend(key="early", member_id=ayse, at=end - timedelta(seconds=1), points=10),
            Spend(key="late", member_id=ayse, at=end, points=51),
        ],
        at=end,
    )
    assert (early.is_done, late.is_done, late.reason) == (
        True,
        False,
        "the member has 50 active points; 51 are asked for",
    )
    booked = rows("SELECT kind, at, points FROM loyalty_operation WHERE kind = 'expire'")
    assert booked == [("expire", end, 90)]
    assert loyalty.expire_due(end + DAY) is False
    assert loyalty.expiring([ayse], at=end) == {}
    assert audited() == ()


def test_the_sweep_books_each_moment_of_each_member_once(ayse, now):
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.testing import make_member

    baris = make_member(103, at=now)
    loyalty.post(
        [
            Award(key="b1", member_id=baris, at=now, points=7, expiry=Expiry(Span.DAYS, 3)),
            Award(key="b2", member_id=baris, at=now, points=5, expiry=Expiry(Span.DAYS, 3)),
            Award(key="b3", member_id=baris, at=now, points=4, expiry=Expiry(Span.DAYS, 4)),
            Spend(key="b4", member_id=baris, at=now, points=2),
        ],
        at=now,
    )
    assert loyalty.expire_due(now + 3 * DAY) is False
    assert loyalty.expire_due(now + 11 * DAY) is True
    assert loyalty.expire_due(now + 11 * DAY) is False
    assert rows("SELECT member_id, points, at FROM loyalty_operation WHERE kind = 'expire' ORDER BY member_id, at") == [
        (ayse, 100, (now + 10 * DAY).replace(hour=21, minute=0)),
        (baris, 10, (now + 3 * DAY).replace(hour=21, minute=0)),
        (baris, 4, (now + 4 * DAY).replace(hour=21, minute=0)),
    ]
    told = rows("SELECT body->'properties'->>'balance' FROM events_inbox WHERE event = %s ORDER BY id", POINTS_EXPIRED)
    assert sorted(told) == [("0",), ("4",), ("50",)]
    assert loyalty.balances([ayse, baris], at=now + 11 * DAY) == {
        ayse: has(active=50, lifetime=150),
        baris: has(active=0, lifetime=16),
    }
    assert rows("SELECT version FROM loyalty_balances ORDER BY member_id") == [(3,), (6,)]
    assert audited() == ()


def test_pending_points_become_active_when_their_time_comes_and_their_life_begins_then(ayse, now):
    from sadakat.loyalty import api as loyalty

    month = Expiry(Span.MONTHS, 1)
    loyalty.post(
        [
            Award(
                key="p1", member_id=ayse, at=now, points=30, is_pending=True, activates_at=now + 14 * DAY, expiry=month
            ),
            Award(key="p2", member_id=ayse, at=now, points=20, is_pending=True, expiry=month),
        ],
        at=now,
    )
    assert loyalty.balances([ayse], at=now)[ayse] == has(active=150, pending=50, lifetime=200)
    assert loyalty.activate_due(now + 13 * DAY) is False
    assert loyalty.activate_due(now + 15 * DAY) is True
    assert loyalty.activate_due(now + 15 * DAY) is False
    assert (
        operation_named(f"activate:{rows('SELECT id FROM loyalty_lot WHERE points = 30')[0][0]}").at == now + 14 * DAY
    )
    assert loyalty.expiring([ayse], at=now + 15 * DAY) == {
        ayse: (Expiring(points=30, expires_at=(now + 45 * DAY).replace(hour=21, minute=0)),)
    }
    assert loyalty.balance_as_of(ayse, at=now + 13 * DAY) == has(active=50, pending=50, lifetime=200)
    (done,) = loyalty.post([Activate(key="a", member_id=ayse, at=now, award_key="p2")], at=now)
    assert (done.points, done.balance.pending) == (20, 0)
    (again,) = loyalty.post([Activate(key="b", member_id=ayse, at=now, award_key="p2")], at=now)
    assert (again.is_done, again.is_replay, again.points) == (True, True, 0)


def test_what_is_restored_goes_back_to_its_lots_and_what_is_past_expires_at_once(ayse, now):
    from sadakat.loyalty import api as loyalty

    loyalty.post([Spend(key="s", member_id=ayse, at=now, points=120)], at=now)
    (half,) = loyalty.post([Restore(key="r1", member_id=ayse, at=now, spend_key="s", upto=30)], at=now)
    # Taken last, given back first: 20 of the points that never expire, then 10 of the others.
    assert rows("SELECT remaining FROM loyalty_lot ORDER BY id") == [(50,), (10,)]
    assert half.balance == has(active=60, lifetime=150)
    after = now + 11 * DAY
    (whole,) = loyalty.post([Restore(key="r2", member_id=ayse, at=after, spend_key="s", upto=120)], at=after)
    assert (whole.points, whole.balance) == (90, has(active=50, lifetime=150))
    assert rows("SELECT source, target, points FROM loyalty_entry ORDER BY id DESC LIMIT 2") == [
        ("spent", "expired", 90),
        ("active", "expired", 10),
    ]
    (beyond,) = loyalty.post([Restore(key="r3", member_id=ayse, at=after, spend_key="s", upto=121)], at=after)
    assert (beyond.is_done, beyond.reason) == (False, "of 120 points 121 cannot be undone")
    assert audited() == ()


def test_claw_back_takes_pending_then_own_then_other_points_and_may_leave_a_deficit(ayse, now):
    from sadakat.loyalty import api as loyalty

    loyalty.post(
        [
            Award(key="p", member_id=ayse, at=now, points=40, is_pending=True),
            Spend(key="s", member_id=ayse, at=now, points=110),
        ],
        at=now,
    )
    pending, capped, within = loyalty.post(
        [
            Reverse(key="r1", member_id=ayse, at=now, award_key="p", upto=15),
            Reverse(key="r2", member_id=ayse, at=now, award_key="soon", upto=10, policy=ClawBack.ONLY_PENDING),
            Reverse(key="r3", member_id=ayse, at=now, award_key="soon", upto=80),
        ],
        at=now,
    )
    assert (pending.points, pending.balance) == (15, has(active=40, pending=25, lifetime=175))
    assert (capped.points, capped.balance.active) == (0, 40)
    # 10 were forgiven before; of the other 70 only 40 are there.
    assert (within.points, within.balance) == (40, has(pending=25, lifetime=135))
    (owing,) = loyalty.post(
        [Reverse(key="r4", member_id=ayse, at=now, award_key="soon", upto=100, policy=ClawBack.UNLIMITED)], at=now
    )
    assert (owing.points, owing.balance) == (20, has(pending=25, deficit=20, lifetime=115))
    (paid,) = loyalty.post([Activate(key="a", member_id=ayse, at=now, award_key="p")], at=now)
    assert paid.balance == has(active=5, lifetime=115)
    assert audited() == ()


def test_reservations_are_captured_released_or_run_out(ayse, now):
    from sadakat.loyalty import api as loyalty

    until = now + timedelta(minutes=15)
    outcomes = loyalty.post(
        [
            Reserve(key="h1", member_id=ayse, at=now, points=60, until=until),
            Reserve(key="h2", member_id=ayse, at=now, points=50, until=until),
            Reserve(key="h3", member_id=ayse, at=now, points=41, until=until),
            Capture(key="c1", member_id=ayse, at=now, reserve_key="h1"),
            Capture(key="c2", member_id=ayse, at=now, reserve_key="h1"),
            Capture(key="c3", member_id=ayse, at=until, reserve_key="h2"),
        ],
        at=until,
    )
    assert [outcome.reason for outcome in outcomes] == [
        "",
        "",
        "the member has 40 active points; 41 are asked for",
        "",
        "the reservation 'h1' stands no more",
        f"the reservation 'h2' has run out at {until.isoformat()}",
    ]
    assert outcomes[-1].balance == has(active=40, reserved=50, lifetime=150)
    assert loyalty.release_due(until - timedelta(seconds=1)) is False
    assert loyalty.release_due(until) is True
    assert loyalty.release_due(until) is False
    assert loyalty.balances([ayse], at=until)[ayse] == has(active=90, lifetime=150)
    assert rows("SELECT count(*) FROM loyalty_hold") == [(0,)]
    assert audited() == ()


def test_accounts_that_become_one_are_parted_again(ayse, now):
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty import models
    from sadakat.loyalty.testing import make_member

    isil = make_member(102, at=now)
    loyalty.post(
        [
            Award(key="p", member_id=ayse, at=now, points=10, is_pending=True),
            Spend(key="s", member_id=ayse, at=now, points=30),
            Award(key="i", member_id=isil, at=now, points=5),
            Transfer(key="merge", member_id=ayse, at=now, to_member_id=isil, points=None),
        ],
        at=now,
    )
    models.Member.objects.filter(id=ayse).update(merged_into_id=isil)
    assert loyalty.balances([ayse, isil], at=now) == {
        ayse: has(lifetime=160),
        isil: has(active=125, pending=10, lifetime=165),
    }
    # Whoever Ayşe has become gets back what she spent and pays for what she was given.
    loyalty.post(
        [
            Restore(key="r", member_id=isil, at=now, spend_key="s", upto=30),
            Reverse(key="v", member_id=isil, at=now, award_key="p", upto=10),
            Spend(key="s2", member_id=isil, at=now, points=20),
        ],
        at=now,
    )
    assert loyalty.balances([isil], at=now) == {isil: has(active=135, lifetime=155)}
    assert [(line.key, line.points) for line in loyalty.ledger(isil)] == [
        ("s2", -20),
        ("v", -10),
        ("r", 30),
        ("merge", 130),
        ("i", 5),
    ]
    (back,) = loyalty.post([Return(key="part", member_id=ayse, at=now, transfer_key="merge")], at=now)
    # Of the 70 that expire soon 20 are spent.
    assert (back.points, back.balance.active) == (100, 100)
    assert audited() == ()


def test_a_late_event_is_seen_in_the_past_it_belongs_to(ayse, now):
    from sadakat.loyalty import api as loyalty

    loyalty.post([Award(key="late", member_id=ayse, at=now - 30 * DAY, points=8)], at=now + DAY)
    assert loyalty.balance_as_of(ayse, at=now - 31 * DAY) == has()
    assert loyalty.balance_as_of(ayse, at=now - 30 * DAY) == has(active=8, lifetime=8)
    assert loyalty.balance_as_of(ayse, at=now) == has(active=158, lifetime=158)
    *newer, line = loyalty.ledger(ayse)
    assert (line.key, line.at, line.recorded_at, line.points, line.expires_at) == (
        "late",
        now - 30 * DAY,
        now + DAY,
        8,
        None,
    )
    assert [each.key for each in newer] == ["soon", "never"]
    pages = [loyalty.ledger(ayse, before_id=each.operation_id, limit=1) for each in (*newer, line)]
    assert [[each.key for each in page] for page in pages] == [["never"], ["late"], []]


def test_a_clock_that_runs_ahead_expires_nothing(ayse, now):
    from sadakat.loyalty import api as loyalty

    (done,) = loyalty.post([Spend(key="s", member_id=ayse, at=now + 400 * DAY, points=150)], at=now)
    assert (done.is_done, operation_named("s").at) == (True, now)


def test_a_batch_of_the_caller_is_undone_with_the_callers_transaction(ayse, now):
    from sadakat.loyalty.operations import ledger

    with transaction.atomic():
        (done,) = ledger.post_batch([Spend(key="s", member_id=ayse, at=now, points=1)], at=now)
        assert done.is_done
        transaction.set_rollback(True)
    assert operation_named("s") is None
    assert rows("SELECT count(*) FROM events_inbox") == [(2,)]


IMPOSSIBLE = {
    "overdraft": "UPDATE loyalty_balances SET active = -1, issued = issued + active + 1",
    "unbalanced": "UPDATE loyalty_balances SET active = active + 1",
    "deficit beside points": "UPDATE loyalty_balances SET deficit = -5, issued = issued + 5",
    "negative lot": "UPDATE loyalty_lot SET remaining = -1",
    "fuller lot": "UPDATE loyalty_lot SET remaining = points + 1",
    "entry from nowhere": "UPDATE loyalty_entry SET points = points + 1",
    "entry undone": "DELETE FROM loyalty_entry",
    "entries undone": "TRUNCATE loyalty_entry",
    "one-sided entry": "INSERT INTO loyalty_entry (operation_id, member_id, source, target, points, at, recorded_at)"
    " SELECT operation_id, member_id, 'active', 'active', 1, at, at FROM loyalty_entry",
    "entry of nothing": "INSERT INTO loyalty_entry (operation_id, member_id, source, target, points, at, recorded_at)"
    " SELECT operation_id, member_id, 'issued', 'active', 0, at, at FROM loyalty_entry",
    "unknown account": "INSERT INTO loyalty_entry (operation_id, member_id, source, target, points, at, recorded_at)"
    " SELECT operation_id, member_id, 'issued', 'pocket', 1, at, at FROM loyalty_entry",
    "undone twice": "UPDATE loyalty_operation SET undone = points + 1",
    "same key": "INSERT INTO loyalty_operation (key, fingerprint, member_id, kind, at, recorded_at, points, reference,"
    " actor, actor_name) SELECT key, '', member_id, kind, at, at, 1, '{}', '', '' FROM loyalty_operation",
}


@pytest.mark.parametrize("attempt", IMPOSSIBLE)
def test_the_database_refuses_the_impossible(ayse, database, attempt):
    with psycopg.connect(database, autocommit=True) as raw:
        refused = (psycopg.errors.CheckViolation, psycopg.errors.RestrictViolation, psycopg.errors.UniqueViolation)
        with pytest.raises(refused):
            raw.execute(IMPOSSIBLE[attempt])
    assert audited() == ()


def test_an_audit_names_what_does_not_agree(ayse, database, now):
    from sadakat.loyalty import api as loyalty

    with psycopg.connect(database, autocommit=True) as raw:
        raw.execute("UPDATE loyalty_balances SET active = active + 3, issued = issued - 3")
        raw.execute("UPDATE loyalty_lot SET remaining = remaining - 1 WHERE points = 50")
    assert loyalty.audit(member_ids=[ayse + 1]).problems == ()
    report = loyalty.audit(member_ids=[ayse])
    assert (report.members, report.entries) == (1, 2)
    assert report.problems == (
        f"member {ayse}: active is 153 by balances, 150 by entries",
        f"member {ayse}: active is 153 by balances, 149 by lots",
        f"member {ayse}: issued is -153 by balances, -150 by entries",
        f"member {ayse}: lot 1 has 49 points left of 50, though 0 were taken",
    )


def test_chained_entries_show_whoever_tampers(ayse, database, now, monkeypatch):
    from sadakat.loyalty import api as loyalty

    monkeypatch.setenv("SADAKAT_LEDGER_CHAIN", "1")
    from sadakat.platform import settings

    settings.current.cache_clear()
    try:
        loyalty.post([Spend(key=f"s{n}", member_id=ayse, at=now, points=10) for n in range(3)], at=now)
    finally:
        monkeypatch.undo()
        settings.current.cache_clear()
    # A chain that has begun goes on, through the sweep too.
    assert loyalty.expire_due(now + 11 * DAY) is True
    assert rows("SELECT hash IS NULL FROM loyalty_entry ORDER BY id") == [(True,)] * 2 + [(False,)] * 4
    assert audited() == ()
    with psycopg.connect(database, autocommit=True) as raw:
        raw.execute("ALTER TABLE loyalty_entry DISABLE TRIGGER loyalty_entry_stays")
        raw.execute("UPDATE loyalty_entry SET at = at - interval '1 day' WHERE id = 4")
    assert audited() == (f"member {ayse}: the hash chain breaks at entry 4",)
    with psycopg.connect(database, autocommit=True) as raw:
        raw.execute("UPDATE loyalty_entry SET at = at + interval '1 day' WHERE id = 4")
        raw.execute("DELETE FROM loyalty_entry WHERE id = 6")
    assert f"member {ayse}: the hash chain does not end where the balances say" in audited()


@pytest.mark.parametrize("seed", range(4))
def test_random_batches_are_what_the_plain_model_says(database, now, seed):
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.operations import book
    from sadakat.loyalty.testing import make_members

    chance = random.Random(seed)
    members = make_members(range(1, 4), at=now)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE platform_brand SET time_zone = 'UTC'")
    model, clock = Model(members), now
    known: list[Command] = []
    book.LOTS_READ, usual = 3, book.LOTS_READ  # so that members with many lots need another trip
    try:
        for _ in range(25):
            clock += timedelta(hours=chance.randint(0, 40))
            batch = [
                _some_command(chance, members, known, number=len(known) + n, at=clock)
                for n in range(chance.randint(1, 12))
            ]
            expected = [model.do(command) for command in batch]
            outcomes = loyalty.post(batch, at=clock)
            assert [o.points if o.is_done else None for o in outcomes] == expected, batch
            known += [command for command, outcome in zip(batch, outcomes, strict=True) if outcome.is_done]
            assert loyalty.balances(members, at=clock) == {member: model.balance(member, clock) for member in members}
            assert audited() == ()
    finally:
        book.LOTS_READ = usual


def _some_command(chance: random.Random, members: list[int], known: list[Command], *, number: int, at: Any) -> Command:
    def named(*kinds: type) -> str:
        return chance.choice([c.key for c in known if isinstance(c, kinds)] or ["none"])

    said: dict[str, Any] = {"key": f"k{number}", "member_id": chance.choice(members), "at": at}
    points, policy = chance.randint(1, 100), chance.choice(list(ClawBack))
    days = chance.choice([0, 1, 3, 9])
    life = Expiry(Span.DAYS, days) if days else Expiry()
    return chance.choice(
        [
            lambda: Award(**said, points=points, expiry=life, is_pending=chance.random() < 0.3),
            lambda: Award(**said, points=points, expiry=life),
            lambda: Activate(**said, award_key=named(Award, Transfer)),
            lambda: Spend(**said, points=points),
            lambda: Reserve(**said, points=points, until=at + timedelta(hours=chance.randint(1, 50))),
            lambda: Capture(**said, reserve_key=named(Reserve)),
            lambda: Release(**said, reserve_key=named(Reserve)),
            lambda: Restore(**said, spend_key=named(Spend, Capture), upto=points),
            lambda: Reverse(**said, award_key=named(Award), upto=points, policy=policy),
            lambda: Deduct(**said, points=points, policy=policy),
            lambda: Expire(**said),
            lambda: Transfer(**said, to_member_id=chance.choice(members), points=chance.choice([None, points])),
            lambda: Return(**said, transfer_key=named(Transfer)),
            lambda: chance.choice(known or [Expire(**said)]),
        ]
    )()
