"""Reads: who a customer is, who is meant by a reference, and who is found by a search."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.db import connection
from psycopg import sql

from sadakat.customers import features, models
from sadakat.customers.rules import identifiers as identifier_rules
from sadakat.customers.rules import traits as trait_rules
from sadakat.customers.types import (
    ConflictRow,
    Customer,
    CustomerPage,
    CustomerRow,
    Identifier,
    IdentifierType,
    MergeRow,
    TraitValue,
)
from sadakat.events import api as events
from sadakat.kernel.errors import Invalid, NotFound

PAGE_SIZE: Final = 25
MAX_PAGE_SIZE: Final = 200
MAX_PAGE: Final = 10_000
MAX_SEARCH_LENGTH: Final = 200
MAX_SEARCH_WORDS: Final = 8
# Identifiers that begin with what is searched for; whoever needs more must say more.
MAX_PREFIX_MATCHES: Final = 500
MIN_PREFIX_LENGTH: Final = 3
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
        NotFound: nobody is known by it.
        Invalid: the type is none of ours.
    """
    found: Collection[int] = ()
    if ref.isascii() and ref.isdigit():
        if len(ref) <= MAX_ID_DIGITS:
            found = customers_of([int(ref)]).values()
    elif ":" in ref:
        kind, _, value = ref.partition(":")
        key = identifier_rules.parse_identifier(kind, value)
        found = _customers_of_keys([key]).values() if key else ()
    else:
        raise Invalid(f"a customer is named by an id or TYPE:VALUE such as email:ayse@example.com, not {ref!r:.80}")
    if not found:
        raise NotFound(f"no customer is known as {ref!r:.80}")
    return next(iter(found))


def customer(customer_id: int) -> Customer:
    """Everything known of a customer; the id of one who was merged away leads to the winner.

    Raises:
        NotFound: there is none.
    """
    id_ = find(str(customer_id))
    profile_ids = profiles_of([id_])[id_]
    row = _feature_rows([id_]).get(id_)
    return Customer(
        id=id_,
        profile_ids=profile_ids,
        name=row["name"] if row else "",
        traits=_traits(profile_ids),
        identifiers=_identifiers(profile_ids),
        features={name: row[name] if row else None for name in features.features()},
    )


def search(
    text: str = "",
    *,
    page: int = 1,
    order: str = "-last_seen_at",
    filters: Mapping[str, Any] | None = None,
    page_size: int = PAGE_SIZE,
) -> CustomerPage:
    """Customers whose name, e-mail, phone or card holds every word, or who are known by just that identifier.

    Turkish letters and case make no difference; words of one or two letters are looked for at the beginning of a
    word. `filters` are features with the value that they must have, None for having none. `order` is `name` or a
    feature, with a leading minus for descending; customers without the feature come last.

    Raises:
        Invalid: no such order or feature, or a page that cannot be.
    """
    if not (1 <= page <= MAX_PAGE and 1 <= page_size <= MAX_PAGE_SIZE):
        raise Invalid(
            f"pages go from 1 to {MAX_PAGE} with up to {MAX_PAGE_SIZE} customers; page {page} cannot be shown"
        )
    where, parameters = _condition(text.replace("\0", " ")[:MAX_SEARCH_LENGTH], filters=filters or {})
    ordered = _ordering(order)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM customers_feature AS f WHERE {}").format(where), parameters)
        (total,) = cursor.fetchone()
        cursor.execute(
            sql.SQL("SELECT customer_id FROM customers_feature AS f WHERE {} ORDER BY {} LIMIT %s OFFSET %s").format(
                where, ordered
            ),
            [*parameters, page_size, (page - 1) * page_size],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return CustomerPage(rows=customer_rows(ids), total=total, page=page, pages=max(1, math.ceil(total / page_size)))


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
        )
        for id_ in customer_ids
        if id_ in found
    )


def merges_of(customer_id: int) -> tuple[MergeRow, ...]:
    """The merges that made a customer, latest first; at most `MAX_LISTED`."""
    profile_ids = profiles_of([customer_id]).get(customer_id, ())
    rows = models.Merge.objects.filter(winner_id__in=profile_ids, loser_id__in=profile_ids).order_by("-id")
    return tuple(
        MergeRow(id=row.id, winner_id=row.winner_id, loser_id=row.loser_id, reason=row.reason, at=row.at)
        for row in rows[:MAX_LISTED]
    )


def conflicts(*, customer_id: int | None = None, limit: int = 100) -> tuple[ConflictRow, ...]:
    """Pairs of customers that links name together and a limit keeps apart, latest first; all, or those of one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, low.customer_id, high.customer_id, c.reason, c.at
            FROM customers_conflict AS c
            JOIN customers_profile AS low ON low.profile_id = c.low_profile_id
            JOIN customers_profile AS high ON high.profile_id = c.high_profile_id
            WHERE c.solved_at IS NULL AND low.customer_id <> high.customer_id
                AND (%s::bigint IS NULL OR c.id IN (
                    SELECT own.id FROM customers_conflict AS own JOIN customers_profile AS p
                    ON p.customer_id = %s AND p.profile_id IN (own.low_profile_id, own.high_profile_id)))
            ORDER BY c.position DESC, c.id DESC LIMIT %s
            """,
            [customer_id, customer_id, min(limit, MAX_LISTED)],
        )
        return tuple(
            ConflictRow(id=id_, customer_ids=(min(low, high), max(low, high)), reason=reason, at=at)
            for id_, low, high, reason, at in cursor.fetchall()
        )


def _customers_of_keys(keys: Collection[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT key, customer_id FROM customers_identifier JOIN customers_profile USING (profile_id)
            WHERE key = ANY(%s)
            """,
            [list(keys)],
        )
        return dict(cursor.fetchall())


def _condition(text: str, *, filters: Mapping[str, Any]) -> tuple[sql.Composable, list[Any]]:
    """The WHERE of a search over `f`, with its parameters."""
    parts: list[sql.Composable] = []
    parameters: list[Any] = []
    words = trait_rules.search_words(text)[:MAX_SEARCH_WORDS]
    if words:
        by_word = sql.SQL(" AND ").join([sql.SQL("search_text LIKE %s")] * len(words))
        parts.append(sql.SQL("(({}) OR customer_id = ANY(%s))").format(by_word))
        parameters += [_pattern(word) for word in words]
        parameters.append(sorted(_known_as(text.strip())))
    for name, value in sorted(filters.items()):
        if name not in features.features():
            raise Invalid(f"customers can be filtered by {', '.join(sorted(features.features()))}, not {name!r:.40}")
        parts.append(sql.SQL("{} IS NOT DISTINCT FROM %s").format(sql.Identifier(name)))
        parameters.append(value)
    return (sql.SQL(" AND ").join(parts) if parts else sql.SQL("true")), parameters


def _pattern(word: str) -> str:
    """One or two letters have no trigram of their own; together with the blank before them they have."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%" if len(word) > 2 else f"% {escaped}%"


def _known_as(text: str) -> set[int]:
    """Customers whom the text names: a key, an identifier of any type in any spelling, or the beginning of one."""
    keys, starts = set(), set()
    kind, _, value = text.partition(":")
    if kind in _RANK:
        keys.add(identifier_rules.parse_identifier(kind, value))
    for type_ in IdentifierType:
        keys.add(identifier_rules.parse_identifier(type_, text))
        if len(text) >= MIN_PREFIX_LENGTH:
            starts.add(f"{type_}:{text.lower() if type_ == IdentifierType.EMAIL else text}")
    found = set(_customers_of_keys([key for key in keys if key]).values())
    with connection.cursor() as cursor:
        for start in sorted(starts):
            # The key is compared byte by byte, so what begins with it lies between it and the last character.
            cursor.execute(
                """
                SELECT DISTINCT customer_id FROM (
                    SELECT profile_id FROM customers_identifier WHERE key >= %s AND key < %s LIMIT %s
                ) AS named JOIN customers_profile USING (profile_id)
                """,
                [start, start + "\U0010ffff", MAX_PREFIX_MATCHES],
            )
            found.update(row[0] for row in cursor.fetchall())
    return found


def _ordering(order: str) -> sql.Composable:
    column, is_descending = order.removeprefix("-"), order.startswith("-")
    direction = sql.SQL("DESC" if is_descending else "ASC")
    if column == "name":
        return sql.SQL("name = '', search_text {}, customer_id").format(direction)
    if column not in features.features():
        known = ", ".join(sorted(features.features()))
        raise Invalid(f"customers can be ordered by name, {known}, not {column!r:.40}")
    return sql.SQL("{} {} NULLS LAST, customer_id").format(sql.Identifier(column), direction)


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
    return {customer_id: sorted(said, key=_strength) for customer_id, said in keys.items()}


def _strength(key: str) -> tuple[int, str]:
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
        for row in sorted(rows, key=lambda row: _strength(row.key)[0])
    )


def _traits(profile_ids: Collection[int]) -> dict[str, TraitValue]:
    """The word that counts for each trait: a trusted one before an untrusted one, then the latest."""
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
