"""Tiers of members: reached at once, held, ended at their own moment, pinned, and what customers are known by."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sadakat.kernel.errors import Conflict, NotFound
from tests.integration import living, loyal
from tests.integration.living import Shop
from tests.integration.loyal import DENIZ, award, post
from tests.integration.pipeline import rows

shop = living.shop
SECOND = timedelta(seconds=1)
MARCH = datetime(2026, 3, 10, 9, tzinfo=UTC)


def midnight(year: int, month: int = 1, day: int = 1) -> datetime:
    """00:00 in Istanbul."""
    return datetime(year, month, day, tzinfo=UTC) - timedelta(hours=3)


def work(at: datetime) -> None:
    """What the worker does for tiers and features."""
    from sadakat.loyalty import features
    from sadakat.loyalty.operations import tiers

    for _ in range(50):
        if not tiers.tiers_due(at=at) and not features.features_due(at=at):
            return
    raise AssertionError("the steps do not come to rest")


def member(customer_id: int = 101, *, at: datetime = MARCH) -> int:
    from sadakat.loyalty.testing import make_member

    return make_member(customer_id, at=at)


def standing(member_id: int, *, at: datetime) -> Any:
    from sadakat.loyalty.queries.tiers import standings

    return standings([member_id], at=at)[member_id]


def held(member_id: int, *, at: datetime = MARCH) -> tuple[Any, ...]:
    found = standing(member_id, at=at)
    return found.key, found.since_at, found.until_at


def moves(member_id: int) -> list[tuple[Any, ...]]:
    from sadakat.loyalty.queries.tiers import tier_changes

    return [(each.from_key, each.to_key, each.reason, each.at) for each in reversed(tier_changes(member_id))]


def test_a_tier_is_reached_at_once_and_told(database: str) -> None:
    loyal.apply(at=MARCH)
    ayse = member()
    award(ayse, 499, at=MARCH)
    work(MARCH)
    assert moves(ayse) == []
    award(ayse, 1, at=MARCH + SECOND)
    work(MARCH + SECOND)
    assert held(ayse) == ("silver", MARCH + SECOND, midnight(2028))
    found = standing(ayse, at=MARCH + SECOND)
    assert (found.name, found.value, found.next_key, found.next_name, found.missing, found.is_pinned) == (
        "Silver",
        Decimal(500),
        "gold",
        "Gold",
        Decimal(500),
        False,
    )
    # Two steps at once.
    award(ayse, 1_500, at=MARCH + 2 * SECOND)
    work(MARCH + 2 * SECOND)
    assert moves(ayse) == [
        ("", "silver", "reached", MARCH + SECOND),
        ("silver", "platinum", "reached", MARCH + 2 * SECOND),
    ]
    until = midnight(2028).isoformat()
    assert loyal.told("Tier Changed") == [
        (
            "Tier Changed",
            "profile:101",
            MARCH + SECOND,
            {"from": "", "to": "silver", "reason": "reached", "until": until},
        ),
        (
            "Tier Changed",
            "profile:101",
            MARCH + 2 * SECOND,
            {"from": "silver", "to": "platinum", "reason": "reached", "until": until},
        ),
    ]
    work(MARCH + timedelta(days=1))
    assert len(loyal.told("Tier Changed")) == 2


def test_pending_points_do_not_count_until_they_are_active(database: str) -> None:
    from sadakat.loyalty.operations import sweeps

    loyal.apply(at=MARCH)
    ayse = member()
    active_at = MARCH + timedelta(days=14)
    award(ayse, 600, at=MARCH, is_pending=True, activates_at=active_at)
    work(MARCH)
    assert (held(ayse), standing(ayse, at=MARCH).value) == (("", None, None), 0)
    assert sweeps.activate_due(active_at)
    work(active_at)
    assert (held(ayse), standing(ayse, at=active_at).value) == (("silver", active_at, midnight(2028)), 600)


def test_spending_and_expiry_leave_the_metric_and_a_return_lowers_it(database: str) -> None:
    from sadakat.loyalty.types import Deduct, Expire, Reverse, Spend

    loyal.apply(at=MARCH)
    ayse = member()
    end = midnight(2026, 4)
    first = award(ayse, 700, at=MARCH, expires_at=end)
    award(ayse, 400, at=MARCH)
    work(MARCH)
    post(Spend(key="s", member_id=ayse, at=MARCH, points=500), at=MARCH)
    post(Expire(key="e", member_id=ayse, at=end), at=end)
    assert standing(ayse, at=end).value == 1_100
    # Only 400 can be taken from the balance; the metric knows that all 700 were given for nothing.
    post(Reverse(key="r", member_id=ayse, at=end, award_key=first, upto=700), at=end)
    work(end)
    assert standing(ayse, at=end).value == 400
    assert held(ayse)[0] == "gold"
    award(ayse, 100, at=end)
    post(Deduct(key="d", member_id=ayse, at=end, points=60), at=end)
    assert standing(ayse, at=end).value == 440
    # Not earned again: one step down at the end.
    work(midnight(2028))
    assert moves(ayse)[1:] == [("gold", "silver", "ended", midnight(2028))]


def test_what_comes_back_counts_when_it_was_earned(database: str) -> None:
    from sadakat.loyalty.types import Reverse

    loyal.apply(at=MARCH, window="calendar_month", validity="end_of_period")
    ayse = member()
    april = midnight(2026, 4)
    first = award(ayse, 600, at=MARCH)
    award(ayse, 800, at=april)
    post(Reverse(key="r", member_id=ayse, at=april, award_key=first, upto=600), at=april)
    assert standing(ayse, at=MARCH).value == 0
    assert standing(ayse, at=april).value == 800
    assert standing(ayse, at=april - timedelta(microseconds=1)).value == 0


def test_ends_are_worked_off_at_their_own_moments_however_late_the_worker_comes(database: str) -> None:
    loyal.apply(at=MARCH, grace_days=7)
    ayse, isil = member(101), member(102)
    award(ayse, 2_000, at=MARCH)
    award(isil, 1_000, at=MARCH)
    work(MARCH)
    assert held(isil)[2] == midnight(2028, 1, 8)
    # Işıl earns it again within the days of grace.
    award(isil, 1_000, at=midnight(2028, 1, 5))
    later = midnight(2031, 6)
    work(later)
    ends = [midnight(year, 1, 8) for year in (2028, 2029, 2030)]
    assert moves(ayse) == [
        ("", "platinum", "reached", MARCH),
        ("platinum", "gold", "ended", ends[0]),
        ("gold", "silver", "ended", ends[1]),
        ("silver", "", "ended", ends[2]),
    ]
    assert held(ayse) == ("", ends[2], None)
    assert moves(isil) == [
        ("", "gold", "reached", MARCH),
        ("gold", "gold", "kept", ends[0]),
        ("gold", "silver", "ended", ends[2]),
        ("silver", "", "ended", midnight(2031, 1, 8)),
    ]
    told = [(at, said["to"]) for _, profile, at, said in loyal.told("Tier Changed") if profile == "profile:101"]
    assert told == [(MARCH, "platinum"), (ends[0], "gold"), (ends[1], "silver"), (ends[2], "")]


@pytest.mark.parametrize(("downgrade", "found"), [("full", "silver"), ("one_step", "gold"), ("none", "platinum")])
def test_the_three_downgrades(database: str, downgrade: str, found: str) -> None:
    loyal.apply(at=MARCH, downgrade="one_step")
    ayse = member()
    award(ayse, 2_000, at=MARCH)
    work(MARCH)
    loyal.apply(at=MARCH, downgrade=downgrade)
    award(ayse, 700, at=MARCH.replace(year=2027))
    work(midnight(2028))
    assert held(ayse)[0] == found
    assert held(ayse)[2] == (None if downgrade == "none" else midnight(2029))


def test_what_becomes_active_at_the_last_moment_counts_whichever_step_comes_first(database: str) -> None:
    loyal.apply(at=MARCH, window="calendar_month", validity="end_of_next_period")
    ayse = member()
    award(ayse, 500, at=MARCH)
    work(MARCH)
    end = midnight(2026, 5)
    award(ayse, 500, at=MARCH, key="late", is_pending=True, activates_at=end - SECOND)
    work(end + timedelta(hours=1))
    assert moves(ayse) == [("", "silver", "reached", MARCH), ("silver", "silver", "kept", end)]


def test_a_changed_ladder_takes_nothing_and_may_give(database: str) -> None:
    loyal.apply(at=MARCH)
    ayse, isil, baris = member(101), member(102), member(103)
    award(ayse, 1_200, at=MARCH)
    award(isil, 700, at=MARCH)
    award(baris, 100, at=MARCH)
    work(MARCH)
    june = datetime(2026, 6, 1, tzinfo=UTC)
    loyal.apply(at=june, steps={"silver": 100, "gold": 5_000})
    work(june)
    assert moves(ayse) == [("", "gold", "reached", MARCH)]
    assert moves(isil) == [("", "silver", "reached", MARCH)]
    assert moves(baris) == [("", "silver", "programme", june)]
    # A tier that is no more: its members have what they have earned.
    loyal.apply(at=june + SECOND, steps={"silver": 100, "diamond": 1_000})
    work(june + SECOND)
    assert moves(ayse)[1:] == [("gold", "diamond", "programme", june + SECOND)]
    assert rows("SELECT version, tiers_upto FROM loyalty_programme ORDER BY version") == [
        (1, None),
        (2, None),
        (3, None),
    ]
    assert tier_sizes() == {"diamond": 1, "silver": 2}


def tier_sizes() -> dict[str, int]:
    from sadakat.loyalty.queries.tiers import tier_sizes

    return tier_sizes()


def test_the_pinned_stay_until_the_pin_is_taken_off(database: str) -> None:
    from sadakat.loyalty.operations.tiers import pin_tier

    loyal.apply(at=MARCH)
    ayse = member()
    assert pin_tier(ayse, "gold", actor=DENIZ, at=MARCH)
    assert not pin_tier(ayse, "gold", actor=DENIZ, at=MARCH + SECOND)
    award(ayse, 5_000, at=MARCH + SECOND)
    work(midnight(2029))
    assert held(ayse) == ("gold", MARCH, None)
    assert standing(ayse, at=MARCH).is_pinned
    april = MARCH.replace(month=4)
    award(ayse, 500, at=april.replace(year=2029))
    assert pin_tier(ayse, "", actor=DENIZ, at=april.replace(year=2029))
    assert not pin_tier(ayse, "", actor=DENIZ, at=april.replace(year=2029))
    assert held(ayse) == ("gold", MARCH, midnight(2031))
    assert moves(ayse) == [("", "gold", "by_hand", MARCH)]
    assert loyal.audited("loyalty.tier") == [
        ("loyalty.tier_pinned", f"member:{ayse}", {"tier": "gold", "is_pinned": True}),
        ("loyalty.tier_pinned", f"member:{ayse}", {"tier": "gold", "is_pinned": False}),
    ]
    # Whoever has earned more by then comes to it with the pin off.
    pin_tier(ayse, "silver", actor=DENIZ, at=april.replace(year=2030))
    award(ayse, 2_000, at=april.replace(year=2030))
    pin_tier(ayse, "", actor=DENIZ, at=april.replace(year=2030))
    assert moves(ayse)[1:] == [
        ("gold", "silver", "by_hand", april.replace(year=2030)),
        ("silver", "platinum", "reached", april.replace(year=2030)),
    ]


def test_pins_that_cannot_be_leave_nothing(database: str) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.operations.tiers import pin_tier

    loyal.apply(at=MARCH)
    ayse, isil = member(101), member(102)
    models.Member.objects.filter(pk=isil).update(merged_into_id=ayse)
    for who, tier, kind, text in (
        (ayse, "bronze", NotFound, "there is no tier 'bronze'"),
        (999, "gold", NotFound, "there is no member 999"),
        (isil, "gold", Conflict, f"member {isil} has become one with member {ayse}"),
    ):
        with pytest.raises(kind, match=text):
            pin_tier(who, tier, actor=DENIZ, at=MARCH)
    assert (moves(ayse), moves(isil), loyal.audited("loyalty.tier"), loyal.told("Tier Changed")) == ([], [], [], [])


def test_members_who_became_one_count_together(database: str) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.types import Transfer

    loyal.apply(at=MARCH)
    ayse, isil, baris = member(101), member(102), member(103)
    for each in (ayse, isil, baris):
        award(each, 400, at=MARCH)
    for loser, winner in ((baris, isil), (isil, ayse)):
        post(Transfer(key=f"t{loser}", member_id=loser, at=MARCH, to_member_id=winner, points=None), at=MARCH)
        models.Member.objects.filter(pk=loser).update(merged_into_id=winner)
    work(MARCH)
    assert standing(ayse, at=MARCH).value == 1_200
    assert moves(ayse) == [("", "gold", "reached", MARCH)]
    assert moves(isil) == moves(baris) == []


def test_transfers_are_not_earned(database: str) -> None:
    from sadakat.loyalty.types import Transfer

    loyal.apply(at=MARCH)
    ayse, isil = member(101), member(102)
    award(ayse, 600, at=MARCH)
    post(Transfer(key="t", member_id=ayse, at=MARCH, to_member_id=isil, points=600), at=MARCH)
    work(MARCH)
    assert [standing(each, at=MARCH).value for each in (ayse, isil)] == [600, 0]
    assert [held(each)[0] for each in (ayse, isil)] == ["silver", ""]


def test_spend_and_orders_are_those_of_the_customer_less_what_came_back(shop: Shop) -> None:
    def buy(order: str, revenue: float, *, user: str = "ayse", at: datetime = shop.now) -> None:
        shop.put(user, "Order Completed", at=at, order_id=order, revenue=revenue, currency="TRY")

    buy("1", 600)
    buy("2", 500)
    buy("3", 900, at=shop.now.replace(year=2025))
    buy("4", 50, user="baris")
    shop.put("ayse", "Order Refunded", order_id="2", revenue=100)
    shop.work()
    ayse = member(shop.customers()["ayse"], at=shop.now)
    loyal.apply(at=shop.now, metric="spend", steps={"silver": 100_000, "gold": 110_000})
    assert standing(ayse, at=shop.now).value == 100_000
    work(shop.now)
    assert moves(ayse) == [("", "silver", "reached", shop.now)]
    loyal.apply(at=shop.now, metric="orders", steps={"silver": 1, "gold": 3})
    assert standing(ayse, at=shop.now).value == 2
    shop.put("ayse", "Order Cancelled", order_id="1")
    shop.work()
    assert standing(ayse, at=shop.now).value == 1
    assert standing(ayse, at=shop.now).missing == 2
    loyal.apply(at=shop.now, metric="orders", window="ever", steps={"silver": 1, "gold": 3})
    assert standing(ayse, at=shop.now).value == 2
    # An order that gives no points may give a tier.
    work(shop.now)
    buy("5", 10)
    shop.work()
    work(shop.now)
    assert moves(ayse)[1:] == [("silver", "gold", "reached", shop.now)]


def test_thousands_are_judged_by_the_statements_of_one(database: str) -> None:
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from sadakat.loyalty.operations import ledger, tiers
    from sadakat.loyalty.testing import make_members
    from sadakat.loyalty.types import Award

    loyal.apply(at=MARCH)
    members = make_members(range(1, 3_002), at=MARCH)
    ledger.post(
        [
            Award(key=f"a{each}", member_id=each, points=500 + number % 600, at=MARCH)
            for number, each in enumerate(members)
        ],
        at=MARCH,
    )

    def count(ids: list[int]) -> tuple[int, int]:
        with (
            CaptureQueriesContext(
                connection,
            ) as asked,
            transaction.atomic(),
        ):
            moved = tiers.evaluate_tiers(ids, at=MARCH)
        return len(moved), len(asked)

    alone, statements = count(members[:1])
    many, more = count(members[1:])
    assert (alone, many) == (1, 3_000)
    assert more <= statements + 2  # bulk rows are cut in parts
    assert tier_sizes() == {"gold": 500, "silver": 2_501}


def test_two_workers_move_a_member_once(database: str) -> None:
    from django.db import transaction

    from sadakat.loyalty.operations import tiers

    loyal.apply(at=MARCH)
    ayse = member()
    award(ayse, 700, at=MARCH)

    def judge() -> int:
        with transaction.atomic():
            return len(tiers.evaluate_tiers([ayse], at=MARCH))

    assert sorted(loyal.race([judge] * 8)) == [0] * 7 + [1]
    assert moves(ayse) == [("", "silver", "reached", MARCH)]


def test_points_and_tier_are_features_that_segments_live_by(shop: Shop) -> None:
    from sadakat.loyalty.operations import sweeps
    from sadakat.loyalty.types import Spend

    shop.do("ayse", "Linked")
    shop.do("baris", "Linked")
    loyal.apply(at=shop.now)
    shop.segment("rich", {"points": "active", "at_least": 600})
    shop.segment("silver", {"tier": "is", "value": "silver"})
    shop.segment("others", {"tier": "is_not", "value": "silver"})
    ayse = member(shop.customers()["ayse"], at=shop.now)
    member(shop.customers()["baris"], at=shop.now)
    start = shop.now
    award(ayse, 600, at=start, expires_at=start + timedelta(days=30))
    award(ayse, 50, at=start, is_pending=True, activates_at=start + timedelta(days=400))
    work(start)
    shop.work()
    assert (shop.members("rich"), shop.members("silver")) == (["ayse"], ["ayse"])
    assert rows(
        "SELECT points_active, points_pending, points_lifetime, points_liability_minor, tier FROM customers_feature"
        " WHERE tier <> ''"
    ) == [(600, 50, 650, 650, "silver")]
    # What a point is worth is what the programme says by now.
    loyal.apply(at=shop.now, burning={"points_step": 100, "step_minor": 250})
    work(shop.now)
    assert rows("SELECT points_liability_minor FROM customers_feature WHERE tier = 'silver'") == [(1_625,)]
    # Points that are spent, or expire, take her out of the one and not of the other.
    shop.now += timedelta(days=1)
    post(Spend(key="s", member_id=ayse, at=shop.now, points=1), at=shop.now)
    work(shop.now)
    shop.work()
    assert (shop.members("rich"), shop.members("silver")) == ([], ["ayse"])
    end = start + timedelta(days=30)
    assert sweeps.expire_due(end)
    work(end)
    assert rows("SELECT points_active, points_lifetime FROM customers_feature WHERE tier = 'silver'") == [(0, 650)]
    assert rows("SELECT count(*) FROM loyalty_touched") == [(0,)]
    # In the log, in order, the points, the tier, and the segments that follow from them.
    shop.work()
    told = [
        row[0]
        for row in rows("SELECT DISTINCT event FROM events_log WHERE event LIKE ANY(ARRAY['Tier%%', 'Segment%%'])")
    ]
    assert sorted(told) == ["Segment Entered", "Segment Exited", "Tier Changed"]
