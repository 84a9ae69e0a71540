"""The list of customers: who is found by a search, who fits the filters, and in which order."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection
from psycopg import sql

from sadakat.customers import features, queries
from sadakat.customers.rules import filters as filter_rules
from sadakat.customers.rules import identifiers as identifier_rules
from sadakat.customers.rules import traits as trait_rules
from sadakat.customers.types import CustomerPage, CustomerRow, FeatureType, Filter, IdentifierType, Operator
from sadakat.kernel import text as kernel_text
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid

PAGE_SIZE: Final = 25
MAX_PAGE_SIZE: Final = 200
MAX_PAGE: Final = 10_000
MAX_SEARCH_LENGTH: Final = 200
MAX_SEARCH_WORDS: Final = 8
# Identifiers that begin with what is searched for; whoever needs more must say more.
MAX_PREFIX_MATCHES: Final = 500
MIN_PREFIX_LENGTH: Final = 3
EXPORT_PAGE_SIZE: Final = 1_000
# The traits of the latest customers tell which traits there are; all of them would take minutes in a large shop.
SAMPLED_CUSTOMERS: Final = 1_000
MAX_NAMES: Final = 100
UTC_ZONE: Final = ZoneInfo("UTC")
Condition = tuple[sql.Composable, list[Any]]

# `kernel.text.fold` in SQL. lower() goes by the locale, which may be Turkish, so it is left ASCII alone; what no
# decomposition leads back to ASCII is translated: ı, and the capitals of Latin, Greek and Cyrillic letters.
_CAPITALS: Final = "".join(
    letter
    for letter in map(chr, range(0x80, 0x530))
    if letter.lower() != letter == unicodedata.normalize("NFKD", letter) and len(letter.lower()) == 1
)
# Nearly every text becomes ASCII by the Turkish letters alone, which takes a tenth of the time of decomposing it.
# OFFSET keeps the planner from writing what is asked for once into each place where it is used.
_FOLD: Final = sql.SQL(
    r"""(
    SELECT CASE WHEN octet_length(plain) = char_length(plain) AND strpos(plain, '  ') = 0
        THEN lower(btrim(plain) COLLATE "C")
        ELSE btrim(regexp_replace(
            lower(translate(regexp_replace(normalize(given, NFKD), '[\u0300-\u036f]', '', 'g'), """
    f"'ı{_CAPITALS}', 'i{_CAPITALS.lower()}'"
    r""") COLLATE "C"), '[\s\u001c-\u001f\u0085\u1680\u2028\u2029]+', ' ', 'g')) END
    FROM (SELECT given, translate(
            given, E'çğıİöşüâîûÇĞÖŞÜÂÎÛ\t\n\x0B\f\r\x1C\x1D\x1E\x1F', 'cgiiosuaiucgosuaiu         ')
        AS plain FROM (SELECT {} AS given OFFSET 0) AS said OFFSET 0) AS folded)"""
)
# Figures may come as numbers or as texts; days as ISO 8601, of which the first ten characters count.
_TRAIT_FIGURE: Final = sql.SQL(
    r"CASE WHEN jsonb_typeof(traits -> {0}) = 'number' OR traits ->> {0} ~ '^-?[0-9]{{1,15}}(\.[0-9]{{1,10}})?$'"
    " THEN (traits ->> {0})::numeric END"
)
_TRAIT_DAY: Final = sql.SQL("""substring(traits ->> {} from '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') COLLATE "C" """)


def search(
    text: str = "",
    *,
    page: int = 1,
    order: str = "-last_seen_at",
    filters: Sequence[Filter] = (),
    today: date | None = None,
    zone: ZoneInfo = UTC_ZONE,
    page_size: int = PAGE_SIZE,
) -> CustomerPage:
    """Customers whose name, e-mail, phone or card holds every word, or who are known by just that identifier.

    Turkish letters and case make no difference, in the filters too; words of one or two letters are looked for at the
    beginning of a word. Only who fits all `filters` is found; `today` and `zone` say which days their dates mean.
    `order` is `name` or a feature, with a leading minus for descending; customers without the feature come last.

    Raises:
        Invalid: no such order or feature, a filter that cannot be, or a page that cannot be.
    """
    if not (1 <= page <= MAX_PAGE and 1 <= page_size <= MAX_PAGE_SIZE):
        raise Invalid(
            f"pages go from 1 to {MAX_PAGE} with up to {MAX_PAGE_SIZE} customers; page {page} cannot be shown"
        )
    where, parameters = condition(text, filters=filters, today=today, zone=zone)
    ordered = _ordering(order)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM customers_feature")
        (everybody,) = cursor.fetchone()
        cursor.execute(sql.SQL("SELECT count(*) FROM customers_feature AS f WHERE {}").format(where), parameters)
        (total,) = cursor.fetchone()
        cursor.execute(
            sql.SQL("SELECT customer_id FROM customers_feature AS f WHERE {} ORDER BY {} LIMIT %s OFFSET %s").format(
                where, ordered
            ),
            [*parameters, page_size, (page - 1) * page_size],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return CustomerPage(
        rows=queries.customer_rows(ids),
        total=total,
        everybody=everybody,
        page=page,
        pages=max(1, math.ceil(total / page_size)),
    )


def count(found: Condition) -> int:
    """How many customers fit a condition."""
    where, parameters = found
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM customers_feature AS f WHERE {}").format(where), parameters)
        return int(cursor.fetchone()[0])


def every_row(found: Condition) -> Iterator[CustomerRow]:
    """All customers who fit a condition, in the order of their ids, a page at a time.

    Each page begins after the last id of the one before: nobody is told twice or left out while others come and go.
    """
    where, parameters = found
    statement = sql.SQL(
        "SELECT customer_id FROM customers_feature AS f WHERE {} AND customer_id > %s ORDER BY customer_id LIMIT %s"
    ).format(where)
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, [*parameters, last, EXPORT_PAGE_SIZE])
            ids = [row[0] for row in cursor.fetchall()]
        yield from queries.customer_rows(ids)
        if len(ids) < EXPORT_PAGE_SIZE:
            return
        last = ids[-1]


def newest(text: str = "", *, before: int | None = None, limit: int = PAGE_SIZE) -> tuple[CustomerRow, ...]:
    """Customers found as by `search`, the latest ids first; `before` is the id of the last one seen."""
    where, parameters = condition(text)
    statement = sql.SQL(
        "SELECT customer_id FROM customers_feature AS f WHERE {} AND (%s::bigint IS NULL OR customer_id < %s)"
        " ORDER BY customer_id DESC LIMIT %s"
    ).format(where)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, before, before, limit])
        return queries.customer_rows([row[0] for row in cursor.fetchall()])


def values_of(feature: str) -> tuple[str, ...]:
    """The values that a text feature has, sorted; at most `MAX_NAMES`.

    Raises:
        Invalid: there is no such text feature.
    """
    known = features.features().get(feature)
    if known is None or known.type is not FeatureType.TEXT:
        raise Invalid(f"{feature!r:.60} is no text feature")
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT DISTINCT {0} FROM customers_feature WHERE {0} <> '' ORDER BY 1 LIMIT %s").format(
                sql.Identifier(feature)
            ),
            [MAX_NAMES],
        )
        return tuple(row[0] for row in cursor.fetchall())


def spellings(trait: str) -> dict[str, str]:
    """How people write the values of a text trait: the folded value → its commonest spelling; at most `MAX_NAMES`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT traits ->> %s, count(*) FROM customers_feature WHERE jsonb_typeof(traits -> %s) = 'string'
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s
            """,
            [trait, trait, MAX_NAMES],
        )
        found: dict[str, str] = {}
        for value, _count in cursor.fetchall():
            found.setdefault(kernel_text.fold(value), value)
        return found


def trait_names() -> tuple[str, ...]:
    """The traits that the latest customers have, sorted; at most `MAX_NAMES`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT jsonb_object_keys(traits) FROM (
                SELECT traits FROM customers_feature ORDER BY customer_id DESC LIMIT %s) AS latest
            ORDER BY 1 LIMIT %s
            """,
            [SAMPLED_CUSTOMERS, MAX_NAMES],
        )
        return tuple(row[0] for row in cursor.fetchall())


def parse_filter(said: str) -> Filter:
    """The filter that a text such as `orders.at_least.5` means.

    Raises:
        Invalid: it has another form, no such field or operator, or a value that cannot be.
    """
    return filter_rules.parse_filter(said, features=features.features())


def make_filter(field: str, operator: Operator, values: Sequence[str]) -> Filter:
    """The filter of these parts, its values still texts.

    Raises:
        Invalid: no such field or operator, or a value that cannot be.
    """
    return filter_rules.make_filter(field, operator, values, features=features.features())


def operators_of(field: str) -> tuple[Operator, ...]:
    """How a feature or `traits.NAME` can be compared.

    Raises:
        Invalid: there is no such field.
    """
    return filter_rules.operators_of(field, features=features.features())


def condition(
    text: str = "", *, filters: Sequence[Filter] = (), today: date | None = None, zone: ZoneInfo = UTC_ZONE
) -> Condition:
    """The WHERE of a search over `f`, with its parameters.

    Raises:
        Invalid: a filter that cannot be, or too many of them.
    """
    if len(filters) > filter_rules.MAX_FILTERS:
        raise Invalid(f"a list may have {filter_rules.MAX_FILTERS} filters, not {len(filters)}")
    found = [_fits(each, today=today, zone=zone) for each in filters]
    said = text.replace("\0", " ")[:MAX_SEARCH_LENGTH]
    words = trait_rules.search_words(said)[:MAX_SEARCH_WORDS]
    if words:
        by_word = sql.SQL(" AND ").join([sql.SQL("search_text LIKE %s")] * len(words))
        known = sorted(_known_as(said.strip()))
        found.append((sql.SQL("(({}) OR customer_id = ANY(%s))").format(by_word), [*map(_pattern, words), known]))
    if not found:
        return sql.SQL("true"), []
    return sql.SQL(" AND ").join([where for where, _ in found]), [p for _, parameters in found for p in parameters]


def _fits(said: Filter, *, today: date | None, zone: ZoneInfo) -> Condition:
    """The condition of one filter."""
    operators_of(said.field)
    if said.field.startswith(filter_rules.TRAITS):
        return _trait_fits(said, today=today)
    column: sql.Composable = sql.Identifier(said.field)
    feature = features.features()[said.field]
    kind = feature.type
    if kind is FeatureType.FLAG:
        return sql.SQL("{} IS {}TRUE").format(column, sql.SQL("" if said.values[0] else "NOT ")), []
    if kind in {FeatureType.INTEGER, FeatureType.NUMBER}:
        figure = sql.SQL("coalesce({}, 0)").format(column) if feature.is_count else column
        return _compared(figure, said)
    if kind is FeatureType.INSTANT and said.operator is Operator.IS_EMPTY:
        return sql.SQL("{} IS NULL").format(column), []
    if kind is FeatureType.INSTANT:
        return _in_days(column, [day and time.midnight(day, time_zone=zone) for day in _days(said, today=today)])
    return _text_fits(column, said)


def _trait_fits(said: Filter, *, today: date | None) -> Condition:
    # It stands in a statement with parameters, where a per cent sign is written twice.
    name = sql.Literal(said.field.removeprefix(filter_rules.TRAITS).replace("%", "%%"))
    if said.operator in {Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN}:
        return _compared(_TRAIT_FIGURE.format(name), said)
    if said.operator in {Operator.WITHIN_DAYS, Operator.BEFORE, Operator.AFTER}:
        return _in_days(_TRAIT_DAY.format(name), [day and day.isoformat() for day in _days(said, today=today)])
    return _text_fits(sql.SQL("(traits ->> {})").format(name), said)


def _compared(figure: sql.Composable, said: Filter) -> Condition:
    if said.operator is Operator.IS_EMPTY:
        return sql.SQL("{} IS NULL").format(figure), []
    form = {Operator.AT_LEAST: "{} >= %s", Operator.AT_MOST: "{} <= %s"}.get(said.operator, "{} BETWEEN %s AND %s")
    return sql.SQL(form).format(figure), [*said.values]


def _text_fits(text: sql.Composable, said: Filter) -> Condition:
    folded = _FOLD.format(text)
    if said.operator is Operator.IS_EMPTY:
        return sql.SQL("coalesce({}, '') = ''").format(folded), []
    form = {Operator.IS: "{} = {}", Operator.CONTAINS: "strpos({}, {}) > 0"}.get(said.operator, "starts_with({}, {})")
    # The text asked for is folded by the same expression, once: what is written alike is found, in any alphabet.
    return sql.SQL(form).format(folded, _FOLD.format(sql.SQL("%s::text"))), [*said.values]


def _days(said: Filter, *, today: date | None) -> tuple[date | None, date | None]:
    """The days that fit, half-open; None where they have no end."""
    (value,) = said.values
    if isinstance(value, date):
        return (None, value) if said.operator is Operator.BEFORE else (value + timedelta(days=1), None)
    if today is None:
        raise Invalid(f"{said.operator} can be asked only when it is said which day is today")
    return today - timedelta(days=int(value) - 1), today + timedelta(days=1)


def _in_days(moment: sql.Composable, ends: Sequence[Any]) -> Condition:
    start, end = ends
    parts = [form for form, value in (("{0} >= %s", start), ("{0} < %s", end)) if value is not None]
    return sql.SQL(" AND ".join(parts)).format(moment), [value for value in ends if value is not None]


def _pattern(word: str) -> str:
    """One or two letters have no trigram of their own; together with the blank before them they have."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%" if len(word) > 2 else f"% {escaped}%"


def _known_as(text: str) -> set[int]:
    """Customers whom the text names: a key, an identifier of any type in any spelling, or the beginning of one."""
    keys, starts = set(), set()
    kind, _, value = text.partition(":")
    if kind in set(IdentifierType):
        keys.add(identifier_rules.parse_identifier(kind, value))
    for type_ in IdentifierType:
        keys.add(identifier_rules.parse_identifier(type_, text))
        if len(text) >= MIN_PREFIX_LENGTH:
            starts.add(f"{type_}:{text.lower() if type_ == IdentifierType.EMAIL else text}")
    found = set(queries.customers_of_keys([key for key in keys if key]).values())
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
