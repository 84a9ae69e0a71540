"""One PostgreSQL for the run, a template database made once, and a clone of it for each test that asks."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sadakat.config import boot
from tests import setup_machine

T = TypeVar("T")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MEMORY_BYTES = 4 * 1024**3
TEMPLATE = f"sadakat_template_{os.getpid()}"


def _server(stack: ExitStack) -> str:
    """The address of a server that the run may fill: the one named, or an embedded one of its own."""
    named = os.environ.get("SADAKAT_TEST_DATABASE_URL")
    if named:
        return named
    from sadakat.platform.database import embedded

    # In memory, where there is room: a thousand tests each copy the template.
    memory = Path("/dev/shm")
    has_room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_BYTES
    folder = tempfile.TemporaryDirectory(prefix="sadakat-test-", dir=memory if has_room else "/tmp")
    home = Path(stack.enter_context(folder))
    home.chmod(0o755)
    return stack.enter_context(embedded.open_server(home=home / "home", durable=False)).dsn


def _point_django_at(address: Mapping[str, Any]) -> None:
    from django.db import connections

    connections["default"].settings_dict.update(
        NAME=address["dbname"],
        USER=address.get("user", ""),
        PASSWORD=address.get("password", ""),
        HOST=address.get("host", ""),
        PORT=str(address.get("port", "")),
    )


def _run(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """The address of a server with the template database `TEMPLATE`, migrated and wired."""
    with ExitStack() as stack:
        server = _server(stack)
        name = sql.Identifier(TEMPLATE)
        _run(server, sql.SQL("CREATE DATABASE {}").format(name))
        stack.callback(_run, server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        address = conninfo_to_dict(server) | {"dbname": TEMPLATE}
        os.environ["DATABASE_URL"] = "postgresql://?" + "&".join(f"{k}={v}" for k, v in address.items())
        _point_django_at(address)
        boot.prepare_database()
        from sadakat.platform import audit, brand

        brand.set_up(
            brand.Brand(name="Moda Nord", time_zone="Europe/Istanbul", currency="TRY", language="en"),
            actor=audit.SYSTEM,
            at=NOW,
        )
        from django.db import connections

        connections.close_all()
        yield server


@contextmanager
def clone(server: str, *, name: str, of: str) -> Iterator[str]:
    """A copy of a database as Django's; gives its address."""
    from django.db import connections
    from django.utils import translation

    from sadakat.events import sources

    default = connections["default"]
    _run(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(of)))
    default.settings_dict["NAME"] = name
    sources._read.clear()  # of the database before, which may have had the same name
    yield make_conninfo(server, dbname=name)
    translation.deactivate()  # what a test's own client has spoken
    connections.close_all()
    default.settings_dict["NAME"] = TEMPLATE
    _run(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def filled(server: str, fill: Callable[[], T]) -> Iterator[tuple[str, T]]:
    """The name of a clone of the template in which `fill` has been done, for tests to clone, and what it gave."""
    from django.db import connections

    name = f"sadakat_filled_{os.getpid()}"
    with clone(server, name=name, of=TEMPLATE):
        given = fill()
        connections.close_all()  # a database that somebody is connected to cannot be cloned
        connections["default"].settings_dict["NAME"] = TEMPLATE
        yield name, given


@pytest.fixture
def copied() -> str:
    """The database that `database` clones; a module whose tests begin with the same data has a `filled` one."""
    return TEMPLATE


@pytest.fixture
def database(template: str, copied: str) -> Iterator[str]:
    """A fresh clone of the template as Django's database; gives its address."""
    with clone(template, name=f"sadakat_test_{os.getpid()}", of=copied) as address:
        yield address


@pytest.fixture
def now() -> datetime:
    """The clock of the tests: Friday 20 November 2026, noon in Istanbul."""
    return NOW


@pytest.fixture(scope="session")
def sdks() -> Path:
    """The folder of the SDKs for node and browsers."""
    folder = setup_machine.sdks()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail("no SDKs: run `python -m tests.setup_machine`")
        pytest.skip("no SDKs: run `python -m tests.setup_machine`")
    return folder
