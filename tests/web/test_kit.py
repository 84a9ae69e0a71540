"""The parts of the kit on sample pages, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web import sample as sample_pages
from tests.web.conftest import Visitor
from tests.web.looks import assert_accessible, assert_fits, walk

MAX_COLD_BYTES = 100_000
LIGHT_GROUND, DARK_GROUND = "rgb(247, 246, 243)", "rgb(18, 21, 20)"


def _ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_every_part_in_every_dress(sample: Visitor) -> None:
    walk(sample, sample_pages.PATHS)


def test_pages_are_light(sample: Visitor) -> None:
    page = sample.page()
    sizes: dict[str, int] = {}
    page.on("requestfinished", lambda asked: sizes.update({asked.url: asked.sizes()["responseBodySize"]}))
    page.goto("/", wait_until="networkidle")
    assert len(sizes) >= 4, sizes
    assert all(url.startswith(sample.url) for url in sizes)
    assert sum(sizes.values()) <= MAX_COLD_BYTES, sizes


def test_theme_is_chosen_kept_and_given_back_to_the_system(sample: Visitor) -> None:
    page = sample.page()
    page.goto("/")
    assert _ground(page) == LIGHT_GROUND
    page.get_by_role("button", name="Colours").click()
    assert_accessible(page)
    page.get_by_role("button", name="Dark").click()
    assert _ground(page) == DARK_GROUND
    expect(page.get_by_role("button", name="Dark")).to_be_hidden()
    page.goto("/form/")
    assert _ground(page) == DARK_GROUND
    page.get_by_role("button", name="Colours").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="As the system").click()
    assert _ground(page) == LIGHT_GROUND
    page.emulate_media(color_scheme="dark")
    assert _ground(page) == DARK_GROUND


def test_language_switch_stays_on_the_page(sample: Visitor) -> None:
    page = sample.page()
    page.goto("/customer/?order=-total")
    page.get_by_role("button", name="TR, Türkçe").click()
    expect(page.locator("html")).to_have_attribute("lang", "tr")
    expect(page).to_have_url(f"{sample.url}/customer/?order=-total")


def test_keyboard_reaches_search_and_content(sample: Visitor) -> None:
    page = sample.page()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    search.type("a/b")
    expect(search).to_have_value("a/b")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{sample.url}/search/?q=a%2Fb")


def test_tabs_swap_their_card_alone_and_keep_focus_and_address(sample: Visitor) -> None:
    page = sample.page()
    page.goto("/")
    page.evaluate("document.querySelector('h1').dataset.mark = 'kept'")
    page.locator("#weeks-6").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#weeks-6")).to_have_attribute("aria-current", "true")
    expect(page.locator("#weeks-6")).to_be_focused()
    expect(page.locator("h1")).to_have_attribute("data-mark", "kept")
    expect(page).to_have_url(f"{sample.url}/?weeks=6")
    page.go_back()
    expect(page.locator("#weeks-26")).to_have_attribute("aria-current", "true")


def test_chart_shows_its_figures_on_hover_and_as_a_table(sample: Visitor) -> None:
    page = sample.page()
    page.goto("/?weeks=6")
    tip = page.locator("#revenue .tips li").last
    tip.hover()
    expect(tip.locator("p")).to_be_visible()
    expect(tip.locator("p")).to_contain_text("16 Nov")
    page.locator("#revenue summary").focus()
    page.keyboard.press("Enter")
    table = page.locator("#revenue table")
    expect(table.get_by_role("row")).to_have_count(7)
    expect(table.get_by_role("columnheader").nth(2)).to_have_text("Year before")
    assert_accessible(page)


def test_sorting_is_in_the_address(sample: Visitor) -> None:
    page = sample.page()
    page.goto("/customer/?kept=1&page=4")
    expect(page.get_by_role("columnheader", name="Date")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_text("10 to 12 of 51")).to_be_visible()
    page.get_by_role("link", name="Total").click()
    expect(page).to_have_url(f"{sample.url}/customer/?kept=1&order=-total")
    page.get_by_role("link", name="Total").click()
    expect(page).to_have_url(f"{sample.url}/customer/?kept=1&order=total")
    expect(page.get_by_role("columnheader", name="Total")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name="Next page").click()
    expect(page).to_have_url(f"{sample.url}/customer/?kept=1&order=total&page=2")


def test_confirmation_says_what_happens_and_escape_closes_it(sample: Visitor) -> None:
    page = sample.page(width=390)
    page.goto("/customer/")
    page.get_by_role("button", name="Separate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Orders stay with their own profile.")
    assert_accessible(page)
    assert_fits(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Separate").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Separate").click()
    dialog.get_by_role("button", name="Separate").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")


def test_form_errors_are_tied_to_their_fields_and_toasts_can_be_closed(sample: Visitor) -> None:
    page = sample.page(width=390)
    page.goto("/form/")
    page.locator("form.form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Save").click()
    name = page.get_by_label("Name")
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_accessible_description(re.compile("Shown on the time line.*This field is required", re.DOTALL))
    assert_accessible(page)
    toast = page.locator(".toast.success")
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_be_hidden()


def test_key_is_copied(sample: Visitor) -> None:
    page = sample.page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=sample.url)
    page.goto("/form/")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "sk_live_4f1c9a7730b24e"


def test_account_menu_says_who_is_here_and_leads_out(sample: Visitor) -> None:
    page = sample.page()
    page.goto("/")
    page.get_by_role("button", name="Your account").click()
    menu = page.locator("#user-menu")
    expect(menu).to_contain_text("elif@modanord.example")
    assert_accessible(page)
    menu.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{sample.url}/log-out/")


def test_phone_opens_the_menu_with_navigation_and_log_out(sample: Visitor) -> None:
    page = sample.page(width=390, language="tr")
    page.goto("/form/")
    page.locator("[popovertarget=nav]").click()
    menu = page.locator("#nav")
    expect(menu.get_by_role("link", name="Sources")).to_have_attribute("aria-current", "page")
    expect(menu).to_contain_text("elif@modanord.example")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()


@pytest.mark.parametrize("path", sample_pages.PATHS)
def test_targets_are_large_enough_for_a_finger(sample: Visitor, path: str) -> None:
    page = sample.page(width=390)
    page.goto(path)
    small = page.evaluate(
        """() => [...document.querySelectorAll('header a, header button, .button, .choice a, .side a')]
            .filter(e => e.checkVisibility() && !e.classList.contains('skip'))
            .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.height < 36 || box.width < 36)
            .map(([html]) => html)"""
    )
    assert small == []


def test_demo_says_what_is_real(sample: Visitor) -> None:
    from sadakat.platform import models

    words = {"en": "Orders are real; names are generated.", "tr": "Siparişler gerçek; adlar üretilmiş."}
    page = sample.page(language="tr")
    page.goto("/")
    expect(page.locator(".ribbon")).to_have_count(0)
    models.Brand.objects.update(is_demo=True, notes={"ribbon": words})
    page.goto("/")
    expect(page.locator(".ribbon")).to_have_text(words["tr"])
    assert_accessible(page)
