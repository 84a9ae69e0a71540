"""Worked cases of loyalty with known answers, through the REST API: lots, earning, burning, expiry, tiers, the ledger.

The clock of the API is moved by hand; days are those of Istanbul.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.integration.asking import Caller, caller, walk

AYSE, ISIL = "/loyalty/members/user_id:ayse", "/loyalty/members/user_id:isil"
NAME = {"en": "Purchases", "tr": "Alışveriş"}
PURCHASES = {"key": "purchases", "name": NAME, "event": "order", "points_per_unit": 1}


def local(day: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+03:00")


class Till:
    """A till of a shop whose programme and clock the test sets."""

    def __init__(self, set_clock: Callable[[datetime], None]) -> None:
        self.set_clock = set_clock
        self.now = local("2026-11-20")
        self.caller = caller("loyalty:read", "loyalty:write")

    def go_to(self, at: datetime) -> None:
        self.now = at
        self.set_clock(at)

    def programme(self, **said: Any) -> None:
        from sadakat.loyalty import api as loyalty
        from sadakat.platform import audit

        loyalty.apply_programme({"name": NAME, **said}, actor=audit.CLI, at=self.now)

    def enrol(self, *users: str) -> None:
        for user in users or ("ayse",):
            status, told = self.caller.ask("POST", "/loyalty/members", {"customer": f"user_id:{user}"})
            assert status == 201, told

    def give(self, points: int, expires_on: str | None = None, path: str = AYSE) -> None:
        """Gives points, or takes them; gone as that day begins."""
        said = {"points": points, "reason": "Case"}
        if expires_on:
            said["expires_at"] = local(expires_on, 0).isoformat()
        status, told = self.caller.ask("POST", f"{path}/adjust", said)
        assert status == 200, told

    def member(self, path: str = AYSE) -> Any:
        return self.caller.get(path)

    def active(self, path: str = AYSE) -> int:
        return int(self.member(path)["balance"]["active"])

    def expiring(self) -> dict[str, int]:
        """Points by the local day with whose beginning they are gone."""
        zone = self.now.tzinfo
        moments = [(datetime.fromisoformat(each["expires_at"]), each["points"]) for each in self.member()["expiring"]]
        assert all(at.astimezone(zone).hour == 0 for at, _ in moments)
        return {str(at.astimezone(zone).date()): points for at, points in moments}

    def redeem(self, points: int, **said: Any) -> tuple[int, int]:
        """Points that paid and what they were worth."""
        status, told = self.caller.ask("POST", f"{AYSE}/redeem", {"points": points, **said})
        assert status == 201, told
        return told["points"], told["value"]["amount"]

    def quote(self, **order: Any) -> Any:
        said = {"customer": "user_id:ayse", "order": {"currency": "TRY", **order}}
        status, told = self.caller.ask("POST", "/loyalty/quote", said)
        assert status == 200, told
        return told


@pytest.fixture
def till(database: str, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    from sadakat.customers.testing import known_as
    from sadakat.loyalty import api as loyalty

    def set_clock(at: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: at)

    for user in ("ayse", "isil"):
        known_as(f"user_id:{user}", at=now)
    yield Till(set_clock)
    assert loyalty.audit().problems == ()


# Lots


def test_the_lot_that_expires_first_is_spent_first(till: Till) -> None:
    till.go_to(local("2026-11-20"))
    till.programme()
    till.enrol()
    till.give(100, "2027-06-01")
    till.give(100, "2027-01-01")
    till.give(-100)
    assert till.expiring() == {"2027-06-01": 100}
    till.give(100)  # never
    till.give(-100)
    assert (till.expiring(), till.active()) == ({}, 100)


def test_what_expires_by_a_day(till: Till) -> None:
    till.go_to(local("2026-11-20"))
    till.programme()
    till.enrol()
    till.give(50)
    till.give(200, "2027-06-01")
    till.give(100, "2027-02-01")
    soon = till.expiring()
    assert sum(points for day, points in soon.items() if day <= "2027-03-01") == 100
    assert sum(points for day, points in soon.items() if day <= "2027-07-01") == 300
    assert till.active() == 350


def test_an_expiry_takes_what_is_left_once_and_at_its_very_moment(till: Till) -> None:
    from sadakat.loyalty import api as loyalty

    till.go_to(local("2026-11-20"))
    till.programme()
    till.enrol()
    till.give(150, "2026-12-01")
    till.give(-50)
    end = local("2026-12-01", 0)
    till.go_to(end - timedelta(microseconds=1))
    assert till.active() == 100
    till.go_to(end)
    assert till.active() == 0
    status, told = till.caller.ask("POST", f"{AYSE}/adjust", {"points": -1, "reason": "Too late"})
    assert (status, told["detail"]) == (409, "the member has 0 active points; 1 are asked for")
    for _ in range(2):
        while loyalty.expire_due(end + timedelta(hours=1)):
            pass
        lines = walk(till.caller, f"{AYSE}/ledger", limit=10)
        assert [(line["kind"], line["points"]) for line in lines] == [
            ("expire", -100),
            ("deduct", -50),
            ("award", 150),
        ]
        assert lines[0]["at"] == "2026-11-30T21:00:00Z"
        assert till.member()["balance"] == {"active": 0, "pending": 0, "lifetime": 100, "reserved": 0, "deficit": 0}


# Earning


def test_what_an_order_earns(till: Till) -> None:
    till.programme(rules=[PURCHASES])
    till.enrol()
    line = {"product_id": "a", "price": 19.99, "quantity": 1}
    assert till.quote(total=19.99, products=[line])["points"] == 19
    taxed = till.quote(total=50, tax=8, products=[{"product_id": "a", "price": 50, "quantity": 1}])
    assert (taxed["basis"]["amount"], taxed["points"]) == (4_200, 42)
    less = till.quote(total=90, discount=10, products=[{"product_id": "a", "price": 100, "quantity": 1}])
    assert (less["basis"]["amount"], less["points"]) == (9_000, 90)
    for rounding, points in (("floor", 28), ("round", 29), ("ceil", 29)):
        half = {"key": "more", "name": NAME, "factor": 1.5}
        till.programme(rules=[PURCHASES], multipliers=[half], rounding=rounding)
        told = till.quote(total=19, products=[line | {"price": 19}])
        assert (told["points"], told["rules"][0]["points"], told["multipliers"]) == (points, 19, {"more": 1.5})
    till.programme(rules=[PURCHASES | {"points_per_unit": 3}])
    assert till.quote(total=40, products=[line | {"price": 40}])["points"] == 120


# Burning


def test_how_many_points_pay(till: Till) -> None:
    till.programme(burning={"points_step": 1, "step_minor": 5, "least_points": 500, "most_share": 0.5})
    till.enrol()
    till.give(5_000)
    assert till.redeem(1_000, order_amount=10_000) == (1_000, 5_000)
    till.give(700 - 4_000)
    assert till.redeem(1_000, order_amount=10_000) == (700, 3_500)
    till.programme(burning={"points_step": 100, "step_minor": 500, "least_points": 500, "most_share": 0.5})
    till.give(5_000)
    assert till.redeem(1_050) == (1_000, 5_000)
    assert till.active() == 4_000
    status, _ = till.caller.ask("POST", f"{AYSE}/redeem", {"points": 499})
    assert (status, till.active()) == (409, 4_000)


# Expiry


@pytest.mark.parametrize(
    ("expiry", "day", "gone_on"),
    [
        ({"span": "months", "count": 1}, "2027-01-31", "2027-03-01"),
        ({"span": "months", "count": 1}, "2027-01-25", "2027-02-26"),
        ({"span": "end_of_month", "count": 0}, "2027-01-22", "2027-02-01"),
    ],
    ids=["clamped to 28 February", "through 25 February", "end of the month"],
)
def test_how_long_points_live(till: Till, expiry: dict[str, Any], day: str, gone_on: str) -> None:
    till.go_to(local(day))
    till.programme(expiry=expiry)
    till.enrol()
    till.give(100)
    assert till.expiring() == {gone_on: 100}
    till.go_to(local(gone_on, 0) - timedelta(seconds=1))
    assert till.active() == 100
    till.go_to(local(gone_on, 0))
    assert till.active() == 0


# Tiers


@pytest.mark.parametrize(
    ("said", "ends_on"),
    [
        ({"validity": "end_of_period"}, "2027-04-01"),
        ({"validity": "end_of_next_period"}, "2027-05-01"),
        ({"validity": "end_of_period", "grace_days": 7}, "2027-04-08"),
    ],
    ids=["through 31 March", "through 30 April", "through 7 April"],
)
def test_how_long_a_tier_holds(till: Till, said: dict[str, Any], ends_on: str) -> None:
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty import features

    def judge() -> Any:
        while loyalty.tiers_due(at=till.now) or features.features_due(at=till.now):
            pass
        return till.member()["tier"]

    till.go_to(local("2027-03-10"))
    gold = {"key": "gold", "name": {"en": "Gold", "tr": "Altın"}, "threshold": 100}
    till.programme(ladder={"tiers": [gold], "window": "calendar_month", **said})
    till.enrol()
    till.give(99)
    assert judge() is None
    till.give(1)
    assert judge() == "gold"
    assert datetime.fromisoformat(till.member()["tier_until_at"]) == local(ends_on, 0)
    till.go_to(local(ends_on, 0) - timedelta(seconds=1))
    assert judge() == "gold"
    till.go_to(local(ends_on, 0))
    assert judge() is None
    assert till.active() == 100


# The ledger


def at_once(count: int, ask: Callable[[Caller], tuple[int, Any]], *, key: str) -> Counter[int]:
    """Statuses of as many clients that ask at the same moment."""
    from django.db import connections

    together, seen = threading.Barrier(count), []

    def one() -> None:
        try:
            client = Caller(key)
            together.wait(timeout=60)
            seen.append(ask(client)[0])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(seen) == count
    return Counter(seen)


def test_of_two_who_take_too_much_together_one_is_refused(till: Till) -> None:
    till.programme()
    till.enrol()
    till.give(100)
    taking = {"points": -60, "reason": "Both"}
    seen = at_once(2, lambda client: client.ask("POST", f"{AYSE}/adjust", taking), key=till.caller.key)
    assert seen == {200: 1, 409: 1}
    assert till.active() == 40


def test_a_balance_that_is_given_away_twenty_times_goes_once(till: Till) -> None:
    till.programme()
    till.enrol("ayse", "isil")
    till.give(100)
    gift = {"to": "user_id:isil", "points": 100}
    seen = at_once(20, lambda client: client.ask("POST", f"{AYSE}/transfer", gift), key=till.caller.key)
    assert seen == {200: 1, 409: 19}
    assert (till.active(), till.active(ISIL)) == (0, 100)
