"""What identify calls say of people, what they do, and the feature row that is made of it."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from sadakat.customers.testing import AYSE, BARIS, ISIL, known_as
from sadakat.customers.types import Feature, FeatureType
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused

Send = Callable[..., None]


@pytest.fixture
def send(database: str, now: datetime) -> Send:
    """Sends messages through the whole pipeline and lets the consumers of this context handle them."""
    from sadakat.customers import api as customers
    from sadakat.events import api as events
    from sadakat.platform import audit

    sources = {
        name: events.create_source(name=name, kind=kind, actor=audit.SYSTEM, at=now)[0]
        for name, kind in (("shop", "server"), ("till", "import"), ("site", "browser"))
    }

    def work(messages: Iterable[dict[str, Any]], *, source: str = "shop") -> None:
        raw = [json.dumps(message).encode() for message in messages]
        events.import_messages(source=sources[source], raw_messages=raw, at=now)
        while events.sequence(at=now).sequenced:
            pass
        for consumer in customers.CONSUMERS:
            while events.consume(consumer.name, at=now):
                pass

    return work


def identify(n: int, at: datetime, **fields: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": f"m{n}", "timestamp": at.isoformat()} | fields


def traits_of(ref: str) -> dict[str, Any]:
    from sadakat.customers import api as customers

    found = customers.customer(customers.find(ref))
    row = customers.search(ref).rows
    with connection.cursor() as cursor:
        cursor.execute("SELECT traits::text FROM customers_feature WHERE customer_id = %s", [found.id])
        (kept,) = cursor.fetchone()
    values = {name: trait.value for name, trait in found.traits.items()}
    assert json.loads(kept) == values, "the feature row and the customer say the same"
    assert [r.id for r in row] == [found.id]
    return values


def aside() -> list[tuple[str, str]]:
    from sadakat.events import api as events

    return [(failed.consumer, failed.reason) for failed in events.failed_events()]


def test_latest_word_counts_whatever_the_order(send: Send, now: datetime) -> None:
    day = timedelta(days=1)
    send([identify(1, now - day, userId="1", traits={"city": "Muğla", "age": 30})])
    send([identify(2, now - 2 * day, userId="1", traits={"city": "Iğdır", "shoe": 38})])
    send(
        [
            identify(3, now - 3 * day, userId="1", traits={"age": 29}),
            identify(4, now, userId="1", traits={"shoe": None}),
        ]
    )
    assert traits_of("user_id:1") == {"city": "Muğla", "age": 30}
    assert aside() == []


def test_of_two_words_of_one_moment_the_same_one_counts_in_any_order(send: Send, now: datetime) -> None:
    said = {n: identify(n, now, userId=f"u{n % 2}", traits={"city": f"c{n}"}) for n in (1, 2, 3, 4)}
    send([said[1], said[3]])
    send([said[4]])
    send([said[2]])
    with connection.cursor() as cursor:
        cursor.execute("SELECT body ->> 'messageId', mid FROM events_log")
        mids = dict(cursor.fetchall())
    assert traits_of("user_id:u1")["city"] == ("c1" if mids["m1"] > mids["m3"] else "c3")
    assert traits_of("user_id:u0")["city"] == ("c2" if mids["m2"] > mids["m4"] else "c4")


def test_traits_of_both_places_with_their_source(send: Send, now: datetime) -> None:
    from sadakat.customers import api as customers
    from sadakat.events import api as events

    send(
        [identify(1, now, userId="1", traits={"plan": "a"}, context={"traits": {"plan": "b", "city": "Muğla"}})],
        source="till",
    )
    trait = customers.customer(customers.find("user_id:1")).traits["city"]
    assert (trait.value, trait.at, trait.source_id) == ("Muğla", now, events.source_named("till").id)
    assert traits_of("user_id:1") == {"plan": "a", "city": "Muğla"}


def test_browser_writes_no_traits_of_a_known_user(send: Send, now: datetime) -> None:
    send([identify(1, now - timedelta(days=1), userId="1", traits={"city": "Muğla"})])
    send([identify(2, now, userId="1", traits={"city": "x", "vip": True})], source="site")
    assert traits_of("user_id:1") == {"city": "Muğla"}
    assert aside() == []


def test_browser_writes_traits_of_the_anonymous_below_trusted_ones(send: Send, now: datetime) -> None:
    send([identify(1, now, anonymousId="a", traits={"city": "x", "colour": "mavi"})], source="site")
    assert traits_of("anonymous_id:a") == {"city": "x", "colour": "mavi"}
    send([identify(2, now - timedelta(days=9), userId="1", anonymousId="a", traits={"city": "Muğla"})])
    assert traits_of("user_id:1") == {"city": "Muğla", "colour": "mavi"}


def test_what_cannot_be_kept_is_set_aside_and_the_rest_goes_on(send: Send, now: datetime) -> None:
    send(
        [
            identify(1, now, userId="1", traits={"city": "Muğla", "bio": "x" * 10_000}),
            identify(2, now, userId="2", traits={f"t{n}": n for n in range(101)}),
            identify(3, now, userId="3", traits={"city": "Iğdır"}),
        ],
        source="till",
    )
    assert sorted(aside()) == [
        ("customers.traits", "a call may have 100 traits, not 101"),
        ("customers.traits", "trait 'bio' may have 4,096 bytes, not 10,002"),
    ]
    assert traits_of("user_id:1") == {"city": "Muğla"}
    assert traits_of("user_id:2") == {}
    assert traits_of("user_id:3") == {"city": "Iğdır"}


def test_merge_moves_traits_names_and_activity(send: Send, now: datetime) -> None:
    from sadakat.customers import api as customers

    hour = timedelta(hours=1)
    send(
        [
            {
                "type": "page",
                "messageId": "p1",
                "anonymousId": AYSE.anonymous_id,
                "timestamp": (now - 5 * hour).isoformat(),
            }
        ],
        source="site",
    )
    send([{"type": "track", "event": "Visit", "messageId": "v1", "timestamp": (now - 4 * hour).isoformat(),
           "context": {"externalIds": [{"type": "card", "id": AYSE.card}]}}], source="till")  # fmt: skip
    before = customers.search(order="first_seen_at")
    assert [(row.id, row.features["events"], row.features["is_known"]) for row in before.rows] == [
        (1, 1, False),
        (2, 1, True),
    ]
    send([AYSE.identify(at=now, message_id="i1")])
    ayse = customers.customer(2)
    assert ayse.id == 1
    assert ayse.name == "Ayşe Yılmaz"
    # The page, the visit and the call; the fact of the merge is ours and counts as nobody's doing.
    assert {
        name: ayse.features[name] for name in ("events", "first_seen_at", "last_seen_at", "first_source", "is_known")
    } == {
        "events": 3,
        "first_seen_at": now - 5 * hour,
        "last_seen_at": now,
        "first_source": "site",
        "is_known": True,
    }
    assert customers.search().total == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT customer_id, name, search_text FROM customers_feature")
        assert cursor.fetchall() == [
            (1, "Ayşe Yılmaz", " ayse yilmaz 60340000011 ayse.yilmaz@example.com 905321234501")
        ]


def test_handling_again_changes_nothing_but_the_count(send: Send, now: datetime) -> None:
    """A consumer is handed single events again after a failure: traits must not depend on it."""
    from sadakat.customers import api as customers
    from sadakat.events import api as events
    from sadakat.events.types import Batch

    earlier = now - timedelta(seconds=1)
    send(
        [
            identify(n, at, userId="1", traits={"city": city})
            for n, at, city in ((1, earlier, "Muğla"), (2, now, "Iğdır"))
        ]
    )
    with transaction.atomic():
        again = Batch(events=events.read_positions([1]), after=0, upto=1, at=now)
        customers.TRAITS.handle(again, set_aside=lambda **said: pytest.fail(str(said)))
    assert traits_of("user_id:1") == {"city": "Iğdır"}


# Features


@pytest.fixture
def points(database: str) -> Iterable[Feature]:
    from sadakat.customers import api as customers
    from sadakat.customers import features

    feature = Feature(name="test_points", type=FeatureType.INTEGER, owner="tests", label="Points", meaning="Points")
    customers.register_feature(feature)
    customers.ensure_feature_columns()
    yield feature
    del features._features[feature.name]


def test_features_are_written_by_their_owner(points: Feature, now: datetime) -> None:
    from sadakat.customers import api as customers

    ids = [known_as(*person.keys, at=now) for person in (AYSE, ISIL, BARIS)]
    customers.set_features(owner="tests", values={ids[1]: {"test_points": 5}, ids[0]: {"test_points": None}}, at=now)
    customers.set_features(
        owner="tests", values={ids[1]: {"test_points": 7}, 4711: {"test_points": 1}, 2: {"test_points": 1}}, at=now
    )
    customers.set_features(owner="tests", values={}, at=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT customer_id, test_points, changed_at FROM customers_feature ORDER BY 1")
        assert cursor.fetchall() == [(ids[0], None, now), (ids[1], 7, now)]
    assert customers.customer(ids[1]).features["test_points"] == 7
    assert customers.customer(ids[2]).features["test_points"] is None
    assert customers.search(filters=[customers.parse_filter("test_points.at_least.7")]).rows[0].id == ids[1]


@pytest.mark.parametrize(
    ("owner", "values", "error"),
    [
        ("tests", {1: {"no_such": 1}}, NotFound),
        ("commerce", {1: {"test_points": 1}}, Refused),
        ("tests", {1: {"events": 1}}, Refused),
        ("tests", {1: {"test_points": 1}, 2: {}}, Invalid),
    ],
)
def test_features_that_are_refused_leave_nothing(
    points: Feature, now: datetime, owner: str, values: dict[int, dict[str, Any]], error: type[Exception]
) -> None:
    from sadakat.customers import api as customers

    known_as("user_id:1", at=now)
    with pytest.raises(error):
        customers.set_features(owner=owner, values=values, at=now)
    assert customers.search().total == 0


@pytest.mark.parametrize("name", ["", "Points", "1st", "a b", "name", "customer_id", "x" * 60, 'a"; drop table'])
def test_names_that_are_no_columns(name: str) -> None:
    from sadakat.customers import features

    with pytest.raises(Invalid):
        features.register_feature(Feature(name=name, type=FeatureType.TEXT, owner="tests", label="", meaning=""))


def test_two_features_of_one_name_are_refused() -> None:
    from sadakat.customers import features

    features.register_feature(features.OWN[0])
    with pytest.raises(Conflict, match="customers has already registered"):
        features.register_feature(Feature(name="events", type=FeatureType.TEXT, owner="tests", label="", meaning=""))


def test_columns_are_added_once_and_never_dropped(points: Feature) -> None:
    from sadakat.customers import api as customers

    customers.ensure_feature_columns()
    with connection.cursor() as cursor:
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'customers_feature'::regclass AND attnum > 0")
        columns = {row[0] for row in cursor.fetchall()}
    assert columns == {"customer_id", "traits", "name", "search_text", "changed_at", *customers.features()}


def test_rows_are_locked_in_the_order_of_customers(points: Feature, database: str, now: datetime) -> None:
    """Whoever writes waits at the smallest row held by another, and holds none that is larger: no deadlock."""
    from sadakat.customers import api as customers

    ids = sorted(known_as(f"user_id:{n}", at=now) for n in range(3))
    customers.set_features(owner="tests", values={i: {"test_points": 0} for i in ids}, at=now)
    with psycopg.connect(database) as other:
        other.execute("UPDATE customers_feature SET test_points = 1 WHERE customer_id = %s", [ids[1]])
        connection.cursor().execute("SET lock_timeout = '50ms'")
        values = {i: {"test_points": 2} for i in reversed(ids)}
        with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
            customers.set_features(owner="tests", values=values, at=now)
        connection.cursor().execute("RESET lock_timeout")
        # The failed writer reached the middle row by way of the smallest and never touched the largest.
        largest = other.execute("SELECT xmax::text FROM customers_feature WHERE customer_id = %s", [ids[2]]).fetchone()
        smallest = other.execute("SELECT xmax::text FROM customers_feature WHERE customer_id = %s", [ids[0]]).fetchone()
    assert largest == ("0",)
    assert smallest != ("0",)


def test_lake_holds_the_map(database: str, now: datetime) -> None:
    from sadakat.customers import tables
    from sadakat.platform import engine, lake

    known_as("user_id:1", "email:e@example.com", at=now)
    known_as("phone:+905321234567", at=now)
    lake.sync(at=now)
    assert sorted(engine.collect(tables.profile_map()), key=lambda row: row["profile_id"]) == [
        {"profile_id": 1, "customer_id": 1},
        {"profile_id": 2, "customer_id": 1},
        {"profile_id": 3, "customer_id": 3},
    ]
