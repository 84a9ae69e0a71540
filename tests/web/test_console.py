"""Every page of the console on the real server: seen in all its clothes, in Turkish, and by keyboard."""

import re

import psycopg
import pytest
from playwright.sync_api import Page, expect
from tools import messages

from sadakat.customers.testing import ISIL
from tests.web.conftest import Shop, Visitor
from tests.web.looks import assert_accessible, walk

PATHS = [
    "/",
    "/customers/?page=2",
    "/customers/?q=nobody",
    "/customers/slipping/",
    "/orders/B-2/",
    "/orders/B-1/?namespace=stores",
    "/figures/?as_of=2024-11-20&period=quarter",
    "/settings/sources/",
    "/settings/sources/new/",
    "/settings/sources/2/",
    "/settings/rates/",
    "/team/",
    "/team/1/",
    "/team/new/",
    "/audit/",
    "/account/",
    "/figures/by/?dimension=channel&as_of=2024-11-20",
    "/figures/cohorts/?as_of=2024-11-20",
    "/proof/?as_of=2024-11-20",
]
# Walked in every dress by the tests of their own.
WALKED = [
    "/segments/",
    "/segments/?show=archived",
    "/segments/new/rule/",
    "/segments/new/list/",
    "/figures/spend/",
    "/settings/imports/",
    "/settings/imports/new/",
    "/settings/keys/",
    "/settings/failed-events/",
    "/customers/conflicts/",
    "/predictions/",
    "/predictions/churn/",
    "/stages/",
    "/stages/types/",
    "/stages/rfm/",
    "/stages/clusters/",
    "/stages/rules/stage/",
    "/funnels/",
    "/funnels/paths/",
    "/journey-map/",
    "/goals/",
    "/goals/briefings/",
    "/settings/links/",
    "/settings/webhooks/",
    "/loyalty/",
    "/till/",
]
# What a shop calls its events and sources is shown as it is in every language.
NAMES = re.compile(r"(Order (Completed|Refunded|Cancelled)|Stores)( \(\d+\))?")
SEEN = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [document.title.split(' · ')[0]];
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (parent.closest('[hidden]') === null && !['SCRIPT', 'STYLE'].includes(parent.tagName))
            texts.push(walker.currentNode.textContent);
    }
    for (const name of ['aria-label', 'placeholder', 'title'])
        for (const element of document.querySelectorAll(`[${name}]`)) texts.push(element.getAttribute(name));
    return texts.map(text => text.trim()).filter(text => text);
}"""


@pytest.fixture
def paths(console: Visitor) -> list[str]:
    """Every page; the customer's address is asked for."""
    page = console.page()
    page.goto(f"/search/?q={ISIL.email}")
    return [*PATHS, page.url.removeprefix(console.url)]


def test_every_page_in_every_dress(console: Visitor, paths: list[str]) -> None:
    walk(console, paths)


def test_pages_before_the_log_in_in_every_dress(guest: Visitor) -> None:
    walk(guest, ["/login/"])


def test_pages_of_the_navigation_are_among_them(console: Visitor, paths: list[str]) -> None:
    page = console.page()
    page.goto("/")
    links = [str(link.get_attribute("href")) for link in page.locator("#nav a").all()]
    assert {"/", "/customers/", "/segments/", "/figures/", "/settings/sources/", "/team/", "/audit/"} <= set(links)
    assert set(links) <= {path.split("?")[0] for path in [*paths, *WALKED]}


def _english() -> re.Pattern[str]:
    """Whatever the console says in English and otherwise in Turkish; placeholders stand for anything."""
    patterns = []
    for message in messages.known():
        for text in messages.forms(message.id):
            pattern = re.sub(r"%\\?\([a-z_]+\\?\)[sd]", ".+", re.escape(text).replace(r"\%", "%"))
            says_something = len(re.sub(r"\.\+|\W", "", pattern)) > 3
            if text and says_something and text not in messages.forms(message.string):
                patterns.append(pattern)
    return re.compile("|".join(patterns), re.DOTALL)


def test_no_english_in_turkish(console: Visitor, paths: list[str]) -> None:
    english = _english()
    assert english.fullmatch("Customers")
    assert english.fullmatch("1 to 50 of 3,069")
    page = console.page(language="tr")
    found = {}
    for path in [*paths, *WALKED]:
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "tr")
        said = {text for text in page.evaluate(SEEN) if english.fullmatch(text) and not NAMES.fullmatch(text)}
        if said:
            found[path] = said
    assert found == {}


def test_turkish_pages_write_figures_the_turkish_way(console: Visitor) -> None:
    page = console.page(language="tr")
    page.goto(f"/search/?q={ISIL.email}")
    expect(page.locator(".strip")).to_contain_text("₺3.102,90")
    expect(page.locator(".page")).to_contain_text("ilk görülme 8 Ocak 2024")


def _focused(page: Page) -> str:
    return str(page.evaluate("(e => e.getAttribute('aria-label') || e.textContent.trim())(document.activeElement)"))


def test_keyboard_goes_through_a_page_in_its_order(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/")
    expected = ["Skip to content", "Sadakat", "Search", "TR, Türkçe", "Colours", "Your account", "Home", "Customers"]
    passed = []
    for _ in expected:
        page.keyboard.press("Tab")
        passed.append(_focused(page))
    assert passed == expected


def test_slash_finds_a_customer_and_escape_closes_menus(console: Visitor) -> None:
    page = console.page()
    page.goto("/figures/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("isil")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Işıl Iğdır", level=1)).to_be_visible()
    page.get_by_role("button", name="Your account").click()
    expect(page.locator("#user-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#user-menu")).to_be_hidden()


def test_unknown_addresses_say_so(console: Visitor) -> None:
    page = console.page()
    for path in ("/customers/999999/", "/orders/none/", "/nowhere/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", level=1)).to_have_text("This page does not exist")
    assert_accessible(page)


def test_pages_give_their_connections_back(console: Visitor, shop: Shop) -> None:
    page = console.page()
    for _ in range(60):
        assert page.request.get(f"{console.url}/account/").ok
    with psycopg.connect(shop.environment["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").fetchone()
    # The worker's threads, the collector and the jobs keep some two dozen; a page keeps none.
    assert row is not None
    assert row[0] < 40
