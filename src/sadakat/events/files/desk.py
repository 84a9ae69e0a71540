"""Files that are uploaded in the console: kept in the data folder, checked and imported by jobs, and cleared away."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import structlog
from django.db import connection, transaction
from procrastinate.contrib.django import app

from sadakat.events import failures, models, sources
from sadakat.events.files import engine, inspection, presets, targets
from sadakat.events.files.mapping import check_plan
from sadakat.events.types import (
    FileFormat,
    FileImport,
    FileReport,
    ImportPlan,
    ImportState,
    Inspection,
    Source,
    SourceKind,
)
from sadakat.kernel.errors import Conflict, Invalid, NotFound, SadakatError
from sadakat.platform import audit, settings
from sadakat.platform.database import folders

MAX_UPLOAD_BYTES: Final = 2 * 1024**3
KEPT_DAYS: Final = 30
SOURCE_NAME: Final = "Files"
WORK_TASK: Final = "events.import_file"
MAX_NAME_LENGTH: Final = 255
_BLOCK_BYTES: Final = 1024 * 1024
_AT_WORK: Final = (ImportState.CHECKING, ImportState.RUNNING)
_UNUSED: Final = (ImportState.UPLOADED, ImportState.CHECKED)

logger: Final = structlog.get_logger()


class Upload(Protocol):
    """What a file is read from, block by block."""

    def read(self, size: int = ..., /) -> bytes:
        """The next bytes; empty at the end."""
        ...


def folder() -> Path:
    """Where uploaded files lie, each in a folder named by the id of its import."""
    return settings.current().home / "imports"


def import_source(*, actor: audit.Actor, at: datetime) -> Source:
    """The source that files belong to when no other is named; made when it is missing."""
    with contextlib.suppress(NotFound):
        return sources.source_named(SOURCE_NAME)
    with contextlib.suppress(Conflict):
        return sources.create_source(name=SOURCE_NAME, kind=SourceKind.IMPORT, actor=actor, at=at)[0]
    return sources.source_named(SOURCE_NAME)


def stage_import(*, file: Upload, file_name: str, target: str, actor: audit.Actor, at: datetime) -> FileImport:
    """Keeps an uploaded file in the data folder.

    Raises:
        Invalid: it is too large, or cannot be read.
        Unavailable: the disk is full.
    """
    targets.target_named(target)
    source = import_source(actor=actor, at=at)
    file_name = Path(file_name).name[:MAX_NAME_LENGTH]
    with folders.plain_errors(), _kept(file) as (path, file_hash, size):
        # What cannot be looked at could never be imported: better said at once, while its owner is there.
        inspection.inspect_file(path, file_name=file_name, target=target)
        with transaction.atomic(durable=True):
            row = models.FileImport.objects.create(
                target=target,
                file_name=file_name,
                file_hash=file_hash,
                size_bytes=size,
                source_id=source.id,
                state=ImportState.UPLOADED,
                actor=actor.key,
                actor_name=actor.name,
                created_at=at,
            )
            _record("events.file_staged", row, actor=actor, at=at)
            own = folder() / str(row.pk)
            own.mkdir(mode=0o700)
            path.replace(own / "file")
    return _import(row)


def inspect_import(import_id: int, *, format: FileFormat | None = None) -> Inspection:  # noqa: A002 - the plan's word
    """What the beginning of an uploaded file tells; see `inspection.inspect_file`.

    Raises:
        NotFound: there is no such import, or its file has been cleared away.
        Invalid: the file cannot be read so.
    """
    row = _row(import_id)
    return inspection.inspect_file(_file(row), file_name=row.file_name, target=row.target, format=format)


def check_import(*, import_id: int, plan: ImportPlan, actor: audit.Actor, at: datetime) -> FileImport:
    """Has a job read the whole file by this plan and say what would become of it.

    Raises:
        NotFound: there is no such import, or its file has been cleared away.
        Invalid: the plan cannot be used.
        Conflict: it is at work, or done.
    """
    return _ask(import_id, state=ImportState.CHECKING, plan=plan, actor=actor, at=at)


def run_import(*, import_id: int, plan: ImportPlan, actor: audit.Actor, at: datetime) -> FileImport:
    """Has a job import the file by this plan.

    Raises:
        NotFound, Invalid, Conflict: as for `check_import`.
    """
    return _ask(import_id, state=ImportState.RUNNING, plan=plan, actor=actor, at=at)


def cancel_import(*, import_id: int, actor: audit.Actor, at: datetime) -> FileImport:
    """Stops a check or an import after the batch that it is at; what was counted stays.

    Raises:
        NotFound: there is no such import.
        Conflict: nothing is under way.
    """
    with transaction.atomic(durable=True):
        row = _row(import_id, is_locked=True)
        if row.state not in _AT_WORK:
            raise Conflict(f"nothing is under way that could be stopped: the import is {row.state}")
        if not row.is_cancel_asked:
            row.is_cancel_asked = True
            _record("events.file_import_cancelled", row, actor=actor, at=at)
        if not _is_in_hand(import_id):
            # No worker has begun, or the last one has died for good: nobody else would ever stop it.
            row.state, row.finished_at = ImportState.CANCELLED, at
        row.save()
    return _import(row)


def discard_import(*, import_id: int, actor: audit.Actor, at: datetime) -> None:
    """Deletes an uploaded file; what was counted of it stays, and so does its report.

    Raises:
        NotFound: there is no such import.
        Conflict: it is at work.
    """
    with transaction.atomic(durable=True):
        row = _row(import_id, is_locked=True)
        if row.state in _AT_WORK:
            raise Conflict(f"stop the import first: it is {row.state}")
        _record("events.file_discarded", row, actor=actor, at=at)
        if row.state in _UNUSED:
            row.delete()
    shutil.rmtree(folder() / str(import_id), ignore_errors=True)


def file_import(import_id: int) -> FileImport:
    """An uploaded file on its way.

    Raises:
        NotFound: there is no such import.
    """
    return _import(_row(import_id))


def file_imports(*, limit: int = 50) -> Sequence[FileImport]:
    """The latest imports first."""
    return [_import(row) for row in models.FileImport.objects.order_by("-id")[:limit]]


def rejected_file(import_id: int) -> Path | None:
    """The rows that the latest check or run has rejected, as a CSV file; None where there are none."""
    path = folder() / str(import_id) / "rejected.csv"
    return path if path.is_file() else None


def purge_import_files(*, at: datetime) -> int:
    """Clears away files, and the values that reports quote, 30 days after their import; says how many imports.

    An import that was never run goes altogether; of the others the row stays with its counts.
    """
    before = at - timedelta(days=KEPT_DAYS)
    for left in folder().glob("upload-*"):
        # Of a process that was killed while a file came.
        if left.stat().st_mtime < before.timestamp():
            shutil.rmtree(left, ignore_errors=True)
    here = {int(path.name): path for path in _folders()}
    rows = models.FileImport.objects.in_bulk(here)
    purged = 0
    for import_id, path in here.items():
        row = rows.get(import_id)
        if row is not None and (row.state in _AT_WORK or (row.finished_at or row.created_at) >= before):
            continue
        shutil.rmtree(path, ignore_errors=True)
        purged += 1
        if row is not None and row.state in _UNUSED:
            row.delete()
        elif row is not None:
            row.report = row.report and msgspec.to_builtins(_without_values(msgspec.convert(row.report, FileReport)))
            row.save(update_fields=["report"])
    return purged


def work(import_id: int, *, at: datetime, clock: Callable[[], datetime]) -> None:
    """Checks or imports a file, as its row says; `at` is when that was asked for.

    Harmless to repeat: an import that is not waiting for work is left alone, and rows count once.

    Raises:
        Conflict: another import of the same source is under way; to be tried again.
    """
    row = models.FileImport.objects.filter(pk=import_id, state__in=_AT_WORK).first()
    if row is None:
        return
    try:
        report = _import_file(row, at=at)
    except Conflict:
        raise
    except SadakatError as error:
        _finish(row, state=ImportState.FAILED, error=str(error), at=clock())
    except Exception as error:
        # Whatever it is, somebody waits in front of the page; the job itself fails with the whole story.
        _finish(row, state=ImportState.FAILED, error=failures.reason_of(error), at=clock())
        raise
    else:
        done = ImportState.CHECKED if report.is_dry_run else ImportState.DONE
        state = ImportState.CANCELLED if report.is_cancelled else done
        _finish(row, state=state, report=msgspec.to_builtins(report), at=clock())


def _import_file(row: models.FileImport, *, at: datetime) -> FileReport:
    mine = models.FileImport.objects.filter(pk=row.pk)

    def progress(done: int, total: int) -> None:
        mine.update(rows_done=done, rows_total=total)

    rejected_path = folder() / str(row.pk) / "rejected.csv"
    rejected_path.unlink(missing_ok=True)
    return engine.import_file(
        path=_file(row),
        file_name=row.file_name,
        plan=presets.plan_of(row.plan),
        source=sources.sources()[row.source_id],
        actor=audit.Actor(row.actor, row.actor_name),
        at=at,
        dry_run=row.state == ImportState.CHECKING,
        rejected_path=rejected_path,
        progress=progress,
        should_stop=lambda: mine.filter(is_cancel_asked=True).exists(),
    )


def _finish(row: models.FileImport, *, state: ImportState, at: datetime, **values: Any) -> None:
    # Only as long as nobody has said otherwise meanwhile.
    models.FileImport.objects.filter(pk=row.pk, state=row.state).update(state=state, finished_at=at, **values)


def _ask(import_id: int, *, state: ImportState, plan: ImportPlan, actor: audit.Actor, at: datetime) -> FileImport:
    """Leaves an import to a job; both are there, or neither."""
    with transaction.atomic(durable=True):
        row = _row(import_id, is_locked=True)
        if row.state in (*_AT_WORK, ImportState.DONE):
            raise Conflict(f"the file cannot be imported again: it is {row.state}")
        if plan.target != row.target:
            raise Invalid(f"the file was uploaded as {row.target}, not as {plan.target}")
        check_plan(plan, target=targets.target_named(plan.target), columns=plan.mapping)
        _file(row)
        row.state, row.plan = state, presets.plan_as_json(plan)
        row.rows_done, row.rows_total, row.report = 0, None, None
        row.error, row.is_cancel_asked, row.finished_at = "", False, None
        row.actor, row.actor_name = actor.key, actor.name
        row.save()
        action = "events.file_check_asked" if state is ImportState.CHECKING else "events.file_import_asked"
        _record(action, row, actor=actor, at=at)
        # One after the other for each source: an import must be alone to count what is new.
        job = app.configure_task(WORK_TASK, lock=f"{WORK_TASK}:{row.source_id}")
        job.defer(import_id=import_id, at=at.isoformat())
    return _import(row)


def _is_in_hand(import_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE task_name = %s AND status = 'doing'"
            " AND args->>'import_id' = %s)",
            [WORK_TASK, str(import_id)],
        )
        return bool(cursor.fetchone()[0])


def _row(import_id: int, *, is_locked: bool = False) -> models.FileImport:
    rows = models.FileImport.objects.filter(pk=import_id)
    row = (rows.select_for_update() if is_locked else rows).first()
    if row is None:
        raise NotFound(f"there is no import {import_id}")
    return row


def _file(row: models.FileImport) -> Path:
    path = folder() / str(row.pk) / "file"
    if not path.is_file():
        raise NotFound(f"the file {row.file_name} has been cleared away; upload it again")
    return path


def _import(row: models.FileImport) -> FileImport:
    return FileImport(
        id=row.pk,
        target=row.target,
        file_name=row.file_name,
        size_bytes=row.size_bytes,
        source_id=row.source_id,
        state=ImportState(row.state),
        plan=presets.plan_of(row.plan) if row.plan else None,
        rows_done=row.rows_done,
        rows_total=row.rows_total,
        report=msgspec.convert(row.report, FileReport) if row.report else None,
        error=row.error,
        has_rejected_file=rejected_file(row.pk) is not None,
        actor_name=row.actor_name,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


@contextlib.contextmanager
def _kept(file: Upload) -> Iterator[tuple[Path, str, int]]:
    """The upload as a file with its hash and size; gone after the block, unless it was moved."""
    # What people upload is about their customers: nobody else on this machine reads it.
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="upload-", dir=folder()) as place:
        path, digest, size = Path(place) / "file", hashlib.sha256(), 0
        with path.open("wb") as kept:
            for block in iter(partial(file.read, _BLOCK_BYTES), b""):
                size += len(block)
                if size > MAX_UPLOAD_BYTES:
                    raise Invalid(
                        f"a file may have {MAX_UPLOAD_BYTES:,} bytes; import a larger one by `sadakat import`"
                    )
                digest.update(block)
                kept.write(block)
        yield path, digest.hexdigest(), size


def _folders() -> Iterator[Path]:
    return (path for path in folder().glob("*") if path.name.isdigit())


def _without_values(report: FileReport) -> FileReport:
    """The counts and reasons alone."""
    return replace(
        report,
        rejections=tuple(replace(note, example="") for note in report.rejections),
        warnings=tuple(replace(note, example="") for note in report.warnings),
        preview=(),
    )


def _record(action: str, row: models.FileImport, *, actor: audit.Actor, at: datetime) -> None:
    audit.record(
        actor=actor,
        at=at,
        action=action,
        subject=f"file_import:{row.pk}",
        new={"file_name": row.file_name, "target": row.target, "size_bytes": row.size_bytes},
    )
