"""Merging by hand, taking it back, and the queue of conflicts, as people do it; the worker runs when the test says."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from sadakat.commerce.testing import order_message
from sadakat.customers.testing import AYSE, ISIL
from tests.web.conftest import Visitor, _session, in_process, visitor
from tests.web.looks import walk

TEAM = (("Deniz Aydın", "deniz", "owner"), ("Can Demir", "can", "support"), ("Ada Kaya", "ada", "analyst"))


@dataclass
class Shop:
    """Ayşe, Işıl with a card of her own at the till, and two who share a phone."""

    sees: Callable[[str], Visitor]
    """The console as somebody of the team sees it."""
    work: Callable[[], None]
    """Lets the worker do everything that is due."""


def _messages(now: datetime) -> Iterator[dict[str, Any]]:
    yield AYSE.identify(at=now, message_id="ayse", birthday="1990-04-23")
    yield ISIL.identify(at=now, message_id="isil")
    till = {"card": "60340009999", "firstName": "Isil", "lastName": "Igdir", "city": "Kars"}
    earlier = (now - timedelta(days=30)).isoformat()
    yield {"type": "identify", "messageId": "till", "timestamp": earlier, "traits": till}
    bought = {"order_id": "W-1", "at": now, "message_id": "web-1", "user_id": ISIL.user_id, "revenue": 500}
    yield order_message("Order Completed", **bought)
    at_till = {"order_id": "S-1", "at": now, "message_id": "till-1", "traits": {"card": till["card"]}, "revenue": 120}
    yield order_message("Order Completed", **at_till, channel="store")
    for number in (1, 2):
        traits = {"name": f"Ortak Telefon {number}", "phone": "+905321239999"}
        said = {"userId": f"shared-{number}", "messageId": f"shared-{number}", "traits": traits}
        yield {"type": "identify", "timestamp": now.isoformat(), **said}


@pytest.fixture
def shop(database: str, browser: Browser, now: datetime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    from django.db import connections

    from sadakat.events import api as events
    from sadakat.events.types import SourceKind
    from sadakat.platform import audit, lake, operations, worker

    monkeypatch.setattr(lake, "folder", lambda: tmp_path / "lake")
    for name, email, role in TEAM:
        operations.create_user(email=f"{email}@modanord.example", name=name, role=role, actor=audit.CLI, at=now)
    source, _key = events.create_source(name="Shop server", kind=SourceKind.SERVER, actor=audit.CLI, at=now)
    events.import_messages(source=source, raw_messages=[json.dumps(m).encode() for m in _messages(now)], at=now)

    def work() -> None:
        worker.work_until_idle(at=now)
        connections.close_all()

    with ExitStack() as stack:
        # Jobs have an event loop of their own, and Playwright's runs in this thread.
        thread = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        thread.submit(work).result()
        url = stack.enter_context(in_process())
        yield Shop(
            sees=lambda name: stack.enter_context(visitor(browser, url, _session(name))),
            work=lambda: thread.submit(work).result(),
        )


def _open(page: Page, text: str) -> None:
    """Opens the customer whom a search finds."""
    page.goto(f"/search/?q={text.replace('+', '%2B')}")
    expect(page.locator(".page .avatar")).to_be_visible()


def _strip(page: Page) -> dict[str, str]:
    pairs = page.locator(".strip dl > div").all()
    return {pair.locator("dt").inner_text(): pair.locator("dd").inner_text() for pair in pairs}


def _row(page: Page, label: str) -> list[str]:
    rows: Locator = page.locator("tbody tr").filter(has=page.get_by_role("rowheader", name=label, exact=True))
    return [cell.inner_text() for cell in rows.locator("td").all()]


def _merges(page: Page) -> Locator:
    return page.locator(".card", has=page.get_by_role("heading", name="Merges"))


def test_two_customers_are_merged_and_parted_again(shop: Shop) -> None:
    page = shop.sees("can").page()
    _open(page, ISIL.email)
    before = _strip(page)
    page.get_by_role("link", name="Merge with…").click()
    expect(page.locator(".empty")).to_contain_text("Who is the same person?")
    page.get_by_label("Search", exact=True).last.fill("6034 0009 999")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Isil Igdir").click()

    assert _row(page, "Orders") == ["1", "1", "2"]
    assert _row(page, "Revenue") == ["₺500.00", "₺120.00", "₺620.00"]
    assert [cell.split("\n") for cell in _row(page, "Identifiers")] == [
        ["1002", "60340000022", "isil.igdir@example.com", "+905321234502", "web-isil"],
        ["60340009999"],
        ["1002", "60340000022", "isil.igdir@example.com", "+905321234502", "web-isil", "60340009999"],
    ]
    assert _row(page, "Name") == ["Işıl Iğdır", "Isil Igdir", "Işıl Iğdır"]
    assert _row(page, "City replaced") == ["Iğdır", "Kars", "Iğdır"]
    assert _row(page, "First seen") == ["20 Nov 2026", "21 Oct 2026", "21 Oct 2026"]
    expect(page.locator("tbody tr", has_text="City")).to_contain_text("replaced")
    expect(page.locator(".told")).to_contain_text("Isil Igdir becomes part of Işıl Iğdır")
    expect(page.locator(".told")).to_contain_text("It can be undone at any time")
    page.get_by_role("button", name="Merge", exact=True).click()

    # Before the worker has come by, the page shows what is known and says what is on its way.
    expect(page.locator(".toast.success")).to_contain_text("They are one customer now: Işıl Iğdır.")
    expect(page.locator(".card", has=page.get_by_role("heading", name="Orders"))).to_contain_text("S-1")
    shop.work()
    page.get_by_role("link", name="Işıl Iğdır").click()
    assert (_strip(page)["Counted orders"], _strip(page)["Revenue"]) == ("2", "₺620.00")

    expect(_merges(page)).to_contain_text("by hand")
    page.get_by_role("button", name="Undo").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("(60340009999) leaves Işıl Iğdır")
    dialog.get_by_role("button", name="Undo").click()
    toast = page.locator(".toast.success")
    expect(toast).to_contain_text("They are two customers again: Işıl Iğdır and Isil Igdir.")
    toast.get_by_role("link", name="Isil Igdir").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Isil Igdir")
    expect(page.locator(".chip")).to_have_text("The figures are being computed")
    expect(_merges(page)).to_contain_text("undone on")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    shop.work()
    page.reload()
    expect(page.locator(".chip")).to_have_count(0)
    assert (_strip(page)["Counted orders"], _strip(page)["Revenue"]) == ("1", "₺120.00")
    _open(page, ISIL.email)
    assert _strip(page) == before


def test_a_conflict_is_decided_and_decided_anew(shop: Shop) -> None:
    page = shop.sees("deniz").page()
    page.goto("/customers/")
    page.get_by_role("link", name="Conflicts 1").click()
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    for told in ("Ortak Telefon 1", "Ortak Telefon 2", "Phone", "+905321239999", "Each has a user id of its own."):
        expect(row).to_contain_text(told)
    expect(row.locator("small").first).to_have_text("Orders: 0 · ₺0.00 · last seen 20 Nov 2026")
    page.get_by_role("button", name="Two persons").click()
    expect(page.locator(".toast.success")).to_contain_text("They stay two customers.")
    expect(page.locator(".empty")).to_contain_text("No conflicts")
    page.locator(".toast").get_by_role("link", name="Kept apart by us").click()
    expect(page.locator("#show-apart")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Same person after all…").click()
    told = page.locator(".told")
    expect(told).to_contain_text("Each has a user id of its own. For these two that limit is set aside.")
    expect(told).to_contain_text("Your team has set them apart before; that no longer holds.")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page).to_have_url(re.compile("/customers/conflicts/$"))
    page.locator(".toast").get_by_role("link", name="Ortak Telefon").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ortak Telefon")
    for listed in ("open", "apart"):
        page.goto(f"/customers/conflicts/?show={listed}")
        expect(page.locator("tbody tr")).to_have_count(0)


def test_who_shares_something_is_offered_first(shop: Shop) -> None:
    page = shop.sees("deniz").page()
    _open(page, "shared-1")
    page.get_by_role("link", name="Merge with…").click()
    expect(page.locator("main")).to_contain_text("They share an identifier with this customer")
    page.get_by_role("link", name="Ortak Telefon 2").click()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_label("Search", exact=True).last.fill("zzz")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".empty")).to_contain_text("Nobody else fits “zzz”")


def test_only_who_may_edit_merges_and_only_who_may_export_exports(shop: Shop) -> None:
    from sadakat.customers import api as customers
    from sadakat.customers.models import Merge, Separation

    ayse, isil = customers.find(f"email:{AYSE.email}"), customers.find(f"email:{ISIL.email}")
    (conflict,) = customers.conflicts()
    page = shop.sees("ada").page()
    _open(page, ISIL.email)
    expect(page.get_by_role("link", name="Merge with…")).to_have_count(0)
    page.goto("/customers/conflicts/")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="Same person…")).to_have_count(0)
    expect(page.get_by_role("button", name="Two persons")).to_have_count(0)
    token = page.locator("body").get_attribute("hx-headers") or ""
    headers = {"X-CSRFToken": json.loads(token)["X-CSRFToken"]}
    answers = [
        page.request.get(f"/customers/{ayse}/merge/"),
        page.request.get(f"/customers/{ayse}/merge/{isil}/"),
        page.request.post(f"/customers/{ayse}/merge/{isil}/", headers=headers),
        page.request.post(f"/customers/conflicts/{conflict.id}/keep-apart/", headers=headers),
        page.request.post("/merges/1/undo/", headers=headers),
    ]
    assert [answer.status for answer in answers] == [403] * 5
    assert not Merge.objects.filter(reason="by_hand").exists()
    assert not Separation.objects.exists()

    page = shop.sees("can").page()
    page.goto("/customers/")
    expect(page.get_by_role("link", name="Export")).to_have_count(0)
    assert page.request.get("/customers/export/").status == 403


def test_merges_that_cannot_be_say_so(shop: Shop) -> None:
    from sadakat.customers import api as customers

    isil = customers.find(f"email:{ISIL.email}")
    page = shop.sees("deniz").page()
    for path in (f"/customers/{isil}/merge/999999/", "/customers/999999/merge/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404
    page.goto(f"/customers/{isil}/merge/{isil}/")
    expect(page.locator(".toast.info")).to_contain_text("They are one customer already.")


def test_the_pages_in_all_their_clothes(shop: Shop, now: datetime) -> None:
    from sadakat.customers import api as customers
    from sadakat.platform import audit

    ayse, isil = customers.find(f"email:{AYSE.email}"), customers.find(f"email:{ISIL.email}")
    till = customers.find("card:60340009999")
    customers.merge_customers(left_id=isil, right_id=till, actor=audit.CLI, at=now)
    shop.work()
    walk(
        shop.sees("deniz"),
        [
            f"/customers/{ayse}/merge/",
            f"/customers/{ayse}/merge/?with=ortak",
            f"/customers/{ayse}/merge/{isil}/",
            f"/customers/{isil}/",
            "/customers/conflicts/",
            "/customers/conflicts/?show=apart",
        ],
    )
