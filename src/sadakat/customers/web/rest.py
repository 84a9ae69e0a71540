"""Customers by REST: who they are, and joining and parting them by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from django.utils import timezone
from ninja import Status
from ninja.params import functions as params
from pydantic import Field

from sadakat.customers import api as customers
from sadakat.customers.types import ConflictRow, CustomerRow, MergeResult, MergeRow
from sadakat.platform import brand, rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Id, Page, read_cursor

_MINOR: Final = "_minor"
"""Features that end so are amounts of the brand's currency, and told as money."""

area = rest.Area("Customers", reads=Scope.CUSTOMERS_READ, writes=Scope.CUSTOMERS_WRITE)

_FEATURES: Final = {
    "orders": 2,
    "revenue": {"amount": 170_000, "currency": "TRY"},
    "last_order_at": "2026-10-10T12:30:00Z",
    "is_known": True,
}
_ROW: Final = {
    "id": 17,
    "name": "Ayşe Yılmaz",
    "city": "İstanbul",
    "identifiers": ["user_id:1001", "email:ayse@example.com"],
    "features": _FEATURES,
}
_CUSTOMER: Final = {
    "id": 17,
    "name": "Ayşe Yılmaz",
    "traits": {"city": {"value": "İstanbul", "source_id": 3, "at": "2026-01-08T11:00:00Z"}},
    "identifiers": [
        {
            "type": "email",
            "value": "ayse@example.com",
            "is_verified": False,
            "source_id": 3,
            "first_seen_at": "2026-01-08T09:00:00Z",
            "last_seen_at": "2026-11-18T17:20:00Z",
        }
    ],
    "features": _FEATURES,
}
_MERGE: Final = {
    "id": 5,
    "winner_id": 17,
    "loser_id": 42,
    "reason": "by_hand",
    "at": "2026-11-20T09:00:00Z",
    "undone_at": None,
}
_UNDONE: Final = _MERGE | {"undone_at": "2026-11-20T09:05:00Z"}
_CONFLICT: Final = {
    "id": 8,
    "customer_ids": [17, 42],
    "reason": "user_id_limit",
    "at": "2026-11-20T09:00:00Z",
    "shared": "phone:+905321239999",
}


class TraitAnswer(rest.Answer):
    """The word that counts for a trait, with who said it and when."""

    value: Any
    source_id: int
    at: rest.Instant


class IdentifierAnswer(rest.Answer):
    """An identifier of a customer."""

    type: str
    value: str
    is_verified: bool
    source_id: int
    first_seen_at: rest.Instant
    last_seen_at: rest.Instant


class CustomerAnswer(rest.Answer):
    """One person after merging."""

    id: int
    """Of the winner, when it was asked for by the id of one who was merged away."""
    name: str
    """Empty when nothing is known."""
    traits: dict[str, TraitAnswer]
    identifiers: list[IdentifierAnswer]
    """Strongest first."""
    features: dict[str, Any]
    """What has been computed; null where there is nothing yet."""


class CustomerRowAnswer(rest.Answer):
    """A customer in a list."""

    id: int
    name: str
    city: str
    identifiers: list[str]
    """The strongest few, as `TYPE:VALUE`."""
    features: dict[str, Any]


class MergeAnswer(rest.Answer):
    """Two customers that became one."""

    id: int
    winner_id: int
    """Who stays: the smaller id."""
    loser_id: int
    reason: str
    """The types of the identifiers that were named together, `by_hand` or `recomputed`."""
    at: rest.Instant
    undone_at: rest.Instant | None
    """Null while it stands."""


class MergeResultAnswer(MergeAnswer):
    """What a merge or its undoing has led to."""

    customer_ids: list[int]
    """Who is there now: one after a merge, two after an undo."""


class MergeWith(rest.Asked):
    """The other customer."""

    with_: rest.Line = Field(alias="with", max_length=300)
    """An id or `TYPE:VALUE`."""


class ConflictAnswer(rest.Answer):
    """Two customers whom links name together and a limit keeps apart."""

    id: int
    customer_ids: tuple[int, int]
    reason: str
    at: rest.Instant
    shared: str
    """The weaker of the two identifiers that were named together, as `TYPE:VALUE`."""


class Decision(rest.Asked):
    """What people say of a conflict."""

    same: bool
    """Whether the two are one person."""


class DecisionAnswer(rest.Answer):
    """What a decision has led to."""

    merge: MergeAnswer | None
    """The merge that was made or undone, if there was one."""
    customer_ids: list[int]
    """Who is there now."""


@area.read("/customers", answer=Page[CustomerRowAnswer], example={"items": [_ROW], "next": "MTc"})
def list_customers(
    request: rest.Request,  # noqa: ARG001 - as every view
    q: Annotated[str, params.Query(description="Words of a name, e-mail, phone or card.", max_length=200)] = "",
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """Find customers.

    Turkish letters and case make no difference. The latest ids come first.
    """
    last = read_cursor(before, shape=rest.Number)
    currency = brand.current().currency
    return rest.page_of(
        customers.newest(q, before=last, limit=limit + 1),
        limit=limit,
        show=lambda row: _row(row, currency),
        mark=lambda row: row.id,
    )


@area.write(
    "/customers/{path:ref}/merge",
    answer=MergeResultAnswer,
    example=_MERGE | {"customer_ids": [17]},
    asked={"with": "email:ayse@example.com"},
    statuses=[201, 200],
)
def merge_customers(request: rest.Request, ref: rest.Ref, body: MergeWith) -> Any:
    """Merge two customers.

    The smaller id stays. The answer is 201, and 200 when they were one already by a merge that stands.
    """
    # By profile, so that two whom this very merge has made one are told from one who never was two.
    result = customers.merge_customers(
        left_id=customers.profile_named(ref),
        right_id=customers.profile_named(body.with_),
        actor=rest.actor_of(request),
        at=timezone.now(),
    )
    return Status(200 if result.is_replay else 201, _result(result))


@area.read("/merges", answer=Page[MergeAnswer], example={"items": [_MERGE], "next": "NQ"})
def list_merges(
    request: rest.Request,  # noqa: ARG001 - as every view
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """Merges, latest first.

    Those that events have made and those made by hand, undone ones too.
    """
    last = read_cursor(before, shape=rest.Number)
    found = customers.merges(before=last, limit=limit + 1)
    return rest.page_of(found, limit=limit, show=_merge, mark=lambda row: row.id)


@area.read("/merges/{merge_id}", answer=MergeAnswer, example=_MERGE)
def get_merge(request: rest.Request, merge_id: Id) -> Any:  # noqa: ARG001 - as every view
    """A merge."""
    return _merge(customers.merge(merge_id))


@area.write("/merges/{merge_id}/undo", answer=MergeResultAnswer, example=_UNDONE | {"customer_ids": [17, 42]})
def undo_merge(request: rest.Request, merge_id: Id) -> Any:
    """Undo a merge.

    Both customers are as if they had never been merged, with what came since; undoing it again changes nothing.
    """
    return _result(customers.undo_merge(merge_id=merge_id, actor=rest.actor_of(request), at=timezone.now()))


@area.read("/conflicts", answer=Page[ConflictAnswer], example={"items": [_CONFLICT], "next": None})
def list_conflicts(
    request: rest.Request,  # noqa: ARG001 - as every view
    limit: rest.Limit = 50,
    before: rest.Before = None,
) -> Any:
    """Conflicts that wait for a decision, latest first."""
    last = read_cursor(before, shape=rest.Number)
    found = customers.conflicts(before=last, limit=limit + 1)
    return rest.page_of(found, limit=limit, show=_conflict, mark=lambda row: row.id)


@area.write(
    "/conflicts/{conflict_id}/decide",
    answer=DecisionAnswer,
    example={"merge": _MERGE, "customer_ids": [17]},
    asked={"same": True},
)
def decide_conflict(request: rest.Request, conflict_id: Id, body: Decision) -> Any:
    """Decide a conflict.

    One person: the two are merged, whatever the limits say. Two: no link will ever join them.
    """
    return customers.decide_conflict(
        conflict_id=conflict_id, are_same=body.same, actor=rest.actor_of(request), at=timezone.now()
    )


# Last, since a reference may hold slashes: what the addresses above do not take is a reference.
@area.read("/customers/{path:ref}", answer=CustomerAnswer, example=_CUSTOMER)
def get_customer(request: rest.Request, ref: rest.Ref) -> Any:  # noqa: ARG001 - as every view
    """A customer.

    Everything known, after merging; the id of one who was merged away leads to the winner.
    """
    found = customers.customer(customers.find(ref))
    return {
        "id": found.id,
        "name": found.name,
        "traits": found.traits,
        "identifiers": found.identifiers,
        "features": _features(found.features, brand.current().currency),
    }


def _features(features: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Features with money as money and moments in UTC."""
    told: dict[str, Any] = {}
    for name, value in features.items():
        if name.endswith(_MINOR):
            told[name.removesuffix(_MINOR)] = None if value is None else rest.money(value, currency)
        else:
            told[name] = rest.utc(value) if isinstance(value, datetime) else value
    return told


def _row(row: CustomerRow, currency: str) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in CustomerRowAnswer.model_fields}
    return fields | {"features": _features(row.features, currency)}


def _merge(row: MergeRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in MergeAnswer.model_fields}


def _result(result: MergeResult) -> dict[str, Any]:
    assert result.merge is not None
    return _merge(result.merge) | {"customer_ids": result.customer_ids}


def _conflict(row: ConflictRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ConflictAnswer.model_fields}
