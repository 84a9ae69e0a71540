"""What the tests of the sequencer and of the consumers share: a plain resolver, messages, and the tables read back."""

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from sadakat.events import inbox
from sadakat.events.types import Kind, Message
from sadakat.kernel import ids

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SOURCE = 7


def profile_of(identifier: str) -> int:
    return zlib.crc32(identifier.encode()) % 1_000_000 + 1


class PlainResolver:
    """A profile for each first identifier, the same in every process; `poison` names those that cannot be resolved."""

    def __init__(self, *, poison: str | None = None, error: type[Exception] = ValueError):
        self.poison = poison
        self.error = error
        self.positions: list[int] = []
        self.sources: set[int] = set()

    def identifiers_of(self, *, kind, message, is_trusted):
        return (f"user_id:{message['userId']}",)

    def resolve(self, batch, *, sources):
        self.sources = set(sources)
        self.positions += [message.position for message in batch]
        for message in batch:
            if message.identifiers[0] == self.poison:
                raise self.error(f"cannot resolve '{self.poison}'")
        return [profile_of(message.identifiers[0]) for message in batch]


def message(number: int, **changes: Any) -> Message:
    """The message `m{number}` of the user `u{number}`."""
    values: dict[str, Any] = {
        "source_id": SOURCE,
        "message_id": f"m{number}",
        "kind": Kind.TRACK,
        "event": "Product Viewed",
        "at": NOW,
        "received_at": NOW,
        "identifiers": (f"user_id:u{number}",),
        "body": json.dumps({"messageId": f"m{number}", "properties": {"number": number}}).encode(),
    } | changes
    return Message(**values)


def fill(messages: Sequence[Message]) -> None:
    with transaction.atomic():
        inbox.append_messages(messages)


def mid(number: int) -> UUID:
    return ids.message_key(SOURCE, f"m{number}")


def rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def run(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def logged() -> list[tuple[int, UUID]]:
    return rows("SELECT position, mid FROM events_log ORDER BY position")


def waiting() -> int:
    return rows("SELECT count(*) FROM events_inbox")[0][0]
