"""The member portal: getting in, seeing points and card, redeeming, and becoming a member on a phone."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import zxingcpp
from playwright.sync_api import Browser, Page, expect

from tests.conftest import filled
from tests.integration.test_goals import Mailbox, mailbox, parts
from tests.web.conftest import Visitor, in_process, visitor
from tests.web.looks import assert_accessible, assert_fits, walk

PROGRAMME: dict[str, Any] = {
    "name": {"en": "Nord Club", "tr": "Nord Kulüp"},
    "expiry": {"span": "months", "count": 12},
    "rules": [
        {"key": "purchases", "name": {"en": "Purchases", "tr": "Alışveriş"}, "event": "order", "points_per_unit": 1}
    ],
    "ladder": {
        "window": "ever",
        "tiers": [
            {"key": "bronze", "name": {"en": "Bronze", "tr": "Bronz"}, "threshold": 0},
            {
                "key": "gold",
                "name": {"en": "Gold", "tr": "Altın"},
                "threshold": 2000,
                "benefits": {"en": ["Free delivery"], "tr": ["Ücretsiz kargo"]},
            },
        ],
    },
    "burning": {"points_step": 100, "step_minor": 500},
}
EMAIL = "isil@example.com"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def apart(work: Callable[[], Any]) -> Any:
    """Does it in a thread of its own: jobs have an event loop, and Playwright's runs in this one."""
    from django.db import connections

    def done() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(done).result()


def work_off() -> None:
    from sadakat.platform import worker

    apart(lambda: worker.work_until_idle(at=now()))


def know(email: str, *, message_id: str, **traits: Any) -> int:
    """The customer of an identify call."""
    from sadakat.customers import api as customers
    from sadakat.events import api as events

    said = {
        "type": "identify",
        "messageId": message_id,
        "timestamp": now().isoformat(),
        "traits": {"email": email, **traits},
    }
    source = events.sources()[events.system_source_id()]
    events.import_messages(source=source, raw_messages=[json.dumps(said).encode()], at=now())
    work_off()
    return customers.find(f"email:{email}")


def fill() -> int:
    """Işıl, a member with 1,250 points of which 250 expire, two rewards, and a programme; gives the member's id."""
    from sadakat.loyalty.operations import ledger, members, programme, rewards
    from sadakat.loyalty.types import Award, EnrolledBy, Reward, RewardKind
    from sadakat.platform import audit

    programme.apply_programme(PROGRAMME, actor=audit.CLI, at=now() - timedelta(days=2))
    customer_id = know(EMAIL, message_id="isil", firstName="Işıl", lastName="Iğdır", phone="+905321234502")
    one = members.enrol(customer_id, by=EnrolledBy.CONSOLE, actor=audit.CLI, at=now() - timedelta(days=1))
    ledger.post(
        [
            Award(key="award:1", member_id=one.id, at=now() - timedelta(hours=3), points=1_000),
            Award(
                key="award:2",
                member_id=one.id,
                at=now() - timedelta(hours=2),
                points=250,
                expires_at=now() + timedelta(days=40),
                reference={"order_id": "MN-108214"},
            ),
        ],
        at=now(),
    )
    for key, points, english, turkish in (("mug", 300, "Mug", "Kupa"), ("coat", 9_000, "Coat", "Kaban")):
        reward = Reward(
            key=key,
            name={"en": english, "tr": turkish},
            description={"en": "From our own workshop", "tr": "Kendi atölyemizden"},
            kind=RewardKind.PRODUCT,
            points=points,
            value_minor=15_000,
            stock=5,
            per_member=1,
            tiers=(),
            starts_at=None,
            ends_at=None,
            is_archived=False,
            taken=0,
        )
        rewards.save_reward(reward, actor=audit.CLI, at=now())
    work_off()
    return one.id


@pytest.fixture(scope="module")
def club(template: str) -> Iterator[tuple[str, int]]:
    with filled(template, fill) as found:
        yield found


@pytest.fixture
def copied(club: tuple[str, int]) -> str:
    return club[0]


@pytest.fixture
def member_id(database: str, club: tuple[str, int]) -> int:
    return club[1]


@pytest.fixture
def phone(member_id: int, browser: Browser) -> Iterator[Visitor]:
    """Somebody at a browser who is not logged in anywhere."""
    with in_process() as url, visitor(browser, url, {}) as person:
        yield person


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mailbox(monkeypatch) as found:
        yield found


def path_of_link(member_id: int) -> str:
    from django.urls import reverse

    from sadakat.loyalty.operations import portal

    link = portal.portal_link(member_id, at=now())
    return reverse("portal_link", args=[link.rstrip("/").rpartition("/")[2]])


def live_together(member_id: int, *, points: int) -> None:
    """Puts Barış, who has so many points, into the household of a member."""
    from sadakat.loyalty.operations import households, ledger, members
    from sadakat.loyalty.types import Award, EnrolledBy
    from sadakat.platform import audit

    customer_id = know("baris@example.com", message_id="baris", firstName="Barış", lastName="Öztürk")
    other = members.enrol(customer_id, by=EnrolledBy.CONSOLE, actor=audit.CLI, at=now())
    ledger.post([Award(key="award:baris", member_id=other.id, at=now(), points=points)], at=now())
    households.join_household(other.id, with_member_id=member_id, actor=audit.CLI, at=now())


def card_in(page: Page) -> str:
    """What a scanner reads of the picture on the page."""
    shape = page.locator("svg[role=img]")
    side = int((shape.get_attribute("viewBox") or "").split()[2])
    modules = np.full((side, side), 255, dtype=np.uint8)
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", shape.locator("path").last.get_attribute("d") or ""):
        modules[int(y), int(x)] = 0
    (found,) = zxingcpp.read_barcodes(modules.repeat(4, axis=0).repeat(4, axis=1))
    return found.text


def ask_and_read_code(page: Page, box: Mailbox, email: str) -> str:
    page.goto("/portal/")
    expect(page).to_have_url(re.compile("/portal/enter/$"))
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send me a code").click()
    expect(page).to_have_url(re.compile("/portal/code/$"))
    to, message = box.taken[-1]
    assert to == email
    found = re.search(r"\b\d{6}\b", parts(message)[0])
    assert found is not None
    return found[0]


def test_a_link_opens_the_portal_and_leaves_its_address_behind(phone: Visitor, member_id: int) -> None:
    from sadakat.loyalty import models

    page = phone.page(width=390)
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  Playwright marks what it calls
    link = path_of_link(member_id)
    page.goto(link)
    expect(page).to_have_url(re.compile("/portal/$"))
    first, home = [each for each in answers if "/portal/" in each.url][:2]
    assert first.headers["referrer-policy"] == "no-referrer"
    assert "referer" not in home.request.headers
    for answer in (first, home):
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["cache-control"] == "private, no-store"
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "sadakat_portal"]
    assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == ("/portal/", True, "Lax")

    main = page.locator("main")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Işıl Iğdır")
    expect(main).to_contain_text("1,250")
    expect(main).to_contain_text("worth ₺60.00 at checkout")
    expect(main).to_contain_text("250 points")
    expect(main).to_contain_text("750 points to Gold")
    expect(main).to_contain_text("Gold brings: Free delivery")
    expect(main).to_contain_text("Order MN-108214")
    assert card_in(page) == models.Member.objects.get(pk=member_id).number
    # A session of the portal is none of the console.
    page.goto("/")
    expect(page).to_have_url(re.compile("/login/"))

    models.Member.objects.filter(pk=member_id).update(link_version=2)
    answer = page.goto(link)
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("the link has been replaced by a newer one")
    page.goto("/portal/")
    expect(page).to_have_url(re.compile("/portal/enter/$"))


def test_the_portal_speaks_the_language_of_the_member(phone: Visitor, member_id: int) -> None:
    know(EMAIL, message_id="isil-2", language="tr")
    page = phone.page()
    page.context.clear_cookies(name="sadakat_language")
    page.goto(path_of_link(member_id))
    expect(page.locator("html")).to_have_attribute("lang", "tr")
    expect(page.locator("main")).to_contain_text("Altın için 750 puan kaldı")
    page.get_by_role("button", name="EN, English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_reward_is_redeemed_once_and_shows_its_code(phone: Visitor, member_id: int) -> None:
    from sadakat.loyalty.queries import rewards

    page = phone.page(width=390)
    page.goto(path_of_link(member_id))
    expect(page.locator("li", has_text="Coat")).to_contain_text("7,750 points to go")
    page.locator("li", has_text="Mug").get_by_role("button", name="Redeem").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It takes 300 points; you keep 950 points.")
    form = dialog.locator("form")
    said: dict[str, str | float | bool] = {
        name: form.locator(f"[name={name}]").input_value() for name in ("csrfmiddlewaretoken", "nonce")
    }
    address = form.get_attribute("action") or ""
    dialog.get_by_role("button", name="Redeem").click()
    expect(page).to_have_url(re.compile(r"/portal/redeemed/\d+/$"))
    (done,) = rewards.redemptions(member_id=member_id)
    expect(page.locator("main")).to_contain_text(done.code)
    assert card_in(page) == done.code
    # The same button of the same page again, as after a lost answer.
    again = page.request.post(address, form=said, headers={"Referer": page.url})
    assert again.url.endswith(f"/portal/redeemed/{done.id}/")
    assert len(rewards.redemptions(member_id=member_id)) == 1
    page.goto("/portal/")
    expect(page.locator("main")).to_contain_text("950")
    # A second one is not offered; whoever asks for it all the same is refused, and told why.
    mug = page.locator("li", has_text="From our own workshop").filter(has_text="Mug")
    expect(mug).to_contain_text("already had as often as it can be")
    expect(mug.get_by_role("button", name="Redeem")).to_have_count(0)
    refused = page.request.post(address, form={**said, "nonce": "another"}, headers={"Referer": page.url})
    assert "That did not work" in refused.text()
    assert len(rewards.redemptions(member_id=member_id)) == 1


def test_nobody_sees_the_code_of_another_member(phone: Visitor, member_id: int) -> None:
    from sadakat.loyalty.operations import members, redemptions
    from sadakat.loyalty.types import EnrolledBy
    from sadakat.platform import audit

    done = redemptions.redeem_reward(member_id, reward_key="mug", key="one", actor=audit.CLI, at=now())
    other = members.enrol(
        know("baris@example.com", message_id="baris"), by=EnrolledBy.CONSOLE, actor=audit.CLI, at=now()
    )
    page = phone.page()
    page.goto(path_of_link(other.id))
    answer = page.goto(f"/portal/redeemed/{done.id}/")
    assert answer is not None
    assert answer.status == 404
    assert done.code not in page.content()


def test_a_code_by_mail_lets_a_member_in(phone: Visitor, box: Mailbox) -> None:
    page = phone.page(width=390)
    page.goto("/portal/enter/")
    assert_fits(page)
    assert_accessible(page)
    code = ask_and_read_code(page, box, EMAIL)
    assert_fits(page)
    assert_accessible(page)
    page.get_by_label("Code").fill(f"{(int(code) + 1) % 10**6:06}")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".errorlist")).to_have_text("the code is wrong or has run out")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Işıl Iğdır")
    page.get_by_role("button", name="Leave").click()
    expect(page).to_have_url(re.compile("/portal/enter/$"))
    page.goto("/portal/")
    expect(page).to_have_url(re.compile("/portal/enter/$"))


def test_known_and_unknown_addresses_get_the_same_answer(phone: Visitor, box: Mailbox) -> None:
    page = phone.page()
    seen = []
    for email in (EMAIL, "nobody@example.com"):
        ask_and_read_code(page, box, email)
        seen.append(page.locator("main").inner_text().replace(email, "…"))
    assert seen[0] == seen[1]
    page.goto("/portal/enter/")
    page.get_by_label("E-mail address").fill("nobody@home")
    page.get_by_role("button", name="Send me a code").click()
    expect(page.locator(".errorlist")).to_contain_text("an e-mail address was expected")
    for _ in range(4):
        ask_and_read_code(page, box, EMAIL)
    page.goto("/portal/enter/")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_role("button", name="Send me a code").click()
    expect(page.locator(".errorlist")).to_contain_text("Too many")
    assert len(box.taken) == 6


def test_a_new_member_joins_on_the_phone(phone: Visitor, box: Mailbox) -> None:
    from sadakat.customers import api as customers
    from sadakat.loyalty.queries import members

    page = phone.page(width=390)
    code = ask_and_read_code(page, box, "cagla@example.com")
    # Who has not proven the address cannot join by it.
    page.goto("/portal/join/")
    expect(page).to_have_url(re.compile("/portal/enter/$"))
    page.goto("/portal/code/")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(re.compile("/portal/join/$"))
    page.goto("/portal/joining/")
    expect(page).to_have_url(re.compile("/portal/enter/$"))
    page.goto("/portal/join/")
    page.get_by_label("First name").fill("Çağla")
    page.get_by_label("Last name").fill("Gülşen")
    page.get_by_label("Phone").fill("0532 123 45 02")
    assert_fits(page)
    assert_accessible(page)
    page.get_by_label("I want to become a member of Nord Club").check()
    page.get_by_role("button", name="Become a member").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One moment")
    assert_accessible(page)
    work_off()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Çağla Gülşen")

    one = customers.customer(customers.find("email:cagla@example.com"))
    member = members.member_of(one.id, at=now())
    assert member is not None
    assert member.enrolled_by == "form"
    # The phone that she typed is Işıl's: it has joined nobody.
    assert one.id != customers.find(f"email:{EMAIL}")
    assert [(each.type, each.is_verified) for each in one.identifiers] == [("email", True)]


def test_every_page_is_readable_by_everyone(phone: Visitor, member_id: int) -> None:
    from sadakat.loyalty.operations import redemptions
    from sadakat.platform import audit

    done = redemptions.redeem_reward(member_id, reward_key="mug", key="one", actor=audit.CLI, at=now())
    live_together(member_id, points=8_500)
    walk(phone, ["/portal/enter/"])
    page = phone.page()
    page.goto(path_of_link(member_id))
    expect(page.locator("main")).to_contain_text("Your household has 9,450 points together")
    page.locator("li", has_text="Coat").get_by_role("button", name="Redeem").click()
    expect(page.get_by_role("dialog")).to_contain_text("your household keeps 450 points")
    page.get_by_role("dialog").get_by_role("button", name="Redeem").click()
    expect(page).to_have_url(re.compile(r"/portal/redeemed/\d+/$"))
    page.goto("/portal/")
    expect(page.locator("main")).to_contain_text("Your household has 450 points together")
    expect(page.locator("li", has_text="From the household")).to_contain_text("+8,050")
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "sadakat_portal"]
    phone.cookies["sadakat_portal"] = cookie["value"]
    walk(phone, ["/portal/", "/portal/history/", f"/portal/redeemed/{done.id}/"])
