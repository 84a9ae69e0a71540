"""Events out of files: the same checks and the same rows as over HTTP, durable batch by batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import psycopg
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
    rejected = handled = 0
    for batch in _batches(raw_messages):
        messages, rejections = rules.parse_messages(
            batch,
            source=source,
            received_at=at,
            sent_at=None,
            limit=rules.event_limit(source),
            resolver=plugs.resolver(),
        )
        refused = append_units([[message] for message in messages])
        rejections += [inbox.reject_poison(messages[index], error=error) for index, error in refused.items()]
        with transaction.atomic(durable=True):
            inbox.append_rejections(rejections)
        rejected += len(rejections)
        handled += len(batch)
        if progress is not None:
            progress(handled)
    return ImportReport(accepted=handled - rejected, rejected=rejected)


def append_units(units: Sequence[Sequence[Message]]) -> Mapping[int, psycopg.Error]:
    """Commits units of messages, each whole or not at all; gives what was refused by its place in `units`.

    What PostgreSQL refuses although the rules let it pass (a number of too many digits) is found by halving.
    """
    try:
        with transaction.atomic(durable=True):
            inbox.append_messages([message for unit in units for message in unit])
    except inbox.POISON as error:
        if len(units) == 1:
            return {0: error}
        half = len(units) // 2
        later = append_units(units[half:])
        return {**append_units(units[:half]), **{half + index: refusal for index, refusal in later.items()}}
    return {}


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
