"""What orders and events earn, whatever comes first, twice, in part or late."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sadakat.events.types import SourceKind
from tests.integration import earning
from tests.integration.earning import CANCELLED, PURCHASES, REFUNDED, UPDATED, Shop, operations, whole
from tests.integration.pipeline import rows

shop = earning.shop
SHIRT = {"product_id": "shirt", "price": 60, "quantity": 2}
SOCKS = {"product_id": "socks", "price": 20, "quantity": 4}


def test_an_order_makes_a_member_and_earns_once(shop: Shop) -> None:
    shop.programme()
    shop.send(shop.order(revenue="100.99", products=[SHIRT, SOCKS]))

    assert shop.points() == (100, 0)
    assert shop.member().enrolled_by == "automatic"
    assert shop.member().enrolled_at == shop.start
    assert operations() == [("earn:order::1001", "award", 100, 0)]
    shop.send(shop.order(revenue="100.99", products=[SHIRT, SOCKS], day=0.5))
    shop.replay()
    assert operations() == [("earn:order::1001", "award", 100, 0)]
    whole()


def test_refunds_by_line_take_back_what_the_lines_have_earned(shop: Shop) -> None:
    shop.programme()
    shop.send(shop.order(products=[SHIRT, SOCKS]))
    assert shop.points() == (200, 0)

    shop.send(shop.order(REFUNDED, day=1, products=[{"product_id": "socks", "quantity": 1}]))
    assert shop.points() == (180, 0)
    shop.send(shop.order(REFUNDED, day=2, products=[{"product_id": "shirt"}]))
    assert shop.points() == (60, 0)
    shop.send(shop.order(REFUNDED, day=3))
    shop.replay()

    assert shop.points() == (0, 0)
    assert operations() == [
        ("earn:order::1001", "award", 200, 200),
        ("unearn:order::1001:20", "reverse", 20, 0),
        ("unearn:order::1001:140", "reverse", 120, 0),
        ("unearn:order::1001:200", "reverse", 60, 0),
    ]
    whole()


def test_a_refund_that_comes_first_leaves_the_same_rows(shop: Shop) -> None:
    shop.programme()
    shop.send(shop.order(REFUNDED, day=1, products=[{"product_id": "socks", "quantity": 1}]))
    assert shop.points() is None
    shop.send(shop.order(products=[SHIRT, SOCKS]))

    assert shop.points() == (180, 0)
    assert operations() == [
        ("earn:order::1001", "award", 200, 20),
        ("unearn:order::1001:20", "reverse", 20, 0),
    ]
    assert rows("SELECT kind, at - %s FROM loyalty_operation ORDER BY id", shop.start) == [
        ("award", timedelta(0)),
        ("reverse", timedelta(days=1)),
    ]
    whole()


def test_what_is_refunded_or_cancelled_from_the_start_earns_nothing(shop: Shop) -> None:
    shop.programme()
    shop.send(shop.order(CANCELLED, day=1), shop.order(REFUNDED, number="1002", user="baris", day=1))
    shop.send(shop.order(revenue=100), shop.order(number="1002", user="baris", revenue=50))

    assert (shop.points(), shop.points("user_id:baris")) == (None, (0, 0))
    assert operations() == []
    whole()


def test_an_order_that_grows_earns_the_difference_and_one_that_shrinks_loses_it(shop: Shop) -> None:
    shop.programme()
    shop.send(shop.order(revenue=100))
    shop.send(shop.order(UPDATED, day=1, revenue=150))
    assert shop.points() == (150, 0)
    shop.send(shop.order(REFUNDED, day=2, revenue=30))
    assert shop.points() == (120, 0)
    shop.send(shop.order(UPDATED, day=3, revenue=90))
    assert shop.points() == (60, 0)
    shop.send(shop.order(CANCELLED, day=4))
    shop.replay()

    assert shop.points() == (0, 0)
    assert operations() == [
        ("earn:order::1001", "award", 100, 100),
        ("earn:order2::1001", "award", 50, 50),
        ("unearn:order2::1001:30", "reverse", 30, 0),
        ("unearn:order2::1001:50", "reverse", 20, 0),
        ("unearn:order::1001:40", "reverse", 40, 0),
        ("unearn:order::1001:100", "reverse", 60, 0),
    ]
    reasons = rows("SELECT reference ->> 'reason' FROM loyalty_operation WHERE kind = 'reverse' ORDER BY id")
    assert [reason for (reason,) in reasons] == ["refunded", "changed", "changed", "cancelled"]
    whole()


def test_claw_back_goes_by_the_breakdown_that_was_kept_and_not_by_todays_rules(shop: Shop) -> None:
    double = {**PURCHASES, "key": "shirts", "products": ["shirt"], "points_per_unit": 2}
    bonus = {"key": "bonus", "name": {"en": "Bonus"}, "event": "order", "points": 10}
    shop.programme(double, bonus, claw_back="unlimited", day=-10, multipliers=[
        {"key": "week", "name": {"en": "Double points week"}, "factor": 1.5}])  # fmt: skip
    shop.programme({**PURCHASES, "points_per_unit": 7}, claw_back="only_pending", day=5)
    shop.send(shop.order(products=[SHIRT, SOCKS]))
    assert shop.points() == (375, 0)  # (240 for shirts + 6 and 4 of the bonus by line) × 1.5

    # Half of the shirts: 240 / 2 + 6 / 2 + 4 = 127 of 250 points, × 375 / 250 = 190.5.
    shop.send(shop.order(REFUNDED, day=10, products=[{"product_id": "shirt", "quantity": 1}]))
    assert shop.points() == (190, 0)
    shop.send(shop.order(number="1002", day=10, revenue=10))
    assert shop.points() == (260, 0)
    # What the second version gave is taken back as it says: nothing is pending, so nothing.
    shop.send(shop.order(CANCELLED, number="1002", day=11))
    assert shop.points() == (260, 0)
    whole()


@pytest.mark.parametrize(
    ("policy", "after", "deficit"), [("within_balance", 0, 0), ("only_pending", 20, 0), ("unlimited", 0, 80)]
)
def test_claw_back_policies_when_points_are_spent(shop: Shop, policy: str, after: int, deficit: int) -> None:
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.types import Spend

    shop.programme(claw_back=policy)
    shop.send(shop.order(revenue=100))
    spend = Spend(key="s", member_id=shop.member().id, at=shop.start + timedelta(days=1), points=80)
    assert loyalty.post([spend], at=shop.now)[0].is_done
    shop.send(shop.order(CANCELLED, day=2))
    shop.replay()

    balance = shop.member().balance
    assert (balance.active, balance.deficit) == (after, deficit)
    # What could not be had is forgiven: later points are not taken for it, unless it is owed.
    shop.send(shop.order(number="1002", day=3, revenue=100))
    assert shop.points() == (100 + after - deficit, 0)
    whole()


def test_points_become_active_later_and_live_from_then_on(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty

    shop.programme(active_from="after_days", active_after_days=14, expiry={"span": "months", "count": 1})
    shop.send(shop.order(revenue=100), shop.order(number="1002", day=20, revenue=50))
    assert shop.points() == (0, 150)
    while loyalty.activate_due(shop.now):
        pass

    # Ordered on 21 October at noon in Istanbul; fourteen whole days later it is 5 November.
    assert shop.points() == (100, 50)
    assert [(each.points, each.expires_at) for each in shop.member().expiring] == [
        (100, datetime(2026, 12, 5, 21, tzinfo=UTC))
    ]
    shop.send(shop.order(CANCELLED, number="1002", day=21))
    assert shop.points() == (100, 0)
    whole()


@pytest.mark.parametrize("is_event_first", [False, True])
def test_points_become_active_by_an_event_whichever_comes_first(shop: Shop, *, is_event_first: bool) -> None:
    shop.programme(active_from="on_event", active_on_event="Order Delivered")
    orders = [shop.order(revenue=100), shop.order(number="1002", revenue=50)]
    delivered = shop.tracked("Order Delivered", day=3)
    delivered["properties"]["order_id"] = "1002"
    shop.send(shop.tracked("Product Viewed"))
    shop.send(*([delivered] if is_event_first else orders))
    shop.send(*(orders if is_event_first else [delivered]))
    shop.replay()
    assert shop.points() == (50, 100)

    untrusted = shop.new_source("site", kind=SourceKind.BROWSER)
    shop.send(shop.tracked("Order Delivered", day=4), source=untrusted)
    assert shop.points() == (50, 100)
    shop.send(shop.tracked("Order Delivered", day=5))
    assert shop.points() == (150, 0)
    whole()


def test_of_many_events_before_their_orders_the_first_that_is_meant_activates(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are read a page at a time, latest first, of all customers together."""
    from sadakat.loyalty.operations import activating

    monkeypatch.setattr(activating, "PAGE", 2)
    shop.programme(active_from="on_event", active_on_event="Order Delivered", expiry={"span": "days", "count": 40})
    shop.send(*(shop.tracked("Order Delivered", user=user, day=day) for user in ("ayse", "isil") for day in range(5)))
    shop.send(shop.order(revenue=100, day=0.5), shop.order(number="2", user="isil", revenue=50, day=3.5))
    assert (shop.points(), shop.points("user_id:isil")) == ((100, 0), (50, 0))
    activated = rows("SELECT at FROM loyalty_operation WHERE kind = 'activate' ORDER BY at")
    assert [(at - shop.start).days for (at,) in activated] == [1, 4]
    whole()


def test_a_tracked_birthday_earns_nothing_beside_the_day_itself(shop: Shop) -> None:
    shop.programme({"key": "birthday", "name": {"en": "Birthday"}, "event": "Birthday", "points": 100}, PURCHASES)
    shop.send(shop.order(revenue=1))
    shop.send(shop.tracked("Birthday", day=1))
    assert shop.points() == (1, 0)
    whole()


def test_events_that_rules_name(shop: Shop) -> None:
    review = {
        "key": "reviews",
        "name": {"en": "Reviews"},
        "event": "Product Reviewed",
        "points": 20,
        "having": {"property": "stars", "at_least": 4},
        "caps": [{"per": "month", "times": 2}],
    }
    welcome = {"key": "welcome", "name": {"en": "Welcome"}, "event": "Member Enrolled", "points": 5}
    shop.programme(PURCHASES, review, welcome)
    shop.send(shop.tracked("Product Reviewed", day=-1, stars=5))  # before the enrolment
    shop.send(shop.order(revenue=1))
    assert shop.points() == (6, 0)

    site = shop.new_source("site", kind=SourceKind.BROWSER)
    shop.send(shop.tracked("Product Reviewed", day=1, stars=5, product_id="x"), source=site)
    shop.send(shop.tracked("Product Reviewed", day=1, stars=3))
    shop.send(shop.tracked("Product Reviewed", user="baris", day=1, stars=5))
    assert shop.points() == (6, 0)
    for day in (1, 2, 3, 15):
        shop.send(shop.tracked("Product Reviewed", day=day, stars=5))
    shop.replay()

    # Two in October and one in November.
    assert shop.points() == (66, 0)
    assert rows("SELECT day::text, points, times FROM loyalty_tally ORDER BY day") == [
        ("2026-10-22", 20, 1),
        ("2026-10-23", 20, 1),
        ("2026-11-05", 20, 1),
    ]
    whole()


def test_a_capped_rule_does_not_stand_in_the_way_of_an_order_that_is_quoted_anew(shop: Shop) -> None:
    shop.programme({**PURCHASES, "caps": [{"per": "day", "points": 100}]})
    shop.send(shop.order(revenue=80))
    shop.send(shop.order(number="1002", day=0.1, revenue=80))
    assert shop.points() == (100, 0)
    shop.send(shop.order(UPDATED, day=0.2, revenue=90))
    shop.send(shop.order(UPDATED, day=0.3, revenue=70))

    # The second one keeps the 20 points that the cap had left for it.
    assert shop.points() == (90, 0)
    assert rows("SELECT points, times FROM loyalty_tally") == [(90, 2)]
    whole()


def test_who_becomes_a_member_by_ordering(shop: Shop) -> None:
    shop.programme()
    shop.send(
        shop.order(number="1", user=None, traits={"email": "guest@example.com"}, revenue=10),
        shop.order(number="2", user=None, traits={"card": "60340000011"}, channel="store", revenue=20),
        shop.order(number="3", user="isil", guest=True, revenue=30),
        {**shop.order(number="4", user=None, guest=False, revenue=40), "anonymousId": "web-1"},
        shop.order(number="5", user="baris", revenue=50),
    )
    refs = ["email:guest@example.com", "card:60340000011", "user_id:isil", "anonymous_id:web-1", "user_id:baris"]
    assert [shop.points(ref) for ref in refs] == [None, (20, 0), None, None, (50, 0)]

    # A member earns as a guest too, and what was ordered as one before is not lost for those who enrol in time.
    shop.send(shop.order(number="6", user="baris", guest=True, day=1, revenue=5))
    assert shop.points("user_id:baris") == (55, 0)
    whole()


def test_sources_that_are_not_trusted_with_orders_give_no_points(shop: Shop) -> None:
    shop.programme()
    site = shop.new_source("site", kind=SourceKind.BROWSER)
    shop.send(shop.order(revenue=100), source=site)
    assert shop.points() is None
    shop.send(shop.order(revenue=10, day=1, number="1002"))
    shop.send(shop.order(UPDATED, revenue=1000, day=1, number="1002"), source=site)
    assert shop.points() == (10, 0)
    whole()


def test_orders_before_the_programme_earn_nothing_and_those_after_by_the_version_of_their_time(shop: Shop) -> None:
    shop.programme(day=0)
    shop.programme({**PURCHASES, "points_per_unit": 2}, day=10)
    shop.send(shop.order(number="3", day=10, revenue=100), shop.order(number="2", day=9, revenue=100))
    shop.send(shop.order(number="1", day=-1, revenue=100))

    assert shop.points() == (300, 0)
    assert rows("SELECT key, reference -> 'programme' FROM loyalty_operation ORDER BY key") == [
        ("earn:order::2", "1"),
        ("earn:order::3", "2"),
    ]
    whole()


# Whatever comes in whatever order ends as an oracle in plain Python says.

PEOPLE = ("p0", "p1", "p2")
LINES = {"shirt": 3, "socks": 1}
"""Points for each lira of a product: one for every purchase, and two more for shirts."""
Facts = list[tuple[str, int, float, dict[str, int]]]
"""Of one order: kind, number of the person, day, and lira by product."""


@st.composite
def histories(draw: st.DrawFn) -> list[Facts]:
    """What really happened to a few orders: at most one thing at a time of each."""
    money = st.integers(0, 60)
    found = []
    for _ in range(draw(st.integers(1, 3))):
        person = draw(st.integers(0, len(PEOPLE) - 1))
        said: Facts = [("completed", person, 0, {name: draw(st.integers(1, 60)) for name in LINES})]
        for day in range(1, draw(st.integers(0, 3)) + 1):
            kind = draw(st.sampled_from(["refunded", "refunded", "refunded_named", "updated", "cancelled"]))
            named = {name: draw(money) for name in LINES}
            said.append((kind, person, float(day), named))
        found.append(said)
    return found


def message_of(shop: Shop, prefix: str, number: int, fact: tuple[str, int, float, dict[str, int]]) -> dict[str, Any]:
    kind, person, day, lira = fact
    products = [{"product_id": name, "price": price, "quantity": 1} for name, price in lira.items()]
    said: dict[str, Any] = {
        "completed": {"products": products, "guest": False},
        "updated": {"products": products},
        "refunded": {"revenue": sum(lira.values())},
        "refunded_named": {"products": products},
        "cancelled": {},
    }[kind]
    event = {"completed": "Order Completed", "updated": UPDATED, "cancelled": CANCELLED}.get(kind, REFUNDED)
    return shop.order(event, number=f"{prefix}-{number}", user=f"{prefix}-{PEOPLE[person]}", day=day, **said)


def due_of(facts: Facts) -> int:
    """The points that an order has in the end, in kuruş and by hand."""
    lines = {name: 100 * lira for name, lira in facts[0][3].items()}
    refunds: list[tuple[int, dict[str, int] | None]] = []
    refunded = 0
    for kind, _, _, said in facts[1:]:
        if kind == "cancelled":
            return 0
        if kind == "updated":
            lines = {name: 100 * lira for name, lira in said.items()}
            continue
        amount = min(100 * sum(said.values()), max(0, sum(lines.values()) - refunded))
        refunded += amount
        refunds.append((amount, said if kind == "refunded_named" else None))
    left = dict(lines)
    for said_amount, named in refunds:
        rest = amount = min(said_amount, sum(left.values()))
        if named and sum(named.values()):
            for name, part in parts_of(amount, named).items():
                taken = min(part, left[name])
                left[name] -= taken
                rest -= taken
        for name, part in parts_of(rest, dict(left)).items():
            left[name] -= part
    whole = sum(lines.values())
    if not whole or refunded >= whole:
        return 0
    return sum(left[name] * points for name, points in LINES.items()) // 100


def parts_of(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Shares of two lines, the larger remainder up; of equal ones the first."""
    (one, first), (other, second) = weights.items()
    if not first + second:
        return {one: 0, other: 0}
    part, remainder = divmod(amount * first, first + second)
    part += 2 * remainder >= first + second
    return {one: part, other: amount - part}


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],  # shrinking on a database takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories=histories(), data=st.data())
def test_any_order_of_arrival_ends_as_the_oracle_says(shop: Shop, histories: list[Facts], data: st.DataObject) -> None:
    from sadakat.customers import api as customers
    from sadakat.loyalty import api as loyalty

    if not loyalty.versions():
        shop.programme(PURCHASES, {**PURCHASES, "key": "shirts", "products": ["shirt"], "points_per_unit": 2})
    prefix = f"run{rows('SELECT count(*) FROM events_log')[0][0]}"
    messages = [message_of(shop, prefix, n, fact) for n, facts in enumerate(histories) for fact in facts]
    messages = data.draw(st.permutations(messages + data.draw(st.lists(st.sampled_from(messages), max_size=2))))
    merges: list[int] = []
    while messages:
        size = data.draw(st.integers(1, len(messages)))
        shop.put(*messages[:size])
        messages = messages[size:]
        shop.work(limit=data.draw(st.sampled_from([1, 2, 100])))
        known = customers.find_many(f"user_id:{prefix}-{person}" for person in PEOPLE)
        pair = data.draw(st.permutations(sorted(set(known.values()))))[:2]
        match data.draw(st.sampled_from(["nothing", "merge", "merge", "undo"])):
            case "merge" if len(pair) == 2:
                merged = customers.merge_customers(left_id=pair[0], right_id=pair[1], actor=earning.DENIZ, at=shop.now)
                merges.append(merged.merge.id)
            case "undo" if merges:
                customers.undo_merge(merge_id=merges.pop(), actor=earning.DENIZ, at=shop.now)
    shop.work()

    wanted: dict[int, int] = {}
    for facts in histories:
        customer_id = customers.find(f"user_id:{prefix}-{PEOPLE[facts[0][1]]}")
        wanted[customer_id] = wanted.get(customer_id, 0) + due_of(facts)
    found = {}
    for customer_id in wanted:
        member = loyalty.member_of(customer_id, at=shop.now)
        found[customer_id] = member.balance.active if member else 0
    assert found == wanted
    done = operations()
    shop.replay()
    assert operations() == done
    whole()
