"""The feature registry and the one feature row of each customer.

Every writer goes through the rows of its transaction once, in the order of customer ids, so that writers of
different columns wait for each other and never deadlock.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext_noop as _
from psycopg import sql

from sadakat.customers.types import Feature, FeatureType
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused

OWNER: Final = "customers"
OWN: Final = (
    Feature(
        name="events",
        type=FeatureType.INTEGER,
        owner=OWNER,
        label=_("Events"),
        meaning=_("Events of all kinds"),
        is_count=True,
    ),
    Feature(
        name="first_seen_at",
        type=FeatureType.INSTANT,
        owner=OWNER,
        label=_("First seen"),
        meaning=_("Time of the first event"),
    ),
    Feature(
        name="last_seen_at",
        type=FeatureType.INSTANT,
        owner=OWNER,
        label=_("Last seen"),
        meaning=_("Time of the latest event"),
    ),
    Feature(
        name="first_source",
        type=FeatureType.TEXT,
        owner=OWNER,
        label=_("First source"),
        meaning=_("Source of the first event"),
    ),
    Feature(
        name="is_known",
        type=FeatureType.FLAG,
        owner=OWNER,
        label=_("Is known"),
        meaning=_("Known by more than anonymous ids"),
    ),
)
MAX_ROWS_PER_STATEMENT: Final = 5_000
# Columns of the row that are no features.
RESERVED: Final = frozenset({"customer_id", "traits", "name", "search_text", "changed_at"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,58}")

_features: dict[str, Feature] = {feature.name: feature for feature in OWN}


def register_feature(feature: Feature) -> None:
    """Makes a feature known; registering the same one again changes nothing. Its column comes with the next boot.

    Raises:
        Invalid: its name cannot be a column.
        Conflict: another feature has that name.
    """
    if not _NAME.fullmatch(feature.name) or feature.name in RESERVED:
        raise Invalid(f"a feature is named by small letters, digits and _, not {feature.name!r:.80}")
    if _features.setdefault(feature.name, feature) != feature:
        raise Conflict(f"{_features[feature.name].owner} has already registered another feature {feature.name!r}")


def features() -> Mapping[str, Feature]:
    """The registered features by name."""
    return MappingProxyType(_features)


def ensure_feature_columns() -> None:
    """Adds the columns of registered features that the table does not have yet; never drops one."""
    with connection.cursor() as cursor:
        # Asking first: ALTER TABLE takes a lock that readers of a running installation would queue behind.
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'customers_feature'::regclass AND attnum > 0")
        present = {row[0] for row in cursor.fetchall()}
        missing = [feature for name, feature in sorted(_features.items()) if name not in present]
        if missing:
            columns = sql.SQL(", ").join(
                sql.SQL("ADD COLUMN IF NOT EXISTS {} {}").format(sql.Identifier(f.name), sql.SQL(f.type.value))
                for f in missing
            )
            cursor.execute(sql.SQL("ALTER TABLE customers_feature {}").format(columns))


def set_features(*, owner: str, values: Mapping[int, Mapping[str, Any]], at: datetime) -> None:
    """Writes features of customers: customer id → feature → value, the same features for every customer.

    Ids that are no customers any more are passed over: the fact of their merge makes the owner compute the winner
    anew. Call it once in a transaction, see above.

    Raises:
        NotFound: a feature is not registered.
        Refused: a feature belongs to another owner.
        Invalid: the customers are not given the same features.
    """
    if not values:
        return
    names = sorted(next(iter(values.values())))
    for name in names:
        _check(name, owner=owner)
    for customer_id, row in values.items():
        if sorted(row) != names:
            raise Invalid(f"customer {customer_id} must be given {', '.join(names)}, not {', '.join(sorted(row))}")
    statement = _upsert(names)
    ids = sorted(values)
    with connection.cursor() as cursor:
        for start in range(0, len(ids), MAX_ROWS_PER_STATEMENT):
            part = ids[start : start + MAX_ROWS_PER_STATEMENT]
            cursor.execute(statement, [at, part, *([values[i][name] for i in part] for name in names)])


def customers_having(names: Iterable[str]) -> list[int]:
    """The customers for whom at least one of these features is known, by id.

    Raises:
        NotFound: a feature is not registered.
    """
    wanted = sorted(set(names))
    for name in wanted:
        if name not in _features:
            raise NotFound(f"there is no feature {name!r:.80}; registered are {', '.join(sorted(_features))}")
    known = sql.SQL(" OR ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in wanted)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT customer_id FROM customers_feature WHERE {} ORDER BY customer_id").format(known))
        return [row[0] for row in cursor.fetchall()]


def lock_rows(customer_ids: Iterable[int], *, at: datetime) -> None:
    """Locks, and makes where they are missing, the rows of a transaction that will go through them more than once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO customers_feature (customer_id, changed_at)
            SELECT unnest(%s::bigint[]), %s
            ON CONFLICT (customer_id) DO UPDATE SET changed_at = EXCLUDED.changed_at
            """,
            [sorted(set(customer_ids)), at],
        )


def _check(name: str, *, owner: str) -> None:
    feature = _features.get(name)
    if feature is None:
        raise NotFound(f"there is no feature {name!r:.80}; registered are {', '.join(sorted(_features))}")
    if feature.owner != owner:
        raise Refused(f"feature {name} belongs to {feature.owner}; {owner} cannot write it")


def _upsert(names: Iterable[str]) -> sql.Composed:
    columns = [sql.Identifier(name) for name in names]
    arrays = [sql.SQL("%s::{}[]").format(sql.SQL(_features[name].type.value)) for name in names]
    return sql.SQL(
        """
        INSERT INTO customers_feature (changed_at, customer_id{listed})
        SELECT %s, customer_id{listed} FROM unnest(%s::bigint[]{arrays}) AS given (customer_id{listed})
        WHERE EXISTS (
            SELECT FROM customers_profile AS live
            WHERE live.profile_id = given.customer_id AND live.customer_id = given.customer_id)
        ORDER BY customer_id
        ON CONFLICT (customer_id) DO UPDATE SET changed_at = EXCLUDED.changed_at{assigned}
        """
    ).format(
        listed=sql.SQL("").join(sql.SQL(", {}").format(column) for column in columns),
        arrays=sql.SQL("").join(sql.SQL(", {}").format(array) for array in arrays),
        assigned=sql.SQL("").join(sql.SQL(", {0} = EXCLUDED.{0}").format(column) for column in columns),
    )
