"""`sadakat import` as people and scripts use it: every command in a process of its own, on one real database."""

import json
from pathlib import Path

from tests.integration.test_cli import Command, sadakat

__all__ = ["sadakat"]

TEXT = """olay;zaman;müşteri no;tutar;renk
Beğendi;20.11.2026 10:00;42;1.234,50;mavi
Beğendi;31.02.2026;42;1;
Beğendi;20.11.2026 10:00;42;1.234,50;mavi
"""
ARGUMENTS = ("--map", "tutar=property:tutar:number", "--map", "renk=property:renk")


def test_a_file_is_imported_with_a_report_and_a_file_of_rejected_rows(sadakat: Command, tmp_path: Path) -> None:
    path = tmp_path / "olaylar.csv"
    path.write_text(TEXT, encoding="cp1254")
    dry = sadakat("import", "events", str(path), *ARGUMENTS, "--dry-run", "--json")
    report = json.loads(dry.stdout)
    assert (report["rows"], report["accepted"], report["duplicates"], report["rejected"]) == (3, 1, 1, 1)
    assert report["preview"][0]["message"]["properties"] == {"tutar": 1234.5, "renk": "mavi"}
    assert report["is_dry_run"] is True
    assert "müşteri no → user_id" in dry.stderr
    assert "renk → property:renk" in dry.stderr
    Path(report["rejected_file"]).unlink()
    done = sadakat("import", "events", str(path), *ARGUMENTS, "--save-preset", "olaylar")
    assert [word for word in done.stdout.split() if word.isdigit()] == ["3", "1", "1", "1"]
    assert "expected a day such as" in " ".join(done.stderr.split())
    rejected = tmp_path / "olaylar.csv.rejected.csv"
    assert str(rejected) in done.stderr
    assert rejected.read_text(encoding="utf-8-sig").splitlines() == [
        "line;reason;olay;zaman;müşteri no;tutar;renk",
        "3;zaman: expected a day such as 20.11.2026 or 2026-11-20, found '31.02.2026';Beğendi;31.02.2026;42;1;",
    ]
    # Mended, with the saved mapping, and beside it the same file again.
    rejected.write_text(rejected.read_text(encoding="utf-8-sig").replace("31.02.2026", "28.02.2026"), encoding="utf-8")
    mended = sadakat("import", "events", str(rejected), "--json")
    assert "of the preset olaylar" in mended.stderr
    report = json.loads(mended.stdout)
    assert (report["accepted"], report["rejected"], report["rejected_file"]) == (1, 0, None)
    again = json.loads(sadakat("import", "events", str(path), "--preset", "olaylar", "--json").stdout)
    assert (again["accepted"], again["duplicates"], again["rejected"]) == (0, 2, 1)
    assert again["rejected_file"] == str(tmp_path / "olaylar.csv.rejected-2.csv")
    sources = json.loads(sadakat("source", "list", "--json").stdout)
    assert [source["kind"] for source in sources if source["name"] == "Files"] == ["import"]


def test_what_cannot_be_imported_is_one_line(sadakat: Command, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a,b\n1,2\n")
    refusals = [
        (("events", str(tmp_path / "g.csv")), 1, "there is no file"),
        (("dreams", str(path)), 1, "files can be imported as"),
        (("events", str(path), "--map", "c=event"), 1, "the file has no column c; it has a, b"),
        (("events", str(path), "--map", "a=event", "--source", "none"), 1, "there is no source named 'none'"),
        (("events", str(path), "--map", "a"), 2, "expected COLUMN=FIELD"),
        (("events", str(path), "--decimal-mark", "x"), 2, "decimal_mark is . or ,"),
        (("events", str(path), "--preset", "none"), 1, "there is no preset 'none' for events"),
        (("events", str(path), "--rejected", str(tmp_path / "none" / "r.csv")), 1, "cannot be written to"),
        (("events", str(path), "--map", "a=event"), 1, "no row of f.csv could be imported"),
    ]
    for arguments, code, said in refusals:
        done = sadakat("import", *arguments, code=code)
        assert said in " ".join(done.stderr.replace("│", " ").split()), done.stderr
        assert "Traceback" not in done.stderr
