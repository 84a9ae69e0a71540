"""What every page must be: readable by everyone, as wide as its window, and seen in all its clothes."""

import os
import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.web.conftest import Visitor

LANGUAGES, THEMES, WIDTHS = ("en", "tr"), ("light", "dark"), (1440, 390)


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def assert_fits(page: Page) -> None:
    """The page does not scroll sideways, and no control sticks out of its window."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size is not None
    assert width <= page.viewport_size["width"], f"{page.url} is {width} px wide"


def assert_no_styles(page: Page) -> None:
    """No style attribute and no inline script or style stands in what the server sent."""
    sent = page.request.get(page.url).text()
    assert re.findall(r"<style|<script>|\sstyle=|\son\w+=", sent) == []


def walk(visitor: Visitor, paths: Iterable[str]) -> None:
    """Sees every page in both languages, themes and widths, and checks it there.

    With SADAKAT_SCREENSHOTS a picture of each is left in that folder.
    """
    paths = list(paths)
    for language in LANGUAGES:
        page = visitor.page(language=language)
        for path in paths:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            assert page.locator("html").get_attribute("lang") == language
            for theme, width in product(THEMES, WIDTHS):
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size({"width": width, "height": 900})
                assert_fits(page)
                assert_accessible(page)
                _keep_picture(
                    page, f"{re.sub(r'[^a-z0-9]+', '-', path).strip('-') or 'home'}-{width}-{language}-{theme}"
                )
        page.close()


def _keep_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SADAKAT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
