"""The records of a CSV file, one broken line at a time: what cannot be read never takes its neighbours with it."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TextIO

# A quote that opens a cell must close within so many lines, or it is a slip and not a cell of many lines.
MAX_RECORD_LINES: Final = 100
MAX_LINE_LENGTH: Final = 1_000_000
OPEN_QUOTE: Final = "a quotation mark opens a cell and nothing closes it"
_END_OF_DATA: Final = "unexpected end of data"
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file, whatever its format."""

    number: int
    """The line or the row where it begins."""
    cells: list[Any]
    """By column; as far as they could be told apart, where there is a fault."""
    fault: str = ""
    """Why it cannot be taken apart; empty where it can."""
    found: str = ""
    """What came instead; apart from the fault, so that a report counts the rows of one fault together."""


class CsvReader:
    r"""Takes lines apart; first ask for the heading, then for the records.

    >>> lines = ["a,b,c", '0,5" wide,x', '1,"open,x', "2,y,z", '3,"two', 'lines",z', "4,5", ",,", "6,7,8,"]
    >>> reader = CsvReader(enumerate(lines, start=1), delimiter=",")
    >>> reader.heading()
    ['a', 'b', 'c']
    >>> for record in reader.records(width=3):
    ...     print(record)
    Record(number=2, cells=['0', '5" wide', 'x'], fault='', found='')
    Record(number=3, cells=['1', 'open,x'], fault='a quotation mark opens a cell and nothing closes it', found='')
    Record(number=4, cells=['2', 'y', 'z'], fault='', found='')
    Record(number=5, cells=['3', 'two\nlines', 'z'], fault='', found='')
    Record(number=7, cells=['4', '5'], fault='expected 3 cells', found='2')
    Record(number=9, cells=['6', '7', '8'], fault='', found='')
    """

    def __init__(self, lines: Iterable[tuple[int, str]], *, delimiter: str, is_lossy: bool = False) -> None:
        self._lines = iter(lines)
        self._ahead: deque[tuple[int, str]] = deque()
        self._delimiter = delimiter
        self._is_lossy = is_lossy

    def heading(self) -> list[str]:
        """The cells of the first line that is not blank, after the `sep=;` of some spreadsheets; empty for none."""
        while self._look(1):
            number, line = self._ahead[0]
            if line.strip() and not (number == 1 and line.startswith("sep=")):
                return self._record(width=None).cells
            self._ahead.popleft()
        return []

    def records(self, *, width: int) -> Iterator[Record]:
        """The records under a heading of `width` columns; blank ones are left out.

        A record of many lines counts only when it parses strictly to exactly `width` cells; else its first line
        alone is at fault, and reading goes on with the next one.
        """
        while self._look(1):
            if not self._ahead[0][1].strip():
                self._ahead.popleft()
                continue
            record = self._record(width=width)
            if record.fault or any(cell.strip() for cell in record.cells):
                yield record

    def _record(self, *, width: int | None) -> Record:
        """The record that begins with the line ahead."""
        number, line = self._ahead[0]
        if '"' not in line:
            self._ahead.popleft()
            return self._checked(number, line.split(self._delimiter), width=width)
        cells, length, fault = self._quoted(width=width)
        for _ in range(length):
            self._ahead.popleft()
        return Record(number, cells, fault) if fault else self._checked(number, cells, width=width)

    def _quoted(self, *, width: int | None) -> tuple[list[str], int, str]:
        """Cells, number of lines and fault of the record ahead, which has quotation marks."""
        fault = OPEN_QUOTE
        for length in range(1, MAX_RECORD_LINES + 1):
            if not self._look(length):
                break
            # What was open can close only in a line that has a mark.
            if length > 1 and '"' not in self._ahead[length - 1][1]:
                continue
            try:
                cells = self._parse(length, strict=True)
            except csv.Error as error:
                if str(error) == _END_OF_DATA:
                    continue
                fault = OPEN_QUOTE if length > 1 else f"the quotation marks do not fit together: {error}"
                break
            if length > 1 and width is not None and len(_trimmed(cells, width=width)) != width:
                break
            return cells, length, ""
        try:
            return self._parse(1, strict=False), 1, fault
        except csv.Error:
            return [], 1, fault

    def _parse(self, length: int, *, strict: bool) -> list[str]:
        lines = (line for _, line in islice(self._ahead, length))
        cells = next(csv.reader((f"{line}\n" for line in lines), delimiter=self._delimiter, strict=strict))
        return cells if strict else [cell.rstrip("\n") for cell in cells]

    def _checked(self, number: int, cells: list[str], *, width: int | None) -> Record:
        if width is not None:
            cells = _trimmed(cells, width=width)
            if len(cells) != width:
                return Record(number, cells, f"expected {width} cells", found=str(len(cells)))
        text = "".join(cells)
        if len(text) >= MAX_LINE_LENGTH:
            return Record(number, [], f"the line is longer than {MAX_LINE_LENGTH:,} characters")
        try:
            text.encode()
        except UnicodeEncodeError:
            return Record(number, cells, "the line has bytes that are no text in the encoding of the file")
        if self._is_lossy and _UNREADABLE in text:
            return Record(number, cells, "the line has bytes that are no text in the encoding of the file")
        return Record(number, cells)

    def _look(self, length: int) -> bool:
        """Whether so many lines are ahead, after reading on for them."""
        while len(self._ahead) < length:
            line = next(self._lines, None)
            if line is None:
                return False
            self._ahead.append(line)
        return True


def numbered_lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, without their ends; one that is too long is cut."""
    number = 0
    while line := file.readline(MAX_LINE_LENGTH):
        number += 1
        yield number, line.removesuffix("\n")
        while len(line) == MAX_LINE_LENGTH and not line.endswith("\n"):
            line = file.readline(MAX_LINE_LENGTH)


def _trimmed(cells: list[str], *, width: int) -> list[str]:
    """Without the empty cells that stand too many at the end."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells[:end]
