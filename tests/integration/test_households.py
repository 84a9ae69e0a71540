"""Households: members spend together, what one lacks comes from the others, and what comes back goes back to them."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.loyalty.types import Deduct, Household, Redemption, RedemptionStatus
from tests.integration import earning, loyal, test_redemptions
from tests.integration.earning import Shop
from tests.integration.loyal import DENIZ, award, balance
from tests.integration.pipeline import rows
from tests.integration.test_members import AYSE, ISIL, merge, undo
from tests.integration.test_redemptions import found_again, pay, restore, save, take

shop = earning.shop
DAY = timedelta(days=1)
MEMBERS = range(101, 104)
PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/spending-points.md"


@pytest.fixture
def home(database: str, now: Any) -> Iterator[list[int]]:
    """Three of one household: Ayşe has 100 points, Barış 60 that expire before hers and 40 that never do, Çağla 80."""
    from sadakat.loyalty.queries.ledger import audit
    from sadakat.loyalty.testing import make_members

    loyal.apply(at=now, burning={"points_step": 1, "step_minor": 1, "most_share": 1, "hold_minutes": 30})
    ayse, baris, cagla = make_members(MEMBERS, at=now)
    award(ayse, 100, at=now, expires_at=now + 10 * DAY)
    award(baris, 60, at=now, expires_at=now + 5 * DAY)
    award(baris, 40, at=now)
    award(cagla, 80, at=now, expires_at=now + 20 * DAY)
    join(baris, ayse, at=now)
    join(cagla, baris, at=now)
    yield [ayse, baris, cagla]
    assert audit().problems == ()


def join(member_id: int, with_member_id: int, *, at: Any) -> Household:
    from sadakat.loyalty.operations.households import join_household

    return join_household(member_id, with_member_id=with_member_id, actor=DENIZ, at=at)


def leave(member_id: int, *, at: Any) -> None:
    from sadakat.loyalty.operations.households import leave_household

    leave_household(member_id, actor=DENIZ, at=at)


def together(member_id: int, *, at: Any) -> tuple[int, ...]:
    from sadakat.loyalty.queries.households import households

    found = households([member_id], at=at).get(member_id)
    return found.member_ids if found else ()


def active(*member_ids: int, at: Any) -> list[int]:
    return [balance(member_id, at=at)[0] for member_id in member_ids]


def open_lots() -> list[Any]:
    """Whose points there are, and until when."""
    return rows("SELECT member_id, remaining, expires_at FROM loyalty_lot WHERE remaining > 0 ORDER BY 1, 3, 2")


def everything() -> list[Any]:
    members = rows("SELECT id, household_id FROM loyalty_member ORDER BY id")
    return [*test_redemptions.everything(), members, rows("SELECT id FROM loyalty_household ORDER BY id")]


# ── Who is in one ──


def test_members_join_and_leave(home: list[int], now: Any) -> None:
    from sadakat.loyalty.queries.households import households
    from sadakat.loyalty.queries.members import member
    from sadakat.loyalty.testing import make_member

    ayse, baris, cagla = home
    whole = Household(member_ids=(ayse, baris, cagla), active=280)
    assert households([*home, 999], at=now) == dict.fromkeys(home, whole)
    assert (member(cagla, at=now).household, member(cagla, at=now).spendable) == (whole, 280)
    assert households(home, at=now + 5 * DAY)[ayse].active == 220  # whether or not the sweep has come by
    alone = make_member(104, at=now)
    before = everything()
    assert join(baris, cagla, at=now) == join(ayse, baris, at=now) == whole
    leave(alone, at=now)
    assert everything() == before

    leave(ayse, at=now)
    assert (together(ayse, at=now), together(baris, at=now)) == ((), (baris, cagla))
    assert (member(ayse, at=now).household, member(ayse, at=now).spendable) == (None, 100)
    leave(cagla, at=now)
    assert rows("SELECT household_id FROM loyalty_member WHERE household_id IS NOT NULL") == []
    assert rows("SELECT * FROM loyalty_household") == []
    assert loyal.audited("loyalty.household_") == [
        ("loyalty.household_joined", f"member:{baris}", {"members": [ayse, baris]}),
        ("loyalty.household_joined", f"member:{cagla}", {"members": [ayse, baris, cagla]}),
        ("loyalty.household_left", f"member:{ayse}", {"members": [baris, cagla]}),
        ("loyalty.household_left", f"member:{cagla}", {"members": [baris]}),
    ]


def test_who_cannot_join_is_refused_and_nothing_happens(home: list[int], now: Any) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.testing import make_members

    ayse, baris, cagla = home
    alone, other, gone, *many = make_members(range(104, 117), at=now)
    join(alone, other, at=now)
    models.Member.objects.filter(pk=gone).update(merged_into_id=ayse)
    for each in many[:9]:
        join(each, cagla, at=now)
    before = everything()
    refusals: list[tuple[int, int, type[Exception], str]] = [
        (ayse, ayse, Invalid, "a household is of several members; expected another one, not the same"),
        (ayse, alone, Conflict, f"member {ayse} is in a household already; leave that one first"),
        (many[9], baris, Conflict, "the household has 12 members; 12 are the most"),
        (gone, alone, Conflict, f"member {gone} has become one with member {ayse}"),
        (many[9], gone, Conflict, f"member {gone} has become one with member {ayse}"),
        (999, ayse, NotFound, "there is no member 999"),
        (many[9], 999, NotFound, "there is no member 999"),
    ]
    for member_id, with_member_id, kind, text in refusals:
        with pytest.raises(kind, match=re.escape(text)):
            join(member_id, with_member_id, at=now)
    with pytest.raises(NotFound, match="there is no member 999"):
        leave(999, at=now)
    with pytest.raises(Conflict, match=f"member {gone} has become one with member {ayse}"):
        leave(gone, at=now)
    assert everything() == before


# ── Spending together ──


def test_what_one_lacks_comes_from_the_others_soonest_expiry_first(home: list[int], now: Any) -> None:
    ayse, baris, cagla = home
    done = pay(ayse, 200, at=now)
    assert (done.points, done.member_id, active(*home, at=now)) == (200, ayse, [0, 40, 40])
    assert open_lots() == [(baris, 40, None), (cagla, 40, now + 20 * DAY)]
    pooled = rows("SELECT key, member_id, points FROM loyalty_operation WHERE kind = 'transfer' ORDER BY member_id")
    assert pooled == [(f"pool:redeem:1:{baris}", baris, 60), (f"pool:redeem:1:{cagla}", cagla, 40)]
    before = everything()
    assert pay(ayse, 200, at=now) == done
    assert everything() == before
    # There is no more than all of them have.
    assert pay(baris, 500, at=now, key="redeem:2").points == 80
    with pytest.raises(Conflict, match="none of 0 active points can pay 1 points here"):
        pay(cagla, 1, at=now, key="redeem:3")


def test_whoever_has_enough_takes_nothing_from_the_others(home: list[int], now: Any) -> None:
    ayse, baris, _ = home
    pay(ayse, 100, at=now)
    assert active(*home, at=now) == [0, 100, 80]
    leave(ayse, at=now)
    assert pay(baris, 500, at=now, key="redeem:2").points == 180
    with pytest.raises(Conflict, match="none of 0 active points"):
        pay(ayse, 100, at=now, key="redeem:3")


def test_what_has_expired_is_not_brought(home: list[int], now: Any) -> None:
    later = now + 10 * DAY
    assert pay(home[0], 500, at=later).points == 120
    assert active(*home, at=later) == [0, 0, 0]


def test_whoever_owes_points_spends_none_of_the_others(home: list[int], now: Any) -> None:
    from sadakat.loyalty.queries.members import member
    from sadakat.loyalty.types import ClawBack

    ayse, baris, _ = home
    loyal.post(Deduct(key="d", member_id=ayse, at=now, points=150, policy=ClawBack.UNLIMITED), at=now)
    save(now, points=100)
    assert [member(each, at=now).spendable for each in home] == [0, 180, 180]
    before = everything()
    with pytest.raises(Conflict, match="none of 0 active points can pay 100 points here"):
        pay(ayse, 100, at=now)
    with pytest.raises(Conflict, match="the member has 0 active points; 100 are asked for"):
        take(ayse, at=now)
    assert everything() == before
    assert pay(baris, 180, at=now).points == 180
    assert member(ayse, at=now).balance.deficit == 50


def test_a_reward_is_had_together_and_given_back_to_each(home: list[int], now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    ayse, *_ = home
    save(now, points=281, key="dear")
    save(now, points=280, stock=1)
    before, lots = everything(), open_lots()
    with pytest.raises(Conflict, match="the member has 100 active points; 281 are asked for"):
        take(ayse, at=now, reward="dear")
    assert everything() == before
    done = take(ayse, at=now)
    assert (done.points, active(*home, at=now)) == (280, [0, 0, 0])
    with pytest.raises(Refused, match="out of stock"):
        take(ayse, at=now, key="redeem:2")
    assert redemptions.reverse_redemption(done.id, actor=DENIZ, at=now).status is RedemptionStatus.REVERSED
    assert open_lots() == lots


# ── Giving back ──


def test_what_comes_back_goes_back_to_whoever_brought_it(home: list[int], now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    ayse, baris, cagla = home
    lots = open_lots()
    done = pay(ayse, 200, at=now)
    seen = [active(*home, at=now)]
    leave(cagla, at=now)  # makes no difference
    for upto in (50, 160, 200):
        found = redemptions.reverse_redemption(done.id, upto=upto, actor=DENIZ, at=now)
        before = everything()
        assert redemptions.reverse_redemption(done.id, upto=upto, actor=DENIZ, at=now) == found
        assert everything() == before
        seen.append(active(*home, at=now))
    page = PAGE.read_text(encoding="utf-8")
    told = re.findall(r"^\| [^|]+ \| (\d+) \| (\d+) \| (\d+) \|$", page, flags=re.MULTILINE)
    assert seen == [[int(points) for points in row] for row in told]
    assert (found.status, found.restored, open_lots()) == (RedemptionStatus.REVERSED, 200, lots)
    returned = rows("SELECT key, points FROM loyalty_operation WHERE kind = 'return' ORDER BY id")
    assert returned == [
        (f"unpool:{cagla}:restore:redeem:1:50", 40),
        (f"unpool:{baris}:restore:redeem:1:160", 20),
        (f"unpool:{baris}:restore:redeem:1:200", 40),
    ]


def test_what_has_expired_meanwhile_expires_wherever_it_is(home: list[int], now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    done = pay(home[0], 280, at=now)
    later = now + 10 * DAY
    redemptions.reverse_redemption(done.id, actor=DENIZ, at=later)
    assert active(*home, at=later) == [0, 40, 80]
    assert rows("SELECT sum(expired) FROM loyalty_balances") == [(160,)]


@pytest.mark.parametrize("how", ["release", "lapse", "order", "capture"])
def test_what_a_hold_had_goes_back_to_each(home: list[int], now: Any, how: str) -> None:
    from sadakat.loyalty.operations import redemptions, sweeps

    ayse, *_ = home
    lots = open_lots()
    held = pay(ayse, 280, at=now, is_held=True, order_id="A-1", namespace="shop")
    assert (balance(ayse, at=now), active(*home, at=now)) == ((0, 280), [0, 0, 0])
    end = now + timedelta(minutes=30)
    match how:
        case "release":
            redemptions.release(held.id, actor=DENIZ, at=now)
        case "lapse":
            assert sweeps.release_due(end)
            assert redemptions.release_due(at=end)
        case "order":
            assert restore("A-1", "0", at=now) == 0
        case "capture":
            redemptions.capture(held.id, order_minor=0, actor=DENIZ, at=now)
    assert (found_again(held.id).status, open_lots()) == (RedemptionStatus.RELEASED, lots)


def test_a_smaller_order_gives_the_rest_back_to_each(home: list[int], now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    lots = open_lots()
    held = pay(home[0], 280, at=now, is_held=True, order_id="A-1", namespace="shop")
    done = redemptions.capture(held.id, order_minor=100, actor=DENIZ, at=now)
    # Taken were the 60 that expire first, and 40 of Ayşe's.
    assert (done.points, active(*home, at=now)) == (100, [60, 40, 80])
    assert redemptions.capture(held.id, actor=DENIZ, at=now) == done
    assert restore("A-1", "0.5", at=now) == 50
    assert active(*home, at=now) == [100, 50, 80]
    assert restore("A-1", "0", at=now) == 50
    assert open_lots() == lots


# ── At the same time ──


def test_of_many_who_want_all_points_of_a_household_one_has_them(database: str, now: Any) -> None:
    from sadakat.loyalty.queries.ledger import audit
    from sadakat.loyalty.testing import make_members

    loyal.apply(at=now, burning={"points_step": 1, "step_minor": 1, "least_points": 100})
    home = make_members(MEMBERS, at=now)
    for member_id, points in zip(home, (34, 33, 33), strict=True):
        award(member_id, points, at=now)
    for other in home[1:]:
        join(other, home[0], at=now)
    found = loyal.race([lambda n=n: pay(home[n % 3], 100, at=now, key=f"redeem:{n}") for n in range(20)])
    assert [each.points for each in found if isinstance(each, Redemption)] == [100]
    refused = [str(each) for each in found if isinstance(each, Conflict)]
    assert len(refused) == 19
    assert {text.partition(" active")[0] for text in refused} == {"none of 0"}
    assert (active(*home, at=now), audit().problems) == ([0, 0, 0], ())


def test_those_who_give_back_join_and_leave_at_once_do_not_wait_for_each_other(home: list[int], now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    ayse, baris, cagla = home
    held = [pay(ayse, 150, at=now, is_held=True)]
    award(ayse, 100, at=now, key="again")
    held.append(pay(baris, 200, at=now, is_held=True, key="redeem:2"))
    award(baris, 100, at=now)
    held.append(pay(cagla, 100, at=now, is_held=True, key="redeem:3"))
    for each in home:
        award(each, 5, at=now)

    def capture(each: Redemption) -> Any:
        return redemptions.capture(each.id, order_minor=10, actor=DENIZ, at=now)

    calls = [lambda each=each: capture(each) for each in held * 3]
    calls += [lambda: leave(cagla, at=now), lambda: join(cagla, ayse, at=now)] * 3
    calls += [lambda n=n: pay(home[n % 3], 1, at=now, key=f"more:{n}") for n in range(6)]
    found = loyal.race(calls)
    assert {type(each) for each in found} <= {Redemption, Conflict, Household, type(None)}
    changed = "the household has changed at the same time; try again"
    assert {str(each) for each in found if isinstance(each, Conflict)} <= {changed}
    assert {found_again(each.id).points for each in held} == {10}
    spent = 30 + sum(isinstance(each, Redemption) and each.points == 1 for each in found)
    assert sum(active(*home, at=now)) == 280 + 215 - spent


# ── Members who become one ──


@pytest.fixture
def family(shop: Shop) -> list[int]:
    """Ayşe with 100 points, Işıl with 50, Barış with 30, who are members by what they have ordered."""
    shop.programme(burning={"points_step": 1, "step_minor": 1})
    for user, lira in (("ayse", 100), ("isil", 50), ("baris", 30)):
        shop.send(shop.order(number=user, user=user, revenue=lira))
    return [shop.member(f"user_id:{user}").id for user in ("ayse", "isil", "baris")]


def merged(shop: Shop, left: str, right: str) -> int:
    from sadakat.customers import api as customers

    return merge(shop, customers.find(left), customers.find(right))


def test_whoever_becomes_one_with_a_member_leaves_him_his_place(shop: Shop, family: list[int]) -> None:
    ayse, isil, baris = family
    join(isil, baris, at=shop.now)
    merge_id = merged(shop, AYSE, ISIL)
    assert shop.member(ISIL).id == ayse
    assert together(ayse, at=shop.now) == (ayse, baris)
    assert shop.member(AYSE).spendable == 180
    undo(shop, merge_id)
    assert (together(ayse, at=shop.now), together(isil, at=shop.now)) == ((ayse, baris), ())


@pytest.mark.parametrize("is_in_another", [False, True])
def test_a_household_of_which_one_is_left_ends(shop: Shop, family: list[int], *, is_in_another: bool) -> None:
    from sadakat.loyalty.testing import make_member

    ayse, isil, baris = family
    join(ayse, make_member(900, at=shop.now) if is_in_another else isil, at=shop.now)
    if is_in_another:
        join(isil, baris, at=shop.now)
    merged(shop, AYSE, ISIL)
    assert len(together(ayse, at=shop.now)) == (2 if is_in_another else 0)
    assert (together(isil, at=shop.now), together(baris, at=shop.now)) == ((), ())
    assert rows("SELECT count(*) FROM loyalty_household") == [(int(is_in_another),)]


def test_points_of_a_giver_who_became_one_with_another_go_to_him(shop: Shop, family: list[int]) -> None:
    from sadakat.loyalty.operations import redemptions

    _, isil, baris = family
    join(baris, isil, at=shop.now)
    done = pay(baris, 80, at=shop.now)
    merge_id = merged(shop, AYSE, ISIL)
    redemptions.reverse_redemption(done.id, upto=20, actor=DENIZ, at=shop.now)
    redemptions.reverse_redemption(done.id, actor=DENIZ, at=shop.now)
    assert (shop.points(AYSE), shop.points("user_id:baris")) == ((150, 0), (30, 0))
    undo(shop, merge_id)
    assert (shop.points(AYSE), shop.points(ISIL), shop.points("user_id:baris")) == ((100, 0), (50, 0), (30, 0))
    earning.whole()


def test_points_come_back_where_who_redeemed_has_become_one_with_the_giver(shop: Shop, family: list[int]) -> None:
    from sadakat.loyalty.operations import redemptions

    ayse, isil, baris = family
    join(ayse, isil, at=shop.now)
    done = pay(isil, 150, at=shop.now)
    merged(shop, AYSE, ISIL)
    redemptions.reverse_redemption(done.id, actor=DENIZ, at=shop.now)
    assert sorted(each[:2] for each in open_lots()) == [(ayse, 50), (ayse, 100), (baris, 30)]
    earning.whole()
