"""Loyalty by REST: exact answers, retries, refusals that leave nothing, and what each key may do."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from tests.integration.asking import Caller, caller, refusal, walk

PROGRAMME: dict[str, Any] = {
    "name": {"en": "Club", "tr": "Kulüp"},
    "expiry": {"span": "months", "count": 12},
    "rules": [
        {"key": "purchases", "name": {"en": "Purchases", "tr": "Alışveriş"}, "event": "order", "points_per_unit": 1}
    ],
    "burning": {"points_step": 100, "step_minor": 500, "least_points": 500, "most_share": 0.5},
}
NOBODY_HAS = {"active": 0, "pending": 0, "lifetime": 0, "reserved": 0, "deficit": 0}


@pytest.fixture
def till(database: str, now: datetime) -> Iterator[Caller]:
    """A till of a shop with a programme; Ayşe and Işıl are customers."""
    from sadakat.customers.testing import known_as
    from sadakat.loyalty import api as loyalty
    from sadakat.platform import audit

    for key in (("user_id:ayse", "email:ayse@example.com"), ("user_id:isil",)):
        known_as(*key, at=now)
    loyalty.apply_programme(PROGRAMME, actor=audit.CLI, at=now)
    yield caller("loyalty:read", "loyalty:write")
    report = loyalty.audit()
    assert report.problems == ()


def enrol(till: Caller, ref: str = "user_id:ayse") -> dict[str, Any]:
    status, member = till.ask("POST", "/loyalty/members", {"customer": ref})
    assert status == 201, member
    return dict(member)


def give(till: Caller, points: int, ref: str = "user_id:ayse", **more: Any) -> dict[str, Any]:
    said = {"points": points, "reason": "Welcome", **more}
    status, told = till.ask("POST", f"/loyalty/members/{ref}/adjust", said)
    assert status == 200, told
    return dict(told)


def balance(till: Caller, ref: str = "user_id:ayse") -> dict[str, int]:
    return dict(till.get(f"/loyalty/members/{ref}")["balance"])


def has(**points: int) -> dict[str, int]:
    return NOBODY_HAS | points


def audited() -> list[tuple[str, int]]:
    """What the audit log tells of the till: verb and points."""
    from sadakat.platform.models import AuditEntry

    entries = AuditEntry.objects.filter(action__startswith="loyalty.points", actor_name="Till").order_by("id")
    return [(entry.action.removeprefix("loyalty."), entry.new["points"]) for entry in entries]


def operations() -> int:
    from sadakat.loyalty.models import Operation

    return Operation.objects.count()


def test_a_customer_becomes_a_member_once_and_is_found_by_any_reference(till: Caller) -> None:
    made = enrol(till)
    status, again = till.ask("POST", "/loyalty/members", {"customer": "email:AYSE@example.com"})
    assert (status, again) == (200, made)
    number = made["number"]
    for ref in (str(made["customer_id"]), "user_id:ayse", "email:ayse@example.com", f"card:{number}"):
        assert till.get(f"/loyalty/members/{ref}") == made
    assert made["balance"] == NOBODY_HAS
    assert (made["tier"], made["next_tier"], made["missing"], made["expiring"]) == (None, None, 0, [])
    assert till.ask("GET", "/loyalty/members/user_id:isil") == refusal(
        404, "Not Found", "the customer 'user_id:isil' is no member of the programme"
    )
    assert till.ask("GET", "/loyalty/members/card:1234")[0] == 404
    for ref in ("card:%00", "email:%00", "%00", f"card:{number}%00"):
        assert till.ask("GET", f"/loyalty/members/{ref}")[0] in {404, 422}, ref
    assert till.ask("POST", "/loyalty/members", {"customer": "user_id:nobody"})[0] == 404


def test_nobody_becomes_a_member_while_there_is_no_programme(database: str, now: datetime) -> None:
    from sadakat.customers.testing import known_as

    known_as("user_id:ayse", at=now)
    assert caller().ask("POST", "/loyalty/members", {"customer": "user_id:ayse"}) == refusal(
        403, "Forbidden", "nobody can become a member yet; apply a programme first"
    )


def test_points_are_given_and_taken_by_hand(till: Caller) -> None:
    enrol(till)
    given = give(till, 120, expires_at="2199-01-31T21:00:00Z")
    assert (given["points"], given["balance"]) == (120, has(active=120, lifetime=120))
    taken = give(till, -20)
    assert (taken["points"], taken["balance"]) == (20, has(active=100, lifetime=100))
    member = till.get("/loyalty/members/user_id:ayse")
    assert member["expiring"] == [{"points": 100, "expires_at": "2199-01-31T21:00:00Z"}]
    lines = walk(till, "/loyalty/members/user_id:ayse/ledger", limit=1)
    assert [(line["kind"], line["points"], line["by"]) for line in lines] == [
        ("deduct", -20, "Till"),
        ("award", 120, "Till"),
    ]
    assert lines[1]["reference"] == {"reason": "Welcome"}
    assert lines[1]["expires_at"] == "2199-01-31T21:00:00Z"
    assert [line["id"] for line in lines] == [taken["id"], given["id"]]
    give(till, 5, reason=" x " + "y" * 197)
    too_long = {"points": 5, "reason": "y" * 201}
    assert till.ask("POST", "/loyalty/members/user_id:ayse/adjust", too_long)[0] == 422
    assert audited() == [("points_adjusted", 120), ("points_adjusted", -20), ("points_adjusted", 5)]


def test_the_balance_of_any_moment(till: Caller) -> None:
    from datetime import UTC, timedelta

    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.types import Award, Spend

    member, path = enrol(till)["id"], "/loyalty/members/user_id:ayse/balance"
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    # What came late counts from its own time on.
    spend = Spend(key="s", member_id=member, at=noon + timedelta(hours=2), points=30)
    late = Award(key="a", member_id=member, at=noon, points=100, expires_at=noon + timedelta(days=9))
    assert all(done.is_done for done in loyalty.post([late, spend], at=timezone.now()))
    for at, had in (
        ("2026-03-01T11:59:59Z", NOBODY_HAS),
        ("2026-03-01T15:00:00%2B03:00", has(active=100, lifetime=100)),
        ("2026-03-01T14:00:00Z", has(active=70, lifetime=100)),
        ("2026-03-10T12:00:00Z", has(lifetime=100)),
    ):
        assert till.get(f"{path}?at={at}") == had, at
    assert till.get(path) == balance(till) == has(lifetime=100)
    for at in ("yesterday", "2026-03-01T12:00:00", "0001-01-01T00:00:00Z"):
        assert till.ask("GET", f"{path}?at={at}")[0] == 422, at


def test_members_spend_together_and_alone_again(till: Caller) -> None:
    ayse, isil = enrol(till), enrol(till, "user_id:isil")
    assert (ayse["household"], ayse["spendable"]) == ([], 0)
    give(till, 300)
    give(till, 400, "user_id:isil")
    path, both = "/loyalty/members/user_id:ayse/household", [ayse["id"], isil["id"]]
    for with_ in ("user_id:isil", f"card:{isil['number']}"):
        assert till.ask("POST", path, {"with": with_}) == (200, {"members": both, "active": 700})
    assert (balance(till)["active"], till.get("/loyalty/members/user_id:ayse")["spendable"]) == (300, 700)
    assert till.ask("POST", path, {"with": "email:ayse@example.com"}) == refusal(
        422, "Unprocessable Content", "a household is of several members; expected another one, not the same"
    )
    assert till.ask("POST", path, {"with": "user_id:nobody"})[0] == 404
    assert till.ask("POST", path, {})[0] == 422
    status, paid = till.ask("POST", "/loyalty/members/user_id:ayse/redeem", {"points": 600})
    assert (status, paid["points"], balance(till)["active"], balance(till, "user_id:isil")["active"]) == (
        201,
        600,
        0,
        100,
    )

    for _ in range(2):
        status, alone = till.ask("DELETE", path)
        assert (status, alone["household"], alone["spendable"]) == (200, [], 0)
    assert till.get("/loyalty/members/user_id:isil")["household"] == []
    assert till.ask("POST", f"/loyalty/redemptions/{paid['id']}/reverse")[0] == 200
    assert (balance(till)["active"], balance(till, "user_id:isil")["active"]) == (300, 400)


def test_taking_more_than_there_is_leaves_nothing(till: Caller) -> None:
    enrol(till)
    give(till, 50)
    before = operations()
    assert till.ask("POST", "/loyalty/members/user_id:ayse/adjust", {"points": -51, "reason": "Mistake"}) == refusal(
        409, "Conflict", "the member has 50 active points; 51 are asked for"
    )
    assert balance(till) == has(active=50, lifetime=50)
    assert operations() == before


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ({"points": 0, "reason": "x"}, "an adjustment gives or takes at least one point, not 0"),
        (
            {"points": -1, "reason": "x", "expires_at": "2099-01-01T00:00:00Z"},
            "expires_at is for points that are given; leave it out where they are taken",
        ),
        (
            {"points": 1, "reason": "x", "expires_at": "2020-01-01T03:00:00+03:00"},
            "expires_at must lie ahead, not at 2020-01-01T00:00:00Z",
        ),
    ],
)
def test_an_adjustment_that_cannot_be_meant(till: Caller, said: dict[str, Any], detail: str) -> None:
    enrol(till)
    before = operations()
    told = till.ask("POST", "/loyalty/members/user_id:ayse/adjust", said)
    assert told == refusal(422, "Unprocessable Content", detail)
    assert operations() == before


def test_a_retry_has_one_effect_and_the_first_answer(till: Caller) -> None:
    enrol(till)
    said, path = {"points": 50, "reason": "Sorry"}, "/loyalty/members/user_id:ayse/adjust"
    first = till.send("POST", path, said, Idempotency_Key="a-1")
    again = till.send("POST", path, said, Idempotency_Key="a-1")
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert till.ask("POST", path, {**said, "points": 51}, Idempotency_Key="a-1")[0] == 409
    assert balance(till) == has(active=50, lifetime=50)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("adjust", {"points": 50, "reason": "Sorry"}),
        ("adjust", {"points": -50, "reason": "Sorry"}),
        ("transfer", {"to": "user_id:isil", "points": 50}),
        ("redeem", {"points": 600, "order_id": "B-1"}),
        ("redeem", {"points": 600, "hold": True}),
        ("redeem", {"reward": "coffee"}),
    ],
)
def test_a_retry_after_an_answer_that_was_lost_has_one_effect(till: Caller, path: str, said: dict[str, Any]) -> None:
    """As when the process dies between the ledger and the answer: the reservation stands, the answer was never kept."""
    from sadakat.platform.models import IdempotentAnswer

    enrol(till)
    enrol(till, "user_id:isil")
    give(till, 1_000)
    till.ask("PUT", "/loyalty/rewards/coffee", COFFEE)
    first = till.ask("POST", f"/loyalty/members/user_id:ayse/{path}", said, Idempotency_Key="k-1")
    after = (balance(till), operations())
    assert IdempotentAnswer.objects.filter(key="k-1").delete()[0] == 1
    assert till.ask("POST", f"/loyalty/members/user_id:ayse/{path}", said, Idempotency_Key="k-1") == first
    assert (balance(till), operations()) == after
    # Another key of the API may use the same name for a request of its own.
    other = caller("loyalty:read", "loyalty:write")
    assert other.ask("POST", f"/loyalty/members/user_id:ayse/{path}", said, Idempotency_Key="k-1")[0] < 300 or (
        path == "redeem" and after[0]["active"] < 500
    )


COFFEE: dict[str, Any] = {
    "name": {"en": "Coffee", "tr": "Kahve"},
    "kind": "product",
    "points": 300,
    "value": 9_000,
    "stock": 2,
}


def test_points_go_to_another_member(till: Caller) -> None:
    enrol(till)
    enrol(till, "user_id:isil")
    give(till, 100)
    status, told = till.ask("POST", "/loyalty/members/user_id:ayse/transfer", {"to": "user_id:isil", "points": 30})
    assert (status, told["points"], told["balance"]["active"]) == (200, 30, 70)
    assert balance(till, "user_id:isil")["active"] == 30
    status, told = till.ask("POST", "/loyalty/members/user_id:ayse/transfer", {"to": "user_id:isil", "points": 71})
    assert (status, told["detail"]) == (409, "the member has 70 active points; 71 are asked for")
    assert audited() == [("points_adjusted", 100), ("points_transferred", 30)]
    assert till.ask("POST", "/loyalty/members/user_id:ayse/transfer", {"to": "user_id:ayse", "points": 1})[0] == 422
    assert till.ask("POST", "/loyalty/members/user_id:ayse/transfer", {"to": "user_id:x", "points": 1})[0] == 404
    assert (balance(till)["active"], balance(till, "user_id:isil")["active"]) == (70, 30)


def test_points_pay_at_checkout_and_come_back(till: Caller) -> None:
    enrol(till)
    give(till, 1_200)
    asked = {"points": 1_200, "order_id": "B-1", "order_amount": 10_000}
    status, paid = till.ask("POST", "/loyalty/members/user_id:ayse/redeem", asked)
    assert status == 201
    assert (paid["points"], paid["value"], paid["status"]) == (1_000, {"amount": 5_000, "currency": "TRY"}, "done")
    assert (paid["order_id"], paid["reward"], paid["code"], paid["restored"]) == ("B-1", None, "", 0)
    assert till.get(f"/loyalty/redemptions/{paid['id']}") == paid
    assert balance(till)["active"] == 200
    for _ in range(2):
        status, back = till.ask("POST", f"/loyalty/redemptions/{paid['id']}/reverse")
        assert (status, back["status"], back["restored"]) == (200, "reversed", 1_000)
    assert balance(till) == has(active=1_200, lifetime=1_200)


def test_a_hold_is_captured_or_released(till: Caller) -> None:
    enrol(till)
    give(till, 1_200)
    status, held = till.ask("POST", "/loyalty/members/user_id:ayse/redeem", {"points": 500, "hold": True})
    assert (status, held["status"]) == (201, "held")
    assert datetime.fromisoformat(held["holds_until"]) > timezone.now()
    assert balance(till) == has(active=700, reserved=500, lifetime=1_200)
    status, done = till.ask("POST", f"/loyalty/redemptions/{held['id']}/capture")
    assert (status, done["status"], done["holds_until"]) == (200, "done", None)
    assert till.ask("POST", f"/loyalty/redemptions/{held['id']}/release")[0] == 409
    _, other = till.ask("POST", "/loyalty/members/user_id:ayse/redeem", {"points": 600, "hold": True})
    status, free = till.ask("POST", f"/loyalty/redemptions/{other['id']}/release")
    assert (status, free["status"]) == (200, "released")
    assert till.ask("POST", f"/loyalty/redemptions/{other['id']}/capture")[0] == 409
    assert balance(till) == has(active=700, lifetime=1_200)


def test_a_reward_is_kept_and_redeemed(till: Caller) -> None:
    enrol(till)
    give(till, 700)
    status, made = till.ask("PUT", "/loyalty/rewards/coffee", COFFEE)
    assert (status, made["stock"], made["taken"], made["value"]) == (201, 2, 0, {"amount": 9_000, "currency": "TRY"})
    status, paid = till.ask("POST", "/loyalty/members/user_id:ayse/redeem", {"reward": "coffee"})
    assert (status, paid["reward"], paid["points"], paid["status"]) == (201, "coffee", 300, "done")
    assert paid["code"]
    assert [(one["key"], one["stock"], one["taken"]) for one in till.get("/loyalty/rewards")["items"]] == [
        ("coffee", 1, 1)
    ]
    status, changed = till.ask("PUT", "/loyalty/rewards/coffee", COFFEE | {"points": 500, "stock": 1})
    assert (status, changed["points"], changed["taken"]) == (200, 500, 1)
    assert till.ask("POST", "/loyalty/members/user_id:ayse/redeem", {"reward": "coffee"}) == refusal(
        409, "Conflict", "the member has 400 active points; 500 are asked for"
    )
    assert till.ask("POST", "/loyalty/members/user_id:ayse/redeem", {"reward": "tea"})[0] == 404
    assert till.get("/loyalty/rewards")["items"][0]["stock"] == 1
    said = till.ask("POST", "/loyalty/members/user_id:ayse/redeem", {"reward": "coffee", "points": 1})
    assert said == refusal(422, "Unprocessable Content", "say either points or reward")


def test_the_programme_and_what_an_order_would_earn(till: Caller) -> None:
    programme = till.get("/loyalty/programme")
    assert (programme["version"], programme["applied_by"]) == (1, "Command line")
    assert programme["document"]["burning"]["least_points"] == 500
    enrol(till)
    order = {"currency": "TRY", "total": 40, "products": [{"product_id": "a", "price": 20, "quantity": 2}]}
    status, told = till.ask("POST", "/loyalty/quote", {"customer": "user_id:ayse", "order": order})
    assert status == 200, told
    assert (told["points"], told["basis"]) == (40, {"amount": 4_000, "currency": "TRY"})
    assert told["rules"] == [
        {"key": "purchases", "name": "Purchases", "points": 40, "by_line": {"1": 40}, "refusal": ""}
    ]
    assert (told["programme_version"], told["multipliers"]) == (1, {})
    assert operations() == 0
    assert till.ask("POST", "/loyalty/quote", {"customer": "user_id:ayse", "order": {"total": "much"}})[0] == 422


def test_the_liability_is_that_of_the_command_line(till: Caller) -> None:
    import json

    from typer.testing import CliRunner

    from sadakat.entry.cli import app

    enrol(till)
    give(till, 100)
    told = till.get("/loyalty/liability?as_of=2199-01-01")
    assert told["outstanding_points"] == 0  # they live a year
    said = CliRunner().invoke(app, ["loyalty", "liability", "--as-of", "2199-01-01", "--json"])
    assert json.loads(said.stdout) == told
    assert till.ask("GET", "/loyalty/liability?as_of=0001-01-01")[0] == 422


def test_writing_and_reading_are_apart(till: Caller) -> None:
    enrol(till)
    reader, writer = caller("loyalty:read"), caller("loyalty:write")
    assert reader.get("/loyalty/members/user_id:ayse")["balance"] == NOBODY_HAS
    said = {"points": 1, "reason": "x"}
    assert reader.ask("POST", "/loyalty/members/user_id:ayse/adjust", said) == refusal(
        403, "Forbidden", "this key needs the scope loyalty:write"
    )
    assert writer.ask("GET", "/loyalty/members/user_id:ayse")[0] == 403
    assert operations() == 0
