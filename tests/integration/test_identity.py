"""The resolver on the real database: what a batch writes, and that batches end where everything at once does."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sadakat.customers.testing import AYSE, BARIS, CAGLA, ISIL
from sadakat.events.types import Source, SourceKind, Unresolved
from sadakat.kernel.errors import Invalid, NotFound

SHOP, SITE, APP = 101, 102, 103


def source(id_: int, kind: SourceKind, *, is_trusted: bool, joins_profiles: bool) -> Source:
    return Source(
        id=id_,
        name=f"source {id_}",
        kind=kind,
        is_trusted=is_trusted,
        joins_profiles=joins_profiles,
        accepts_orders=is_trusted,
        namespace="",
        allowed_origins=(),
        is_enabled=True,
    )


SOURCES = {
    SHOP: source(SHOP, SourceKind.SERVER, is_trusted=True, joins_profiles=True),
    SITE: source(SITE, SourceKind.BROWSER, is_trusted=False, joins_profiles=False),
    APP: source(APP, SourceKind.BROWSER, is_trusted=False, joins_profiles=True),
}


class Shop:
    """Sends events to the resolver, as many at once as it is told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.position = 0

    def send(self, *said: Sequence[str], source_id: int = SHOP, day: int = 0) -> list[int]:
        from sadakat.customers.plugs.identity import IdentityResolver

        batch = []
        for identifiers in said:
            self.position += 1
            batch.append(
                Unresolved(
                    position=self.position,
                    source_id=source_id,
                    at=self.now + timedelta(days=day, seconds=self.position),
                    identifiers=tuple(identifiers),
                )
            )
        with transaction.atomic():
            return list(IdentityResolver().resolve(batch, sources=SOURCES))


@pytest.fixture
def shop(database: str, now: datetime) -> Shop:
    return Shop(now)


def rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def the_map() -> dict[object, object]:
    return dict(rows("SELECT profile_id, customer_id FROM customers_profile"))


def facts() -> list[tuple[object, ...]]:
    return rows("SELECT event, identifiers[1], body -> 'properties' FROM events_inbox ORDER BY id")


def test_event_belongs_to_its_strongest_identifier(shop: Shop) -> None:
    assert shop.send(["anonymous_id:a"], ["user_id:1", "email:e@example.com", "anonymous_id:a"], ["email:e@example.com"], []) == [1, 2, 3, 0]  # fmt: skip
    assert shop.send(["email:e@example.com"], ["anonymous_id:a"], ["user_id:1"]) == [3, 1, 2]
    assert the_map() == {1: 1, 2: 1, 3: 1}
    assert rows(
        "SELECT low_profile_id, high_profile_id, reason, source_id, position FROM customers_link ORDER BY 1, 2"
    ) == [
        (1, 2, "user_id+anonymous_id", SHOP, 2),
        (2, 3, "user_id+email", SHOP, 2),
    ]


def test_whoever_is_born_together_is_not_merged(shop: Shop) -> None:
    assert shop.send(AYSE.keys) == [1]
    assert the_map() == dict.fromkeys(range(1, 6), 1)
    assert rows("SELECT * FROM customers_merge") == []
    assert facts() == []


def test_merge_is_recorded_told_and_marked(shop: Shop, now: datetime) -> None:
    shop.send(["card:1"], ["email:e@example.com", "phone:+905321234567"])
    shop.send(["user_id:7", "card:1"])
    assert rows("SELECT * FROM customers_merge") == []
    shop.send(["user_id:7", "email:e@example.com"])
    at = now + timedelta(seconds=4)
    assert rows("SELECT winner_id, loser_id, profiles, reason, position, at FROM customers_merge") == [
        (1, 2, [2, 3], "user_id+email", 4, at)
    ]
    assert facts() == [
        ("Customers Merged", "profile:1", '{"reason": "user_id+email", "loser_id": 2, "winner_id": 1}'),
    ]  # fmt: skip
    assert the_map() == {1: 1, 2: 1, 3: 1, 4: 1}
    from sadakat.customers import api as customers

    (merge,) = customers.merges_of(1)
    assert (merge.winner_id, merge.loser_id, merge.reason, merge.at) == (1, 2, "user_id+email", at)
    assert customers.customers_of([1, 3, 99]) == {1: 1, 3: 1}
    assert customers.profiles_of([1, 2]) == {1: (1, 2, 3, 4)}
    assert rows("SELECT changes FROM platform_lakepartition WHERE dataset = 'profile_map'") == [(3,)]


def test_quiet_batch_changes_nothing(shop: Shop) -> None:
    shop.send(AYSE.keys, ISIL.keys)
    before = rows("SELECT xmin::text, key FROM customers_identifier ORDER BY key")
    shop.send(AYSE.keys, ISIL.keys[:2], source_id=SHOP)
    assert rows("SELECT xmin::text, key FROM customers_identifier ORDER BY key") == before
    assert rows("SELECT changes FROM platform_lakepartition WHERE dataset = 'profile_map'") == [(1,)]


def test_days_and_verification_of_identifiers(shop: Shop, now: datetime) -> None:
    shop.send(["user_id:1", "email:e@example.com"])
    shop.send(["user_id:1", "!email:e@example.com"], day=2)
    shop.send(["email:e@example.com"], day=-3)
    second = timedelta(seconds=1)
    assert rows(
        "SELECT key, is_verified, source_id, first_seen_at, last_seen_at FROM customers_identifier ORDER BY key"
    ) == [
        ("email:e@example.com", True, SHOP, now - timedelta(days=3) + 3 * second, now + timedelta(days=2) + 2 * second),
        ("user_id:1", False, SHOP, now + second, now + timedelta(days=2) + 2 * second),
    ]


def test_second_user_id_is_a_listed_conflict(shop: Shop, now: datetime) -> None:
    from sadakat.customers import api as customers

    shop.send(["user_id:1", "anonymous_id:a"])
    shop.send(["user_id:2", "anonymous_id:a"])
    assert customers.find("user_id:1") == customers.find("anonymous_id:a") == 1
    assert customers.find("user_id:2") == 3
    (conflict,) = customers.conflicts()
    assert (conflict.customer_ids, conflict.reason, conflict.at) == (
        (1, 3),
        "user_id_limit",
        now + timedelta(seconds=2),
    )
    assert customers.conflicts(customer_id=3) == (conflict,)
    assert customers.conflicts(customer_id=2) == ()
    assert facts() == []
    # The device is a shared one from now on: what comes with it alone is nobody's.
    shop.send(["email:e@example.com", "anonymous_id:a"])
    assert customers.find("email:e@example.com") == 4
    assert [c.reason for c in customers.conflicts()] == ["shared_device", "user_id_limit"]


def test_untrusted_source_that_may_not_join_says_nothing(shop: Shop) -> None:
    assert shop.send(["anonymous_id:a"], ["user_id:1", "anonymous_id:a"], source_id=SITE) == [1, 2]
    assert the_map() == {1: 1, 2: 2}
    assert rows("SELECT * FROM customers_link") == []
    assert rows("SELECT * FROM customers_conflict") == []


def test_untrusted_source_that_may_join_never_joins_two_known(shop: Shop) -> None:
    from sadakat.customers import api as customers

    shop.send(["anonymous_id:a"], ["user_id:1", "anonymous_id:a"], source_id=APP)
    assert the_map() == {1: 1, 2: 1}
    shop.send(["user_id:2", "anonymous_id:a"], source_id=APP)
    assert the_map() == {1: 1, 2: 1, 3: 3}
    assert [(c.customer_ids, c.reason) for c in customers.conflicts()] == [((1, 3), "browser_source")]


def test_trusted_word_goes_before_an_untrusted_one(shop: Shop) -> None:
    from sadakat.customers import api as customers

    shop.send(["user_id:1", "anonymous_id:a"], source_id=APP)
    shop.send(["email:e@example.com", "anonymous_id:a"])
    assert the_map() == {1: 1, 2: 2, 3: 2}
    assert [(c.customer_ids, c.reason) for c in customers.conflicts()] == [((1, 2), "browser_source")]
    told = [(event, profile) for event, profile, _ in facts()]
    assert told == [("Customers Separated", "profile:2"), ("Customers Separated", "profile:1")]
    # Said by the shop as well, the first word is as good as the second.
    shop.send(["user_id:1", "anonymous_id:a"])
    assert the_map() == {1: 1, 2: 1, 3: 1}
    assert customers.conflicts() == ()


def test_email_verified_later_takes_customers_apart(shop: Shop) -> None:
    from sadakat.customers import api as customers

    shop.send(["phone:+905321234567", "email:a@example.com"][::-1])
    shop.send(["email:b@example.com", "phone:+905321234567"])
    assert the_map() == {1: 1, 2: 1, 3: 1}
    shop.send(["!email:a@example.com"])
    assert the_map() == {1: 1, 2: 1, 3: 1}
    shop.send(["!email:b@example.com"])
    assert the_map() == {1: 1, 2: 1, 3: 3}
    assert [(c.customer_ids, c.reason) for c in customers.conflicts()] == [((1, 3), "verified_email_limit")]
    assert facts() == [
        ("Customers Separated", f"profile:{p}", '{"reason": "recomputed", "customer_id": 1, "new_customer_id": 3}')
        for p in (3, 1)
    ]


def test_customers_are_found_by_any_spelling_and_by_ids_of_old(shop: Shop) -> None:
    from sadakat.customers import api as customers

    shop.send(["email:e@example.com"], ["phone:+905321234567"], ["email:e@example.com", "phone:+905321234567"])
    assert [customers.find(ref) for ref in ("1", "2", "phone:0532 123 45 67", "email: E@Example.com")] == [1, 1, 1, 1]
    assert customers.customer(2).id == 1
    for ref in ("99", "9" * 5000, "user_id:1", "phone:155", "user_id:null"):
        with pytest.raises(NotFound):
            customers.find(ref)
    for ref in ("", "ayse", "tckn:1", "-1"):
        with pytest.raises(Invalid):
            customers.find(ref)


def test_fixed_cast_is_four_customers(database: str, now: datetime) -> None:
    from sadakat.customers.testing import CAST, known_as

    assert [known_as(*person.keys, at=now) for person in CAST] == [1, 6, 11, 16]
    assert known_as(BARIS.keys[0], CAGLA.keys[0], at=now) == 11  # two user ids: no merge


# Few keys, so that limits are hit, words of trusted and untrusted sources meet, and e-mails are verified late.
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
EVENT = st.tuples(
    st.sampled_from([SHOP, SHOP, APP, SITE]),
    st.lists(st.integers(0, len(KEYS) - 1), min_size=2, max_size=3, unique_by=lambda n: KEYS[n].lstrip("!")),
)


@given(st.lists(EVENT, min_size=4, max_size=20), st.integers(1, 6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_end_where_everything_at_once_does(shop: Shop, said: list[tuple[int, list[int]]], size: int) -> None:
    """The map and the standing conflicts are the partition of all links, however the events were batched."""
    from sadakat.customers.operations.mapping import connected_with
    from sadakat.customers.plugs.identity import IdentityResolver
    from sadakat.customers.rules import joining

    with transaction.atomic():
        batch = [
            Unresolved(
                position=position,
                source_id=source_id,
                at=shop.now + timedelta(seconds=position),
                identifiers=tuple(KEYS[n] for n in sorted(numbers)),
            )
            for position, (source_id, numbers) in enumerate(said, start=1)
        ]
        for start in range(0, len(batch), size):
            IdentityResolver().resolve(batch[start : start + size], sources=SOURCES)
        everything = connected_with(the_map(), untrusted=[SITE, APP])  # type: ignore[arg-type]
        whole = joining.partition(everything.customers, everything.links, everything.identifiers)
        assert everything.customers == whole.customers
        listed = rows("""
            SELECT low_profile_id, high_profile_id FROM customers_conflict
            JOIN customers_profile AS low ON low.profile_id = low_profile_id
            JOIN customers_profile AS high ON high.profile_id = high_profile_id
            WHERE solved_at IS NULL AND low.customer_id <> high.customer_id""")
        assert set(listed) == set(whole.conflicts)
        transaction.set_rollback(True)
