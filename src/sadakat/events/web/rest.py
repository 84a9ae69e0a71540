"""Sources by REST: what sends, its keys, and what was refused."""

from typing import Any, Final

from django.utils import timezone
from pydantic import Field

from sadakat.events import api as events
from sadakat.events.types import RejectedEvent, Source, SourceKind
from sadakat.kernel.errors import NotFound
from sadakat.platform import rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Id, Items, Line, Page, read_cursor

area = rest.Area("Sources", reads=Scope.SOURCES_READ, writes=Scope.SOURCES_WRITE)

_TILL: Final = {
    "id": 3,
    "name": "Till",
    "kind": "server",
    "is_trusted": True,
    "joins_profiles": True,
    "accepts_orders": True,
    "namespace": "",
    "allowed_origins": [],
    "is_enabled": True,
}
_KEY: Final = {"write_key": "0b7c1f8a9d2e4c6f8a1b3d5e7f901234"}
_REJECTED: Final = {
    "id": 12,
    "received_at": "2026-11-20T09:00:00Z",
    "reason": "a track call needs the name of its event",
    "message_id": "nameless",
    "body": '{"type": "track"}',
}


class SourceAnswer(rest.Answer):
    """Something that sends events."""

    id: int
    name: str
    kind: SourceKind
    is_trusted: bool
    joins_profiles: bool
    accepts_orders: bool
    namespace: str
    allowed_origins: list[str]
    is_enabled: bool


class WriteKey(rest.Answer):
    """A write key, which is shown this once."""

    write_key: str


class NewSourceAnswer(SourceAnswer, WriteKey):
    """A source that has just been added."""


class SourceChanges(rest.Asked):
    """What a source may do; what is left out stays as it is, or as its kind gives it."""

    name: Line = Field("", max_length=100)
    is_trusted: bool = False
    joins_profiles: bool = False
    accepts_orders: bool = False
    namespace: Line = Field("", max_length=100)
    allowed_origins: list[Line] = Field([], max_length=100)
    is_enabled: bool = True


class NewSource(SourceChanges):
    """A source to be added."""

    name: Line = Field(min_length=1, max_length=100)
    kind: SourceKind


class RejectedAnswer(rest.Answer):
    """Something that was refused at the door."""

    id: int
    received_at: rest.Instant
    reason: str
    message_id: str
    body: str
    """What came, cut to a bounded length."""


@area.read("/sources", answer=Items[SourceAnswer], example={"items": [_TILL]})
def list_sources(request: rest.Request) -> Any:  # noqa: ARG001 - as every view
    """Everything that sends."""
    return {"items": list(events.sources().values())}


@area.write(
    "/sources",
    answer=NewSourceAnswer,
    example=_TILL | _KEY,
    asked={"name": "Till", "kind": "server"},
    statuses=[201],
)
def create_source(request: rest.Request, body: NewSource) -> Any:
    """Add a source.

    The answer shows its write key, this once. What is left out is as the kind gives it: what browsers send is not
    trusted, joins nobody and makes no orders.
    """
    said = body.dict(exclude_unset=True)
    source, key = events.create_source(**said, actor=rest.actor_of(request), at=timezone.now())
    return {**_fields(source), "write_key": key}


@area.read("/sources/{source_id}", answer=SourceAnswer, example=_TILL)
def get_source(request: rest.Request, source_id: Id) -> Any:  # noqa: ARG001 - as every view
    """A source."""
    return _source(source_id)


@area.write(
    "/sources/{source_id}",
    method="PATCH",
    answer=SourceAnswer,
    example=_TILL | {"is_enabled": False},
    asked={"is_enabled": False},
)
def change_source(request: rest.Request, source_id: Id, body: SourceChanges) -> Any:
    """Change a source.

    What is left out stays as it is.
    """
    said = body.dict(exclude_unset=True)
    _source(source_id)
    return events.change_source(source_id=source_id, actor=rest.actor_of(request), at=timezone.now(), **said)


@area.write("/sources/{source_id}/key", answer=WriteKey, example=_KEY)
def renew_source_key(request: rest.Request, source_id: Id) -> Any:
    """Replace the write key of a source.

    The answer shows the new one, this once; the old one stops at once.
    """
    _source(source_id)
    return {"write_key": events.renew_key(source_id=source_id, actor=rest.actor_of(request), at=timezone.now())}


@area.read("/sources/{source_id}/rejected", answer=Page[RejectedAnswer], example={"items": [_REJECTED], "next": None})
def list_rejected_events(
    request: rest.Request,  # noqa: ARG001 - as every view
    source_id: Id,
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """What a source has sent and was refused.

    Latest first, each with the reason; the rest of its batch went through.
    """
    _source(source_id)
    last = read_cursor(before, shape=rest.Number)
    found: list[RejectedEvent] = events.rejected_events(source_id=source_id, before=last, limit=limit + 1)
    return rest.page_of(found, limit=limit, show=lambda row: row, mark=lambda row: row.id)


def _source(source_id: int) -> Source:
    try:
        return events.sources()[source_id]
    except KeyError:
        raise NotFound(f"there is no source {source_id}") from None


def _fields(source: Source) -> dict[str, Any]:
    return {name: getattr(source, name) for name in SourceAnswer.model_fields}
