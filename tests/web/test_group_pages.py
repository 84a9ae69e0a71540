"""Stages, types, RFM and clusters: what the pages tell of a known shop, and setting their rules."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.many_orders import CUSTOMERS, catalogue, orders
from tests.web.conftest import Visitor, _session, in_process, visitor
from tests.web.looks import walk

NOW = datetime(2024, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def elif_(database: str, browser: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Visitor]:
    """The console of a shop of 120 customers, seen by Elif; the first run has been."""
    from django.db import connections

    from sadakat.analytics import api as analytics
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind
    from sadakat.platform import audit, lake, models, operations, worker

    monkeypatch.setattr(lake, "folder", lambda: tmp_path / "lake")
    for name, role in (("elif", "marketer"), ("can", "support")):
        operations.create_user(email=f"{name}@modanord.example", name=name, role=role, actor=audit.CLI, at=NOW)
    source, _key = events.create_source(name="Shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)
    raw = [json.dumps(each).encode() for each in (*catalogue(NOW), *orders(NOW))]
    events.import_messages(source=source, raw_messages=raw, at=NOW)

    def fill() -> None:
        worker.work_until_idle(at=NOW)
        analytics.refresh_groups(at=NOW, actor=audit.SYSTEM)
        worker.work_until_idle(at=NOW)
        connections.close_all()

    # Jobs have an event loop of their own, and Playwright's runs in this thread.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(fill).result()
    # The pages are as of the day after the sample, whatever the clock of the machine says.
    models.Brand.objects.update(notes={"year_end": "2024-11-19"})
    with in_process() as url, visitor(browser, url, _session("elif")) as person:
        yield person


def _row(page: Page, table: int, label: str) -> list[str]:
    """The cells of the row of that head, in the page's table of that number."""
    rows = page.locator("table").nth(table).locator("tbody tr")
    found = rows.filter(has=page.get_by_role("rowheader").filter(has_text=label)).first
    return [cell.inner_text() for cell in found.locator("td").all()]


def test_the_pages_tell_who_stands_where(elif_: Visitor) -> None:
    page = elif_.page()
    page.goto("/")
    page.locator("#nav").get_by_role("link", name="Stages").click()
    assert _row(page, 0, "Loyalty")[:2] == ["80", "66.7%"]
    assert _row(page, 0, "Purchase")[:2] == ["40", "33.3%"]
    # All gaps are a week: who has been silent for a month, the least there is, is to be won back.
    assert [cell.split(" ")[0] for cell in _row(page, 1, "Loyalty")] == ["", "19", "61"]

    page.locator("#id_since").fill("2024-08-22")
    page.locator("#id_until").fill("2024-11-20")
    page.get_by_role("button", name="Show").click()
    assert "since=2024-08-22" in page.url
    assert page.locator("#moves table").count() == 1
    page.locator("#id_until").fill("2024-08-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".errorlist")).to_have_text("The second day must be after the first.")

    page.get_by_role("link", name="Types").click()
    assert _row(page, 0, "Convenience-loyal")[:2] == ["40", "33.3%"]
    expect(page.locator("main")).to_contain_text("Nobody has rated anything")
    expect(page.locator("main")).not_to_contain_text("No order names a coupon")
    page.get_by_role("link", name="RFM").last.click()
    assert _row(page, 2, "5")[:2] == ["up to 24", "above 5"]
    assert sum(int(cell.inner_text().split(" ")[0]) for cell in page.locator(".heat td[class]").all()) == CUSTOMERS
    page.get_by_role("link", name="Clusters").click()
    expect(page.locator("tbody tr").last).to_contain_text("In no cluster")
    page.locator("tbody tr").first.get_by_role("link").click()
    assert page.url.endswith("/segments/cluster-c1/")


def test_rules_are_tried_then_set(elif_: Visitor) -> None:
    page = elif_.page()
    page.goto("/stages/")
    page.get_by_role("link", name="Rules").click()
    page.get_by_label("Loyalty: orders, at least").fill("1")
    page.evaluate("document.querySelector('main form.form').noValidate = true")
    page.get_by_role("button", name="Preview sizes").click()
    expect(page.locator(".errorlist")).to_contain_text("greater than or equal to 2")
    page.get_by_label("Loyalty: orders, at least").fill("6")
    # The preview asks as of now, which for the sample is long ago: within three years all orders are seen.
    page.get_by_label("Loyalty: within days").fill("1095")
    page.get_by_role("button", name="Preview sizes").click()
    assert _row(page, 0, "Loyalty") == ["80", "20"]
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.success")).to_contain_text("Saved.")
    expect(page.get_by_label("Loyalty: orders, at least")).to_have_value("6")
    page.get_by_role("link", name="Customer type", exact=True).click()
    page.get_by_label("Pays full price").fill("0.9")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_contain_text("full_price_share must be below deal_share, 0.6, not 0.9")


def test_who_may_not_set_rules_is_refused(elif_: Visitor) -> None:
    elif_.cookies = _session("can")
    page = elif_.page()
    assert page.goto("/stages/rules/stage/").status == 403
    assert page.goto("/stages/").status == 403


def test_in_every_dress(elif_: Visitor) -> None:
    walk(elif_, ["/stages/", "/stages/types/", "/stages/rfm/", "/stages/clusters/", "/stages/rules/type/"])


def test_before_the_first_run_the_pages_say_so(console: Visitor) -> None:
    page = console.page()
    for path in ("/stages/", "/stages/types/", "/stages/rfm/", "/stages/clusters/"):
        page.goto(path)
        expect(page.locator(".empty").last).to_contain_text("Nothing computed yet")
