"""What the builder suggests, and who takes the members of a segment out of the house."""

import pytest

from sadakat.kernel.errors import NotFound
from sadakat.kernel.predicates import ValueType
from tests.integration import living
from tests.integration.living import DAY, DENIZ, Shop

shop = living.shop


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    from django.core.cache import cache

    cache.clear()


def fill(shop: Shop) -> None:
    shop.say("u1", city="İzmir", email="u1@example.com", birthday="1990-04-23", kids_count=2, is_member=True)
    shop.say("u2", city="İzmir", kids_count="many")
    shop.say("u3", city="Ankara", kids_count=1, tags=["a"])
    shop.put("u1", "Coupon Applied", code="BAHAR", worth=5.5, cart={"lines": 1})
    shop.put("u2", "Coupon Applied", code="BAHAR", worth=1, used_at="2026-11-01T10:00:00Z")
    shop.put("u3", "Coupon Applied", code="YAZ")
    shop.do("u1", "Wish Made")


def test_events_and_their_properties_with_types_and_values(shop: Shop) -> None:
    from sadakat.segments import suggestions

    fill(shop)
    names = {each.text: each.count for each in suggestions.event_names()}
    assert (names["Coupon Applied"], names["Wish Made"]) == (3, 1)
    found = suggestions.properties("Coupon Applied")
    assert {name: known.type for name, known in found.items()} == {
        "code": ValueType.TEXT,
        "used_at": ValueType.INSTANT,
        "worth": ValueType.NUMBER,
    }
    assert [(value.text, value.count) for value in found["code"].values] == [("BAHAR", 2), ("YAZ", 1)]
    assert suggestions.properties("Never Seen") == {}


def test_traits_with_types_and_values_but_none_of_names_and_addresses(shop: Shop) -> None:
    from sadakat.segments import suggestions

    fill(shop)
    found = suggestions.traits()
    assert {name: known.type for name, known in found.items()} == {
        "birthday": ValueType.INSTANT,
        "city": ValueType.TEXT,
        "email": ValueType.TEXT,
        "is_member": ValueType.FLAG,
        "kids_count": ValueType.NUMBER,
    }
    assert [(value.text, value.count) for value in found["city"].values] == [("İzmir", 2), ("Ankara", 1)]
    assert found["email"].values == ()


def test_what_was_read_is_kept_for_a_while(shop: Shop) -> None:
    from sadakat.segments import suggestions

    fill(shop)
    before = suggestions.event_names()
    shop.do("u1", "Wish Made")
    assert suggestions.event_names() == before


def test_members_are_exported_in_order_and_the_audit_log_is_told(shop: Shop) -> None:
    from sadakat.platform.models import AuditEntry
    from sadakat.segments import exporting

    fill(shop)
    shop.segment("smyrna", {"trait": "city", "is": "İzmir"})
    found = list(exporting.export_members("smyrna", actor=DENIZ, at=shop.now))
    ids = shop.customers()
    assert [(member.customer_id, row.id) for member, row in found] == [(ids["u1"],) * 2, (ids["u2"],) * 2]
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.subject, entry.new) == ("segments.exported", "segment:smyrna", {"count": 2})
    with pytest.raises(NotFound):
        exporting.export_members("nobody", actor=DENIZ, at=shop.now)
    assert AuditEntry.objects.filter(action="segments.exported").count() == 1


def test_movements_are_told_newest_first(shop: Shop) -> None:
    from sadakat.segments import queries

    shop.segment("buyers", {"event": "Order Made", "within": "1d"})
    shop.do("u1", "Order Made")
    shop.now += 2 * DAY
    shop.work()
    found = queries.movements("buyers", limit=10)
    assert [(each.is_entry, each.reason) for each in found] == [(False, "time"), (True, "event")]
