"""Checks of an installation: what was found, and what to mend. Contexts register theirs."""

import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from sadakat.kernel.errors import SadakatError
from sadakat.platform import brand, settings

State = Literal["ok", "warn", "fail"]

PYTHON_MIN: Final = (3, 11)
POSTGRES_MIN: Final = 15
FREE_BYTES_FAIL: Final = 200_000_000
FREE_BYTES_WARN: Final = 2_000_000_000
CLOCK_SECONDS_WARN: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found."""

    name: str = ""
    """Of the check; filled in by `examine`."""
    state: State
    found: str
    mend: str = ""
    """What to do about it; empty when all is well."""


Check = Callable[[datetime], Finding]
_checks: dict[str, Check] = {}


def register_check(name: str, check: Check) -> None:
    """Adds a check, or replaces the one of that name; `check(at)` changes nothing."""
    _checks[name] = check


def examine(*, at: datetime) -> Sequence[Finding]:
    """Runs every check in the order of registration; one that breaks has failed and the others go on."""
    return [_run(name, check, at=at) for name, check in _checks.items()]


def _run(name: str, check: Check, *, at: datetime) -> Finding:
    try:
        finding = check(at)
    except (SadakatError, DatabaseError, OSError) as error:
        finding = Finding(state="fail", found=str(error).strip(), mend="see the message")
    return Finding(name=name, state=finding.state, found=finding.found, mend=finding.mend)


def _ok(found: str) -> Finding:
    return Finding(state="ok", found=found)


def check_python(_at: datetime) -> Finding:
    """Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON_MIN:
        return _ok(found)
    return Finding(state="fail", found=found, mend="install Python 3.11 or newer")


def check_home(_at: datetime) -> Finding:
    """The data folder can be written by us and not by others."""
    home = settings.current().home
    _write_in(home)
    if stat.S_IMODE(home.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        return Finding(state="warn", found=f"{home} can be changed by others", mend=f"chmod go-w {home}")
    return _ok(str(home))


def check_disk(_at: datetime) -> Finding:
    """There is room for more data."""
    home = settings.current().home
    free = shutil.disk_usage(home).free
    found = f"{free / 1e9:.1f} GB free at {home}"
    if free >= FREE_BYTES_WARN:
        return _ok(found)
    state: State = "warn" if free >= FREE_BYTES_FAIL else "fail"
    return Finding(state=state, found=found, mend="free some room; PostgreSQL stops when the disk is full")


def check_database(_at: datetime) -> Finding:
    """The database answers and is new enough."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('server_version_num')::int")
        version, number = cursor.fetchone()
    where = "embedded" if settings.current().database_url is None else "from DATABASE_URL"
    found = f"PostgreSQL {version}, {where}"
    if number >= POSTGRES_MIN * 10_000:
        return _ok(found)
    return Finding(state="fail", found=found, mend=f"move to PostgreSQL {POSTGRES_MIN} or newer")


def check_tables(_at: datetime) -> Finding:
    """Every migration has been applied."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        return _ok("up to date")
    names = ", ".join(str(migration) for migration, _ in missing)
    return Finding(state="fail", found=f"not applied: {names}", mend="stop Sadakat and start it again")


def check_brand(_at: datetime) -> Finding:
    """The home belongs to a brand."""
    here = brand.current()
    return _ok(f"{here.name}, {here.currency}, {here.time_zone}{', demo' if here.is_demo else ''}")


def check_secret_key(_at: datetime) -> Finding:
    """Sessions and links are signed with a key that nobody else can read."""
    if settings.current().secret_key is not None:
        return _ok("from SADAKAT_SECRET_KEY")
    path = settings.current().home / "secret-key"
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding(state="fail", found=f"{path} can be read by others", mend=f"chmod 600 {path}")
    if brand.current().is_demo:
        return _ok("this home's own, good enough for the demo")
    return Finding(state="warn", found="this home's own", mend="set SADAKAT_SECRET_KEY; `sadakat serve` needs it")


def check_lake(_at: datetime) -> Finding:
    """The folder of the Parquet files can be written."""
    _write_in(settings.current().lake)
    return _ok(str(settings.current().lake))


def check_jobs(_at: datetime) -> Finding:
    """No job has been given up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")
        failed = cursor.fetchone()[0]
    if not failed:
        return _ok("none failed")
    return Finding(state="warn", found=f"{failed} failed", mend="the log of the worker says why")


def check_clock(at: datetime) -> Finding:
    """Our clock and the database's agree."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs((cursor.fetchone()[0] - at).total_seconds())
    found = f"{apart:.1f} s apart from the database"
    if apart < CLOCK_SECONDS_WARN:
        return _ok(found)
    return Finding(state="warn", found=found, mend="set both clocks by NTP")


def _write_in(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


for _name, _check in {
    "python": check_python,
    "home": check_home,
    "disk": check_disk,
    "database": check_database,
    "tables": check_tables,
    "brand": check_brand,
    "secret key": check_secret_key,
    "lake": check_lake,
    "jobs": check_jobs,
    "clock": check_clock,
}.items():
    register_check(_name, _check)
