"""The journey map as a document: markup made from the grid that the page shows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from sadakat.platform import documents
from sadakat.platform.documents import string, text
from sadakat.platform.ui import heat

# The accent of the console; a cell of the strongest shade has a third of it, as on the page.
_ACCENT: Final = (0x1C, 0x6F, 0x6B)
_STRONGEST: Final = 0.32
_PAGES: Final = {
    "pdf": '#set page(paper: "a4", flipped: true, margin: 14mm, numbering: "1 / 1")',
    "png": "#set page(width: 290mm, height: auto, margin: 12mm)",
    "svg": "#set page(width: 290mm, height: auto, margin: 12mm)",
}


def document(
    grid: Mapping[str, Any],
    *,
    form: str,
    title: str,
    subtitle: str,
    notes: Sequence[str],
    actions: Sequence[Mapping[str, Any]],
    at: datetime,
) -> bytes:
    """The map as `pdf`, `png` or `svg`; what is to be done follows in the PDF."""
    parts = [_PAGES[form], _head(title), _table(grid), *(f"#note[{text(note)}]" for note in notes)]
    parts.insert(2, f"#block(below: 10pt, text(size: 10pt, fill: soft, {string(subtitle)}))")
    if form == "pdf":
        return documents.pdf("\n".join([*parts, _to_do(actions)]), at=at)
    return (documents.png if form == "png" else documents.svg)("\n".join(parts))


def _head(title: str) -> str:
    return f"""
#set document(title: {string(title)})
#set text(font: "Libertinus Serif", size: 10pt, lang: {string(get_language() or "en")}, fill: rgb("#1c2321"))
#let soft = rgb("#5c6663")
#let line = 0.5pt + rgb("#e6e3dd")
#let note(body) = block(above: 6pt, below: 0pt, text(size: 8.5pt, fill: soft, body))
#let figure-of(big, lines) = {{
  text(size: 12pt, weight: "bold", big)
  for one in lines {{ linebreak(); text(size: 8pt, one) }}
}}
#show heading.where(level: 1): it => block(below: 10pt, text(size: 20pt, it.body))
#show heading.where(level: 2): it => block(above: 18pt, below: 8pt, text(size: 13pt, it.body))
= {text(title)}"""


def _table(grid: Mapping[str, Any]) -> str:
    heads = "".join(
        f"[#strong({string(name)}) #linebreak() #text(size: 8pt, fill: soft, {string(count)})],"
        for name, count in grid["heads"]
    )
    rows = "\n".join(
        f"[#strong({string(row['name'])})], " + ", ".join(_cell(cell) for cell in row["cells"]) + ","
        for row in grid["rows"]
    )
    columns = ", ".join(["1.3fr", *(["1fr"] * len(grid["heads"]))])
    return f"#table(columns: ({columns}), stroke: line, inset: 6pt, table.header([], {heads}),\n{rows})"


def _cell(cell: Mapping[str, Any]) -> str:
    lines = "".join(f"{string(one)}, " for one in cell["lines"])
    return f'table.cell(fill: rgb("{_shade(cell["shade"])}"), figure-of({string(cell["reach"])}, ({lines})))'


def _shade(step: int) -> str:
    share = _STRONGEST * step / heat.SHADES
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in _ACCENT)


def _to_do(actions: Sequence[Mapping[str, Any]]) -> str:
    if not actions:
        return ""
    names = ("title", "where", "owner", "due", "state")
    labels = (_("Improvement"), _("Where"), _("Owner"), _("Due"), _("State"))
    heads = ", ".join(f"strong({string(label)})" for label in labels)
    rows = "\n".join(", ".join(string(each[name]) for name in names) + "," for each in actions)
    return f"""
== {text(_("What is to be done"))}
#table(columns: (2fr, 1.6fr, 1fr, auto, auto), stroke: (x: none, y: line), inset: 5pt, table.header({heads}),
{rows})"""
