"""Files as tables: broken lines, encodings, kinds and formats."""

import csv
import datetime as dt
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from sadakat.events.files import guessing, reading, records
from sadakat.events.types import FileFormat, FileKind
from sadakat.kernel.errors import Invalid

CSV = FileFormat(kind=FileKind.CSV)


def table(path: Path, format_: FileFormat) -> tuple[tuple[str, ...], list[records.Record]]:
    with reading.open_table(path, format=format_) as opened:
        return opened.columns, list(opened.records)


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_broken_line_takes_no_other_with_it(tmp_path: Path) -> None:
    lines = [
        "a,b,c",
        "1,2,3",
        '4,"open,6',
        "7,8,9",
        "",
        '10,"two',
        'lines",12',
        "13,14",
        "15,16,17,18",
        "19,20,21,,",
        ",,",
        '22,5" wide,24',
        '25,"x"y,27',
    ]
    columns, found = table(write(tmp_path / "f.csv", "\r\n".join(lines) + "\r\n"), CSV)
    assert columns == ("a", "b", "c")
    assert [(r.number, r.cells) for r in found if not r.fault] == [
        (2, ["1", "2", "3"]),
        (4, ["7", "8", "9"]),
        (6, ["10", "two\nlines", "12"]),
        (10, ["19", "20", "21"]),
        (12, ["22", '5" wide', "24"]),
    ]
    assert [(r.number, r.fault, r.found) for r in found if r.fault] == [
        (3, records.OPEN_QUOTE, ""),
        (8, "expected 3 cells", "2"),
        (9, "expected 3 cells", "4"),
        (13, "the quotation marks do not fit together: ',' expected after '\"'", ""),
    ]


def test_a_quote_that_nothing_closes_costs_one_line_however_long_the_file(tmp_path: Path) -> None:
    lines = ["a,b", '1,"open', *(f'{n},"{n}"' for n in range(2, 500)), *(f"{n},x" for n in range(500, 1000))]
    _, found = table(write(tmp_path / "f.csv", "\n".join(lines)), CSV)
    assert [(r.number, r.cells) for r in found if r.fault] == [(2, ["1", "open"])]
    assert len(found) == 999


def test_a_cell_of_more_lines_than_possible_is_a_slip(tmp_path: Path) -> None:
    lines = ["a,b", '1,"open', *("line" for _ in range(records.MAX_RECORD_LINES)), 'close"', "2,3"]
    _, found = table(write(tmp_path / "f.csv", "\n".join(lines)), CSV)
    assert [r.cells for r in found if not r.fault] == [["2", "3"]]
    assert found[0].fault == records.OPEN_QUOTE


_cell = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=8)


@given(st.lists(st.lists(_cell, min_size=3, max_size=3), max_size=10))
def test_what_the_csv_writer_writes_is_read(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\n").writerows([["a", "b", "c"], *rows])
    reader = records.CsvReader(records.numbered_lines(io.StringIO(out.getvalue())), delimiter=";")
    assert reader.heading() == ["a", "b", "c"]
    read = [record.cells for record in reader.records(width=3) if not record.fault]
    assert read == [row for row in rows if "".join(row).strip()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1254", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_seen_in_the_bytes(tmp_path: Path, encoding: str) -> None:
    text = "ad;şehir\n" + "Işıl;İzmir\nÇağla;Muğla\n" * 20
    path = write(tmp_path / "f.csv", text.encode(encoding))
    guess = guessing.guess_format(path, file_name="f.csv")
    assert (guess.kind, guess.delimiter) == (FileKind.CSV, ";")
    assert guess.encoding == {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    columns, found = table(path, guess)
    assert columns == ("ad", "şehir")
    assert found[1].cells == ["Çağla", "Muğla"]
    assert len(found) == 40


def test_one_broken_byte_rejects_its_line_and_decides_no_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "ad,no\nIşıl,1\nÇağla,2\n".encode() + b"Ay\xfee,3\n" + "Öz,4\n".encode())
    guess = guessing.guess_format(path, file_name="f.csv")
    assert guess.encoding == "utf-8"
    _, found = table(path, guess)
    assert [r.number for r in found if r.fault] == [4]
    assert found[2].fault == "the line has bytes that are no text in the encoding of the file"
    assert found[3].cells == ["Öz", "4"]


def test_turkish_letters_that_come_late_are_seen(tmp_path: Path) -> None:
    plain = b"a,b\n" + b"1,plain\n" * 200_000
    path = write(tmp_path / "f.csv", plain + "2,Işıl\n".encode("cp1254"))
    assert guessing.guess_format(path, file_name="f.csv").encoding == "cp1254"


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b,c\n1,2,3\n", ","),
        ("a;b;c\n1,5;2,5;3\n", ";"),
        ("a\tb\n1,5\t2;3\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('a,b\n"1;2;3","4;5;6"\n', ","),
        ('a;b\n"1,2",3\n4;5\n6;7\n8;9\n', ";"),
        ("only\n1\n2\n", ","),
        ("sep=;\na;b\n1;2\n", ";"),
    ],
)
def test_delimiters(tmp_path: Path, text: str, delimiter: str) -> None:
    path = write(tmp_path / "f.csv", text)
    assert guessing.guess_format(path, file_name="f.csv").delimiter == delimiter


def test_the_line_of_some_spreadsheets_is_no_heading(tmp_path: Path) -> None:
    columns, found = table(write(tmp_path / "f.csv", "sep=;\na;b\n1;2\n"), FileFormat(kind=FileKind.CSV, delimiter=";"))
    assert columns == ("a", "b")
    assert [(r.number, r.cells) for r in found] == [(3, ["1", "2"])]


def test_marks_follow_the_values() -> None:
    def marks(*values: object, format_: FileFormat = CSV) -> tuple[str, str]:
        guess = guessing.guess_marks(format_, values=values)
        return guess.decimal_mark, guess.day_order

    assert marks("12,50", "1.234,5", "31.01.2026") == (",", "dmy")
    assert marks("12.50", "1,234.5", "01/31/2026") == (".", "mdy")
    assert marks("1.234", "01.02.2026", "x") == (".", "dmy")
    assert marks(format_=FileFormat(kind=FileKind.CSV, delimiter=";")) == (",", "dmy")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (gzip.compress(b"a,b\n"), "the file is packed; unpack it first"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        guessing.guess_format(write(tmp_path / "f.csv", content), file_name="f.csv")


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        ("a,b,a", "columns 1 and 3 are both named 'a'; rename one of them"),
        ("a,,b", "column 2 has no heading; name it, or take it out of the file"),
        (",".join(map(str, range(1001))), "a file may have 1,000 columns, not 1,001"),
        (",,", "the file has no heading: its first line must name the columns"),
    ],
)
def test_headings_that_cannot_be_used(tmp_path: Path, heading: str, message: str) -> None:
    with (
        pytest.raises(Invalid, match=message),
        reading.open_table(write(tmp_path / "f.csv", f"{heading}\n1\n"), format=CSV),
    ):
        pass


def test_empty_headings_at_the_end_are_none(tmp_path: Path) -> None:
    columns, found = table(write(tmp_path / "f.csv", "a,b,,\n1,2,,\n3,4,5\n"), CSV)
    assert columns == ("a", "b")
    assert [(r.cells, r.fault, r.found) for r in found] == [
        (["1", "2"], "", ""),
        (["3", "4", "5"], "expected 2 cells", "3"),
    ]


def workbook(path: Path) -> Path:
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "dd.mm.yyyy hh:mm"})
    book.add_worksheet("Kapak")
    sheet = book.add_worksheet("Müşteriler")
    sheet.write_row(1, 0, ["Telefon", "Doğum", "Tutar", "Aktif", 2026])
    sheet.write_row(2, 0, [5321234567, None, 12.5, True, "x"])
    sheet.write_datetime(2, 1, dt.datetime(1990, 5, 1, 14, 30))  # noqa: DTZ001 - Excel knows no zone
    sheet.write_row(4, 0, ["0532", None, 3])
    book.close()
    return path


def test_excel(tmp_path: Path) -> None:
    path = workbook(tmp_path / "f.xlsx")
    guess = guessing.guess_format(path, file_name="f.csv")
    assert guess.kind is FileKind.EXCEL
    assert reading.sheet_names(path) == ("Kapak", "Müşteriler")
    columns, found = table(path, guess)
    assert columns == ("Telefon", "Doğum", "Tutar", "Aktif", "2026")
    assert [(r.number, r.cells) for r in found] == [
        (3, [5321234567.0, dt.datetime(1990, 5, 1, 14, 30), 12.5, True, "x"]),  # noqa: DTZ001 - as above
        (5, ["0532", "", 3.0, "", ""]),
    ]
    with pytest.raises(Invalid, match="the file has the sheets Kapak, Müşteriler, not 'Ürünler'"):
        table(path, FileFormat(kind=FileKind.EXCEL, sheet="Ürünler"))
    with pytest.raises(Invalid, match="the Excel file cannot be read"):
        table(write(tmp_path / "g.xlsx", b"PK\x03\x04 broken"), guess)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    columns = {
        "id": pa.array([1, 2, None]),
        "at": pa.array([1, 1_700_000_000_123_456_789, None], pa.timestamp("ns", tz="UTC")),
        "name": pa.array(["Ayşe", "Işıl", None]).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), path)
    guess = guessing.guess_format(path, file_name="export")
    assert guess.kind is FileKind.PARQUET
    names, found = table(path, guess)
    assert names == ("id", "at", "name")
    assert [(r.number, r.cells[0], r.cells[2]) for r in found] == [(1, 1, "Ayşe"), (2, 2, "Işıl")]
    assert found[1].cells[1] == dt.datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=dt.UTC)
    with pytest.raises(Invalid, match="the Parquet file cannot be read"):
        table(write(tmp_path / "g.parquet", b"PAR1 broken"), guess)


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        {"type": "track", "properties": {"total": 5, "items": [1]}, "context": {"traits": {"email": "a@example.com"}}},
        "not JSON",
        {"type": "page", "userId": "42"},
        [1],
    ]
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path = write(tmp_path / "f.jsonl", f"{text}\n\n")
    guess = guessing.guess_format(path, file_name="f.jsonl")
    assert guess.kind is FileKind.JSON_LINES
    columns, found = table(path, guess)
    assert columns == (
        "type",
        "properties",
        "context",
        "userId",
        "properties.total",
        "properties.items",
        "context.traits",
        "context.traits.email",
    )
    assert found[0].cells[0] == "track"
    assert found[0].cells[1] == {"total": 5, "items": [1]}
    assert found[0].cells[4:] == [5, [1], {"email": "a@example.com"}, "a@example.com"]
    assert (found[1].number, found[1].fault[:9]) == (2, "not JSON:")
    assert found[2].cells == ["page", None, None, "42", None, None, None, None]
    assert (found[3].number, found[3].fault) == (4, "expected a JSON object, found list")
    with pytest.raises(Invalid, match="expected a JSON object on each line: expected a JSON object, found list"):
        table(write(tmp_path / "g.json", "[]"), guess)
