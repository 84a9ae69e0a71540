"""Loyalty in the console: the programme begun, read and changed, members and their points, rewards, liability."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import TEMPLATE, filled
from tests.web import loyal
from tests.web.conftest import Visitor, _session, in_process, visitor
from tests.web.looks import assert_accessible, assert_fits, walk


@pytest.fixture
def brand_new(database: str, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    """A shop without a programme, seen by Deniz, the owner."""
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path / "lake")
    loyal.team(datetime.now(UTC))
    with in_process() as url, visitor(browser, url, _session("deniz")) as person:
        yield person


def _fill() -> None:
    from django.db import connections

    def fill() -> None:
        try:
            loyal.fill()
        finally:
            connections.close_all()

    # Jobs have an event loop of their own, and Playwright's is running in this thread already.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(fill).result()


@pytest.fixture(scope="module")
def club(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The name of a database with a year of points, and its lake."""
    from sadakat.platform import lake

    folder = tmp_path_factory.mktemp("club") / "lake"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake, "folder", lambda: folder)
        with filled(template, _fill) as (name, _):
            patch.undo()
            yield name, folder


@pytest.fixture
def copied(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("club")[0]) if "running" in request.fixturenames else TEMPLATE


@pytest.fixture
def running(
    club: tuple[str, Path], database: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Visitor]:
    """A shop with a year of points, seen by Deniz."""
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: club[1])
    with in_process() as url, visitor(browser, url, _session("deniz")) as person:
        yield person


def as_role(browser: Browser, url: str, name: str) -> Visitor:
    """The same shop, seen by another person of the team."""
    return Visitor(browser, url, _session(name))


def say(page: Page, part: str, **fields: str) -> None:
    """Opens a dialog of a member's page, fills it in and sends it."""
    page.get_by_role("button", name=part, exact=True).click()
    dialog = page.get_by_role("dialog")
    for name, value in fields.items():
        dialog.locator(f"[name={name}]").fill(value)
    dialog.locator("button.primary").click()


def told(page: Page) -> Locator:
    """The toast."""
    return page.locator(".toast:not(#failed)")


def test_the_programme_is_begun_changed_and_taken_back(brand_new: Visitor) -> None:
    page = brand_new.page()
    page.goto("/")
    page.locator("#nav").get_by_role("link", name="Loyalty").click()
    expect(page.locator("h1 + p")).to_have_text("There is no programme yet")
    expect(page.locator("main")).to_contain_text("Purchases: 1 point for each ₺1.00")
    page.get_by_role("link", name="Start with the sensible programme").click()
    page.get_by_role("button", name="Put it into force").click()
    expect(told(page)).to_contain_text("Version 1 of the programme is in force.")
    expect(page.locator("main")).to_contain_text("Points become active 14 days after the purchase.")

    page.get_by_role("link", name=re.compile("Edit.*Membership")).click()
    page.get_by_label("Days until then").fill("7")
    page.get_by_role("button", name="Preview what changes").click()
    expect(page.locator(".told li")).to_have_text(
        [
            "new: Points become active 7 days after the purchase.",
            "gone: Points become active 14 days after the purchase.",
        ]
    )
    stale = brand_new.page()
    stale.goto("/loyalty/programme/multipliers/")
    stale.get_by_label("Name in English").fill("Double points week")
    stale.get_by_role("button", name="Preview what changes").click()
    expect(stale.locator(".told li")).to_have_text(["new: Double points week: points × 2"])
    page.get_by_role("button", name="Put it into force").click()
    expect(told(page)).to_contain_text("Version 2")
    stale.get_by_role("button", name="Put it into force").click()
    expect(told(stale)).to_contain_text("Somebody has changed the programme meanwhile.")
    expect(stale.locator(".told")).to_contain_text("Points become active 14 days after the purchase.")

    page.locator("li", has_text="Version 1").get_by_role("link", name="Go back to this one").click()
    page.get_by_role("button", name="Put it into force").click()
    expect(told(page)).to_contain_text("Version 3")
    expect(page.locator(".lines > li", has_text="Version 3").locator(".told")).to_contain_text("14 days")


def test_a_change_is_tried_on_the_orders_of_the_last_weeks(running: Visitor) -> None:
    page = running.page()
    page.goto("/loyalty/programme/rules/purchases/")
    page.get_by_label("Points", exact=True).fill("2")
    page.get_by_role("button", name="Preview what changes").click()
    page.get_by_text("Try it on the orders of the last 28 days").click()
    rows = page.locator("details tbody tr")
    expect(rows).to_have_count(3)
    points, worth, share = rows.all()
    expect(points.locator("td").last).to_have_text(re.compile(r"^\+[5-9]\d%$"))
    expect(worth).to_contain_text("₺")
    expect(share).to_contain_text("%")
    assert_accessible(page)
    # Nothing is in force by that.
    page.goto("/loyalty/programme/")
    expect(page.locator("main")).to_contain_text("Purchases: 1 point for each ₺1.00")


def test_rules_tiers_and_the_file(brand_new: Visitor) -> None:
    page = brand_new.page()
    page.goto("/loyalty/programme/preview/")
    page.get_by_role("button", name="Put it into force").click()
    page.get_by_role("link", name="Add an earning rule").click()
    page.get_by_label("Name in Turkish").fill("Mağaza alışverişi")
    page.get_by_label("It gives").select_option(label="a fixed number for an event")
    page.get_by_label("Points", exact=True).fill("30")
    page.get_by_role("button", name="Preview what changes").click()
    expect(page.locator(".errorlist")).to_have_text("This is needed for what it gives.")
    page.get_by_label("It gives").select_option(label="points for each amount spent")
    page.get_by_label("For each (amount)").fill("10")
    page.get_by_label("Only in these stores").fill("Kadıköy, Beşiktaş")
    page.get_by_label("Saturday").check()
    page.get_by_label("At most so many points").fill("500")
    page.get_by_role("button", name="Preview what changes").click()
    expect(page.locator(".told li")).to_have_text(
        "new: Mağaza alışverişi: 30 points for each ₺10.00; only on Saturday; "
        "only in these stores: Kadıköy, Beşiktaş; at most 500 points a month"
    )
    page.get_by_role("button", name="Put it into force").click()

    page.get_by_role("link", name="Change the tiers").click()
    page.locator("[name=tier-1-threshold]").fill("1500")
    page.locator("[name=tier-3-name_en]").fill("Platinum")
    page.locator("[name=tier-3-threshold]").fill("9000")
    page.get_by_role("button", name="Preview what changes").click()
    expect(page.locator(".told li")).to_have_text(
        [
            "new: Silver from 1,500 points on; points × 1.25; Free shipping",
            "new: Platinum from 9,000 points on",
            "gone: Silver from 1,000 points on; points × 1.25; Free shipping",
        ]
    )
    page.get_by_role("button", name="Put it into force").click()

    page.get_by_role("link", name=re.compile("Edit.*Mağaza")).click()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".told li")).to_have_count(1)
    with page.expect_download() as download:
        page.goto("/loyalty/programme/")
        page.get_by_role("link", name="Download as a file").click()
    document = json.loads(download.value.path().read_text())
    assert [tier["key"] for tier in document["ladder"]["tiers"]] == ["bronze", "silver", "gold", "platinum"]
    document["expiry"] = {"span": "fortnights", "count": 1}
    for content, said in ((json.dumps(document), "expiry"), ("{", "a programme is a TOML or JSON file")):
        page.locator("[name=file]").set_input_files(
            {"name": "programme.json", "mimeType": "application/json", "buffer": content.encode()}
        )
        page.get_by_role("button", name="Preview this file").click()
        expect(page.locator(".toast.error:not(#failed)")).to_contain_text(said)
    document["expiry"] = {"span": "never", "count": 0}
    page.locator("[name=file]").set_input_files(
        {"name": "programme.json", "mimeType": "application/json", "buffer": json.dumps(document).encode()}
    )
    page.get_by_role("button", name="Preview this file").click()
    expect(page.locator(".told li").first).to_have_text("new: Points never expire.")


def test_points_are_adjusted_transferred_and_undone(running: Visitor) -> None:
    page = running.page()
    page.goto("/loyalty/members/?q=ışıl")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody a").click()
    active = page.locator(".strip dd").first
    before = int(active.inner_text().replace(",", ""))

    def has(points: int) -> None:
        expect(active).to_have_text(f"{before + points:,}")

    say(page, "Adjust points", points="40", reason="Gecikme için özür")
    expect(told(page)).to_contain_text("40 points given.")
    has(40)
    expect(page.locator("#ledger tbody tr").first).to_contain_text("Gecikme için özür")
    expect(page.locator("#ledger tbody tr").first).to_contain_text("Deniz Aydın")
    page.locator("#ledger tbody tr").first.get_by_role("button", name="Undo").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(told(page)).to_contain_text("Undone: 40 points.")
    has(0)
    expect(page.locator("#ledger").get_by_role("button", name="Undo")).to_have_count(0)
    say(page, "Adjust points", points="-1000000", reason="Zu viel")
    expect(page.locator(".toast.error:not(#failed)")).to_contain_text("active points")
    has(0)

    card = page.locator("h1 + p").inner_text().split()[1].rstrip(",")
    say(page, "Transfer points", to=card, points="10", reason="Aile")
    expect(page.locator(".toast.error:not(#failed)")).to_contain_text("another member")
    other = running.page()
    other.goto("/loyalty/members/?q=ayse")
    number = other.locator("tbody td").first.inner_text()
    say(page, "Transfer points", to=number, points="100", reason="Aile")
    expect(told(page)).to_contain_text("100 points transferred.")
    has(-100)
    page.locator("#ledger tbody tr").first.get_by_role("button", name="Undo").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    has(0)

    page.get_by_role("button", name="Reverse").click()
    page.get_by_role("dialog").get_by_role("button", name="Reverse").click()
    expect(told(page)).to_contain_text("Reversed.")
    has(300)
    say(page, "Redeem a reward")
    expect(told(page)).to_contain_text("Redeemed. The code is")
    has(0)
    page.get_by_role("button", name="Pin a tier").click()
    page.get_by_role("dialog").get_by_label("Tier").select_option(label="Bronze")
    page.get_by_role("dialog").get_by_role("button", name="Pin").click()
    expect(page.locator(".chip", has_text="pinned by hand")).to_have_count(1)
    page.get_by_role("button", name="Let the figure decide").click()
    expect(page.locator(".chip", has_text="pinned by hand")).to_have_count(0)


def test_a_household_is_made_seen_and_ended(running: Visitor) -> None:
    from sadakat.loyalty import models

    page = running.page()
    page.goto("/loyalty/members/?q=ışıl")
    page.locator("tbody a").click()
    path = page.url.removeprefix(running.url)
    household = page.locator("#household")
    expect(household).to_contain_text("In no household")
    for text, said in (
        ("nobody@example.com", "no other member fits nobody@example.com"),
        ("işil", "no other member fits işil"),
        ("Müşteri", "several members fit Müşteri; the card number tells them apart"),
    ):
        say(page, "Add a member", who=text)
        expect(page.locator(".toast.error:not(#failed)")).to_have_text(re.compile(said))
    say(page, "Add a member", who="ayşe")
    expect(told(page)).to_contain_text("Ayşe Yılmaz is in the household.")
    others, own = (int(text.replace(",", "")) for text in household.locator("td.n").all_inner_texts())
    assert own == int(page.locator(".strip dd").first.inner_text().replace(",", ""))
    expect(household.locator("header")).to_contain_text(f"{own + others:,} points together")
    assert_accessible(page)
    # What she could not pay alone.
    models.Reward.objects.filter(key="coffee").update(points=own + 1)
    page.reload()
    page.get_by_role("button", name="Redeem a reward").click()
    page.get_by_role("dialog").get_by_label("The reward").select_option("coffee")
    page.get_by_role("dialog").get_by_role("button", name="Redeem").click()
    expect(told(page)).to_contain_text("Redeemed. The code is")
    expect(household.locator("td.n")).to_have_text([f"{others - 1:,}", "0"])

    small = running.page(language="tr", width=390)
    small.goto(path)
    expect(small.locator("#household")).to_contain_text("Hane")
    expect(small.locator("#household tbody tr")).to_have_count(2)
    assert_fits(small)
    assert_accessible(small)

    household.get_by_role("link", name="Ayşe Yılmaz").click()
    expect(page.locator("h1")).to_have_text("Ayşe Yılmaz")
    gave = page.locator("#ledger tbody tr", has_text="Household · A cup of coffee")
    expect(gave.locator(".n")).to_have_text("−1")
    expect(gave.get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Take out").click()
    page.get_by_role("dialog").get_by_label("Member").select_option(label="Işıl Iğdır · 0")
    page.get_by_role("dialog").get_by_role("button", name="Take out").click()
    expect(told(page)).to_contain_text("Işıl Iğdır is in the household no more.")
    expect(page.locator("#household")).to_contain_text("In no household")
    page.goto(path)
    expect(page.locator("#household")).to_contain_text("In no household")
    expect(page.get_by_role("button", name="Redeem a reward")).to_have_count(0)


def test_who_may_only_look_changes_nothing(running: Visitor, browser: Browser) -> None:
    page = running.page()
    page.goto("/customers/?q=No01")
    page.locator("tbody a").first.click()
    page.get_by_role("button", name="Make a member").click()
    expect(told(page)).to_contain_text("Now a member.")
    path = page.url.removeprefix(running.url)

    ada = as_role(browser, running.url, "ada")
    seen = ada.page()
    seen.goto(path)
    expect(seen.locator("h1")).to_have_text("Müşteri No01")
    expect(seen.get_by_role("button", name="Adjust points")).to_have_count(0)
    for address in ("/loyalty/programme/basics/", "/loyalty/rewards/new/", "/loyalty/programme/preview/"):
        answer = seen.goto(address)
        assert answer is not None
        assert answer.status == 403, address
    can = as_role(browser, running.url, "can")
    helped = can.page()
    helped.goto("/loyalty/")
    expect(helped.locator("h1")).to_have_text("Members")
    expect(helped.locator("main .choice").first.get_by_role("link")).to_have_text(["Members", "Rewards"])
    for person in (ada, can):
        for context in person.contexts:
            context.close()


def test_rewards_and_the_liability(running: Visitor) -> None:
    from sadakat.loyalty import models

    page = running.page()
    page.goto("/loyalty/rewards/")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("link", name="Add a reward").click()
    page.get_by_label("Name in Turkish").fill("Kargo bizden")
    page.get_by_label("Kind").select_option(label="Discount")
    page.get_by_label("Points").fill("250")
    page.get_by_label("Worth to the customer").fill("49.90")
    page.get_by_label("Left in stock").fill("0")
    page.get_by_label("Gold").check()
    page.get_by_role("button", name="Save").click()
    row = page.locator("tr", has_text="Kargo bizden")
    expect(row).to_contain_text("₺49.90")
    expect(row).to_contain_text("out of stock")
    row.get_by_role("link").click()
    page.get_by_label("Left in stock").fill("20")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("tr", has_text="Kargo bizden")).to_contain_text("offered")
    page.get_by_role("link", name="Kargo bizden").click()
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    expect(page.locator("tr", has_text="Kargo bizden")).to_have_count(0)
    page.get_by_role("link", name="With archived").click()
    page.get_by_role("link", name="Kargo bizden").click()
    page.get_by_role("button", name="Offer it again").click()
    expect(page.locator("tr", has_text="Kargo bizden")).to_contain_text("offered")

    # Somebody takes a bag while its form is open; saving the form must not bring it back.
    page.get_by_role("link", name="Linen tote bag").click()
    models.Reward.objects.filter(key="tote-bag").update(stock=2)
    page.get_by_label("Points").fill("900")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("tr", has_text="Linen tote bag").locator(".n")).to_have_text(["900", "₺450.00", "2", "0"])

    page.locator("main .choice").first.get_by_role("link", name="Liability").click()
    expect(page.locator(".kpi")).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("link", name="For the accountant").click()
    assert download.value.path().read_text().splitlines()[0] == "part,key,figure,value,unit"


def test_the_pages(running: Visitor) -> None:
    page = running.page()
    page.goto("/loyalty/")
    expect(page.locator("main")).to_contain_text("Came back")
    expect(page.locator("main")).to_contain_text("Points by month")
    assert_accessible(page)
    page.goto("/loyalty/members/?q=Işıl")
    page.locator("tbody a").first.click()
    walk(
        running,
        [
            "/loyalty/",
            "/loyalty/programme/",
            "/loyalty/members/",
            page.url.removeprefix(running.url),
            "/loyalty/rewards/",
            "/loyalty/rewards/coffee/",
            "/loyalty/liability/",
            "/loyalty/programme/tiers/",
            "/loyalty/programme/rules/purchases/",
            "/loyalty/programme/preview/",
        ],
    )
