"""How a file is to be read, guessed from its name, its first bytes and its values."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sadakat.events.files import cells
from sadakat.events.files.reading import is_lossy, open_text
from sadakat.events.files.records import CsvReader
from sadakat.events.types import FileFormat, FileKind
from sadakat.kernel.errors import Invalid

SAMPLE_BYTES: Final = 1024 * 1024
SAMPLE_RECORDS: Final = 1_000
DELIMITERS: Final = ",;\t|"
_SAMPLE_LINES: Final = 200
_ENDINGS: Final = {
    FileKind.CSV: (".csv", ".tsv", ".tab", ".txt"),
    FileKind.EXCEL: (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    FileKind.PARQUET: (".parquet", ".pq"),
    FileKind.JSON_LINES: (".jsonl", ".ndjson", ".json"),
}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PACKED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"Rar!", b"7z\xbc\xaf")
_DAY = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](?:\d{4}|\d{2})(?!\d)")


def guess_format(path: Path, *, file_name: str, said: Mapping[str, Any] = MappingProxyType({})) -> FileFormat:
    """The format with what people have said of it; `guess_marks` finds the decimal mark and the order of days.

    Raises:
        Invalid: it is of a kind that cannot be read.
    """
    with path.open("rb") as file:
        first = file.read(SAMPLE_BYTES)
        # A file may begin in plain letters and have its first Turkish one later.
        size = path.stat().st_size
        file.seek(size // 2)
        middle = file.read(SAMPLE_BYTES // 4)
        file.seek(max(0, size - SAMPLE_BYTES // 4))
        last = file.read()
    kind = _kind(first, file_name=file_name.lower())
    if kind in {FileKind.EXCEL, FileKind.PARQUET}:
        return replace(FileFormat(kind=kind), **said)
    format_ = replace(FileFormat(kind=kind, encoding=guess_encoding(first, later=(middle, last))), **said)
    if kind is FileKind.CSV and "delimiter" not in said:
        return replace(format_, delimiter=_guess_delimiter(path, encoding=format_.encoding))
    return format_


def guess_encoding(first: bytes, *, later: Sequence[bytes] = ()) -> str:
    r"""The encoding of a text by its byte order mark, else by what most of its lines can be.

    One broken line decides nothing; what is not UTF-8 is taken for Turkish Windows.

    >>> guess_encoding("Işıl\nÇağla\n".encode("cp1254")), guess_encoding("Işıl\nÇağla\n\xff\n".encode("utf-8"))
    ('cp1254', 'utf-8')
    >>> guess_encoding("a;b\n1;2\n".encode("utf-16-le"))
    'utf-16-le'
    """
    for mark, encoding in _MARKS:
        if first.startswith(mark):
            return encoding
    sample = first[:4096]
    if sample.count(0) > len(sample) // 4:
        return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"
    votes = Counter(
        _is_utf8(line) for chunk in (first, *later) for line in chunk.split(b"\n")[:-1] or [chunk] if not line.isascii()
    )
    return "utf-8" if votes[True] >= votes[False] else "cp1254"


def guess_marks(format_: FileFormat, *, values: Iterable[Any]) -> FileFormat:
    """The format with the decimal mark and the order of days that most values of the file agree with."""
    marks: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for value in values:
        if not isinstance(value, str) or not any(character.isdigit() for character in value):
            continue
        possible = [mark for mark in ",." if _is_number(value, decimal_mark=mark)]
        if len(possible) == 1:
            marks[possible[0]] += 1
        if found := _DAY.match(value.strip()):
            first, second = int(found[1]), int(found[2])
            if (first > 12) != (second > 12):
                orders["dmy" if first > 12 else "mdy"] += 1
    # A semicolon between cells is what spreadsheets write where the comma stands inside of numbers.
    default = "," if format_.kind is FileKind.CSV and format_.delimiter == ";" else "."
    return replace(
        format_,
        decimal_mark=default if marks[","] == marks["."] else max(marks, key=lambda mark: marks[mark]),
        day_order="mdy" if orders["mdy"] > orders["dmy"] else "dmy",
    )


def _kind(first: bytes, *, file_name: str) -> FileKind:
    if not first.strip():
        raise Invalid("the file is empty")
    if first.startswith(b"PAR1"):
        return FileKind.PARQUET
    if first.startswith(_PACKED) or file_name.endswith((".zip", ".gz")):
        raise Invalid("the file is packed; unpack it first")
    if first.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return FileKind.EXCEL
    named = next((kind for kind, endings in _ENDINGS.items() if file_name.endswith(endings)), None)
    if named in {FileKind.EXCEL, FileKind.PARQUET}:
        raise Invalid(f"{file_name!r:.80} is named like a file of kind {named} and is none")
    if named is not None:
        return named
    return FileKind.JSON_LINES if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else FileKind.CSV


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_number(value: str, *, decimal_mark: str) -> bool:
    try:
        cells.number(value, decimal_mark=decimal_mark)
    except cells.Unreadable:
        return False
    return True


def _guess_delimiter(path: Path, *, encoding: str) -> str:
    """The one that makes the most lines as wide as the heading; the comma where none makes two columns."""
    with ExitStack() as stack:
        lines = list(islice(open_text(path, encoding=encoding, stack=stack), _SAMPLE_LINES))
    return max(DELIMITERS, key=lambda delimiter: _fitness(lines, delimiter=delimiter, encoding=encoding))


def _fitness(lines: list[tuple[int, str]], *, delimiter: str, encoding: str) -> tuple[bool, float, int]:
    reader = CsvReader(lines, delimiter=delimiter, is_lossy=is_lossy(encoding))
    width = len(reader.heading())
    records = list(reader.records(width=width))
    fitting = sum(not record.fault for record in records)
    return width > 1, round(fitting / len(records), 1) if records else 1.0, width
