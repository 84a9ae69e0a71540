"""Customers, Customer 360 and orders, as people find and read them."""

import pytest
from playwright.sync_api import Locator, Page, expect

from sadakat.customers.testing import AYSE, ISIL
from tests.web import shop
from tests.web.conftest import Visitor


def _cells(row: Locator) -> list[str]:
    return [cell.inner_text() for cell in row.locator("th, td").all()]


def _find(page: Page, text: str) -> None:
    """Writes into the search of the shell."""
    page.goto("/")
    page.get_by_role("searchbox").fill(text)
    page.keyboard.press("Enter")
    expect(page).not_to_have_url("/")


@pytest.mark.parametrize(
    "text", ["isil", "IŞIL ığdır", "0532 123 45 02", "+90 (532) 123-45-02", ISIL.card, ISIL.email.upper(), "1002"]
)
def test_search_finds_one_customer_and_leads_there(console: Visitor, text: str) -> None:
    page = console.page()
    _find(page, text)
    expect(page.get_by_role("heading", level=1)).to_have_text("Işıl Iğdır")


def test_search_of_an_order_number_leads_to_the_order(console: Visitor) -> None:
    page = console.page()
    _find(page, "A-2")
    expect(page).to_have_url(f"{console.url}/orders/A-2/")


def test_search_that_finds_several_lists_them(console: Visitor) -> None:
    page = console.page()
    _find(page, "ortak")
    expect(page.locator(".page")).to_contain_text(f"2 found of {shop.CUSTOMERS}")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".page")).to_contain_text(str(shop.CUSTOMERS))


def test_search_that_finds_nobody_says_what_can_be_searched(console: Visitor) -> None:
    page = console.page()
    _find(page, "zzz")
    expect(page.locator(".empty")).to_contain_text("Nobody fits “zzz”")
    expect(page.locator(".empty")).to_contain_text("phone in any spelling")


def test_list_is_sorted_and_turned_by_its_address(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/")
    page.get_by_role("link", name="Revenue").click()
    expect(page.get_by_role("columnheader", name="Revenue")).to_have_attribute("aria-sort", "descending")
    assert _cells(page.locator("tbody tr").first) == [
        "Işıl Iğdır",
        "Iğdır",
        "1002\n60340000022",
        "7",
        "₺3,102.90",
        "10 Aug 2024",
        "10 Aug 2024",
    ]
    page.get_by_role("link", name="Name").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("tbody tr").first).to_contain_text("Ayşe Yılmaz")
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".pager")).to_contain_text(f"51 to {shop.CUSTOMERS} of {shop.CUSTOMERS}")
    expect(page.locator("tbody tr")).to_have_count(shop.CUSTOMERS - 50)


def test_customer_360_tells_who_it_is(console: Visitor) -> None:
    page = console.page()
    _find(page, ISIL.email)
    expect(page.locator(".page")).to_contain_text("Iğdır · first seen 8 January 2024")
    figures = [
        (pair.locator("dt").inner_text(), pair.locator("dd").inner_text())
        for pair in page.locator(".strip dl > div").all()
    ]
    assert figures == [
        ("Counted orders", "7"),
        ("Revenue", "₺3,102.90"),
        ("Average order value", "₺443.27"),
        ("First order", "10 Feb 2024"),
        ("Last order", "10 Aug 2024"),
        ("Events", "20"),
    ]
    expect(page.locator(".card", has_text="Who")).to_contain_text("23 April 1991")
    identifiers = page.locator(".card", has=page.get_by_role("heading", name="Identifiers"))
    assert [value.inner_text().split("\n")[0] for value in identifiers.locator("dd").all()] == [
        "1002",
        "60340000022",
        "isil.igdir@example.com",
        "+905321234502",
        "web-isil",
    ]
    orders = page.locator(".card", has=page.get_by_role("heading", name="Orders"))
    assert _cells(orders.locator("tbody tr").first) == [
        "B-1",
        "10 Aug 2024",
        "Store Kadıköy",
        "0",
        "₺99.90",
        "Completed",
    ]
    expect(orders.locator("tbody tr")).to_have_count(7)


def test_time_line_is_filtered_and_goes_back(console: Visitor) -> None:
    page = console.page()
    _find(page, ISIL.email)
    items = page.locator("#timeline li:not(.day)")
    expect(items).to_have_count(15)
    expect(items.first).to_contain_text("Ordered B-1 for ₺99.90")
    page.get_by_role("link", name="Older").click()
    expect(items).to_have_count(5)
    expect(items.last).to_contain_text("Viewed Linen shirt")
    page.locator("#show-orders").click()
    expect(items).to_have_count(7)
    expect(page.locator("#show-orders")).to_be_focused()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?show=orders")
    # The till and the web shop both have a B-1; the time line leads to the right one.
    items.first.get_by_role("link").click()
    expect(page.locator(".page")).to_contain_text("Store Kadıköy")


def test_merges_are_told(console: Visitor) -> None:
    page = console.page()
    _find(page, AYSE.email)
    expect(page.locator(".card", has=page.get_by_role("heading", name="Merges"))).to_contain_text("User id + E-mail")
    expect(page.locator("#timeline")).to_contain_text("turned out to be the same person")


def test_order_tells_its_lines_and_what_changed(console: Visitor) -> None:
    page = console.page()
    page.goto("/orders/B-2/")
    expect(page.locator(".page")).to_contain_text("Online shop")
    expect(page.locator(".chip")).to_have_text("Partly refunded")
    expect(page.locator(".strip")).to_contain_text("10 Oct 2024 15:30")
    changes = page.locator(".card", has=page.get_by_role("heading", name="Changes of revenue"))
    assert [_cells(row) for row in changes.locator("tbody tr").all()] == [
        ["Completed", "10 Oct 2024 15:30", "₺800.00"],
        ["Refunded", "10 Oct 2024 15:30", "−₺300.00"],
    ]
    page.get_by_role("link", name="Ayşe Yılmaz").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ayşe Yılmaz")


def test_order_number_of_two_shops_leads_to_both(console: Visitor) -> None:
    page = console.page()
    _find(page, "B-1")
    expect(page.locator(".strip")).to_contain_text("₺1,200.00")
    lines = page.locator(".card", has=page.get_by_role("heading", name="Lines")).locator("tbody tr")
    assert [_cells(row) for row in lines.all()] == [["Linen shirt", "unknown", "2", "₺500.50"]]
    page.get_by_role("link", name="B-1 · Store Kadıköy").click()
    expect(page.locator(".strip")).to_contain_text("₺99.90")
