"""Which source a write key belongs to, read over a connection of its own so that the event loop never waits."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from sadakat.events import sources
from sadakat.events.types import Source
from sadakat.events.web import answers

CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 5


class Keyring:
    """The enabled sources by write key, at most `sources.MAX_AGE_SECONDS` old.

    An unknown key is looked up again at once, so that a source can be used the moment it has been created; reads
    are shared, so that a flood of wrong keys makes one query at a time.
    """

    def __init__(self, *, dsn: Callable[[], str]) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection | None = None
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._by_hash: dict[bytes, Source] = {}

    async def source_of(self, key: str) -> Source | None:
        """The enabled source with this key, or None.

        Raises:
            Refusal: the database does not answer.
        """
        hashed = sources.key_hash(key)
        asked_at = time.monotonic()
        await self._read_since(asked_at - sources.MAX_AGE_SECONDS)
        source = self._by_hash.get(hashed)
        if source is None:
            await self._read_since(asked_at)
            source = self._by_hash.get(hashed)
        return source

    async def allows_origin(self, origin: str) -> bool:
        """Whether pages of that origin may send with any key; a preflight request does not say which.

        Raises:
            Refusal: the database does not answer.
        """
        await self._read_since(time.monotonic() - sources.MAX_AGE_SECONDS)
        return any(sources.allows_origin(source, origin) for source in self._by_hash.values())

    async def close(self) -> None:
        """Closes the connection; the next question opens another."""
        connection, self._connection = self._connection, None
        self._read_at = float("-inf")
        if connection is not None:
            await connection.close()

    async def _read_since(self, moment: float) -> None:
        """Reads the sources unless that was begun after `moment`."""
        if self._read_at >= moment:
            return
        async with self._lock:
            if self._read_at >= moment:
                return
            begun_at = time.monotonic()
            try:
                async with asyncio.timeout(READ_SECONDS):
                    rows = await self._rows()
            except (psycopg.Error, TimeoutError):
                await self.close()
                raise answers.unavailable() from None
            self._by_hash = {bytes(row[9]): sources.source_of(row) for row in rows if row[9] and row[8]}
            self._read_at = begun_at

    async def _rows(self) -> list[tuple[Any, ...]]:
        """The rows, over a new connection where the old one has been lost since."""
        if self._connection is not None:
            try:
                return await self._select(self._connection)
            except psycopg.OperationalError:
                await self.close()
        self._connection = await psycopg.AsyncConnection.connect(
            self._dsn(), autocommit=True, connect_timeout=CONNECT_SECONDS
        )
        return await self._select(self._connection)

    async def _select(self, connection: psycopg.AsyncConnection) -> list[tuple[Any, ...]]:
        async with connection.cursor() as cursor:
            await cursor.execute(sources.SELECT_SOURCES)
            return await cursor.fetchall()
