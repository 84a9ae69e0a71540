"""Webhooks in the console: added, tried, paused and mended, with what the receivers answered."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import NOW
from tests.integration.receiving import Receiver, receiver, verified
from tests.web.conftest import Visitor, _session, in_process, visitor
from tests.web.looks import walk


@pytest.fixture
def box() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def deniz(database: str, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    """The console on a database of the test's own, which sends when the test says so."""
    from sadakat.platform import settings
    from sadakat.platform.models import User

    here = replace(settings.current(), allows_private_webhooks=True)
    monkeypatch.setattr(settings, "current", lambda: here)
    for name, role in (("deniz", "owner"), ("can", "support")):
        User.objects.create(email=f"{name}@modanord.example", name=name.title(), role=role, created_at=NOW)
    with in_process() as url, visitor(browser, url, _session("deniz")) as person:
        yield person


def send(*, after: timedelta = timedelta(0), is_failing: bool = False) -> bool:
    from django.utils import timezone

    from sadakat.events import api as events

    return events.send_due(at=timezone.now() + after, is_failing=is_failing)


def add(page: Page, url: str, *, name: str = "Kasa") -> str:
    page.goto("/settings/webhooks/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Address").fill(url)
    page.get_by_label("Only these events").fill("Tier Changed\nSegment Entered")
    page.get_by_role("button", name="Add webhook").click()
    secret = page.get_by_label("Secret").input_value()
    page.get_by_role("link", name="I have copied it").click()
    return secret


def row(page: Page, number: int = 0) -> str:
    return " ".join(page.locator("#deliveries tbody tr").nth(number).inner_text().split())


def test_webhook_is_added_tried_failing_and_delivered(deniz: Visitor, box: Receiver) -> None:
    page = deniz.page()
    page.goto("/settings/sources/")
    page.locator("#nav").get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Add webhook").click()
    page.get_by_label("Name").fill("Kasa")
    page.get_by_label("Address").fill("ftp://kasa.example.com")
    page.get_by_role("button", name="Add webhook").click()
    expect(page.locator(".errorlist")).to_have_text(
        "an address is like https://shop.example.com/webhooks, not 'ftp://kasa.example.com'"
    )
    secret = add(page, box.url)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    expect(page.locator("#deliveries")).to_contain_text("Nothing was sent yet")
    assert secret not in page.content()

    box.answers = [503]
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(".toast.success")).to_contain_text("A test is on its way.")
    assert send()
    # The table asks for itself while something is on its way.
    expect(page.locator("#deliveries tbody tr")).to_contain_text("503 status 503")
    assert re.search(r"^Test .* waiting 1 attempt next at .* 503 status 503$", row(page))
    expect(page.locator("#deliveries")).to_contain_text("Sadakat goes on trying for five days.")
    page.get_by_role("link", name="With failures").click()
    assert row(page).startswith("Test")
    assert send(after=timedelta(seconds=6), is_failing=True)
    page.reload()
    expect(page.locator("#deliveries")).to_contain_text("Nothing has failed")
    page.get_by_role("link", name="All", exact=True).click()
    assert re.search(r"delivered 2 attempts 204$", row(page))
    assert [verified(secret, headers, body) for _, headers, body in box.requests] == [True, True]

    page.get_by_role("button", name="Send Test again").click()
    expect(page.locator(".toast.success")).to_contain_text("1 delivery is on its way again.")
    assert send()
    assert len(set(box.ids())) == 1
    assert len(box.requests) == 3


def test_webhook_is_changed_paused_stopped_resumed_and_deleted(deniz: Visitor, box: Receiver) -> None:
    page = deniz.page()
    old = add(page, box.url)
    page.get_by_label("Name").fill("Çağrı merkezi")
    page.get_by_label("Events of other sources too").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.success")).to_contain_text("Saved.")
    expect(page.locator("h1")).to_have_text("Çağrı merkezi")
    expect(page.get_by_label("Only these events")).to_have_value("Segment Entered\nTier Changed")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#deliveries")).to_contain_text("What happens meanwhile waits for up to 30 days")
    expect(page.get_by_role("button", name="Send a test")).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".toast.success")).to_contain_text("Resumed.")

    box.answers = [410]
    page.get_by_role("button", name="Send a test").click()
    assert send()
    page.reload()
    expect(page.locator("#deliveries")).to_contain_text("The receiver answered 410")
    page.goto("/", timeout=120_000)  # the first look at figures loads their engine
    expect(page.locator(".needs")).to_contain_text("1 webhook is stopped")
    page.get_by_role("link", name="See which").click()
    expect(page.locator("tbody tr")).to_contain_text("stopped")
    page.get_by_role("link", name="Çağrı merkezi").click()

    page.get_by_role("button", name="New secret").click()
    page.get_by_role("dialog").get_by_role("button", name="New secret").click()
    new = page.get_by_label("Secret").input_value()
    assert new != old
    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("main")).to_contain_text("the secret before this one signs as well.")
    page.get_by_role("button", name="Resume").click()
    assert send()
    _, headers, body = box.requests[-1]
    assert [verified(secret, headers, body) for secret in (new, old)] == [True, True]

    page.get_by_role("button", name="Delete webhook").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete webhook").click()
    expect(page.locator("main")).to_contain_text("No webhooks yet")
    page.goto("/audit/")
    told = page.locator("tbody").inner_text()
    for words in ("Webhook added", "Webhook changed", "Webhook paused", "Webhook stopped by itself", "Webhook deleted"):
        assert words in told
    assert new not in page.content()


def test_only_those_who_look_after_sources_see_webhooks(deniz: Visitor) -> None:
    from sadakat.platform.models import AuditEntry

    person = Visitor(deniz.browser, deniz.url, _session("can"))
    page = person.page()
    for path in ("/settings/webhooks/", "/settings/webhooks/new/", "/settings/webhooks/1/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403
    expect(page.locator("#nav").get_by_role("link", name="Webhooks")).to_have_count(0)
    person.contexts[0].close()
    assert deniz.page().goto("/settings/webhooks/1/").status == 404  # type: ignore[union-attr]
    assert not AuditEntry.objects.filter(action__startswith="events.webhook").exists()


def test_pages_of_webhooks_are_readable_by_everyone(deniz: Visitor, box: Receiver) -> None:
    from django.db import connection
    from django.utils import timezone

    from sadakat.events import api as events
    from sadakat.platform import audit

    box.answers = [204, 500, 500]
    said = {"actor": audit.CLI, "at": timezone.now()}
    webhook, _ = events.create_webhook(name="Çağrı merkezi", url=box.url, event_names=["Segment Entered"], **said)
    other, _ = events.create_webhook(name="Depo", url="https://depo.example.com/" + "x" * 200, **said)
    events.pause_webhook(other.id, **said)
    events.rotate_secret(webhook.id, **said)
    for tests in (1, 2):
        for _number in range(tests):
            events.send_test(webhook.id, **said)
        assert send()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_delivery SET next_at = NULL, answer = 'no answer within 10 seconds', status = NULL "
            "WHERE id = (SELECT max(id) FROM events_delivery)"
        )
    paths = ["", "new/", f"{webhook.id}/", f"{other.id}/"]
    walk(deniz, [f"/settings/webhooks/{path}" for path in paths])
    page = deniz.page(language="tr")
    page.goto(f"/settings/webhooks/{webhook.id}/")
    expect(page.locator("#deliveries tbody tr").first).to_contain_text("10 saniye içinde yanıt gelmedi")
