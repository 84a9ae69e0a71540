"""Segments at the console: the builder, the lists, and that an event shows on a customer's page while it is open."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sadakat.customers.testing import AYSE, BARIS, ISIL
from tests.web.conftest import Visitor
from tests.web.looks import _keep_picture, assert_accessible, assert_fits, walk
from tests.web.shop import PASSWORD
from tests.web.test_event_pages import batch, till

LIVE_MILLISECONDS = 15_000
__all__ = ["till"]


def _new(page: Page, name: str) -> None:
    page.goto("/segments/new/rule/")
    page.get_by_label("Name", exact=True).fill(name)


def _choose(page: Page, name: str, value: str) -> None:
    """Chooses in a list that draws the form anew, and waits until that is done."""
    with page.expect_response(lambda answer: answer.request.method == "POST" and "preview" not in answer.url):
        page.locator(f"#{name}").select_option(value)
    expect(page.locator(f"#{name}")).to_have_value(value)
    expect(page.locator(".htmx-request, .htmx-settling, .htmx-swapping")).to_have_count(0)


def _click(page: Page, name: str) -> None:
    with page.expect_response(lambda answer: answer.request.method == "POST" and "preview" not in answer.url):
        page.get_by_role("button", name=name).first.click()
    expect(page.locator(".htmx-request, .htmx-settling, .htmx-swapping")).to_have_count(0)


def _frequent(page: Page) -> None:
    """Whoever ordered at least three times for more than 400."""
    _choose(page, "r-0-event", "Order Completed")
    _choose(page, "r-0-measure", "count")
    page.locator("#r-0-value").fill("3")
    _click(page, "where…")
    _choose(page, "r-0-0-name", "revenue")
    _choose(page, "r-0-0-op", "number.above")
    page.locator("#r-0-0-value").fill("400")


def test_a_rule_is_built_counted_saved_and_changed(console: Visitor) -> None:
    page = console.page()
    _new(page, "Frequent buyers")
    expect(page.locator("#preview")).to_contain_text("Fill in the rule")
    _frequent(page)
    expect(page.locator("#preview .figure")).to_have_text("1")
    expect(page.locator("#preview")).to_contain_text("Işıl Iğdır")
    expect(page.locator("#preview")).to_contain_text(
        "did “Order Completed” at least 3 times, where revenue is above 400"
    )
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Frequent buyers")
    expect(page.locator("#size .figure")).to_have_text("1", timeout=LIVE_MILLISECONDS)
    page.reload()
    expect(page.locator("#members")).to_contain_text("Işıl Iğdır")
    page.get_by_role("link", name="Change the rule").click()
    expect(page.locator("#r-0-event")).to_have_value("Order Completed")
    page.locator("#r-0-value").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Frequent buyers")
    expect(page.locator("main")).to_contain_text("new: did “Order Completed” at least 7 times")
    expect(page.locator("#size .figure")).to_have_text("0", timeout=LIVE_MILLISECONDS)


def test_groups_scores_and_json_go_to_and_fro_without_loss(console: Visitor) -> None:
    page = console.page()
    _new(page, "To and fro")
    rule = {
        "version": 1,
        "where": {
            "any": [
                {"trait": "city", "in": ["İzmir", "Ankara"]},
                {
                    "not": {
                        "any": [
                            {"event": "Order Completed", "within": "90d"},
                            {"trait": "revenue_minor", "above": 5050},
                        ]
                    }
                },
            ]
        },
    }
    _click(page, "As JSON")
    page.get_by_label("The rule as JSON").fill(json.dumps(rule))
    _click(page, "As a form")
    expect(page.locator("#r-match")).to_have_value("any")
    expect(page.locator("#r-0-value")).to_have_value("İzmir\nAnkara")
    expect(page.locator("#r-1-match")).to_have_value("none")
    expect(page.locator("#r-1-1-value")).to_have_value("50.5")
    _click(page, "As JSON")
    assert json.loads(page.get_by_label("The rule as JSON").input_value()) == rule
    page.get_by_label("The rule as JSON").fill('{"version": 1, "where": {"all": [{"segment": "nobody-knows"}]}}')
    _click(page, "As a form")
    expect(page.locator("#document-error")).to_contain_text("where.all[0].segment: there is no segment")
    deep = {"event": "Order Completed", "having": {"not": {"property": "coupon", "exists": True}}}
    page.get_by_label("The rule as JSON").fill(json.dumps({"version": 1, "where": deep}))
    _click(page, "As a form")
    expect(page.locator("#rule")).to_contain_text("The form cannot show everything that this rule says")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("To and fro")
    expect(page.locator("main")).to_contain_text("did “Order Completed”, where not (coupon is known)")


def test_what_is_wrong_stands_at_its_field_also_without_scripts(console: Visitor) -> None:
    context = console.browser.new_context(base_url=console.url, java_script_enabled=False)
    console.contexts.append(context)
    cookies = {**console.cookies, "sadakat_language": "tr"}
    context.add_cookies([{"name": name, "value": value, "url": console.url} for name, value in cookies.items()])
    page = context.new_page()
    page.goto("/segments/new/rule/")
    page.get_by_role("button", name="Kaydet").click()
    expect(page.locator("#name-error")).to_have_text("burayı doldurun")
    expect(page.locator("#r-0-event-error")).to_have_text("burayı doldurun")
    page.locator("#r-0-event").select_option("Order Completed")
    page.locator("#r-0-window").select_option("within")
    page.get_by_role("button", name="Kaydet").click()
    expect(page.locator("#r-0-amount-error")).to_have_text("burayı doldurun")
    page.locator("#r-0-amount").fill("9000")
    page.get_by_label("Ad", exact=True).fill("Geçmiş")
    page.get_by_role("button", name="Kaydet").click()
    expect(page.locator("#r-0-amount-error")).to_contain_text("9000d")
    page.locator("#r-0-amount").fill("3000")
    page.get_by_role("button", name="Bilinen bir şey").click()
    page.locator("#r-1-name").select_option("city")
    page.get_by_role("button", name="Koşul 2 kaldır").click()
    expect(page.locator("#r-1-name")).to_have_count(0)
    page.get_by_role("button", name="Kaydet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Geçmiş")
    expect(page.locator("main")).to_contain_text("son 3.000 gün içinde")


def test_a_list_takes_files_and_pastes_and_names_the_unknown(console: Visitor, tmp_path: Path) -> None:
    page = console.page()
    page.goto("/segments/new/list/")
    page.get_by_label("Name").fill("Invited")
    page.get_by_role("button", name="Make the list").click()
    page.get_by_role("button", name="Put on the list").click()
    expect(page.locator(".errorlist")).to_have_text("Choose a file, or paste who they are.")
    file = tmp_path / "people.csv"
    file.write_text(f"email;name\n{AYSE.email};Ayşe\nnobody@example.com;Nobody\n", encoding="utf-8")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Put on the list").click()
    expect(page.locator("#report")).to_contain_text("1 customer was put on the list.")
    expect(page.locator("#report")).to_contain_text("email:nobody@example.com")
    page.get_by_label("Or paste them").fill(f"{AYSE.email}\n{BARIS.email}")
    page.get_by_role("button", name="Put on the list").click()
    expect(page.locator("#report")).to_contain_text("1 was on it already.")
    page.goto(f"/search/?q={ISIL.email}")
    page.get_by_text("Put on a list").click()
    page.get_by_role("button", name="Invited").click()
    expect(page.locator(".toast.success")).to_contain_text("Put on “Invited”.")
    expect(page.locator("#memberships")).to_contain_text("Invited")
    page.locator("#memberships").get_by_role("link", name="Invited").click()
    expect(page.locator("#members tbody tr")).to_have_count(3)
    page.get_by_role("button", name="Take Işıl Iğdır off").click()
    expect(page.locator("#members tbody tr")).to_have_count(2)
    with page.expect_download() as download:
        page.locator("#members").get_by_role("link", name="Export").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,name,identifiers,since_at,changes_at"
    assert {line.split(",")[1] for line in lines[1:]} == {"Ayşe Yılmaz", "Barış Öztürk"}
    page.goto("/audit/")
    expect(page.locator("main")).to_contain_text("Members of a segment exported")


def test_a_segment_is_duplicated_archived_and_used_again(console: Visitor) -> None:
    page = console.page()
    _new(page, "Shirt lookers")
    _choose(page, "r-0-event", "Product Viewed")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shirt lookers")
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shirt lookers (copy)")
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    expect(page.locator(".toast.success")).to_contain_text("Archived.")
    page.goto("/segments/?show=archived")
    page.get_by_role("link", name="Shirt lookers (copy)").click()
    page.get_by_role("button", name="Use again").click()
    expect(page.locator(".toast.success")).to_contain_text("In use again.")


def test_an_event_shows_on_the_open_page_of_its_customer(console: Visitor, till: tuple[str, str]) -> None:
    _source_id, key = till
    page = console.page()
    name = f"Rang the bell {datetime.now(UTC).timestamp()}"
    _new(page, name)
    _choose(page, "r-0-event", "…")
    page.locator("#r-0-eventx").fill("Bell Rung")
    page.get_by_label("Name", exact=True).focus()
    expect(page.locator("#preview .figure")).to_have_text("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator("#size progress")).to_have_count(0, timeout=LIVE_MILLISECONDS)
    page.goto(f"/search/?q={BARIS.email}")
    expect(page.locator("#memberships")).not_to_contain_text(name)
    batch(console.url, key, {"type": "track", "event": "Bell Rung", "messageId": name, "userId": BARIS.user_id})
    expect(page.locator("#memberships")).to_contain_text(name, timeout=LIVE_MILLISECONDS)
    _keep_picture(page, "customer-with-segments")


def test_support_sees_segments_and_changes_none(guest: Visitor) -> None:
    page = guest.page()
    page.goto("/login/")
    page.get_by_label("E-mail").fill("can@modanord.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("link", name="Segments").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Segments")
    expect(page.get_by_role("link", name="New segment")).to_have_count(0)
    for path in ("/segments/new/rule/", "/segments/new/list/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403


def test_in_every_dress(console: Visitor) -> None:
    page = console.page()
    _new(page, "Every dress")
    _frequent(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Every dress")
    walk(
        console,
        [
            "/segments/",
            "/segments/?show=archived",
            "/segments/every-dress/",
            "/segments/every-dress/edit/",
            "/segments/new/rule/",
            "/segments/new/list/",
        ],
    )


@pytest.mark.parametrize(("language", "width"), [("en", 1440), ("tr", 390)])
def test_a_whole_builder_fits_and_reads(console: Visitor, language: str, width: int) -> None:
    """With every kind of condition, nested two levels, and faults at the fields."""
    page = console.page(language=language, width=width)
    page.goto("/segments/new/rule/")
    for place, kind in (("r", "trait"), ("r", "segment"), ("r", "group"), ("r-3", "group"), ("r-0", "property")):
        with page.expect_response(lambda answer: answer.request.method == "POST" and "preview" not in answer.url):
            page.locator(f'button[value="add:{place}:{kind}"]').click()
        expect(page.locator(".htmx-request, .htmx-settling, .htmx-swapping")).to_have_count(0)
    _choose(page, "r-0-window", "between")
    page.locator("button.primary").click()
    expect(page.locator("[aria-invalid]").first).to_be_visible()
    _keep_picture(page, f"builder-{width}-{language}")
    assert_fits(page)
    assert_accessible(page)
