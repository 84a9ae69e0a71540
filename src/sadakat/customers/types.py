"""What crosses the door of `customers`."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

CUSTOMERS_MERGED: Final = "Customers Merged"
"""Fact on the winner's profile: `winner_id`, `loser_id`, `reason`. The loser's id is no customer any more."""
CUSTOMERS_SEPARATED: Final = "Customers Separated"
"""Fact on the new customer's profile: profiles of `customer_id` now belong to `new_customer_id`; `reason`."""


class IdentifierType(enum.StrEnum):
    """Kinds of identifier, strongest first: the order decides whose profile an event belongs to."""

    USER_ID = "user_id"
    CARD = "card"
    EMAIL = "email"
    PHONE = "phone"
    ANONYMOUS_ID = "anonymous_id"


class FeatureType(enum.StrEnum):
    """Column types of the feature row."""

    INTEGER = "bigint"
    NUMBER = "double precision"
    TEXT = "text"
    INSTANT = "timestamptz"
    FLAG = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One registered column of the feature row."""

    name: str
    type: FeatureType
    owner: str
    """The context that alone writes it."""
    label: str
    """What people call it: English, marked for the catalogue and translated where it is shown."""
    meaning: str
    """One sentence, likewise."""
    is_money: bool = False
    """An amount in minor units of the brand's currency."""
    is_count: bool = False
    """Missing means 0: so many, or so much, came of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """An identifier of a customer."""

    type: str
    value: str
    profile_id: int
    is_verified: bool
    source_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitValue:
    """A trait with where and when it was said; over several profiles the latest event time wins."""

    name: str
    value: Any
    source_id: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One person after merging, as pages and the API show them."""

    id: int
    profile_ids: tuple[int, ...]
    name: str
    """Display name from the traits; empty when nothing is known."""
    traits: Mapping[str, TraitValue]
    identifiers: tuple[Identifier, ...]
    features: Mapping[str, Any]
    """Registered features by name; a missing one is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """A line of a list of customers."""

    id: int
    name: str
    city: str
    identifiers: tuple[str, ...]
    """The strongest few keys `TYPE:VALUE`."""
    features: Mapping[str, Any]
    traits: Mapping[str, Any] = field(default_factory=dict)
    """The values that count, by name."""


class Operator(enum.StrEnum):
    """How a filter compares; which of them a field has, `rules.filters` says."""

    IS = "is"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    """Both ends count."""
    WITHIN_DAYS = "within_days"
    """On one of the last days; today is the first of them."""
    BEFORE = "before"
    AFTER = "after"
    """On a later day."""
    IS_EMPTY = "is_empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a customer in a list must fit. Made by `parse_filter`, which checks it."""

    field: str
    """A feature, or `traits.NAME`."""
    operator: Operator
    values: tuple[str | Decimal | date | bool, ...] = ()
    """One for most operators, two for `between`, none for `is_empty`; money in minor units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPage:
    """One page of a list of customers."""

    rows: tuple[CustomerRow, ...]
    total: int
    """Customers who fit, on all pages."""
    everybody: int
    """Customers without the search and the filters."""
    page: int
    """From 1."""
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRow:
    """Two customers whom events name together and who are two all the same."""

    id: int
    customer_ids: tuple[int, int]
    reason: str
    """`ConflictReason` of what kept them apart first; people may have set them apart since."""
    at: datetime
    shared: str = ""
    """The weaker of the two identifiers that an event has named together, as `TYPE:VALUE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRow:
    """A merge in a customer's history."""

    id: int
    winner_id: int
    loser_id: int
    reason: str
    """The types of the two identifiers that were named together (`user_id+email`), `by_hand` or `recomputed`."""
    at: datetime
    undone_at: datetime | None = None
    """When people have undone it; None while it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePreview:
    """What a merge by hand would make of two customers."""

    winner_id: int
    """Who stays: the smaller id, in every merge."""
    loser_id: int
    profile_ids: tuple[int, ...]
    """Of both."""
    traits: Mapping[str, TraitValue]
    """As they would count afterwards."""
    replaced: Mapping[str, tuple[TraitValue, ...]]
    """By trait: the words of either customer that would no longer count; back after an undo."""
    limits: tuple[str, ...]
    """`ConflictReason` of each limit that the two together exceed, which the merge by hand sets aside."""
    is_separated: bool
    """Whether people have set these two apart; the merge lifts that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeResult:
    """What a merge or its undoing has led to."""

    merge: MergeRow
    customer_ids: tuple[int, ...]
    """Who is there now: one after a merge, two after an undo."""
    is_replay: bool = False
    """Whether nothing had to be done any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionResult:
    """What deciding a conflict has led to."""

    merge: MergeRow | None
    """The merge that was made, or undone; None where the two are to stay two."""
    customer_ids: tuple[int, ...]
    """Who is there now: one, or two."""
    is_replay: bool = False
    """Whether nothing had to be done any more."""


class ConflictReason(enum.StrEnum):
    """Why a link does not join its two customers."""

    USER_ID_LIMIT = "user_id_limit"
    VERIFIED_EMAIL_LIMIT = "verified_email_limit"
    CARD_LIMIT = "card_limit"
    EMAIL_LIMIT = "email_limit"
    PHONE_LIMIT = "phone_limit"
    ANONYMOUS_ID_LIMIT = "anonymous_id_limit"
    SHARED_DEVICE = "shared_device"
    """The anonymous id has been seen with two customers that a limit keeps apart."""
    BROWSER_SOURCE = "browser_source"
    """A source that is not trusted has named two known customers together."""
    FORBIDDEN = "forbidden"
    """People have said that these are two."""
