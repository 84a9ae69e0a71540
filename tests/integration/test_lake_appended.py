"""Appended datasets of the lake: each row once and only once, whatever crashes, joins, changes or runs beside."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Self

import pyarrow.parquet as pq
import pytest
from django.db import DatabaseError

from tests.integration.pipeline import rows, run

VISITS = "visits"
SQL = """
    SELECT position, day, name, to_char(day, 'YYYY-MM') AS partition FROM visit
    WHERE position > {after} AND position <= {upto} AND name <> 'nobody'
"""


@pytest.fixture(autouse=True)
def _visits(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake of its own with one appended dataset."""
    from sadakat.platform import lake

    run("CREATE TABLE visit (position bigint PRIMARY KEY, day date, name text)")
    monkeypatch.setattr(lake, "folder", lambda: tmp_path / "lake")
    monkeypatch.setattr(lake, "_datasets", {})
    lake.register(
        lake.Dataset(
            name=VISITS,
            sql=SQL,
            schema={"position": "int64", "day": "date", "name": "string"},
            head_sql="SELECT coalesce(max(position), 0) FROM visit",
        )
    )


def _visit(day: str, name: str = "Işıl", count: int = 1) -> None:
    run(
        """INSERT INTO visit SELECT coalesce((SELECT max(position) FROM visit), 0) + n, %s::date, %s
        FROM generate_series(1, %s) AS n""",
        day,
        name,
        count,
    )


def _held() -> list[tuple[int, date, str]]:
    from sadakat.platform import engine

    return [tuple(row.values()) for row in engine.collect(engine.read(VISITS).order_by("position"))]


def _positions() -> list[int]:
    return [position for position, _, _ in _held()]


def _manifest() -> list[tuple[str, int, int, int]]:
    return rows('SELECT partition, "rows", from_position, to_position FROM platform_lakefile ORDER BY from_position')


def _cursor() -> int:
    return int(rows("SELECT position FROM platform_lakecursor WHERE dataset = 'visits'")[0][0])


def _on_disk() -> set[str]:
    from sadakat.platform import lake

    return {str(path.relative_to(lake.folder())) for path in lake.folder().rglob("*") if path.is_file()}


def _named() -> set[str]:
    return {path for (path,) in rows("SELECT path FROM platform_lakefile")}


def test_each_sync_writes_only_what_is_new_by_partition(now: datetime) -> None:
    from sadakat.platform import lake

    _visit("2026-10-30", count=2)
    _visit("2026-11-01", "Çağla")
    assert lake.is_stale()
    assert lake.sync(at=now) == lake.SyncReport(partitions=2, rows=3)
    first = _on_disk()
    assert (lake.is_stale(), lake.sync(at=now)) == (False, lake.SyncReport(partitions=0, rows=0))

    version = lake.version()
    _visit("2026-10-02", "Barış")
    _visit("2026-11-02")
    assert lake.sync(at=now) == lake.SyncReport(partitions=2, rows=2)

    assert first < _on_disk() == _named()
    assert lake.version() != version
    assert _manifest() == [("2026-10", 2, 1, 2), ("2026-11", 1, 3, 3), ("2026-10", 1, 4, 4), ("2026-11", 1, 5, 5)]
    assert _held() == [
        (1, date(2026, 10, 30), "Işıl"),
        (2, date(2026, 10, 30), "Işıl"),
        (3, date(2026, 11, 1), "Çağla"),
        (4, date(2026, 10, 2), "Barış"),
        (5, date(2026, 11, 2), "Işıl"),
    ]


def test_what_the_dataset_leaves_out_is_passed_and_not_asked_for_again(now: datetime) -> None:
    from sadakat.platform import lake

    _visit("2026-10-30", "nobody", count=3)

    assert lake.sync(at=now) == lake.SyncReport(partitions=0, rows=0)

    assert (_cursor(), lake.is_stale(), _manifest(), _held()) == (3, False, [], [])


def test_a_long_backlog_is_appended_in_bounded_steps(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "MAX_POSITIONS", 40)
    _visit("2026-10-30", count=100)

    assert lake.sync(at=now) == lake.SyncReport(partitions=3, rows=100)

    assert _manifest() == [("2026-10", 40, 1, 40), ("2026-10", 40, 41, 80), ("2026-10", 20, 81, 100)]
    assert _positions() == list(range(1, 101))


def _append() -> None:
    _visit("2026-10-30", count=2)
    _visit("2026-11-01")


def _change() -> None:
    from sadakat.platform import lake

    run("UPDATE visit SET name = 'Ayşe' WHERE position = 1")
    lake.mark_changed(dataset=VISITS, partitions=["2026-10"])


@pytest.mark.parametrize("stage", ["write_batch", "fsync", "rename", "bulk_create", "update", "commit"])
def test_a_failure_at_any_stage_of_appending_leaves_each_row_once(
    stage: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.platform import lake

    _append()
    lake.sync(at=now)
    before = _held(), _cursor(), lake.version()
    _append()

    with monkeypatch.context() as patch:
        _fail(patch, stage)
        with pytest.raises((OSError, DatabaseError), match="No space left"):
            lake.sync(at=now)

    assert (_held(), _cursor(), lake.version()) == before
    assert lake.sync(at=now) == lake.SyncReport(partitions=2, rows=3)
    assert (_positions(), _cursor()) == ([1, 2, 3, 4, 5, 6], 6)
    lake.sweep(at=datetime.now(UTC) + timedelta(days=1))
    assert _on_disk() == _named()


@pytest.mark.parametrize(
    ("work", "stage"),
    [
        *(
            ("rewrite", stage)
            for stage in ("write_batch", "fsync", "rename", "utime", "save", "delete", "update", "commit")
        ),
        *(("compact", stage) for stage in ("write_batch", "fsync", "rename", "utime", "save", "delete", "commit")),
    ],
)
def test_a_failure_at_any_stage_of_replacing_leaves_each_row_once(
    work: str, stage: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.platform import lake

    for _ in range(2):
        _append()
        lake.sync(at=now)
    before = _held(), _manifest(), lake.version()
    if work == "rewrite":
        _change()

    with monkeypatch.context() as patch:
        _fail(patch, stage)
        with pytest.raises((OSError, DatabaseError), match="No space left"):
            {"rewrite": lake.sync, "compact": lake.compact}[work](at=now)

    assert (_held(), _manifest(), lake.version()) == before
    lake.sync(at=now)
    lake.compact(at=now)
    assert _manifest() == [("2026-10", 4, 1, 5), ("2026-11", 2, 3, 6)]
    assert [name for _, _, name in _held()] == ["Ayşe" if work == "rewrite" else "Işıl", *["Işıl"] * 5]
    lake.sweep(at=datetime.now(UTC) + timedelta(days=1))
    assert _on_disk() == _named()


def _fail(patch: pytest.MonkeyPatch, stage: str) -> None:
    from django.db import OperationalError, connection
    from django.db.models import Model, QuerySet

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("No space left on device") if stage == "commit" else OSError(28, "No space left")

    owners: dict[str, Any] = {
        "write_batch": pq.ParquetWriter,
        "fsync": os,
        "utime": os,
        "rename": Path,
        "bulk_create": QuerySet,
        "update": QuerySet,
        "delete": QuerySet,
        "save": Model,
        "commit": connection,
    }
    patch.setattr(owners[stage], stage, fail)


def test_a_crash_right_after_the_commit_writes_nothing_twice(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    _append()

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lake, "_join_small", die)
        with pytest.raises(KeyboardInterrupt):
            lake.sync(at=now)

    assert lake.sync(at=now) == lake.SyncReport(partitions=0, rows=0)
    assert _positions() == [1, 2, 3]


def test_two_syncs_at_once_write_each_row_once(now: datetime) -> None:
    from sadakat.platform import lake

    def work(count: int) -> None:
        for _ in range(count):
            lake.sync(at=now)

    barrier = threading.Barrier(3)
    with _Threads() as threads:
        for _ in range(2):
            threads.start(lambda: (barrier.wait(60), work(15)))
        barrier.wait(60)
        for number in range(40):
            _visit("2026-10-30" if number % 2 else "2026-11-01", count=5)

    lake.sync(at=now)
    assert _positions() == list(range(1, 201))
    assert sum(count for _, count, _, _ in _manifest()) == 200


def test_a_sync_that_has_lost_its_lock_appends_nothing(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.kernel.errors import Conflict
    from sadakat.platform import lake

    _append()
    write = lake._write

    def write_late(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(lake, "_write", write)
        run(
            """SELECT pg_terminate_backend(pid) FROM pg_locks
            WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
        )
        until = monotonic() + 60
        while lake.sync(at=now).rows != 3:
            assert monotonic() < until
        return write(*args, **options)

    monkeypatch.setattr(lake, "_write", write_late)

    with pytest.raises(Conflict, match="appended to from position 0 by another sync"):
        lake.sync(at=now)

    assert (_positions(), _cursor()) == ([1, 2, 3], 3)


def test_a_partition_that_changes_is_written_whole_and_what_is_new_is_appended(now: datetime) -> None:
    from sadakat.platform import lake

    for _ in range(2):
        _append()
        lake.sync(at=now)
    _change()
    _visit("2026-10-31")

    assert lake.sync(at=now) == lake.SyncReport(partitions=2, rows=5)

    assert _manifest() == [("2026-10", 4, 1, 5), ("2026-11", 1, 3, 3), ("2026-11", 1, 6, 6), ("2026-10", 1, 7, 7)]
    assert [name for _, _, name in _held()] == ["Ayşe", *["Işıl"] * 6]
    assert not lake.is_stale()


def test_a_change_of_rows_that_are_not_in_the_lake_yet_arrives_with_them(now: datetime) -> None:
    from sadakat.platform import lake

    _append()
    _change()

    assert lake.sync(at=now).rows == 3

    assert [name for _, _, name in _held()] == ["Ayşe", "Işıl", "Işıl"]
    assert (_manifest(), lake.is_stale()) == ([("2026-10", 2, 1, 2), ("2026-11", 1, 3, 3)], False)


def test_a_change_while_rows_are_appended_is_written_next_time(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    _append()
    write = lake._write

    def change_then_write(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(lake, "_write", write)
        _change()
        return write(*args, **options)

    monkeypatch.setattr(lake, "_write", change_then_write)
    lake.sync(at=now)
    assert ([name for _, _, name in _held()], lake.is_stale()) == (["Işıl"] * 3, True)

    lake.sync(at=now)
    assert ([name for _, _, name in _held()], lake.is_stale()) == (["Ayşe", "Işıl", "Işıl"], False)


def test_a_lost_file_is_written_anew_with_its_partition(now: datetime) -> None:
    from sadakat.platform import lake

    for _ in range(3):
        _append()
        lake.sync(at=now)
    held = _held()
    (lake.folder() / lake.files([VISITS])[VISITS][1]).unlink()

    assert lake.is_stale()
    assert lake.sync(at=now) == lake.SyncReport(partitions=1, rows=6)

    assert _held() == held
    assert [entry for entry in _manifest() if entry[0] == "2026-10"] == [("2026-10", 6, 1, 8)]


def test_compaction_keeps_the_rows_and_leaves_one_file_a_partition(now: datetime) -> None:
    from sadakat.platform import lake

    for number in range(5):
        _visit(f"2026-{10 + number % 2}-1{number}", f"Çağla {number}", count=number + 1)
        lake.sync(at=now)
    held, version = _held(), lake.version()

    assert lake.compact(at=now) == 2

    assert _manifest() == [("2026-10", 9, 1, 15), ("2026-11", 6, 2, 10)]
    assert (_held(), lake.is_stale()) == (held, False)
    assert lake.version() != version
    assert lake.compact(at=now) == 0
    stored = pq.ParquetFile(lake.files([VISITS])[VISITS][0])
    assert stored.metadata.row_group(0).column(0).compression == "LZ4"
    assert stored.read().column("position").to_pylist() == [1, *range(4, 7), *range(11, 16)]
    assert lake.sweep(at=now + lake.GRACE - timedelta(seconds=1)) == 0
    assert lake.sweep(at=now + lake.GRACE) == 5
    assert _on_disk() == _named()


def test_many_small_files_are_joined_as_they_come_and_large_ones_stay(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.platform import lake, parquet

    monkeypatch.setattr(lake, "MAX_SMALL_FILES", 3)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 10)
    _visit("2026-10-30", count=10)
    lake.sync(at=now)
    for _ in range(4):
        _visit("2026-10-30", count=2)
        lake.sync(at=now)

    assert _manifest() == [("2026-10", 10, 1, 10), ("2026-10", 8, 11, 18)]
    assert _positions() == list(range(1, 19))


def test_readers_see_each_row_once_while_files_are_appended_and_joined(now: datetime) -> None:
    from sadakat.platform import lake

    seen: list[list[list[int]]] = [[] for _ in range(2)]
    stop = threading.Event()

    def read(answers: list[list[int]]) -> None:
        while not stop.is_set():
            answers.append(_positions())

    with _Threads() as threads:
        for answers in seen:
            threads.start(lambda answers=answers: read(answers))
        try:
            for number in range(1, 11):
                _visit("2026-10-30")
                at = now + timedelta(hours=number)
                lake.sync(at=at)
                assert lake.compact(at=at) == (number > 1)
                lake.sweep(at=at)
            until = monotonic() + 60
            while not all(answers and answers[-1] == list(range(1, 11)) for answers in seen):
                assert monotonic() < until, [answers[-1:] for answers in seen]
        finally:
            stop.set()

    for answers in seen:
        assert all(answer == list(range(1, len(answer) + 1)) for answer in answers)
        assert sorted(answers, key=len) == answers


def test_no_transaction_may_be_open() -> None:
    from django.db import transaction

    from sadakat.platform import lake

    with transaction.atomic(), pytest.raises(RuntimeError, match="outside of transaction"):
        lake.compact(at=datetime.now(UTC))


class _Threads:
    """Threads that are waited for; what one of them raised is raised here."""

    def __enter__(self) -> Self:
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        return self

    def start(self, work: Callable[[], object]) -> None:
        def run_it() -> None:
            from django.db import connections

            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised by the test's own thread
                self._errors.append(error)
            finally:
                connections.close_all()

        self._threads.append(threading.Thread(target=run_it))
        self._threads[-1].start()

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(60)
        if self._errors:
            raise self._errors[0]
