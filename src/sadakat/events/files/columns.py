"""One column of a file, for those who need nothing else of it."""

from collections.abc import Iterator
from pathlib import Path

from sadakat.events.files import cells, guessing
from sadakat.events.files.reading import open_table
from sadakat.kernel.errors import Invalid


def column_names(path: Path, *, file_name: str) -> tuple[str, ...]:
    """The heading of a CSV, Excel, Parquet or JSON lines file.

    Raises:
        Invalid: it cannot be read.
    """
    with open_table(path, format=guessing.guess_format(path, file_name=file_name)) as table:
        return table.columns


def read_column(path: Path, *, file_name: str, column: str) -> Iterator[str]:
    """The texts of a column from top to bottom; empty cells, and records at fault, are passed over.

    Raises:
        Invalid: it cannot be read, or has no such column.
    """
    with open_table(path, format=guessing.guess_format(path, file_name=file_name)) as table:
        if column not in table.columns:
            raise Invalid(f"the file has the columns {', '.join(table.columns)}, not {column!r:.60}")
        place = table.columns.index(column)
        for record in table.records:
            if not record.fault and not cells.is_empty(record.cells[place]):
                yield cells.text(record.cells[place])
