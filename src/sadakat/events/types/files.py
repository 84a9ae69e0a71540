"""Files that people bring: what can be imported, how a file is read, and what became of it."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class CellType(enum.StrEnum):
    """How the text of a cell is read; a cell of a typed file (Excel, Parquet, JSON) that fits is taken as it is."""

    TEXT = "text"
    NAME = "name"
    """A text; one that stands all in capitals is written as a name, by Turkish rules (IŞIL → Işıl)."""
    NUMBER = "number"
    """A `Decimal`, with the decimal mark of the file; currency signs and thousands are read over."""
    INSTANT = "instant"
    """A time, UTC; one without a zone is the brand's local time, a day alone its midnight."""
    DAY = "day"
    """A `date`."""
    FLAG = "flag"
    """yes/no, evet/hayır, true/false, 1/0, x/empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportField:
    """Something that a column of a file may say."""

    name: str
    """What `--map COLUMN=NAME` names."""
    label: object
    """For people; a text or a lazily translated one."""
    type: CellType = CellType.TEXT
    aliases: tuple[str, ...] = ()
    """Other headings that mean it, in English and Turkish; compared folded, without signs and blanks."""
    is_required: bool = False
    """Whether a file cannot be imported without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file, read. Grain: one record under the heading."""

    number: int
    """The line on which the record begins, the heading being line 1 of a CSV file; the row of a sheet."""
    values: Mapping[str, Any]
    """By field name; empty cells are left out."""
    other: Mapping[str, Any]
    """What is kept under a name of its own (`trait:NAME`, `property:NAME`), by that name."""


class Warn(Protocol):
    """Says that a cell could not be used although its row counts."""

    def __call__(self, row: Row, field_name: str, reason: str) -> None:
        """Counts the cell of that field in that row for the report; the reason is for people, without the value."""
        ...


class ImportTarget(Protocol):
    """Socket: what rows of one kind of file mean. Filled by the context that owns the things."""

    name: str
    """`customers`, `products`, `orders`, `events`, `spend`."""
    label: object
    fields: Sequence[ImportField]
    other_prefix: str
    """`trait` or `property` where columns may be kept under a name of their own; else empty."""
    group_by: str
    """The field whose equal values make rows one thing (the lines of an order); empty: each row stands alone."""

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> Sequence[Mapping[str, Any]]:
        """The messages of the tracking format that these rows mean: one row, or all of one group, in file order.

        Without `messageId`, unless the rows themselves have one; without `timestamp` where they do not say when.

        Raises:
            Invalid: the rows cannot count; the text is the one reason, for people.
        """
        ...


class FileKind(enum.StrEnum):
    """The formats that can be read."""

    CSV = "csv"
    EXCEL = "excel"
    PARQUET = "parquet"
    JSON_LINES = "json_lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """How a file is to be read; guessed from the file, and people may say otherwise."""

    kind: FileKind
    encoding: str = "utf-8"
    """Of CSV and JSON lines: a Python codec such as `utf-8` or `cp1254`."""
    delimiter: str = ","
    sheet: str = ""
    """Of Excel; empty for the first one."""
    decimal_mark: str = "."
    """`.` or `,`."""
    day_order: str = "dmy"
    """`dmy` or `mdy`, for days written as 03.04.2026; a year in front needs no saying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """Everything that decides what a file means."""

    target: str
    mapping: Mapping[str, str]
    """Column → field name, or `PREFIX:NAME`; columns that are not named are left out."""
    format: FileFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSample:
    """A column as the wizard shows it."""

    name: str
    samples: tuple[str, ...]
    """The first few values that are not empty."""
    suggestion: str
    """Field name that the heading, or else the values, point to; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a look at the beginning of a file tells."""

    format: FileFormat
    columns: tuple[ColumnSample, ...]
    sheets: tuple[str, ...]
    """Of an Excel file."""
    preset: str
    """Name of the saved preset that fits these columns; empty for none. The suggestions are then the preset's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportNote:
    """Something that happened to rows for one and the same reason."""

    column: str
    """Empty where the whole row is meant."""
    reason: str
    count: int
    first_row: int
    example: str = ""
    """The first value, or the first reason in full where reasons differ in values alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """What one row or group would become."""

    number: int
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of a file, or would: rows = accepted + duplicates + rejected."""

    rows: int
    """Records under the heading; blank lines are none."""
    accepted: int
    duplicates: int
    """Rows that say what the log, or an earlier row, has said already."""
    rejected: int
    rejections: tuple[ImportNote, ...] = ()
    """By reason, the most frequent first; bounded."""
    warnings: tuple[ImportNote, ...] = ()
    """Cells that could not be used in rows that count all the same."""
    preview: tuple[PreviewRow, ...] = ()
    """The first few messages."""
    is_dry_run: bool = False
    is_cancelled: bool = False
    """Whether somebody stopped it: the rows are those that were handled until then."""


class ImportState(enum.StrEnum):
    """Where an import of the console stands."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    """The dry run is under way."""
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """It ended with an error; what was counted until then stays, and starting again goes on without harm."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileImport:
    """An uploaded file on its way."""

    id: int
    target: str
    file_name: str
    size_bytes: int
    source_id: int
    state: ImportState
    plan: ImportPlan | None
    """None until somebody has said what the columns mean."""
    rows_done: int
    """Progress of the check or the run."""
    rows_total: int | None
    """None until the file has been counted."""
    report: FileReport | None
    """Of the latest check or run that ended."""
    error: str
    """Why it failed; else empty."""
    has_rejected_file: bool
    actor_name: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPreset:
    """A mapping that was saved for the next file of the same columns."""

    name: str
    plan: ImportPlan
    columns: tuple[str, ...] = field(default=())
    """The headings of the file that it was saved from."""
