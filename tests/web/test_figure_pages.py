"""Home and figures: what they show, and that the command line says the same."""

import csv
import io
import json
import re

from playwright.sync_api import expect

from tests.web.conftest import Shop, Visitor

FIGURES = "/figures/?as_of=2024-11-20&period=month"


def test_home_greets_and_says_what_needs_the_reader(console: Visitor) -> None:
    page = console.page()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^Good (morning|day|evening), Deniz Aydın$"))
    figures = {
        card.locator("h2").inner_text(): card.locator(".figure").inner_text() for card in page.locator(".kpi").all()
    }
    assert figures == {
        "Retention rate": "100.0%",
        "Repeat purchase rate": "0.0%",
        "Average order value": "₺533.66",
        "Active customers": "2",
    }
    needs = page.locator(".needs")
    expect(needs).to_contain_text("1 conflict of identity")
    expect(needs).to_contain_text("1 regular customer is slipping away")
    needs.get_by_role("link", name="See who").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Işıl Iğdır").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Işıl Iğdır")


def test_home_leads_to_the_definition_of_a_figure(console: Visitor) -> None:
    page = console.page()
    page.goto("/")
    page.locator("#weeks-6").click()
    expect(page.locator("#weeks-6")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Retention rate").click()
    expect(page.locator("tr:target")).to_contain_text("the share who ordered again in this one")


def test_period_and_day_are_chosen(console: Visitor) -> None:
    page = console.page()
    page.goto(FIGURES)
    expect(page.locator("#orders")).to_contain_text("Oct 2024")
    assert [page.locator(f"#{name} .n").first.inner_text() for name in ("orders", "revenue", "total_revenue")] == [
        "1",
        "₺500.00",
        "₺4,802.90",
    ]
    page.locator("#period-quarter").click()
    expect(page.locator("#orders")).to_contain_text("Q3 2024")
    expect(page.locator("#orders .n").first).to_have_text("3")
    page.get_by_label("As of the start of").fill("2024-07-01")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#orders")).to_contain_text("Q2 2024")
    expect(page.locator("#period-quarter")).to_have_attribute("aria-current", "true")
    expect(page.locator("#total_customers .n").first).to_have_text("1")


def test_command_line_page_and_export_agree(console: Visitor, shop: Shop) -> None:
    told = json.loads(shop.run("metrics", "--as-of", "2024-11-20", "--period", "month", "--json"))
    assert told["total_revenue"] == {"amount": 480290, "currency": "TRY"}
    page = console.page()
    page.goto(FIGURES)
    with page.expect_download() as started:
        page.get_by_role("link", name="Export").click()
    rows = csv.DictReader(io.StringIO(started.value.path().read_text(encoding="utf-8")))
    exported = {row["metric"]: (row["value"], row["currency"]) for row in rows}
    assert exported == {
        name: (str(value["amount"]), value["currency"])
        if isinstance(value, dict)
        else ("" if value is None else str(value), "")
        for name, value in told.items()
    }
    shown = {
        str(row.get_attribute("id")): row.locator(".n").first.inner_text() for row in page.locator("tbody tr[id]").all()
    }
    assert set(shown) == set(told) - {"as_of", "period", "period_start", "period_end"}
    for name, text in shown.items():
        assert text == _written(told[name], name), name


def _written(value: object, name: str) -> str:
    """A figure of the command line as the English page writes it."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return f"₺{value['amount'] / 100:,.2f}"
    if "rate" in name:
        return f"{float(str(value)):.1%}"
    decimals = {"purchase_frequency": 2, "days_between_orders": 1}.get(name, 0)
    return f"{float(str(value)):,.{decimals}f}"
