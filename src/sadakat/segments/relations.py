"""What predicates are asked of: customers with clocks of their own on PostgreSQL, all as of one moment in the lake.

Compiled SQL is kept: a rule is asked of every batch of the log, and its text changes with the local day alone.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from django.db import connection
from psycopg import sql

from sadakat.customers import api as customers
from sadakat.customers import tables as customer_tables
from sadakat.customers.types import FeatureType
from sadakat.events import api as log
from sadakat.events import tables as event_tables
from sadakat.events.types import VIEWED, Kind
from sadakat.kernel import time
from sadakat.kernel.predicates import EventLeaf, Predicate, ValueType, mentions
from sadakat.segments import tables

if TYPE_CHECKING:
    import ibis

    from sadakat.platform import predicates

_VALUE_TYPES: Final[Mapping[FeatureType, ValueType]] = MappingProxyType(
    {
        FeatureType.TEXT: ValueType.TEXT,
        FeatureType.FLAG: ValueType.FLAG,
        FeatureType.INTEGER: ValueType.NUMBER,
        FeatureType.NUMBER: ValueType.NUMBER,
        FeatureType.INSTANT: ValueType.INSTANT,
    }
)
_COLUMN_TYPES: Final[Mapping[ValueType, str]] = MappingProxyType(
    {ValueType.TEXT: "string", ValueType.FLAG: "boolean", ValueType.NUMBER: "float64", ValueType.INSTANT: "int64"}
)
_MAX_KEPT: Final = 2_000
_CALLS: Final = MappingProxyType({name: kind for kind, name in VIEWED.items()})
# Only what is asked for goes on: what people buy is long. OFFSET keeps the body from being opened for each name.
_SAID_BY: Final = sql.SQL(f"CROSS JOIN LATERAL (SELECT ({log.BODY}) -> 'properties' AS said OFFSET 0) AS properties")
_MAX_NAMES: Final = 40
_CLOCK: Final = {"customer_id": "int64", "asked_at": "int64"}
_COLUMNS: Final[Mapping[ValueType, str]] = MappingProxyType(
    {
        ValueType.TEXT: ", fold_text({}) AS {}",
        ValueType.FLAG: ", {} AS {}",
        ValueType.NUMBER: ", {} AS {}",
        ValueType.INSTANT: ", micros({}) AS {}",
    }
)
_SAID: Final = {"said": "string", "moments": "string", "days": "string"}
_ASKED: Final = sql.SQL(
    """
    WITH asked_subjects AS NOT MATERIALIZED (
        SELECT asked.customer_id, micros(asked.at) AS asked_at,
               traits AS said, traits AS moments, traits AS days{features}
        FROM segments_asked AS asked LEFT JOIN customers_feature USING (customer_id)
    ), asked_memberships AS NOT MATERIALIZED (
        SELECT customer_id, segment.key AS segment_key
        FROM segments_standing AS standing JOIN segments_segment AS segment ON segment.id = standing.segment_id
        WHERE is_member
    ){events}
    SELECT customer_id, fits, instant_of(changes_at) AS changes_at
    FROM ({verdicts}) AS verdict
    """
)
# The events that a condition can need, found by the index on profile and time and read once, without bodies if it can.
_EVENTS: Final = sql.SQL(
    """, {name} AS MATERIALIZED (
        SELECT asked.customer_id, micros(asked.at) AS asked_at, position, micros(events_log.at) AS at, {said} AS said
        FROM segments_asked AS asked
        JOIN customers_profile USING (customer_id) JOIN events_log USING (profile_id) {properties}
        WHERE {named} AND {since}
    )"""
)


def ask(customers_and_clocks: str, parameters: Sequence[Any]) -> None:
    """Makes the rows of a SELECT, a customer id and a clock each, the table that `verdict_sql` asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE IF NOT EXISTS segments_asked
                (customer_id bigint PRIMARY KEY, at timestamptz NOT NULL)
            """
        )
        cursor.execute("TRUNCATE segments_asked")
        cursor.execute(f"INSERT INTO segments_asked {customers_and_clocks}", parameters)
        # Without it PostgreSQL takes a new table to be larger than it is, and reads the whole log.
        cursor.execute("ANALYZE segments_asked")


def verdict_sql(predicate: Predicate, *, time_zone: ZoneInfo, local_days: AbstractSet[date]) -> str:
    """A SELECT of `customer_id`, `fits` and `changes_at` (timestamptz; null: never) without parameters.

    Run it as `cursor.execute(text)`, or within another statement as `FROM (…) AS verdict`; per cent signs in it are
    not doubled. It asks every row of the temporary table `segments_asked (customer_id bigint, at timestamptz)`, each as
    of its own `at`; customers without a feature row are asked too. `local_days` are the distinct days of these clocks
    in `time_zone`, and may be more. Events are those of all profiles of a customer; memberships are those of
    `segments_standing` now.

    Raises:
        NotFound: the predicate reads a feature that is not registered.
    """
    features = tuple(sorted(value_types().items()))
    # The text tells `true` from `1`, which are equal to Python.
    return _verdict_sql(repr(predicate), predicate, time_zone, tuple(sorted(local_days)), features)


def value_types() -> dict[str, ValueType]:
    """The registered features by name, with what they hold."""
    return {name: _VALUE_TYPES[feature.type] for name, feature in customers.features().items()}


@lru_cache(maxsize=_MAX_KEPT)
def _verdict_sql(
    _text: str,
    predicate: Predicate,
    time_zone: ZoneInfo,
    local_days: tuple[date, ...],
    features: tuple[tuple[str, ValueType], ...],
) -> str:
    import ibis  # takes a while, and a process that only collects never needs it

    from sadakat.platform import predicates

    events: list[sql.Composable] = []

    def events_of(leaf: EventLeaf) -> "ibis.Table":
        name = f"asked_events_{len(events) + 1}"
        events.append(_events_sql(leaf, name=name, time_zone=time_zone))
        found = ibis.table(_CLOCK | {"position": "int64", "at": "int64", "said": "string"}, name=name)
        return found.mutate(moments=found.said, days=found.said)

    own = {name: _COLUMN_TYPES[kind] for name, kind in features}
    asked = predicates.Relations(
        subjects=ibis.table(_CLOCK | _SAID | own, name="asked_subjects"),
        events=events_of,
        memberships=ibis.table({"customer_id": "int64", "segment_key": "string"}, name="asked_memberships"),
        features=dict(features),
        key=str,
    )
    verdicts = predicates.compile_predicate(predicate, relations=asked, local_days=local_days, time_zone=time_zone)
    columns = [
        sql.SQL(_COLUMNS[kind]).format(sql.Identifier("customers_feature", name), sql.Identifier(name))
        for name, kind in features
    ]
    return _ASKED.format(
        features=sql.SQL("").join(columns),
        events=sql.SQL("").join(events),
        verdicts=sql.SQL(str(ibis.to_sql(verdicts, dialect="postgres"))),
    ).as_string(None)


def _events_sql(leaf: EventLeaf, *, name: str, time_zone: ZoneInfo) -> sql.Composable:
    named = sql.SQL("kind = {} AND event = {}").format(sql.Literal(int(Kind.TRACK)), sql.Literal(leaf.event))
    if leaf.event in _CALLS:
        named = sql.SQL("(kind = {} OR {})").format(sql.Literal(int(_CALLS[leaf.event])), named)
    since: sql.Composable = sql.SQL("true")
    if leaf.window is not None and leaf.window.within is not None:
        since = sql.SQL("events_log.at > asked.at - {}").format(sql.Literal(leaf.window.within))
    elif leaf.window is not None and leaf.window.start is not None:
        start = leaf.window.start
        start = start if isinstance(start, datetime) else time.midnight(start, time_zone=time_zone)
        since = sql.SQL("events_log.at >= least(asked.at, {})").format(sql.Literal(start))
    keys = [sql.Literal(key) for key in sorted(mentions(leaf).properties)]
    chosen = sql.SQL(", ").join(sql.SQL("{0}, said -> {0}").format(key) for key in keys)
    said = sql.SQL("jsonb_build_object({})").format(chosen) if len(keys) <= _MAX_NAMES else sql.SQL("said")
    return _EVENTS.format(
        name=sql.Identifier(name),
        said=said if keys else sql.SQL("null::jsonb"),
        properties=_SAID_BY if keys else sql.SQL(""),
        named=named,
        since=since,
    )


def in_lake(predicate: Predicate, *, at: datetime, time_zone: ZoneInfo) -> "ibis.Table":
    """The verdict on everybody in the lake as of `at`, as an expression: `customer_id`, `fits`, `changes_at` (int64).

    Raises:
        NotFound: the predicate reads a feature that is not registered.
    """
    from sadakat.platform import predicates

    return predicates.compile_predicate(predicate, relations=lake_relations(), at=at, time_zone=time_zone)


def lake_relations() -> "predicates.Relations":
    """Everybody in the lake: `events` of all profiles of a customer, `subjects`, `segment_members`."""
    from sadakat.platform import predicates

    features = value_types()
    subjects, members = tables.subjects(), tables.members()
    instants = {name: predicates.micros(subjects[name]) for name, kind in features.items() if kind is ValueType.INSTANT}

    def events(_leaf: EventLeaf) -> "ibis.Table":
        owned = event_tables.events().view().join(customer_tables.profile_map().view(), "profile_id")
        return owned.mutate(at=predicates.micros(owned.at), happened_at=owned.at)

    return predicates.Relations(
        subjects=subjects.mutate(**instants),
        events=events,
        memberships=members.select("customer_id", "segment_key"),
        features=features,
    )
