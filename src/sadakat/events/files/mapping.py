"""What the columns of a file say: records become rows of a target."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sadakat.events.files import cells
from sadakat.events.files.records import Record
from sadakat.events.types import CellType, FileFormat, ImportField, ImportPlan, ImportTarget, Row
from sadakat.kernel.errors import Invalid

_COUNTING = frozenset({CellType.NUMBER, CellType.INSTANT})
_MAX_EXAMPLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell that cannot be read."""

    column: str
    """Empty where the row as a whole is meant."""
    reason: str
    """What was expected."""
    value: str
    """What came, cut to a bounded length; empty for none."""


class RowFault(Invalid):
    """A row cannot count because of one of its cells, or of all together."""

    def __init__(self, fault: CellFault) -> None:
        where, found = (f"{fault.column}: ", repr(fault.value)) if fault.column else ("", fault.value)
        super().__init__(f"{where}{fault.reason}" + (f", found {found}" if fault.value else ""))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that the plan names."""

    place: int
    name: str
    field: str
    """Name of the field, or the name under which it is kept."""
    type: CellType | None
    """None keeps the cell as it is."""
    is_other: bool
    is_required: bool
    """Whether a row cannot be without it."""
    is_strict: bool
    """Whether a row cannot count when its cell cannot be read."""


class RowReader:
    """Reads the records of one file by its plan.

    Raises:
        Invalid: the plan names columns or fields that are not there, names one field twice, or leaves out a field
            that is required.
    """

    def __init__(self, *, plan: ImportPlan, target: ImportTarget, columns: Sequence[str], zone: ZoneInfo) -> None:
        check_plan(plan, target=target, columns=columns)
        fields = {field.name: field for field in target.fields}
        self._format: FileFormat = plan.format
        self._zone = zone
        self._columns = [
            _column(place, name, said=plan.mapping[name], fields=fields, group_by=target.group_by)
            for place, name in enumerate(columns)
            if plan.mapping.get(name)
        ]
        self._names = {column.field: column.name for column in self._columns if not column.is_other}
        self._group_place = next((column.place for column in self._columns if column.field == target.group_by), None)

    def group_of(self, record: Record) -> str:
        """What the record says in the field that makes groups, as far as it can be told; empty where nothing."""
        if self._group_place is None or self._group_place >= len(record.cells):
            return ""
        value = record.cells[self._group_place]
        try:
            return "" if cells.is_empty(value) else cells.text(value)
        except cells.Unreadable:
            return ""

    def column_of(self, field_name: str) -> str:
        """The column that says the field; empty for none."""
        return self._names.get(field_name, "")

    def row(self, record: Record) -> tuple[Row, list[CellFault]]:
        """The row, and the cells that could not be read although it counts.

        Raises:
            RowFault: a cell that counts cannot be read, or one that is required says nothing.
        """
        values: dict[str, Any] = {}
        other: dict[str, Any] = {}
        faults: list[CellFault] = []
        for column in self._columns:
            cell = record.cells[column.place]
            if cells.is_empty(cell):
                if column.is_required:
                    raise RowFault(CellFault(column.name, "the cell is empty", ""))
                continue
            try:
                value = self._read(cell, type=column.type)
            except cells.Unreadable as error:
                fault = CellFault(column.name, str(error), example_of(cell))
                if column.is_strict:
                    raise RowFault(fault) from None
                faults.append(fault)
                continue
            (other if column.is_other else values)[column.field] = value
        return Row(number=record.number, values=values, other=other), faults

    def _read(self, cell: Any, *, type: CellType | None) -> Any:  # noqa: A002 - the cell's words
        if type is None:
            return cells.plain(cell, zone=self._zone)
        return cells.read(cell, type=type, format=self._format, zone=self._zone)


def example_of(value: object) -> str:
    """A value as a report shows it: one line, bounded."""
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_EXAMPLE_LENGTH else f"{text[:_MAX_EXAMPLE_LENGTH]}…"


def _column(place: int, name: str, *, said: str, fields: dict[str, ImportField], group_by: str) -> _Column:
    field = fields.get(said)
    if field is None:
        kept, type_ = _kept(said)
        return _Column(place, name, kept, type_, is_other=True, is_required=False, is_strict=False)
    return _Column(
        place,
        name,
        field.name,
        field.type,
        is_other=False,
        # Many systems write what holds for a whole order on its first line alone: there the target says what it needs.
        is_required=field.is_required and (not group_by or field.name == group_by),
        is_strict=field.is_required or field.type in _COUNTING,
    )


def _kept(said: str) -> tuple[str, CellType | None]:
    """The name and the type of `PREFIX:NAME` or `PREFIX:NAME:TYPE`.

    >>> _kept("trait:shoe size:number"), _kept("property:utm:source")
    (('shoe size', <CellType.NUMBER: 'number'>), ('utm:source', None))
    """
    name = said.partition(":")[2]
    front, _, last = name.rpartition(":")
    return (front, CellType(last)) if front and last in set(CellType) else (name, None)


def check_plan(plan: ImportPlan, *, target: ImportTarget, columns: Iterable[str]) -> None:
    """Sees that a plan fits a target and the columns of a file.

    Raises:
        Invalid: it names columns or fields that are not there, names one field twice, or leaves out a required one.
    """
    columns = tuple(columns)
    names = [field.name for field in target.fields]
    if unknown := [column for column in plan.mapping if column not in set(columns)]:
        raise Invalid(f"the file has no column {', '.join(unknown)}; it has {', '.join(columns)}")
    used: dict[str, str] = {}
    for column, said in plan.mapping.items():
        prefix, _, kept = said.partition(":")
        if said and said not in names and not (kept and prefix and prefix == target.other_prefix):
            more = f", or {target.other_prefix}:NAME" if target.other_prefix else ""
            raise Invalid(f"{column} cannot be {said!r:.60}; {target.name} have {', '.join(names)}{more}")
        if said and used.setdefault(said, column) != column:
            raise Invalid(f"{used[said]} and {column} cannot both be {said}; leave one of them out")
    if missing := [field.name for field in target.fields if field.is_required and field.name not in used]:
        raise Invalid(
            f"no column says {', '.join(missing)}, which {target.name} need; the file has {', '.join(columns)}"
        )
