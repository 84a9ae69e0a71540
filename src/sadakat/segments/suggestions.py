"""What a rule can be about here: events, their properties, traits and values that really occur, with how often.

All of it is read from the newest events and customers, soon done in a log of any length, and kept for a minute.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.core.cache import cache
from django.db import connection

from sadakat.customers import api as customers
from sadakat.customers.types import FeatureType
from sadakat.events import api as events
from sadakat.kernel.predicates import ValueType

LATEST_POSITIONS: Final = 100_000
LATEST_EVENTS: Final = 500
LATEST_CUSTOMERS: Final = 2_000
MAX_NAMES: Final = 200
MAX_VALUES: Final = 20
MAX_VALUE_CHARACTERS: Final = 60
KEPT_SECONDS: Final = 60
T = TypeVar("T")

_LATEST: Final = "events_log WHERE position > (SELECT coalesce(max(position), 0) FROM events_log) - %s"
# Names, types and values of the JSON objects that SAID gives, and whether such a value may tell who somebody is. Lists
# and objects cannot be compared.
_COUNTED: Final = """
    SELECT key, type, value, count(*), said_hides(key) FROM (
        SELECT key, value #>> '{}' AS value,
            CASE WHEN jsonb_typeof(value) <> 'string' THEN jsonb_typeof(value)
                WHEN value #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN 'day' ELSE 'string' END AS type
        FROM (SAID) AS latest (said), jsonb_each(CASE jsonb_typeof(said) WHEN 'object' THEN said END)
        WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean')) AS each
    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 3
"""
_TYPES: Final = {
    "string": ValueType.TEXT,
    "number": ValueType.NUMBER,
    "boolean": ValueType.FLAG,
    "day": ValueType.INSTANT,
}


@dataclass(frozen=True, slots=True)
class Counted:
    """Something that occurs, and how often among the newest."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Known:
    """A property or trait that occurs."""

    name: str
    type: ValueType
    """Of most of its values; a text that begins as a day does is an instant."""
    values: tuple[Counted, ...]
    """The most frequent texts; none of names, addresses and the like."""


def event_names() -> tuple[Counted, ...]:
    """The names of the newest events as predicates have them, the most frequent first."""
    return _kept("names", _event_names)


def properties(event: str) -> dict[str, Known]:
    """The properties of the newest events of a name, by name in the order of the alphabet."""
    said = f"""
        SELECT ({events.BODY}) -> 'properties' FROM {_LATEST} AND {events.EVENT} = %s ORDER BY position DESC LIMIT %s
    """
    return _kept(f"properties:{event}", lambda: _known(said, [LATEST_POSITIONS, event, LATEST_EVENTS]))


def traits() -> dict[str, Known]:
    """The traits of the newest customers, by name in the order of the alphabet."""
    said = "SELECT traits FROM customers_feature ORDER BY customer_id DESC LIMIT %s"
    return _kept("traits", lambda: _known(said, [LATEST_CUSTOMERS]))


def feature_values(name: str) -> tuple[Counted, ...]:
    """The values that a text feature has; empty for features of other types."""
    feature = customers.features().get(name)
    if feature is None or feature.type is not FeatureType.TEXT:
        return ()
    return _kept(f"feature:{name}", lambda: tuple(Counted(value, 0) for value in customers.values_of(name)))


def _event_names() -> tuple[Counted, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {events.EVENT} AS name, count(*) FROM {_LATEST} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
            [LATEST_POSITIONS, MAX_NAMES],
        )
        return tuple(Counted(name, count) for name, count in cursor.fetchall() if name)


def _known(said: str, parameters: Iterable[Any]) -> dict[str, Known]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED.replace("SAID", said), [*parameters])
        rows = cursor.fetchall()
    counts: dict[str, dict[str, int]] = {}
    values: dict[str, list[Counted]] = {}
    for name, type_, value, count, is_hidden in rows:
        of_type = counts.setdefault(name, {})
        of_type[type_] = of_type.get(type_, 0) + count
        found = values.setdefault(name, [])
        if type_ == "string" and not is_hidden and len(found) < MAX_VALUES and 0 < len(value) <= MAX_VALUE_CHARACTERS:
            found.append(Counted(value, count))
    return {
        name: Known(name, _TYPES[max(counts[name], key=lambda type_: counts[name][type_])], tuple(values[name]))
        for name in sorted(counts)[:MAX_NAMES]
    }


def _kept(key: str, read: Callable[[], T]) -> T:
    """What was read in the last minute, or is read now."""
    name = hashlib.sha256(f"{connection.settings_dict['NAME']}:{key}".encode()).hexdigest()
    found: T | None = cache.get(f"segments.{name}")
    if found is None:
        found = read()
        cache.set(f"segments.{name}", found, KEPT_SECONDS)
    return found
