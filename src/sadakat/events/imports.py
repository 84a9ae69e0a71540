"""Events out of files: the same checks and the same rows as over HTTP, durable batch by batch."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from django.db import transaction

from sadakat.events import inbox, plugs, rules
from sadakat.events.types import ImportReport, Message, Source

# One commit holds at most so many messages and bytes: large enough to be quick, small enough to lose little time
# when the process is killed and the import is run again.
MAX_BATCH_MESSAGES: Final = 5_000
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024


def import_messages(
    *,
    source: Source,
    raw_messages: Iterable[bytes],
    at: datetime,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Puts messages, each one JSON text, into the inbox; those that do not count are listed as rejected.

    Durable in batches, and safe to repeat: the log counts a message id once. `progress` is told how many
    messages have been handled, after each commit.
    """
    accepted = handled = 0
    for batch in _batches(raw_messages):
        messages, rejections = rules.parse_messages(
            batch,
            source=source,
            received_at=at,
            sent_at=None,
            limit=rules.event_limit(source),
            resolver=plugs.resolver(),
        )
        accepted += _append_durably(messages, rejections)
        handled += len(batch)
        if progress is not None:
            progress(handled)
    return ImportReport(accepted=accepted, rejected=handled - accepted)


def _batches(raw_messages: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for raw in raw_messages:
        batch.append(raw)
        size += len(raw)
        if len(batch) == MAX_BATCH_MESSAGES or size >= MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _append_durably(messages: list[Message], rejections: list[rules.Rejection]) -> int:
    """Commits a batch and says how many of its messages were accepted.

    What PostgreSQL refuses although the rules let it pass (a number of too many digits) is found by halving.
    """
    try:
        with transaction.atomic(durable=True):
            inbox.append_messages(messages)
            inbox.append_rejections(rejections)
    except inbox.POISON as error:
        if not messages:
            raise
        if len(messages) == 1:
            return _append_durably([], [*rejections, inbox.reject_poison(messages[0], error=error)])
        half = len(messages) // 2
        return _append_durably(messages[:half], rejections) + _append_durably(messages[half:], [])
    return len(messages)
