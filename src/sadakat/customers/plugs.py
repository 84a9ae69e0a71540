"""Fills the socket of `events` that says who is meant."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection

from sadakat.customers import operations
from sadakat.customers.operations import Move
from sadakat.customers.rules import identifiers, joining
from sadakat.customers.rules.joining import Joiner, Link
from sadakat.customers.types import IdentifierType
from sadakat.events.types import Source, Unresolved

NOBODY = 0
"""The profile of events that speak of no person, such as those of the catalogue."""

_FIND = """
    SELECT key, profile_id, is_verified, first_seen_at, last_seen_at FROM customers_identifier WHERE key = ANY(%s)
"""
_ADD = """
    INSERT INTO customers_identifier (key, profile_id, is_verified, source_id, first_seen_at, last_seen_at)
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bool[], %s::int[], %s::timestamptz[], %s::timestamptz[])
"""
_REFRESH = """
    UPDATE customers_identifier AS known
    SET is_verified = known.is_verified OR given.is_verified,
        first_seen_at = least(known.first_seen_at, given.first_seen_at),
        last_seen_at = greatest(known.last_seen_at, given.last_seen_at)
    FROM unnest(%s::text[], %s::bool[], %s::timestamptz[], %s::timestamptz[])
        AS given (key, is_verified, first_seen_at, last_seen_at)
    WHERE known.key = given.key
"""
_KNOWN_LINKS = """
    SELECT low_profile_id, high_profile_id, source_id
    FROM unnest(%s::bigint[], %s::bigint[]) AS given (low_profile_id, high_profile_id)
    JOIN customers_link USING (low_profile_id, high_profile_id)
"""
_WRITE_LINKS = """
    INSERT INTO customers_link (low_profile_id, high_profile_id, reason, source_id, position)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::bigint[])
    ON CONFLICT (low_profile_id, high_profile_id) DO UPDATE
    SET reason = EXCLUDED.reason, source_id = EXCLUDED.source_id, position = EXCLUDED.position
"""
_OVERFULL = """
    SELECT min(own.profile_id)
    FROM customers_profile AS named
    JOIN customers_profile AS own USING (customer_id)
    JOIN customers_identifier AS said ON said.profile_id = own.profile_id AND said.is_verified
    WHERE named.profile_id = ANY(%s)
    GROUP BY named.profile_id, own.customer_id HAVING count(*) > %s
"""
_MEMBERS = """
    SELECT customer_id, profile_id, split_part(key, ':', 1), is_verified
    FROM customers_profile LEFT JOIN customers_identifier USING (profile_id) WHERE customer_id = ANY(%s)
"""
# Customers of whom a part belongs to them by an untrusted word.
_CLAIMED = """
    SELECT DISTINCT one.customer_id
    FROM customers_profile AS one
    JOIN customers_link ON low_profile_id = one.profile_id AND source_id = ANY(%s)
    JOIN customers_profile AS other ON other.profile_id = high_profile_id AND other.customer_id = one.customer_id
    WHERE one.customer_id = ANY(%s)
"""
_SHARED = """
    SELECT low_profile_id, high_profile_id FROM customers_conflict
    WHERE solved_at IS NULL AND reason = ANY(%s) AND source_id <> ALL(%s)
        AND (low_profile_id = ANY(%s) OR high_profile_id = ANY(%s))
"""


@dataclass(slots=True)
class _Sighting:
    """What a batch says of one key."""

    position: int
    source_id: int
    first_at: datetime
    last_at: datetime
    is_verified: bool


@dataclass(frozen=True, slots=True)
class _Statement:
    """That two profiles are one: the first event of the batch to say so."""

    link: Link
    reason: str
    source_id: int
    at: datetime


@dataclass(slots=True)
class _Profiles:
    """Whom the keys of a batch name."""

    of_key: dict[str, int]
    born: dict[int, tuple[str, bool]] = field(default_factory=dict)
    """New profiles: type and whether verified."""
    born_at: dict[int, int] = field(default_factory=dict)
    """New profiles: the position of the event that named them first."""
    verified: list[int] = field(default_factory=list)
    """Older profiles whose e-mail this batch verifies."""


class IdentityResolver:
    """Finds the profile of each event and keeps the map from profiles to customers; see docs/algorithms/identity.md."""

    identifiers_of = staticmethod(identifiers.identifiers_of)

    def resolve(self, batch: Sequence[Unresolved], *, sources: Mapping[int, Source]) -> Sequence[int]:
        """The profile of each event: that of its strongest identifier; 0 where it names nobody.

        In the sequencer's transaction. Everything is read and written for the whole batch at once; a batch that
        says nothing new costs two look-ups.
        """
        profiles = _profiles(_sightings(batch))
        untrusted = [source.id for source in sources.values() if not source.is_trusted]
        statements = _new_statements(batch, profiles=profiles.of_key, sources=sources)
        _write_links(statements)
        recomputed = _recompute(statements, profiles, untrusted=untrusted, batch=batch)
        _join([s for s in statements if s.link.low not in recomputed], profiles, untrusted=untrusted)
        find = profiles.of_key
        return [find[_plain(event.identifiers[0])] if event.identifiers else NOBODY for event in batch]
