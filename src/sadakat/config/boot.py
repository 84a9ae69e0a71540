"""Brings a process to the point where everything can be imported: settings, database, Django, wiring."""

import atexit
import gc
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import django
from django.core.management import call_command

from sadakat.kernel.errors import Invalid, Unavailable
from sadakat.platform import logs
from sadakat.platform import settings as sadakat_settings
from sadakat.platform.database import embedded

PACKAGE = Path(__file__).resolve().parent.parent
# More than one batch of the pipeline keeps at a time.
_OBJECTS_BETWEEN_SEARCHES = 100_000


@dataclass(slots=True)
class _Process:
    """What this process has opened; reading the Django settings alone opens nothing."""

    dsn: str = ""
    secret_key: str = ""
    lease: embedded.Lease | None = None


process = _Process()


def open_database() -> None:
    """Finds the database of this process, opening the embedded one when none is named.

    Raises:
        Unavailable, Refused: the embedded server cannot start; the message says what to mend.
    """
    settings = sadakat_settings.current()
    if settings.database_url is not None:
        process.dsn = settings.database_url
    elif process.lease is None:
        process.lease = embedded.open_server(home=settings.home)
        process.dsn = process.lease.dsn


def _secret_key() -> str:
    """The configured key, or one of this home's own, made on first use and readable by its owner alone.

    `serve` insists on the configured one outside the demo: see `require_secret_key`.
    """
    settings = sadakat_settings.current()
    if settings.secret_key is not None:
        return settings.secret_key
    path = settings.home / "secret-key"
    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key := secrets.token_urlsafe(48))
    return key


def require_secret_key(*, is_demo: bool) -> None:
    """Refuses to serve real data under a key that nobody chose.

    Raises:
        Invalid: SADAKAT_SECRET_KEY is missing and this is not the demo.
    """
    if not is_demo and sadakat_settings.current().secret_key is None:
        raise Invalid(
            "SADAKAT_SECRET_KEY must be set (at least 32 characters); make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )


def start() -> None:
    """Django and the wiring, on a database whose tables are up to date. Safe to call again."""
    open_database()
    process.secret_key = _secret_key()
    set_up_django()
    prepare_database()
    _search_garbage_seldom()


def set_up_django() -> None:
    """Makes every module importable; the database is not touched."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sadakat.config.django_settings")
    logs.configure()
    django.setup()


def prepare_database() -> None:
    """Brings the tables up to date and fills the sockets.

    Raises:
        Unavailable: the server is older than PostgreSQL 15.
    """
    _check_server_version()
    call_command("migrate", verbosity=0, interactive=False)
    from sadakat.config import wiring  # the contexts can be imported only after django.setup()

    wiring.connect()


def stop() -> None:
    """Closes connections and stops the embedded server when this process owns it."""
    if process.dsn:
        from django.db import connections

        connections.close_all()
    if process.lease is not None:
        process.lease.close()
        process.lease = None


def _search_garbage_seldom() -> None:
    """Batches make many objects and no cycles: at Python's own threshold, searching them is half of their cost."""
    gc.collect()
    # What is loaded by now stays for good and need not be walked over again.
    gc.freeze()
    # The end of the process looks once more; libraries in C count what they would not find as lost.
    atexit.register(gc.unfreeze)
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)


def _check_server_version() -> None:
    from django.db import connection

    with connection.cursor():
        version = connection.pg_version  # type: ignore[attr-defined]  # of the PostgreSQL backend
    if version < 150000:
        raise Unavailable(f"PostgreSQL 15 or newer is needed; the server is {version // 10000}")
