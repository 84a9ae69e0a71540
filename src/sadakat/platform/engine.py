"""Where figures are computed: Ibis expressions over the datasets of the lake, run by DuckDB."""

from typing import Any, Final

import duckdb
import ibis
import pyarrow as pa
from ibis.expr import operations

from sadakat.kernel.errors import Unavailable
from sadakat.platform import lake, predicates

_CONFIG: Final[dict[str, Any]] = {
    "threads": 2,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,
}


@ibis.udf.scalar.builtin(name="divide")  # type: ignore[untyped-decorator]
def whole_part(value: int, by: int) -> int:
    """`value` divided by `by`, both above zero, rounded down: `//` of Ibis goes by way of floats and loses units."""
    raise NotImplementedError  # DuckDB's own


def read(name: str) -> ibis.Table:
    """The dataset of that name, to build expressions on; `collect` lets them meet the files.

    An expression made from it opens nothing, is never out of date, and runs on any engine of Ibis.

    Raises:
        NotFound: no such dataset is registered.
    """
    return ibis.table(ibis.schema(dict(lake.dataset_named(name).schema)), name=name)


def collect(expression: ibis.Table) -> list[dict[str, Any]]:
    """The rows of an expression made from `read`, over the files that the manifest names at one moment.

    A dataset that has no files yet is empty. Every call has an in-memory database of its own, so that threads
    never share one.

    Raises:
        Unavailable: files that the manifest names are not there.
    """
    return list(collect_columns(expression).to_pylist())


def collect_columns(expression: ibis.Table) -> pa.Table:
    """As `collect`, by columns: millions of rows as dicts would fill the memory.

    Raises:
        Unavailable: files that the manifest names are not there.
    """
    names = {table.name for table in expression.op().find(operations.UnboundTable)}
    try:
        return _collect(expression, names)
    except duckdb.IOException:
        # A file can be replaced, and later swept, after its name was read; the manifest names its successor.
        try:
            return _collect(expression, names)
        except duckdb.IOException as error:
            raise Unavailable(
                f"files are missing in {lake.folder()}; `sadakat work --until-idle` writes them anew"
            ) from error


def _collect(expression: ibis.Table, names: set[str]) -> pa.Table:
    # Ibis writes the SQL and DuckDB is asked directly: Ibis's own connection takes 20 ms more to open.
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if expression.op().find(operations.ScalarUDF):
            connection.execute(predicates.DUCKDB_MACROS)
        for name, paths in lake.files(names).items():
            if paths:
                connection.read_parquet([str(path) for path in paths], hive_partitioning=False).create_view(name)
            else:
                empty = read(name).schema().to_pyarrow().empty_table()
                connection.from_arrow(empty).create_view(name)
        result = connection.sql(ibis.to_sql(expression, dialect="duckdb")).to_arrow_table()
        # DuckDB widens sums and truncated dates; the types are those that the expression promises.
        return result.cast(expression.schema().to_pyarrow())
