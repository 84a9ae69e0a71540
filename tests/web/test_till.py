"""The till: a member is found while somebody waits, a basket quoted, points taken and given back, people enrolled."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web import test_portal
from tests.web.conftest import Visitor, _session, in_process, visitor
from tests.web.looks import assert_accessible, walk
from tests.web.test_portal import EMAIL, card_in, know, live_together, now, work_off

club, copied, member_id = test_portal.club, test_portal.copied, test_portal.member_id


@pytest.fixture
def can(member_id: int, browser: Browser) -> Iterator[Visitor]:
    """The console seen by Can of support, who stands at the till."""
    from sadakat.platform import audit, operations

    for name, role in (("can", "support"), ("elif", "marketer")):
        operations.create_user(email=f"{name}@modanord.example", name=name, role=role, actor=audit.CLI, at=now())
    with in_process() as url, visitor(browser, url, _session("can")) as person:
        yield person


def _number(member_id: int) -> str:
    from sadakat.loyalty import models

    return models.Member.objects.get(pk=member_id).number


def _find(page: Page, text: str) -> None:
    page.goto("/till/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("what", ["card", "grouped", "phone", "email", "name"])
def test_a_member_is_found_by_what_a_customer_has(can: Visitor, member_id: int, what: str) -> None:
    number = _number(member_id)
    said = {
        "card": number,
        "grouped": " ".join(re.findall("....", number)),
        "phone": "0532 123 45 02",
        "email": EMAIL,
        "name": "isil igdir",
    }
    page = can.page()
    _find(page, said[what])
    expect(page).to_have_url(re.compile(f"/till/members/{member_id}/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Işıl Iğdır")
    expect(page.locator("main")).to_contain_text("1,250")


def test_a_mistyped_card_is_told(can: Visitor, member_id: int) -> None:
    number = _number(member_id)
    page = can.page()
    _find(page, number[:-1] + str((int(number[-1]) + 1) % 10))
    expect(page.locator(".errorlist")).to_contain_text("is mistyped: its check digit does not fit")
    _find(page, "nobody@example.com")
    expect(page.locator("main")).to_contain_text("Nobody is known as nobody@example.com")


def test_a_basket_is_quoted_and_points_pay_a_part_of_it(can: Visitor, member_id: int) -> None:
    from sadakat.loyalty.queries import ledger, rewards
    from sadakat.platform.models import AuditEntry

    page = can.page()
    page.goto(f"/till/members/{member_id}/")
    expect(page.get_by_label("Amount")).to_be_focused()
    page.keyboard.type("80")
    page.keyboard.press("Enter")
    quote = page.locator("#quote")
    expect(quote).to_contain_text("₺80.00")
    expect(quote.locator("li", has_text="Purchases")).to_contain_text("80")
    # A half of 80 lira is eight steps of 5 lira for 100 points.
    expect(quote).to_contain_text("800")

    page.get_by_label("Points to pay with").fill("5000")
    page.get_by_label("Points to pay with").press("Enter")
    expect(quote).to_contain_text("5,000 points were asked for; 800 points can pay")
    expect(quote).to_contain_text("800 points take ₺40.00 off")
    expect(quote.locator("li", has_text="Purchases")).to_contain_text("40")
    quote.get_by_label("Receipt or order number").fill("F-17")
    quote.get_by_role("button", name="Take 800 points").click()
    expect(page.locator("#toasts")).to_contain_text("800 points taken: the customer pays ₺40.00.")
    (done,) = rewards.redemptions(member_id=member_id)
    assert (done.points, done.value_minor, done.order_id, done.status) == (800, 4_000, "F-17", "done")
    assert ledger.balances([member_id], at=now())[member_id].active == 450
    assert AuditEntry.objects.filter(action="loyalty.points_redeemed").get().actor_name == "can"

    used = page.locator("li", has_text="Points at checkout")
    expect(used).to_contain_text("F-17")
    used.get_by_role("button", name="Undo").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone: 800 points are back.")
    assert ledger.balances([member_id], at=now())[member_id].active == 1_250
    page.goto("/till/")
    latest = page.locator("li", has_text="Points at checkout")
    expect(latest).to_contain_text("Işıl Iğdır")
    expect(latest.get_by_role("button", name="Undo")).to_have_count(0)


def test_thousands_are_taken_as_they_are_written(can: Visitor, member_id: int) -> None:
    from sadakat.loyalty.queries import rewards

    page = can.page(language="tr")
    page.goto(f"/till/members/{member_id}/")
    page.locator("#id_amount").fill("500,00")
    page.locator("#id_points").fill("1.000")
    page.locator("#id_points").press("Enter")
    page.locator("#quote").get_by_role("button", name="1.000 puan").click()
    expect(page.locator("#toasts")).to_contain_text("450,00")
    assert [done.points for done in rewards.redemptions(member_id=member_id)] == [1_000]


def test_a_basket_by_line_and_one_without_an_amount(can: Visitor, member_id: int) -> None:
    page = can.page()
    page.goto(f"/till/members/{member_id}/")
    page.get_by_role("button", name="Quote").click()
    expect(page.locator(".errorlist").first).to_contain_text("a basket needs an amount above zero")
    page.get_by_text("By line, where rules look at products").click()
    page.locator("#id_line0-product").fill("linen-shirt")
    page.locator("#id_line0-quantity").fill("2")
    page.locator("#id_line0-price").fill("30.50")
    page.get_by_role("button", name="Quote").click()
    expect(page.locator("#quote")).to_contain_text("₺61.00")
    expect(page.locator("#quote li", has_text="Purchases")).to_contain_text("61")
    expect(page.locator("#id_line0-product")).to_be_visible()


def test_a_reward_is_given_and_taken_back(can: Visitor, member_id: int) -> None:
    from sadakat.loyalty.queries import ledger, rewards

    page = can.page(language="tr")
    page.goto(f"/till/members/{member_id}/")
    expect(page.locator("li", has_text="Kaban")).to_contain_text("puan yetmiyor")
    page.locator("li", has_text="Kupa").get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Ödülü al").click()
    (done,) = rewards.redemptions(member_id=member_id)
    expect(page.locator("#toasts")).to_contain_text(done.code)
    assert rewards.reward("mug").stock == 4
    # The whole code is told once; the end of it is enough to find it by what a customer shows.
    page.goto(f"/till/members/{member_id}/")
    expect(page.locator("main")).not_to_contain_text(done.code)
    page.locator("li", has_text=done.code[-5:]).get_by_role("button", name="Geri al").click()
    page.get_by_role("dialog").get_by_role("button", name="Geri al").click()
    expect(page.locator("#toasts")).to_contain_text("300 puan")
    assert rewards.reward("mug").stock == 5
    assert ledger.balances([member_id], at=now())[member_id].active == 1_250


def test_known_and_new_customers_become_members(can: Visitor) -> None:
    from sadakat.customers import api as customers
    from sadakat.loyalty.queries import members

    baris = know("baris@example.com", message_id="baris", firstName="Barış", lastName="Öztürk")
    page = can.page()
    _find(page, "baris@example.com")
    page.get_by_role("button", name="Enrol Barış Öztürk").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Barış Öztürk")
    member = members.member_of(baris, at=now())
    assert member is not None
    assert member.enrolled_by == "till"

    _find(page, "0533 765 43 21")
    page.get_by_role("link", name="Enrol somebody new").click()
    expect(page.get_by_label("Phone")).to_have_value("0533 765 43 21")
    page.get_by_label("First name").fill("Çağla")
    page.get_by_label("Last name").fill("Gülşen")
    page.get_by_label("Phone").fill("123")
    page.get_by_label("The customer wants").check()
    page.locator("main").get_by_role("button", name="Enrol").click()
    expect(page.locator(".errorlist")).to_contain_text("This cannot be somebody's.")
    page.get_by_label("Phone").fill("0533 765 43 21")
    page.locator("main").get_by_role("button", name="Enrol").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One moment")
    assert_accessible(page)
    work_off()
    expect(page.get_by_role("heading", level=1)).to_have_text("Çağla Gülşen")
    one = customers.customer(customers.find("phone:05337654321"))
    assert [each.type for each in one.identifiers] == ["phone"]


def test_a_customer_gets_the_portal_on_the_phone(can: Visitor, member_id: int) -> None:
    from sadakat.platform.models import AuditEntry

    def shown() -> str:
        link = page.get_by_role("textbox", name="Link").input_value()
        assert card_in(page) == link
        return link.partition("/portal/")[2]

    page, phone = can.page(), can.browser.new_context(base_url=can.url).new_page()
    page.goto(f"/till/members/{member_id}/")
    page.get_by_role("button", name="Member portal").click()
    first = shown()
    assert_accessible(page)
    phone.goto(f"/portal/{first}")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Hello, Işıl Iğdır")
    page.get_by_role("button", name="End older links").click()
    page.get_by_role("dialog").get_by_role("button", name="End older links").click()
    expect(page.locator("#toasts")).not_to_contain_text("wrong")
    second = shown()
    assert second != first
    phone.goto("/portal/")
    expect(phone).to_have_url(re.compile("/portal/enter/$"))
    phone.goto(f"/portal/{second}")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Hello, Işıl Iğdır")
    made = AuditEntry.objects.filter(action__in=["loyalty.link_made", "loyalty.link_renewed"]).order_by("id")
    assert [(each.action, each.actor_name) for each in made] == [
        ("loyalty.link_made", "can"),
        ("loyalty.link_renewed", "can"),
        ("loyalty.link_made", "can"),
    ]


def test_who_has_no_right_has_no_till(can: Visitor, member_id: int) -> None:
    can.cookies = _session("elif")
    page = can.page()
    for path in ("/till/", f"/till/members/{member_id}/", "/till/enrol/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403


def test_every_page_is_readable_by_everyone(can: Visitor, member_id: int) -> None:
    from sadakat.loyalty.operations import redemptions
    from sadakat.platform import audit

    said: dict[str, Any] = {"actor": audit.CLI, "at": now()}
    redemptions.redeem_points(member_id, points=200, order_id="F-1", order_minor=10_000, key="one", **said)
    redemptions.redeem_reward(member_id, reward_key="mug", key="two", **said)
    live_together(member_id, points=8_500)
    page = can.page()
    page.goto(f"/till/members/{member_id}/?amount=1000&points=5000")
    expect(page.locator(".strip > div").first).to_have_text(
        "Points to use9,250worth ₺460.00of which 8,500 of the household"
    )
    expect(page.locator("#quote")).to_contain_text("5,000 points take ₺250.00 off")
    expect(page.locator("li", has_text="Coat").get_by_role("button", name="Redeem")).to_be_visible()
    walk(
        can,
        [
            "/till/",
            "/till/?q=nobody",
            "/till/enrol/",
            f"/till/members/{member_id}/?amount=80&points=500&store=",
        ],
    )
