"""The lake: what is committed reaches the files, whatever crashes; readers see whole partitions."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Unavailable

VISITS = "visits"
PEOPLE = "people"


@pytest.fixture(autouse=True)
def _visits(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake of its own with two datasets: visits by month and people in one partition."""
    from django.db import connection

    from sadakat.platform import lake

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE visit (id int, day date, at timestamptz, name text)")
    monkeypatch.setattr(lake, "folder", lambda: tmp_path / "lake")
    monkeypatch.setattr(lake, "_datasets", {})
    lake.register(_dataset())
    lake.register(
        lake.Dataset(name=PEOPLE, sql="SELECT DISTINCT name FROM visit ORDER BY name", schema={"name": "string"})
    )


def _dataset() -> Any:
    from sadakat.platform import lake

    return lake.Dataset(
        name=VISITS,
        sql="SELECT id::bigint AS id, day, at, name FROM visit WHERE to_char(day, 'YYYY-MM') = {partition} ORDER BY id",
        schema={"id": "int64", "day": "date", "at": "timestamp('UTC')", "name": "string"},
    )


def _visit(number: int, day: str, name: str = "Işıl") -> None:
    from django.db import connection, transaction

    from sadakat.platform import lake

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO visit VALUES (%s, %s::date, (%s || 'T22:30:00Z')::timestamptz, %s)", [number, day, day, name]
        )
        lake.mark_changed(dataset=VISITS, partitions=[day[:7]])
        lake.mark_changed(dataset=PEOPLE, partitions=["all"])


def _ids() -> list[int]:
    from sadakat.platform import engine

    visits = engine.read(VISITS)
    return [row["id"] for row in engine.collect(visits.select("id").order_by("id"))]


def _manifest() -> dict[tuple[str, str], tuple[int, int, int]]:
    from sadakat.platform.models import LakeFile, LakePartition

    rows = {(file.dataset, file.partition): file.rows for file in LakeFile.objects.all()}
    return {
        (row.dataset, row.partition): (row.changes, row.written, rows.get((row.dataset, row.partition), 0))
        for row in LakePartition.objects.all()
    }


def _files() -> list[Path]:
    from sadakat.platform import lake

    return sorted(path for path in lake.folder().rglob("*") if path.is_file())


def test_a_dataset_without_files_is_empty_and_typed() -> None:
    from sadakat.platform import engine

    visits = engine.read(VISITS)

    assert engine.collect(visits) == []
    assert engine.collect(visits.aggregate(latest=visits.at.max(), count=visits.count())) == [
        {"latest": None, "count": 0}
    ]


def test_rows_reach_the_files_with_their_types(now: datetime) -> None:
    from sadakat.platform import engine, lake

    _visit(1, "2026-10-30")
    _visit(2, "2026-11-01", "Çağla")

    assert lake.sync(at=now) == lake.SyncReport(partitions=3, rows=4)

    assert engine.collect(engine.read(VISITS).order_by("id")) == [
        {"id": 1, "day": date(2026, 10, 30), "at": datetime(2026, 10, 30, 22, 30, tzinfo=UTC), "name": "Işıl"},
        {"id": 2, "day": date(2026, 11, 1), "at": datetime(2026, 11, 1, 22, 30, tzinfo=UTC), "name": "Çağla"},
    ]
    october = next(iter((lake.folder() / VISITS / "partition=2026-10").glob("*.parquet")))
    assert pq.ParquetFile(october).metadata.row_group(0).column(0).compression == "LZ4"
    assert [path.suffix for path in _files()] == [".parquet"] * 3


def test_only_changed_partitions_are_written_and_the_version_follows(now: datetime) -> None:
    from sadakat.platform import lake

    empty = lake.version()
    _visit(1, "2026-10-30")
    _visit(2, "2026-11-01")
    lake.sync(at=now)
    first = lake.version()

    assert lake.sync(at=now) == lake.SyncReport(partitions=0, rows=0)
    assert lake.version() == first != empty

    _visit(3, "2026-11-02")
    assert lake.sync(at=now) == lake.SyncReport(partitions=2, rows=3)
    assert lake.version() not in {first, empty}
    assert _manifest() == {
        (PEOPLE, "all"): (3, 3, 1),
        (VISITS, "2026-10"): (1, 1, 1),
        (VISITS, "2026-11"): (2, 2, 2),
    }
    assert _ids() == [1, 2, 3]


def test_a_change_that_is_rolled_back_marks_nothing(now: datetime) -> None:
    from django.db import transaction

    from sadakat.platform import lake

    with transaction.atomic():
        lake.mark_changed(dataset=VISITS, partitions=["2026-10"])
        transaction.set_rollback(True)

    assert _manifest() == {}
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside of transaction"):
        lake.sync(at=now)


def test_what_changes_while_a_partition_is_read_is_written_next_time(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connections

    from sadakat.platform import lake

    write = lake._write

    def write_then_change(*args: Any, **options: Any) -> Any:
        file = write(*args, **options)
        monkeypatch.setattr(lake, "_write", write)
        _visit(2, "2026-10-31")
        connections.close_all()  # this thread's
        return file

    _visit(1, "2026-10-30", "Barış")
    lake.sync(at=now)
    _visit(3, "2026-10-30", "Barış")
    monkeypatch.setattr(lake, "_write", write_then_change)
    # One after the other, so that the visits are read after the change.
    monkeypatch.setattr(lake, "COPIES", 1)

    lake.sync(at=now)
    assert _manifest() == {(PEOPLE, "all"): (3, 2, 1), (VISITS, "2026-10"): (3, 2, 3)}

    lake.sync(at=now)
    assert _manifest() == {(PEOPLE, "all"): (3, 3, 2), (VISITS, "2026-10"): (3, 3, 3)}
    assert _ids() == [1, 2, 3]


def test_another_holder_of_the_lock_is_left_alone(database: str, now: datetime) -> None:
    from sadakat.platform import lake
    from sadakat.platform.database.connection import Lock

    _visit(1, "2026-10-30")
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [int(Lock.LAKE)])
        assert lake.sync(at=now) == lake.SyncReport(partitions=0, rows=0)
        assert lake.sweep(at=now) == 0
    assert _files() == []

    assert lake.sync(at=now).partitions == 2


def test_replaced_files_stay_for_readers_until_the_grace_is_over(now: datetime) -> None:
    from sadakat.platform import lake

    _visit(1, "2026-10-30")
    lake.sync(at=now - timedelta(days=1))
    _visit(2, "2026-10-30")
    lake.sync(at=now)
    assert len(_files()) == 4

    assert lake.sweep(at=now + lake.GRACE - timedelta(seconds=1)) == 0
    assert lake.sweep(at=now + lake.GRACE) == 2

    assert {str(path.relative_to(lake.folder())) for path in _files()} == {
        str(path.relative_to(lake.folder())) for paths in lake.files([VISITS, PEOPLE]).values() for path in paths
    }
    assert _ids() == [1, 2]


@pytest.mark.parametrize("stage", ["write_batch", "fsync", "rename", "utime", "update"])
def test_a_failure_at_any_stage_leaves_the_lake_as_it_was(
    stage: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db.models import QuerySet

    from sadakat.platform import lake

    _visit(1, "2026-10-30")
    lake.sync(at=now)
    before = lake.version()
    _visit(2, "2026-10-30")
    owner = {"write_batch": pq.ParquetWriter, "fsync": os, "rename": Path, "utime": os, "update": QuerySet}[stage]

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, stage, fail)
        with pytest.raises(OSError, match="No space left"):
            lake.sync(at=now)

    assert (lake.version(), _ids()) == (before, [1])
    lake.sync(at=now)
    assert _ids() == [1, 2]
    lake.sweep(at=datetime.now(UTC) + timedelta(days=1))
    assert len(_files()) == 2


_VICTIM = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from sadakat.config import boot
boot.open_database()
os.environ["DJANGO_SETTINGS_MODULE"] = "sadakat.config.django_settings"
import django
django.setup()
import pyarrow.parquet as pq
from django.db.models import QuerySet
from sadakat.platform import lake
lake.register(lake.Dataset(name="visits", sql=sys.argv[2], schema={"id": "int64"}))
owner = {"write_batch": pq.ParquetWriter, "rename": Path, "update": QuerySet}[sys.argv[1]]
setattr(owner, sys.argv[1], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
lake.sync(at=datetime.now(UTC))
"""


@pytest.mark.parametrize("stage", ["write_batch", "rename", "update"])
def test_kill_9_at_any_stage_loses_nothing(stage: str, database: str, now: datetime) -> None:
    from sadakat.platform import lake

    _visit(1, "2026-10-30")
    lake.sync(at=now)
    _visit(2, "2026-10-30")
    query = "SELECT id::bigint AS id FROM visit WHERE to_char(day, 'YYYY-MM') = {partition} ORDER BY id"
    environment = os.environ | {"DATABASE_URL": _url(database), "SADAKAT_LAKE": str(lake.folder())}

    victim = subprocess.run(  # noqa: PLW1510 - its death is what is asserted
        [sys.executable, "-c", _VICTIM, stage, query], env=environment, capture_output=True, text=True, timeout=120
    )

    assert victim.returncode == -signal.SIGKILL, victim.stderr
    assert _manifest()[VISITS, "2026-10"] == (2, 1, 1)
    assert _ids() == [1]
    assert lake.sync(at=now).partitions == 2
    assert _ids() == [1, 2]
    assert len(_files()) == 5  # the replaced two, the new two, and what the victim left
    lake.sweep(at=datetime.now(UTC) + timedelta(days=1))
    assert len(_files()) == 2


def _url(dsn: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    return "postgresql://?" + "&".join(f"{name}={value}" for name, value in parts.items())


def test_a_lost_file_is_written_anew(now: datetime) -> None:
    from sadakat.platform import lake

    _visit(1, "2026-10-30")
    lake.sync(at=now)
    for path in _files():
        path.unlink()

    with pytest.raises(Unavailable, match="files are missing"):
        _ids()

    assert lake.sync(at=now).partitions == 2
    assert _ids() == [1]


def test_a_file_that_vanishes_after_its_name_was_read_is_looked_up_again(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.platform import lake

    _visit(1, "2026-10-30")
    lake.sync(at=now)
    outdated = lake.files([VISITS])
    _visit(2, "2026-10-30")
    lake.sync(at=now)
    lake.sweep(at=now + timedelta(days=1))
    files = lake.files
    answers = iter([outdated])
    monkeypatch.setattr(lake, "files", lambda names: next(answers, None) or files(names))

    assert _ids() == [1, 2]


@pytest.fixture
def readers() -> Iterator[list[list[list[int]]]]:
    """Lists of what four threads read, over and over, until the test ends; each list is one thread's."""
    from django.db import connections

    seen: list[list[list[int]]] = [[] for _ in range(4)]
    stop = threading.Event()

    def read(answers: list[list[int]]) -> None:
        try:
            while not stop.is_set():
                answers.append(_ids())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=read, args=[answers]) for answers in seen]
    for thread in threads:
        thread.start()
    yield seen
    stop.set()
    for thread in threads:
        thread.join(timeout=60)


def test_readers_in_threads_see_whole_partitions_while_they_are_replaced(
    now: datetime, readers: list[list[list[int]]]
) -> None:
    from sadakat.platform import lake

    for number in range(1, 9):
        _visit(number, "2026-10-30")
        lake.sync(at=now + timedelta(hours=number))
        lake.sweep(at=now + timedelta(hours=number))
    deadline = monotonic() + 60
    while not all(answers and answers[-1] == list(range(1, 9)) for answers in readers):
        assert monotonic() < deadline, [answers[-1:] for answers in readers]

    for answers in readers:
        assert all(answer == list(range(1, len(answer) + 1)) for answer in answers)
        assert sorted(answers, key=len) == answers


def test_a_partition_spans_several_batches(now: datetime) -> None:
    from django.db import connection

    from sadakat.platform import engine, lake, parquet

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO visit SELECT n, '2026-10-01', now(), repeat('x', 100) FROM generate_series(1, 300000) AS n"
        )
    lake.mark_changed(dataset=VISITS, partitions=["2026-10"])

    assert lake.sync(at=now).rows == 300_000

    file = pq.ParquetFile(lake.files([VISITS])[VISITS][0]).metadata
    assert max(file.row_group(n).num_rows for n in range(file.num_row_groups)) <= parquet.ROW_GROUP_ROWS
    visits = engine.read(VISITS)
    assert engine.collect(visits.aggregate(total=visits.id.sum())) == [{"total": 300_000 * 300_001 // 2}]


def test_marking_from_many_transactions_counts_each_and_never_deadlocks() -> None:
    from django.db import connections

    from sadakat.platform import lake

    months = [f"2026-{month:02}" for month in range(1, 13)]

    def mark(order: int) -> None:
        for _ in range(10):
            lake.mark_changed(dataset=VISITS, partitions=months[::order])
        connections.close_all()

    threads = [threading.Thread(target=mark, args=[order]) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert _manifest() == {(VISITS, month): (40, 0, 0) for month in months}


def test_what_cannot_be_named_is_refused() -> None:
    from sadakat.platform import engine, lake

    lake.register(_dataset())
    with pytest.raises(Conflict, match="already registered as 'visits'"):
        lake.register(lake.Dataset(name=VISITS, sql="SELECT 1 AS id", schema={"id": "int32"}))
    with pytest.raises(Invalid, match=r"not '\.\./etc'"):
        lake.register(lake.Dataset(name="../etc", sql="SELECT 1 AS id", schema={"id": "int32"}))
    with pytest.raises(Invalid, match=r"not '2026/10'"):
        lake.mark_changed(dataset=VISITS, partitions=["2026/10"])
    with pytest.raises(NotFound, match="no dataset 'orders'; registered: people, visits"):
        lake.mark_changed(dataset="orders", partitions=["all"])
    with pytest.raises(NotFound, match="no dataset 'orders'"):
        engine.read("orders")
    assert _manifest() == {}


def test_nobody_else_may_look_into_the_lake(now: datetime) -> None:
    from sadakat.platform import lake

    _visit(1, "2026-11-20")
    lake.sync(at=now)

    assert lake.folder().stat().st_mode & 0o077 == 0
