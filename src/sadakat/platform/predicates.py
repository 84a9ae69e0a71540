"""Compiles the predicate language into one Ibis expression, for whichever engine holds the customers.

Answers as `kernel.predicates.evaluate` does, customer by customer: a property test holds both to it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
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
from sadakat.kernel.errors import NotFound
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
    feature_of,
)

DUCKDB_MACROS: Final = """
    CREATE MACRO said_text(said, k) AS
        CASE WHEN json_type(said, '$.' || k) = 'VARCHAR' THEN json_extract_string(said, '$.' || k) END;
    CREATE MACRO said_number(said, k) AS try_cast(json_extract(said, '$.' || k)::VARCHAR AS DOUBLE);
    CREATE MACRO said_flag(said, k) AS
        CASE json_extract(said, '$.' || k)::VARCHAR WHEN 'true' THEN true WHEN 'false' THEN false END;
    CREATE MACRO said_exists(said, k) AS coalesce(json_type(said, '$.' || k) <> 'NULL', false);
    CREATE MACRO said_moment(moments, k, zone) AS try_cast(json_extract(moments, '$.' || k)::VARCHAR AS BIGINT);
    CREATE MACRO said_day(days, k, zone) AS try_cast(json_extract(days, '$.' || k)::VARCHAR AS INTEGER);
    CREATE MACRO micros(instant) AS epoch_us(instant);
    CREATE MACRO instant_of(micros) AS make_timestamptz(micros);
    CREATE MACRO day_of(micros, zone) AS (
        month(make_timestamptz(micros) AT TIME ZONE zone) * 100 + day(make_timestamptz(micros) AT TIME ZONE zone)
    )::INTEGER;
"""
"""What the functions of the migration `0004_said_raw` are on DuckDB, over what its export functions give."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ON_TIME: Final = frozenset({Op.BEFORE, Op.AFTER, Op.WITHIN_LAST, Op.NOT_WITHIN_LAST, Op.ANNIVERSARY})
_FITS_MISSING: Final = frozenset({Op.IS_NOT, Op.NOT_IN})


def key_of(name: str) -> str:
    """The key of a trait or property in the JSON of the lake: what a JSON path could misread is written in hex.

    >>> key_of("city"), key_of("a.b")
    ('city', 'x_612e62')
    """
    is_plain = name.isascii() and name.isidentifier() and not name.startswith("x_")
    return name if is_plain else f"x_{name.encode().hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """What predicates are asked of. Times are microseconds since 1970 (int64), texts of features are folded.

    `said` is a JSON object, `moments` what its times and `days` what their local days are read from. On PostgreSQL all
    three are the same raw JSON; in the lake `said` holds folded scalars, `moments` the times among them, and `days`
    those as month × 100 + day.
    """

    subjects: ibis.Table
    """Grain: one customer. `customer_id`, a column for each feature, and `said`, `moments`, `days` of the traits.

    With a column `asked_at` each customer is asked as of an instant of his own, which `events` then has as well.
    """
    events: Callable[[EventLeaf], ibis.Table]
    """What a condition on events looks at. Grain: one event.

    `customer_id`, `position`, `at`, and `said`, `moments`, `days` of its properties where the condition reads any. With
    a column `event` the events of the condition's name are taken; with `happened_at`, `at` as a timestamp, those before
    its window are passed over. Each call gives a `view()` of its own: what conditions share is written out whole by
    engines, bodies and all.
    """
    memberships: ibis.Table
    """Grain: one customer in one segment: `customer_id`, `segment_key`."""
    features: Mapping[str, ValueType]
    key: Callable[[str], str] = key_of
    """What a trait or property is called in the JSON."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_text(said: str, key: str) -> str:  # type: ignore[empty-body]
    """The folded text under a key; null where it holds something else."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_number(said: str, key: str) -> float:  # type: ignore[empty-body]
    """The number under a key."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_flag(said: str, key: str) -> bool:  # type: ignore[empty-body]
    """The true or false under a key."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_exists(said: str, key: str) -> bool:  # type: ignore[empty-body]
    """Whether there is anything under a key."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_moment(moments: str, key: str, zone: str) -> int:  # type: ignore[empty-body]
    """The time under a key; days begin in `zone`."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def said_day(days: str, key: str, zone: str) -> int:  # type: ignore[empty-body]
    """The local day of the time under a key."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def micros(at: dt.Timestamp("UTC")) -> int:  # type: ignore[empty-body, valid-type]
    """An instant as microseconds since 1970."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def instant_of(micros: int) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """The instant of microseconds since 1970."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def day_of(micros: int, zone: str) -> int:  # type: ignore[empty-body]
    """The local day of an instant as month × 100 + day."""


def compile_predicate(
    predicate: Predicate,
    *,
    relations: Relations,
    at: datetime | None = None,
    local_days: Collection[date] = (),
    time_zone: ZoneInfo,
) -> ibis.Table:
    """The verdict on every subject: `customer_id`, `fits`, and `changes_at` in microseconds, null for never.

    Everybody is asked as of `at`; without it each as of his `asked_at`, and `local_days` are the days of these clocks.

    Raises:
        NotFound: a score, consent, balance or tier is asked for whose feature the relations do not have.
    """
    days = local_days if at is None else [at.astimezone(time_zone).date()]
    compiler = _Compiler(relations, None if at is None else _micro(at), sorted(days), time_zone)
    fits = compiler.node(predicate)
    asked = compiler.table
    nothing = ibis.null("int64")
    changes_at = reduce(ibis.least, [ibis.coalesce(b, _NEVER) for b in compiler.boundaries], ibis.literal(_NEVER))
    return asked.select(
        customer_id=asked.customer_id, fits=fits, changes_at=(changes_at == _NEVER).ifelse(nothing, changes_at)
    )


def having(predicate: Predicate, *, events: ibis.Table, at: datetime, time_zone: ZoneInfo) -> Any:
    """Whether each event fits a condition on its properties as of `at`; `events` has `said`, `moments` and `days`."""
    relations = Relations(subjects=events, events=lambda _leaf: events, memberships=events, features={})
    return _Compiler(relations, _micro(at), [at.astimezone(time_zone).date()], time_zone).having(predicate, events, [])


_NEVER: Final = 2**62
_AFTER: Final = "changes_at"
_SAID: Final = ("said", "moments", "days")


@dataclass
class _Value:
    """A value in each type that it may have; the others are null."""

    text: Any
    number: Any
    flag: Any
    exists: Any
    moment: Any
    day: Any
    now: Any
    """The clock of whoever has the value."""


@dataclass
class _Compiler:
    """One predicate on its way: the customers joined with what their events amount to."""

    relations: Relations
    at: int | None
    local_days: Sequence[date]
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
            case All(parts) | Any_(parts):
                how = and_ if isinstance(predicate, All) else or_
                return reduce(how, [self._condition(part, columns) for part in parts])
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
            case PropertyLeaf():
                raise AssertionError("a property is asked of an event")
            case _:
                return self._tested(predicate.test, self._feature(feature_of(predicate)), self.boundaries)

    def now(self, table: Any) -> Any:
        """The clock of a subject or of an event's customer."""
        return table.asked_at if self.at is None else ibis.literal(self.at, type="int64")

    def _trait(self, name: str) -> _Value:
        return self._feature(name) if name in self.relations.features else self._said(self.table, name)

    def _feature(self, name: str) -> _Value:
        type_ = self.relations.features.get(name)
        if type_ is None:
            raise NotFound(f"there is no feature {name!r:.80} here yet")
        column = self.table[name]
        nothing = {"text": ibis.null("string"), "number": ibis.null("float64"), "flag": ibis.null("boolean")}
        moment, day = ibis.null("int64"), ibis.null("int64")
        match type_:
            case ValueType.INSTANT:
                moment, day = column, day_of(column, self.zone.key)
            case ValueType.NUMBER:
                nothing["number"] = column.cast("float64")
            case ValueType.TEXT:
                nothing["text"] = column
            case ValueType.FLAG:
                nothing["flag"] = column
        return _Value(**nothing, exists=column.notnull(), moment=moment, day=day, now=self.now(self.table))

    def _join(self, leaf: EventLeaf) -> Callable[[Any], Any]:
        """Joins what the events of a leaf amount to; gives the condition as a function of the table joined."""
        self.joined += 1
        name = f"e{self.joined}"
        events = self._reachable(leaf)
        inside, boundaries = self._inside(events, leaf.window)
        if leaf.having is not None:
            inside &= self.having(leaf.having, events, boundaries)
        measured = self._measures(leaf.measure, events, inside)
        least = reduce(ibis.least, [ibis.coalesce(b, _NEVER) for b in boundaries])
        found = events.group_by("customer_id").aggregate(
            **{f"{name}_{key}": value for key, value in measured.items()}, **{f"{name}_{_AFTER}": least.min()}
        )
        self.table = _left_join(self.table, found)

        def condition(table: Any) -> Any:
            self.boundaries.append(table[f"{name}_{_AFTER}"])
            return self._tested(leaf.measure.test, self._measured(leaf.measure, table, name), self.boundaries)

        return condition

    def _reachable(self, leaf: EventLeaf) -> Any:
        """The events of that name, without those that lie before the window and so can count nowhere any more."""
        events, window = self.relations.events(leaf), leaf.window
        if "event" in events.columns:
            events = events.filter(events.event == leaf.event)
        if window is None or "happened_at" not in events.columns:
            return events
        if window.within is not None:
            start = self.now(events) - _span(window.within)
        else:
            assert window.start is not None
            start = ibis.least(self.now(events), self._instant(window.start))
        return events.filter(events.happened_at >= instant_of(start))

    def _inside(self, events: Any, window: Window | None) -> tuple[Any, list[Any]]:
        """Which events lie in the window, and when time alone moves one in or out."""
        now = self.now(events)
        has_happened = events.at <= now
        boundaries = [(~has_happened).ifelse(events.at, _NEVER)]
        if window is None:
            return has_happened, boundaries
        if window.within is not None:
            span = _span(window.within)
            inside = has_happened & (events.at > now - span)
            return inside, [*boundaries, inside.ifelse(events.at + span, _NEVER)]
        assert window.start is not None
        assert window.end is not None
        inside = (events.at >= self._instant(window.start)) & (events.at < self._instant(window.end))
        return has_happened & inside, boundaries

    def having(self, predicate: Predicate, events: Any, boundaries: list[Any]) -> Any:
        """The condition on events that one on their properties is."""
        match predicate:
            case All(parts) | Any_(parts):
                how = and_ if isinstance(predicate, All) else or_
                return reduce(how, [self.having(part, events, boundaries) for part in parts])
            case Not(part):
                return ~self.having(part, events, boundaries)
            case PropertyLeaf(name, test):
                return self._tested(test, self._said(events, name), boundaries)
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
            return ibis.coalesce(self._on_time(op, operand, value, boundaries), ibis.literal(value=False))
        like = operand[0] if isinstance(operand, tuple) else operand
        known = value.flag if isinstance(like, bool) else value.text if isinstance(like, str) else value.number
        return ibis.coalesce(_COMPARE[op](known, operand), ibis.literal(op in _FITS_MISSING))

    def _on_time(self, op: Op, operand: Any, value: _Value, boundaries: list[Any]) -> Any:
        moment, now = value.moment, value.now
        match op:
            case Op.BEFORE:
                return moment < self._instant(operand)
            case Op.AFTER:
                return moment > self._instant(operand)
            case Op.BETWEEN:
                return (moment >= self._instant(operand[0])) & (moment < self._instant(operand[1]))
            case _:
                span = _span(operand)
                inside = (moment > now - span) & (moment <= now)
                leaves = (moment > now).ifelse(moment, inside.ifelse(moment + span, _NEVER))
                boundaries.append(ibis.coalesce(leaves, _NEVER))
                return inside if op is Op.WITHIN_LAST else ~inside

    def _anniversary(self, wanted: Anniversary, value: _Value, boundaries: list[Any]) -> Any:
        fits, leaves = ibis.literal(value=False), ibis.literal(_NEVER)
        for today in self.local_days:
            start, end = (_micro(time.midnight(today + timedelta(days=n), time_zone=self.zone)) for n in (0, 1))
            is_today = (value.now >= start) & (value.now < end)
            fits |= is_today & value.day.isin(_days_round(today, wanted))
            leaves = is_today.ifelse(end, leaves)
        boundaries.append(value.day.notnull().ifelse(leaves, _NEVER))
        return ibis.coalesce(fits, ibis.literal(value=False))

    def _said(self, table: Any, name: str, *, prefix: str = "") -> _Value:
        """What `said`, `moments` and `days` of a table, or columns of such names behind `prefix`, hold by a name."""
        key, zone = self.relations.key(name), self.zone.key
        said, moments, days = (table[f"{prefix}{column}"] for column in _SAID)
        return _Value(
            text=said_text(said, key),
            number=said_number(said, key),
            flag=said_flag(said, key),
            exists=said_exists(said, key),
            moment=said_moment(moments, key, zone),
            day=said_day(days, key, zone),
            now=self.now(table),
        )

    def _measures(self, measure: Measure, events: Any, inside: Any) -> dict[str, Any]:
        """What is summed up of a customer's events."""
        match measure.kind:
            case MeasureKind.COUNT:
                return {"count": inside.ifelse(1, 0).sum()}
            case MeasureKind.SUM | MeasureKind.AVERAGE:
                number = said_number(events.said, self.relations.key(measure.property))
                millionths = (number * 1e6 + 0.5).floor().cast("int64")
                counted = inside & number.notnull()
                return {"sum": counted.ifelse(millionths, 0).sum(), "count": counted.ifelse(1, 0).sum()}
            case _:
                # Of the first or last event that has the property.
                order = [events.at, events.position]
                if measure.kind is MeasureKind.LAST:
                    order = [ibis.desc(column) for column in order]
                chosen = inside & said_exists(events.said, self.relations.key(measure.property))
                return {column: events[column].first(where=chosen, order_by=order) for column in _SAID}

    def _measured(self, measure: Measure, table: Any, name: str) -> _Value:
        match measure.kind:
            case MeasureKind.COUNT:
                number = ibis.coalesce(table[f"{name}_count"], 0).cast("float64")
            case MeasureKind.SUM:
                number = ibis.coalesce(table[f"{name}_sum"], 0).cast("float64") / 1e6
            case MeasureKind.AVERAGE:
                count = table[f"{name}_count"].nullif(0)
                number = table[f"{name}_sum"].cast("float64") / count.cast("float64") / 1e6
            case _:
                return self._said(table, measure.property, prefix=f"{name}_")
        text, flag, when = ibis.null("string"), ibis.null("boolean"), ibis.null("int64")
        return _Value(text, number, flag, number.notnull(), when, when, self.now(table))

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


def _days_round(today: date, wanted: Anniversary) -> list[int]:
    """The days that are looked at, as month × 100 + day."""
    step = 1 if wanted.is_ahead else -1
    days = {today + timedelta(days=step * n) for n in range(wanted.days)}
    numbers = {day.month * 100 + day.day for day in days}
    # In a year without 29 February it is kept on the 28th.
    return sorted(
        numbers | {229 for day in days if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3}
    )


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
