"""Points for rewards and at checkout: once for each key, within every bound, and given back to where they came from."""

import dataclasses
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.loyalty.types import Redemption, RedemptionStatus, Reward, RewardKind
from tests.integration import loyal
from tests.integration.loyal import DENIZ, award, balance, post
from tests.integration.pipeline import rows

DAY = timedelta(days=1)
BURNING = {"points_step": 100, "step_minor": 500, "least_points": 200, "most_share": 0.5, "hold_minutes": 30}
COFFEE = Reward(
    key="coffee",
    name={"en": "A coffee", "tr": "Bir kahve"},
    description={},
    kind=RewardKind.PRODUCT,
    points=300,
    value_minor=9_000,
    stock=None,
    per_member=None,
    tiers=(),
    starts_at=None,
    ends_at=None,
    is_archived=False,
    taken=0,
)


@pytest.fixture
def ayse(database: str, now: Any) -> int:
    """A member with 1,000 points of two lots, under a programme; 400 of them expire first."""
    from sadakat.loyalty.testing import make_member

    loyal.apply(at=now, burning=BURNING)
    member_id = make_member(101, at=now)
    award(member_id, 400, at=now, expires_at=now + 10 * DAY)
    award(member_id, 600, at=now, expires_at=now + 90 * DAY)
    return member_id


def save(now: Any, **changes: Any) -> Reward:
    from sadakat.loyalty.operations.rewards import save_reward

    return save_reward(dataclasses.replace(COFFEE, **changes), actor=DENIZ, at=now)


def pay(member_id: int, points: int, *, at: Any, key: str = "redeem:1", **said: Any) -> Redemption:
    from sadakat.loyalty.operations.redemptions import redeem_points

    return redeem_points(member_id, points=points, key=key, actor=DENIZ, at=at, **said)


def take(member_id: int, *, at: Any, key: str = "redeem:1", reward: str = "coffee") -> Redemption:
    from sadakat.loyalty.operations.redemptions import redeem_reward

    return redeem_reward(member_id, reward_key=reward, key=key, actor=DENIZ, at=at)


def found_again(redemption_id: int) -> Redemption:
    from sadakat.loyalty.queries.rewards import redemption

    return redemption(redemption_id)


def lots(member_id: int) -> list[int]:
    """What is left of each lot, the oldest first."""
    return [left for (left,) in rows("SELECT remaining FROM loyalty_lot WHERE member_id = %s ORDER BY id", member_id)]


def everything() -> list[Any]:
    """All that a redemption could change, to see that a refusal changes nothing."""
    tables = ("operation", "entry", "lot", "draw", "hold", "balances", "redemption", "reward", "touched")
    kept = [rows(f"SELECT to_jsonb(t)::text FROM loyalty_{table} AS t ORDER BY 1") for table in tables]
    return [*kept, rows("SELECT count(*) FROM events_inbox"), rows("SELECT count(*) FROM platform_auditentry")]


# ── At checkout ──


def test_points_pay_at_checkout_once(ayse: int, now: Any) -> None:
    done = pay(ayse, 550, at=now, order_id="A-1", namespace="shop", order_minor=10_000)
    assert (done.status, done.points, done.value_minor, done.order_id, done.code, done.restored) == (
        RedemptionStatus.DONE,
        500,
        2_500,
        "A-1",
        "",
        0,
    )
    assert (balance(ayse, at=now), lots(ayse)) == ((500, 0), [0, 500])
    before = everything()
    assert pay(ayse, 550, at=now + DAY, order_id="A-1", namespace="shop", order_minor=10_000) == done
    assert everything() == before
    assert loyal.audited("loyalty.points_redeemed") == [
        (
            "loyalty.points_redeemed",
            f"member:{ayse}",
            {"points": 500, "redemption": done.id, "order_id": "A-1", "is_held": False},
        )
    ]
    ((_, profile, at, said),) = loyal.told("Points Spent")
    assert (profile, at, said["points"], said["balance"], said["order_id"]) == ("profile:101", now, 500, 500, "A-1")


def test_what_cannot_pay_is_refused_and_leaves_nothing(ayse: int, now: Any) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.testing import make_member

    gone = make_member(102, at=now)
    models.Member.objects.filter(pk=gone).update(merged_into_id=ayse)
    pay(ayse, 200, at=now, key="redeem:0")
    before = everything()
    none = "none of 800 active points can pay {} points here; they pay in steps of 100, at least 200, and at most 0.5"
    refusals: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (Invalid, "expected at least one point, not 0", {"points": 0}),
        (Conflict, none.format(199), {"points": 199}),
        (Conflict, none.format(500), {"points": 500, "order_minor": 1_999}),
        (NotFound, "there is no member 999", {"points": 200, "member_id": 999}),
        (Conflict, f"member {gone} has become one with member {ayse}", {"points": 200, "member_id": gone}),
        (Conflict, "the key 'redeem:0' stands for another operation", {"points": 300, "key": "redeem:0"}),
        (Conflict, "the key 'award", {"points": 300, "key": f"award:{ayse}:400:{now.isoformat()}"}),
    ]
    for kind, text, said in refusals:
        with pytest.raises(kind, match=re.escape(text)):
            pay(**{"member_id": ayse, "at": now, **said})
        assert everything() == before


def test_expired_points_do_not_pay_whether_or_not_the_sweep_has_come_by(ayse: int, now: Any) -> None:
    done = pay(ayse, 1_000, at=now + 10 * DAY)
    assert (done.points, balance(ayse, at=now + 10 * DAY), lots(ayse)) == (600, (0, 0), [0, 0])


def test_a_hold_is_captured_once(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    held = pay(ayse, 600, at=now, is_held=True, order_minor=6_000)
    assert (held.status, held.points, held.holds_until) == (RedemptionStatus.HELD, 600, now + timedelta(minutes=30))
    assert (balance(ayse, at=now), loyal.told("Points Spent")) == ((400, 600), [])
    later = now + timedelta(minutes=29)
    done = redemptions.capture(held.id, order_id="A-1", namespace="shop", actor=DENIZ, at=later)
    assert (done.status, done.points, done.order_id, done.holds_until) == (RedemptionStatus.DONE, 600, "A-1", None)
    assert (balance(ayse, at=later), lots(ayse)) == ((400, 0), [0, 400])
    before = everything()
    assert redemptions.capture(held.id, actor=DENIZ, at=later) == done
    with pytest.raises(Conflict, match=f"redemption {held.id} is done, not held"):
        redemptions.release(held.id, actor=DENIZ, at=later)
    with pytest.raises(NotFound, match="there is no redemption 999"):
        redemptions.capture(999, actor=DENIZ, at=later)
    assert everything() == before


def test_a_smaller_order_takes_fewer_points_and_the_rest_goes_back_to_its_lots(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    held = pay(ayse, 600, at=now, is_held=True, order_minor=6_000)
    assert lots(ayse) == [0, 400]
    done = redemptions.capture(held.id, order_minor=3_999, actor=DENIZ, at=now)
    assert (done.points, done.value_minor, done.restored) == (300, 1_500, 0)
    assert (balance(ayse, at=now), lots(ayse)) == ((700, 0), [100, 600])
    # What is given back later is counted from what was taken, not from what was held.
    assert redemptions.reverse_redemption(done.id, upto=100, actor=DENIZ, at=now).restored == 100
    assert balance(ayse, at=now) == (800, 0)
    whole = redemptions.reverse_redemption(done.id, actor=DENIZ, at=now)
    assert (whole.status, whole.restored, balance(ayse, at=now), lots(ayse)) == (
        RedemptionStatus.REVERSED,
        300,
        (1_000, 0),
        [400, 600],
    )


def test_an_order_that_takes_none_any_more_releases_them(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    held = pay(ayse, 600, at=now, is_held=True)
    done = redemptions.capture(held.id, order_minor=1_000, actor=DENIZ, at=now)
    assert (done.status, balance(ayse, at=now), lots(ayse)) == (RedemptionStatus.RELEASED, (1_000, 0), [400, 600])
    assert redemptions.release(held.id, actor=DENIZ, at=now) == done
    with pytest.raises(Conflict, match=f"redemption {held.id} is released; only one that is done can be reversed"):
        redemptions.reverse_redemption(held.id, actor=DENIZ, at=now)


def test_a_hold_ends_by_itself(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations import redemptions, sweeps

    held = pay(ayse, 600, at=now, is_held=True)
    end = now + timedelta(minutes=30)
    early = end - timedelta(microseconds=1)
    assert not sweeps.release_due(early)
    assert not redemptions.release_due(at=early)
    with pytest.raises(Conflict, match="has run out at"):
        redemptions.capture(held.id, actor=DENIZ, at=end)
    assert not redemptions.release_due(at=end)  # the points are still set aside
    assert sweeps.release_due(end)
    assert redemptions.release_due(at=end)
    assert not redemptions.release_due(at=end)
    found = found_again(held.id)
    assert (found.status, found.holds_until, balance(ayse, at=end)) == (RedemptionStatus.RELEASED, None, (1_000, 0))


def test_one_of_many_who_capture_and_release_wins(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    held = pay(ayse, 600, at=now, is_held=True)

    def call(verb: Any) -> Any:
        return lambda: verb(held.id, actor=DENIZ, at=now)

    found = loyal.race([call(verb) for verb in (redemptions.capture, redemptions.release) * 5])
    statuses = {each.status for each in found if isinstance(each, Redemption)}
    assert len(statuses) == 1
    assert {type(each) for each in found} <= {Redemption, Conflict}
    final = found_again(held.id)
    assert final.status in statuses
    is_captured = final.status is RedemptionStatus.DONE
    assert balance(ayse, at=now) == ((400, 0) if is_captured else (1_000, 0))


def test_of_many_who_pay_with_the_same_points_one_does(ayse: int, now: Any) -> None:
    found = loyal.race([lambda n=n: pay(ayse, 1_000, at=now, key=f"redeem:{n}") for n in range(20)])
    assert [each.points for each in found if isinstance(each, Redemption)] == [1_000]
    assert sum(isinstance(each, Conflict) for each in found) == 19
    assert balance(ayse, at=now) == (0, 0)


def test_the_same_key_at_once_pays_once(ayse: int, now: Any) -> None:
    found = loyal.race([lambda: pay(ayse, 300, at=now)] * 20)
    assert len({each.id for each in found}) == 1
    assert (balance(ayse, at=now), rows("SELECT count(*) FROM loyalty_redemption")) == ((700, 0), [(1,)])


# ── Rewards ──


def test_a_reward_gives_a_code(ayse: int, now: Any) -> None:
    save(now, stock=5)
    done = take(ayse, at=now)
    assert (done.status, done.points, done.value_minor, done.reward_key) == (
        RedemptionStatus.DONE,
        300,
        9_000,
        "coffee",
    )
    assert re.fullmatch(r"(?:[2-9A-HJ-NP-Z]{5}-){2}[2-9A-HJ-NP-Z]{5}", done.code)
    assert rows("SELECT stock, taken FROM loyalty_reward") == [(4, 1)]
    assert balance(ayse, at=now) == (700, 0)
    before = everything()
    assert take(ayse, at=now + DAY) == done
    assert everything() == before
    ((event, profile, at, said),) = loyal.told("Reward Redeemed")
    assert (event, profile, at) == ("Reward Redeemed", "profile:101", now)
    assert said == {"points": 300, "redemption": done.id, "reward": "coffee", "value_minor": 9_000, "kind": "product"}
    assert rows("SELECT count(*) FROM events_inbox WHERE body::text LIKE %s", f"%{done.code}%") == [(0,)]


def test_codes_are_long_and_never_the_same(database: str) -> None:
    from sadakat.loyalty.operations import redemptions

    assert len(redemptions.CODE_ALPHABET) ** redemptions.CODE_LENGTH >= 2**64
    assert not set("01IO") & set(redemptions.CODE_ALPHABET)
    assert len({redemptions.new_code() for _ in range(1_000)}) == 1_000


def test_rewards_that_are_not_for_him_are_refused_and_leave_nothing(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations.rewards import archive_reward

    save(now, key="soon", starts_at=now + DAY)
    save(now, key="over", ends_at=now)
    save(now, key="gold-only", tiers=("gold", "platinum"))
    save(now, key="none-left", stock=0)
    save(now, key="once", per_member=1)
    save(now, key="dear", points=5_000)
    save(now, key="old")
    archive_reward("old", actor=DENIZ, at=now)
    take(ayse, at=now, reward="once", key="redeem:first")
    before = everything()
    refusals: list[tuple[str, type[Exception], str]] = [
        ("soon", Refused, "the reward 'soon' is not to be had at this time"),
        ("over", Refused, "the reward 'over' is not to be had at this time"),
        ("gold-only", Refused, "the reward 'gold-only' is for other tiers: gold, platinum"),
        ("none-left", Refused, "the reward 'none-left' is out of stock"),
        ("once", Refused, "the member has had the reward 'once' 1 times; 1 is the most"),
        ("dear", Conflict, "the member has 700 active points; 5000 are asked for"),
        ("old", Refused, "the reward 'old' is not in the catalogue any more"),
        ("tea", NotFound, "there is no reward 'tea'"),
    ]
    for key, kind, text in refusals:
        with pytest.raises(kind, match=re.escape(text)):
            take(ayse, at=now, reward=key)
        assert everything() == before
    assert take(ayse, at=now + DAY, reward="soon").reward_key == "soon"


def test_of_many_who_want_the_last_one_one_has_it(ayse: int, now: Any) -> None:
    from sadakat.loyalty.testing import make_members

    save(now, stock=1)
    others = make_members(range(200, 219), at=now)
    for each in others:
        award(each, 300, at=now)
    wanted = [lambda m=m: take(m, at=now, key=f"redeem:{m}") for m in (ayse, *others)]
    found = loyal.race(wanted)
    assert sum(isinstance(each, Redemption) for each in found) == 1
    assert sum(isinstance(each, Refused) for each in found) == 19
    assert rows("SELECT stock, taken FROM loyalty_reward") == [(0, 1)]
    assert rows("SELECT -sum(issued), sum(spent) FROM loyalty_balances") == [(1_000 + 19 * 300, 300)]


def test_a_member_has_no_more_than_his_share_however_fast_he_asks(ayse: int, now: Any) -> None:
    save(now, per_member=2, points=100)
    found = loyal.race([lambda n=n: take(ayse, at=now, key=f"redeem:{n}") for n in range(10)])
    assert sum(isinstance(each, Redemption) for each in found) == 2
    assert sum(isinstance(each, Refused) for each in found) == 8
    assert balance(ayse, at=now) == (800, 0)


def test_a_reversed_reward_is_in_stock_again_and_does_not_count(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    save(now, stock=1, per_member=1)
    done = take(ayse, at=now)
    assert lots(ayse) == [100, 600]
    found = loyal.race([lambda: redemptions.reverse_redemption(done.id, actor=DENIZ, at=now)] * 8)
    assert {(each.status, each.restored) for each in found} == {(RedemptionStatus.REVERSED, 300)}
    assert (lots(ayse), rows("SELECT stock, taken FROM loyalty_reward")) == ([400, 600], [(1, 0)])
    assert len(loyal.audited("loyalty.redemption_reversed")) == 1
    assert take(ayse, at=now, key="redeem:2").status is RedemptionStatus.DONE


def test_what_is_given_back_after_its_expiry_expires_at_once(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations import redemptions

    done = pay(ayse, 600, at=now)
    later = now + 10 * DAY
    found = redemptions.reverse_redemption(done.id, actor=DENIZ, at=later)
    assert (found.status, balance(ayse, at=later), lots(ayse)) == (RedemptionStatus.REVERSED, (600, 0), [0, 600])
    with pytest.raises(Invalid, match="of 600 points 1 to 600 can be given back, not 601"):
        redemptions.reverse_redemption(done.id, upto=601, actor=DENIZ, at=later)


# ── Orders that come back ──


def restore(order_id: str, share: str, *, at: Any, namespace: str = "shop", member_id: int | None = None) -> int:
    from django.db import transaction

    from sadakat.loyalty.operations.redemptions import restore_for_order

    with transaction.atomic():
        return restore_for_order(namespace, order_id, member_id=member_id, share=Decimal(share), at=at)


def test_points_come_back_with_the_share_of_the_order_that_does(ayse: int, now: Any) -> None:

    done = pay(ayse, 600, at=now, order_id="A-1", namespace="shop")
    pay(ayse, 200, at=now, order_id="A-2", namespace="shop", key="redeem:2")
    assert lots(ayse) == [0, 200]
    assert restore("A-1", "0.75", at=now) == 150
    assert restore("A-1", "0.75", at=now) == 0
    assert restore("A-1", "0.9", at=now) == 0  # what went back does not come again
    # Taken last, given back first: with the later expiry, as long as that lot has room.
    assert (found_again(done.id).restored, lots(ayse)) == (150, [0, 350])
    assert restore("A-1", "0", at=now) == 450
    assert found_again(done.id).status is RedemptionStatus.REVERSED
    assert (restore("A-1", "0", at=now), restore("", "0", at=now), restore("A-3", "0", at=now)) == (0, 0, 0)
    assert restore("A-2", "0", at=now, namespace="other") == 0
    assert (balance(ayse, at=now), lots(ayse)) == ((800, 0), [400, 400])


def test_points_held_for_an_order_that_is_gone_are_released(ayse: int, now: Any) -> None:

    held = pay(ayse, 600, at=now, order_id="A-1", is_held=True)
    assert (restore("A-1", "0.5", at=now, member_id=ayse), balance(ayse, at=now)) == (0, (400, 600))
    assert (restore("A-1", "0", at=now, member_id=ayse), balance(ayse, at=now)) == (0, (1_000, 0))
    assert found_again(held.id).status is RedemptionStatus.RELEASED


@pytest.mark.parametrize("namespace", ["", "shop"])
def test_a_number_that_does_not_say_whose_it_is_means_an_order_of_the_member(
    ayse: int, now: Any, namespace: str
) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.testing import make_members

    isil, baris, cagla = make_members([102, 103, 104], at=now)
    pay(ayse, 600, at=now, order_id="1001")
    pay(ayse, 400, at=now, order_id="1001", is_held=True, key="redeem:2")
    before = everything()
    for other in (isil, None):
        assert restore("1001", "0", at=now, namespace=namespace, member_id=other) == 0
    assert everything() == before
    # Ayşe has become one with Barış, and he with Çağla, whose order it is by now.
    models.Member.objects.filter(pk=ayse).update(merged_into_id=baris)
    models.Member.objects.filter(pk=baris).update(merged_into_id=cagla)
    assert restore("1001", "0", at=now, namespace=namespace, member_id=isil) == 0
    assert restore("1001", "0", at=now, namespace=namespace, member_id=cagla) == 600
    assert (balance(ayse, at=now), balance(cagla, at=now)) == ((0, 0), (1_000, 0))


def test_points_of_a_member_who_became_one_with_another_go_to_him(ayse: int, now: Any) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.operations import redemptions
    from sadakat.loyalty.testing import make_member
    from sadakat.loyalty.types import Transfer

    isil = make_member(102, at=now)
    done = pay(ayse, 600, at=now)
    post(Transfer(key="t", member_id=ayse, at=now, to_member_id=isil, points=None), at=now)
    models.Member.objects.filter(pk=ayse).update(merged_into_id=isil)
    assert redemptions.reverse_redemption(done.id, actor=DENIZ, at=now).status is RedemptionStatus.REVERSED
    assert (balance(ayse, at=now), balance(isil, at=now)) == ((0, 0), (1_000, 0))


def test_what_came_back_before_members_became_one_is_not_asked_for_again(ayse: int, now: Any) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.operations import redemptions
    from sadakat.loyalty.testing import make_member
    from sadakat.loyalty.types import Transfer

    isil = make_member(102, at=now)
    done = pay(ayse, 600, at=now, order_id="A-1", namespace="shop")
    assert restore("A-1", "0.75", at=now) == 150
    post(Transfer(key="t", member_id=ayse, at=now, to_member_id=isil, points=None), at=now)
    models.Member.objects.filter(pk=ayse).update(merged_into_id=isil)
    before = everything()
    assert restore("A-1", "0.75", at=now) == 0
    assert redemptions.reverse_redemption(done.id, upto=150, actor=DENIZ, at=now).restored == 150
    assert everything() == before
    assert restore("A-1", "0.5", at=now) == 150
    assert redemptions.reverse_redemption(done.id, actor=DENIZ, at=now).status is RedemptionStatus.REVERSED
    assert (balance(ayse, at=now), balance(isil, at=now)) == ((0, 0), (1_000, 0))


def test_what_was_redeemed_before_members_became_one_is_theirs(ayse: int, now: Any) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.queries import rewards as queries
    from sadakat.loyalty.testing import make_members

    save(now, per_member=1)
    isil, cagla, baris = make_members([102, 103, 104], at=now)
    for each in (cagla, baris):
        award(each, 300, at=now)
    done = take(ayse, at=now)
    other = take(baris, at=now, key="redeem:baris")
    models.Member.objects.filter(pk=ayse).update(merged_into_id=isil)
    models.Member.objects.filter(pk=isil).update(merged_into_id=cagla)
    assert queries.redemptions(cagla) == queries.redemptions(isil) == [done]
    assert queries.redemptions(baris) == [other]
    assert (queries.taken_by(cagla), queries.taken_by(baris)) == ({"coffee": 1}, {"coffee": 1})
    with pytest.raises(Refused, match="the member has had the reward 'coffee' 1 times; 1 is the most"):
        take(cagla, at=now, key="redeem:2")
    assert balance(cagla, at=now) == (300, 0)


# ── The catalogue ──


def test_the_catalogue_is_kept(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations.rewards import archive_reward
    from sadakat.loyalty.queries import rewards as queries

    assert save(now, stock=5) == dataclasses.replace(COFFEE, stock=5)
    take(ayse, at=now)
    before = everything()
    assert save(now, stock=4, taken=77) == dataclasses.replace(COFFEE, stock=4, taken=1)
    assert everything() == before
    save(now, stock=9, points=250)
    save(now, key="tea", points=50)
    assert [(each.key, each.points, each.stock) for each in queries.rewards()] == [
        ("tea", 50, None),
        ("coffee", 250, 9),
    ]
    assert archive_reward("tea", actor=DENIZ, at=now)
    assert not archive_reward("tea", actor=DENIZ, at=now)
    assert [each.key for each in queries.rewards()] == ["coffee"]
    assert [each.key for each in queries.rewards(include_archived=True)] == ["tea", "coffee"]
    assert archive_reward("tea", is_archived=False, actor=DENIZ, at=now)
    found = [(action, subject) for action, subject, _ in loyal.audited("loyalty.reward_")]
    assert found == [
        ("loyalty.reward_saved", "reward:coffee"),
        ("loyalty.reward_redeemed", f"member:{ayse}"),
        ("loyalty.reward_saved", "reward:coffee"),
        ("loyalty.reward_saved", "reward:tea"),
        ("loyalty.reward_archived", "reward:tea"),
        ("loyalty.reward_put_back", "reward:tea"),
    ]
    assert [each.reward_key for each in queries.redemptions(ayse)] == ["coffee"]
    assert queries.redemptions(reward_key="tea") == queries.redemptions(before_id=1) == []


def test_fields_that_are_kept_stay_as_they_have_become(ayse: int, now: Any) -> None:
    from sadakat.loyalty.operations.rewards import archive_reward, save_reward

    begins, ends = now - timedelta(hours=5), now + timedelta(hours=7)
    shown = save(now, stock=5, starts_at=begins, ends_at=ends)
    take(ayse, at=now)
    archive_reward("coffee", actor=DENIZ, at=now)
    said = dataclasses.replace(shown, points=250, stock=9, starts_at=None, ends_at=begins)
    kept = {"stock", "starts_at", "ends_at", "is_archived"}
    found = save_reward(said, kept=kept, actor=DENIZ, at=now)
    assert found == dataclasses.replace(shown, points=250, stock=4, is_archived=True, taken=1)
    before = everything()
    with pytest.raises(Invalid, match=f"ends_at: expected an instant after {re.escape(str(begins))}"):
        save_reward(said, kept=kept - {"ends_at"}, actor=DENIZ, at=now)
    assert everything() == before
    # Of one that is new there is nothing to be kept.
    assert save_reward(dataclasses.replace(said, key="tea", ends_at=None), kept=kept, actor=DENIZ, at=now).stock == 9


def test_rewards_that_cannot_be_are_refused(ayse: int, now: Any) -> None:
    before = everything()
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"key": "Coffee!"}, "key: expected small letters, digits, - and _, such as free-coffee, not 'Coffee!'"),
        ({"name": {"en": " "}}, "name: expected a text in at least one language"),
        ({"name": {"de": "Kaffee"}}, "name: expected the languages en and tr, not 'de'"),
        ({"description": {"en": "x" * 501}}, "description.en: expected at most 500 characters, not 501"),
        ({"points": 0}, "points: expected 1 to 1000000000000, not 0"),
        ({"value_minor": -1}, "value_minor: expected 0 to 1000000000000, not -1"),
        ({"stock": -1}, "stock: expected 0 to 1000000000, not -1"),
        ({"per_member": 0}, "per_member: expected 1 to 1000000000, not 0"),
        ({"tiers": ("bronze",)}, "tiers: there is no tier 'bronze'; there is silver, gold, platinum"),
        ({"starts_at": now, "ends_at": now}, f"ends_at: expected an instant after {now}, not {now}"),
    ]
    for changes, text in refusals:
        with pytest.raises(Invalid, match=re.escape(text)):
            save(now, **changes)
    assert everything() == before
