"""Files as tables: one heading and a stream of records, whatever the format."""

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine

from sadakat.events.files.records import CsvReader, Record, numbered_lines
from sadakat.events.types import FileFormat, FileKind
from sadakat.kernel.errors import Invalid

MAX_COLUMNS: Final = 1_000
# The keys of so many objects make the columns of a JSON lines file; a key that comes later is not one.
MAX_KEY_RECORDS: Final = 1_000
# `context.traits.address.city` is the deepest path that the tracking format knows.
MAX_PATH_LEVELS: Final = 4
MAX_UNZIPPED_BYTES: Final = 4 * 1024**3
_PARQUET_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Table:
    """A file that is open."""

    columns: tuple[str, ...]
    records: Iterator[Record]
    """In the order of the file; each as wide as the columns, where it has no fault."""


@contextmanager
def open_table(path: Path, *, format: FileFormat) -> Iterator[Table]:  # noqa: A002 - the word of the plan
    """The file as a table while the block lasts.

    Raises:
        Invalid: it is not of this format, has no heading, or two columns of one name.
    """
    readers = {
        FileKind.CSV: _csv,
        FileKind.EXCEL: _excel,
        FileKind.PARQUET: _parquet,
        FileKind.JSON_LINES: _json_lines,
    }
    with ExitStack() as stack:
        yield readers[format.kind](path, format, stack)


def open_text(path: Path, *, encoding: str, stack: ExitStack) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text file, which `stack` closes; bytes that are no text stay in them as surrogates.

    Raises:
        Invalid: there is no such encoding.
    """
    try:
        # UTF-16 cannot be carried on by surrogates: there, replacement characters stand for what cannot be read.
        file = path.open(
            encoding="utf-8-sig" if encoding == "utf-8" else encoding,
            errors="replace" if is_lossy(encoding) else "surrogateescape",
        )
    except LookupError:
        raise Invalid(f"expected an encoding such as utf-8 or cp1254, not {encoding!r:.40}") from None
    return numbered_lines(stack.enter_context(file))


def is_lossy(encoding: str) -> bool:
    """Whether bytes that cannot be read are seen by replacement characters."""
    return encoding.replace("_", "-").lower().startswith(("utf-16", "utf-32"))


def sheet_names(path: Path) -> tuple[str, ...]:
    """The sheets of an Excel file.

    Raises:
        Invalid: it cannot be read.
    """
    return tuple(_workbook(path).sheet_names)


def _csv(path: Path, format: FileFormat, stack: ExitStack) -> Table:  # noqa: A002
    reader = CsvReader(
        open_text(path, encoding=format.encoding, stack=stack),
        delimiter=format.delimiter,
        is_lossy=is_lossy(format.encoding),
    )
    columns = _columns(reader.heading())
    return Table(columns, reader.records(width=len(columns)))


def _excel(path: Path, format: FileFormat, _stack: ExitStack) -> Table:  # noqa: A002
    book = _workbook(path)
    if format.sheet and format.sheet not in book.sheet_names:
        raise Invalid(f"the file has the sheets {', '.join(book.sheet_names)}, not {format.sheet!r:.60}")
    rows = _sheet_rows(book, name=format.sheet or next(iter(book.sheet_names)))
    if not format.sheet and len(book.sheet_names) > 1:
        # The first sheet of a report is sometimes an empty cover.
        rows = next((kept for name in book.sheet_names if (kept := _peeked(_sheet_rows(book, name=name)))), rows)
    columns = _columns([_heading_text(cell) for cell in next(rows, (0, []))[1]])
    return Table(columns, (_fitted(number, row, width=len(columns)) for number, row in rows))


def _sheet_rows(book: python_calamine.CalamineWorkbook, *, name: str) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a sheet that say something, with their numbers."""
    rows = enumerate(book.get_sheet_by_name(name).iter_rows(), start=1)
    return ((number, row) for number, row in rows if any(cell != "" for cell in row))


def _peeked(rows: Iterator[tuple[int, list[Any]]]) -> Iterator[tuple[int, list[Any]]] | None:
    """The rows again; None where there are none."""
    first = next(rows, None)
    return None if first is None else chain([first], rows)


def _workbook(path: Path) -> python_calamine.CalamineWorkbook:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                size = sum(part.file_size for part in packed.infolist())
            if size > MAX_UNZIPPED_BYTES:
                raise Invalid(f"the workbook has {size:,} bytes when unpacked; {MAX_UNZIPPED_BYTES:,} are possible")
        return python_calamine.load_workbook(str(path))
    except (python_calamine.CalamineError, python_calamine.ZipError, zipfile.BadZipFile) as error:
        raise Invalid(f"the Excel file cannot be read: {error}") from None
    except python_calamine.PasswordError:
        raise Invalid("the Excel file is protected by a password; save it without one") from None


def _heading_text(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _fitted(number: int, row: list[Any], *, width: int) -> Record:
    """A row of a sheet under its heading: rows of a sheet are all as wide as the widest."""
    if any(cell != "" for cell in row[width:]):
        return Record(number, row, f"expected {width} cells", found=str(len(row)))
    return Record(number, row[:width])


def _parquet(path: Path, _format: FileFormat, stack: ExitStack) -> Table:
    try:
        file = stack.enter_context(pq.ParquetFile(path))
    except (pa.ArrowException, OSError) as error:
        raise Invalid(f"the Parquet file cannot be read: {error}") from None
    return Table(_columns(file.schema_arrow.names), _parquet_records(file))


def _parquet_records(file: pq.ParquetFile) -> Iterator[Record]:
    number = 0
    for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
        for row in zip(*(_coarse(column).to_pylist() for column in batch.columns), strict=True):
            number += 1
            if any(cell is not None for cell in row):
                yield Record(number, list(row))


def _coarse(column: pa.Array) -> pa.Array:
    """Times down to the microsecond: Python has no finer ones."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    return column


def _json_lines(path: Path, format: FileFormat, stack: ExitStack) -> Table:  # noqa: A002
    lines = open_text(path, encoding=format.encoding, stack=stack)
    objects = ((number, *_object(line)) for number, line in lines if line.strip())
    first = list(islice(objects, MAX_KEY_RECORDS))
    # A dict keeps the order in which the keys came.
    paths = {path: None for _, said, _ in first for path in _paths(said, levels=MAX_PATH_LEVELS)}
    if not paths:
        raise Invalid(f"expected a JSON object on each line: {first[0][2] if first else 'the file is empty'}")
    # The members of an object may be without number; the keys of the records themselves come first.
    columns = _columns(sorted(paths, key=lambda path: path.count("."))[:MAX_COLUMNS])
    return Table(columns, _json_records(chain(first, objects), [column.split(".") for column in columns]))


def _json_records(objects: Iterable[tuple[int, Mapping[str, Any], str]], paths: list[list[str]]) -> Iterator[Record]:
    for number, said, fault in objects:
        if fault or said:
            yield Record(number, [_value_at(said, path) for path in paths], fault)


def _object(line: str) -> tuple[Mapping[str, Any], str]:
    """The object of a line, or the fault."""
    try:
        said = msgspec.json.decode(line.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return {}, f"not JSON: {error}" if isinstance(error, msgspec.DecodeError) else "the line is no text"
    return (said, "") if isinstance(said, dict) else ({}, f"expected a JSON object, found {type(said).__name__}")


def _paths(said: Mapping[str, Any], *, levels: int) -> Iterator[str]:
    """Every key, and behind an object those of its members: `context`, `context.traits` and so on."""
    for key, value in said.items():
        yield key
        if levels > 1 and isinstance(value, dict):
            yield from (f"{key}.{path}" for path in _paths(value, levels=levels - 1))


def _value_at(said: Any, path: list[str]) -> Any:
    whole = ".".join(path)
    if isinstance(said, dict) and whole in said:
        return said[whole]
    for key in path:
        if not isinstance(said, dict):
            return None
        said = said.get(key)
    return said


def _columns(headings: list[str]) -> tuple[str, ...]:
    """The names of the columns; empty ones at the end are none.

    Raises:
        Invalid: one has no name, two have the same, or there are too many or none.
    """
    names = [heading.strip() for heading in headings]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise Invalid("the file has no heading: its first line must name the columns")
    if len(names) > MAX_COLUMNS:
        raise Invalid(f"a file may have {MAX_COLUMNS:,} columns, not {len(names):,}")
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if not name:
            raise Invalid(f"column {place} has no heading; name it, or take it out of the file")
        if name in places:
            raise Invalid(f"columns {places[name]} and {place} are both named {name!r:.60}; rename one of them")
        places[name] = place
    return tuple(names)
