"""Durable storing for many requests at once: those that arrive together share one COPY and one commit.

Two connections and no timer: whenever one is idle it takes everything that waits, so a lone request is stored at
once and batches form by themselves under load. (A timer of 5 ms cost 3.2 times the throughput: clients that wait
for their answer send nothing in the meantime.)
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import psycopg
import structlog

from sadakat.events import inbox
from sadakat.events.rules import Rejection
from sadakat.events.types import Message
from sadakat.events.web import answers

CONNECTIONS: Final = 2
MAX_WAITING_REQUESTS: Final = 5_000
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
# One COPY takes no more than this, or one request.
MAX_COPY_BYTES: Final = 4 * 1024 * 1024
CONNECT_SECONDS: Final = 3
# A statement that hangs is given up by the server first, so that its outcome is known.
STATEMENT_SECONDS: Final = 20
WRITE_SECONDS: Final = 30

_log = structlog.get_logger()


class Delivery:
    """What one request wants to have stored."""

    __slots__ = ("done", "faults", "messages", "rejections", "rows", "size")

    def __init__(self, messages: Sequence[Message], rejections: Sequence[Rejection]) -> None:
        self.messages = messages
        self.rejections = rejections
        self.rows = [inbox.encode_message(message) for message in messages]
        self.size = sum(map(len, self.rows)) + sum(len(rejection.body) for rejection in rejections)
        self.faults: list[str] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def halves(self) -> "tuple[Delivery, Delivery]":
        """The same messages in two; what was rejected goes with the first."""
        middle = len(self.messages) // 2
        return Delivery(self.messages[:middle], self.rejections), Delivery(self.messages[middle:], [])


class _Slot:
    """A connection that is opened when it is needed and forgotten when it is lost."""

    __slots__ = ("connection", "is_committing")

    def __init__(self) -> None:
        self.connection: psycopg.AsyncConnection | None = None
        self.is_committing = False

    async def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()


class GroupCommit:
    """Stores deliveries; each is answered once it is durable."""

    def __init__(self, *, dsn: Callable[[], str]) -> None:
        self._dsn = dsn
        self._slots = [_Slot() for _ in range(CONNECTIONS)]
        self._idle = list(self._slots)
        self._queue: deque[Delivery] = deque()
        self._waiting_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether so much is waiting that nothing more is taken."""
        return len(self._queue) >= MAX_WAITING_REQUESTS or self._waiting_bytes >= MAX_WAITING_BYTES

    async def store(self, messages: Sequence[Message], rejections: Sequence[Rejection]) -> list[str]:
        """Returns once all is durable, with the reasons for which PostgreSQL could not keep some of it.

        Raises:
            Refusal: it is not certain that all is durable.
        """
        delivery = Delivery(messages, rejections)
        self._queue.append(delivery)
        self._waiting_bytes += delivery.size
        self._wake()
        await delivery.done
        return delivery.faults

    async def close(self) -> None:
        """Finishes what waits and closes the connections; the next delivery opens others."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        for slot in self._slots:
            await slot.close()

    def _wake(self) -> None:
        if self._queue and self._idle:
            task = asyncio.get_running_loop().create_task(self._work(self._idle.pop()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[Delivery]:
        """Everything that waits by now, as far as it fits into one COPY."""
        taken: list[Delivery] = []
        size = 0
        while self._queue and (not taken or size + self._queue[0].size <= MAX_COPY_BYTES):
            taken.append(self._queue.popleft())
            size += taken[-1].size
        self._waiting_bytes -= size
        return taken

    async def _work(self, slot: _Slot) -> None:
        deliveries = self._take()
        try:
            if deliveries:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._write(slot, deliveries)
        except (psycopg.Error, TimeoutError) as error:
            _log.warning("collector.not_stored", error=type(error).__name__, requests=len(deliveries))
            await slot.close()
        finally:
            # Whoever has no answer by now cannot be told that all is well.
            for delivery in deliveries:
                if not delivery.done.done():
                    delivery.done.set_exception(answers.unavailable())
            self._idle.append(slot)
            # Those that came while both connections were busy found nobody to wake.
            self._wake()

    async def _write(self, slot: _Slot, deliveries: list[Delivery]) -> None:
        """Stores over the open connection, or over a new one where the old one was lost before it could commit."""
        if slot.connection is not None:
            slot.is_committing = False
            try:
                return await self._store(slot, deliveries)
            except psycopg.OperationalError:
                if slot.is_committing or not slot.connection.broken:
                    raise
                await slot.close()
        slot.connection = await psycopg.AsyncConnection.connect(
            self._dsn(),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            options=f"-c statement_timeout={STATEMENT_SECONDS}s -c synchronous_commit=on",
        )
        return await self._store(slot, deliveries)

    async def _store(self, slot: _Slot, deliveries: list[Delivery]) -> None:
        """Stores deliveries in one commit; where one row spoils it, by halves down to that row."""
        try:
            await _copy(slot, deliveries)
        except inbox.POISON as error:
            if len(deliveries) > 1:
                middle = len(deliveries) // 2
                await self._store(slot, deliveries[:middle])
                await self._store(slot, deliveries[middle:])
                return
            await self._sift(slot, deliveries[0], error=error)
        for delivery in deliveries:
            if not delivery.done.done():
                delivery.done.set_result(None)

    async def _sift(self, slot: _Slot, delivery: Delivery, *, error: psycopg.Error) -> None:
        """Stores what can be of a delivery that `error` has met, and lists the rest as rejected."""
        if not delivery.messages:
            raise error
        if len(delivery.messages) == 1:
            rejection = inbox.reject_poison(delivery.messages[0], error=error)
            delivery.faults.append(rejection.reason)
            await _copy(slot, [Delivery([], [*delivery.rejections, rejection])])
            return
        for half in delivery.halves():
            try:
                await _copy(slot, [half])
            except inbox.POISON as fault:
                await self._sift(slot, half, error=fault)
                delivery.faults.extend(half.faults)


async def _copy(slot: _Slot, deliveries: Sequence[Delivery]) -> None:
    """One commit of everything in `deliveries`."""
    connection = slot.connection
    assert connection is not None
    rows = [row for delivery in deliveries for row in delivery.rows]
    rejections = [inbox.encode_rejection(each) for delivery in deliveries for each in delivery.rejections]
    if rejections:
        async with connection.transaction():
            await _copy_into(slot, connection, inbox.COPY_MESSAGES, rows)
            await _copy_into(slot, connection, inbox.COPY_REJECTIONS, rejections)
    else:
        await _copy_into(slot, connection, inbox.COPY_MESSAGES, rows)


async def _copy_into(slot: _Slot, connection: psycopg.AsyncConnection, statement: str, rows: Sequence[bytes]) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(inbox.copy_data(rows))
        # From here on a lost connection leaves open whether the server has committed.
        slot.is_committing = True
