"""The whole console on the real server: every page that the navigation leads to."""

from playwright.sync_api import expect

from tests.web.conftest import Visitor
from tests.web.looks import assert_no_styles, walk


def _led_to(console: Visitor) -> list[str]:
    page = console.page()
    page.goto("/")
    links = page.locator("#nav a")
    expect(links.first).to_be_visible()
    return [str(link.get_attribute("href")) for link in links.all()]


def test_every_page_of_the_navigation_in_every_dress(console: Visitor) -> None:
    paths = _led_to(console)
    assert "/" in paths
    assert len(paths) == len(set(paths))
    walk(console, paths)


def test_pages_carry_no_inline_style_or_script(console: Visitor) -> None:
    paths = _led_to(console)
    page = console.page()
    for path in paths:
        answer = page.goto(path)
        assert answer is not None
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert_no_styles(page)


def test_turkish_pages_say_what_the_catalogue_says(console: Visitor) -> None:
    page = console.page(language="tr")
    page.goto("/")
    expect(page.locator("#nav")).to_contain_text("Müşteriler")
    expect(page.locator(".skip")).to_have_text("İçeriğe geç")
