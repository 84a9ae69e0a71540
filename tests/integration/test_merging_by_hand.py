"""What people decide of who is one customer: merges by hand, undoing any merge, conflicts, and all of it at random."""

import json
from datetime import datetime, timedelta

import psycopg
import pytest

from sadakat.customers.testing import AYSE, BARIS, ISIL
from sadakat.kernel.errors import NotFound, Refused, Unavailable
from sadakat.platform.audit import Actor
from sadakat.platform.database.connection import Lock
from tests.integration import deciding
from tests.integration.deciding import Home, audited, everything, told
from tests.integration.pipeline import rows, run

DENIZ = Actor("user:1", "Deniz")

home = deciding.home


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
