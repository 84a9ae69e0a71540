"""Runs benchmarks by name and prints what they measured."""

import dataclasses
import importlib
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from sadakat.config import boot
from sadakat.entry.bench.figure import Figure
from sadakat.kernel.errors import NotFound

# Module and function of each.
BENCHMARKS: Final = {
    "ingest-single": ("ingest", "single"),
    "ingest-batch": ("ingest", "batch"),
    "pipeline": ("pipeline", "pipeline"),
    "segment-live": ("segment_live", "segment_live"),
    "segment-full": ("segments", "segment_full"),
    "clv-fit": ("clv", "clv_fit"),
    "lake-sync": ("lake", "lake_sync"),
    "ledger-one": ("ledger", "one"),
    "ledger-batch": ("ledger", "batch"),
    "ledger-expiry": ("ledger", "expiry"),
}


def bench(name: str, *, as_json: bool, say: Console) -> None:
    """Runs one benchmark, or all, in a home of its own that is thrown away.

    Raises:
        NotFound: there is no benchmark of that name.
    """
    if name != "all" and name not in BENCHMARKS:
        raise NotFound(f"there is no benchmark {name!r}; there are: all, {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="sadakat-bench-", dir="/tmp") as folder:
        # Below a closed folder the database of root would live elsewhere, and stay there.
        Path(folder).chmod(0o711)
        _use_home(Path(folder))
        try:
            for chosen in BENCHMARKS if name == "all" else [name]:
                say.print(f"measuring {chosen} …", style="dim")
                figures += _measure(chosen)
        finally:
            boot.stop()
    _print(figures, as_json=as_json, is_one=name != "all" and len(figures) == 1)


def _measure(name: str) -> list[Figure]:
    # Benchmarks import contexts, which can be imported only after the home is open.
    module, function = BENCHMARKS[name]
    figures: list[Figure] = getattr(importlib.import_module(f"sadakat.entry.bench.{module}"), function)()
    return figures


def _use_home(folder: Path) -> None:
    """Points this process at an empty home before anything is read from the environment, and pins threads."""
    os.environ.pop("DATABASE_URL", None)
    os.environ["SADAKAT_HOME"] = str(folder / "home")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    boot.start()
    _set_up_brand()


def _set_up_brand() -> None:
    from sadakat.platform import audit, brand

    bench = brand.Brand(name="Bench", time_zone="Europe/Istanbul", currency="TRY", language="en")
    brand.set_up(bench, actor=audit.CLI, at=datetime.now(UTC))


def _print(figures: list[Figure], *, as_json: bool, is_one: bool) -> None:
    if as_json:
        rows = [dataclasses.asdict(figure) for figure in figures]
        sys.stdout.write(json.dumps(rows[0] if is_one else rows, indent=2) + "\n")
        return
    table = Table("benchmark", "ours", "baseline", "unit", "ratio", "goal")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.ours:,.1f}",
            f"{figure.baseline:,.1f}",
            figure.unit,
            f"{figure.ratio:.3f}",
            figure.goal,
        )
    Console().print(table)
