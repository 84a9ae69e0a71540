"""Documents to keep or hand on: PDF, PNG and SVG from Typst markup, set with the fonts inside the typst wheel.

Markup is the code of whoever calls, never a person's text: that enters through `text` (in markup) or `string`
(in code), or as a file that the markup reads. Only the given files can be read, and no package is imported, so
nothing is fetched. The fonts are "Libertinus Serif", "New Computer Modern" and "DejaVu Sans Mono"; all three know
the Turkish letters and ₺.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final, Literal

import typst

from sadakat.kernel.errors import Invalid

MAX_BYTES: Final = 8_000_000
"""What markup and files together may weigh; a report of a hundred pages with charts is below a tenth of it."""
_NO_FILES: Final[Mapping[str, bytes]] = MappingProxyType({})
# Fonts of the machine are left out: the same markup looks the same wherever it is set.
_FONTS: Final = typst.Fonts(include_system_fonts=False)
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def string(value: object) -> str:
    r"""Words as a string of Typst code, without control characters.

    >>> print(string('Ayşe "A" \\ #evil'))
    "Ayşe \"A\" \\ #evil"
    """
    kept = "".join(c for c in str(value) if c == "\n" or unicodedata.category(c) != "Cc")
    return f'"{kept.translate(_ESCAPES)}"'


def text(value: object) -> str:
    """A person's words as they are, in markup: whatever they hold, nothing of it is read as markup.

    >>> print(text("*10%* #discount"))
    #"*10%* #discount";
    """
    return f"#{string(value)};"


def pdf(markup: str, *, files: Mapping[str, bytes] = _NO_FILES, at: datetime | None = None) -> bytes:
    """A PDF, tagged for screen readers.

    Args:
        markup: Typst markup.
        files: By name, what the markup may read: `image("map.svg")`.
        at: The moment it says it was made, to the second; none is said when it is not given.

    Raises:
        Invalid: markup and files are larger than `MAX_BYTES`.
        ValueError: the markup does not compile, or a file's name is a path; a fault of whoever wrote it.
    """
    if at is None:
        return _set("#set document(date: none)\n" + markup, files, "pdf")
    # Typst takes whole seconds alone.
    return _set(markup, files, "pdf", timestamp=at.astimezone(UTC).replace(microsecond=0))


def png(markup: str, *, files: Mapping[str, bytes] = _NO_FILES, dots_per_inch: int = 144) -> bytes:
    """A picture of the only page, so `#set page(height: auto)`; arguments and errors as for `pdf`.

    Raises:
        ValueError: also when there is more than one page.
    """
    return _set(markup, files, "png", ppi=float(dots_per_inch))


def svg(markup: str, *, files: Mapping[str, bytes] = _NO_FILES) -> bytes:
    """A drawing of the only page, its letters as outlines; arguments and errors as for `png`."""
    return _set(markup, files, "svg")


def _set(markup: str, files: Mapping[str, bytes], form: Literal["pdf", "png", "svg"], **options: Any) -> bytes:
    source = markup.encode()
    size = len(source) + sum(map(len, files.values()))
    if size > MAX_BYTES:
        raise Invalid(f"a document takes at most {MAX_BYTES} bytes of markup and pictures, not {size}")
    with TemporaryDirectory(prefix="sadakat-document-") as folder:
        for name, content in files.items():
            if Path(name).name != name or name in {".", ".."}:
                raise ValueError(f"a file of a document has a plain name, not {name!r}")
            (Path(folder) / name).write_bytes(content)
        try:
            made: Any = typst.compile(
                source, root=folder, font_paths=_FONTS, ignore_system_fonts=True, format=form, **options
            )
        except typst.TypstError as error:
            raise ValueError(f"the markup of a document does not compile: {error.diagnostic}") from error
    if isinstance(made, list):
        raise ValueError(f"a picture has one page, not {len(made)}")  # noqa: TRY004
    return made  # type: ignore[no-any-return]
