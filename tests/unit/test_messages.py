"""The catalogue of words: collected from modules and templates, merged, compiled, checked."""

from pathlib import Path

import pytest
from tools import check_translations, messages

MODULE = """
from django.utils.translation import gettext as _, ngettext, pgettext_lazy
def words(n): return _("Customers"), ngettext("%(n)s order", "%(n)s orders", n), pgettext_lazy("month", "May")
"""
TEMPLATE = """{% load i18n %}
   {% translate "Customers" %}
 {% if x %}
     {% blocktranslate count n=x %}{{ n }} order of {{ name }}{% plural %}{{ n }} orders of {{ name }}{% endblocktranslate %}
  <p title="{% translate 'Close' %}">it's 09 o'clock (</p>
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "web" / "templates").mkdir(parents=True)
    (tmp_path / "words.py").write_text(MODULE)
    (tmp_path / "web" / "templates" / "page.html").write_text(TEMPLATE)
    return tmp_path


def _translate(catalogue, **turkish: str | tuple[str, str]) -> None:
    for message in catalogue:
        if message.id:
            text = message.id if isinstance(message.id, str) else message.id[0]
            message.string = turkish.get(text.split()[0], message.id)


def _said(catalogue) -> set[tuple[object, str | None]]:
    return {(message.id, message.context) for message in catalogue if message.id}


def test_collects_modules_and_templates(sources: Path) -> None:
    catalogue = messages.collected(sources)
    assert _said(catalogue) == {
        ("Customers", None),
        (("%(n)s order", "%(n)s orders"), None),
        ("May", "month"),
        (("%(n)s order of %(name)s", "%(n)s orders of %(name)s"), None),
        ("Close", None),
    }
    assert [name for name, _ in catalogue["Customers"].locations] == ["web/templates/page.html", "words.py"]


def test_round_keeps_the_turkish_and_changes_nothing(sources: Path) -> None:
    path = sources / "django.po"
    kept = messages.collected(sources)
    _translate(kept, Customers="Müşteriler", May="Mayıs")
    messages.write(kept, path)
    before = path.read_bytes(), path.with_suffix(".mo").read_bytes()
    messages.write(messages.merged(messages.collected(sources), messages.known(path)), path)
    assert (path.read_bytes(), path.with_suffix(".mo").read_bytes()) == before
    again = messages.known(path)
    assert again["Customers"].string == "Müşteriler"
    assert again.get("May", context="month").string == "Mayıs"
    assert again.plural_forms == "nplurals=2; plural=(n > 1);"


def test_what_is_said_no_more_is_dropped_and_the_new_enters_empty(sources: Path) -> None:
    path = sources / "django.po"
    kept = messages.collected(sources)
    _translate(kept)
    messages.write(kept, path)
    (sources / "words.py").write_text('from django.utils.translation import gettext\ngettext("Segments")\n')
    merged = messages.merged(messages.collected(sources), messages.known(path))
    assert not merged["Segments"].string
    assert merged.get("May", context="month") is None
    assert merged["Close"].string == "Close"


def test_good_turkish_has_no_fault(sources: Path) -> None:
    path = sources / "django.po"
    kept = messages.collected(sources)
    _translate(kept)
    messages.write(kept, path)
    found = check_translations.faults(
        messages.collected(sources), messages.known(path), check_translations.compiled(path)
    )
    assert list(found) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda kept: setattr(kept["Close"], "string", ""), "web/templates/page.html: 'Close' has no Turkish"),
        (lambda kept: kept["Close"].flags.add("fuzzy"), "'Close' is marked fuzzy"),
        (lambda kept: kept.delete("Close"), "'Close' is not in the catalogue"),
        (lambda kept: kept.add("Gone", "Gitti"), "'Gone' is said nowhere any more"),
        (
            lambda kept: setattr(kept[("%(n)s order", "%(n)s orders")], "string", ("%(n)s sipariş", "%(m)s sipariş")),
            "'%(n)s order' has other placeholders",
        ),
        (
            lambda kept: setattr(kept[("%(n)s order", "%(n)s orders")], "string", ("%(n)s sipariş", "")),
            "'%(n)s order' has no Turkish",
        ),
    ],
)
def test_each_fault_is_named(sources: Path, spoil, fault: str) -> None:
    path = sources / "django.po"
    kept = messages.collected(sources)
    _translate(kept)
    spoil(kept)
    messages.write(kept, path)
    found = list(
        check_translations.faults(messages.collected(sources), messages.known(path), check_translations.compiled(path))
    )
    assert any(fault in sentence for sentence in found), found


def test_compiled_catalogue_that_is_out_of_date_is_a_fault(sources: Path) -> None:
    path = sources / "django.po"
    kept = messages.collected(sources)
    _translate(kept)
    messages.write(kept, path)
    stale = check_translations.compiled(path)
    kept["Close"].string = "Kapat"
    assert list(check_translations.faults(messages.collected(sources), kept, stale)) == [
        "the compiled catalogue is out of date: run `make messages`"
    ]
