"""The list of customers as it is narrowed, arranged and taken away."""

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

from tests.web import shop
from tests.web.conftest import Visitor
from tests.web.looks import walk


def _shows(page: Page, heads: list[str]) -> None:
    expect(page.locator("thead th")).to_have_text(heads)


def _lists(page: Page, names: list[str]) -> None:
    expect(page.locator("tbody th")).to_have_text(names)


def _add(page: Page, field: str) -> None:
    page.get_by_text("Add a filter", exact=True).click()
    page.locator(".narrow .chips").get_by_role("link", name=field, exact=True).click()


def test_filters_are_added_told_and_taken_away(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/?order=name")
    _add(page, "Revenue")
    page.get_by_label("Value, TRY").fill("500.5")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".page")).to_contain_text(f"2 found of {shop.CUSTOMERS}")
    _lists(page, ["Ayşe Yılmaz", "Işıl Iğdır"])
    expect(page).to_have_url(f"{console.url}/customers/?order=name&f=revenue_minor.at_least.50050")
    _add(page, "City")
    page.get_by_role("link", name="starts with").click()
    expect(page.locator("#op-starts_with")).to_have_attribute("aria-current", "true")
    expect(page.locator("#op-starts_with")).to_be_focused()
    page.get_by_label("Value", exact=True).fill("IĞ")
    page.get_by_role("button", name="Add", exact=True).click()
    _lists(page, ["Işıl Iğdır"])
    chips = page.locator(".narrow > .chip")
    expect(chips).to_contain_text(["Revenue at least ₺500.50", "City starts with “IĞ”"])
    # Sorting, pages and the search keep the filters.
    page.get_by_role("link", name="Orders").last.click()
    expect(chips).to_have_count(2)
    chips.first.click()
    expect(chips).to_have_count(1)
    _lists(page, ["Işıl Iğdır"])
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".page")).to_contain_text(str(shop.CUSTOMERS))


def test_days_known_values_and_yes_or_no(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/")
    _add(page, "Last order")
    expect(page.locator(".adding")).to_contain_text("Time of the latest order that counts")
    page.get_by_label("Days", exact=True).fill("120")
    page.get_by_role("button", name="Add", exact=True).click()
    # As in the demo the shop's today is the day after its sample.
    expect(page.locator(".narrow > .chip")).to_contain_text("Last order in the last days: 120")
    _lists(page, ["Ayşe Yılmaz", "Işıl Iğdır"])
    _add(page, "Last channel")
    page.get_by_label("Value", exact=True).select_option("Store")
    page.get_by_role("button", name="Add", exact=True).click()
    _lists(page, ["Işıl Iğdır"])
    _add(page, "Is known")
    page.get_by_label("Value", exact=True).select_option("no")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".empty")).to_contain_text("Nobody fits these filters")


def test_a_value_that_cannot_be_is_explained_where_it_is_typed(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/?add=orders&op=between")
    page.get_by_label("From", exact=True).fill("7")
    page.get_by_label("To", exact=True).fill("6")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".errorlist")).to_have_text("It is below the value that it begins with.")
    page.get_by_label("To", exact=True).fill("7")
    page.get_by_role("button", name="Add", exact=True).click()
    _lists(page, ["Işıl Iğdır"])
    page.get_by_text("Add a filter").click()
    expect(page.locator(".narrow .chips")).to_be_visible()


@pytest.mark.parametrize("said", ["orders.at_least.many", "shoes.is.red", "nonsense", "traits..is.x", ""])
def test_an_address_that_cannot_be_read_says_so(console: Visitor, said: str) -> None:
    page = console.page()
    answer = page.goto(f"/customers/?f={said}")
    assert answer is not None
    assert answer.status == 422
    expect(page.get_by_role("heading", level=1)).to_have_text("This cannot be read")
    expect(page.locator("main")).to_contain_text(f"“{said}” is no filter of this list.")


def test_columns_are_chosen_and_remembered(marketer: Visitor) -> None:
    page = marketer.page()
    page.goto("/customers/?order=-orders&f=orders.at_least.1")
    usual = ["Name", "City", "Identifiers", "Orders", "Revenue", "Last order", "Last seen"]
    _shows(page, usual)
    page.get_by_text("Columns", exact=True).first.click()
    for name in ("City", "Identifiers", "Last order", "Last seen"):
        page.get_by_label(name, exact=True).uncheck()
    for name in ("Birthday", "Last channel"):
        page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Show", exact=True).click()
    chosen = ["Name", "Orders", "Revenue", "Last channel", "Birthday"]
    _shows(page, chosen)
    row = page.locator("tbody tr").first
    assert [cell.inner_text() for cell in row.locator("th, td").all()] == [
        "Işıl Iğdır",
        "7",
        "₺3,102.90",
        "Store",
        "23 April 1991",
    ]
    expect(page.locator(".narrow > .chip")).to_have_count(1)
    expect(page).to_have_url(re.compile("columns=orders&columns=revenue_minor"))
    page.goto("/customers/")
    _shows(page, chosen)
    page.goto("/customers/?columns=events")
    _shows(page, ["Name", "Events"])
    page.get_by_text("Columns", exact=True).first.click()
    page.get_by_role("button", name="The usual columns").click()
    _shows(page, usual)
    page.goto("/customers/")
    _shows(page, usual)


def test_the_export_is_what_the_list_shows(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/?order=name&f=orders.at_least.1&columns=revenue_minor&columns=last_order_at&columns=is_known")
    _lists(page, ["Ayşe Yılmaz", "Işıl Iğdır"])
    with page.expect_download() as started:
        page.get_by_role("link", name="Export").click()
    rows = list(csv.DictReader(io.StringIO(started.value.path().read_text(encoding="utf-8"))))
    assert [*rows[0]] == ["id", "name", "revenue_minor", "last_order_at", "is_known"]
    assert sorted(row["name"] for row in rows) == ["Ayşe Yılmaz", "Işıl Iğdır"]
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)
    isil = next(row for row in rows if row["name"] == "Işıl Iğdır")
    assert (isil["revenue_minor"], isil["last_order_at"], isil["is_known"]) == (
        "310290",
        "2024-08-10T12:30:00Z",
        "true",
    )
    page.goto("/audit/")
    entry = page.locator("tbody tr").first
    expect(entry).to_contain_text("Customers exported")
    expect(entry).to_contain_text("orders.at_least.1")


def test_the_search_is_exported_too(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/?q=isil")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export").click()
    rows = list(csv.DictReader(io.StringIO(started.value.path().read_text(encoding="utf-8"))))
    assert [(row["name"], row["orders"], row["revenue_minor"]) for row in rows] == [("Işıl Iğdır", "7", "310290")]


def test_the_list_in_all_its_clothes(console: Visitor) -> None:
    walk(
        console,
        [
            "/customers/",
            "/customers/?f=orders.at_least.1&f=traits.city.contains.i&f=last_order_at.after.2024-01-01&add=last_seen_at",
            "/customers/?f=orders.at_least.1000&add=last_channel",
            "/customers/?q=isil&columns=traits.birthday&columns=is_known&columns=first_source&columns=first_order_at",
        ],
    )
