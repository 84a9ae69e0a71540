"""Reads: who a customer is, and who is meant by a reference; `searching` has the list of customers."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from django.db import connection
from psycopg import sql

from sadakat.customers import features, models
from sadakat.customers.rules import identifiers as identifier_rules
from sadakat.customers.rules import traits as trait_rules
from sadakat.customers.types import (
    Customer,
    CustomerRow,
    Identifier,
    IdentifierType,
    TraitValue,
)
from sadakat.events import api as events
from sadakat.kernel.errors import Invalid, NotFound

MAX_LISTED: Final = 1_000
SHOWN_KEYS: Final = 3
# Fits a bigint.
MAX_ID_DIGITS: Final = 18
_RANK: Final = {kind: rank for rank, kind in enumerate(IdentifierType)}


def customers_of(profile_ids: Iterable[int]) -> dict[int, int]:
    """Profile → customer; unknown profiles are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, customer_id FROM customers_profile WHERE profile_id = ANY(%s)", [list(profile_ids)]
        )
        return dict(cursor.fetchall())


def profiles_of(customer_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Customer → profiles, sorted; ids that are no customers (any more) are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT customer_id, array_agg(profile_id ORDER BY profile_id) FROM customers_profile
            WHERE customer_id = ANY(%s) GROUP BY customer_id
            """,
            [list(customer_ids)],
        )
        return {customer: tuple(profiles) for customer, profiles in cursor.fetchall()}


def find(ref: str) -> int:
    """The customer of a reference: an id, also that of a customer merged away, or `TYPE:VALUE` in any spelling.

    Raises:
        NotFound, Invalid: as in `profile_named`.
    """
    profile_id = profile_named(ref)
    return customers_of([profile_id])[profile_id]


def find_many(refs: Iterable[str]) -> dict[str, int]:
    """Reference → customer, as `find` does one by one; what is no reference, or leads to nobody, is left out."""
    keys: dict[str, str] = {}
    ids: dict[str, int] = {}
    for ref in refs:
        kind, _, value = ref.partition(":")
        if ref.isascii() and ref.isdigit():
            if len(ref) <= MAX_ID_DIGITS:
                ids[ref] = int(ref)
        elif kind in list(IdentifierType) and (key := identifier_rules.parse_identifier(kind, value)):
            keys[ref] = key
    by_key = customers_of_keys(set(keys.values()))
    by_id = customers_of(set(ids.values()))
    found = {ref: by_key.get(key) for ref, key in keys.items()} | {ref: by_id.get(id_) for ref, id_ in ids.items()}
    return {ref: id_ for ref, id_ in found.items() if id_ is not None}


def profile_named(ref: str) -> int:
    """The profile of a reference: an id names its own, `TYPE:VALUE` that of the identifier, whoever's it is by now.

    Raises:
        NotFound: nobody is known by it.
        Invalid: the type is none of ours.
    """
    found: Iterable[int] = ()
    if ref.isascii() and ref.isdigit():
        if len(ref) <= MAX_ID_DIGITS:
            found = customers_of([int(ref)])
    elif ":" in ref:
        kind, _, value = ref.partition(":")
        if key := identifier_rules.parse_identifier(kind, value):
            found = models.Identifier.objects.filter(key=key).values_list("profile_id", flat=True)
    else:
        raise Invalid(f"a customer is named by an id or TYPE:VALUE such as email:ayse@example.com, not {ref!r:.80}")
    for profile_id in found:
        return profile_id
    raise NotFound(f"no customer is known as {ref!r:.80}")


def customer(customer_id: int) -> Customer:
    """Everything known of a customer; the id of one who was merged away leads to the winner.

    Raises:
        NotFound: there is none.
    """
    id_ = find(str(customer_id))
    profile_ids = profiles_of([id_])[id_]
    row = _feature_rows([id_]).get(id_)
    traits = traits_of(profile_ids)
    return Customer(
        id=id_,
        profile_ids=profile_ids,
        # Read from the traits, since somebody whom an undone merge has just given back has no row yet.
        name=trait_rules.display_name({name: trait.value for name, trait in traits.items()}),
        traits=traits,
        identifiers=_identifiers(profile_ids),
        features={name: row[name] if row else None for name in features.features()},
    )


def customer_rows(customer_ids: Sequence[int]) -> tuple[CustomerRow, ...]:
    """The lines of these customers in the order given; those who have no feature row yet are left out."""
    found = _feature_rows(customer_ids)
    keys = _keys_of(found)
    return tuple(
        CustomerRow(
            id=id_,
            name=found[id_]["name"],
            city=_text(found[id_]["traits"].get("city")),
            identifiers=tuple(keys.get(id_, ())[:SHOWN_KEYS]),
            features={name: found[id_][name] for name in features.features()},
            traits=found[id_]["traits"],
        )
        for id_ in customer_ids
        if id_ in found
    )


def customers_of_keys(keys: Collection[str]) -> dict[str, int]:
    """Key `TYPE:VALUE` → customer; unknown keys are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT key, customer_id FROM customers_identifier JOIN customers_profile USING (profile_id)
            WHERE key = ANY(%s)
            """,
            [list(keys)],
        )
        return dict(cursor.fetchall())


def _feature_rows(customer_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The feature rows by customer id, with `name` and `traits`."""
    names = [*features.features()]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT customer_id, name, traits::text, {} FROM customers_feature WHERE customer_id = ANY(%s)"
            ).format(columns),
            [list(customer_ids)],
        )
        return {
            id_: {**dict(zip(names, values, strict=True)), "name": name, "traits": msgspec.json.decode(traits)}
            for id_, name, traits, *values in cursor.fetchall()
        }


def _keys_of(customer_ids: Iterable[int]) -> dict[int, list[str]]:
    """The keys of customers, strongest first."""
    keys: dict[int, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT customer_id, key FROM customers_profile JOIN customers_identifier USING (profile_id)
            WHERE customer_id = ANY(%s)
            """,
            [list(customer_ids)],
        )
        for customer_id, key in cursor.fetchall():
            keys.setdefault(customer_id, []).append(key)
    return {customer_id: sorted(said, key=strength) for customer_id, said in keys.items()}


def strength(key: str) -> tuple[int, str]:
    """The sort key of identifiers: the strongest type first."""
    return _RANK[IdentifierType(key.partition(":")[0])], key


def _identifiers(profile_ids: Collection[int]) -> tuple[Identifier, ...]:
    """Strongest first; of one type by the time they were first seen."""
    rows = models.Identifier.objects.filter(profile_id__in=profile_ids).order_by("first_seen_at", "key")
    return tuple(
        Identifier(
            type=row.key.partition(":")[0],
            value=row.key.partition(":")[2],
            profile_id=row.profile_id,
            is_verified=row.is_verified,
            source_id=row.source_id,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
        )
        for row in sorted(rows, key=lambda row: strength(row.key)[0])
    )


def traits_of(profile_ids: Collection[int]) -> dict[str, TraitValue]:
    """The word that counts for each trait of these profiles: a trusted one before an untrusted one, then the latest."""
    untrusted = {source.id for source in events.sources().values() if not source.is_trusted}
    rows = models.Trait.objects.filter(profile_id__in=profile_ids)
    counting = {
        row.name: row for row in sorted(rows, key=lambda row: (row.source_id not in untrusted, row.at, row.mid))
    }
    return {
        name: TraitValue(name=name, value=row.value, source_id=row.source_id, at=row.at)
        for name, row in sorted(counting.items())
        if row.value is not None
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
