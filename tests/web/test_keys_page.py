"""API keys in the console, the page that shows the API, and the examples of the manual."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.web.conftest import Shop, Visitor
from tests.web.looks import walk

MANUAL = Path(__file__).parents[2] / "docs/reference/rest-api.md"


def test_key_is_made_works_and_is_revoked(console: Visitor) -> None:
    page = console.page()
    page.goto("/")
    page.locator("#nav").get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="Add key").click()
    page.get_by_label("Name").fill("Çağrı merkezi")
    page.get_by_role("button", name="Add key").click()
    expect(page.locator(".errorlist")).to_have_text("A key needs at least one scope.")
    page.get_by_label("customers:read").check()
    page.get_by_label("metrics:read").check()
    page.get_by_role("button", name="Add key").click()
    key = page.get_by_label("API key").input_value()
    assert re.fullmatch(r"sk_[A-Za-z0-9_-]{43}", key)
    expect(page.locator("pre")).to_contain_text(f'curl -H "Authorization: Bearer {key}" {console.url}/api/v1/me')

    asked = page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert asked.json() == {"name": "Çağrı merkezi", "scopes": ["customers:read", "metrics:read"]}
    page.get_by_role("link", name="I have copied it").click()
    row = page.locator("tbody tr", has_text="Çağrı merkezi")
    expect(row).to_contain_text(f"…{key[-4:]}")
    expect(row).to_contain_text("customers:read, metrics:read")
    expect(row).to_contain_text("active")
    expect(row).not_to_contain_text("never")
    assert key not in page.content()

    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog")).to_contain_text("Revoke the key Çağrı merkezi?")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(".toast.success")).to_contain_text("The key does not count any more.")
    expect(page.locator("tbody tr", has_text="Çağrı merkezi")).to_contain_text("revoked")
    asked = page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert asked.status == 401

    page.goto("/audit/")
    page.get_by_role("combobox", name="What", exact=True).select_option(label="API key revoked")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr", has_text="Çağrı merkezi")).to_have_count(1)


def test_only_owners_look_after_keys(marketer: Visitor) -> None:
    page = marketer.page()
    answer = page.goto("/settings/keys/")
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("#nav").get_by_role("link", name="API keys")).to_have_count(0)


def test_pages_of_keys_are_readable_by_everyone(console: Visitor, shop: Shop) -> None:
    shop.run("apikey", "create", "Kasa", "--scopes", "customers:read,customers:write,sources:read")
    walk(console, ["/settings/keys/", "/settings/keys/new/"])


def test_document_page_shows_and_tries_operations_without_other_hosts(guest: Visitor, shop: Shop) -> None:
    key = json.loads(shop.run("apikey", "create", "Deneme", "--scopes", "metrics:read", "--json"))["key"]
    page = guest.page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    answer = page.goto("/api/v1/docs")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "img-src 'self' data:;" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<style|<script>|\sstyle=|\son\w+=", answer.text()) == []
    expect(page.locator(".opblock")).to_have_count(54)
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    dialog.locator("input").fill(key)
    dialog.locator("button[type=submit]").click()
    dialog.get_by_role("button", name="Close").first.click()
    operation = page.locator("#operations-Metrics-list_metric_definitions")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text("churn_rate")
    # data: images have no host.
    assert hosts - {""} == {urlsplit(guest.url).netloc}


def test_examples_of_the_manual_run_and_answer_as_it_says(shop: Shop, tmp_path: Path) -> None:
    # The manual has members; without a programme nobody can become one.
    programme = tmp_path / "programme.json"
    programme.write_text("{}")
    shop.run("loyalty", "apply", str(programme))
    till = shop.run("apikey", "create", "Till", "--scopes", "customers:read,metrics:read").strip()
    every = ",".join(re.findall(r"^\| `(\w+:\w+)`", MANUAL.read_text(), re.MULTILINE))
    master = shop.run("apikey", "create", "Everything", "--scopes", every).strip()
    blocks = re.findall(r"```sh\n(.*?)```(?:\s*```json\n(.*?)```)?", MANUAL.read_text(), re.DOTALL)
    assert len(blocks) == 7
    for commands, expected in blocks:
        for command in re.split(r"\n(?=curl)", commands.strip()):
            is_loyalty = "/loyalty" in command
            key = master if "POST" in command or "/segments" in command or is_loyalty else till
            said = command.replace("http://localhost:8000", shop.url).replace("$KEY", key)
            said = said.replace("ayse@example.com", "isil.igdir@example.com")
            done = subprocess.run([*shlex.split(said), "-sS"], capture_output=True, text=True, check=True, timeout=60)
            answer = json.loads(done.stdout)
            if expected and is_loyalty:
                # Who is enrolled now has another number, and nothing yet.
                assert answer.keys() == json.loads(expected).keys()
            elif expected:
                assert answer == json.loads(expected)
            else:
                assert "status" not in answer, answer
