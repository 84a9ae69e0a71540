"""The tracker in a real Chromium, in the pages of another origin, against the real collector."""

import gzip
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.integration import collecting
from tests.integration.collecting import counted, inbox
from tests.web import sites
from tests.web.conftest import Visitor, until

MAX_BYTES = 4_096
PATIENCE_SECONDS = 20
UTM = "utm_source=news&utm_medium=email&utm_campaign=Kış&utm_term=bot&utm_content=top"


@dataclass
class Street:
    """A site with the tracker in its pages, and its visitors' browser."""

    browser: Browser
    dsn: str
    key: str
    host: sites.Host
    host_url: str
    site: sites.Site
    url: str
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def tracked(self, attributes: str = "", *, before: str = "") -> None:
        """Puts the tracker into the pages of the site, with what the page says before it has loaded."""
        self.site.document = (
            f"<!doctype html><title>Shop</title><script>window.sadakat = window.sadakat || [];{before}</script>"
            f'<script async src="{self.host_url}/sadakat.js" data-write-key="{self.key}" {attributes}></script>'
            "<h1>Shop</h1>"
        )

    def visit(self, path: str = "/", *, context: BrowserContext | None = None, referer: str | None = None) -> Page:
        """A page of the site, by default in a browser that has never been there, its tracker loaded."""
        page = (context or self.context()).new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: message.type != "warning" or self.complaints.append(message.text))
        page.goto(self.url + path, referer=referer)
        page.wait_for_function("window.sadakat.version")
        return page

    def context(self, **options: Any) -> BrowserContext:
        self.contexts.append(self.browser.new_context(locale="tr-TR", timezone_id="Europe/Istanbul", **options))
        return self.contexts[-1]

    def bodies(self, n: int) -> list[dict[str, Any]]:
        """The first `n` events that arrive, which are all."""
        until(lambda: len(inbox(self.dsn)) >= n, seconds=PATIENCE_SECONDS, what=f"{n} events")
        bodies = [row["body"] for row in inbox(self.dsn)]
        assert len(bodies) == n
        return bodies


def names(bodies: list[dict[str, Any]]) -> list[str]:
    return [body.get("event", body["type"]) for body in bodies]


def stored(page: Page) -> dict[str, Any]:
    return page.evaluate("({cookie: document.cookie, local: {...localStorage}, session: {...sessionStorage}})")


NOTHING = {"cookie": "", "local": {}, "session": {}}


@contextmanager
def street_of(browser: Browser, dsn: str, at: datetime) -> Iterator[Street]:
    from sadakat.events import sources
    from sadakat.platform import audit

    key = sources.create_source(name="site", kind="browser", actor=audit.CLI, at=at)[1]
    host, site = sites.Host(dsn), sites.Site()
    with sites.at_address(host) as host_url, sites.at_address(site) as url:
        street = Street(browser=browser, dsn=dsn, key=key, host=host, host_url=host_url, site=site, url=url)
        street.tracked('data-consent="granted"')
        yield street
        for context in street.contexts:
            context.close()
    assert street.complaints == []


@pytest.fixture
def street(browser: Browser, database: str, now: datetime) -> Iterator[Street]:
    with street_of(browser, database, now) as street:
        yield street


def test_an_event_says_who_where_and_whence(street: Street) -> None:
    begun_at = datetime.now(UTC)
    page = street.visit(f"/boots?{UTM}#secret", referer="https://search.example/?q=bot")
    page.evaluate("""sadakat.track("Product Viewed", { product_id: "p1", name: "Kış botu" })""")
    (body,) = street.bodies(1)
    (row,) = counted(street.dsn)
    assert begun_at <= row["at"] <= datetime.now(UTC)
    assert (row["event"], row["profile_id"]) == ("Product Viewed", 1)
    assert body["properties"] == {"product_id": "p1", "name": "Kış botu"}
    assert "userId" not in body
    assert (
        str(uuid.UUID(body["anonymousId"], version=4)) == body["anonymousId"] == page.evaluate("sadakat.anonymousId()")
    )
    assert str(uuid.UUID(body["messageId"], version=4)) == body["messageId"]
    context = body["context"]
    assert context["page"] == {
        "path": "/boots",
        "referrer": "https://search.example/?q=bot",
        "search": page.evaluate("location.search"),
        "title": "Shop",
        "url": street.url + "/boots" + page.evaluate("location.search"),
    }
    assert context["campaign"] == {"source": "news", "medium": "email", "name": "Kış", "term": "bot", "content": "top"}
    assert (context["locale"], context["timezone"]) == ("tr-TR", "Europe/Istanbul")
    assert context["userAgent"] == page.evaluate("navigator.userAgent")
    assert context["screen"] == {"width": 1280, "height": 720}
    assert context["library"] == {"name": "sadakat.js", "version": page.evaluate("sadakat.version")}
    assert abs(context["sessionId"] / 1000 - begun_at.timestamp()) < 60


def test_the_forms_of_identify_and_page(street: Street) -> None:
    page = street.visit()
    page.evaluate("""() => {
        sadakat.page(); sadakat.page("Home"); sadakat.page("Shop", "Boots", { size: 42 }); sadakat.page({ size: 43 });
        sadakat.identify("ayse", { city: "İzmir" }); sadakat.identify({ city: "Muş" }); sadakat.identify(0);
        sadakat.flush();
    }""")
    bodies = street.bodies(7)
    pages = [(b.get("category"), b.get("name"), b["properties"].get("size")) for b in bodies[:4]]
    assert pages == [(None, None, None), (None, "Home", None), ("Shop", "Boots", 42), (None, None, 43)]
    assert bodies[1]["properties"]["url"] == street.url + "/"
    people = [(b.get("userId"), b.get("traits")) for b in bodies[4:]]
    assert people == [("ayse", {"city": "İzmir"}), ("ayse", {"city": "Muş"}), ("0", None)]


def test_nothing_is_stored_or_sent_before_consent(street: Street) -> None:
    street.tracked(before="""sadakat.push(["track", "First"])""")
    page = street.visit(f"/?{UTM}")
    page.evaluate("sadakat.identify('ayse'); sadakat.track('Second'); sadakat.flush()")
    page.evaluate("for (let i = 0; i < 30; i++) sadakat.track('Third')")
    said_at = datetime.now(UTC)
    # A hidden page sends what it has.
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert stored(page) == NOTHING
    assert street.host.requests == ["GET /sadakat.js"]
    page.evaluate("sadakat.consent(true)")
    bodies = street.bodies(33)
    assert names(bodies) == ["First", "identify", "Second"] + ["Third"] * 30
    assert {body["anonymousId"] for body in bodies} == {page.evaluate("sadakat.anonymousId()")}
    assert all(datetime.fromisoformat(body["timestamp"]) <= said_at for body in bodies)
    assert {body["context"]["campaign"]["source"] for body in bodies} == {"news"}


def test_what_waits_for_consent_is_bounded_and_the_newest_is_kept(street: Street) -> None:
    street.tracked()
    page = street.visit()
    page.evaluate("for (let i = 0; i < 150; i++) sadakat.track('Seen', { i }); sadakat.consent(true)")
    assert [body["properties"]["i"] for body in street.bodies(100)] == list(range(50, 150))


def test_consent_is_remembered_and_withdrawn(street: Street) -> None:
    street.tracked()
    context = street.context()
    page = street.visit(context=context)
    page.evaluate("sadakat.consent(true); sadakat.identify('ayse'); sadakat.flush()")
    street.bodies(1)
    page = street.visit("/next", context=context)
    page.evaluate("sadakat.track('Seen'); sadakat.flush()")
    first, second = street.bodies(2)
    assert (first["anonymousId"], first["userId"]) == (second["anonymousId"], second["userId"])
    assert list(stored(page)["local"]) == ["sadakat"]
    posts = street.host.posts
    page.evaluate("sadakat.track('Unsaid'); sadakat.consent(false); sadakat.track('Refused'); sadakat.flush()")
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert stored(page) == NOTHING
    page = street.visit("/third", context=context)
    page.evaluate("sadakat.track('Waits'); sadakat.flush()")
    assert street.host.posts == posts
    page.evaluate("sadakat.consent(true)")
    waits = street.bodies(3)[2]
    assert waits["event"] == "Waits"
    assert waits["anonymousId"] != first["anonymousId"]
    assert "userId" not in waits


def test_a_refusal_outlives_assumed_consent(street: Street) -> None:
    context = street.context()
    page = street.visit(context=context)
    page.evaluate("sadakat.consent(false)")
    page = street.visit(context=context)
    page.evaluate("sadakat.track('Refused'); sadakat.flush()")
    assert stored(page)["local"] == {"sadakat": '{"consent":false}'}
    assert street.host.posts == 0


def test_consent_given_and_withdrawn_in_another_tab_counts(street: Street) -> None:
    street.tracked()
    context = street.context()
    one, other = street.visit(context=context), street.visit(context=context)
    other.evaluate("sadakat.track('Waits')")
    one.evaluate("sadakat.consent(true); sadakat.identify('ayse'); sadakat.flush()")
    assert sorted(names(street.bodies(2))) == ["Waits", "identify"]
    other.evaluate("sadakat.track('Seen'); sadakat.flush()")
    assert street.bodies(3)[2]["userId"] == "ayse"
    posts = street.host.posts
    one.evaluate("sadakat.consent(false)")
    other.wait_for_function("!localStorage.length")
    other.evaluate("sadakat.track('Refused'); sadakat.flush()")
    assert stored(other) == NOTHING
    assert street.host.posts == posts


def test_global_privacy_control_is_no_assumed_consent(street: Street) -> None:
    context = street.context()
    context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    page = street.visit(context=context)
    page.evaluate("sadakat.track('Waits'); sadakat.flush()")
    assert (stored(page), street.host.posts) == (NOTHING, 0)
    page.evaluate("sadakat.consent(true)")
    assert names(street.bodies(1)) == ["Waits"]


def test_calls_made_before_it_has_loaded_are_sent_in_order(street: Street) -> None:
    street.tracked(
        'data-consent="granted" data-auto-page="true"',
        before="""
            sadakat.push(["identify", "ayse"]);
            sadakat.push(["track", "One", { n: 1 }]);
            sadakat.push(() => sadakat.track("Two"));
            ["track", "page"].forEach((name) => { sadakat[name] = (...words) => sadakat.push([name, ...words]) });
            sadakat.track("Three");
        """,
    )
    page = street.visit()
    page.evaluate("""sadakat.push(["track", "Four"])""")
    bodies = street.bodies(6)
    assert names(bodies) == ["identify", "One", "Two", "Three", "page", "Four"]
    assert {body["userId"] for body in bodies} == {"ayse"}
    assert street.host.posts == 1


def test_a_page_that_is_left_at_once_still_delivers(street: Street) -> None:
    page = street.visit()
    page.evaluate("sadakat.track('Clicked'); location.href = '/next'")
    page.wait_for_url("**/next")
    assert names(street.bodies(1)) == ["Clicked"]
    assert [row["event"] for row in counted(street.dsn)] == ["Clicked"]


def test_a_tab_that_is_closed_still_delivers(street: Street) -> None:
    page = street.visit()
    page.evaluate("for (let i = 0; i < 45; i++) sadakat.track('Seen', { i })")
    page.close(run_before_unload=True)
    until(lambda: len(inbox(street.dsn)) >= 45, seconds=PATIENCE_SECONDS, what="the events")
    counts = [row["body"]["properties"]["i"] for row in counted(street.dsn)]
    assert sorted(counts) == list(range(45))


@pytest.mark.parametrize("trouble", ["offline", "down"])
def test_what_could_not_be_sent_is_sent_by_a_later_page_once(street: Street, trouble: str) -> None:
    context = street.context()
    page = street.visit(context=context)
    context.set_offline(trouble == "offline")
    street.host.is_down = trouble == "down"
    page.evaluate("sadakat.track('One'); sadakat.flush()")
    page.wait_for_function("Object.keys(localStorage).length === 2")
    page.evaluate("sadakat.track('Two'); dispatchEvent(new Event('pagehide'))")
    page.close()
    assert inbox(street.dsn) == []
    context.set_offline(False)
    street.host.is_down = False
    page = street.visit("/later", context=context)
    page.evaluate("sadakat.track('Three'); sadakat.flush()")
    until(lambda: len(inbox(street.dsn)) >= 3, seconds=PATIENCE_SECONDS, what="the events")
    page.wait_for_function("Object.keys(localStorage).length === 1")
    assert [row["event"] for row in counted(street.dsn)] == ["One", "Two", "Three"]


def test_a_page_that_comes_back_online_sends_at_once(street: Street) -> None:
    context = street.context()
    page = street.visit(context=context)
    context.set_offline(True)
    page.evaluate("sadakat.track('One'); sadakat.flush()")
    page.wait_for_function("Object.keys(localStorage).length === 2")
    page.evaluate("sadakat.consent(true); dispatchEvent(new Event('pagehide'))")
    (kept,) = (text for name, text in stored(page)["local"].items() if name != "sadakat")
    assert [json.loads(text)["event"] for text in json.loads(kept)] == ["One"]
    context.set_offline(False)
    assert names(street.bodies(1)) == ["One"]
    page.wait_for_function("Object.keys(localStorage).length === 1")


@pytest.mark.parametrize("is_after", [False, True])
def test_refused_for_now_or_not_heard_of_it_is_sent_again_and_counts_once(street: Street, *, is_after: bool) -> None:
    moody = collecting.Moody(street.host.collector, statuses=[503, 429], is_after=is_after)
    street.host.collector = moody
    page = street.visit()
    page.evaluate("sadakat.track('One'); sadakat.flush()")
    until(lambda: street.host.posts == 3, seconds=PATIENCE_SECONDS, what="the third try")
    page.wait_for_function("Object.keys(localStorage).length === 1")
    assert len(inbox(street.dsn)) == (3 if is_after else 1)
    assert [row["event"] for row in counted(street.dsn)] == ["One"]


def test_what_is_refused_for_good_is_dropped(street: Street) -> None:
    street.key = "wrong"
    street.tracked('data-consent="granted"')
    page = street.visit()
    with page.expect_response("**/v1/b") as refused:
        page.evaluate("sadakat.track('One'); sadakat.flush()")
    assert refused.value.status == 401
    street.tracked('data-consent="granted"')
    page.evaluate("sadakat.flush(); dispatchEvent(new Event('pagehide'))")
    assert list(stored(page)["local"]) == ["sadakat"]
    assert street.host.posts == 1


BLOCKED = {
    "local": "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } });",
    "full": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') };",
    "cookie": "Object.defineProperty(Document.prototype, 'cookie', { get() { throw Error('no') }, set() { throw Error('no') } });",
}


@pytest.mark.parametrize("what", ["local", "full"])
def test_a_cookie_serves_where_storage_is_blocked(street: Street, what: str) -> None:
    street.tracked()
    context = street.context()
    context.add_init_script(BLOCKED[what])
    page = street.visit(f"/?{UTM}", context=context)
    page.evaluate("sadakat.consent(true); sadakat.identify('ayse'); sadakat.flush()")
    (cookie,) = context.cookies()
    assert (cookie["name"], cookie["sameSite"], cookie["path"]) == ("sadakat", "Lax", "/")
    assert cookie["expires"] - datetime.now(UTC).timestamp() > 364 * 24 * 3600
    page = street.visit(context=context)
    page.evaluate("sadakat.track('Seen'); sadakat.flush()")
    first, second = street.bodies(2)
    assert second["userId"] == "ayse"
    assert second["anonymousId"] == first["anonymousId"]
    assert second["context"]["campaign"]["name"] == "Kış"
    page.evaluate("sadakat.consent(false)")
    assert context.cookies() == []


def test_with_every_storage_blocked_a_page_still_delivers(street: Street) -> None:
    context = street.context()
    context.add_init_script(BLOCKED["local"] + BLOCKED["cookie"])
    page = street.visit(context=context)
    page.evaluate("sadakat.track('One'); sadakat.identify('ayse'); sadakat.track('Two'); sadakat.consent(false)")
    page.evaluate(
        "sadakat.consent(true); sadakat.track('Three'); sadakat.reset(); sadakat.track('Four'); sadakat.flush()"
    )
    bodies = street.bodies(2)
    assert names(bodies) == ["Three", "Four"]
    assert len({body["anonymousId"] for body in bodies}) == 2
    assert context.cookies() == []


def test_the_person_stays_known_until_reset(street: Street) -> None:
    context = street.context()
    page = street.visit(context=context)
    page.evaluate("sadakat.identify(42, { email: 'ayse@example.com' }); sadakat.flush()")
    assert "ayse@example.com" not in str(stored(page))
    page = street.visit("/next", context=context)
    page.evaluate("sadakat.track('Seen'); sadakat.reset(); sadakat.track('Seen later'); sadakat.flush()")
    identified, seen, later = street.bodies(3)
    assert (identified["userId"], seen["userId"]) == ("42", "42")
    assert "userId" not in later
    assert later["anonymousId"] != seen["anonymousId"] == identified["anonymousId"]


def test_a_visit_keeps_its_first_campaign_until_half_an_hour_of_silence(street: Street) -> None:
    context = street.context()
    context.clock.install(time=datetime.now(UTC))
    page = street.visit("/", context=context)
    page.evaluate("sadakat.page()")
    for path in (f"/?{UTM}", "/?utm_source=later", "/quiet"):
        page.goto(street.url + path)
        page.wait_for_function("window.sadakat.version")
        page.evaluate("sadakat.page()")
        context.clock.run_for(29 * 60_000)
    context.clock.run_for(2 * 60_000)
    page.evaluate("sadakat.page()")
    context.clock.run_for(2_000)
    # What is under way while a page is left is sent by a beacon too.
    until(lambda: len({row["mid"] for row in inbox(street.dsn)}) == 5, seconds=PATIENCE_SECONDS, what="the events")
    # A beacon may arrive after what the next page sends.
    told = sorted(counted(street.dsn), key=lambda row: row["body"]["timestamp"])
    contexts = [row["body"]["context"] for row in told]
    assert [context.get("campaign", {}).get("source") for context in contexts] == [None, "news", "news", "news", None]
    assert len({context["sessionId"] for context in contexts[:4]}) == 1
    assert contexts[4]["sessionId"] - contexts[0]["sessionId"] > 85 * 60_000


def test_pages_of_a_single_page_application_are_told(street: Street) -> None:
    street.tracked('data-consent="granted" data-auto-page="spa"')
    page = street.visit("/one")
    page.evaluate("history.pushState({}, '', '/two'); document.title = 'Two'")
    page.evaluate("history.pushState({}, '', '/two?size=42')")
    page.evaluate("history.back()")
    page.evaluate("history.back()")
    page.wait_for_url("**/one")
    bodies = street.bodies(3)
    assert [body["properties"]["path"] for body in bodies] == ["/one", "/two", "/one"]
    assert bodies[1]["properties"]["title"] == "Two"


def test_batches_have_at_most_twenty_events_and_need_no_preflight(street: Street) -> None:
    page = street.visit()
    page.evaluate("for (let i = 0; i < 50; i++) sadakat.track('Seen', { i })")
    assert [body["properties"]["i"] for body in street.bodies(50)] == list(range(50))
    assert street.host.requests == ["GET /sadakat.js", "POST /v1/b", "POST /v1/b", "POST /v1/b"]


def test_large_events_go_alone_and_beyond_the_limit_are_listed_as_rejected(street: Street) -> None:
    page = street.visit()
    page.evaluate("""() => {
        sadakat.track("Large", { text: "ş".repeat(15000) }); sadakat.track("Larger", { text: "x".repeat(40000) });
        sadakat.track("Huge", { text: "x".repeat(600000) }); sadakat.track("Small"); sadakat.flush();
    }""")
    assert names(street.bodies(2)) == ["Large", "Small"]
    (rejected,) = collecting.rejected(street.dsn)
    assert "32,768 are possible" in rejected["reason"]
    assert street.host.posts == 4


def test_misuse_warns_and_never_breaks_the_page(street: Street) -> None:
    page = street.visit()
    page.evaluate("""() => {
        const circle = {}; circle.self = circle;
        sadakat.track("Circle", circle); sadakat.push(["nonsense"]); sadakat.push(); sadakat.page(null);
        sadakat.identify(null); sadakat.track("Fine");
    }""")
    assert names(street.bodies(3)) == ["page", "identify", "Fine"]
    assert [text.split(" ")[0] for text in street.complaints] == ["sadakat.track", "sadakat.push", "sadakat.push"]
    street.complaints.clear()


def test_a_strict_content_security_policy_needs_two_words(street: Street) -> None:
    street.site.headers["content-security-policy"] = (
        f"default-src 'none'; script-src {street.host_url}; connect-src {street.host_url}"
    )
    street.site.document = street.site.document.replace("<script>window.sadakat = window.sadakat || [];</script>", "")
    page = street.visit()
    page.evaluate("sadakat.track('One'); sadakat.flush()")
    assert names(street.bodies(1)) == ["One"]
    page.evaluate("sadakat.track('Two'); location.href = '/next'")
    assert names(street.bodies(2)) == ["One", "Two"]


def test_the_file_is_small_and_may_be_kept(street: Street) -> None:
    port = int(street.host_url.rsplit(":", 1)[1])
    status, headers, body = collecting.call(port, "GET", "/sadakat.js", headers={"Accept-Encoding": "gzip, br"})
    assert status == 200
    assert len(body) <= MAX_BYTES
    assert int(headers["content-length"]) == len(body)
    told = "content-encoding content-type cache-control vary access-control-allow-origin cross-origin-resource-policy"
    assert [headers[name] for name in told.split()] == [
        "gzip",
        "text/javascript; charset=utf-8",
        "public, max-age=3600",
        "Accept-Encoding",
        "*",
        "cross-origin",
    ]
    plain = collecting.call(port, "GET", "/sadakat.js")
    assert plain[2] == gzip.decompress(body)
    assert "content-encoding" not in plain[1]
    head = collecting.call(port, "HEAD", "/sadakat.js")
    assert (head[0], head[1]["content-length"], head[2]) == (200, str(len(plain[2])), b"")
    tag = headers["etag"]
    known = collecting.call(port, "GET", "/sadakat.js", headers={"If-None-Match": f'"other", {tag}'})
    assert (known[0], known[1]["etag"], known[2]) == (304, tag, b"")
    assert collecting.call(port, "GET", "/sadakat.js", headers={"If-None-Match": '"other"'})[0] == 200
    refused = collecting.call(port, "POST", "/sadakat.js", b"{}")
    assert (refused[0], refused[1]["allow"]) == (405, "GET, HEAD")
    assert not re.search(rb"\?\.|\?\?|\|\|=|[{,]\s*\.\.\.\w+\s*}", plain[2]), "newer than ES2017"


def test_the_web_process_serves_it_and_the_console_shows_what_to_copy(console: Visitor) -> None:
    page = console.page()
    page.goto("/settings/sources/new/")
    page.get_by_label("Name").fill("Boutique")
    page.get_by_label("Kind").select_option("browser")
    page.get_by_role("button", name="Add source").click()
    key = page.get_by_label("Write key").input_value()
    snippet = page.locator("pre").first.inner_text()
    assert snippet == (
        "<script>window.sadakat = window.sadakat || [];</script>\n"
        f'<script async src="{console.url}/sadakat.js" data-write-key="{key}" data-auto-page="true"></script>'
    )
    page.get_by_role("link", name="See its events arrive").click()
    assert page.locator("pre").first.inner_text() == snippet.replace(key, "WRITE_KEY")
    with sites.at_address(sites.Site(document=snippet)) as url:
        visitor = console.browser.new_context()
        elsewhere = visitor.new_page()
        elsewhere.goto(url)
        elsewhere.wait_for_function("window.sadakat.version")
        visitor.close()
