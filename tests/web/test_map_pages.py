"""Funnels, paths and the journey map as people use them; and how the pages look."""

import re
from urllib.request import Request, urlopen

from playwright.sync_api import expect

from tests.web.conftest import Visitor
from tests.web.looks import walk

YEAR = "since=2024-01-01&until=2024-11-19"
FUNNEL = f"/funnels/?event=Product+Viewed&property=&op=is&value=&event=Order+Completed&{YEAR}&window=90d&by=channel"


def test_a_funnel_is_asked_kept_and_forgotten(console: Visitor) -> None:
    page = console.page()
    page.goto("/settings/rates/")
    page.locator("#nav").get_by_role("link", name="Funnels").click()
    expect(page).to_have_title(re.compile("Funnels"))
    page.get_by_label("Step 1").select_option("Product Viewed")
    page.get_by_label("Step 2").select_option("Order Completed")
    page.get_by_label("From", exact=True).fill("2024-01-01")
    page.get_by_label("To", exact=True).fill("2024-11-19")
    page.get_by_label("Within").select_option("90d")
    page.get_by_label("Break down by").select_option("channel")
    page.get_by_role("button", name="Show", exact=True).click()
    # Işıl viewed in January, and ordered from February on.
    rows = page.get_by_role("region", name="Steps").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("Product Viewed")
    expect(rows.nth(0).locator(".n")).to_have_text(["1", "100.0%", "–", "–", "–"])
    expect(rows.nth(1).locator(".n").first).to_have_text("1")
    expect(rows.nth(1).locator(".n").last).to_have_text("33.1 d")
    expect(page.get_by_role("region", name="By part").locator("tbody tr")).to_have_text(re.compile("not known.*100.0%"))
    expect(page.get_by_label("Step 3")).to_be_visible()

    address = page.url
    page.get_by_label("Keep it under a name").fill("Bakan alıyor mu?")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".toast.success")).to_contain_text("Kept.")
    page.goto("/funnels/")
    page.get_by_role("link", name="Bakan alıyor mu?").click()
    expect(page.get_by_label("Step 2")).to_have_value("Order Completed")
    page.goto(address)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Bakan alıyor mu?")).to_have_count(0)


def test_what_cannot_be_asked_is_said_at_the_form(console: Visitor) -> None:
    page = console.page()
    page.goto(FUNNEL.replace("property=&op=is&value=", "property=price&op=at_least&value=ucuz"))
    expect(page.locator(".errorlist")).to_contain_text("a number was expected for price")


def test_paths_lead_on(console: Visitor) -> None:
    page = console.page()
    page.goto(f"/funnels/paths/?event=Order+Completed&{YEAR}&direction=after&scope=all&steps=2")
    # Ayşe was refunded, Barış cancelled; orders in a row count once.
    nearest = page.get_by_role("region", name="Nearest events").locator("tbody tr")
    expect(nearest.filter(has_text="Order Refunded")).to_have_count(1)
    nearest.get_by_role("link", name="Order Refunded").click()
    expect(page.get_by_label("Event", exact=True)).to_have_value("Order Refunded")
    page.goto(f"/funnels/paths/?event=Order+Refunded&{YEAR}&direction=before&scope=all&steps=1")
    page.get_by_role("link", name="as a funnel").first.click()
    expect(page.get_by_label("Step 1")).to_have_value("Order Completed")
    expect(page.get_by_label("Step 2")).to_have_value("Order Refunded")


def test_the_map_its_cells_and_what_is_to_be_done(console: Visitor) -> None:
    page = console.page()
    page.goto("/settings/rates/")
    page.locator("#nav").get_by_role("link", name="Journey map").click()
    page.get_by_label("From", exact=True).fill("2024-09-01")
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator("tr", has_text="Purchase on-line").get_by_role("link").nth(2).click()
    expect(page.locator("h1")).to_have_text("Purchase · Purchase on-line")
    expect(page.locator(".kpis")).to_contain_text("not measured")
    page.get_by_label("Owner").last.select_option("Elif Yıldız")
    page.get_by_label("Note").fill("Kargo seçimi karışık.")
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator(".toast.success")).to_contain_text("Saved.")
    expect(page.get_by_label("Note")).to_have_value("Kargo seçimi karışık.")
    expect(page.locator("#id_owner option:checked")).to_have_text("Elif Yıldız")
    page.get_by_label("What is to be done").last.fill("Tek kargo seçeneği")
    page.get_by_label("Due").last.fill("2024-12-24")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("Change", exact=True).click()
    page.get_by_label("State").select_option("doing")
    page.get_by_role("button", name="Save").first.click()
    page.goto("/journey-map/")
    row = page.locator("tr", has_text="Tek kargo seçeneği")
    expect(row).to_contain_text("24 Dec 2024")
    expect(row).to_contain_text("Doing")


def test_touchpoints_are_adjusted(console: Visitor) -> None:
    page = console.page()
    page.goto("/journey-map/touchpoints/")
    form = page.locator("#edit")
    form.get_by_label("Key").fill("call")
    form.get_by_label("Name").fill("Çağrı merkezi")
    form.get_by_label("Events, one a line").fill("Call Received\nCall Made")
    form.get_by_role("button", name="Save").click()
    expect(page.locator(".lines li", has_text="Çağrı merkezi")).to_contain_text("Call Received, Call Made")
    page.get_by_role("link", name="Çağrı merkezi").click()
    page.locator("#edit").get_by_role("button", name="Archive").click()
    expect(page.locator(".lines li", has_text="Çağrı merkezi")).to_contain_text("archived")


def test_the_map_is_taken_along(console: Visitor) -> None:
    page = console.page()
    page.goto(f"/journey-map/?{YEAR}")
    url = page.get_by_role("link", name="PDF").get_attribute("href")
    cookies = "; ".join(f"{name}={value}" for name, value in console.cookies.items())
    with urlopen(Request(f"{console.url}{url}", headers={"Cookie": cookies})) as answer:
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.read(8) == b"%PDF-1.7"


def test_in_every_dress(console: Visitor) -> None:
    walk(
        console,
        [
            FUNNEL,
            f"/funnels/paths/?event=Order+Completed&{YEAR}&direction=after&scope=all&steps=2",
            f"/journey-map/?{YEAR}",
            f"/journey-map/purchase/online-purchase/?{YEAR}",
            "/journey-map/touchpoints/",
        ],
    )
