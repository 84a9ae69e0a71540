"""What customers do with the log: traits and names, activity, and their columns of the feature row.

Everything is computed anew for the customers touched, from rows that belong to profiles: so the order of arrival
makes no difference, and a merge needs no arithmetic of its own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from django.db import connection

from sadakat.customers import features
from sadakat.customers.rules import traits as rules
from sadakat.customers.types import CUSTOMERS_MERGED, CUSTOMERS_SEPARATED
from sadakat.events import api as events
from sadakat.events.types import Batch, Consumer, Event, Kind, SetAside
from sadakat.kernel.errors import Invalid

MAP_FACTS: Final = frozenset({CUSTOMERS_MERGED, CUSTOMERS_SEPARATED})

_WRITE_TRAITS = """
    INSERT INTO customers_trait AS known (profile_id, name, value, source_id, at, mid)
    SELECT * FROM unnest(%b::bigint[], %b::text[], %b::jsonb[], %b::int[], %b::timestamptz[], %b::uuid[])
    ON CONFLICT (profile_id, name) DO UPDATE
    SET value = EXCLUDED.value, source_id = EXCLUDED.source_id, at = EXCLUDED.at, mid = EXCLUDED.mid
    WHERE (known.source_id <> ALL(%s), known.at, known.mid) < (EXCLUDED.source_id <> ALL(%s), EXCLUDED.at, EXCLUDED.mid)
"""
_KNOWN_OF = """
    SELECT profile_id FROM customers_identifier
    WHERE profile_id = ANY(%s) AND key NOT LIKE 'anonymous\\_id:%%'
"""
_TRAITS_OF = """
    SELECT customer_id, jsonb_object_agg(name, value)::text FROM (
        SELECT DISTINCT ON (customer_id, name) customer_id, name, value
        FROM customers_profile JOIN customers_trait USING (profile_id)
        WHERE customer_id = ANY(%s)
        ORDER BY customer_id, name, source_id <> ALL(%s) DESC, at DESC, mid DESC
    ) AS latest WHERE value <> 'null' GROUP BY customer_id
"""
_KEYS_OF = """
    SELECT customer_id, array_agg(key ORDER BY key)
    FROM customers_profile JOIN customers_identifier USING (profile_id)
    WHERE customer_id = ANY(%s) AND key NOT LIKE 'anonymous\\_id:%%' AND key NOT LIKE 'user\\_id:%%'
    GROUP BY customer_id
"""
_WRITE_NAMES = """
    INSERT INTO customers_feature (changed_at, customer_id, traits, name, search_text)
    SELECT %s, * FROM unnest(%b::bigint[], %b::jsonb[], %b::text[], %b::text[])
        AS given (customer_id, traits, name, search_text)
    ORDER BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET changed_at = EXCLUDED.changed_at, traits = EXCLUDED.traits,
        name = EXCLUDED.name, search_text = EXCLUDED.search_text
"""
# A profile keeps its one identifier for ever: whether it is known is asked once. This consumer alone writes the table.
_COUNT = f"""
    WITH given AS MATERIALIZED ({events.TALLY}), counted AS (
        UPDATE customers_activity AS known
        SET events = known.events + given.events,
            last_seen_at = greatest(known.last_seen_at, given.last_seen_at),
            first_seen_at = least(known.first_seen_at, given.first_seen_at),
            first_source_id = CASE
                WHEN (given.first_seen_at, given.first_source_id) < (known.first_seen_at, known.first_source_id)
                THEN given.first_source_id ELSE known.first_source_id END
        FROM given WHERE known.profile_id = given.profile_id
        RETURNING known.profile_id
    ), added AS (
        INSERT INTO customers_activity (profile_id, events, first_seen_at, last_seen_at, first_source_id, is_known)
        SELECT given.*, is_known FROM given CROSS JOIN LATERAL (
            SELECT count(*) > 0 FROM customers_identifier AS said
            WHERE said.profile_id = given.profile_id AND key NOT LIKE 'anonymous\\_id:%%') AS said (is_known)
        WHERE given.profile_id NOT IN (SELECT profile_id FROM counted)
    )
    SELECT coalesce(array_agg(DISTINCT customer_id), '{{}}') FROM customers_profile
    WHERE profile_id IN (SELECT profile_id FROM given UNION ALL SELECT unnest(%s::bigint[]))
"""
_ACTIVITY_OF = """
    INSERT INTO customers_feature (changed_at, customer_id, events, first_seen_at, last_seen_at, first_source, is_known)
    SELECT %s, customer_id, coalesce(sum(events), 0), min(first_seen_at), max(last_seen_at),
        (array_agg(name ORDER BY first_seen_at, first_source_id))[1],
        coalesce(bool_or(is_known), false)
    FROM customers_profile
    LEFT JOIN customers_activity USING (profile_id)
    LEFT JOIN unnest(%s::int[], %s::text[]) AS source (first_source_id, name) USING (first_source_id)
    WHERE customer_id = ANY(%s::bigint[])
    GROUP BY customer_id ORDER BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET changed_at = EXCLUDED.changed_at, events = EXCLUDED.events,
        first_seen_at = EXCLUDED.first_seen_at, last_seen_at = EXCLUDED.last_seen_at,
        first_source = EXCLUDED.first_source, is_known = EXCLUDED.is_known
"""
# Ids that were customers once and are profiles of these customers now.
_FORMER = """
    SELECT profile_id FROM customers_profile WHERE customer_id = ANY(%s) AND profile_id <> customer_id
"""


class TraitsConsumer:
    """Keeps what identify calls say of people, and from it names and the texts in which they are searched."""

    name = "customers.traits"
    kinds = frozenset({Kind.IDENTIFY, Kind.TRACK})
    names: frozenset[str] | None = MAP_FACTS
    wants_body = True

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:
        """Writes the traits that count and computes anew whom they belong to."""
        untrusted = [source.id for source in events.sources().values() if not source.is_trusted]
        identifies = [event for event in batch.events if event.kind is Kind.IDENTIFY and event.profile_id]
        _write_traits(_believed(identifies, untrusted=untrusted), untrusted=untrusted, set_aside=set_aside)
        customer_ids = _touched(batch.events, at=batch.at)
        _write_names(customer_ids, untrusted=untrusted, at=batch.at)


class ActivityConsumer:
    """Counts what profiles do; of the events themselves it takes those alone that move profiles."""

    name = "customers.activity"
    kinds = frozenset({Kind.TRACK})
    names: frozenset[str] | None = MAP_FACTS
    wants_body = False
    tallies: Literal[True] = True

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:  # noqa: ARG002 - nothing can be at fault here
        """Adds the batch to each profile's activity and computes anew whom it belongs to."""
        moved = sorted({event.profile_id for event in batch.events if event.event in MAP_FACTS})
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [batch.after, batch.upto, moved])
            (customer_ids,) = cursor.fetchone()
            if moved:
                _remove_former(customer_ids, at=batch.at)
            if customer_ids:
                names = {source.id: source.name for source in events.sources().values()}
                # A list of numbers costs psycopg far more than its text.
                wanted = f"{{{','.join(map(str, customer_ids))}}}"
                cursor.execute(_ACTIVITY_OF, [batch.at, [*names], [*names.values()], wanted])


TRAITS: Final = TraitsConsumer()
ACTIVITY: Final = ActivityConsumer()
CONSUMERS: Final[Sequence[Consumer]] = (TRAITS, ACTIVITY)


def _believed(identifies: Sequence[Event], *, untrusted: Collection[int]) -> Iterable[Event]:
    """Calls of trusted sources, and what others say of somebody known by anonymous ids alone."""
    claimed = {event.profile_id for event in identifies if event.source_id in untrusted}
    if not claimed:
        return identifies
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_OF, [sorted(claimed)])
        known = {row[0] for row in cursor.fetchall()}
    return (event for event in identifies if event.source_id not in untrusted or event.profile_id not in known)


def _write_traits(identifies: Iterable[Event], *, untrusted: Collection[int], set_aside: SetAside) -> None:
    """Keeps for each profile and trait the latest word; a trusted one goes before an untrusted one."""
    latest: dict[tuple[int, str], tuple[tuple[bool, datetime, str], Any, int]] = {}
    for event in identifies:
        try:
            said = rules.read_traits(event.body) if event.body else {}
        except Invalid as error:
            set_aside(position=event.position, reason=str(error))
            continue
        rank = (event.source_id not in untrusted, event.at, event.mid)
        faults = []
        for name, value in said.items():
            if fault := rules.fault_of(name, value):
                faults.append(fault)
            elif (event.profile_id, name) not in latest or latest[event.profile_id, name][0] < rank:
                latest[event.profile_id, name] = (rank, value, event.source_id)
        if faults:
            set_aside(position=event.position, reason="; ".join(faults))
    if latest:
        rows = [
            (profile, name, msgspec.json.encode(value).decode(), source_id, at, mid)
            for (profile, name), ((_, at, mid), value, source_id) in latest.items()
        ]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_TRAITS, [*_columns(rows), [*untrusted], [*untrusted]])


def _touched(happened: Iterable[Event], *, at: datetime) -> list[int]:
    """The customers of these events' profiles, sorted; where the map has changed, rows of former ones are removed."""
    moved: set[int] = set()
    profiles: set[int] = set()
    for event in happened:
        if event.profile_id:
            (moved if event.event in MAP_FACTS else profiles).add(event.profile_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT customer_id FROM customers_profile WHERE profile_id = ANY(%s) ORDER BY customer_id",
            [sorted(moved | profiles)],
        )
        customer_ids = [row[0] for row in cursor.fetchall()]
    if moved:
        _remove_former(customer_ids, at=at)
    return customer_ids


def _remove_former(customer_ids: list[int], *, at: datetime) -> None:
    """Removes the rows of those who have become profiles of these customers."""
    with connection.cursor() as cursor:
        cursor.execute(_FORMER, [customer_ids])
        former = [row[0] for row in cursor.fetchall()]
        features.lock_rows([*customer_ids, *former], at=at)
        cursor.execute("DELETE FROM customers_feature WHERE customer_id = ANY(%s)", [former])


def _write_names(customer_ids: list[int], *, untrusted: Collection[int], at: datetime) -> None:
    if not customer_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TRAITS_OF, [customer_ids, [*untrusted]])
        said: Mapping[int, str] = dict(cursor.fetchall())
        cursor.execute(_KEYS_OF, [customer_ids])
        keys: Mapping[int, list[str]] = dict(cursor.fetchall())
        rows = []
        for customer_id in customer_ids:
            traits = said.get(customer_id, "{}")
            name = rules.display_name(msgspec.json.decode(traits))
            rows.append((customer_id, traits, name, rules.search_text(name, keys.get(customer_id, ()))))
        cursor.execute(_WRITE_NAMES, [at, *_columns(rows)])


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
