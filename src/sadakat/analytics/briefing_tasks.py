"""What analytics does by the business clock: goals are read daily, briefings leave on Monday mornings."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import structlog

from sadakat.analytics import letters
from sadakat.analytics.operations import briefings, goals
from sadakat.events import api as events
from sadakat.kernel.errors import Unavailable
from sadakat.platform import lake

PATIENCE_SECONDS: Final = 1800.0
"""So long figures wait for a backlog of events to end; a shop that never rests is read all the same."""
REST_SECONDS: Final = 300.0
"""So long a mail server is left alone that has not taken a message."""
LOOK_EVERY: Final = timedelta(seconds=10)
"""How often is looked whether something has become due: it does so once a day, or once a week."""

log: Final = structlog.get_logger()


class Step:
    """A step of the worker: `read` writes what the figures say once they are complete, `send` mails it."""

    def __init__(
        self, *, is_due: Callable[[datetime], bool], read: Callable[[datetime], bool], send: Callable[[datetime], bool]
    ) -> None:
        self._is_due, self._read, self._send = is_due, read, send
        self._waiting_since: float | None = None
        self._silent_until = 0.0
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    def __call__(self, at: datetime) -> bool:
        """Does one batch of what is due, or rests. Whoever asks twice of one moment is answered twice."""
        if timedelta(0) < at - self._looked_at < LOOK_EVERY:
            return False
        if self._work(at):
            return True
        self._looked_at = at
        return False

    def _work(self, at: datetime) -> bool:
        if not self._is_due(at):
            self._waiting_since = None
        elif self._is_settled() and self._read(at):
            return True
        if monotonic() < self._silent_until:
            return False
        try:
            return self._send(at)
        except Unavailable as error:
            self._silent_until = monotonic() + REST_SECONDS
            log.warning("analytics.mail_refused", reason=str(error))
            return False

    def _is_settled(self) -> bool:
        if not lake.is_stale() and not events.has_backlog(events.consumers()):
            self._waiting_since = None
            return True
        if self._waiting_since is None:
            self._waiting_since = monotonic()
        return monotonic() - self._waiting_since > PATIENCE_SECONDS


def goal_step() -> Step:
    """Reads goals that are due and tells their owners."""
    return Step(
        is_due=lambda at: goals.has_due_readings(at=at),
        read=lambda at: goals.read_due(at=at),
        send=lambda at: letters.tell_owners(at=at),
    )


def briefing_step() -> Step:
    """Writes the briefings that are due and sends them."""
    return Step(
        is_due=lambda at: briefings.has_due_briefings(at=at),
        read=lambda at: briefings.write_due(at=at),
        send=lambda at: letters.send_briefing(at=at),
    )
