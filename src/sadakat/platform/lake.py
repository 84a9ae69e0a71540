"""The lake: rows of PostgreSQL copied into Parquet files, by partitions, listed in a manifest.

Who changes rows calls `mark_changed` in the same transaction; `sync` writes the changed partitions anew, one file
each. Of an appended dataset it also copies the rows that are new, one small file for each partition they are of, and
`compact` joins such files. A file is written under a temporary name, flushed to disk, renamed, and only then named by
the manifest, together with the position that has been reached: a reader sees what was before or what is after, and a
crash leaves nothing but files that `sweep` removes.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection, transaction
from psycopg import sql

from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import parquet, settings
from sadakat.platform.database.connection import Lock, dsn
from sadakat.platform.models import LakeCursor, LakeFile, LakePartition

GRACE: Final = timedelta(minutes=10)
"""How long a file that was replaced stays, for readers who have begun with it."""
COPIES: Final = 3
"""Partitions that are copied at once."""
MAX_POSITIONS: Final = 100_000
"""How many positions are appended at once."""
MAX_SMALL_FILES: Final = 32
"""A partition with more files of fewer than `parquet.ROW_GROUP_ROWS` rows has them joined while it is appended to."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A relation that the lake offers. It holds no direct identifiers and no raw payloads."""

    name: str
    """Letters, digits, underscores; also the name of its folder."""
    sql: str
    """Selects the rows of one partition; `{partition}` stands for the partition's key, a text literal.

    Amounts are bigint, never numeric, which would arrive as opaque text. Of an appended dataset it selects the rows
    after the position `{after}`, up to `{upto}`, and gives one more column, `partition`: the key of the row's.
    """
    schema: Mapping[str, str]
    """The columns of `sql` in their order, with their Ibis types: `{"at": "timestamp('UTC')"}`."""
    head_sql: str = ""
    """Makes a dataset appended: selects the last position that there is, 0 for none.

    Such a dataset has a column `position`, a unique int64 above 0. Rows appear in the order of their positions and stay
    at them, in their partition; what else changes in them is said by `mark_changed`.
    """


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a `sync` wrote."""

    partitions: int
    rows: int


_datasets: dict[str, Dataset] = {}


def register(dataset: Dataset) -> None:
    """Makes a dataset known; registering the same one again changes nothing.

    Raises:
        Conflict: another dataset has that name.
        Invalid: the name cannot be a folder's.
    """
    _check_name(dataset.name)
    if _datasets.setdefault(dataset.name, dataset) != dataset:
        raise Conflict(f"another dataset is already registered as {dataset.name!r}")


def datasets() -> Mapping[str, Dataset]:
    """The registered datasets by name."""
    return MappingProxyType(_datasets)


def dataset_named(name: str) -> Dataset:
    """The dataset of that name.

    Raises:
        NotFound: none is registered under it.
    """
    if name not in _datasets:
        known = ", ".join(sorted(_datasets)) or "none"
        raise NotFound(f"there is no dataset {name!r}; registered: {known}")
    return _datasets[name]


def mark_changed(*, dataset: str, partitions: Collection[str]) -> None:
    """Says that rows of these partitions change in the caller's transaction.

    Rows of the manifest are locked in the order of their keys until that transaction ends.

    Raises:
        NotFound: the dataset is not registered.
        Invalid: a partition's key cannot be a folder's name.
    """
    dataset_named(dataset)
    for partition in partitions:
        _check_name(partition)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO platform_lakepartition AS known (dataset, partition, changes, written)
            SELECT %s::text, key, 1, 0 FROM unnest(%s::text[]) WITH ORDINALITY AS given (key, place)
            ORDER BY place
            ON CONFLICT (dataset, partition) DO UPDATE SET changes = known.changes + 1
            """,
            [dataset, sorted(set(partitions))],
        )


def sync(*, at: datetime) -> SyncReport:
    """Writes what has changed or is new since it was last written, and partitions that have lost a file.

    A file whose dataset had another schema when it was written counts as lost.

    One sync runs at a time; where another is at work this one does nothing. Partitions that have changed are committed
    singly, what is new by `MAX_POSITIONS`.

    Raises:
        RuntimeError: called inside a transaction, whose own changes the copy could not see.
    """
    _refuse_transaction()
    report = SyncReport(0, 0)
    if not is_stale():
        return report
    with _locked() as source:
        if source is None:
            return report
        # Changes were counted before the rows are read: what changes meanwhile leaves the partition stale.
        stale = _stale_partitions()
        old = _by_partition({name for name, _ in stale})
        rewrites = [_rewrite_of(*key, changes=changes, old=old.get(key, [])) for key, changes in stale.items()]
        for rewrite, new in zip(rewrites, _copied(rewrites, source=source), strict=True):
            _name(rewrite, new, at=at)
            report = SyncReport(report.partitions + 1, report.rows + (new.rows if new else 0))
        for name, (after, head) in _behind().items():
            for start in range(after, head, MAX_POSITIONS):
                upto = min(start + MAX_POSITIONS, head)
                files = _append(_datasets[name], after=start, upto=upto, source=source)
                report = SyncReport(report.partitions + len(files), report.rows + sum(file.rows for file in files))
            _join_small(name, at=at)
    return report


def compact(*, at: datetime) -> int:
    """Joins the files of every partition that has several into one; gives the number of such partitions.

    Waits for a sync that is at work.

    Raises:
        RuntimeError: called inside a transaction.
    """
    _refuse_transaction()
    with _locked(is_waiting=True):
        several = [files for files in _by_partition(_datasets).values() if len(files) > 1]
        for files in several:
            _join(files, at=at)
    return len(several)


def sweep(*, at: datetime) -> int:
    """Removes the files that the manifest has not named for `GRACE`; gives their number."""
    removed = 0
    # Under the lock nobody is between renaming a file and naming it in the manifest.
    with _locked() as source:
        if source is None:
            return 0
        named = set(LakeFile.objects.values_list("path", flat=True))
        for name in _datasets:
            for path in sorted((folder() / name).glob("partition=*/*")):
                is_old = path.stat().st_mtime <= (at - GRACE).timestamp()
                if is_old and str(path.relative_to(folder())) not in named:
                    path.unlink()
                    removed += 1
    return removed


def is_stale() -> bool:
    """Whether something waits to be written."""
    return bool(_stale_partitions() or _behind())


def version(names: Collection[str] = ()) -> str:
    """A name of what the lake holds of these datasets, or of all: it changes whenever their files do."""
    paths = LakeFile.objects.filter(dataset__in=names or _datasets).order_by("path").values_list("path", flat=True)
    return blake2b("\n".join(paths).encode(), digest_size=8).hexdigest()


def files(names: Collection[str]) -> dict[str, list[Path]]:
    """The current files of each of these datasets, in the order of their partitions, all of one moment."""
    found: dict[str, list[Path]] = {name: [] for name in names}
    for (name, _), listed in _by_partition(names).items():
        found[name] += [folder() / file.path for file in listed]
    return found


def folder() -> Path:
    """Where the files are."""
    return settings.current().lake


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(f"a dataset or partition is named by letters, digits, - and _, not {name!r:.60}")


def _refuse_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("the lake copies what is committed; call this outside of transaction.atomic")


def _by_partition(names: Collection[str]) -> dict[tuple[str, str], list[LakeFile]]:
    """The manifest's files of these datasets by dataset and partition, in that order."""
    found: dict[tuple[str, str], list[LakeFile]] = {}
    listed = LakeFile.objects.filter(dataset__in=names).order_by("dataset", "partition", "from_position", "path")
    for file in listed:
        found.setdefault((file.dataset, file.partition), []).append(file)
    return found


def _stale_partitions() -> dict[tuple[str, str], int]:
    """The changes that have been counted so far of each partition that has to be written whole."""
    known = {
        (dataset, partition): (changes, written)
        for dataset, partition, changes, written in LakePartition.objects.filter(dataset__in=_datasets).values_list(
            "dataset", "partition", "changes", "written"
        )
    }
    stale = {key: changes for key, (changes, written) in known.items() if changes > written}
    marks = {name: _mark_of(dataset) for name, dataset in _datasets.items()}
    for key, listed in _by_partition(_datasets).items():
        paths = [folder() / file.path for file in listed]
        if not all(path.name.startswith(marks[key[0]]) and path.is_file() for path in paths):
            stale[key] = known.get(key, (0, 0))[0]
    return dict(sorted(stale.items()))


def _behind() -> dict[str, tuple[int, int]]:
    """The position and the head of each appended dataset that has not come to its head."""
    appended = {name: dataset.head_sql for name, dataset in _datasets.items() if dataset.head_sql}
    if not appended:
        return {}
    passed = dict(LakeCursor.objects.filter(dataset__in=appended).values_list("dataset", "position"))
    found = {}
    with connection.cursor() as cursor:
        for name, head_sql in sorted(appended.items()):
            cursor.execute(head_sql)
            (head,) = cursor.fetchone()
            if head > passed.get(name, 0):
                found[name] = passed.get(name, 0), head
    return found


@contextmanager
def _locked(*, is_waiting: bool = False) -> Iterator[Any]:
    """A connection for copying that holds the lake's lock while it lives; None where another holds it."""
    from adbc_driver_postgresql import dbapi  # as in `_arrow_schema`

    with dbapi.connect(dsn(), autocommit=True) as source, source.cursor() as cursor:
        if is_waiting:
            cursor.execute(f"SELECT true FROM pg_advisory_lock({int(Lock.LAKE)})")
        else:
            cursor.execute(f"SELECT pg_try_advisory_lock({int(Lock.LAKE)})")
        row = cursor.fetchone()
        yield source if row and row[0] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rewrite:
    """A partition that is written whole."""

    dataset: Dataset
    partition: str
    changes: int
    """Counted before its rows are read."""
    old: Sequence[LakeFile]
    query: str
    """Empty where nothing is to be written."""


def _rewrite_of(name: str, partition: str, *, changes: int, old: Sequence[LakeFile]) -> _Rewrite:
    dataset = _datasets[name]
    key = sql.Literal(partition).as_string(None)
    query = dataset.sql.replace("{partition}", key)
    if dataset.head_sql and not old:
        query = ""  # its rows come as they are now when they are appended
    elif dataset.head_sql:
        # Only what the files hold already: what has come since is appended.
        first, last = _range_of(old)
        rows = _between(dataset, after=first - 1, upto=last)
        query = f"SELECT {', '.join(dataset.schema)} FROM {rows} WHERE partition = {key} ORDER BY position"
    return _Rewrite(dataset=dataset, partition=partition, changes=changes, old=old, query=query)


def _copied(rewrites: Sequence[_Rewrite], *, source: Any) -> Iterator[LakeFile | None]:
    """The new file of each, in their order; PostgreSQL and we work at `COPIES` of them at once."""
    with ExitStack() as opened, ThreadPoolExecutor(COPIES) as pool:
        free: SimpleQueue[Any] = SimpleQueue()
        free.put(source)
        for _ in rewrites[1:COPIES]:
            # It knows the types of the database from the first one, which takes longer than to connect.
            other = opened.enter_context(source.adbc_clone())
            other.adbc_connection.set_autocommit(True)
            free.put(other)

        def copy(rewrite: _Rewrite) -> LakeFile | None:
            if not rewrite.query:
                return None
            mine = free.get()
            try:
                with mine.cursor() as cursor:
                    cursor.execute(rewrite.query)
                    return _write(rewrite.dataset, rewrite.partition, cursor.fetch_record_batch())
            finally:
                free.put(mine)

        yield from pool.map(copy, rewrites)


def _name(rewrite: _Rewrite, new: LakeFile | None, *, at: datetime) -> None:
    """Names the one file of a partition in the manifest."""
    known = LakePartition.objects.filter(dataset=rewrite.dataset.name, partition=rewrite.partition)
    if new is None:
        known.update(written=rewrite.changes)
        return
    new.from_position, new.to_position = _range_of(rewrite.old)
    _retire(rewrite.old, at=at)
    with transaction.atomic(durable=True):
        _replace(rewrite.old, new)
        known.update(written=rewrite.changes)


def _append(dataset: Dataset, *, after: int, upto: int, source: Any) -> list[LakeFile]:
    """Writes the rows between two positions and names their files together with the position reached."""
    LakeCursor.objects.get_or_create(dataset=dataset.name)
    with source.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {_between(dataset, after=after, upto=upto)} ORDER BY position")
        table = cursor.fetch_arrow_table()
    new = []
    for partition in sorted(table["partition"].unique().to_pylist()):
        _check_name(partition)
        rows = table.filter(pc.field("partition") == partition).drop_columns(["partition"])
        file = _write(dataset, partition, rows.to_batches())
        file.from_position, file.to_position = pc.min_max(rows["position"]).as_py().values()
        new.append(file)
    with transaction.atomic(durable=True):
        LakeFile.objects.bulk_create(new)
        # A connection that was lost has lost the lock: then another sync may have been here.
        if not LakeCursor.objects.filter(dataset=dataset.name, position=after).update(position=upto):
            raise Conflict(f"{dataset.name} was appended to from position {after} by another sync meanwhile")
    return new


def _join_small(name: str, *, at: datetime) -> None:
    """Joins the small files of the dataset's partitions that have too many: each row is copied only so often."""
    for listed in _by_partition([name]).values():
        small = [file for file in listed if file.rows < parquet.ROW_GROUP_ROWS]
        if len(small) > MAX_SMALL_FILES:
            _join(small, at=at)


def _join(old: Sequence[LakeFile], *, at: datetime) -> None:
    """Makes files of one partition into one, without asking PostgreSQL for their rows."""
    dataset, partition = _datasets[old[0].dataset], old[0].partition
    new = _write(dataset, partition, parquet.read(folder() / file.path for file in old))
    new.from_position, new.to_position = _range_of(old)
    _retire(old, at=at)
    with transaction.atomic(durable=True):
        _replace(old, new)


def _between(dataset: Dataset, *, after: int, upto: int) -> str:
    return f"({dataset.sql.replace('{after}', str(after)).replace('{upto}', str(upto))}) AS said"


def _range_of(files: Sequence[LakeFile]) -> tuple[int, int]:
    """Their first and last position; 0 where there are none."""
    return min((file.from_position for file in files), default=0), max((file.to_position for file in files), default=0)


def _write(dataset: Dataset, partition: str, batches: Iterable[pa.RecordBatch]) -> LakeFile:
    """A file that is whole and on disk; nothing names it yet."""
    path = Path(dataset.name, f"partition={partition}", f"{_mark_of(dataset)}{uuid4().hex}.parquet")
    # A home of root lets its database's user pass through; what people bought is not for others to read.
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = parquet.write(batches, schema=_arrow_schema(dataset), path=folder() / path)
    return LakeFile(path=str(path), dataset=dataset.name, partition=partition, rows=rows)


def _retire(files: Iterable[LakeFile], *, at: datetime) -> None:
    """Gives files that are about to be replaced the time from which they are out of use."""
    for file in files:
        with suppress(FileNotFoundError):
            os.utime(folder() / file.path, (at.timestamp(), at.timestamp()))


def _replace(old: Sequence[LakeFile], new: LakeFile) -> None:
    """Names a file in the manifest instead of others, in the caller's transaction."""
    new.save(force_insert=True)
    removed, _ = LakeFile.objects.filter(path__in=[file.path for file in old]).delete()
    if removed != len(old):
        raise Conflict(f"partition {new.partition} of {new.dataset} was written by another process meanwhile")


def _mark_of(dataset: Dataset) -> str:
    """What the names of its files begin with: it changes with the schema."""
    return blake2b(repr([*dataset.schema.items()]).encode(), digest_size=4).hexdigest() + "-"


def _arrow_schema(dataset: Dataset) -> pa.Schema:
    import ibis  # takes a while, and a process that only collects never needs it

    return ibis.schema(dict(dataset.schema)).to_pyarrow()
