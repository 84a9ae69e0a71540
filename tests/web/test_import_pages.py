"""Bringing a file: uploaded, its columns named, checked, imported; and the same file once more."""

import re
from datetime import UTC, datetime
from typing import Any

import psycopg
from playwright.sync_api import FilePayload, Page, expect
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.web import shop as shop_data
from tests.web.conftest import Shop, Visitor
from tests.web.looks import walk

WORKS_MILLISECONDS = 30_000
# Windows-1254, semicolons and decimal commas: as Excel saves it in Türkiye. The fourth line names no product, the
# fifth repeats the first.
PRODUCTS = """Ürün Kodu;Ürün Adı;Kategori;Fiyat;Raf
KG-1;Keten gömlek;Kadın;1.284,50;A3
KG-2;Iğdır kilimi;Ev;12.500;B1
KG-3;Çorap;Kadın;99,90;
;İsimsiz ürün;Kadın;10,00;B2
KG-1;Keten gömlek;Kadın;1.284,50;A3
"""
CUSTOMERS = """Müşteri No,Ad Soyad,E-posta,Ayakkabı numarası
9001,IŞIL ĞÜMÜŞ,isil.gumus@example.com,38
9002,Barış Öz,baris.oz@example.com,44
"""
NOTE = {
    "column": "Fiyat",
    "reason": "expected a number such as 1.284,50",
    "count": 39,
    "first_row": 17,
    "example": "pahalı",
}
REPORT = {"rows": 2012, "accepted": 1893, "duplicates": 80, "rejected": 39, "rejections": [NOTE], "warnings": [NOTE]}


def _upload(page: Page, *, target: str, name: str, content: bytes) -> None:
    page.goto("/settings/imports/new/")
    page.get_by_role("radio", name=re.compile(f"^{target} ")).check()
    page.get_by_label("File", exact=True).set_input_files(FilePayload(name=name, mimeType="text/csv", buffer=content))
    page.get_by_role("button", name="Upload").click()


def _figures(page: Page) -> list[str]:
    """Rows, new ones, duplicates, rejected ones."""
    return page.locator(".strip dd").all_inner_texts()


def _check(page: Page) -> None:
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".page .chip")).to_have_text("Checked, not imported", timeout=WORKS_MILLISECONDS)


def _kept(connection: psycopg.Connection[Any], *, state: str, **values: Any) -> int:
    """An import that stands as no worker leaves it for long enough to look at."""
    row = {
        "target": "products",
        "file_name": "Ürünler (son hâli).csv",
        "file_hash": "0" * 64,
        "size_bytes": 123_456,
        "source_id": 1,
        "state": state,
        "plan": Jsonb({"target": "products", "mapping": {"No": "product_id"}, "format": {"kind": "csv"}}),
        "rows_done": 0,
        "rows_total": None,
        "report": None,
        "error": "",
        "is_cancel_asked": False,
        "actor": "user:1",
        "actor_name": "Deniz Aydın",
        "created_at": datetime.now(UTC),
        "finished_at": None,
        **values,
    }
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    places = sql.SQL(", ").join(map(sql.Placeholder, row))
    found = connection.execute(
        sql.SQL("INSERT INTO events_fileimport ({}) VALUES ({}) RETURNING id").format(columns, places), row
    ).fetchone()
    assert found is not None
    return int(found[0])


def test_file_is_read_checked_imported_and_counts_once(console: Visitor) -> None:
    page = console.page()
    content = PRODUCTS.encode("cp1254")
    _upload(page, target="Products", name="Ürünler.csv", content=content)
    expect(page.get_by_role("heading", level=1)).to_have_text("Ürünler.csv")
    expect(page.locator("main")).to_contain_text("CSV · Semicolon · Turkish (Windows-1254)")
    assert page.get_by_label("Ürün Kodu", exact=True).locator("option:checked").inner_text() == "Product number"
    assert page.get_by_label("Ürün Adı", exact=True).locator("option:checked").inner_text() == "Product name"
    assert page.get_by_label("Fiyat", exact=True).locator("option:checked").inner_text() == "Price"
    expect(page.locator(".pairing")).to_contain_text("Keten gömlek · Iğdır kilimi · Çorap")
    page.get_by_label("Raf", exact=True).select_option(label="Property")
    page.get_by_label("Name for “Raf”").fill("shelf")
    page.get_by_label("Save as").fill("Depo listesi")
    _check(page)

    assert _figures(page) == ["5", "3", "1", "1"]
    reason = page.locator("tbody tr", has_text="product_id or sku must have 1 to")
    assert reason.locator("td").all_inner_texts() == ["the whole row", "1", "5"]
    preview = page.get_by_role("table", name="The first rows")
    expect(preview.locator("tbody tr", has_text="Iğdır kilimi")).to_contain_text("Price 12,500")
    expect(preview.locator("tbody tr").first).to_contain_text("Price 1,284.50")
    expect(preview.locator("tbody tr").first).to_contain_text("shelf A3")
    page.get_by_role("button", name="Import 3 rows").click()
    expect(page.locator(".page .chip")).to_have_text("Imported", timeout=WORKS_MILLISECONDS)
    assert _figures(page) == ["5", "3", "1", "1"]
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download the rejected rows").click()
    assert saved.value.suggested_filename == "Ürünler-rejected.csv"
    rejected = saved.value.path().read_text(encoding="utf-8-sig")
    assert rejected.count("\n") == 2
    assert "İsimsiz ürün" in rejected

    page.get_by_role("link", name="Import the next file").click()
    expect(page.get_by_role("radio", name="Products")).to_be_checked()
    _upload(page, target="Products", name="Ürünler (2).csv", content=content)
    expect(page.locator("main")).to_contain_text("as in the saved mapping “Depo listesi”")
    expect(page.get_by_label("Name for “Raf”")).to_have_value("shelf")
    _check(page)
    assert _figures(page) == ["5", "0", "4", "1"]
    expect(page.get_by_role("button", name="Import")).to_have_count(0)

    page.goto("/settings/imports/")
    row = page.locator("tbody tr", has=page.get_by_role("link", name="Ürünler.csv"))
    assert row.locator("td").all_inner_texts()[:5] == ["Products", "Imported", "3", "1", "1"]
    page.locator("li", has_text="Depo listesi").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".toast.success")).to_contain_text("Depo listesi")
    expect(page.locator("main")).not_to_contain_text("Depo listesi")


def test_what_would_be_imported_is_shown_and_can_be_discarded(marketer: Visitor) -> None:
    page = marketer.page()
    _upload(page, target="Customers", name="üyeler.csv", content=CUSTOMERS.encode())
    _check(page)
    assert _figures(page) == ["2", "2", "0", "0"]
    row = page.get_by_role("table", name="The first rows").locator("tbody tr").first
    expect(row).to_contain_text("Işıl Ğümüş · 9001")
    expect(row).to_contain_text("E-mail isil.gumus@example.com")
    page.get_by_role("link", name="Change the mapping").click()
    page.get_by_label("E-posta", exact=True).select_option(label="Leave out")
    _check(page)
    expect(page.get_by_role("table", name="The first rows")).not_to_contain_text("isil.gumus@example.com")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("dialog")).to_contain_text("üyeler.csv and its list of rejected rows are deleted")
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.locator(".toast.success")).to_contain_text("üyeler.csv was discarded.")
    expect(page.locator("main")).not_to_contain_text("üyeler.csv")
    page.goto("/search/?q=isil.gumus@example.com")
    expect(page.locator(".empty")).to_be_visible()


def test_how_the_file_is_read_can_be_said_otherwise(console: Visitor) -> None:
    page = console.page()
    _upload(page, target="Products", name="fiyatlar.csv", content="Ürün Kodu;Fiyat\nKG-9;1.284\n".encode())
    page.get_by_text("Read it otherwise").click()
    page.get_by_label("Columns are parted by").select_option(label="Comma")
    page.get_by_role("button", name="Read again").click()
    expect(page.locator("main")).to_contain_text("CSV · Comma · UTF-8")
    expect(page.locator(".pairing label").first).to_have_text("Ürün Kodu;Fiyat")
    page.get_by_label("Columns are parted by").select_option(label="Semicolon")
    page.get_by_label("Decimal mark").select_option(label="Comma: 1.284,50")
    page.get_by_role("button", name="Read again").click()
    expect(page.locator(".pairing li")).to_have_count(2)
    _check(page)
    expect(page.get_by_role("table", name="The first rows")).to_contain_text("Price 1,284")


def test_wrong_choices_are_refused_in_words(console: Visitor) -> None:
    page = console.page()
    _upload(page, target="Orders", name="boş.csv", content=b"")
    expect(page.locator(".errorlist")).to_have_text(
        "This file is empty. Choose one with a heading and at least one row."
    )
    _upload(page, target="Orders", name="bozuk.xlsx", content=b"PK\x03\x04 and then nothing of a workbook")
    expect(page.locator(".errorlist")).to_contain_text("the Excel file cannot be read")
    _upload(page, target="Orders", name="siparişler.csv", content=b"Siparis No,Tutar,Not\nS-1,10,x\n")
    expect(page.locator(".chip.warn")).to_contain_text("it is needed: Time of the order")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".errorlist")).to_have_text("Say which column holds this: Time of the order.")
    page.get_by_label("Not", exact=True).select_option(label="Total paid")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".errorlist")).to_have_text("Two columns cannot both be this: Total paid.")


def test_progress_is_shown_until_the_work_is_over(console: Visitor, shop: Shop) -> None:
    with psycopg.connect(shop.environment["DATABASE_URL"], autocommit=True) as connection:
        import_id = _kept(connection, state="running", rows_done=900, rows_total=2012)
        page = console.page()
        page.goto(f"/settings/imports/{import_id}/")
        expect(page.locator("#work")).to_contain_text("900 / 2,012")
        connection.execute("UPDATE events_fileimport SET rows_done = 1800 WHERE id = %s", [import_id])
        expect(page.locator("#work")).to_contain_text("1,800 / 2,012")
        connection.execute(
            "UPDATE events_fileimport SET state = 'failed', error = 'the disk is full' WHERE id = %s", [import_id]
        )
        expect(page.locator(".page .chip")).to_have_text("Failed")
        expect(page.locator("main")).to_contain_text("the disk is full")
        expect(page.get_by_role("button", name="Check again")).to_be_visible()


def test_work_is_stopped_and_can_be_taken_up_again(console: Visitor, shop: Shop) -> None:
    with psycopg.connect(shop.environment["DATABASE_URL"], autocommit=True) as connection:
        import_id = _kept(connection, state="running", rows_done=900, rows_total=2012)
    page = console.page()
    page.goto(f"/settings/imports/{import_id}/")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".page .chip")).to_have_text("Stopped")
    # Its file was never kept, so that there is nothing to check; the refusal says so.
    page.get_by_role("button", name="Check again").click()
    expect(page.locator(".toast.error").first).to_contain_text("has been cleared away; upload it again")


def test_support_does_not_import(guest: Visitor) -> None:
    page = guest.page()
    page.goto("/settings/imports/")
    page.get_by_label("E-mail address").fill("can@modanord.example")
    page.get_by_label("Password").fill(shop_data.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for your role")
    for path in ("/settings/imports/new/", "/settings/imports/1/", "/settings/imports/1/rejected/"):
        assert page.request.get(f"{guest.url}{path}").status == 403, path
    expect(page.locator("#nav")).not_to_contain_text("Imports")


def test_every_page_of_an_import_in_every_dress(console: Visitor, shop: Shop) -> None:
    page = console.page()
    _upload(page, target="Customers", name="Kadıköy mağazası üyeleri (Ekim-Kasım 2026).csv", content=CUSTOMERS.encode())
    mapping = page.url.removeprefix(console.url)
    _check(page)
    checked = page.url.removeprefix(console.url)
    with psycopg.connect(shop.environment["DATABASE_URL"], autocommit=True) as connection:
        kept = [
            _kept(connection, state=state, rows_done=900, rows_total=2012)
            for state in ("checking", "running", "failed", "cancelled")
        ]
        kept.append(_kept(connection, state="done", report=Jsonb(REPORT)))
    paths = [f"/settings/imports/{import_id}/" for import_id in kept]
    walk(console, ["/settings/imports/", "/settings/imports/new/", mapping, checked, *paths])
