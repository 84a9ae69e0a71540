"""Getting in, the account, and what owners look after: sources, events set aside, team, audit."""

import json
from base64 import b64encode
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect

from tests.web import shop as shop_data
from tests.web.conftest import Shop, Visitor

ARRIVES_MILLISECONDS = 15_000


def test_link_lets_in_once(guest: Visitor, shop: Shop) -> None:
    page = guest.page()
    page.goto(shop.link)
    page.get_by_role("button", name="Log in as Ada Kaya").click()
    expect(page).to_have_url(f"{shop.url}/account/")
    page.get_by_role("button", name="Your account").click()
    page.locator("#user-menu").get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{shop.url}/login/")
    answer = page.goto(shop.link)
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("This link has been used.")


def test_password_leads_on_to_where_one_was_going(guest: Visitor) -> None:
    page = guest.page()
    page.goto("/customers/?q=isil")
    page.get_by_label("E-mail address").fill("can@modanord.example")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".errorlist")).to_have_text("The e-mail address or the password is wrong.")
    page.get_by_label("Password").fill(shop_data.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{guest.url}/customers/?q=isil")
    # Support reads customers, who of them belong together, and what members have, and serves at the till.
    links = [link.inner_text() for link in page.locator("#nav a").all()]
    assert links == ["Home", "Customers", "Segments", "Loyalty", "Till"]
    answer = page.goto("/team/")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for your role")


def _send(url: str, key: str, event: str) -> int:
    message = {"userId": "1004", "event": event, "messageId": event, "properties": {"city": "Muğla"}}
    request = Request(
        f"{url}/v1/track",
        data=json.dumps(message).encode(),
        headers={
            "Authorization": f"Basic {b64encode(f'{key}:'.encode()).decode()}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def _key(page: Page) -> str:
    return page.get_by_label("Write key").input_value()


def test_source_is_made_sends_and_gets_another_key(console: Visitor) -> None:
    page = console.page()
    page.goto("/settings/sources/")
    page.get_by_role("link", name="Add source").click()
    page.get_by_label("Name").fill("Mobil uygulama")
    page.get_by_label("Kind").select_option("server")
    page.get_by_role("button", name="Add source").click()
    key = _key(page)
    assert len(key) == 32
    page.get_by_role("link", name="See its events arrive").click()
    expect(page.get_by_text("No events yet")).to_be_visible()
    assert key not in page.content()
    assert _send(console.url, key, "Wishlist Opened") == 200
    row = page.locator("#live tbody tr")
    expect(row).to_have_count(1, timeout=ARRIVES_MILLISECONDS)
    expect(row).to_contain_text("Wishlist Opened")

    page.get_by_role("button", name="New key").click()
    expect(page.get_by_role("dialog")).to_contain_text("the old key of Mobil uygulama is answered 401")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="New key").click()
    page.get_by_role("dialog").get_by_role("button", name="New key").click()
    new_key = _key(page)
    assert new_key != key
    page.get_by_role("link", name="See its events arrive").click()
    assert _send(console.url, new_key, "Wishlist Closed") == 200
    expect(page.locator("#live tbody tr")).to_have_count(2, timeout=ARRIVES_MILLISECONDS)
    page.locator("#live tbody tr").first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Çağla Gülşen")


def test_options_of_a_source_are_kept_and_audited(console: Visitor) -> None:
    page = console.page()
    page.goto("/settings/sources/new/")
    page.get_by_label("Name").fill("Vitrin")
    page.get_by_label("Kind").select_option("browser")
    page.get_by_role("button", name="Add source").click()
    page.get_by_role("link", name="See its events arrive").click()
    expect(page.get_by_label("Is trusted")).not_to_be_checked()
    page.get_by_label("Allowed origins").fill("https://vitrin.example\nhttps://www.vitrin.example")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.success")).to_contain_text("Saved.")
    expect(page.get_by_label("Allowed origins")).to_have_value("https://vitrin.example\nhttps://www.vitrin.example")
    page.get_by_label("Allowed origins").fill("vitrin")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_be_visible()

    page.goto("/audit/")
    page.get_by_role("combobox", name="What", exact=True).select_option(label="Source changed")
    page.get_by_role("button", name="Show").click()
    row = page.locator("tbody tr", has_text="https://www.vitrin.example")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Deniz Aydın")
    expect(row).to_contain_text("Allowed origins")


def test_rejected_events_are_listed_with_their_reason(console: Visitor) -> None:
    page = console.page()
    page.goto("/settings/sources/")
    page.get_by_role("link", name="Shop server").click()
    expect(page.locator("main")).to_contain_text("a track call needs the name of its event")
    expect(page.locator("main code")).to_contain_text('"messageId": "nameless"')


def test_events_set_aside_are_tried_again_when_their_cause_is_mended(console: Visitor, shop: Shop) -> None:
    page = console.page()
    page.goto("/")
    page.locator(".needs").get_by_role("link", name="See the reasons").click()
    expect(page.locator("#events tbody tr")).to_have_count(1)
    expect(page.locator("#events tbody tr")).to_contain_text("there is no rate for USD on 2024-10-10")
    page.get_by_role("button", name="Try all again").click()
    expect(page.locator(".toast.warning")).to_contain_text("0 solved, 1 still set aside.")
    expect(page.locator("#events tbody tr td").last).to_have_text("2")

    shop.run("rates", "set", "USD", "34", "--from", "2024-10-01")
    page.get_by_role("button", name="Try all again").click()
    expect(page.locator(".toast.success")).to_contain_text("1 event solved.")
    expect(page.locator(".empty")).to_contain_text("Nothing is set aside")
    page.goto("/orders/D-1/")
    expect(page.locator(".strip")).to_contain_text("USD × 34")
    expect(page.locator(".strip")).to_contain_text("₺680.00")


def test_somebody_joins_the_team_and_is_shut_out(console: Visitor) -> None:
    page = console.page()
    page.goto("/team/")
    page.get_by_role("link", name="Add somebody").click()
    page.get_by_label("Name").fill("Barış Öz")
    page.get_by_label("E-mail address").fill("baris@modanord.example")
    page.get_by_label("Role").select_option(label="Analyst")
    page.get_by_role("button", name="Add to the team").click()
    page.get_by_role("button", name="Make a log-in link").click()
    link = page.get_by_label("Log-in link").input_value()
    assert link.startswith(f"{console.url}/login/")
    page.get_by_role("button", name="Shut out").click()
    expect(page.get_by_role("dialog")).to_contain_text("Shut Barış Öz out?")
    page.get_by_role("dialog").get_by_role("button", name="Shut out").click()
    expect(page.locator("main")).to_contain_text("Barış Öz cannot come in.")
    page.goto("/team/")
    expect(page.locator("tbody tr", has_text="Barış Öz")).to_contain_text("shut out")
    page.get_by_role("link", name="Barış Öz").click()
    page.get_by_role("button", name="Let in again").click()
    expect(page.locator(".toast.success")).to_contain_text("Barış Öz may come in again.")


def test_account_changes_name_language_and_password(marketer: Visitor) -> None:
    page = marketer.page()
    page.goto("/account/")
    page.get_by_label("Name").fill("Elif Su Yıldız")
    page.get_by_label("Language").select_option("tr")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("lang", "tr")
    expect(page.get_by_role("heading", level=1)).to_have_text("Elif Su Yıldız")
    page.get_by_label("Yeni parola").fill("kısa")
    page.get_by_role("button", name="Parola belirle").click()
    expect(page.locator(".errorlist")).to_be_visible()
    page.get_by_label("Yeni parola").fill(shop_data.PASSWORD)
    page.get_by_role("button", name="Parola belirle").click()
    expect(page.locator(".toast.success")).to_be_visible()
    expect(page.get_by_label("Şu anki parola")).to_be_visible()
