"""Segments by REST."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from django.utils import timezone
from ninja import Status
from ninja.params import functions as params
from pydantic import Field

from sadakat.kernel.errors import NotFound
from sadakat.platform import rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Items, Line, Page, read_cursor
from sadakat.segments import api as segments
from sadakat.segments.types import Kind, Member

MAX_REFERENCES: Final = 1_000

area = rest.Area("Segments", reads=Scope.SEGMENTS_READ, writes=Scope.SEGMENTS_WRITE)

Key = Annotated[str, params.Path(max_length=100, description="The segment's key.")]

_WHERE: Final = {"version": 1, "where": {"event": "Order Completed", "within": "90d", "count": {"at_least": 3}}}
_SEGMENT: Final = {
    "key": "regulars",
    "name": "Regulars",
    "description": "Three orders in three months.",
    "kind": "rule",
    "group": "",
    "where": _WHERE,
    "version": 1,
    "is_archived": False,
    "is_ready": True,
    "filled_ratio": 1.0,
    "size": 412,
    "created_at": "2026-11-20T09:00:00Z",
    "changed_at": "2026-11-20T09:00:00Z",
}
_MEMBER: Final = {"customer_id": 17, "since_at": "2026-11-18T17:20:00Z", "changes_at": "2027-01-08T11:00:00Z"}
_REPORT: Final = {"added": 2, "already": 1, "unknown": ["email:nobody@example.com"], "unknown_count": 1}
_PEOPLE: Final = {"customers": ["17", "email:ayse@example.com"]}


class SegmentAnswer(rest.Answer):
    """A named set of customers."""

    key: str
    name: str
    description: str
    kind: Kind
    group: str
    """Empty for those that people make; others are kept by Sadakat and cannot be changed."""
    where: dict[str, Any] | None
    """The predicate; null for lists."""
    version: int
    """Of the rule."""
    is_archived: bool
    is_ready: bool
    """Whether every customer has been asked the present rule."""
    filled_ratio: float
    """How much of that is done."""
    size: int
    """Members now."""
    created_at: rest.Instant
    changed_at: rest.Instant


class MemberAnswer(rest.Answer):
    """A customer in a segment."""

    customer_id: int
    since_at: rest.Instant
    changes_at: rest.Instant | None
    """The earliest moment at which time alone may end it; null: never."""


class PreviewAnswer(rest.Answer):
    """Who would be in a segment of a rule that is not saved."""

    count: int
    everybody: int
    """Customers asked."""
    sample: list[int]
    """A few of those who fit, by customer id."""
    at: rest.Instant


class OverlapAnswer(rest.Answer):
    """How many members two segments share."""

    key: str
    """Of the other one."""
    both: int


class ListReportAnswer(rest.Answer):
    """What came of changing a list."""

    added: int
    """Put on it, or taken off."""
    already: int
    """Those for whom nothing changed."""
    unknown: list[str]
    """The first references that lead to nobody."""
    unknown_count: int


class Rule(rest.Asked):
    """A predicate, asked of everybody."""

    where: dict[str, Any]
    """`{"version": 1, "where": …}`, or a condition alone."""


class SegmentChanges(rest.Asked):
    """What a segment is; what is left out stays as it is."""

    name: Line = Field("", max_length=100)
    description: Line = Field("", max_length=2000)
    where: dict[str, Any] | None = None
    """The predicate; without it a new segment is a list."""


class NewSegment(SegmentChanges):
    """A segment to be added."""

    name: Line = Field(min_length=1, max_length=100)
    key: Line = Field("", max_length=100)
    """Made of the name when it is left out; never changes."""


class People(rest.Asked):
    """Customers of a list."""

    customers: list[Annotated[Line, Field(max_length=300)]] = Field(min_length=1, max_length=MAX_REFERENCES)
    """Each by id or `TYPE:VALUE`."""


@area.read("/segments", answer=Items[SegmentAnswer], example={"items": [_SEGMENT]})
def list_segments(
    request: rest.Request,  # noqa: ARG001 - as every view
    archived: Annotated[bool, params.Query(description="Whether archived ones are told too.")] = False,  # noqa: FBT002 - ninja's way
) -> Any:
    """All segments."""
    return {"items": [asdict(each) for each in segments.segments(include_archived=archived)]}


@area.write(
    "/segments",
    answer=SegmentAnswer,
    example=_SEGMENT,
    asked={"name": "Regulars", "description": "Three orders in three months.", "where": _WHERE},
    statuses=[201],
)
def create_segment(request: rest.Request, body: NewSegment) -> Any:
    """Add a segment.

    It fills in the background: `is_ready` says when everybody has been asked.
    """
    made = segments.create_segment(
        name=body.name,
        key=body.key,
        description=body.description,
        where=_document(body.where),
        actor=rest.actor_of(request),
        at=timezone.now(),
    )
    return Status(201, asdict(made))


@area.write(
    "/segments/preview",
    answer=PreviewAnswer,
    example={"count": 412, "everybody": 8940, "sample": [17, 42], "at": "2026-11-20T09:00:00Z"},
    asked={"where": _WHERE},
)
def preview_segment(request: rest.Request, body: Rule) -> Any:  # noqa: ARG001 - as every view
    """Ask a rule of everybody.

    Nothing is saved.
    """
    return asdict(segments.preview(_document(body.where) or {}, at=timezone.now()))


@area.read("/segments/{key}", answer=SegmentAnswer, example=_SEGMENT)
def get_segment(request: rest.Request, key: Key) -> Any:  # noqa: ARG001 - as every view
    """A segment."""
    return asdict(segments.segment_named(key))


@area.write(
    "/segments/{key}",
    method="PUT",
    answer=SegmentAnswer,
    example=_SEGMENT | {"version": 2, "is_ready": False, "filled_ratio": 0.0},
    asked={"where": _WHERE},
    statuses=[200, 201],
)
def put_segment(request: rest.Request, key: Key, body: SegmentChanges) -> Any:
    """Change a segment, or add it under this key.

    With another rule everybody is asked anew. A new one needs a name; the answer is 201 then.
    """
    said = body.dict(exclude_unset=True)
    where, actor, at = _document(body.where), rest.actor_of(request), timezone.now()
    try:
        segments.segment_named(key)
    except NotFound:
        made = segments.create_segment(
            name=body.name, key=key, description=body.description, where=where, actor=actor, at=at
        )
        return Status(201, asdict(made))
    changed = segments.change_segment(
        key, name=said.get("name"), description=said.get("description"), where=where, actor=actor, at=at
    )
    return Status(200, asdict(changed))


@area.read("/segments/{key}/members", answer=Page[MemberAnswer], example={"items": [_MEMBER], "next": "MTc"})
def list_members(
    request: rest.Request,  # noqa: ARG001 - as every view
    key: Key,
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """Members of a segment.

    By customer id, the smallest first.
    """
    after = read_cursor(before, shape=rest.Number) or 0
    return rest.page_of(segments.members(key, after=after, limit=limit + 1), limit=limit, show=asdict, mark=_mark)


@area.write("/segments/{key}/members", answer=ListReportAnswer, example=_REPORT, asked=_PEOPLE)
def add_members(request: rest.Request, key: Key, body: People) -> Any:
    """Put customers on a list."""
    return asdict(segments.add_to_list(key, body.customers, actor=rest.actor_of(request), at=timezone.now()))


@area.write("/segments/{key}/members/remove", answer=ListReportAnswer, example=_REPORT, asked=_PEOPLE)
def remove_members(request: rest.Request, key: Key, body: People) -> Any:
    """Take customers off a list."""
    return asdict(segments.remove_from_list(key, body.customers, actor=rest.actor_of(request), at=timezone.now()))


@area.read("/segments/{key}/overlap", answer=Items[OverlapAnswer], example={"items": [{"key": "vip", "both": 40}]})
def list_overlaps(
    request: rest.Request,  # noqa: ARG001 - as every view
    key: Key,
    others: Annotated[str, params.Query(max_length=2000, description="Keys of other segments, with commas between.")],
) -> Any:
    """How many members a segment shares with others."""
    return {"items": [asdict(one) for one in segments.overlap(key, [each.strip() for each in others.split(",")])]}


def _document(where: dict[str, Any] | None) -> dict[str, Any] | None:
    """The predicate document; a condition alone is one of the present version."""
    return where if where is None or {"version", "where"} & set(where) else {"version": 1, "where": where}


def _mark(member: Member) -> int:
    return member.customer_id
