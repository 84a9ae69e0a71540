"""The lake: rows of PostgreSQL copied into Parquet files, one file for each partition, listed in a manifest.

Who changes rows calls `mark_changed` in the same transaction; `sync` writes the changed partitions anew. A
file is written under a temporary name, flushed to disk, renamed, and only then named by the manifest: a reader
sees the old partition or the new one, and a crash leaves nothing but files that `sweep` removes.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi
from django.db import connection, transaction
from psycopg import sql

from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import settings
from sadakat.platform.database.connection import Lock, dsn
from sadakat.platform.models import LakePartition

GRACE: Final = timedelta(minutes=10)
"""How long a file that was replaced stays, for readers who have begun with it."""
ROW_GROUP_ROWS: Final = 131_072
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A relation that the lake offers. It holds no direct identifiers and no raw payloads."""

    name: str
    """Letters, digits, underscores; also the name of its folder."""
    sql: str
    """Selects the rows of one partition; `{partition}` stands for the partition's key, a text literal.

    Amounts are bigint, never numeric, which would arrive as opaque text.
    """
    schema: Mapping[str, str]
    """The columns of `sql` in their order, with their Ibis types: `{"at": "timestamp('UTC')"}`."""


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
            INSERT INTO platform_lakepartition AS known (dataset, partition, changes, written, path, rows)
            SELECT %s::text, key, 1, 0, '', 0 FROM unnest(%s::text[]) WITH ORDINALITY AS given (key, place)
            ORDER BY place
            ON CONFLICT (dataset, partition) DO UPDATE SET changes = known.changes + 1
            """,
            [dataset, sorted(set(partitions))],
        )


def sync(*, at: datetime) -> SyncReport:
    """Writes every partition that has changed since it was last written, or whose file is lost.

    One sync runs at a time; where another is at work this one does nothing. Partitions are committed singly.

    Raises:
        RuntimeError: called inside a transaction, whose own changes the copy could not see.
    """
    if connection.in_atomic_block:
        raise RuntimeError("lake.sync copies what is committed; call it outside of transaction.atomic")
    if not _stale_partitions():
        return SyncReport(0, 0)
    with _locked() as source:
        stale = _stale_partitions() if source else []
        # Changes were counted before the rows are read: what changes meanwhile leaves the partition stale.
        rows = [_write(entry, source=source, at=at) for entry in stale]
    return SyncReport(len(rows), sum(rows))


def sweep(*, at: datetime) -> int:
    """Removes the files that the manifest has not named for `GRACE`; gives their number."""
    removed = 0
    # Under the lock nobody is between renaming a file and naming it in the manifest.
    with _locked() as source:
        if source is None:
            return 0
        named = set(LakePartition.objects.values_list("path", flat=True))
        for name in _datasets:
            for path in sorted((folder() / name).glob("partition=*/*")):
                is_old = path.stat().st_mtime <= (at - GRACE).timestamp()
                if is_old and str(path.relative_to(folder())) not in named:
                    path.unlink()
                    removed += 1
    return removed


def is_stale() -> bool:
    """Whether a partition waits to be written."""
    return bool(_stale_partitions())


def version() -> str:
    """A name of what the lake holds: it changes whenever a partition is written."""
    paths = LakePartition.objects.order_by("path").values_list("path", flat=True)
    return blake2b("\n".join(paths).encode(), digest_size=8).hexdigest()


def files(names: Collection[str]) -> dict[str, list[Path]]:
    """The current files of each of these datasets, in the order of their partitions, all of one moment."""
    found: dict[str, list[Path]] = {name: [] for name in names}
    written = LakePartition.objects.filter(dataset__in=names).exclude(path="").order_by("dataset", "partition")
    for name, path in written.values_list("dataset", "path"):
        found[name].append(folder() / path)
    return found


def folder() -> Path:
    """Where the files are."""
    return settings.current().lake


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(f"a dataset or partition is named by letters, digits, - and _, not {name!r:.60}")


def _stale_partitions() -> list[LakePartition]:
    entries = LakePartition.objects.filter(dataset__in=_datasets).order_by("dataset", "partition")
    return [entry for entry in entries if entry.changes > entry.written or not (folder() / entry.path).is_file()]


@contextmanager
def _locked() -> Iterator[Any]:
    """A connection for copying that holds the lake's lock while it lives; None where another holds it."""
    with dbapi.connect(dsn(), autocommit=True) as source, source.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({int(Lock.LAKE)})")
        row = cursor.fetchone()
        yield source if row and row[0] else None


def _write(entry: LakePartition, *, source: Any, at: datetime) -> int:
    """Writes one partition and names its file in the manifest; gives the number of rows."""
    path = Path(entry.dataset, f"partition={entry.partition}", f"{uuid4().hex}.parquet")
    rows = _copy(source, dataset=_datasets[entry.dataset], partition=entry.partition, path=folder() / path)
    if entry.path:
        # Its time says from now on since when it is out of use.
        with suppress(FileNotFoundError):
            os.utime(folder() / entry.path, (at.timestamp(), at.timestamp()))
    with transaction.atomic(durable=True):
        LakePartition.objects.filter(dataset=entry.dataset, partition=entry.partition).update(
            path=str(path), rows=rows, written=entry.changes, written_at=at
        )
    return rows


def _copy(source: Any, *, dataset: Dataset, partition: str, path: Path) -> int:
    """Streams the rows of a partition into a file that gets its name only when it is whole and on disk."""
    query = dataset.sql.replace("{partition}", sql.Literal(partition).as_string(None))
    schema = _arrow_schema(dataset)
    rows = 0
    # A home of root lets its database's user pass through; what people bought is not for others to read.
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with source.cursor() as cursor, unfinished.open("wb") as file:
        cursor.execute(query)
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in cursor.fetch_record_batch():
                writer.write_batch(batch.cast(schema), row_group_size=ROW_GROUP_ROWS)
                rows += batch.num_rows
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return rows


def _arrow_schema(dataset: Dataset) -> pa.Schema:
    import ibis  # takes a while, and a process that only collects never needs it

    return ibis.schema(dict(dataset.schema)).to_pyarrow()
