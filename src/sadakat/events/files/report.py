"""What becomes of the rows of a file: counted, explained, and those that cannot count written out to be mended."""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from sadakat.events.files import cells
from sadakat.events.files.records import Record
from sadakat.events.types import FileFormat, FileKind, FileReport, ImportNote, PreviewRow

MAX_NOTES: Final = 100
MAX_PREVIEWS: Final = 20
OTHER_REASONS: Final = "other reasons"
# What a file of rejected rows has in front of the columns of the file that it comes from.
_OWN_PAIRS: Final = (("line", "reason"), ("sadakat line", "sadakat reason"))
OWN_COLUMNS: Final = frozenset(name for pair in _OWN_PAIRS for name in pair)


class Notes:
    """Reasons with their numbers of rows; after `MAX_NOTES` different ones, the rest count as other reasons."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], ImportNote] = {}

    def add(self, *, column: str, reason: str, row: int, count: int = 1, example: str = "") -> None:
        """Counts rows for a reason; the first example stays."""
        key = (column, reason)
        if key not in self._notes and len(self._notes) >= MAX_NOTES:
            key, example = ("", OTHER_REASONS), ""
        known = self._notes.get(key)
        self._notes[key] = ImportNote(
            column=key[0],
            reason=key[1],
            count=count + (known.count if known else 0),
            first_row=min(row, known.first_row) if known else row,
            example=known.example if known else example,
        )

    def listed(self) -> tuple[ImportNote, ...]:
        """The most frequent first."""
        return tuple(sorted(self._notes.values(), key=lambda note: (-note.count, note.first_row, note.column)))


class RejectedFile:
    """The rows that cannot count, as a CSV file that can be mended and imported; made with its first row."""

    def __init__(self, path: Path | None, *, columns: Sequence[str], format: FileFormat, stack: ExitStack) -> None:  # noqa: A002
        self._path = path
        # A file of rejected rows that is imported itself has these columns already: they are written anew.
        self._skip = 2 if tuple(columns[:2]) in _OWN_PAIRS else 0
        kept = columns[self._skip :]
        own = next((own for own in _OWN_PAIRS if not set(own) & set(kept)), _OWN_PAIRS[-1])
        self._heading = [*own, *kept]
        self._decimal_mark = format.decimal_mark
        self._delimiter = format.delimiter if format.kind is FileKind.CSV else _delimiter_beside(format.decimal_mark)
        self._stack = stack
        self._writer: Any = None

    def add(self, record: Record, *, reason: str) -> None:
        """Writes a row. Cells stay as they came: what a spreadsheet would take for a formula is to be read again."""
        if self._path is None:
            return
        if self._writer is None:
            file = self._stack.enter_context(self._path.open("w", encoding="utf-8-sig", errors="replace", newline=""))
            self._writer = csv.writer(file, delimiter=self._delimiter)
            self._writer.writerow(self._heading)
        self._writer.writerow([record.number, reason, *map(self._written, record.cells[self._skip :])])

    def _written(self, cell: object) -> str:
        return cells.written(cell, decimal_mark=self._decimal_mark)


class Tally:
    """Counts what becomes of rows. rows = accepted + duplicates + rejected holds after every call."""

    def __init__(self, *, rejected_file: RejectedFile) -> None:
        self.accepted = self.duplicates = self.rejected = 0
        self.rejections, self.warnings = Notes(), Notes()
        self._previews: list[PreviewRow] = []
        self._rejected_file = rejected_file

    @property
    def rows(self) -> int:
        """How many rows have been handled."""
        return self.accepted + self.duplicates + self.rejected

    def reject(self, records: Sequence[Record], *, column: str, reason: str, example: str, text: str) -> None:
        """Counts rows that cannot count; `text` is what the rejected file says."""
        self.rejected += len(records)
        self.rejections.add(column=column, reason=reason, row=records[0].number, count=len(records), example=example)
        for record in records:
            self._rejected_file.add(record, reason=text)

    def preview(self, number: int, message: dict[str, Any]) -> None:
        """Keeps one of the first few messages."""
        if len(self._previews) < MAX_PREVIEWS:
            self._previews.append(PreviewRow(number=number, message=message))

    def report(self, *, is_dry_run: bool, is_cancelled: bool) -> FileReport:
        """What has become of the file so far."""
        return FileReport(
            rows=self.rows,
            accepted=self.accepted,
            duplicates=self.duplicates,
            rejected=self.rejected,
            rejections=self.rejections.listed(),
            warnings=self.warnings.listed(),
            preview=tuple(self._previews),
            is_dry_run=is_dry_run,
            is_cancelled=is_cancelled,
        )


def _delimiter_beside(decimal_mark: str) -> str:
    return ";" if decimal_mark == "," else ","
