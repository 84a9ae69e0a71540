"""Compiles the predicate language into one Ibis expression, for whichever engine holds the customers.

Answers as `kernel.predicates.evaluate` does, customer by customer: a property test holds both to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import and_, or_
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.datatypes as dt

from sadakat.kernel import time
from sadakat.kernel.predicates import (
    All,
    Anniversary,
    Any_,
    Comparison,
    EventLeaf,
    Measure,
    MeasureKind,
    Moment,
    Not,
    Op,
    Predicate,
    PropertyLeaf,
    Segment,
    Trait,
    ValueType,
    Window,
)

DUCKDB_MACROS: Final = """
    CREATE MACRO said_text(said, k) AS
        CASE WHEN json_type(said, '$.' || k) = 'VARCHAR' THEN json_extract_string(said, '$.' || k) END;
    CREATE MACRO said_number(said, k) AS
        CASE WHEN json_type(said, '$.' || k) IN ('UBIGINT', 'BIGINT', 'DOUBLE')
        THEN json_extract(said, '$.' || k)::DOUBLE END;
    CREATE MACRO said_flag(said, k) AS
        CASE WHEN json_type(said, '$.' || k) = 'BOOLEAN' THEN json_extract(said, '$.' || k)::BOOLEAN END;
    CREATE MACRO said_whole(said, k) AS
        CASE WHEN json_type(said, '$.' || k) IN ('UBIGINT', 'BIGINT') THEN json_extract(said, '$.' || k)::BIGINT END;
    CREATE MACRO said_exists(said, k) AS coalesce(json_type(said, '$.' || k) <> 'NULL', false);
"""
"""What the functions of the migration `0003_said` are on DuckDB."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ON_TIME: Final = frozenset({Op.BEFORE, Op.AFTER, Op.WITHIN_LAST, Op.NOT_WITHIN_LAST, Op.ANNIVERSARY})
_FITS_MISSING: Final = frozenset({Op.IS_NOT, Op.NOT_IN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """What predicates are asked of. Times are microseconds since 1970 (int64), texts are folded."""

    subjects: ibis.Table
    """Grain: one customer. `customer_id`, a column for each feature, and what `said` has."""
    events: ibis.Table
    """Grain: one event. `customer_id`, `position`, `event`, `at`, and what `said` has of its properties.

    `said` is a JSON object of scalars by `key_of(name)`, `moments` one of the times among them, and `days` one of
    their local days as month × 100 + day.
    """
    memberships: ibis.Table
    """Grain: one customer in one segment: `customer_id`, `segment_key`."""
    features: Mapping[str, ValueType]


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_text(said: dt.json, key: str) -> str:  # type: ignore[empty-body]
    """The text under a key; null where it holds something else."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_number(said: dt.json, key: str) -> float:  # type: ignore[empty-body]
    """The number under a key."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_flag(said: dt.json, key: str) -> bool:  # type: ignore[empty-body]
    """The true or false under a key."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_whole(said: dt.json, key: str) -> int:  # type: ignore[empty-body]
    """The whole number under a key, to the last digit."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_exists(said: dt.json, key: str) -> bool:  # type: ignore[empty-body]
    """Whether there is anything under a key."""


def key_of(name: str) -> str:
    """The key of a trait or property in the JSON of the relations: what a JSON path could misread is written in hex.

    >>> key_of("city"), key_of("a.b")
    ('city', 'x_612e62')
    """
    is_plain = name.isascii() and name.isidentifier() and not name.startswith("x_")
    return name if is_plain else f"x_{name.encode().hex()}"


def compile_predicate(predicate: Predicate, *, relations: Relations, at: datetime, time_zone: ZoneInfo) -> ibis.Table:
    """The verdict on every subject: `customer_id`, `fits`, and `changes_at` in microseconds, null for never."""
    compiler = _Compiler(relations, _micro(at), at, time_zone)
    fits = compiler.node(predicate)
    asked = compiler.table
    nothing = ibis.null("int64")
    changes_at = reduce(ibis.least, [ibis.coalesce(b, _NEVER) for b in compiler.boundaries], ibis.literal(_NEVER))
    return asked.select(
        customer_id=asked.customer_id, fits=fits, changes_at=(changes_at == _NEVER).ifelse(nothing, changes_at)
    )


_NEVER: Final = 2**62
_AFTER: Final = "changes_at"


@dataclass
class _Value:
    """A value in each type that it may have; the others are null."""

    text: Any
    number: Any
    flag: Any
    exists: Any
    moment: Any
    day: Any


@dataclass
class _Compiler:
    """One predicate on its way: the customers joined with what their events amount to."""

    relations: Relations
    now: int
    at: datetime
    zone: ZoneInfo
    boundaries: list[Any] = field(default_factory=list)
    joined: int = 0
    table: Any = None

    def __post_init__(self) -> None:
        self.table = self.relations.subjects

    def node(self, predicate: Predicate) -> Any:
        """The condition on the joined table; parts that join come first, since a join makes a new table."""
        leaves = [*_events_of(predicate)]
        columns = {id(leaf): self._join(leaf) for leaf in leaves}
        return self._condition(predicate, columns)

    def _condition(self, predicate: Predicate, columns: Mapping[int, Any]) -> Any:
        match predicate:
            case All(parts):
                return reduce(and_, [self._condition(part, columns) for part in parts])
            case Any_(parts):
                return reduce(or_, [self._condition(part, columns) for part in parts])
            case Not(part):
                return ~self._condition(part, columns)
            case EventLeaf():
                return columns[id(predicate)](self.table)
            case Trait(name, test):
                return self._tested(test, self._trait(name), self.boundaries)
            case Segment(key, is_member):
                members = self.relations.memberships
                is_in = self.table.customer_id.isin(members.filter(members.segment_key == key).customer_id)
                return is_in if is_member else ~is_in
            case _:
                raise AssertionError(f"{type(predicate).__name__} reads a feature of its own")

    def _trait(self, name: str) -> _Value:
        type_ = self.relations.features.get(name)
        if type_ is None:
            return _said(self.table, name)
        column, key = self.table[name], key_of(name)
        nothing = {"text": ibis.null("string"), "number": ibis.null("float64"), "flag": ibis.null("boolean")}
        moment, day = ibis.null("int64"), ibis.null("int64")
        match type_:
            case ValueType.INSTANT:
                moment, day = column, said_whole(self.table.days, key)
            case ValueType.NUMBER:
                nothing["number"] = column.cast("float64")
            case ValueType.TEXT:
                nothing["text"] = column
            case ValueType.FLAG:
                nothing["flag"] = column
        return _Value(**nothing, exists=column.notnull(), moment=moment, day=day)

    def _join(self, leaf: EventLeaf) -> Callable[[Any], Any]:
        """Joins what the events of a leaf amount to; gives the condition as a function of the table joined."""
        self.joined += 1
        name = f"e{self.joined}"
        events = self.relations.events.filter(self.relations.events.event == leaf.event)
        inside, boundaries = self._inside(events, leaf.window)
        if leaf.having is not None:
            inside &= self._having(leaf.having, events, boundaries)
        measured = _measures(leaf.measure, events, inside)
        least = reduce(ibis.least, [ibis.coalesce(b, _NEVER) for b in boundaries])
        found = events.group_by("customer_id").aggregate(
            **{f"{name}_{key}": value for key, value in measured.items()}, **{f"{name}_{_AFTER}": least.min()}
        )
        self.table = _left_join(self.table, found)
        if leaf.measure.kind in {MeasureKind.FIRST, MeasureKind.LAST}:
            self.table = _left_join(self.table, _at_the_end(leaf.measure, events.filter(inside), name=name))

        def condition(table: Any) -> Any:
            self.boundaries.append(table[f"{name}_{_AFTER}"])
            return self._tested(leaf.measure.test, _measured(leaf.measure, table, name), self.boundaries)

        return condition

    def _inside(self, events: Any, window: Window | None) -> tuple[Any, list[Any]]:
        """Which events lie in the window, and when time alone moves one in or out."""
        has_happened = events.at <= self.now
        boundaries = [(~has_happened).ifelse(events.at, _NEVER)]
        if window is None:
            return has_happened, boundaries
        if window.within is not None:
            span = _span(window.within)
            inside = has_happened & (events.at > self.now - span)
            return inside, [*boundaries, inside.ifelse(events.at + span, _NEVER)]
        assert window.start is not None
        assert window.end is not None
        inside = (events.at >= self._instant(window.start)) & (events.at < self._instant(window.end))
        return has_happened & inside, boundaries

    def _having(self, predicate: Predicate, events: Any, boundaries: list[Any]) -> Any:
        match predicate:
            case All(parts):
                return reduce(and_, [self._having(part, events, boundaries) for part in parts])
            case Any_(parts):
                return reduce(or_, [self._having(part, events, boundaries) for part in parts])
            case Not(part):
                return ~self._having(part, events, boundaries)
            case PropertyLeaf(name, test):
                return self._tested(test, _said(events, name), boundaries)
            case _:
                raise AssertionError("only properties are asked of an event")

    def _tested(self, test: Comparison, value: _Value, boundaries: list[Any]) -> Any:
        """One comparison, never null."""
        op, operand = test.op, test.operand
        if op is Op.EXISTS:
            return value.exists == operand
        if op is Op.ANNIVERSARY:
            assert isinstance(operand, Anniversary)
            return self._anniversary(operand, value, boundaries)
        if op in _ON_TIME or (isinstance(operand, tuple) and isinstance(operand[0], date)):
            return ibis.coalesce(self._on_time(op, operand, value.moment, boundaries), ibis.literal(value=False))
        like = operand[0] if isinstance(operand, tuple) else operand
        known = value.flag if isinstance(like, bool) else value.text if isinstance(like, str) else value.number
        return ibis.coalesce(_COMPARE[op](known, operand), ibis.literal(op in _FITS_MISSING))

    def _on_time(self, op: Op, operand: Any, moment: Any, boundaries: list[Any]) -> Any:
        match op:
            case Op.BEFORE:
                return moment < self._instant(operand)
            case Op.AFTER:
                return moment > self._instant(operand)
            case Op.BETWEEN:
                return (moment >= self._instant(operand[0])) & (moment < self._instant(operand[1]))
            case _:
                span = _span(operand)
                inside = (moment > self.now - span) & (moment <= self.now)
                leaves = (moment > self.now).ifelse(moment, inside.ifelse(moment + span, _NEVER))
                boundaries.append(ibis.coalesce(leaves, _NEVER))
                return inside if op is Op.WITHIN_LAST else ~inside

    def _anniversary(self, wanted: Anniversary, value: _Value, boundaries: list[Any]) -> Any:
        today = self.at.astimezone(self.zone).date()
        tomorrow = _micro(time.midnight(today + timedelta(days=1), time_zone=self.zone))
        boundaries.append(value.day.notnull().ifelse(tomorrow, _NEVER))
        step = 1 if wanted.is_ahead else -1
        days = {today + timedelta(days=step * n) for n in range(wanted.days)}
        numbers = {day.month * 100 + day.day for day in days}
        # In a year without 29 February it is kept on the 28th.
        numbers |= {229 for day in days if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3}
        return ibis.coalesce(value.day.isin(sorted(numbers)), ibis.literal(value=False))

    def _instant(self, moment: Moment) -> int:
        return _micro(moment if isinstance(moment, datetime) else time.midnight(moment, time_zone=self.zone))


def _events_of(predicate: Predicate) -> list[EventLeaf]:
    match predicate:
        case All(parts) | Any_(parts):
            return [leaf for part in parts for leaf in _events_of(part)]
        case Not(part):
            return _events_of(part)
        case EventLeaf():
            return [predicate]
        case _:
            return []


def _said(table: Any, name: str) -> _Value:
    key = key_of(name)
    return _Value(
        text=said_text(table.said, key),
        number=said_number(table.said, key),
        flag=said_flag(table.said, key),
        exists=said_exists(table.said, key),
        moment=said_whole(table.moments, key),
        day=said_whole(table.days, key),
    )


def _measures(measure: Measure, events: Any, inside: Any) -> dict[str, Any]:
    """What is summed up of a customer's events."""
    match measure.kind:
        case MeasureKind.COUNT:
            return {"count": inside.ifelse(1, 0).sum()}
        case MeasureKind.SUM | MeasureKind.AVERAGE:
            number = said_number(events.said, key_of(measure.property))
            millionths = (number * 1e6 + 0.5).floor().cast("int64")
            counted = inside & number.notnull()
            return {
                "sum": counted.ifelse(millionths, 0).sum(),
                "count": counted.ifelse(1, 0).sum(),
            }
        case _:
            return {}


def _at_the_end(measure: Measure, events: Any, *, name: str) -> Any:
    """The property of each customer's first or last event that has it."""
    value = _said(events, measure.property)
    having = events.filter(value.exists)
    order = [having.at, having.position]
    if measure.kind is MeasureKind.LAST:
        order = [ibis.desc(column) for column in order]
    ranked = having.mutate(rank=ibis.row_number().over(group_by=having.customer_id, order_by=order))
    first = ranked.filter(ranked.rank == 0)
    value = _said(first, measure.property)
    return first.select(
        customer_id=first.customer_id,
        **{f"{name}_{part}": getattr(value, part) for part in ("text", "number", "flag", "exists", "moment", "day")},
    )


def _measured(measure: Measure, table: Any, name: str) -> _Value:
    nothing = ibis.null("string"), ibis.null("boolean"), ibis.null("int64")
    match measure.kind:
        case MeasureKind.COUNT:
            number = ibis.coalesce(table[f"{name}_count"], 0).cast("float64")
        case MeasureKind.SUM:
            number = ibis.coalesce(table[f"{name}_sum"], 0).cast("float64") / 1e6
        case MeasureKind.AVERAGE:
            count = table[f"{name}_count"].nullif(0)
            number = table[f"{name}_sum"].cast("float64") / count.cast("float64") / 1e6
        case _:
            parts = {part: table[f"{name}_{part}"] for part in ("text", "number", "flag", "moment", "day")}
            return _Value(**parts, exists=ibis.coalesce(table[f"{name}_exists"], ibis.literal(value=False)))
    return _Value(nothing[0], number, nothing[1], number.notnull(), nothing[2], nothing[2])


def _left_join(table: Any, found: Any) -> Any:
    joined = table.left_join(found, "customer_id")
    return joined.drop("customer_id_right")


_COMPARE: Final[Mapping[Op, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        Op.IS: lambda value, operand: value == operand,
        Op.IS_NOT: lambda value, operand: value != operand,
        Op.IN: lambda value, operand: value.isin(list(operand)),
        Op.NOT_IN: lambda value, operand: value.notin(list(operand)),
        Op.ABOVE: lambda value, operand: value > operand,
        Op.AT_LEAST: lambda value, operand: value >= operand,
        Op.BELOW: lambda value, operand: value < operand,
        Op.AT_MOST: lambda value, operand: value <= operand,
        Op.BETWEEN: lambda value, operand: (value >= operand[0]) & (value <= operand[1]),
        Op.CONTAINS: lambda value, operand: value.contains(operand),
        Op.STARTS_WITH: lambda value, operand: value.startswith(operand),
        Op.ENDS_WITH: lambda value, operand: value.endswith(operand),
        Op.MATCHES: lambda value, operand: value.re_search(operand),
    }
)


def _span(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _micro(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
