"""The first column of a file, for those who need nothing else of it."""

from collections.abc import Iterator
from pathlib import Path

from sadakat.events.files import cells, guessing
from sadakat.events.files.reading import open_table


def first_column(path: Path, *, file_name: str) -> Iterator[str]:
    """The texts of the first column of a CSV, Excel, Parquet or JSON lines file, from the heading down.

    Empty cells are passed over. Where a record is at fault, its first cell may still be told apart.

    Raises:
        Invalid: it cannot be read.
    """
    with open_table(path, format=guessing.guess_format(path, file_name=file_name)) as table:
        yield table.columns[0]
        for record in table.records:
            if record.cells and not cells.is_empty(record.cells[0]):
                yield cells.text(record.cells[0])
