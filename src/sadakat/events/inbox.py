"""Rows of the inbox as binary COPY, and appending them in Django's transaction.

The collector appends the same rows over connections of its own, many requests in one commit: see `web/group_commit`.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import psycopg
from django.db import connection

from sadakat.events.rules import Rejection, rejection
from sadakat.events.sources import system_source_id
from sadakat.events.types import Fact, Kind, Message
from sadakat.kernel import ids

COPY_MESSAGES: Final = (
    "COPY events_inbox (source_id, mid, kind, event, at, received_at, identifiers, body) FROM STDIN (FORMAT BINARY)"
)
COPY_REJECTIONS: Final = (
    "COPY events_rejectedevent (source_id, received_at, reason, message_id, body, is_cut) FROM STDIN (FORMAT BINARY)"
)
# What PostgreSQL answers when it is the row that cannot be kept; every other error says nothing about the row.
POISON: Final = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex)

# PostgreSQL's binary COPY format: every value is its length and its bytes, every number is big-endian.
_COPY_START: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END: Final = b"\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_TEXT_OID: Final = 25
_JSONB_VERSION: Final = 1
_MESSAGE_HEAD = struct.Struct(">hiii16sihi").pack
_MESSAGE_MIDDLE = struct.Struct(">iqiqiiiiii").pack
_JSONB_HEAD = struct.Struct(">iB").pack
_REJECTION_HEAD = struct.Struct(">hiiiqi").pack
_LENGTH = struct.Struct(">i").pack
_FLAG = struct.Struct(">i?").pack


def append_messages(messages: Sequence[Message]) -> None:
    """Puts messages into the inbox in the caller's transaction.

    Raises:
        psycopg.DataError: PostgreSQL cannot keep one of the bodies; none was appended.
    """
    _append(COPY_MESSAGES, [encode_message(message) for message in messages])


def append_rejections(rejections: Sequence[Rejection]) -> None:
    """Lists what was refused, in the caller's transaction."""
    _append(COPY_REJECTIONS, [encode_rejection(rejection) for rejection in rejections])


def append_facts(facts: Sequence[Fact]) -> None:
    """Puts Sadakat's own facts on their way into the log, in the transaction of the operation that made them true."""
    if not facts:
        return
    source_id = system_source_id()
    append_messages([_message_of(fact, source_id=source_id) for fact in facts])


def reject_poison(message: Message, *, error: psycopg.Error) -> Rejection:
    """What is listed of a message that passed the rules and that PostgreSQL cannot keep."""
    return rejection(
        message.body,
        source_id=message.source_id,
        received_at=message.received_at,
        reason=f"the database refuses it: {error.diag.message_primary}",
    )


def copy_data(rows: Iterable[bytes]) -> bytes:
    """What is written into one COPY."""
    return b"".join((_COPY_START, *rows, _COPY_END))


def encode_message(message: Message) -> bytes:
    """The row of one message."""
    event = message.event.encode()
    body = message.body
    identifiers = [key.encode() for key in message.identifiers]
    elements = b"".join([_LENGTH(len(key)) + key for key in identifiers])
    return b"".join(
        (
            _MESSAGE_HEAD(
                8,
                4,
                message.source_id,
                16,
                ids.message_key_bytes(message.source_id, message.message_id),
                2,
                message.kind,
                len(event),
            ),
            event,
            # The array: one dimension, no nulls, texts, so many, counted from 1.
            _MESSAGE_MIDDLE(
                8,
                _microseconds(message.at),
                8,
                _microseconds(message.received_at),
                20 + len(elements),
                1,
                0,
                _TEXT_OID,
                len(identifiers),
                1,
            ),
            elements,
            _JSONB_HEAD(1 + len(body), _JSONB_VERSION),
            body,
        )
    )


def encode_rejection(rejection: Rejection) -> bytes:
    """The row of one rejected message."""
    texts = [text.encode() for text in (rejection.reason, rejection.message_id, rejection.body)]
    reason, message_id, body = texts
    return b"".join(
        (
            _REJECTION_HEAD(6, 4, rejection.source_id, 8, _microseconds(rejection.received_at), len(reason)),
            reason,
            _LENGTH(len(message_id)),
            message_id,
            _LENGTH(len(body)),
            body,
            _FLAG(1, rejection.is_cut),
        )
    )


def _append(statement: str, rows: Sequence[bytes]) -> None:
    if rows:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(copy_data(rows))


def _microseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _message_of(fact: Fact, *, source_id: int) -> Message:
    said = {
        "type": "track",
        "messageId": fact.message_id,
        "event": fact.event,
        "timestamp": fact.at.isoformat(),
        "properties": fact.properties,
    }
    return Message(
        source_id=source_id,
        message_id=fact.message_id,
        kind=Kind.TRACK,
        event=fact.event,
        at=fact.at,
        received_at=fact.at,
        identifiers=(f"profile:{fact.profile_id}",),
        body=msgspec.json.encode(said),
    )
