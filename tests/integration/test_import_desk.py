"""Files that are uploaded in the console: kept, checked and imported by jobs, and cleared away."""

import io
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sadakat.events.types import (
    FileFormat,
    FileKind,
    ImportPlan,
    ImportState,
)
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from tests.integration import bringing, pipeline
from tests.integration.bringing import counts, inbox, rejected

CSV = FileFormat(kind=FileKind.CSV)


events, source = bringing.events, bringing.source


@pytest.fixture
def desk(events: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The console's way, with a data folder of its own."""
    from procrastinate import periodic

    from sadakat.events.files import desk

    monkeypatch.setattr(periodic.PeriodicDeferrer, "get_previous_tasks", lambda _self, at: [])
    monkeypatch.setattr(desk, "folder", lambda: tmp_path / "imports")
    return desk


def test_the_way_through_the_console(desk: ModuleType, events: ModuleType, now: datetime, tmp_path: Path) -> None:
    from sadakat.platform import audit, jobs

    who = {"actor": audit.Actor("user:1", "Elif"), "at": now}
    text = "user_id,visited_at\n1,2026-11-01\n2,x\n1,2026-11-01\n"
    staged = events.stage_import(file=io.BytesIO(text.encode()), file_name="C:/x/visits.csv", target="visits", **who)
    assert (staged.state, staged.file_name, staged.size_bytes) == (ImportState.UPLOADED, "visits.csv", len(text))
    assert (staged.plan, staged.report, staged.has_rejected_file) == (None, None, False)
    inspection = events.inspect_import(staged.id)
    mapping = {column.name: column.suggestion for column in inspection.columns}
    plan = ImportPlan(target="visits", mapping=mapping, format=inspection.format)
    with pytest.raises(Conflict, match="nothing is under way"):
        events.cancel_import(import_id=staged.id, **who)
    asked = events.check_import(import_id=staged.id, plan=plan, **who)
    assert (asked.state, asked.plan, asked.actor_name) == (ImportState.CHECKING, plan, "Elif")
    for refused in (events.check_import, events.run_import):
        with pytest.raises(Conflict, match="it is checking"):
            refused(import_id=staged.id, plan=plan, **who)
    with pytest.raises(Conflict, match="stop the import first"):
        events.discard_import(import_id=staged.id, **who)
    assert jobs.run_due() == 1
    checked = events.file_import(staged.id)
    assert (checked.state, checked.rows_done, checked.rows_total) == (ImportState.CHECKED, 3, 3)
    assert checked.has_rejected_file
    assert checked.report is not None
    assert counts(checked.report) == (3, 1, 1, 1)
    assert checked.report.preview[0].message["userId"] == "1"
    assert inbox() == []
    events.run_import(import_id=staged.id, plan=plan, **who)
    assert jobs.run_due() == 1
    done = events.file_import(staged.id)
    assert done.state is ImportState.DONE
    assert done.report is not None
    assert counts(done.report) == (3, 1, 1, 1)
    assert not done.report.is_dry_run
    assert done.finished_at is not None
    assert len(inbox()) == 1
    path = events.rejected_file(staged.id)
    assert [row[0] for row in rejected(path)[1:]] == ["3"]
    assert events.file_imports(limit=5) == [done]
    # A job that is given out twice finds nothing to do.
    desk.work(staged.id, at=now, clock=lambda: now)
    assert events.file_import(staged.id) == done
    with pytest.raises(Conflict, match="it is done"):
        events.run_import(import_id=staged.id, plan=plan, **who)
    assert pipeline.rows("SELECT action FROM platform_auditentry WHERE action LIKE %s ORDER BY id", "events.file%") == [
        ("events.file_staged",),
        ("events.file_check_asked",),
        ("events.file_import_asked",),
        ("events.file_imported",),
    ]
    finished = done.finished_at
    assert events.purge_import_files(at=finished + timedelta(days=29)) == 0
    assert events.purge_import_files(at=finished + timedelta(days=31)) == 1
    kept = events.file_import(staged.id)
    assert (kept.state, kept.has_rejected_file) == (ImportState.DONE, False)
    assert kept.report is not None
    assert [note.example for note in kept.report.rejections] == [""]
    assert not (tmp_path / "imports" / str(staged.id)).exists()


def test_cancelled_failed_and_discarded(
    desk: ModuleType, events: ModuleType, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.events import imports
    from sadakat.platform import audit, jobs

    who = {"actor": audit.CLI, "at": now}
    text = "user_id,visited_at\n" + "".join(f"{n},2026-11-01\n" for n in range(1, 26))
    plan = ImportPlan(target="visits", mapping={"user_id": "user_id", "visited_at": "visited_at"}, format=CSV)

    def stage() -> int:
        return events.stage_import(file=io.BytesIO(text.encode()), file_name="f.csv", target="visits", **who).id

    waiting = stage()
    events.run_import(import_id=waiting, plan=plan, **who)
    assert events.cancel_import(import_id=waiting, **who).state is ImportState.CANCELLED
    jobs.run_due()
    assert (events.file_import(waiting).state, inbox()) == (ImportState.CANCELLED, [])

    # Somebody presses stop while the job is at its first batch.
    monkeypatch.setattr(imports, "MAX_BATCH_MESSAGES", 10)
    monkeypatch.setattr(desk, "_is_in_hand", lambda _import_id: True)
    running = stage()
    events.run_import(import_id=running, plan=plan, **who)
    append = imports.append_units

    def stop(units: Any) -> Any:
        events.cancel_import(import_id=running, **who)
        return append(units)

    monkeypatch.setattr(imports, "append_units", stop)
    desk.work(running, at=now, clock=lambda: now)
    cancelled = events.file_import(running)
    assert (cancelled.state, cancelled.rows_done, cancelled.rows_total) == (ImportState.CANCELLED, 10, 25)
    assert cancelled.report is not None
    assert (counts(cancelled.report), cancelled.report.is_cancelled) == ((10, 10, 0, 0), True)
    monkeypatch.setattr(imports, "append_units", append)
    events.run_import(import_id=running, plan=plan, **who)
    desk.work(running, at=now, clock=lambda: now)
    done = events.file_import(running)
    assert done.state is ImportState.DONE
    assert done.report is not None
    assert counts(done.report) == (25, 15, 10, 0)

    failing = stage()
    wrong = replace(plan, mapping={"kim": "user_id"})
    events.check_import(import_id=failing, plan=wrong, **who)
    desk.work(failing, at=now, clock=lambda: now)
    failed = events.file_import(failing)
    assert (failed.state, failed.error) == (
        ImportState.FAILED,
        "the file has no column kim; it has user_id, visited_at",
    )

    unused = stage()
    events.discard_import(import_id=unused, **who)
    events.discard_import(import_id=running, **who)
    assert not (tmp_path / "imports" / str(unused)).exists()
    with pytest.raises(NotFound, match="there is no import"):
        events.file_import(unused)
    assert events.file_import(running).state is ImportState.DONE
    with pytest.raises(NotFound, match="has been cleared away"):
        events.inspect_import(running)


def test_uploads_that_cannot_be_kept(
    desk: ModuleType, events: ModuleType, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.platform import audit

    monkeypatch.setattr(desk, "MAX_UPLOAD_BYTES", 10)
    for content, message in ((b"a,b\n1,2\n3,4\n", "a file may have 10 bytes"), (b"", "the file is empty")):
        with pytest.raises(Invalid, match=message):
            events.stage_import(file=io.BytesIO(content), file_name="f.csv", target="visits", actor=audit.CLI, at=now)
    assert events.file_imports() == []
    assert list((tmp_path / "imports").iterdir()) == []
