"""Members: how they come to be, are found, and follow the customers they are."""

from datetime import timedelta

import pytest

from sadakat.events.types import SourceKind
from sadakat.kernel.errors import NotFound, Refused
from sadakat.loyalty.types import EnrolledBy
from tests.integration import earning
from tests.integration.earning import CANCELLED, DENIZ, PURCHASES, REFUNDED, Shop, operations, whole
from tests.integration.pipeline import rows

shop = earning.shop


def test_enrolling_is_done_once_and_told(shop: Shop) -> None:
    from sadakat.customers import api as customers
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.rules import cards
    from sadakat.platform.models import AuditEntry

    shop.send(shop.tracked("Product Viewed"))
    customer_id = customers.find("user_id:ayse")
    with pytest.raises(Refused, match="nobody can become a member yet; apply a programme first"):
        loyalty.enrol(customer_id, by=EnrolledBy.TILL, actor=DENIZ, at=shop.now)
    shop.work()
    assert (loyalty.member_count(), rows("SELECT count(*) FROM events_log WHERE source_id = 1")) == (0, [(0,)])
    shop.programme()
    made = loyalty.enrol(customer_id, by=EnrolledBy.TILL, actor=DENIZ, at=shop.now)
    assert (made.customer_id, made.enrolled_at, made.enrolled_by) == (customer_id, shop.now, EnrolledBy.TILL)
    assert (made.balance.active, made.balance.pending, made.balance.lifetime) == (0, 0, 0)
    assert cards.read_number(made.number) == made.number
    again = loyalty.enrol(customer_id, by=EnrolledBy.FORM, actor=DENIZ, at=shop.now + timedelta(days=1))
    assert again == made

    shop.work()
    assert rows("SELECT event, profile_id, body -> 'properties' ->> 'by' FROM events_log WHERE source_id = 1") == [
        ("Member Enrolled", customer_id, "till")
    ]
    # The card finds the person: its number goes into no fact, and so into no lake and to no other system.
    assert rows("SELECT count(*) FROM events_log WHERE body::text LIKE %s", f"%{made.number}%") == [(0,)]
    entries = AuditEntry.objects.filter(action__startswith="loyalty.members").values_list(
        "actor", "action", "subject", "new"
    )
    assert list(entries) == [("user:1", "loyalty.members_enrolled", f"member:{made.id}", {"members": 1, "by": "till"})]
    with pytest.raises(NotFound, match="there is no customer 999"):
        loyalty.enrol(999, by=EnrolledBy.TILL, actor=DENIZ, at=shop.now)
    assert loyalty.member_count() == 1


def test_finding_members(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty

    shop.programme()
    people = {"ayse": "Ayşe Yılmaz", "isil": "Işıl Iğdır", "baris": "Barış Öztürk"}
    for user, name in people.items():
        identify = {"type": "identify", "messageId": user, "userId": user, "timestamp": shop.start.isoformat()}
        shop.send(
            {**identify, "traits": {"name": name, "email": f"{user}@example.com"}},
            shop.order(number=user, user=user, revenue=1),
        )

    def found(text: str = "", **said: object) -> list[str]:
        rows = loyalty.search_members(text, at=shop.now, **said)
        return [name for row in rows for name in people if row == shop.member(f"user_id:{name}")]

    assert found() == ["ayse", "isil", "baris"]
    assert [found(text) for text in ("IŞIL", "yil", "example ba", "%", "_", "nobody")] == [
        ["isil"], ["ayse"], ["baris"], [], [], []]  # fmt: skip
    ayse = shop.member()
    assert found(ayse.number[:12]) == ["ayse"]
    assert found(after=ayse.id, limit=1) == ["isil"]
    assert (found(tier="gold"), loyalty.member_count()) == ([], 3)
    assert loyalty.members_of([ayse.customer_id, 999]) == {ayse.customer_id: ayse.id}
    spaced = f" {ayse.number[:4]} {ayse.number[4:]} "
    assert loyalty.member_numbered(spaced, at=shop.now) == ayse
    assert loyalty.member_numbered("9000000000123456", at=shop.now) is None
    assert loyalty.member_numbered("12", at=shop.now) is None
    with pytest.raises(NotFound, match="there is no member 999"):
        loyalty.member(999, at=shop.now)


def test_renewing_a_link(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty

    shop.programme()
    shop.send(shop.order(revenue=1))
    id_ = shop.member().id
    assert [loyalty.renew_link(id_, actor=DENIZ, at=shop.now) for _ in range(2)] == [2, 3]
    with pytest.raises(NotFound):
        loyalty.renew_link(999, actor=DENIZ, at=shop.now)
    assert rows("SELECT subject FROM platform_auditentry WHERE action = 'loyalty.link_renewed'") == [
        (f"member:{id_}",)] * 2  # fmt: skip


def test_orders_before_the_enrolment_earn_as_far_back_as_the_programme_says(shop: Shop) -> None:
    from sadakat.customers import api as customers
    from sadakat.loyalty import api as loyalty

    shop.programme(is_enrolment_automatic=False, award_back_days=20)
    shop.programme({**PURCHASES, "points_per_unit": 2}, day=25, is_enrolment_automatic=False, award_back_days=10)
    for day in (5, 19, 20, 22, 26):
        shop.send(shop.order(number=f"day-{day}", day=day, revenue=day))
    shop.send(shop.order(CANCELLED, number="day-22", day=23), shop.order(REFUNDED, number="day-26", day=27, revenue=6))
    assert shop.points() is None
    customer_id = customers.find("user_id:ayse")
    assert loyalty.enrol(customer_id, by=EnrolledBy.FORM, actor=DENIZ, at=shop.now).balance.active == 80

    # Thirty days after the start, ten days back, by the rules of that day.
    shop.replay()
    assert shop.points() == (80, 0)
    assert [(key, points, undone) for key, kind, points, undone in operations() if kind == "award"] == [
        ("earn:order::day-20", 40, 0),
        ("earn:order::day-26", 52, 12),
    ]
    # One of those days that comes late earns likewise.
    shop.send(shop.order(number="late", day=21, revenue=1), shop.order(number="too-early", day=19.9, revenue=1))
    assert shop.points() == (82, 0)
    whole()


def test_enrolling_by_ordering_brings_orders_of_the_days_before(shop: Shop) -> None:
    shop.programme(award_back_days=10)
    shop.send(
        shop.order(number="guest", guest=True, day=1, revenue=10),
        shop.order(number="long-ago", guest=True, day=-20, revenue=100),
    )
    assert shop.points() is None
    shop.send(shop.order(number="account", day=5, revenue=1))

    assert shop.points() == (11, 0)
    assert shop.member().enrolled_at == shop.start + timedelta(days=5)
    # Whoever orders with an account enrols by it, in whatever order that is told.
    shop.send(shop.order(number="earlier", day=-9, revenue=1000))
    assert shop.points() == (1011, 0)
    whole()


AYSE, ISIL = "user_id:ayse", "user_id:isil"


def ids(shop: Shop) -> tuple[int, int]:
    from sadakat.customers import api as customers

    return customers.find(AYSE), customers.find(ISIL)


def merge(shop: Shop, left: int, right: int) -> int:
    from sadakat.customers import api as customers

    merged = customers.merge_customers(left_id=left, right_id=right, actor=DENIZ, at=shop.now)
    shop.work()
    return merged.merge.id


def undo(shop: Shop, merge_id: int) -> None:
    from sadakat.customers import api as customers

    customers.undo_merge(merge_id=merge_id, actor=DENIZ, at=shop.now)
    shop.work()


def test_two_members_become_one_and_two_again(shop: Shop) -> None:
    shop.programme()
    shop.send(shop.order(revenue=100), shop.order(number="1002", user="isil", revenue=50))
    ayse, isil = ids(shop)
    two = shop.member(AYSE), shop.member(ISIL)
    merge_id = merge(shop, ayse, isil)

    one = shop.member(AYSE)
    assert (one.id, one.number, one.balance.active) == (two[0].id, two[0].number, 150)
    assert shop.member(ISIL) == one
    from sadakat.loyalty import api as loyalty

    # The other card is still good, and the number of the member leads to whom he is now.
    assert loyalty.member_numbered(two[1].number, at=shop.now) == loyalty.member(two[1].id, at=shop.now) == one
    assert (loyalty.member_count(), loyalty.members_of([ayse, isil])) == (1, {ayse: one.id})
    # What Işıl orders earns for both, and what she gave back is taken from both.
    shop.send(shop.order(number="1003", user="isil", day=1, revenue=7))
    shop.send(shop.order(REFUNDED, number="1002", user="isil", day=2, revenue=20))
    assert shop.points() == (137, 0)
    shop.replay()
    assert shop.points() == (137, 0)

    undo(shop, merge_id)
    assert (shop.points(AYSE), shop.points(ISIL)) == ((100, 0), (37, 0))
    assert (shop.member(AYSE).number, shop.member(ISIL).number) == (two[0].number, two[1].number)
    shop.replay()
    assert (shop.points(AYSE), shop.points(ISIL)) == ((100, 0), (37, 0))
    again = merge(shop, ayse, isil)
    assert shop.points() == (137, 0)
    undo(shop, again)
    assert (shop.points(AYSE), shop.points(ISIL)) == ((100, 0), (37, 0))
    shop.send(shop.order(CANCELLED, number="1002", user="isil", day=3))
    assert (shop.points(AYSE), shop.points(ISIL)) == ((100, 0), (7, 0))
    whole()


def test_an_order_that_comes_back_after_the_merge_of_who_paid_it_with_points(shop: Shop) -> None:
    from sadakat.loyalty.operations import redemptions
    from sadakat.loyalty.queries import rewards

    shop.programme()
    other = shop.new_source("other", kind=SourceKind.SERVER, namespace="other")
    shop.send(shop.order(revenue=100), shop.order(number="1002", user="isil", revenue=1_000))
    shop.send(shop.order(number="1002", user="baris", day=1, revenue=10), source=other)
    isil = shop.member(ISIL).id
    done = redemptions.redeem_points(isil, points=400, order_id="1002", key="r", actor=DENIZ, at=shop.now)
    # What Barış sends back of an order of that number in another shop is not what Işıl has paid for.
    shop.send(shop.order(CANCELLED, number="1002", user="baris", day=2), source=other)
    assert (rewards.redemption(done.id).restored, shop.points(ISIL)) == (0, (600, 0))
    back = shop.order(REFUNDED, number="1002", user="isil", day=2, revenue=250)
    shop.send(back)
    assert (rewards.redemption(done.id).restored, shop.points(ISIL)) == (100, (450, 0))

    merge(shop, *ids(shop))
    shop.replay()
    assert (rewards.redemption(done.id).restored, shop.points()) == (100, (550, 0))
    shop.send(shop.order(CANCELLED, number="1002", user="isil", day=3))
    assert (rewards.redemption(done.id).restored, shop.points()) == (400, (100, 0))
    whole()


def test_a_member_and_one_who_is_none(shop: Shop) -> None:
    shop.programme()
    shop.send(shop.tracked("Product Viewed"), shop.order(number="1002", user="isil", revenue=50))
    ayse, isil = ids(shop)
    assert ayse < isil
    number = shop.member(ISIL).number
    merge_id = merge(shop, ayse, isil)
    assert (shop.member(AYSE).number, shop.points(AYSE)) == (number, (50, 0))
    shop.send(shop.order(number="1003", guest=True, day=1, revenue=5))
    assert shop.points(AYSE) == (55, 0)

    # Ayşe has never become a member: what she ordered earns for nobody any more.
    undo(shop, merge_id)
    assert (shop.points(AYSE), shop.points(ISIL), shop.member(ISIL).number) == (None, (50, 0), number)
    shop.replay()
    assert (shop.points(AYSE), shop.points(ISIL)) == (None, (50, 0))
    assert operations()[-1] == ("unearn:order::1003:5", "reverse", 5, 0)
    whole()


def test_neither_was_a_member(shop: Shop) -> None:
    shop.programme(is_enrolment_automatic=False)
    shop.send(shop.order(revenue=10), shop.order(number="1002", user="isil", revenue=50))
    merge_id = merge(shop, *ids(shop))
    assert shop.points(AYSE) is None
    undo(shop, merge_id)
    assert (shop.points(AYSE), shop.points(ISIL), operations()) == (None, None, [])
    whole()


def test_points_that_were_spent_together_are_not_there_any_more(shop: Shop) -> None:
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.types import Spend

    shop.programme()
    shop.send(shop.order(revenue=100), shop.order(number="1002", user="isil", revenue=50))
    merge_id = merge(shop, *ids(shop))
    spend = Spend(key="s", member_id=shop.member().id, at=shop.now, points=120)
    assert loyalty.post([spend], at=shop.now)[0].is_done
    undo(shop, merge_id)
    left = [shop.points(ref)[0] for ref in (AYSE, ISIL)]
    assert sum(left) == 30
    whole()


@pytest.mark.parametrize("first", [0, 1])
def test_three_become_one_and_come_apart_in_any_order(shop: Shop, first: int) -> None:
    """The one in the middle brings what he had been given before, and gives it back through both."""
    from sadakat.customers import api as customers

    shop.programme()
    refs = [f"user_id:{user}" for user in ("ayse", "isil", "baris")]
    for user, lira in (("ayse", 100), ("isil", 10), ("baris", 1)):
        shop.send(shop.order(number=user, user=user, revenue=lira))
    ayse, isil, baris = (customers.find(ref) for ref in refs)
    merges = [merge(shop, isil, baris), merge(shop, ayse, isil)]
    assert shop.points() == (111, 0)
    undo(shop, merges.pop(first))
    together = {0: [(110, 0), (110, 0), (1, 0)], 1: [(100, 0), (11, 0), (11, 0)]}[first]
    assert [shop.points(ref) for ref in refs] == together
    undo(shop, merges.pop())
    assert [shop.points(ref) for ref in refs] == [(100, 0), (10, 0), (1, 0)]
    whole()
