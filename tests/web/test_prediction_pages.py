"""Predictions: the list, a card before and after training, and a customer's scores."""

from playwright.sync_api import expect

from tests.web.conftest import Visitor
from tests.web.looks import walk


def test_before_any_training_the_pages_say_so(console: Visitor) -> None:
    page = console.page()
    page.goto("/")
    page.locator("#nav").get_by_role("link", name="Predictions").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    page.get_by_role("link", name="Churn probability, 90 days").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Churn probability, 90 days")
    expect(page.locator("main")).to_contain_text("Not trained yet")
    assert page.goto("/predictions/luck/").status == 404


def test_training_that_is_refused_says_what_is_missing(console: Visitor) -> None:
    page = console.page()
    page.goto("/predictions/")
    page.get_by_role("button", name="Train again").click()
    expect(page.locator(".toast.success")).to_contain_text("Training has begun.")
    for _ in range(120):
        page.goto("/predictions/churn/")
        if page.get_by_text("The latest training could not be done").count():
            break
        page.wait_for_timeout(250)
    expect(page.locator("main")).to_contain_text("are needed")
    walk(console, ["/predictions/", "/predictions/churn/"])


def test_a_customer_s_page_has_the_card(console: Visitor) -> None:
    page = console.page()
    page.goto("/customers/?q=Işıl")
    page.locator("tbody").get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("No score can be given yet.")
