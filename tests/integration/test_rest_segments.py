"""Segments by REST: made, changed, asked, listed; what is refused says why."""

import pytest

from sadakat.segments.types import Preview
from tests.integration import asking, living
from tests.integration.asking import caller, walk
from tests.integration.living import DAY, Shop, rule

shop = living.shop
BOUGHT = {"event": "Bought", "within": "30d"}


def test_a_segment_is_added_changed_and_told(shop: Shop) -> None:
    till = caller("segments:read", "segments:write")
    shop.do("ayse", "Bought")
    status, made = till.ask("POST", "/segments", {"name": "Müşteriler", "where": BOUGHT})
    assert (status, made["key"], made["where"], made["is_ready"]) == (201, "musteriler", rule(BOUGHT), False)
    shop.work()
    told = till.get("/segments/musteriler")
    assert (told["size"], told["is_ready"], told["filled_ratio"]) == (1, True, 1.0)
    status, changed = till.ask("PUT", "/segments/musteriler", {"where": {"event": "Never"}})
    assert (status, changed["version"], changed["name"]) == (200, 2, "Müşteriler")
    status, listed = till.ask("PUT", "/segments/guests", {"name": "Guests"})
    assert (status, listed["kind"], listed["where"]) == (201, "list", None)
    assert [each["key"] for each in till.get("/segments")["items"]] == ["guests", "musteriler"]
    assert [action for _, action, _ in asking.audited()] == [
        "segments.created",
        "segments.changed",
        "segments.created",
    ]


def test_members_come_by_pages_and_lists_are_changed(shop: Shop) -> None:
    till = caller("segments:read", "segments:write")
    for user in ("ayse", "isil", "baris"):
        shop.do(user, "Bought")
    shop.segment("buyers", BOUGHT)
    shop.segment("guests", None)
    ids = sorted(shop.customers().values())
    found = walk(till, "/segments/buyers/members", limit=2)
    assert [each["customer_id"] for each in found] == ids
    end = (shop.now + 30 * DAY).isoformat().replace("+00:00", "Z")
    assert {each["changes_at"] for each in found} == {end}
    asked = {"customers": ["user_id:ayse", str(ids[1]), "user_id:nobody"]}
    status, report = till.ask("POST", "/segments/guests/members", asked)
    assert (status, report) == (200, {"added": 2, "already": 0, "unknown": ["user_id:nobody"], "unknown_count": 1})
    assert till.get("/segments/buyers/overlap?others=guests")["items"] == [{"key": "guests", "both": 2}]
    status, report = till.ask("POST", "/segments/guests/members/remove", {"customers": ["user_id:ayse"]})
    assert (status, report["added"]) == (200, 1)
    assert till.get("/segments/guests")["size"] == 1


def test_a_rule_is_asked_without_being_saved(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.segments import api as segments

    asked = []

    def preview(where: object, *, at: object) -> Preview:
        asked.append(where)
        return Preview(count=1, everybody=2, sample=(7,), at=shop.now)

    monkeypatch.setattr(segments, "preview", preview)
    till = caller("segments:write")
    status, told = till.ask("POST", "/segments/preview", {"where": BOUGHT})
    assert (status, told["count"], told["sample"]) == (200, 1, [7])
    assert asked == [rule(BOUGHT)]


def test_what_is_refused_says_why(shop: Shop) -> None:
    till = caller("segments:read", "segments:write")
    shop.segment("buyers", BOUGHT)
    assert till.ask("GET", "/segments/gone")[1]["detail"] == "there is no segment 'gone'"
    assert till.ask("POST", "/segments", {"name": "x", "where": {"event": "Bought", "within": "soon"}})[0] == 422
    assert till.ask("POST", "/segments", {"name": "x", "key": "buyers"})[0] == 409
    assert till.ask("PUT", "/segments/new-one", {"where": BOUGHT})[0] == 422
    assert till.ask("PUT", "/segments/preview", {"name": "x"})[0] == 405
    assert till.ask("POST", "/segments/buyers/members", {"customers": ["1"]})[0] == 403
    reader = caller("segments:read")
    assert reader.ask("POST", "/segments", {"name": "x"})[0] == 403
    assert [each["key"] for each in reader.get("/segments")["items"]] == ["buyers"]
