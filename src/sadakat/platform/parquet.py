"""Parquet files that are there whole or not at all, whatever crashes."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS: Final = 131_072
_DICTIONARY_BYTES: Final = 16_384
"""A column with more different values than this holds is written plainly: that takes less time, and less room."""


def write(batches: Iterable[pa.RecordBatch], *, schema: pa.Schema, path: Path) -> int:
    """Streams batches into a file that gets its name only when it is whole and on disk; gives the number of rows.

    The columns come in the order of `schema` and are cast to its types.
    """
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="lz4", dictionary_pagesize_limit=_DICTIONARY_BYTES) as writer:
            for batch in batches:
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


def read(paths: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    """The rows of files, one file after the other.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=ROW_GROUP_ROWS)
