"""Files into the log: exact reports, rows that count once, and the way through the console's jobs."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from sadakat.events.types import (
    FileFormat,
    FileKind,
    ImportNote,
    ImportPlan,
    Source,
    SourceKind,
)
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from tests.integration import bringing, pipeline
from tests.integration.bringing import Import, counts, inbox, rejected

CSV = FileFormat(kind=FileKind.CSV)


events, source, bring = bringing.events, bringing.source, bringing.bring


TURKISH = """Müşteri No;Tarih;minutes;E-posta;is_member;oda
42;20.11.2026 10:00;1.234,5;ayşe;evet;=1+1
42;31.02.2026;5;;;
42;19.11.2026 10:00;12,5;ayse@example.com;belki;mavi
43;18.11.2026;"açık;x;;
;18.11.2026;1;;;
44;18.11.2026;1;;
45;18.11.2026;601;;;

46;18.11.2026;999;;;
46;17.11.2026;9;;hayır;yeşil
46;17.11.2026;9;;hayır;yeşil
"""


def test_an_exact_report_and_a_file_to_be_mended(bring: Import, tmp_path: Path, now: datetime) -> None:
    text = TURKISH.replace("1.234,5", "234,5")
    report = bring(text.encode("cp1254"), mapping={"oda": "property:oda"})
    assert counts(report) == (10, 3, 1, 6)
    assert [(note.column, note.reason, note.count, note.first_row, note.example) for note in report.rejections] == [
        ("Tarih", "expected a day such as 20.11.2026 or 2026-11-20", 1, 3, "31.02.2026"),
        ("", "a quotation mark opens a cell and nothing closes it", 1, 5, ""),
        ("Müşteri No", "the cell is empty", 1, 6, ""),
        ("", "expected 6 cells", 1, 7, "5"),
        ("", "nobody stays 601 minutes with …", 1, 8, "nobody stays 601 minutes with '45'"),
        ("", "nobody stays 999 minutes with …", 1, 10, "nobody stays 999 minutes with '46'"),
    ]
    assert report.warnings == (
        ImportNote(column="E-posta", reason="expected an e-mail address", count=1, first_row=2, example="ayşe"),
        ImportNote(column="is_member", reason="expected yes or no", count=1, first_row=4, example="belki"),
    )
    bodies = inbox()
    assert [(body["timestamp"], body["properties"]) for body in bodies] == [
        ("2026-11-20T07:00:00Z", {"minutes": 234.5, "is_member": True, "oda": "=1+1"}),
        ("2026-11-19T07:00:00Z", {"minutes": 12.5, "email": "ayse@example.com", "oda": "mavi"}),
        ("2026-11-16T21:00:00Z", {"minutes": 9, "is_member": False, "oda": "yeşil"}),
    ]
    heading, *rows = rejected(tmp_path / "rejected.csv", delimiter=";")
    assert heading == ["line", "reason", "Müşteri No", "Tarih", "minutes", "E-posta", "is_member", "oda"]
    assert [(row[0], row[1]) for row in rows[:2]] == [
        ("3", "Tarih: expected a day such as 20.11.2026 or 2026-11-20, found '31.02.2026'"),
        ("5", "a quotation mark opens a cell and nothing closes it"),
    ]
    assert rows[3] == ["7", "expected 6 cells, found 5", "44", "18.11.2026", "1", "", ""]
    audited = pipeline.rows("SELECT action, new FROM platform_auditentry ORDER BY id DESC LIMIT 1")[0]
    assert audited[0] == "events.file_imported"
    new = json.loads(audited[1])
    assert (new["rows"], new["accepted"], new["duplicates"], new["rejected"]) == (10, 3, 1, 6)


def test_rejected_rows_are_mended_and_imported(bring: Import, tmp_path: Path) -> None:
    bring("user_id,minutes\n1,5\n2,beş\n3,6\n")
    path = tmp_path / "rejected.csv"
    assert rejected(path) == [
        ["line", "reason", "user_id", "minutes"],
        ["3", "minutes: expected a number such as 1,234.56, found 'beş'", "2", "beş"],
    ]
    mended = tmp_path / "mended.csv"
    mended.write_bytes(path.read_bytes().replace("beş\r".encode(), b"5\r") + b"9,again,4,alti\r\n")
    report = bring(mended)
    assert counts(report) == (2, 1, 0, 1)
    assert rejected(path)[0] == ["line", "reason", "user_id", "minutes"]
    assert [body["userId"] for body in inbox()] == ["1", "3", "2"]


def test_the_same_file_again_changes_nothing(bring: Import, now: datetime) -> None:
    text = "user_id,minutes\n1,5\n2,5\n1,5\n"
    assert counts(bring(text)) == (3, 2, 1, 0)
    before = inbox()
    assert [body["timestamp"] for body in before] == [
        "2026-11-20T09:00:00.000002+00:00",
        "2026-11-20T09:00:00.000003+00:00",
    ]
    assert counts(bring(text, at=now + timedelta(hours=1))) == (3, 0, 3, 0)
    assert inbox() == before
    from sadakat.events import api

    api.sequence(at=now)
    assert inbox() == []
    assert counts(bring(text, at=now + timedelta(hours=2))) == (3, 0, 3, 0)
    # Without a time of its own, a row of another file holds from then on.
    assert counts(bring(text + "3,1\n", at=now + timedelta(hours=3))) == (4, 3, 1, 0)


def test_a_row_that_says_when_is_the_same_in_every_file(bring: Import) -> None:
    assert counts(bring("user_id,visited_at\n1,2026-11-01\n")) == (1, 1, 0, 0)
    assert counts(bring("user_id,visited_at\n2,2026-11-01\n1,2026-11-01\n")) == (2, 1, 1, 0)


def test_a_dry_run_says_the_same_and_writes_nothing(bring: Import) -> None:
    bring("user_id,visited_at\n1,2026-11-01\n")
    text = "user_id,visited_at\n" + "".join(f"{n},2026-11-01\n" for n in range(1, 31)) + "x,y\n"
    before = inbox(), pipeline.rows("SELECT count(*) FROM platform_auditentry")
    told: list[tuple[int, int]] = []
    report = bring(text, dry_run=True, progress=lambda done, total: told.append((done, total)))
    assert counts(report) == (31, 29, 1, 1)
    assert report.is_dry_run
    assert told == [(0, 31), (31, 31)]
    assert len(report.preview) == 20
    assert report.preview[0].number == 3
    assert report.preview[0].message == {
        "type": "track",
        "event": "Visited",
        "userId": "2",
        "properties": {},
        "timestamp": "2026-10-31T21:00:00Z",
    }
    assert (inbox(), pipeline.rows("SELECT count(*) FROM platform_auditentry")) == before
    real = bring(text)
    assert counts(real) == counts(report)
    assert real.preview == ()


def test_stopped_in_the_middle_and_run_again(bring: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events import imports

    monkeypatch.setattr(imports, "MAX_BATCH_MESSAGES", 10)
    text = "user_id,visited_at\n" + "".join(f"{n},2026-11-01\n" for n in range(1, 36))
    asked = iter([False, True])
    report = bring(text, should_stop=lambda: next(asked))
    assert counts(report) == (20, 20, 0, 0)
    assert report.is_cancelled
    assert len(inbox()) == 20

    class Killed(Exception):
        pass

    def kill(done: int, _total: int) -> None:
        if done == 30:
            raise Killed

    with pytest.raises(Killed):
        bring(text, progress=kill)
    assert len(inbox()) == 30
    report = bring(text)
    assert counts(report) == (35, 5, 30, 0)
    assert not report.is_cancelled
    assert sorted(int(body["userId"]) for body in inbox()) == list(range(1, 36))


def test_groups_stand_or_fall_together(bring: Import, tmp_path: Path) -> None:
    text = (
        "basket,user_id,at,price,gift\n"
        "A,1,2026-11-01,10,\n"
        "B,2,2026-11-01,20,\n"
        "A,,,11,mug\n"
        "C,3,2026-11-01,many,\n"
        "B,,,21,\n"
        "C,,,31,\n"
        "D,,2026-11-01,1,\n"
        "E,4,2026-11-01\n"
        "E,,,2,\n"
        "A,,,12,\n"
        ",5,2026-11-01,1,\n"
    )
    report = bring(text, target="baskets")
    assert counts(report) == (11, 5, 0, 6)
    assert [(body["event"], body["properties"]) for body in inbox()] == [
        ("Basket", {"id": "B", "prices": [20, 21]}),
        ("Basket", {"id": "A", "prices": [10, 11, 12]}),
        ("Gift", {"name": "mug"}),
    ]
    assert {(note.column, note.reason, note.count, note.first_row) for note in report.rejections} == {
        ("price", "expected a number such as 1,234.56", 2, 5),
        ("", "expected 5 cells", 2, 9),
        ("", "a basket needs a customer", 1, 8),
        ("basket", "the cell is empty", 1, 12),
    }
    assert [row[0] for row in rejected(tmp_path / "rejected.csv")[1:]] == ["5", "7", "8", "9", "10", "12"]
    assert counts(bring(text, target="baskets")) == (11, 0, 5, 6)


def test_a_group_without_measure_is_rejected(bring: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events.files import engine

    monkeypatch.setattr(engine, "MAX_GROUP_ROWS", 2)
    lines = "A,1,2026-11-01,1,\n" * 3 + "B,1,2026-11-01,1,\n" * 2
    report = bring(f"basket,user_id,at,price,gift\n{lines}", target="baskets")
    assert counts(report) == (5, 2, 0, 3)
    assert [(note.reason, note.count) for note in report.rejections] == [("3 rows belong together; 2 are possible", 3)]


def test_a_row_whose_messages_are_partly_known_counts_as_new(bring: Import) -> None:
    heading = "basket,user_id,at,price,gift\n"
    bring(f"{heading}A,1,2026-11-01,10,mug\n", target="baskets")
    assert counts(bring(f"{heading}A,1,2026-11-01,10,cup\n", target="baskets")) == (1, 1, 0, 0)
    assert [body["event"] for body in inbox()] == ["Basket", "Gift", "Gift"]


def test_what_the_database_refuses_is_one_row(
    bring: Import, monkeypatch: pytest.MonkeyPatch, events: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    lines = [f'{{"type":"track","event":"E","userId":"{n}","properties":{{"n":{n}}}}}' for n in range(1, 10)]
    path.write_text("\n".join(lines))
    from sadakat.events.files import engine

    real = engine._canonical
    monkeypatch.setattr(engine, "_canonical", lambda said: real(said).replace(b'"n":4', b'"n":1e999999'))
    report = bring(path, target="events")
    assert counts(report) == (9, 8, 0, 1)
    assert report.rejections[0].reason.startswith("the database refuses it: ")
    assert sorted(body["properties"]["n"] for body in inbox()) == [1, 2, 3, 5, 6, 7, 8, 9]


def test_an_import_of_a_source_is_alone(
    bring: Import, events: ModuleType, source: Source, now: datetime, database: str
) -> None:
    import psycopg

    from sadakat.platform import audit
    from sadakat.platform.database.connection import Lock

    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [int(Lock.IMPORT), source.id])
        with pytest.raises(Conflict, match="another file is being imported as 'Files'"):
            bring("user_id\n1\n")
        assert counts(bring("user_id\n1\n", dry_run=True)) == (1, 1, 0, 0)
    assert counts(bring("user_id\n1\n")) == (1, 1, 0, 0)
    server, _ = events.create_source(name="shop", kind=SourceKind.SERVER, actor=audit.CLI, at=now)
    with pytest.raises(Refused, match="files need an enabled source of kind import; 'shop' is server"):
        bring("user_id\n1\n", source=server)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"kim": "user_id"}, "the file has no column kim; it has who, mail"),
        ({"who": "user"}, "who cannot be 'user'; visits have user_id, visited_at, .*, or property:NAME"),
        ({"who": "trait:x"}, "who cannot be 'trait:x'"),
        ({"who": "user_id", "mail": "user_id"}, "mail and who cannot both be user_id; leave one of them out"),
        ({"who": "", "mail": "email"}, "no column says user_id, which visits need; the file has who, mail"),
    ],
)
def test_plans_that_cannot_be_used(bring: Import, mapping: dict[str, str], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        bring("who,mail\n1,a@example.com\n", mapping=mapping)
    assert inbox() == []


def test_excel_and_parquet_hold_typed_cells(bring: Import, tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "f.xlsx"), {"default_date_format": "dd.mm.yyyy"})
    sheet = book.add_worksheet("Ziyaret")
    sheet.write_row(0, 0, ["Müşteri No", "Tarih", "minutes", "is_member"])
    sheet.write_row(1, 0, [5321234567, None, 12.5, True])
    sheet.write_datetime(1, 1, datetime(2026, 11, 20, 14, 30))  # noqa: DTZ001 - Excel knows no zone
    sheet.write_row(2, 0, ["x", "yarın", 1, False])
    book.close()
    report = bring(tmp_path / "f.xlsx")
    assert counts(report) == (2, 1, 0, 1)
    assert report.rejections[0].first_row == 3
    parquet = pa.table(
        {
            "user_id": [5321234567],
            "visited_at": pa.array([datetime(2026, 11, 20, 14, 31)], pa.timestamp("us")),  # noqa: DTZ001 - as written
            "minutes": pa.array([12.25]),
        }
    )
    pq.write_table(parquet, tmp_path / "f.parquet")
    assert counts(bring(tmp_path / "f.parquet")) == (1, 1, 0, 0)
    assert [(b["userId"], b["timestamp"], b["properties"]) for b in inbox()] == [
        ("5321234567", "2026-11-20T11:30:00Z", {"minutes": 12.5, "is_member": True}),
        ("5321234567", "2026-11-20T11:31:00Z", {"minutes": 12.25}),
    ]


def test_events_of_json_lines_keep_their_objects(bring: Import, tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(
        '{"type":"identify","userId":"1","traits":{"city":"İzmir"},"timestamp":"2026-11-01T10:00:00Z"}\n'
        '{"type":"track","event":"Liked","anonymousId":"a","properties":{"n":1.5},"context":{"ip":"::1"},'
        '"timestamp":"2026-11-01T10:00:00Z","messageId":"m1"}\n'
        '{"type":"dance","userId":"1"}\n',
        encoding="utf-8",
    )
    report = bring(path, target="events")
    assert counts(report) == (3, 2, 0, 1)
    assert report.rejections[0].first_row == 3
    first, second = inbox()
    assert (first["type"], first["traits"], first["userId"]) == ("identify", {"city": "İzmir"}, "1")
    assert (second["messageId"], second["properties"], second["context"]) == ("m1", {"n": 1.5}, {"ip": "::1"})


def test_events_of_a_csv_file(bring: Import) -> None:
    text = (
        'Olay;Zaman;e-posta;tutar;properties\nBeğendi;01.11.2026;işil@example.com;1,5;"{""a"":1}"\n;;x@example.com;;\n'
    )
    report = bring(text, target="events", mapping={"tutar": "property:tutar:number", "properties": "properties"})
    assert counts(report) == (2, 1, 0, 1)
    (body,) = inbox()
    assert (body["type"], body["event"], body["properties"]) == ("track", "Beğendi", {"a": 1, "tutar": 1.5})


def test_suggestions_name_each_field_once(events: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(
        "reason;line;MUSTERI_NO;user id;Tarih;iletisim;property:oda;diger\nx;2;1;1;02.01.2026;a@example.com;a;b@example.com\n"
    )
    inspection = events.inspect_file(path, file_name="f.csv", target="visits")
    assert [(column.name, column.suggestion) for column in inspection.columns] == [
        ("reason", ""),
        ("line", ""),
        ("MUSTERI_NO", ""),
        ("user id", "user_id"),
        ("Tarih", "visited_at"),
        ("iletisim", "email"),
        ("property:oda", "property:oda"),
        ("diger", ""),
    ]
    assert inspection.columns[4].samples == ("02.01.2026",)
    assert (inspection.format.delimiter, inspection.format.decimal_mark, inspection.preset) == (";", ",", "")
    said = events.inspect_file(path, file_name="f.csv", target="visits", said={"decimal_mark": ".", "day_order": "mdy"})
    assert (said.format.decimal_mark, said.format.day_order) == (".", "mdy")
    with pytest.raises(Invalid, match=r"files can be imported as .*, not as 'dreams'"):
        events.inspect_file(path, file_name="f.csv", target="dreams")


def test_presets(events: ModuleType, now: datetime, tmp_path: Path) -> None:
    from sadakat.platform import audit

    who = {"actor": audit.CLI, "at": now}
    plan = ImportPlan(target="visits", mapping={"a": "user_id", "b": ""}, format=replace(CSV, day_order="mdy"))
    saved = events.save_preset(name=" Till ", plan=plan, columns=("line", "reason", "a", "b"), **who)
    assert (saved.name, saved.columns) == ("Till", ("a", "b"))
    events.save_preset(name="Till", plan=plan, columns=("a", "b"), **who)
    assert events.presets("visits") == [saved]
    assert events.presets("baskets") == []
    path = tmp_path / "f.csv"
    path.write_text("b,a\n31.01.2026,1\n")
    inspection = events.inspect_file(path, file_name="f.csv", target="visits")
    assert (inspection.preset, inspection.format.day_order) == ("Till", "mdy")
    assert [(column.name, column.suggestion) for column in inspection.columns] == [("b", ""), ("a", "user_id")]
    path.write_text("b,a,c\n31.01.2026,1,2\n")
    assert events.inspect_file(path, file_name="f.csv", target="visits").preset == ""
    events.delete_preset(target="visits", name="Till", **who)
    with pytest.raises(NotFound, match="there is no preset 'Till' for visits"):
        events.delete_preset(target="visits", name="Till", **who)
    with pytest.raises(Invalid, match="a preset needs a name"):
        events.save_preset(name=" ", plan=plan, columns=("a",), **who)
    assert pipeline.rows("SELECT action, subject FROM platform_auditentry WHERE action LIKE %s", "%preset%") == [
        ("events.preset_saved", "import_preset:visits/Till"),
        ("events.preset_deleted", "import_preset:visits/Till"),
    ]
