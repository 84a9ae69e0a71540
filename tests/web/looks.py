"""What every page must be: readable by everyone, as wide as its window, and seen in all its clothes."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response

from tests.web.conftest import Visitor

LANGUAGES, WIDTHS = ("en", "tr"), (1440, 390)
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def assert_accessible(page: Page, *, only_colours: bool = False) -> None:
    """axe-core finds nothing."""
    axe = Axe()
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    options = {"resultTypes": ["violations"]} | (
        {"runOnly": ["color-contrast", "link-in-text-block"]} if only_colours else {}
    )
    found = AxeResults(page.evaluate("options => axe.run(options)", options))
    assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"


def assert_fits(page: Page) -> None:
    """The page does not scroll sideways, and no control sticks out of its window."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size is not None
    assert width <= page.viewport_size["width"], f"{page.url} is {width} px wide"


def assert_plain(answer: Response) -> None:
    """The server sent no style attribute and no inline script or style, and forbids them."""
    assert re.findall(r"<style|<script>|\sstyle=|\son\w+=", answer.text()) == [], answer.url
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def assert_fits_fingers(page: Page) -> None:
    """What a thumb aims at in the shell and in segmented controls is at least 44 px high."""
    small = page.evaluate(
        """() => [...document.querySelectorAll('header.top a, header.top button, .choice a')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"""
    )
    assert small == [], page.url


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
            assert_plain(answer)
            assert page.locator("html").get_attribute("lang") == language
            name = re.sub(r"[^a-z0-9]+", "-", path).strip("-") or "home"
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                assert_fits(page)
                for theme in THEMES:
                    page.emulate_media(color_scheme=theme)
                    # The second theme differs in colours alone.
                    assert_accessible(page, only_colours=theme != THEMES[0])
                    _keep_picture(page, f"{name}-{width}-{language}-{theme}")
            assert_fits_fingers(page)
        page.close()


def _keep_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SADAKAT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
