"""The one writer of who is in which segment: rules asked of customers, each as of a clock of his own.

Everything joins the caller's transaction under one lock, so that standings have one writer at a time: rules read what
was written for the rules that they name, and the log is told each movement once.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from django.db import connection
from psycopg import sql

from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.kernel import predicates
from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import Mentions, Predicate
from sadakat.platform import brand
from sadakat.platform.database.connection import Lock
from sadakat.segments import models, relations, rules, tables, vocabulary
from sadakat.segments.types import SEGMENT_ENTERED, SEGMENT_EXITED, Kind, Reason

MAX_CUSTOMERS: Final = 5_000
"""Customers whom one statement asks a rule of."""
_LAST_ID: Final = 2**63 - 1
MAX_CHANGES: Final = 10_000
"""Changes by time alone that are told of one customer before he is evaluated as of now."""

# The index gives the earliest: at midnight a birthday makes half of all customers due.
_NEXT_DUE: Final = """
    SELECT DISTINCT customer_id FROM (
        SELECT customer_id FROM segments_standing WHERE changes_at <= %s AND segment_id = ANY(%s)
        ORDER BY changes_at LIMIT %s
    ) AS earliest
"""
_DUE_AMONG: Final = """
    SELECT customer_id, min(changes_at), array_agg(DISTINCT segment_id)
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS given (customer_id, until)
    JOIN segments_standing USING (customer_id)
    WHERE changes_at <= until AND segment_id = ANY(%s)
    GROUP BY customer_id
"""
_ASK: Final = sql.SQL("""
    WITH verdict AS MATERIALIZED ({verdict}),
    changed AS MATERIALIZED (
        SELECT asked.customer_id, asked.at, verdict.fits, verdict.changes_at, known.since_at,
            coalesce(known.is_member, false) <> verdict.fits AS has_moved, coalesce(known.moves, 0) AS moves
        FROM verdict JOIN segments_asked AS asked USING (customer_id)
        LEFT JOIN segments_standing AS known ON known.segment_id = {id} AND known.customer_id = asked.customer_id
        WHERE asked.customer_id <= {upto}
            AND (coalesce(known.is_member, false), known.changes_at)
                IS DISTINCT FROM (verdict.fits, verdict.changes_at)
    ), written AS (
        INSERT INTO segments_standing (segment_id, customer_id, is_member, since_at, moves, changes_at)
        SELECT {id}, customer_id, fits, CASE WHEN has_moved OR since_at IS NULL THEN at ELSE since_at END,
            moves + has_moved::int, changes_at
        FROM changed ORDER BY customer_id
        ON CONFLICT (segment_id, customer_id) DO UPDATE SET is_member = excluded.is_member,
            since_at = excluded.since_at, moves = excluded.moves, changes_at = excluded.changes_at
    )
    SELECT customer_id, at, fits, moves + 1 FROM changed WHERE has_moved ORDER BY customer_id
""")
_WRITE_MOVEMENTS: Final = """
    INSERT INTO segments_movement (segment_id, customer_id, is_entry, reason, at, local_date)
    SELECT %s, customer_id, is_entry, %s, at, (at AT TIME ZONE %s)::date
    FROM unnest(%s::bigint[], %s::boolean[], %s::timestamptz[]) AS given (customer_id, is_entry, at)
"""
_GONE: Final = """
    SELECT given.id FROM unnest(%s::bigint[]) AS given (id)
    LEFT JOIN customers_profile AS live ON live.profile_id = given.id
    WHERE live.customer_id IS DISTINCT FROM given.id
"""
_RETIRE: Final = """
    WITH known AS MATERIALIZED (
        SELECT segment_id, customer_id, is_member FROM segments_standing
        WHERE customer_id = ANY(%s) AND (is_member OR changes_at IS NOT NULL)
    ), written AS (
        UPDATE segments_standing AS standing
        SET is_member = false, changes_at = NULL, moves = moves + known.is_member::int,
            since_at = CASE WHEN known.is_member THEN %s ELSE since_at END
        FROM known WHERE standing.segment_id = known.segment_id AND standing.customer_id = known.customer_id
    )
    SELECT segment_id, customer_id FROM known WHERE is_member ORDER BY segment_id, customer_id
"""
# Who was never on a list needs no row to be off it.
_PUT: Final = """
    INSERT INTO segments_standing AS known (segment_id, customer_id, is_member, since_at, moves)
    SELECT %s, id, %s, %s, 1 FROM unnest(%s::bigint[]) AS given (id)
    WHERE %s OR EXISTS (SELECT FROM segments_standing WHERE segment_id = %s AND customer_id = id)
    ORDER BY id
    ON CONFLICT (segment_id, customer_id) DO UPDATE
    SET is_member = excluded.is_member, since_at = excluded.since_at, moves = known.moves + 1
    WHERE known.is_member <> excluded.is_member
    RETURNING customer_id, since_at, is_member, moves
"""

logger: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A live rule segment, read."""

    id: int
    key: str
    name: str
    predicate: Predicate
    mentions: Mentions
    reads_features: bool
    """Whether it asks for anything but events and segments."""
    takes_strangers: bool
    """Whether somebody of whom nothing is known fits."""
    filled_to: int | None
    was_filled: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A customer entered or left a segment; `number` counts his moves there."""

    customer_id: int
    at: datetime
    is_entry: bool
    number: int


def lock() -> None:
    """Makes this transaction the one writer of standings until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(Lock.SEGMENTS)])


def live_rules() -> list[Rule]:
    """The rules that are asked, each after those that it names.

    One that cannot be read any more, since what it speaks of is gone, is passed over and logged.
    """
    zone = brand.current().zone
    words = vocabulary.vocabulary()
    rows = models.Segment.objects.filter(kind=Kind.RULE, is_archived=False)
    read: dict[str, tuple[models.Segment, Predicate, Mentions]] = {}
    for row in rows:
        try:
            predicate = predicates.parse(row.where, vocabulary=words)
        except Invalid as error:
            logger.error("segments.rule_unreadable", segment=row.key, reason=str(error))  # noqa: TRY400
        else:
            read[row.key] = (row, predicate, predicates.mentions(predicate))
    found: dict[str, Rule] = {}
    for key in rules.in_order({key: said.segments for key, (_, _, said) in read.items()}):
        row, predicate, said = read[key]
        open_to_all = [rule.key for rule in found.values() if rule.takes_strangers]
        found[key] = Rule(
            id=row.pk,
            key=key,
            name=row.name,
            predicate=predicate,
            mentions=said,
            reads_features=bool(said.traits or said.features),
            takes_strangers=rules.takes_strangers(predicate, segments=open_to_all, time_zone=zone),
            filled_to=row.filled_to,
            was_filled=row.was_filled,
        )
    return list(found.values())


def with_dependents(known: Sequence[Rule], *, keys: Collection[str]) -> list[Rule]:
    """The rules of these keys and those that name one of them, directly or through others; in the order given."""
    wanted = set(keys)
    for rule in known:
        if rule.mentions.segments & wanted:
            wanted.add(rule.key)
    return [rule for rule in known if rule.key in wanted]


def evaluate(
    customer_ids: Iterable[int],
    *,
    at: datetime,
    reason: Reason,
    keys: Collection[str] | None = None,
    known: Sequence[Rule] | None = None,
    untold: int | None = None,
    before: Mapping[int, datetime] = MappingProxyType({}),
) -> int:
    """Asks the rules of these keys, and those that name them, of customers as of `at`; gives the number of movements.

    Without `keys` all rules are asked; `known` spares reading them. Movements in the segment of the id `untold` are
    neither kept nor told to the log. Standings of ids that are no customers any more end.

    What time alone has changed is told first, each change at its own moment: what was due by `at`, and what then comes
    of it until `at`, or for a customer in `before` until that moment, when something else has happened to him.
    """
    known = live_rules() if known is None else known
    asked = known if keys is None else with_dependents(known, keys=keys)
    ids = sorted(set(customer_ids))
    moved = _retire(ids, at=at)
    for part in _parts(ids):
        moved += _settle(part, at=at, known=known, before=before)
        moved += _ask_all(dict.fromkeys(part, at), reason=reason, asked=asked, untold=untold)
    return moved


def evaluate_due(*, at: datetime) -> bool:
    """Tells the earliest changes by time alone of up to `MAX_CUSTOMERS` customers; says whether there were any."""
    known = live_rules()
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_DUE, [at, [rule.id for rule in known], MAX_CUSTOMERS])
        customer_ids = [row[0] for row in cursor.fetchall()]
    clocks, asked = _due(customer_ids, until=[at] * len(customer_ids), known=known)
    # One that was merged away a moment ago may still have something due.
    _retire(sorted(clocks), at=at)
    _ask_all(clocks, reason=Reason.TIME, asked=asked)
    return bool(clocks)


def _settle(customer_ids: Sequence[int], *, at: datetime, known: Sequence[Rule], before: Mapping[int, datetime]) -> int:
    """Tells what time alone has changed for these customers; gives the number of movements."""
    moved = 0
    until = [at] * len(customer_ids)
    for _ in range(MAX_CHANGES):
        clocks, asked = _due(customer_ids, until=until, known=known)
        if not clocks:
            break
        moved += _ask_all(clocks, reason=Reason.TIME, asked=asked)
        until = [min(before.get(id_, at), at) for id_ in customer_ids]
    return moved


def _due(
    customer_ids: Sequence[int], *, until: Sequence[datetime], known: Sequence[Rule]
) -> tuple[dict[int, datetime], list[Rule]]:
    """Those whom time has changed, each with the earliest moment of that, and the rules concerned."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE_AMONG, [list(customer_ids), list(until), [rule.id for rule in known]])
        rows = cursor.fetchall()
    ids = {each for row in rows for each in row[2]}
    asked = with_dependents(known, keys=[rule.key for rule in known if rule.id in ids])
    return {id_: changes_at for id_, changes_at, _ in rows}, asked


def _ask_all(
    clocks: Mapping[int, datetime], *, reason: Reason, asked: Sequence[Rule], untold: int | None = None
) -> int:
    """Asks rules, in the order given, of at most `MAX_CUSTOMERS` customers, each as of his own clock."""
    if not clocks or not asked:
        return 0
    zone = brand.current().zone
    relations.ask(
        """
        SELECT given.* FROM unnest(%s::bigint[], %s::timestamptz[]) AS given (id, at)
        JOIN customers_profile ON profile_id = id AND customer_id = id
        """,
        [list(clocks), list(clocks.values())],
    )
    days = {at.astimezone(zone).date() for at in set(clocks.values())}
    moved = {(rule.id, rule.key, rule.name): moves for rule in asked if (moves := _ask(rule, zone=zone, days=days))}
    _record(moved, reason=reason, untold=untold)
    return sum(map(len, moved.values()))


def _record(moved: Mapping[tuple[int, str, str], Sequence[Move]], *, reason: Reason, untold: int | None = None) -> None:
    """Counts movements, keeps them and tells them to the log: (id, key, name) of the segment → movements."""
    facts: list[Fact] = []
    zone = brand.current().time_zone
    with connection.cursor() as cursor:
        for (id_, key, name), moves in sorted(moved.items()):
            grown = sum(1 if move.is_entry else -1 for move in moves)
            cursor.execute("UPDATE segments_segment SET size = size + %s WHERE id = %s", [grown, id_])
            if id_ == untold:
                continue
            columns: list[Any] = [[m.customer_id for m in moves], [m.is_entry for m in moves], [m.at for m in moves]]
            cursor.execute(_WRITE_MOVEMENTS, [id_, reason, zone, *columns])
            said = {"segment": key, "segment_id": id_, "name": name, "reason": reason.value}
            facts += [
                Fact(
                    event=SEGMENT_ENTERED if move.is_entry else SEGMENT_EXITED,
                    profile_id=move.customer_id,
                    properties=said,
                    at=move.at,
                    message_id=f"segment:{id_}:{move.customer_id}:{move.number}",
                )
                for move in moves
            ]
    events.append_facts(facts)
    if moved:
        tables.mark_members(id_ for id_, _, _ in moved)


def _ask(rule: Rule, *, zone: ZoneInfo, days: set[date]) -> list[Move]:
    """Writes what differs under one rule and gives the movements."""
    verdict = relations.verdict_sql(rule.predicate, time_zone=zone, local_days=days)
    statement = _ASK.format(
        verdict=sql.SQL(verdict),  # compiled, no text of people
        id=sql.Literal(rule.id),
        upto=sql.Literal(_LAST_ID if rule.filled_to is None else rule.filled_to),
    )
    with connection.cursor() as cursor:
        # Without parameters psycopg leaves per cent signs alone.
        cursor.execute(statement)
        return [Move(*row) for row in cursor.fetchall()]


def _retire(customer_ids: Sequence[int], *, at: datetime) -> int:
    """Ends the standings of ids that are no customers any more; the log is told nothing, they being another's by now.

    Lists keep the person: whose profile he is now takes his place there.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GONE, [list(customer_ids)])
        gone = [row[0] for row in cursor.fetchall()]
        if not gone:
            return 0
        cursor.execute(_RETIRE, [gone, at])
        ended: dict[int, list[int]] = {}
        for segment_id, customer_id in cursor.fetchall():
            ended.setdefault(segment_id, []).append(customer_id)
    rows = {row.pk: row for row in models.Segment.objects.filter(pk__in=ended)}
    with connection.cursor() as cursor:
        for id_, ids in ended.items():
            cursor.execute("UPDATE segments_segment SET size = size - %s WHERE id = %s", [len(ids), id_])
            columns: list[Any] = [ids, [False] * len(ids), [at] * len(ids)]
            cursor.execute(_WRITE_MOVEMENTS, [id_, Reason.EVENT, brand.current().time_zone, *columns])
    tables.mark_members(ended)
    winners = customers.customers_of(gone)
    return sum(
        put(
            rows[id_],
            customer_ids={winners[gone_id] for gone_id in ids if gone_id in winners},
            at=at,
            reason=Reason.EVENT,
        )
        for id_, ids in ended.items()
        if rows[id_].kind == Kind.LIST
    )


def put(
    row: models.Segment, *, customer_ids: Collection[int], at: datetime, reason: Reason, is_member: bool = True
) -> int:
    """Puts customers on a list or takes them off; gives how many that changes."""
    changed = 0
    for part in _parts(sorted(customer_ids)):
        with connection.cursor() as cursor:
            cursor.execute(_PUT, [row.pk, is_member, at, part, is_member, row.pk])
            moves = [Move(*found) for found in cursor.fetchall()]
        if moves:
            _record({(row.pk, row.key, row.name): moves}, reason=reason)
        changed += len(moves)
    return changed


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while part := list(islice(rest, MAX_CUSTOMERS)):
        yield part
