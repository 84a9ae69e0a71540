"""What people say about a file: what it holds, how it is written, and what its columns mean."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sadakat.events.types import (
    CellType,
    ColumnSample,
    FileFormat,
    FileKind,
    ImportPlan,
    ImportTarget,
    Inspection,
)
from sadakat.events.web import import_words

LEFT_OUT: Final = "-"
NAME_MAX_CHARACTERS: Final = 100

_DECIMAL_MARKS: Final = {",": _("Comma: 1.284,50"), ".": _("Point: 1,284.50")}
_DAY_ORDERS: Final = {"dmy": _("Day first: 31.12.2026"), "mdy": _("Month first: 12/31/2026")}
_KEPT_LABELS: Final = {"trait": _("Trait"), "property": _("Property")}
_KEPT_TYPES: Final = {
    CellType.NUMBER: _("number"),
    CellType.DAY: _("day"),
    CellType.INSTANT: _("time"),
    CellType.FLAG: _("yes or no"),
}
_OPTIONS: Final = {
    FileKind.CSV: ("encoding", "delimiter", "decimal_mark", "day_order"),
    FileKind.EXCEL: ("sheet", "decimal_mark", "day_order"),
    FileKind.PARQUET: ("decimal_mark", "day_order"),
    FileKind.JSON_LINES: ("encoding", "decimal_mark", "day_order"),
}
_LABELS: Final = {
    "encoding": _("Encoding"),
    "delimiter": _("Columns are parted by"),
    "sheet": _("Sheet"),
    "decimal_mark": _("Decimal mark"),
    "day_order": _("Days"),
}


class Upload(forms.Form):
    """A file, and what it holds."""

    target = forms.ChoiceField(label=_("What the file holds"), widget=forms.RadioSelect)
    file = forms.FileField(
        label=_("File"),
        max_length=255,
        help_text=_(
            "CSV (any encoding and delimiter), Excel (.xlsx), Parquet or JSON lines. The first row names the columns."
        ),
        error_messages={"empty": _("This file is empty. Choose one with a heading and at least one row.")},
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: MultiValueDict[str, Any] | None = None,
        *,
        targets: Sequence[ImportTarget],
        target: str = "",
    ) -> None:
        names = [each.name for each in targets]
        super().__init__(data, files, initial={"target": target if target in names else names[0]})
        choice = self.fields["target"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(each.name, each.label) for each in targets]


class FormatOptions(forms.Form):
    """How a file is to be read; only what its kind leaves open is asked."""

    def __init__(self, data: Mapping[str, Any], *, inspection: Inspection) -> None:
        guess = inspection.format
        super().__init__(data or None, initial=asdict(guess))
        choices: dict[str, Mapping[str, Any]] = {
            "encoding": import_words.ENCODINGS,
            "delimiter": import_words.DELIMITERS,
            "sheet": dict.fromkeys(inspection.sheets),
            "decimal_mark": _DECIMAL_MARKS,
            "day_order": _DAY_ORDERS,
        }
        for name in _OPTIONS[guess.kind]:
            # What was guessed can be chosen, even where nobody would offer it.
            offered = {**dict.fromkeys([getattr(guess, name)]), **choices[name]}
            self.fields[name] = forms.ChoiceField(
                label=_LABELS[name],
                required=False,
                choices=[(value, label or value) for value, label in offered.items() if value],
            )

    @property
    def chosen(self) -> dict[str, Any]:
        """What the address says otherwise than was guessed; nonsense counts as not said."""
        return {name: value for name, value in self.cleaned_data.items() if value} if self.is_valid() else {}

    def format(self, guess: FileFormat) -> FileFormat:
        """The guess with what the address says."""
        return replace(guess, **self.chosen)


class Columns(forms.Form):
    """What each column means: one choice a column, and a name where it is kept under one of its own."""

    preset_name = forms.CharField(
        label=_("Save as"),
        required=False,
        max_length=NAME_MAX_CHARACTERS,
        help_text=_("A name for these choices. The next file with the same columns is then read in the same way."),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        columns: Sequence[ColumnSample],
        target: ImportTarget,
        mapping: Mapping[str, str],
    ) -> None:
        super().__init__(data)
        self._columns, self._target = columns, target
        choices = _meanings(target)
        for number, column in enumerate(columns):
            meaning, name = _split(mapping.get(column.name, ""), target)
            self.fields[f"field_{number}"] = forms.ChoiceField(label=column.name, choices=choices, initial=meaning)
            if target.other_prefix:
                self.fields[f"name_{number}"] = forms.CharField(
                    label=gettext("Name for “%(column)s”") % {"column": column.name},
                    required=False,
                    max_length=NAME_MAX_CHARACTERS,
                    initial=name or column.name[:NAME_MAX_CHARACTERS],
                )

    def pairs(self) -> list[dict[str, Any]]:
        """Each column with its choice, for the page."""
        return [
            {
                "column": column,
                "choice": self[f"field_{number}"],
                "name": self[f"name_{number}"] if self._target.other_prefix else None,
            }
            for number, column in enumerate(self._columns)
        ]

    def missing(self) -> list[str]:
        """Labels of the fields without which the file cannot be imported and which no column holds yet."""
        chosen = {str(pair["choice"].value()) for pair in self.pairs()}
        return [str(each.label) for each in self._target.fields if each.is_required and each.name not in chosen]

    def clean(self) -> dict[str, Any]:
        """Refuses two columns for one thing, and columns that are wanting."""
        counts = Counter(self._mapping().values())
        labels = {each.name: str(each.label) for each in self._target.fields}
        if twice := [labels.get(name, name) for name, count in counts.items() if count > 1]:
            text = gettext("Two columns cannot both be this: %(names)s.")
            raise forms.ValidationError(text % {"names": ", ".join(twice)})
        if missing := self.missing():
            text = gettext("Say which column holds this: %(names)s.")
            raise forms.ValidationError(text % {"names": ", ".join(missing)})
        if not counts:
            raise forms.ValidationError(gettext("Every column is left out. Choose what at least one of them means."))
        return self.cleaned_data

    def plan(self, file_format: FileFormat) -> ImportPlan:
        """What was chosen, as the doors take it; the form is valid."""
        return ImportPlan(target=self._target.name, mapping=self._mapping(), format=file_format)

    def _mapping(self) -> dict[str, str]:
        mapping = {}
        for number, column in enumerate(self._columns):
            meaning = self.cleaned_data.get(f"field_{number}", LEFT_OUT)
            if meaning == LEFT_OUT:
                continue
            prefix, is_kept, type_ = meaning.partition(":")
            if is_kept:
                name = self.cleaned_data.get(f"name_{number}") or column.name
                meaning = f"{prefix}:{name}" + (f":{type_}" if type_ else "")
            mapping[column.name] = meaning
        return mapping


def _meanings(target: ImportTarget) -> list[tuple[Any, Any]]:
    """The choices for a column; those with a colon keep it under a name of its own, read as the type behind it."""
    fields = [
        (each.name, gettext("%(field)s (needed)") % {"field": each.label} if each.is_required else each.label)
        for each in target.fields
    ]
    choices: list[tuple[Any, Any]] = [(LEFT_OUT, gettext("Leave out")), (gettext("Fields"), fields)]
    if target.other_prefix:
        kept = _KEPT_LABELS[target.other_prefix]
        types = [(f"{target.other_prefix}:{type_}", f"{kept}: {label}") for type_, label in _KEPT_TYPES.items()]
        own = [(f"{target.other_prefix}:", kept), *types]
        choices.insert(1, (gettext("Keep under a name of its own"), own))
    return choices


def _split(meaning: str, target: ImportTarget) -> tuple[str, str]:
    """The choice and the name that a mapping's value stands for."""
    prefix, is_kept, name = meaning.partition(":")
    if is_kept and prefix == target.other_prefix:
        front, _separator, type_ = name.rpartition(":")
        return (f"{prefix}:{type_}", front) if front and type_ in _KEPT_TYPES else (f"{prefix}:", name)
    return (meaning if meaning in {each.name for each in target.fields} else LEFT_OUT), ""
