"""Collects the words of the screens into the catalogue and compiles it, without GNU gettext: `make messages`.

The Turkish beside a text is kept; what the sources no longer say is dropped; a new text enters empty, and
`tools.check_translations` refuses it until somebody has written the Turkish.
"""

import io
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

SOURCES: Final = Path(__file__).resolve().parent.parent / "src" / "sadakat"
CATALOGUE: Final = SOURCES / "locale" / "tr" / "LC_MESSAGES" / "django.po"
# As in Django's own Turkish: its catalogue and ours are joined, and must count alike.
_PLURAL_FORMS: Final = "nplurals=2; plural=(n > 1)"
# A catalogue changes only when words do, so it bears no date of its making.
_DATE: Final = datetime(2026, 1, 1, tzinfo=UTC)
_PLAIN, _PLURAL, _WITH_CONTEXT = None, (1, 2), ((1, "c"), 2)
_KEYWORDS: Final = {
    "_": _PLAIN,
    "gettext": _PLAIN,
    "gettext_lazy": _PLAIN,
    "gettext_noop": _PLAIN,
    "ngettext": _PLURAL,
    "ngettext_lazy": _PLURAL,
    "pgettext": _WITH_CONTEXT,
    "pgettext_lazy": _WITH_CONTEXT,
}


def empty_catalogue() -> Catalog:
    """A Turkish catalogue without messages."""
    catalogue = Catalog(locale="tr", project="Sadakat", creation_date=_DATE, revision_date=_DATE, fuzzy=False)
    catalogue.mime_headers = [("Plural-Forms", _PLURAL_FORMS)]
    return catalogue


def _python(path: Path) -> bytes:
    """What the extractor of Python reads: a module itself, or a template's texts written as calls."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        # Outside of the calls only indentation could trouble Python's tokenizer.
        source = re.sub(r"^[ \t]+", "", templatize(source), flags=re.MULTILINE)
    return source.encode()


def source_files(folder: Path) -> Iterator[Path]:
    """Modules and templates below `folder`, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.suffix in {".py", ".html"})


def collected(folder: Path = SOURCES) -> Catalog:
    """Everything that the sources below `folder` say, without translations."""
    catalogue = empty_catalogue()
    for path in source_files(folder):
        name = path.relative_to(folder).as_posix()
        for line, text, _comments, context in extract("python", io.BytesIO(_python(path)), keywords=_KEYWORDS):
            catalogue.add(text, locations=[(name, line)], context=context)
    return catalogue


def known(path: Path = CATALOGUE) -> Catalog:
    """The catalogue as it is kept."""
    if not path.exists():
        return empty_catalogue()
    with path.open("rb") as file:
        return read_po(file, locale="tr")


def merged(said: Catalog, kept: Catalog) -> Catalog:
    """What the sources say, with the Turkish that is kept for it."""
    catalogue = empty_catalogue()
    for message in said:
        old = kept.get(message.id, context=message.context) if message.id else None
        if message.id:
            catalogue.add(
                message.id,
                string=old.string if old and old.pluralizable == message.pluralizable else None,
                locations=message.locations,
                flags=message.flags | ({"fuzzy"} & set(old.flags if old else ())),
                user_comments=old.user_comments if old else (),
                context=message.context,
            )
    return catalogue


def write(catalogue: Catalog, path: Path = CATALOGUE) -> None:
    """The readable file and beside it the compiled one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalogue)


def forms(value: str | Sequence[str] | None) -> list[str]:
    """The one form of a text, or each of its plural forms; none where there is no text."""
    return [value] if isinstance(value, str) else list(value or ())


def main() -> None:
    """Renews both files and says what still needs Turkish."""
    catalogue = merged(collected(), known())
    write(catalogue)
    missing = [m for m in catalogue if m.id and not all(forms(m.string))]
    sys.stdout.write(f"{len(catalogue)} texts, {len(missing)} without Turkish\n")


if __name__ == "__main__":
    main()
