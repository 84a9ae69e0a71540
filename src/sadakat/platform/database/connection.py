"""Addresses and advisory locks of the database that Django is connected to."""

import enum

from django.db import connection
from psycopg.conninfo import make_conninfo


class Lock(enum.IntEnum):
    """Advisory locks, each held by at most one connection of a database."""

    SEQUENCER = 7_301_001
    CONSUMER = 7_301_002
    LAKE = 7_301_003
    LOGIN = 7_301_004
    IMPORT = 7_301_005
    """Of one source each: the second key is its id."""
    SEGMENTS = 7_301_006
    """Held to the end of a transaction that writes who is in which segment."""


def dsn() -> str:
    """The libpq conninfo of the current database, for psycopg connections of one's own."""
    settings = connection.settings_dict
    return make_conninfo(
        dbname=settings["NAME"],
        user=settings["USER"],
        password=settings["PASSWORD"],
        host=settings["HOST"],
        port=settings["PORT"] or 5432,
    )
