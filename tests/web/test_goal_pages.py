"""Goals, briefings and shared reports: set, read, kept, handed on and ended; and how the pages look."""

import re

from playwright.sync_api import Page, expect

from tests.web.conftest import Visitor
from tests.web.looks import assert_accessible, assert_fits, assert_plain, walk


def set_goal(page: Page, name: str, *, metric: str, target: str) -> str:
    """Sets a goal at the form; gives its address."""
    page.goto("/goals/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Figure", exact=True).select_option(label=metric)
    page.get_by_label("Target").fill(target)
    page.get_by_label("Start").fill("2024-05-01")
    page.get_by_label("Last day").fill("2025-03-31")
    page.get_by_label("Owner").select_option(label="Elif Yıldız")
    page.get_by_label("Department").select_option(label="Marketing")
    page.get_by_role("button", name="Set the goal").click()
    expect(page.locator(".toast.success")).to_contain_text("The goal is set.")
    return page.url


def wait_until_read(page: Page, address: str) -> None:
    """Loads a goal's page until the worker has read it."""
    for _ in range(80):
        page.goto(address)
        if page.get_by_text("as of 20 Nov 2024").count():
            return
        page.wait_for_timeout(250)
    raise AssertionError("the goal is not read")


def test_a_goal_is_set_read_changed_and_archived(console: Visitor, marketer: Visitor) -> None:
    page = console.page()
    page.goto("/")
    page.locator("#nav").get_by_role("link", name="Goals").click()
    expect(page.locator("h1")).to_have_text("Goals")
    address = set_goal(page, "Gelir hedefi", metric="Revenue", target="1000000")
    wait_until_read(page, address)
    heads = page.locator(".kpi .figure")
    expect(heads.nth(1)).to_have_text("₺1,000,000")
    expect(page.locator(".chips")).to_contain_text("off track")
    expect(page.locator(".chips")).to_contain_text("Elif Yıldız")
    expect(page.locator(".legend").first).to_contain_text("Forecast")

    home = marketer.page()
    home.goto("/")
    need = home.locator(".needs li", has_text="Gelir hedefi: off track")
    need.get_by_role("link", name="Open the goal").click()
    expect(home.locator("h1")).to_have_text("Gelir hedefi")

    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Target")).to_have_value("1000000.00")
    page.get_by_label("Target").fill("0.5")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".kpi .figure").nth(1)).to_have_text("₺0.50")
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    expect(page.locator(".toast.success")).to_contain_text("The goal is archived.")
    expect(page.get_by_role("link", name="Gelir hedefi")).to_have_count(0)
    page.get_by_role("link", name="With archived").click()
    page.get_by_role("link", name="Gelir hedefi").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".toast.success")).to_contain_text("The goal is back on the list.")


def test_what_cannot_be_set_is_said_at_the_form(console: Visitor) -> None:
    page = console.page()
    page.goto("/goals/new/?metric=orders")
    page.locator("[name=name]").fill("Geçmiş")
    page.locator("[name=target]").fill("5")
    page.locator("[name=by_date]").fill("2024-01-31")
    page.locator("form.form button").click()
    expect(page.locator(".errorlist")).to_contain_text("is not before today, 2024-11-20; it came as 2024-01-31")


def test_a_briefing_is_kept_read_and_handed_on(console: Visitor, guest: Visitor) -> None:
    page = console.page()
    page.goto("/goals/")
    page.get_by_role("link", name="Weekly briefings").click()
    page.locator("main").get_by_role("link", name="Loyalty").click()
    expect(page.locator("h1")).to_have_text("Loyalty: briefing of the week")
    page.get_by_role("button", name="Keep this briefing").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").click()
    assert download.value.suggested_filename == "loyalty-2024-11-11.pdf"
    assert download.value.path().read_bytes().startswith(b"%PDF-")
    page.get_by_label("Elif Yıldız").check()
    page.get_by_role("button", name="Save readers").click()
    expect(page.locator(".toast.success")).to_contain_text("next Monday")
    expect(page.get_by_label("Elif Yıldız")).to_be_checked()

    page.locator("li", has_text="11 Nov 2024").get_by_role("link").click()
    page.get_by_role("link", name="Share this report").click()
    page.get_by_label("Language").select_option("tr")
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("The link").input_value()
    read = guest.page()
    read.context.clear_cookies()
    answer = read.goto(link)
    assert answer is not None
    assert (answer.status, answer.headers["x-robots-tag"]) == (200, "noindex, nofollow")
    assert answer.headers["cache-control"] == "private, no-store"
    assert_plain(answer)
    expect(read.locator("html")).to_have_attribute("lang", "tr")
    expect(read.locator("#nav")).to_have_count(0)
    for width in (1440, 390):
        read.set_viewport_size({"width": width, "height": 900})
        assert_fits(read)
        assert_accessible(read)
    body = read.locator("main").inner_text()
    assert not re.search("Işıl|Ayşe|Barış|Çağla", body)

    page.goto("/settings/links/")
    row = page.locator("tr", has_text="Loyalty: briefing")
    expect(row.locator(".n")).to_have_text("1")
    row.get_by_role("button", name="Revoke").click()
    row.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator("tr", has_text="Loyalty: briefing")).to_contain_text("revoked")
    answer = read.goto(link)
    assert answer is not None
    assert answer.status == 410
    answer = read.goto("/shared/nothing/")
    assert answer is not None
    assert answer.status == 404


def test_the_figures_and_a_goal_are_shared(console: Visitor, guest: Visitor) -> None:
    page, read = console.page(), guest.page()
    page.goto("/settings/links/")
    page.get_by_role("link", name="Share the figures").click()
    page.get_by_role("button", name="Make the link").click()
    read.goto(page.get_by_label("The link").input_value())
    expect(read.locator("tbody tr").first).to_contain_text("Purchase frequency")
    address = set_goal(page, "Siparişler", metric="Orders", target="3")
    wait_until_read(page, address)
    page.get_by_role("link", name="Share this report").click()
    page.get_by_role("button", name="Make the link").click()
    read.goto(page.get_by_label("The link").input_value())
    expect(read.locator("h1")).to_have_text("Siparişler")
    expect(read.locator(".chart")).to_have_count(1)
    assert_accessible(read)


def test_the_pages(console: Visitor) -> None:
    page = console.page()
    address = set_goal(
        page, "Yıl sonuna kadar geri dönen müşterilerin payı", metric="Repeat purchase rate", target="30"
    )
    wait_until_read(page, address)
    path = address.removeprefix(console.url)
    walk(
        console,
        [
            "/goals/",
            "/goals/new/",
            path,
            f"{path}edit/",
            "/goals/briefings/",
            "/settings/links/",
            "/settings/links/new/",
        ],
    )
