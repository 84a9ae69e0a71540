"""The real browser SDKs of Segment and RudderStack in a real Chromium, in the pages of another origin."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from sadakat.events.types import Kind
from tests.integration import collecting
from tests.integration.collecting import counted, inbox
from tests.web import sites
from tests.web.conftest import until

PATIENCE_SECONDS = 60
BUNDLES = {
    "segment": "@segment/analytics-next/dist/umd/index.js",
    "rudder": "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
}
KINDS = {
    "segment": [Kind.IDENTIFY, Kind.PAGE, Kind.SCREEN, Kind.GROUP, Kind.ALIAS, Kind.TRACK],
    "rudder": [Kind.IDENTIFY, Kind.PAGE, Kind.GROUP, Kind.ALIAS, Kind.TRACK],
}


@dataclass
class Shop:
    """A site whose page says with an SDK what it can, to a collector on another origin."""

    browser: Browser
    dsn: str
    key: str
    sdk: str
    host: sites.Host
    host_url: str
    url: str
    abroad: list[str] = field(default_factory=list)
    """Requests to anybody but the site and the collector."""

    def say(self, **options: Any) -> str:
        """Opens the page, says everything and gives the anonymous id; the page stays open."""
        context = self.browser.new_context()
        context.on("request", lambda request: self._listen(request.url))
        page: Page = context.new_page()
        page.goto(self.url)
        return page.evaluate("(options) => say(options)", {"key": self.key, "host": self.host_url, **options})

    def _listen(self, url: str) -> None:
        if not url.startswith((self.host_url, self.url)):
            self.abroad.append(url)

    def assert_all_counted_once(self, anonymous_id: str, *, begun_at: datetime) -> None:
        expected = len(KINDS[self.sdk])
        until(
            lambda: len({row["mid"] for row in inbox(self.dsn)}) >= expected,
            seconds=PATIENCE_SECONDS,
            what="the events",
        )
        logged = counted(self.dsn)
        assert sorted(row["kind"] for row in logged) == sorted(KINDS[self.sdk])
        ended_at = datetime.now(UTC)
        assert all(begun_at <= row["at"] <= ended_at for row in logged)
        bodies = {Kind(row["kind"]): row["body"] for row in logged}
        assert {bodies[kind]["anonymousId"] for kind in (Kind.IDENTIFY, Kind.PAGE, Kind.TRACK)} == {anonymous_id}
        assert bodies[Kind.TRACK]["userId"] == "ayse"
        assert bodies[Kind.TRACK]["properties"]["name"] == "Kış botu"
        assert bodies[Kind.ALIAS]["previousId"] == "anonymous-1"
        traits = bodies[Kind.IDENTIFY].get("traits") or bodies[Kind.IDENTIFY]["context"]["traits"]
        assert traits["city"] == "İzmir"
        assert collecting.rejected(self.dsn) == []
        assert self.abroad == []


@pytest.fixture(params=["segment", "rudder"])
def shop_page(
    browser: Browser, sdks: Path, database: str, now: datetime, request: pytest.FixtureRequest
) -> Iterator[Shop]:
    from sadakat.events import sources
    from sadakat.platform import audit

    sdk = str(request.param)
    site = sites.Site(document=(sdks.parent / f"{sdk}.html").read_text(), files={f"/{sdk}.js": sdks / BUNDLES[sdk]})
    host = sites.Host(database)
    with sites.at_address(host) as host_url, sites.at_address(site) as url:
        key = sources.create_source(name="site", kind="browser", actor=audit.CLI, at=now, allowed_origins=[url])[1]
        yield Shop(browser=browser, dsn=database, key=key, sdk=sdk, host=host, host_url=host_url, url=url)
        for context in browser.contexts:
            context.close()


def test_everything_the_sdk_says_counts_once(shop_page: Shop) -> None:
    begun_at = datetime.now(UTC)
    anonymous_id = shop_page.say(way="settings")
    shop_page.assert_all_counted_once(anonymous_id, begun_at=begun_at)
    asked = {request for request in shop_page.host.requests if request.startswith("GET")}
    expected = {"segment": f"GET /v1/projects/{shop_page.key}/settings", "rudder": "GET /sourceConfig/"}
    assert asked == {expected[shop_page.sdk]}
    assert any(request.startswith("OPTIONS") for request in shop_page.host.requests)


@pytest.mark.parametrize("is_after", [False, True])
def test_what_was_refused_or_not_heard_of_is_sent_again_and_counts_once(shop_page: Shop, *, is_after: bool) -> None:
    begun_at = datetime.now(UTC)
    moody = collecting.Moody(shop_page.host.collector, statuses=[429, 503, 500], is_after=is_after)
    shop_page.host.collector = moody
    anonymous_id = shop_page.say(way="settings")
    shop_page.assert_all_counted_once(anonymous_id, begun_at=begun_at)
    assert moody.statuses == []


@pytest.mark.parametrize("shop_page", ["segment"], indirect=True)
@pytest.mark.parametrize("is_batching", [False, True])
def test_segment_without_fetched_settings_and_in_batches(shop_page: Shop, *, is_batching: bool) -> None:
    begun_at = datetime.now(UTC)
    anonymous_id = shop_page.say(way="given", isBatching=is_batching)
    shop_page.assert_all_counted_once(anonymous_id, begun_at=begun_at)
    paths = {request.split(" ")[1] for request in shop_page.host.requests}
    assert paths == ({"/v1/b"} if is_batching else {f"/v1/{letter}" for letter in "ipsgat"})


def test_pages_of_other_origins_are_refused(shop_page: Shop) -> None:
    from sadakat.events import sources
    from sadakat.platform import audit

    source = sources.source_named("site")
    sources.change_source(
        source_id=source.id, actor=audit.CLI, at=datetime.now(UTC), allowed_origins=["https://shop.example"]
    )
    context = shop_page.browser.new_context()
    page = context.new_page()
    page.goto(shop_page.url)
    with page.expect_event("requestfailed", lambda request: request.url.startswith(shop_page.host_url)):
        page.evaluate("(o) => { say(o) }", {"key": shop_page.key, "host": shop_page.host_url, "way": "given"})
    assert inbox(shop_page.dsn) == []
    assert not any(request.startswith("POST") for request in shop_page.host.requests)
