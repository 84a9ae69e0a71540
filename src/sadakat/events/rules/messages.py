"""What a message must be to count, and when it happened: the Segment tracking format, checked in one pass."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec

from sadakat.events.rules.mapping import mapped
from sadakat.events.types import (
    IMPERSONAL_EVENTS,
    MAX_EVENT_BYTES,
    MAX_IMPORT_EVENT_BYTES,
    MAX_JSON_DEPTH,
    NOBODY,
    IdentityResolver,
    Kind,
    Message,
    Source,
    SourceKind,
)
from sadakat.kernel.errors import Invalid

# Names and ids become index entries, which PostgreSQL bounds at some 2,700 bytes.
MAX_TEXT_LENGTH: Final = 255
# A rejected message is kept for people to look at, not to be sent on.
MAX_REJECTED_BODY_BYTES: Final = 32 * 1024
# Between clocks this close no correction is made: rudder-node repeats its first `sentAt` on every retry, and the
# correction would then add the delay of the retries to the time of the event.
MAX_CLOCK_ERROR: Final = timedelta(minutes=5)
# No event of a customer's life with a web shop lies outside: such times come from dead clock batteries and typing.
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
MAX_AHEAD: Final = timedelta(days=1)

_KINDS: Final = {kind.name.lower(): kind for kind in Kind}
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_CURLY: Final = bytes.maketrans(b"[]", b"{}")
_OBJECT_OR_NULL: Final = b"{n"
# Escapes in the order in which they stand, so that the second half of `\\u0000` or of a surrogate pair is never
# read as one of its own. The group holds what no text can contain: NUL and half of a surrogate pair.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2}|u0000)|.)",
    re.DOTALL,
)
_IMPOSSIBLE: Final = "texts must not contain NUL (\\u0000) or half of a surrogate pair (\\ud800 to \\udfff)"


class _Context(msgspec.Struct, rename="camel"):
    traits: dict[str, Any] | None = None
    external_ids: Any = None


class _Envelope(msgspec.Struct, rename="camel"):
    """The fields that are read here; the decoder skips every other one without building it."""

    type: str | None = None
    message_id: str | int | None = None
    user_id: str | int | float | None = None
    anonymous_id: str | int | float | None = None
    previous_id: str | int | float | None = None
    event: str | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: Any = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    traits: dict[str, Any] | None = None
    context: _Context | None = None


class _MessageId(msgspec.Struct, rename="camel"):
    message_id: Any = None


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_message_id = msgspec.json.Decoder(_MessageId).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A message that was refused while others of its request or file were taken."""

    source_id: int
    received_at: datetime
    reason: str
    message_id: str
    """As far as it could be read."""
    body: str
    """What came, cut to a bounded length."""
    is_cut: bool
    """Whether that is not the whole of what came."""


def event_limit(source: Source) -> int:
    """How many bytes one event of this source may have."""
    return MAX_IMPORT_EVENT_BYTES if source.kind is SourceKind.IMPORT else MAX_EVENT_BYTES


def parse_message(
    raw: bytes | msgspec.Raw,
    *,
    source: Source,
    received_at: datetime,
    sent_at: object,
    limit: int,
    resolver: IdentityResolver,
    kind: Kind | None = None,
) -> Message:
    """The checked message of one JSON text, after its source's mapping.

    `sent_at` is the batch's, used where the message has none of its own; `kind` is the route's, where the route
    says it instead of `type`. A message without `messageId` gets a random one.

    Raises:
        Invalid: it cannot count; the text is the one reason.
    """
    body = bytes(raw)
    _check_text(body, limit=limit)
    if source.mapping:
        body = mapped(body, rules=source.mapping)
        _check_text(body, limit=limit)
    try:
        said = _decode(body)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from None
    except msgspec.DecodeError as error:
        raise Invalid(_IMPOSSIBLE if _has_impossible_escape(body) else f"not JSON: {error}") from None
    if kind is None:
        kind = _KINDS.get(said.type or "")
        if kind is None:
            raise Invalid(f"type must be one of {', '.join(_KINDS)}, not {said.type!r:.40}")
    if memoryview(said.properties)[0] not in _OBJECT_OR_NULL:
        raise Invalid("properties must be an object")
    return Message(
        source_id=source.id,
        message_id=_text(said.message_id, name="messageId") or uuid4().hex,
        kind=kind,
        event=_event_name(said.event) if kind is Kind.TRACK else "",
        at=event_time(
            said.original_timestamp or said.timestamp,
            sent_at=said.sent_at or sent_at,
            received_at=received_at,
            is_corrected=source.kind is not SourceKind.IMPORT,
        ),
        received_at=received_at,
        identifiers=_identifiers(said, kind=kind, source=source, resolver=resolver),
        body=body,
    )


def parse_messages(
    raws: Iterable[bytes | msgspec.Raw],
    *,
    source: Source,
    received_at: datetime,
    sent_at: object,
    limit: int,
    resolver: IdentityResolver,
) -> tuple[list[Message], list[Rejection]]:
    """The messages that count and the others with their reasons, each in the order given."""
    messages: list[Message] = []
    rejections: list[Rejection] = []
    for raw in raws:
        try:
            messages.append(
                parse_message(
                    raw, source=source, received_at=received_at, sent_at=sent_at, limit=limit, resolver=resolver
                )
            )
        except Invalid as error:
            rejections.append(rejection(bytes(raw), source_id=source.id, received_at=received_at, reason=str(error)))
    return messages, rejections


def rejection(body: bytes, *, source_id: int, received_at: datetime, reason: str) -> Rejection:
    """What is kept of a message that does not count; readable whatever bytes came."""
    try:
        message_id = _decode_message_id(body).message_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message_id = None
    kept = _printable(body[:MAX_REJECTED_BODY_BYTES].decode("utf-8", "replace"))
    return Rejection(
        source_id=source_id,
        received_at=received_at,
        reason=_printable(reason),
        message_id=_printable("" if message_id is None else str(message_id))[:MAX_TEXT_LENGTH],
        body=kept,
        is_cut=kept.encode() != body,
    )


def event_time(stated: str | None, *, sent_at: object, received_at: datetime, is_corrected: bool) -> datetime:
    """When an event happened: `received_at − (sent_at − stated)` where the clocks differ, never after `received_at`.

    A `sent_at` that cannot be read, or that would move the event out of all reason, is as good as none. Without
    `is_corrected` the stated time is taken as it is.

    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> event_time("2026-11-20T09:00Z", sent_at="2026-11-20T10:00Z", received_at=noon, is_corrected=True).hour
    11

    Raises:
        Invalid: the stated time is not ISO 8601, before `EARLIEST` or more than `MAX_AHEAD` ahead.
    """
    if stated is None:
        return received_at
    at = _instant(stated)
    if at is None:
        raise Invalid(f"timestamp must be an ISO 8601 time such as 2026-11-20T09:30:00Z, not {stated!r:.60}")
    latest = received_at + MAX_AHEAD
    if not is_corrected:
        if EARLIEST <= at <= latest:
            return at.astimezone(UTC)
    else:
        sent = _instant(sent_at)
        if sent is not None and abs(error := received_at - sent) > MAX_CLOCK_ERROR:
            try:
                corrected = at + error
            except OverflowError:
                corrected = at
            if EARLIEST <= corrected <= latest:
                return min(corrected, received_at).astimezone(UTC)
        if EARLIEST <= at <= latest:
            return min(at, received_at).astimezone(UTC)
    raise Invalid(f"timestamp must lie between 1990 and a day from now, not {stated!r:.60}")


def without_lone_surrogates(body: bytes) -> bytes:
    r"""The same JSON with the escapes that the decoder stops at turned into `\u0000`, which `parse_message` refuses.

    So one cut emoji spoils its own message and not the batch around it; nothing moves, as both have six bytes.
    """
    return _ESCAPES.sub(lambda found: b"\\u0000" if found[1] else found[0], body)


def _check_text(body: bytes, *, limit: int) -> None:
    """Refuses what PostgreSQL cannot keep or no reader should meet, by the cheapest test first."""
    if len(body) > limit:
        raise Invalid(f"the event has {len(body):,} bytes; {limit:,} are possible")
    try:
        str(body, "utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"not UTF-8: byte {error.start} cannot be read") from None
    if body.count(b"{") + body.count(b"[") > MAX_JSON_DEPTH and _is_too_deep(body):
        raise Invalid(f"the JSON is nested more than {MAX_JSON_DEPTH} levels deep")
    if b"\\u0000" in body and _has_impossible_escape(body):
        raise Invalid(_IMPOSSIBLE)


def _has_impossible_escape(body: bytes) -> bool:
    return any(found[1] for found in _ESCAPES.finditer(body))


def _is_too_deep(body: bytes) -> bool:
    """Whether brackets remain after taking the innermost pairs away as often as is allowed."""
    brackets = _STRINGS.sub(b"", body).translate(_CURLY, _NOT_BRACKETS)
    for _ in range(MAX_JSON_DEPTH):
        brackets = brackets.replace(b"{}", b"")
    return bool(brackets)


def _instant(text: object) -> datetime | None:
    """The time of an ISO 8601 text, UTC where it names no offset; None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _text(value: str | float | None, *, name: str) -> str | None:
    """An id as text; the empty one is no id."""
    if value is None or value == "":
        return None
    text = value if type(value) is str else str(value)
    if len(text) > MAX_TEXT_LENGTH:
        raise Invalid(f"{name} may have {MAX_TEXT_LENGTH} characters, not {len(text):,}")
    return text


def _identifiers(said: _Envelope, *, kind: Kind, source: Source, resolver: IdentityResolver) -> tuple[str, ...]:
    context = said.context
    found = resolver.identifiers_of(
        kind=kind,
        message={
            "userId": _text(said.user_id, name="userId"),
            "anonymousId": _text(said.anonymous_id, name="anonymousId"),
            "previousId": _text(said.previous_id, name="previousId"),
            "traits": said.traits or {},
            "context": {
                "traits": (context and context.traits) or {},
                "externalIds": (context and context.external_ids) or [],
            },
        },
        is_trusted=source.is_trusted,
    )
    if found:
        return found
    if source.is_trusted and kind is Kind.TRACK and said.event in IMPERSONAL_EVENTS:
        return NOBODY
    raise Invalid("an identifier that names somebody is needed: userId, anonymousId or an e-mail in the traits")


def _event_name(event: str | None) -> str:
    if not event:
        raise Invalid("a track call needs the name of its event")
    if len(event) > MAX_TEXT_LENGTH:
        raise Invalid(f"event may have {MAX_TEXT_LENGTH} characters, not {len(event):,}")
    return event


def _printable(text: str) -> str:
    """The text as PostgreSQL can keep it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
