"""Events set aside and rejected, mended by hand or by a mapping; and how their pages look."""

import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from playwright.sync_api import expect

from tests.web.conftest import Shop, Visitor, until
from tests.web.looks import walk
from tests.web.test_settings_pages import _key

ARRIVES_MILLISECONDS = 15_000


@pytest.fixture
def till(console: Visitor) -> tuple[str, str]:
    """The id and key of a source of its own."""
    page = console.page()
    page.goto("/settings/sources/new/")
    page.get_by_label("Name").fill(f"Till {datetime.now(UTC).timestamp()}")
    page.get_by_label("Kind").select_option("server")
    page.get_by_role("button", name="Add source").click()
    key = _key(page)
    page.get_by_role("link", name="See its events arrive").click()
    page.wait_for_url("**/settings/sources/*/")
    source_id = page.url.rstrip("/").rsplit("/", 1)[1]
    page.close()
    return source_id, key


def batch(url: str, key: str, *messages: dict[str, Any]) -> None:
    from base64 import b64encode
    from urllib.request import Request, urlopen

    request = Request(
        f"{url}/v1/batch",
        data=json.dumps({"batch": messages}).encode(),
        headers={"Authorization": f"Basic {b64encode(f'{key}:'.encode()).decode()}"},
    )
    with urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def nameless(number: int) -> dict[str, Any]:
    return {"type": "track", "messageId": f"n{number}", "userId": "1004", "olay": "Receipt Printed"}


def test_a_mapping_is_tried_saved_and_lets_rejected_events_in(console: Visitor, till: tuple[str, str]) -> None:
    source_id, key = till
    batch(console.url, key, nameless(1), nameless(2))
    page = console.page()
    page.goto("/settings/failed-events/?state=rejected")
    page.locator("#reasons").get_by_role("link", name="a track call needs the name of its event").last.click()
    page.goto(f"/settings/sources/{source_id}/")
    page.get_by_role("link", name="20").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rejected event")
    page.get_by_role("link", name="Add a mapping rule").click()
    expect(page.locator("#after")).to_contain_text("It would be rejected: a track call needs the name of its event")
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("From the field").fill("olay")
    page.get_by_role("button", name="Preview").last.click()
    expect(page.locator(".errorlist")).to_contain_text("rule 1: a rule moves a value to another place")
    page.get_by_label("To the field, or new name").fill("event")
    page.get_by_role("button", name="Preview").last.click()
    expect(page.locator("#after")).to_contain_text("It would be taken.")
    expect(page.locator("#after")).to_contain_text('"event": "Receipt Printed"')
    page.get_by_role("button", name="Add a rule").click()
    page.locator('input[name$="-event"]').last.fill("Receipt Printed")
    page.get_by_label("How").last.select_option("rename")
    page.get_by_label("To the field, or new name").last.fill("Receipt")
    page.get_by_role("button", name="Move rule 2 up").click()
    expect(page.get_by_label("To the field, or new name").first).to_have_value("Receipt")
    page.get_by_role("button", name="Remove rule 1").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.success")).to_contain_text("Saved.")
    page.get_by_role("button", name="Try 2 rejected events again").click()
    expect(page.locator(".toast.success")).to_contain_text("2 taken, 0 rejected again.")
    page.goto(f"/settings/sources/{source_id}/")
    expect(page.locator("#live tbody tr")).to_have_count(2, timeout=ARRIVES_MILLISECONDS)
    expect(page.locator("#live tbody tr").first).to_contain_text("Receipt Printed")


def test_a_rejected_event_is_mended_by_hand(console: Visitor, till: tuple[str, str]) -> None:
    source_id, key = till
    batch(console.url, key, nameless(1))
    page = console.page()
    page.goto(f"/settings/sources/{source_id}/")
    page.get_by_role("link", name="20").first.click()
    body = page.get_by_label("The event as JSON")
    body.fill('{"type": "track", "userId": "1004"}')
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".errorlist")).to_contain_text("a track call needs the name of its event")
    body.fill('{"type": "track", "userId": "1004", "event": "Receipt Mended"}')
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".toast.success")).to_contain_text("It would be taken like this.")
    page.get_by_role("button", name="Save and try again").click()
    expect(page.locator(".toast.success")).to_contain_text("Taken.")
    page.goto(f"/settings/sources/{source_id}/")
    expect(page.locator("#live tbody tr")).to_contain_text("Receipt Mended", timeout=ARRIVES_MILLISECONDS)


def test_an_event_set_aside_is_mended_by_hand(console: Visitor, till: tuple[str, str], shop: Shop) -> None:
    _source_id, key = till
    order = {"type": "track", "event": "Order Completed", "userId": "1004", "properties": {"order_id": "M-1"}}
    batch(console.url, key, {**order, "messageId": "m-1"})
    page = console.page()

    def is_listed() -> bool:
        page.goto("/settings/failed-events/")
        return page.get_by_text("says what was paid by none of").count() > 0

    until(is_listed, seconds=15, what="the order is not set aside")
    page.locator("#events tr", has_text="says what was paid by none of").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order Completed")
    page.get_by_role("button", name="Try again").first.click()
    expect(page.locator(".toast.warning")).to_contain_text("0 solved")
    page.locator("#events tr", has_text="says what was paid by none of").get_by_role("link").click()
    mended = {**order, "properties": {"order_id": "M-1", "revenue": 77.5}}
    page.get_by_label("The event as JSON").fill(json.dumps(mended | {"event": "Order Cancelled"}))
    page.get_by_role("button", name="Save and try again").click()
    expect(page.locator(".errorlist")).to_contain_text("is the track call 'Order Completed' and stays so")
    page.get_by_label("The event as JSON").fill(json.dumps(mended))
    page.get_by_role("button", name="Save and try again").click()
    expect(page.locator(".toast.success")).to_contain_text("1 event solved.")
    page.goto("/orders/M-1/")
    expect(page.locator(".strip")).to_contain_text("₺77.50")


def test_in_every_dress(console: Visitor, till: tuple[str, str], shop: Shop) -> None:
    source_id, key = till
    batch(console.url, key, nameless(1))
    order = {"type": "track", "event": "Order Completed", "userId": "1004", "properties": {"order_id": "M-9"}}
    batch(console.url, key, {**order, "messageId": "m-9"})
    page = console.page()

    def is_listed() -> bool:
        page.goto("/settings/failed-events/")
        return page.get_by_text("says what was paid by none of").count() > 0

    until(is_listed, seconds=15, what="the order is not set aside")
    link = page.locator("#events tr", has_text="says what was paid by none of").get_by_role("link")
    failed = str(link.get_attribute("href"))
    page.goto(f"/settings/sources/{source_id}/")
    rejected = str(page.get_by_role("link", name="20").first.get_attribute("href"))
    page.goto(f"/settings/sources/{source_id}/mapping/")
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("From the field").fill("olay")
    page.get_by_label("To the field, or new name").fill("event")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.success")).to_contain_text("Saved.")
    try:
        walk(
            console,
            [
                "/settings/failed-events/",
                "/settings/failed-events/?state=rejected",
                failed,
                rejected,
                f"/settings/sources/{source_id}/mapping/",
                f"/settings/sources/{source_id}/",
            ],
        )
    finally:
        # The pages of the others count what is set aside.
        with psycopg.connect(_dsn(shop)) as connection:
            connection.execute("UPDATE events_failedevent SET solved_at = now() WHERE reason LIKE '%paid by none%'")


def _dsn(shop: Shop) -> str:
    from urllib.parse import parse_qs, urlsplit

    query = parse_qs(urlsplit(shop.environment["DATABASE_URL"]).query)
    return " ".join(f"{key}={values[0]}" for key, values in query.items())
