"""Joins single commands of concurrent threads into batches, so that many clients share a lock, a trip and a commit."""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from sadakat.kernel.errors import Unavailable
from sadakat.loyalty.operations import ledger
from sadakat.loyalty.types import Command, Outcome
from sadakat.platform import audit
from sadakat.platform.models import AuditEntry

TOGETHER_MAX: Final = 100
"""Commands of one transaction."""
LEADERS_MAX: Final = 2
"""Transactions at a time: while one waits for the disk, the next is decided."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A command of a thread that waits; unsettled when it is woken, the thread is the next to lead."""

    command: Command
    at: datetime
    entry: AuditEntry | None = None
    woken: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None
    error: Exception | None = None

    @property
    def is_settled(self) -> bool:
        return self.outcome is not None or self.error is not None


_door = threading.Lock()
_queue: deque[_Waiting] = deque()
_leaders = 0


def submit(command: Command, *, at: datetime, entry: AuditEntry | None = None) -> Outcome:
    """Does one command, in one transaction with those that other threads submit meanwhile.

    `entry` goes into the audit log with it, where it is done now.

    Raises:
        RuntimeError: called inside a transaction, whose fate the command could not share.
    """
    global _leaders  # noqa: PLW0603 - the door of the process
    if connection.in_atomic_block:
        raise RuntimeError("submit() commits by itself; inside a transaction, call post_batch()")
    mine = _Waiting(command, at, entry)
    with _door:
        leads = _leaders < LEADERS_MAX
        if leads:
            _leaders += 1
        else:
            _queue.append(mine)
    if not leads:
        mine.woken.wait()
    if not mine.is_settled:
        _lead(mine)
    if mine.error is not None:
        raise mine.error
    assert mine.outcome is not None
    return mine.outcome


def _lead(mine: _Waiting) -> None:
    """Does the thread's own command with those that wait, then hands on to the next who waits."""
    global _leaders  # noqa: PLW0603 - the door of the process
    with _door:
        batch = [mine, *(_queue.popleft() for _ in range(min(len(_queue), TOGETHER_MAX - 1)))]
    try:
        _do(batch)
    finally:
        with _door:
            if _queue:
                _queue.popleft().woken.set()
            else:
                _leaders -= 1
        for waiting in batch:
            if not waiting.is_settled:
                waiting.error = Unavailable("the ledger was interrupted; try again in a moment")
            waiting.woken.set()


def _do(batch: list[_Waiting]) -> None:
    try:
        with transaction.atomic(durable=True):
            outcomes = ledger.post_batch(
                [waiting.command for waiting in batch], at=max(waiting.at for waiting in batch)
            )
            done = zip(batch, outcomes, strict=True)
            audit.record_all(w.entry for w, outcome in done if w.entry and outcome.is_done and not outcome.is_replay)
    except Exception as error:  # noqa: BLE001 - it belongs to whoever submitted
        if len(batch) == 1:
            batch[0].error = error
            return
        # One command that cannot be written must not sink the others.
        for waiting in batch:
            _do([waiting])
        return
    for waiting, outcome in zip(batch, outcomes, strict=True):
        waiting.outcome = outcome
