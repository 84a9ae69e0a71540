"""Fills the socket of `events` that says who is meant."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection

from sadakat.customers.operations import mapping
from sadakat.customers.operations.mapping import BY_HAND, Move
from sadakat.customers.rules import identifiers, joining
from sadakat.customers.rules.joining import Counts, Joiner, Link
from sadakat.customers.types import ConflictReason
from sadakat.events.types import Source, Unresolved

NOBODY = 0
"""The profile of events that speak of no person, such as those of the catalogue."""

# Lists travel in binary form (%b): as text each element would be searched for what must be quoted.
_FIND = """
    SELECT key, profile_id, is_verified, first_seen_at, last_seen_at FROM customers_identifier WHERE key = ANY(%b)
"""
_ADD = """
    INSERT INTO customers_identifier (key, profile_id, is_verified, source_id, first_seen_at, last_seen_at)
    SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bool[], %b::int[], %b::timestamptz[], %b::timestamptz[])
    ORDER BY 1
"""
_REFRESH = """
    UPDATE customers_identifier AS known
    SET is_verified = known.is_verified OR given.is_verified,
        first_seen_at = least(known.first_seen_at, given.first_seen_at),
        last_seen_at = greatest(known.last_seen_at, given.last_seen_at)
    FROM unnest(%b::text[], %b::bool[], %b::timestamptz[], %b::timestamptz[])
        AS given (key, is_verified, first_seen_at, last_seen_at)
    WHERE known.key = given.key
"""
# What people alone have said is still news when an event says so.
_KNOWN_LINKS = f"""
    SELECT low_profile_id, high_profile_id, source_id
    FROM unnest(%b::bigint[], %b::bigint[]) AS given (low_profile_id, high_profile_id)
    JOIN customers_link USING (low_profile_id, high_profile_id) WHERE reason <> '{BY_HAND}'
"""
_WRITE_LINKS = """
    INSERT INTO customers_link (low_profile_id, high_profile_id, reason, source_id, position)
    SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::text[], %b::int[], %b::bigint[])
    ON CONFLICT (low_profile_id, high_profile_id) DO UPDATE
    SET reason = EXCLUDED.reason, source_id = EXCLUDED.source_id, position = EXCLUDED.position
"""
_OVERFULL = """
    SELECT customer_id
    FROM customers_profile AS own JOIN customers_identifier AS said USING (profile_id)
    WHERE said.is_verified
        AND customer_id IN (SELECT customer_id FROM customers_profile WHERE profile_id = ANY(%s))
    GROUP BY customer_id HAVING count(*) > %s
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
_DECIDED = "SELECT EXISTS (SELECT FROM customers_link WHERE is_by_hand), EXISTS (SELECT FROM customers_separation)"
# Customers whom people have joined.
_BY_HAND = """
    SELECT DISTINCT customer_id FROM customers_profile JOIN customers_link ON low_profile_id = profile_id AND is_by_hand
    WHERE customer_id = ANY(%s)
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
    born: dict[int, Counts]
    """New profiles with their counts."""
    born_at: dict[int, int]
    """New profiles with the position of the event that named them first."""
    verified: list[int]
    """Older profiles whose e-mail this batch verifies."""


class IdentityResolver:
    """Finds the profile of each event and keeps the map from profiles to customers; see docs/algorithms/identity.md."""

    identifiers_of = staticmethod(identifiers.identifiers_of)

    def resolve(self, batch: Sequence[Unresolved], *, sources: Mapping[int, Source]) -> Sequence[int]:
        """The profile of each event: that of its strongest identifier; 0 where it names nobody.

        In the sequencer's transaction. Everything is read and written for the whole batch at once; a batch that
        says nothing new costs two look-ups.
        """
        seen = _sightings(batch)
        if not seen:
            return [NOBODY] * len(batch)
        profiles = _profiles(seen)
        of_key = profiles.of_key
        statements = _new_statements(batch, of_key=of_key, sources=sources)
        _write_links(statements)
        untrusted = [source.id for source in sources.values() if not source.is_trusted]
        _update_map(statements, profiles, untrusted=untrusted, last=batch[-1])
        return [of_key[_plain(event.identifiers[0])] if event.identifiers else NOBODY for event in batch]


def _plain(key: str) -> str:
    return key[1:] if key[0] == "!" else key


def _sightings(batch: Sequence[Unresolved]) -> dict[str, _Sighting]:
    """By key, in the order of first appearance."""
    seen: dict[str, _Sighting] = {}
    for event in batch:
        at = event.at
        for said in event.identifiers:
            is_verified = said[0] == "!"
            key = said[1:] if is_verified else said
            sighting = seen.get(key)
            if sighting is None:
                seen[key] = _Sighting(event.position, event.source_id, at, at, is_verified)
                continue
            if at > sighting.last_at:
                sighting.last_at = at
            elif at < sighting.first_at:
                sighting.first_at = at
            if is_verified:
                sighting.is_verified = True
    return seen


def _profiles(seen: Mapping[str, _Sighting]) -> _Profiles:
    """Looks all keys up, gives new ones a profile each, and notes what is new about the others."""
    found = _Profiles({}, {}, {}, [])
    news: list[tuple[str, bool, datetime, datetime]] = []
    with _binary_cursor() as cursor:
        cursor.execute(_FIND, [[*seen]])
        for key, profile, is_verified, first_at, last_at in cursor.fetchall():
            found.of_key[key] = profile
            said = seen[key]
            is_upgraded = said.is_verified and not is_verified
            # Days are enough for people; a row that moved with every event would cost more than all the rest.
            if is_upgraded or said.first_at < first_at or said.last_at.date() > last_at.date():
                news.append((key, said.is_verified, said.first_at, said.last_at))
            if is_upgraded:
                found.verified.append(profile)
        if news:
            cursor.execute(_REFRESH, _columns(news))
        fresh = [(key, said) for key, said in seen.items() if key not in found.of_key]
        if fresh:
            cursor.execute("SELECT coalesce(max(profile_id), 0) FROM customers_profile")
            (highest,) = cursor.fetchone() or (0,)
            rows = []
            for profile, (key, said) in enumerate(fresh, start=highest + 1):
                found.of_key[key] = profile
                found.born[profile] = joining.counts_of([(key.partition(":")[0], said.is_verified)])
                found.born_at[profile] = said.position
                rows.append((key, profile, said.is_verified, said.source_id, said.first_at, said.last_at))
            cursor.execute(_ADD, _columns(rows))
    return found


def _new_statements(
    batch: Sequence[Unresolved], *, of_key: Mapping[str, int], sources: Mapping[int, Source]
) -> list[_Statement]:
    """Pairs of profiles that were not linked, or only by an untrusted word where this one is trusted.

    A source that is not trusted speaks only when it may join profiles.
    """
    first: dict[tuple[int, int], tuple[bool, Unresolved, str]] = {}
    for event in batch:
        if len(event.identifiers) > 1:
            source = sources[event.source_id]
            is_trusted = source.is_trusted
            if not (is_trusted or source.joins_profiles):
                continue
            strongest = of_key[_plain(event.identifiers[0])]
            for said in event.identifiers[1:]:
                other = of_key[_plain(said)]
                pair = (strongest, other) if strongest < other else (other, strongest)
                earlier = first.get(pair)
                if earlier is None or (is_trusted and not earlier[0]):
                    first[pair] = (is_trusted, event, said)
    if not first:
        return []
    with _binary_cursor() as cursor:
        cursor.execute(_KNOWN_LINKS, [[low for low, _ in first], [high for _, high in first]])
        for low, high, source_id in cursor.fetchall():
            if sources[source_id].is_trusted or not first[low, high][0]:
                del first[low, high]
    return [
        _Statement(
            Link(low=low, high=high, position=event.position, is_trusted=is_trusted),
            "+".join(_plain(key).partition(":")[0] for key in (event.identifiers[0], said)),
            event.source_id,
            event.at,
        )
        for (low, high), (is_trusted, event, said) in first.items()
    ]


def _write_links(statements: Sequence[_Statement]) -> None:
    if statements:
        rows = [(s.link.low, s.link.high, s.reason, s.source_id, s.link.position) for s in statements]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_LINKS, _columns(rows))


def _update_map(
    statements: Sequence[_Statement], profiles: _Profiles, *, untrusted: Collection[int], last: Unresolved
) -> None:
    """Joins what the new statements join; what cannot be joined one by one is computed anew."""
    customers = _customers_of(statements, born=profiles.born)
    named = {customers[profile] for s in statements if s.link.is_trusted for profile in (s.link.low, s.link.high)}
    unsettled = _unsettled(named - profiles.born.keys(), verified=profiles.verified, untrusted=untrusted)
    touched = set(customers.values()) - profiles.born.keys()
    is_joined_by_hand, is_separated = _decided() if touched else (False, False)
    if is_joined_by_hand:
        unsettled |= _joined_by_hand(touched)
    recomputed: Collection[int] = ()
    if unsettled:
        mapping.write_map({profile: profile for profile in profiles.born})
        recomputed = mapping.recompute(
            unsettled, untrusted=untrusted, unseen=profiles.born, position=last.position, at=last.at
        )
    crossing = [
        s for s in statements if customers[s.link.low] != customers[s.link.high] and s.link.low not in recomputed
    ]
    new_map = {profile: profile for profile in profiles.born if profile not in recomputed}
    new_map |= _join(crossing, profiles, customers=customers, untrusted=untrusted, is_separated=is_separated)
    mapping.write_map(new_map)


def _customers_of(statements: Iterable[_Statement], *, born: Mapping[int, Counts]) -> dict[int, int]:
    """Profile → customer, a new profile being its own, as before this batch."""
    named = {profile for s in statements for profile in (s.link.low, s.link.high)}
    customers = {profile: profile for profile in named}
    older = named - born.keys()
    if older:
        with _binary_cursor() as cursor:
            cursor.execute(
                "SELECT profile_id, customer_id FROM customers_profile WHERE profile_id = ANY(%s)", [[*older]]
            )
            customers.update(cursor.fetchall())
    return customers


def _unsettled(customers: Collection[int], *, verified: list[int], untrusted: Collection[int]) -> set[int]:
    """Customers whom joining alone would not bring to where `joining.partition` ends."""
    found: set[int] = set()
    with connection.cursor() as cursor:
        if verified:
            cursor.execute(_OVERFULL, [verified, joining.LIMITS[ConflictReason.VERIFIED_EMAIL_LIMIT]])
            found.update(row[0] for row in cursor.fetchall())
        if customers and untrusted:
            cursor.execute(_CLAIMED, [[*untrusted], [*customers]])
            found.update(row[0] for row in cursor.fetchall())
    return found


def _decided() -> tuple[bool, bool]:
    """Whether people have ever joined anybody, and set anybody apart: mostly neither, and nobody needs to look."""
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED)
        is_joined_by_hand, is_separated = cursor.fetchone()
    return is_joined_by_hand, is_separated


def _joined_by_hand(customers: Collection[int]) -> set[int]:
    """Those of these customers whom people have joined: what events join is judged as if they had not."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_HAND, [[*customers]])
        return {row[0] for row in cursor.fetchall()}


def _join(
    crossing: Sequence[_Statement],
    profiles: _Profiles,
    *,
    customers: Mapping[int, int],
    untrusted: Collection[int],
    is_separated: bool,
) -> dict[int, int]:
    """Joins link after link; gives the new map of every profile that moves."""
    if not crossing:
        return {}
    members = {profile: (profile, profiles.born[profile]) for profile in customers if profile in profiles.born}
    members |= _members_of({customers[p] for s in crossing for p in (s.link.low, s.link.high)} - members.keys())
    identifiers_of_profile = {profile: counts for profile, (_, counts) in members.items()}
    joiner = Joiner(
        identifiers_of_profile,
        customers={profile: customer for profile, (customer, _) in members.items()},
        shared=_shared_devices(crossing, identifiers_of_profile, untrusted=untrusted),
        separations=mapping.separations_among(members) if is_separated else (),
    )
    moves: list[Move] = []
    conflicts: dict[tuple[int, int], tuple[str, datetime]] = {}
    for statement in sorted(crossing, key=lambda s: joining.in_order(s.link)):
        link = statement.link
        winner, loser = sorted((joiner.customer_of(link.low), joiner.customer_of(link.high)))
        moved, kept = joiner.members[loser], joiner.members[winner].copy()
        obstacle = joiner.join(link)
        if obstacle is not None:
            conflicts[link.low, link.high] = (str(obstacle), statement.at)
        # A profile that this very event has brought forth is born into its customer: nobody is merged.
        elif winner != loser and any(profiles.born_at.get(profile) != link.position for profile in moved):
            moves.append(
                Move(
                    winner_id=winner,
                    loser_id=loser,
                    profiles=moved,
                    kept=kept,
                    reason=statement.reason,
                    position=link.position,
                    at=statement.at,
                )
            )
    mapping.write_conflicts(conflicts)
    mapping.record_moves(moves)
    return {
        profile: joiner.customer_of(profile)
        for profile, (customer, _) in members.items()
        if joiner.customer_of(profile) != customer
    }


def _members_of(customers: Collection[int]) -> dict[int, tuple[int, Counts]]:
    """Profile → (customer, counts) for all profiles of these customers."""
    if not customers:
        return {}
    owners: dict[int, int] = {}
    said: dict[int, list[tuple[str, bool]]] = {}
    with _binary_cursor() as cursor:
        cursor.execute(_MEMBERS, [[*customers]])
        for customer, profile, kind, is_verified in cursor.fetchall():
            owners[profile] = customer
            known = said.setdefault(profile, [])
            if kind is not None:
                known.append((kind, is_verified))
    return {profile: (customer, joining.counts_of(said[profile])) for profile, customer in owners.items()}


def _shared_devices(
    crossing: Iterable[_Statement], counts: Mapping[int, Counts], *, untrusted: Collection[int]
) -> set[int]:
    """The anonymous ids among the linked profiles that a trusted source has already named with two people."""
    devices = {p for s in crossing for p in (s.link.low, s.link.high) if not joining.is_known(counts[p])}
    if not devices:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, [[*map(str, joining.LIMITS)], [*untrusted], [*devices], [*devices]])
        return {profile for row in cursor.fetchall() for profile in row if profile in devices}


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


@contextmanager
def _binary_cursor() -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    """A cursor of Django's connection that reads values in binary form, which is cheaper for whole batches."""
    connection.ensure_connection()
    assert connection.connection is not None
    with connection.wrap_database_errors, connection.connection.cursor(binary=True) as cursor:
        yield cursor
