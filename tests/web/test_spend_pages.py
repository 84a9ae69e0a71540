"""Marketing spend and currency rates: recorded, corrected, removed; and how the pages look."""

from playwright.sync_api import expect

from tests.web.conftest import Visitor
from tests.web.looks import walk

ARRIVES_MILLISECONDS = 15_000


def test_spend_is_recorded_corrected_and_removed(console: Visitor) -> None:
    page = console.page()
    page.goto("/figures/")
    page.locator("#nav").get_by_role("link", name="Marketing spend").click()
    form = page.locator("#record")
    form.get_by_label("Channel").fill("Google Ads")
    form.get_by_label("Campaign").fill("Yılbaşı")
    form.get_by_label("From").fill("2024-10-01")
    form.get_by_label("To").fill("2024-10-31")
    form.get_by_label("Amount").fill("310.5")
    form.get_by_role("button", name="Record").click()
    expect(page.locator(".toast.success")).to_contain_text("Recorded.")
    row = page.locator("tr", has_text="Yılbaşı")
    _renewed(page, row)
    expect(row).to_contain_text("1 Oct 2024 – 31 Oct 2024")
    expect(row).to_contain_text("google_ads")
    expect(row.locator(".n").first).to_have_text("₺310.50")

    row.get_by_role("link", name="Correct").click()
    expect(page.locator("#record").get_by_label("From")).to_have_value("2024-10-01")
    page.locator("#record").get_by_label("Amount").fill("200")
    page.locator("#record").get_by_role("button", name="Record").click()
    amount = page.locator("tr", has_text="Yılbaşı").locator(".n").first
    _renewed(page, amount, "₺200.00")
    row.get_by_role("button", name="Remove").click()
    row.get_by_role("dialog").get_by_role("button", name="Remove").click()
    _renewed(page, amount, "₺0.00")
    expect(row.get_by_role("button", name="Remove")).to_have_count(0)


def _renewed(page, locator, text=None) -> None:  # type: ignore[no-untyped-def]
    """Loads the page anew until the worker has brought the record."""
    for _ in range(60):
        page.goto("/figures/spend/")
        if locator.count() and (text is None or locator.inner_text() == text):
            return
        page.wait_for_timeout(250)
    raise AssertionError("the record does not arrive")


def test_what_cannot_be_recorded_is_said_at_the_form(console: Visitor) -> None:
    page = console.page()
    page.goto("/figures/spend/?channel=Radyo&from_date=2024-10-02&to_date=2024-10-01&amount=5")
    page.locator("#record").get_by_role("button", name="Record").click()
    expect(page.locator("#record .errorlist")).to_contain_text("from_date first, not from 2024-10-02 to 2024-10-01")


def test_a_rate_is_recorded(console: Visitor) -> None:
    page = console.page()
    page.goto("/settings/rates/")
    page.get_by_role("textbox", name="Currency").fill("chf")
    page.get_by_label("From").fill("2024-10-01")
    page.get_by_role("spinbutton", name="Rate").fill("39.25")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("tr", has_text="CHF")).to_contain_text("39.25")
    page.get_by_role("textbox", name="Currency").fill("try")
    page.get_by_label("From").fill("2024-10-01")
    page.get_by_role("spinbutton", name="Rate").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_contain_text("TRY is the brand's own currency")


def test_in_every_dress(console: Visitor) -> None:
    walk(console, ["/figures/spend/", "/settings/rates/"])
