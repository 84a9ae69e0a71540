"""The words of the import pages, and what a message says, readable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.events.types import CellType, FileFormat, FileKind, ImportField, ImportState, ImportTarget
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid
from sadakat.platform.brand import Brand
from sadakat.platform.ui import formats
from sadakat.platform.ui.parts import Tone

STATES: Final[dict[ImportState, tuple[Any, Tone]]] = {
    ImportState.UPLOADED: (gettext_lazy("Columns to be named"), "warn"),
    ImportState.CHECKING: (gettext_lazy("Being checked"), "accent"),
    ImportState.CHECKED: (gettext_lazy("Checked, not imported"), "warn"),
    ImportState.RUNNING: (gettext_lazy("Being imported"), "accent"),
    ImportState.DONE: (gettext_lazy("Imported"), "good"),
    ImportState.FAILED: (gettext_lazy("Failed"), "bad"),
    ImportState.CANCELLED: (gettext_lazy("Stopped"), "off"),
}
STATE_ICONS: Final = {
    ImportState.UPLOADED: "columns-3",
    ImportState.CHECKING: "loader",
    ImportState.CHECKED: "eye",
    ImportState.RUNNING: "loader",
    ImportState.DONE: "check",
    ImportState.FAILED: "circle-alert",
    ImportState.CANCELLED: "circle-stop",
}
"""Of lucide, beside the words of `STATES`."""
SENTENCES: Final = {
    "customers": gettext_lazy("Who they are and how they are reached: one row for each customer."),
    "products": gettext_lazy("What you sell, with category and price: one row for each product."),
    "orders": gettext_lazy(
        "Sales online, in stores and at the till: one row for each order, or for each of its lines."
    ),
    "events": gettext_lazy("What customers did: one row for each event."),
    "spend": gettext_lazy("What advertising cost: one row for each day and channel."),
}
"""What a row is, by the name of the target."""
KINDS: Final = {
    FileKind.CSV: "CSV",
    FileKind.EXCEL: "Excel",
    FileKind.PARQUET: "Parquet",
    FileKind.JSON_LINES: "JSON lines",
}
ENCODINGS: Final = {
    "utf-8": "UTF-8",
    "cp1254": gettext_lazy("Turkish (Windows-1254)"),
    "iso8859-9": gettext_lazy("Turkish (ISO-8859-9)"),
    "cp1252": gettext_lazy("Western (Windows-1252)"),
    "utf-16": "UTF-16",
}
DELIMITERS: Final = {
    ",": gettext_lazy("Comma"),
    ";": gettext_lazy("Semicolon"),
    "\t": gettext_lazy("Tab"),
    "|": gettext_lazy("Bar |"),
}
_SHOWN_LINES: Final = 3
"""Of an order in the preview; the others are counted."""


def heading(target: ImportTarget) -> str:
    """A heading line that would do, in the reader's language: what is needed, then what is usual."""
    fields = sorted(target.fields, key=lambda each: not each.is_required)
    return "; ".join(str(each.label) for each in fields[:6])


def format_text(file_format: FileFormat) -> str:
    """How a file is read, in a few words."""
    told = [KINDS[file_format.kind]]
    if file_format.kind is FileKind.CSV:
        told.append(str(DELIMITERS.get(file_format.delimiter, file_format.delimiter)))
    if file_format.kind in {FileKind.CSV, FileKind.JSON_LINES}:
        told.append(str(ENCODINGS.get(file_format.encoding, file_format.encoding)))
    if file_format.sheet:
        told.append(file_format.sheet)
    return " · ".join(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message as people read it."""

    what: str
    who: str
    when: str
    facts: list[tuple[str, str]]


def told(message: Mapping[str, Any], *, target: ImportTarget, here: Brand) -> Told:
    """What a message of the tracking format says, with the labels of the target's fields where they are the same."""
    context = message.get("context") or {}
    traits = {**(context.get("traits") or {}), **(message.get("traits") or {})}
    facts = message.get("properties") or {}
    is_identify = message.get("type") == "identify"
    fields = {each.name: each for each in target.fields}
    shown = traits if is_identify else facts
    return Told(
        what=str(message.get("event") or (_("Customer") if is_identify else message.get("type"))),
        who=_who(message, traits),
        when=_when(message.get("timestamp"), here),
        facts=[
            _fact(name, value, field=fields.get(name) or fields.get(_snake(name)), here=here)
            for name, value in shown.items()
            if value not in (None, "", [], {})
        ],
    )


def _fact(name: str, value: Any, *, field: ImportField | None, here: Brand) -> tuple[str, str]:
    """A property or trait under its field's label, and by its field's type."""
    label = str(field.label) if field else _("Lines") if name == "products" else name
    if field and field.type is CellType.INSTANT:
        return label, _when(value, here)
    if field and field.type is CellType.DAY:
        return label, formats.short_date(date.fromisoformat(str(value)))
    return label, _value(value)


def _who(message: Mapping[str, Any], traits: Mapping[str, Any]) -> str:
    name = traits.get("name") or " ".join(str(traits[key]) for key in ("firstName", "lastName") if traits.get(key))
    ids = [message.get("userId"), traits.get("email"), traits.get("phone"), traits.get("card")]
    known = [str(each) for each in (name, *ids) if each]
    return " · ".join(known[:2]) or formats.UNKNOWN


def _when(stated: object, here: Brand) -> str:
    try:
        return formats.instant(time.instant(str(stated)), zone=here.zone)
    except Invalid:
        return formats.UNKNOWN


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float | Decimal):
        return formats.number(value, decimals=0 if value == int(value) else 2)
    if isinstance(value, Mapping):
        return ", ".join(_value(each) for each in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        rest = len(value) - _SHOWN_LINES
        shown = [_line(each) for each in value[:_SHOWN_LINES]]
        return ", ".join(shown) + (f" + {formats.number(rest)}" if rest > 0 else "")
    return str(value)


def _line(value: Any) -> str:
    """An order line as `2 × Linen shirt`; what is none, as it is."""
    if not isinstance(value, Mapping):
        return _value(value)
    name = value.get("name") or value.get("sku") or value.get("product_id")
    return f"{_value(value.get('quantity', 1))} × {name}" if name else _value(value)
