"""A look at the beginning of a file: how it is to be read, and what its columns probably say."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.utils import translation

from sadakat.events.files import cells, guessing, presets, targets
from sadakat.events.files.reading import open_table, sheet_names
from sadakat.events.files.report import OWN_COLUMNS
from sadakat.events.types import CellType, ColumnSample, FileFormat, FileKind, ImportField, ImportTarget, Inspection
from sadakat.kernel import text
from sadakat.platform import brand

MAX_SAMPLES: Final = 5
_SIGNS = re.compile(r"[\W_]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"(?:\+|00)[1-9]\d{7,13}|(?:\+?90|0)?5\d{9}")
_NOT_DIGITS = re.compile(r"[\s().-]+")


def inspect_file(
    path: Path,
    *,
    file_name: str,
    target: str,
    format: FileFormat | None = None,  # noqa: A002 - the word of the plan
    said: Mapping[str, Any] = MappingProxyType({}),
) -> Inspection:
    """What the first records of a file tell.

    `format` is taken instead of a guess; `said` are fields of it that people say, the others being guessed. A saved
    preset for the same columns goes before every suggestion.

    Raises:
        Invalid: the file cannot be read, or there is no such target.
    """
    wanted = targets.target_named(target)
    guess = format or guessing.guess_format(path, file_name=file_name, said=said)
    with open_table(path, format=guess) as table:
        columns = table.columns
        records = [record for record in islice(table.records, guessing.SAMPLE_RECORDS) if not record.fault]
    if format is None:
        guess = guessing.guess_marks(guess, values=(cell for record in records for cell in record.cells))
    values = {
        name: [record.cells[place] for record in records if not cells.is_empty(record.cells[place])]
        for place, name in enumerate(columns)
    }
    preset = presets.preset_for(target, columns=[name for name in columns if name not in OWN_COLUMNS])
    if preset is not None and format is None:
        # How the file is written down may differ from the last time; what its values mean does not.
        kept = preset.plan.format
        guess = replace(guess, decimal_mark=kept.decimal_mark, day_order=kept.day_order)
    guess = replace(guess, **said)
    suggestions = preset.plan.mapping if preset else suggest(wanted, values=values, format=guess)
    return Inspection(
        format=guess,
        columns=tuple(
            ColumnSample(
                name=name,
                samples=tuple(cells.written(value, decimal_mark=guess.decimal_mark) for value in said[:MAX_SAMPLES]),
                suggestion=suggestions.get(name, ""),
            )
            for name, said in values.items()
        ),
        sheets=sheet_names(path) if guess.kind is FileKind.EXCEL else (),
        preset=preset.name if preset else "",
    )


def suggest(
    target: ImportTarget,
    *,
    values: Mapping[str, Sequence[Any]],
    format: FileFormat,  # noqa: A002
) -> dict[str, str]:
    """The field of each column, by its heading and else by its values; a field is suggested for one column only."""
    columns = [name for name in values if name not in OWN_COLUMNS]
    suggested = {
        name: name
        for name in columns
        if target.other_prefix and name.startswith(f"{target.other_prefix}:") and not name.endswith(":")
    }
    ways: tuple[Callable[[ImportField], set[str]], ...] = (_own_name, _headings)
    for way in ways:
        known = {heading: field.name for field in reversed(target.fields) for heading in way(field)}
        for column in columns:
            field = known.get(_bare(column), "")
            if field and column not in suggested and field not in suggested.values():
                suggested[column] = field
    for column in columns:
        if column not in suggested and values[column]:
            field = _by_values(target, values=values[column], format=format)
            if field and field not in suggested.values():
                suggested[column] = field
    return suggested


def _own_name(field: ImportField) -> set[str]:
    return {_bare(field.name)}


def _headings(field: ImportField) -> set[str]:
    """Every heading that means the field: its label in each language and its other names."""
    names = {_bare(alias) for alias in field.aliases}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            names.add(_bare(str(field.label)))
    return names - {""}


def _bare(heading: str) -> str:
    """A heading without case, signs, blanks and Turkish letters: `E-Posta Adresi` is `epostaadresi`.

    >>> _bare("E-Posta_Adresi"), _bare("Müşteri No.")
    ('epostaadresi', 'musterino')
    """
    return _SIGNS.sub("", text.fold(heading))


def _by_values(target: ImportTarget, *, values: Sequence[Any], format: FileFormat) -> str:  # noqa: A002
    """The field that all values look like: an e-mail, a phone, or the one time that the target needs."""
    names = {field.name for field in target.fields}
    written = [cells.written(value, decimal_mark=".") for value in values]
    if "email" in names and all(_EMAIL.fullmatch(value.strip()) for value in written):
        return "email"
    if "phone" in names and all(_PHONE.fullmatch(_NOT_DIGITS.sub("", value)) for value in written):
        return "phone"
    needed = [field.name for field in target.fields if field.is_required and field.type is CellType.INSTANT]
    if len(needed) == 1 and all(_is_instant(value, format=format) for value in values):
        return needed[0]
    return ""


def _is_instant(value: Any, *, format: FileFormat) -> bool:  # noqa: A002
    try:
        cells.instant(value, day_order=format.day_order, zone=brand.current().zone)
    except cells.Unreadable:
        return False
    return True
