"""Points given, taken and transferred by hand, undone again; and what the overview reads of all of it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.loyalty.types import Award, Expire, Expiry, Span, Spend, Transfer
from sadakat.platform import audit
from tests.integration.pipeline import rows

DENIZ = audit.Actor("user:1", "Deniz")


@pytest.fixture
def members(database: str, now: datetime) -> list[int]:
    from sadakat.loyalty.operations.programme import apply_programme
    from sadakat.loyalty.testing import make_members

    apply_programme({"expiry": {"span": "months", "count": 12}}, actor=DENIZ, at=now - timedelta(days=400))
    return make_members([101, 102], at=now - timedelta(days=400))


def actions() -> list[str]:
    from sadakat.platform.models import AuditEntry

    kept = AuditEntry.objects.filter(action__startswith="loyalty.points").order_by("id")
    return list(kept.values_list("action", flat=True))


def active(member_id: int, at: datetime) -> int:
    from sadakat.loyalty.queries import ledger

    return ledger.balances([member_id], at=at)[member_id].active


def test_points_are_given_once_and_taken_back(members: list[int], now: datetime) -> None:
    from sadakat.loyalty.operations.by_hand import adjust_points, undo_by_hand
    from sadakat.loyalty.queries import ledger

    for is_replay in (False, True):
        outcome = adjust_points(members[0], points=40, reason=" Özür ", key="adjust:1", actor=DENIZ, at=now)
        assert (outcome.is_done, outcome.is_replay, outcome.balance.active) == (True, is_replay, 40)
    (line,) = ledger.ledger(members[0])
    assert line.reference == {"reason": "Özür"}
    assert line.actor_name == "Deniz"
    assert line.expires_at == datetime(2027, 11, 20, 21, tzinfo=UTC)
    assert outcome.operation_id is not None
    assert undo_by_hand(outcome.operation_id, actor=DENIZ, at=now).points == 40
    assert undo_by_hand(outcome.operation_id, actor=DENIZ, at=now).is_replay
    assert active(members[0], now) == 0
    assert actions() == ["loyalty.points_adjusted", "loyalty.points_undone"]


def test_points_are_taken_and_given_anew(members: list[int], now: datetime) -> None:
    from sadakat.loyalty.operations.by_hand import adjust_points, undo_by_hand

    last = now + timedelta(days=3)
    adjust_points(members[0], points=50, reason="a", key="adjust:1", actor=DENIZ, at=now, expires_at=last)
    taken = adjust_points(members[0], points=-30, reason="b", key="adjust:2", actor=DENIZ, at=now)
    assert active(members[0], now) == 20
    assert taken.operation_id is not None
    undo_by_hand(taken.operation_id, actor=DENIZ, at=now)
    assert active(members[0], now) == 50
    assert active(members[0], last) == 30


def test_a_transfer_is_returned(members: list[int], now: datetime) -> None:
    from sadakat.loyalty.operations.by_hand import adjust_points, transfer_points, undo_by_hand

    one, two = members
    adjust_points(one, points=50, reason="a", key="adjust:1", actor=DENIZ, at=now)
    moved = transfer_points(one, to_member_id=two, points=20, reason="Aile", key="transfer:1", actor=DENIZ, at=now)
    assert (active(one, now), active(two, now)) == (30, 20)
    assert moved.operation_id is not None
    undo_by_hand(moved.operation_id, actor=DENIZ, at=now)
    assert (active(one, now), active(two, now)) == (50, 0)


def test_what_is_refused_leaves_nothing(members: list[int], now: datetime) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.operations import ledger
    from sadakat.loyalty.operations.by_hand import adjust_points, transfer_points, undo_by_hand

    one, two = members
    with pytest.raises(Conflict, match="0 active points"):
        adjust_points(one, points=-1, reason="a", key="adjust:1", actor=DENIZ, at=now)
    for points, reason in ((0, "a"), (1, " "), (1, "a" * 201)):
        with pytest.raises(Invalid):
            adjust_points(one, points=points, reason=reason, key="adjust:1", actor=DENIZ, at=now)
    for to, points in ((two, 0), (one, 1)):
        with pytest.raises(Invalid):
            transfer_points(one, to_member_id=to, points=points, reason="a", key="transfer:1", actor=DENIZ, at=now)
    with pytest.raises(NotFound):
        undo_by_hand(1, actor=DENIZ, at=now)
    assert not models.Operation.objects.exists()
    (given,) = ledger.post([Award(key="earn:1", member_id=one, at=now, points=5)], at=now)
    assert given.operation_id is not None
    with pytest.raises(Refused, match="was not done by hand"):
        undo_by_hand(given.operation_id, actor=DENIZ, at=now)
    assert actions() == []


def test_whoever_has_become_one_with_another_is_given_nothing_that_nobody_would_see(
    members: list[int], now: datetime
) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.operations import ledger
    from sadakat.loyalty.operations.by_hand import adjust_points, transfer_points, undo_by_hand
    from sadakat.loyalty.queries.ledger import audit as ledger_audit

    one, two = members
    adjust_points(one, points=50, reason="a", key="adjust:1", actor=DENIZ, at=now)
    taken = adjust_points(two, points=30, reason="b", key="adjust:2", actor=DENIZ, at=now)
    moved = transfer_points(two, to_member_id=one, points=10, reason="c", key="transfer:1", actor=DENIZ, at=now)
    models.Member.objects.filter(pk=two).update(merged_into=one)
    ledger.post([Transfer(key="merge", member_id=two, at=now, to_member_id=one, points=None)], at=now)
    before = actions()

    gone = rf"member {two} has become one with member {one}"
    for points in (5, -5):
        with pytest.raises(Conflict, match=gone):
            adjust_points(two, points=points, reason="a", key="adjust:3", actor=DENIZ, at=now)
    for giver, receiver in ((one, two), (two, one)):
        with pytest.raises(Conflict, match=gone):
            transfer_points(giver, to_member_id=receiver, points=1, reason="a", key="transfer:2", actor=DENIZ, at=now)
    for outcome in (taken, moved):
        assert outcome.operation_id is not None
        with pytest.raises(Conflict, match=gone):
            undo_by_hand(outcome.operation_id, actor=DENIZ, at=now)
    assert (active(one, now), active(two, now)) == (80, 0)
    assert models.Operation.objects.count() == 4
    assert actions() == before
    assert ledger_audit().problems == ()
    # What was done before the merge answers as it did.
    assert adjust_points(two, points=30, reason="b", key="adjust:2", actor=DENIZ, at=now).is_replay


def test_what_is_done_by_hand_is_told_as_an_adjustment_and_so_is_its_undoing(members: list[int], now: datetime) -> None:
    from sadakat.loyalty.operations.by_hand import adjust_points, undo_by_hand

    given = adjust_points(members[0], points=50, reason="a", key="adjust:1", actor=DENIZ, at=now).operation_id
    taken = adjust_points(members[0], points=-20, reason="a", key="adjust:2", actor=DENIZ, at=now).operation_id
    for operation_id in (taken, given):
        assert operation_id is not None
        undo_by_hand(operation_id, actor=DENIZ, at=now)
    told = rows("SELECT body ->> 'event', body #>> '{properties,kind}' FROM events_inbox ORDER BY id")
    assert told == [("Points Adjusted", kind) for kind in ("award", "deduct", "award", "reverse")]


def test_the_overview_counts_points_by_month(members: list[int], now: datetime) -> None:
    from sadakat.loyalty.operations import ledger
    from sadakat.loyalty.operations.by_hand import adjust_points, undo_by_hand
    from sadakat.loyalty.queries import overview
    from sadakat.loyalty.types import Account

    one = members[0]
    # 31 August 23:30 in Istanbul, which is the same day in UTC; 30 September 22:30 UTC is October there.
    august, october = datetime(2026, 8, 31, 20, 30, tzinfo=UTC), datetime(2026, 9, 30, 22, 30, tzinfo=UTC)
    outcomes = ledger.post(
        [
            Award(key="a", member_id=one, at=august, points=100, expiry=Expiry(Span.DAYS, 40)),
            Spend(key="b", member_id=one, at=october, points=30),
            Award(key="c", member_id=one, at=october, points=7, is_pending=True),
            Expire(key="d", member_id=one, at=now),
        ],
        at=now,
    )
    assert all(each.is_done for each in outcomes)
    given = adjust_points(one, points=40, reason="a", key="adjust:1", actor=DENIZ, at=now)
    assert given.operation_id is not None
    undo_by_hand(given.operation_id, actor=DENIZ, at=now)
    adjust_points(one, points=9, reason="b", key="adjust:2", actor=DENIZ, at=now, expires_at=now + timedelta(days=2))
    months = overview.points_by_month(since=date(2026, 8, 15), until=date(2026, 11, 21), time_zone="Europe/Istanbul")
    assert [(each.month, each.given, each.spent, each.expired) for each in months] == [
        (date(2026, 8, 1), 100, 0, 0),
        (date(2026, 9, 1), 0, 0, 0),
        (date(2026, 10, 1), 7, 30, 70),
        (date(2026, 11, 1), 9, 0, 0),
    ]
    assert overview.outstanding() == {Account.ACTIVE: 9, Account.PENDING: 7, Account.RESERVED: 0}
    assert overview.expiring_until(now + timedelta(days=2), at=now) == overview.Due(points=9, members=1)
    assert overview.expiring_until(now + timedelta(days=1), at=now) == overview.Due(points=0, members=0)


def test_members_stand_beside_other_customers(database: str, now: datetime) -> None:
    from django.db import connection

    from sadakat.commerce import models
    from sadakat.loyalty.queries import overview
    from sadakat.loyalty.testing import make_member

    def order(number: int, customer: int, days: int, net_minor: int) -> None:
        at = now - timedelta(days=days)
        models.Order.objects.create(
            namespace="",
            order_id=str(number),
            profile_id=customer,
            source_id=1,
            at=at,
            local_date=at.date(),
            status="completed",
            channel="online",
            is_guest=False,
            currency="TRY",
            currency_rate=1,
            revenue_minor=net_minor,
            goods_minor=net_minor,
            taxed_minor=net_minor,
            total_minor=net_minor,
            refunded_minor=0,
            net_minor=net_minor,
            line_count=1,
            position=1,
        )

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO customers_profile (profile_id, customer_id) VALUES (1, 1), (2, 2), (3, 3)")
    make_member(1, at=now)
    for number, (customer, days, net) in enumerate(
        [(1, 10, 500), (1, 20, 300), (1, 400, 100), (2, 30, 900), (3, 500, 100), (3, 5, 0), (2, 800, 50)]
    ):
        order(number, customer, days, net)
    found = [
        (each.is_member, each.customers, each.orders, each.revenue_minor, each.came_back, each.before)
        for each in overview.groups(day=now.date())
    ]
    assert found == [(True, 1, 2, 800, 1, 1), (False, 1, 1, 900, 0, 1)]
