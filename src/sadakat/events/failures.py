"""What went wrong, whose fault it is, and how it is told without telling about people."""

import re
import traceback
from collections.abc import Iterable
from datetime import datetime

import django.db
import psycopg
from django.db import connection

from sadakat.kernel.errors import SadakatError, Unavailable

MAX_REASON_LENGTH = 300
_TROUBLE = (
    django.db.OperationalError,
    django.db.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    Unavailable,
    MemoryError,
)
_MISTAKES = (django.db.ProgrammingError, psycopg.ProgrammingError)
# Quoted values, addresses and long numbers of a message may be somebody's.
_PERSONAL = re.compile(r"""'[^']*'|"[^"]*"|\S+@\S+|\+?\d{5,}""")


def is_trouble(error: Exception) -> bool:
    """Whether trying the same again may help: lost connections, deadlocks, full disks, parts that do not answer.

    A value larger than PostgreSQL can keep (SQLSTATE 54…) counts as the event's own fault, though psycopg calls
    that an operational error too.
    """
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    sqlstate = (isinstance(cause, psycopg.Error) and cause.sqlstate) or ""
    return isinstance(error, _TROUBLE) and not sqlstate.startswith("54")


def is_our_mistake(error: Exception) -> bool:
    """Whether no event can be at fault: a table or column that is missing, a statement that is wrong."""
    return isinstance(error, _MISTAKES)


def reason_of(error: Exception) -> str:
    """One line: the message of our own errors; else type, message without values, and place.

    >>> reason_of(SadakatError("amount must be positive"))
    'amount must be positive'
    >>> reason_of(ValueError("invalid literal for int() with base 10: 'ayse@example.com'"))
    'ValueError: invalid literal for int() with base 10: …'
    """
    message = (str(error).splitlines() or [""])[0]
    if not isinstance(error, SadakatError):
        message = f"{type(error).__name__}: {without_values(message)}{_place_of(error)}"
    return message[:MAX_REASON_LENGTH]


def without_values(message: str) -> str:
    """The message without what may be somebody's: reasons that differ in values alone become the same."""
    return _PERSONAL.sub("…", message)


def _place_of(error: Exception) -> str:
    """The innermost line of the package that the error passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/sadakat/" in frame.filename]
    return f" ({frames[-1].filename.rpartition('/sadakat/')[2]}:{frames[-1].lineno})" if frames else ""


def record(*, consumer: str, failed: Iterable[tuple[int, str]], at: datetime) -> None:
    """Lists events, by position and reason, as set aside by a consumer, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO events_failedevent (consumer, position, reason, failed_at, attempts)
            VALUES (%s, %s, %s, %s, 1)
            ON CONFLICT (consumer, position) DO UPDATE SET reason = excluded.reason,
                failed_at = excluded.failed_at, attempts = events_failedevent.attempts + 1, solved_at = NULL""",
            [(consumer, position, reason, at) for position, reason in failed],
        )
