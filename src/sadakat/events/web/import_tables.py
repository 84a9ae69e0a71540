"""The tables of the import pages."""

from collections.abc import Mapping, Sequence
from typing import Final

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.events import api as events
from sadakat.events.types import ImportNote, ImportState, ImportTarget, PreviewRow
from sadakat.events.web import import_words
from sadakat.platform import brand
from sadakat.platform.ui import parts, reasons

SHOWN_IMPORTS: Final = 50

_FILE_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("File")),
    parts.Column(label=gettext_lazy("What")),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("New rows"), is_numeric=True),
    parts.Column(label=gettext_lazy("Duplicates"), is_numeric=True),
    parts.Column(label=gettext_lazy("Rejected"), is_numeric=True),
    parts.Column(label=gettext_lazy("Who")),
    parts.Column(label=gettext_lazy("When")),
]
_PREVIEW_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Line"), is_numeric=True),
    parts.Column(label=gettext_lazy("What")),
    parts.Column(label=gettext_lazy("Who")),
    parts.Column(label=gettext_lazy("When")),
    parts.Column(label=gettext_lazy("Details")),
]
_NOTE_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Reason")),
    parts.Column(label=gettext_lazy("Column")),
    parts.Column(label=gettext_lazy("Rows"), is_numeric=True),
    parts.Column(label=gettext_lazy("First on line"), is_numeric=True),
]


def files(request: HttpRequest, targets: Mapping[str, ImportTarget]) -> parts.Table:
    """The latest files of these targets, and what became of each."""
    rows = [
        {
            "file": found,
            "target": targets[found.target].label,
            "state": import_words.STATES[found.state],
            "report": found.report if found.state is ImportState.DONE else None,
        }
        for found in events.file_imports(limit=SHOWN_IMPORTS)
        if found.target in targets
    ]
    text = _("Bring what you have: %(what)s, as CSV, Excel, Parquet or JSON lines.")
    return parts.short_table(
        request,
        caption=_("Imports"),
        columns=_FILE_COLUMNS,
        rows=rows,
        empty=parts.Empty(
            icon="file-up",
            title=_("No file has been imported yet"),
            text=text % {"what": ", ".join(str(target.label) for target in targets.values())},
        ),
    )


def notes(request: HttpRequest, caption: str, found: Sequence[ImportNote]) -> parts.Table:
    """What happened to rows, by reason."""
    return parts.short_table(
        request,
        caption=caption,
        columns=_NOTE_COLUMNS,
        # Without a column the example is often a reason in full; with one it is always a value.
        rows=[
            {"note": note, "example": note.example if note.column else reasons.told(note.example).text}
            for note in found
        ],
        empty=parts.Empty(icon="check", title=_("None")),
    )


def preview(request: HttpRequest, found: Sequence[PreviewRow], *, target: ImportTarget) -> parts.Table:
    """What the first rows would become, readable."""
    here = brand.current()
    return parts.short_table(
        request,
        caption=_("The first rows"),
        columns=_PREVIEW_COLUMNS,
        rows=[
            {"number": row.number, "told": import_words.told(row.message, target=target, here=here)} for row in found
        ],
        empty=parts.Empty(icon="file-x", title=_("No row of this file can be imported")),
    )
