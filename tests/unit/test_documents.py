"""Documents: words stay words, nothing but the given files is read, the letters are there."""

import json
import struct
from datetime import UTC, datetime

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from sadakat.kernel.errors import Invalid
from sadakat.platform import documents

SQUARE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'


def test_a_pdf_is_the_same_every_time_and_says_its_date_only_when_told() -> None:
    markup = "= " + documents.text("Işıl ğüşıİöç ₺1.234,50") + '\n#image("square.svg")'
    made = documents.pdf(markup, files={"square.svg": SQUARE})
    assert made.startswith(b"%PDF-1.7")
    assert made == documents.pdf(markup, files={"square.svg": SQUARE})
    assert b"CreationDate" not in made
    dated = documents.pdf(markup, files={"square.svg": SQUARE}, at=datetime(2026, 5, 4, 3, 2, 1, 999, tzinfo=UTC))
    assert b"CreationDate(D:20260504030201" in dated.replace(b" ", b"")


def test_a_png_has_the_size_asked_for_and_a_drawing_is_svg() -> None:
    page = "#set page(width: 72pt, height: 36pt)\n"
    assert struct.unpack(">II", documents.png(page, dots_per_inch=72)[16:24]) == (72, 36)
    assert documents.svg(page).startswith(b'<svg viewBox="0 0 72 36"')


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_whatever_the_words_are_markup_reads_them_back_as_they_are(words: str) -> None:
    told = typst.query(f"#metadata({documents.string(words)}) <it>".encode(), "<it>", field="value", one=True)
    assert json.loads(told) == words


def test_words_stand_as_they_are_even_before_what_looks_like_a_call() -> None:
    told = typst.query(f"#metadata[{documents.text('#a *b* ]')}.len()] <it>".encode(), "<it>", field="value", one=True)
    # Two texts stand side by side: nothing of the first is read, and the second calls nothing on it.
    assert [part["text"] for part in json.loads(told)["children"]] == ["#a *b* ]", ".len()"]


@pytest.mark.parametrize("markup", ["#nope", '#image("../a.svg")', '#read("/etc/passwd")'])
def test_markup_that_does_not_compile_is_a_fault_of_ours(markup: str) -> None:
    with pytest.raises(ValueError, match="the markup of a document does not compile: error: "):
        documents.pdf(markup)


def test_a_picture_has_one_page_and_a_file_a_plain_name() -> None:
    with pytest.raises(ValueError, match="a picture has one page, not 2"):
        documents.png("a #pagebreak() b")
    with pytest.raises(ValueError, match=r"a file of a document has a plain name, not '\.\./a'"):
        documents.pdf("", files={"../a": b""})


def test_more_than_the_limit_is_refused() -> None:
    with pytest.raises(Invalid, match="at most 8000000 bytes of markup and pictures, not 8000001"):
        documents.png("", files={"a": b" " * (documents.MAX_BYTES + 1)})
