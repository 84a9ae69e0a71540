"""Reads the JSON form of a predicate and refuses what cannot be meant, naming the path to the fault."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from sadakat.kernel import text, time
from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates.types import (
    AT_LEAST_ONCE,
    MAX_NUMBER,
    All,
    Anniversary,
    Any_,
    Comparison,
    Consent,
    EventLeaf,
    Measure,
    MeasureKind,
    Moment,
    Not,
    Op,
    Operand,
    Points,
    Predicate,
    PropertyLeaf,
    Score,
    Segment,
    Tier,
    Trait,
    ValueType,
    Vocabulary,
    Window,
)

VERSION: Final = 1
MAX_DEPTH: Final = 20
MAX_NODES: Final = 500
MAX_LIST: Final = 1_000
MAX_TEXT_LENGTH: Final = 500
MAX_REPEATS: Final = 100
_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# What every engine reads alike: letters, classes, anchors, bounded repeats. No groups, no `+`, no `*`.
_PATTERN = re.compile(
    r"\^?(?:(?:[^\\\[\](){}|+*?.^$]|\\[dws.\\\[\](){}|+*?^$/-]|\.|\[\^?(?:[^\\\[\]]|\\[dws\\\[\]-])+\])"
    r"(?:\?|\{[0-9]{1,3}(?:,[0-9]{1,3})?\})?)*\$?"
)
_NUMBER_OPS: Final = frozenset({Op.ABOVE, Op.AT_LEAST, Op.BELOW, Op.AT_MOST})
_TEXT_OPS: Final = frozenset({Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH, Op.MATCHES})
_TIME_OPS: Final = frozenset({Op.BEFORE, Op.AFTER, Op.WITHIN_LAST, Op.NOT_WITHIN_LAST, Op.ANNIVERSARY})
_ANY_TYPE: Final = frozenset({Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN, Op.EXISTS})
_OPS_OF: Final[Mapping[ValueType, frozenset[Op]]] = MappingProxyType(
    {
        ValueType.TEXT: _ANY_TYPE | _TEXT_OPS,
        ValueType.NUMBER: _ANY_TYPE | _NUMBER_OPS | {Op.BETWEEN},
        ValueType.FLAG: frozenset({Op.IS, Op.IS_NOT, Op.EXISTS}),
        ValueType.INSTANT: _TIME_OPS | {Op.BETWEEN, Op.EXISTS},
    }
)


def parse(document: Any, *, vocabulary: Vocabulary) -> Predicate:
    """The predicate of `{"version": 1, "where": …}`.

    >>> parse({"version": 1, "where": {"trait": "city", "is": "İZMİR"}}, vocabulary=Vocabulary())
    Trait(name='city', test=Comparison(op=<Op.IS: 'is'>, operand='izmir'))

    Raises:
        Invalid: it is none; the text begins with the path to the fault.
    """
    if not isinstance(document, Mapping) or set(document) != {"version", "where"}:
        raise Invalid(f'a predicate is {{"version": {VERSION}, "where": …}}, not {_shown(document)}')
    if document["version"] != VERSION or isinstance(document["version"], bool):
        raise Invalid(f"version: expected {VERSION}, not {_shown(document['version'])}")
    return _Parser(vocabulary).node(document["where"], path="where", depth=1, is_inside_event=False)


def duration(value: Any, path: str) -> timedelta:
    """A duration such as `90d`: whole minutes, hours, days or weeks.

    >>> duration("2w", "within")
    datetime.timedelta(days=14)

    Raises:
        Invalid: it is none.
    """
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Invalid(f"{path}: expected a duration such as 90m, 12h, 30d or 4w, not {_shown(value)}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


class _Parser:
    """One predicate on its way; counts its nodes."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.nodes = 0
        self.leaves: dict[str, Callable[[Mapping[str, Any], str, int], Predicate]] = {
            "trait": self._trait,
            "event": self._event,
            "segment": self._segment,
            "score": self._score,
            "consent": self._consent,
            "points": self._points,
            "tier": self._tier,
        }

    def node(self, said: Any, *, path: str, depth: int, is_inside_event: bool) -> Predicate:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise Invalid(f"{path}: nested deeper than {MAX_DEPTH} levels")
        if self.nodes > MAX_NODES:
            raise Invalid(f"{path}: more than {MAX_NODES} conditions")
        if not isinstance(said, Mapping):
            raise Invalid(f"{path}: expected a condition, not {_shown(said)}")
        leaves = {"property": self._property} if is_inside_event else self.leaves
        kinds = [key for key in said if key in {"all", "any", "not", *leaves}]
        # `points` and `tier` name no value of theirs; every other key belongs to one kind of condition only.
        if len(kinds) != 1:
            known = ", ".join(["all", "any", "not", *leaves])
            raise Invalid(f"{path}: expected one of {known}, not {_shown(dict(said))}")
        kind = kinds[0]
        if kind in {"all", "any"}:
            parts = said[kind]
            _only(said, {kind}, path=path)
            if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
                raise Invalid(f"{path}.{kind}: expected a list of conditions, not {_shown(parts)}")
            children = tuple(
                self.node(part, path=f"{path}.{kind}[{i}]", depth=depth + 1, is_inside_event=is_inside_event)
                for i, part in enumerate(parts)
            )
            return All(children) if kind == "all" else Any_(children)
        if kind == "not":
            _only(said, {kind}, path=path)
            return Not(self.node(said["not"], path=f"{path}.not", depth=depth + 1, is_inside_event=is_inside_event))
        return leaves[kind](said, path, depth)

    def _trait(self, said: Mapping[str, Any], path: str, _depth: int) -> Predicate:
        name = _name(said["trait"], path=f"{path}.trait")
        return Trait(name, _test_of(said, beside={"trait"}, path=path, type_=self.vocabulary.features.get(name)))

    def _property(self, said: Mapping[str, Any], path: str, _depth: int) -> Predicate:
        name = _name(said["property"], path=f"{path}.property")
        return PropertyLeaf(name, _test_of(said, beside={"property"}, path=path, type_=None))

    def _event(self, said: Mapping[str, Any], path: str, depth: int) -> Predicate:
        kinds = [kind for kind in MeasureKind if kind in said]
        if len(kinds) > 1:
            raise Invalid(f"{path}: expected one of {', '.join(MeasureKind)}, not {' and '.join(kinds)}")
        _only(said, {"event", "within", "between", "having", *kinds}, path=path)
        having = None
        if "having" in said:
            having = self.node(said["having"], path=f"{path}.having", depth=depth + 1, is_inside_event=True)
        return EventLeaf(
            event=_name(said["event"], path=f"{path}.event"),
            window=self._window(said, path=path),
            having=having,
            measure=_measure(said[kinds[0]], kind=kinds[0], path=f"{path}.{kinds[0]}") if kinds else AT_LEAST_ONCE,
        )

    def _window(self, said: Mapping[str, Any], *, path: str) -> Window | None:
        if "within" in said and "between" in said:
            raise Invalid(f"{path}: expected within or between, not both")
        if "within" in said:
            within = duration(said["within"], f"{path}.within")
            if within > self.vocabulary.longest_window:
                kept = self.vocabulary.longest_window.days
                raise Invalid(f"{path}.within: events are kept for {kept} days, so {said['within']} cannot be known")
            return Window(within=within)
        if "between" in said:
            start, end = _moments(said["between"], f"{path}.between")
            return Window(start=start, end=end)
        return None

    def _segment(self, said: Mapping[str, Any], path: str, _depth: int) -> Predicate:
        key = _name(said["segment"], path=f"{path}.segment")
        _only(said, {"segment", "is"}, path=path)
        _known(key, self.vocabulary.segments, what="segment", path=f"{path}.segment")
        is_member = said.get("is", True)
        return Segment(key, _flag(is_member, f"{path}.is"))

    def _score(self, said: Mapping[str, Any], path: str, _depth: int) -> Predicate:
        name = _name(said["score"], path=f"{path}.score")
        _known(name, self.vocabulary.scores, what="score", path=f"{path}.score")
        return Score(name, _test_of(said, beside={"score"}, path=path, type_=ValueType.NUMBER))

    def _consent(self, said: Mapping[str, Any], path: str, _depth: int) -> Predicate:
        channel = _name(said["consent"], path=f"{path}.consent")
        _known(channel, self.vocabulary.consents, what="channel of consent", path=f"{path}.consent")
        purpose = _name(said.get("purpose", "marketing"), path=f"{path}.purpose")
        test = _test_of(said, beside={"consent", "purpose"}, path=path, type_=ValueType.TEXT)
        if test.op not in {Op.IS, Op.IS_NOT, Op.EXISTS} or (test.op is not Op.EXISTS and test.operand not in _STATUSES):
            raise Invalid(f"{path}: expected is or is_not with granted or refused, or exists")
        return Consent(channel, purpose, test)

    def _points(self, said: Mapping[str, Any], path: str, _depth: int) -> Predicate:
        balance = _name(said["points"], path=f"{path}.points")
        _known(balance, self.vocabulary.points, what="balance of points", path=f"{path}.points")
        return Points(balance, _test_of(said, beside={"points"}, path=path, type_=ValueType.NUMBER))

    def _tier(self, said: Mapping[str, Any], path: str, _depth: int) -> Predicate:
        if not self.vocabulary.has_tiers:
            raise Invalid(f"{path}.tier: there is no tier here yet")
        _only(said, {"tier", "value"}, path=path)
        op = said["tier"]
        if op not in {Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN}:
            raise Invalid(f"{path}.tier: expected is, is_not, in or not_in, not {_shown(op)}")
        return Tier(_test(Op(op), said.get("value"), path=f"{path}.value", type_=ValueType.TEXT))


_STATUSES: Final = frozenset({"granted", "refused"})


def _measure(said: Any, *, kind: MeasureKind, path: str) -> Measure:
    if not isinstance(said, Mapping):
        raise Invalid(f'{path}: expected a comparison such as {{"at_least": 3}}, not {_shown(said)}')
    if kind is MeasureKind.COUNT:
        return Measure(kind, "", _test_of(said, beside=set(), path=path, type_=ValueType.NUMBER))
    name = _name(said.get("property"), path=f"{path}.property")
    is_number = kind in {MeasureKind.SUM, MeasureKind.AVERAGE}
    return Measure(
        kind, name, _test_of(said, beside={"property"}, path=path, type_=ValueType.NUMBER if is_number else None)
    )


def _test_of(said: Mapping[str, Any], *, beside: set[str], path: str, type_: ValueType | None) -> Comparison:
    """The one comparison among the keys of a condition."""
    keys = [key for key in said if key not in beside]
    if len(keys) != 1 or keys[0] not in list(Op):
        found = ", ".join(map(str, keys)) or "none"
        raise Invalid(f"{path}: expected one comparison ({', '.join(Op)}), not {found:.80}")
    return _test(Op(keys[0]), said[keys[0]], path=f"{path}.{keys[0]}", type_=type_)


def _test(op: Op, value: Any, *, path: str, type_: ValueType | None) -> Comparison:
    """Reads the operand; `type_` is what the value compared holds, where that is known."""
    if type_ is not None and op not in _OPS_OF[type_]:
        possible = ", ".join(each for each in Op if each in _OPS_OF[type_])
        raise Invalid(f"{path}: a value of type {type_} can be compared by {possible}")
    operand = _READ[op](value, path)
    if type_ is not None and op in {Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN, Op.BETWEEN}:
        for each in operand if isinstance(operand, tuple) else (operand,):
            if _type_of(each) is not type_:
                raise Invalid(f"{path}: expected a value of type {type_}, not {_shown(value)}")
    return Comparison(op, operand)


def _scalar(value: Any, path: str) -> str | float | bool:
    if isinstance(value, bool):
        return value
    return _folded(value, path) if isinstance(value, str) else _number(value, path)


def _list(value: Any, path: str) -> tuple[str | float, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not 1 <= len(value) <= MAX_LIST:
        raise Invalid(f"{path}: expected a list of 1 to {MAX_LIST} values, not {_shown(value)}")
    read = tuple(_scalar(each, f"{path}[{i}]") for i, each in enumerate(value))
    if len({_type_of(each) for each in read}) > 1 or isinstance(read[0], bool):
        raise Invalid(f"{path}: expected texts only or numbers only, not {_shown(value)}")
    return read


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid(f"{path}: expected true or false, not {_shown(value)}")
    return value


def _range(value: Any, path: str) -> Operand:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise Invalid(f"{path}: expected a list of two, not {_shown(value)}")
    if isinstance(value[0], str):
        return _moments(value, path)
    low, high = _number(value[0], f"{path}[0]"), _number(value[1], f"{path}[1]")
    if low > high:
        raise Invalid(f"{path}: the first must not be above the second, as in {_shown(value)}")
    return (low, high)


def _moments(value: Any, path: str) -> tuple[Moment, Moment]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise Invalid(f"{path}: expected two times, the first in and the second out, not {_shown(value)}")
    start, end = _moment(value[0], f"{path}[0]"), _moment(value[1], f"{path}[1]")
    if type(start) is not type(end):
        raise Invalid(f"{path}: expected two days or two instants, not one of each")
    if start >= end:
        raise Invalid(f"{path}: the first must lie before the second, as in {_shown(value)}")
    return start, end


def _moment(value: Any, path: str) -> Moment:
    """A day such as `2026-11-22`, or an instant with offset."""
    if not isinstance(value, str):
        raise Invalid(f"{path}: expected a day or an instant, not {_shown(value)}")
    try:
        return date.fromisoformat(value) if len(value) == len("2026-11-22") else time.instant(value)
    except (ValueError, Invalid):
        raise Invalid(
            f"{path}: expected a day such as 2026-11-22 or an instant such as 2026-11-22T09:30:00+03:00, "
            f"not {_shown(value)}"
        ) from None


def _anniversary(value: Any, path: str) -> Anniversary:
    if not isinstance(value, Mapping) or len(value) != 1 or not {"within_next", "within_last"} & set(value):
        raise Invalid(f'{path}: expected {{"within_next": "7d"}} or {{"within_last": "7d"}}, not {_shown(value)}')
    ((key, said),) = value.items()
    span = duration(said, f"{path}.{key}")
    if span % timedelta(days=1) or span > timedelta(days=366):
        raise Invalid(f"{path}.{key}: expected whole days, at most 366, not {_shown(said)}")
    return Anniversary(days=span.days, is_ahead=key == "within_next")


def _pattern(value: Any, path: str) -> str:
    folded = value if isinstance(value, str) else ""
    if not folded or len(folded) > MAX_TEXT_LENGTH or not _PATTERN.fullmatch(folded):
        raise Invalid(
            f"{path}: expected letters, classes such as [a-z] or \\d, ^, $, and repeats such as {{2,4}} or ?; "
            f"not {_shown(value)}"
        )
    if any(int(n) > MAX_REPEATS for n in re.findall(r"[{,]([0-9]+)", folded)):
        raise Invalid(f"{path}: expected at most {MAX_REPEATS} repeats, not {_shown(value)}")
    try:
        re.compile(folded)
    except re.error as error:
        raise Invalid(f"{path}: {error}") from None
    return folded


def _folded(value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH or "\0" in value:
        raise Invalid(f"{path}: expected a text of at most {MAX_TEXT_LENGTH} characters, not {_shown(value)}")
    return text.fold(value)


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_NUMBER:
        raise Invalid(f"{path}: expected a number below 10^12, not {_shown(value)}")
    return float(value)


def _name(value: Any, *, path: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_LENGTH or "\0" in value:
        raise Invalid(f"{path}: expected a name, not {_shown(value)}")
    return value


def _known(name: str, known: Any, *, what: str, path: str) -> None:
    if name not in known:
        possible = ", ".join(sorted(known)[:20]) or "none yet"
        raise Invalid(f"{path}: there is no {what} {name!r:.60}; there is {possible}")


def _only(said: Mapping[str, Any], allowed: set[str], *, path: str) -> None:
    if unknown := sorted(str(key) for key in said if key not in allowed):
        raise Invalid(f"{path}: {', '.join(unknown):.80} cannot stand beside {', '.join(sorted(allowed))}")


_READ: Final[Mapping[Op, Callable[[Any, str], Operand]]] = MappingProxyType(
    {
        Op.IS: _scalar,
        Op.IS_NOT: _scalar,
        Op.IN: _list,
        Op.NOT_IN: _list,
        Op.ABOVE: _number,
        Op.AT_LEAST: _number,
        Op.BELOW: _number,
        Op.AT_MOST: _number,
        Op.BETWEEN: _range,
        Op.CONTAINS: _folded,
        Op.STARTS_WITH: _folded,
        Op.ENDS_WITH: _folded,
        Op.MATCHES: _pattern,
        Op.EXISTS: _flag,
        Op.BEFORE: _moment,
        Op.AFTER: _moment,
        Op.WITHIN_LAST: duration,
        Op.NOT_WITHIN_LAST: duration,
        Op.ANNIVERSARY: _anniversary,
    }
)


def _type_of(value: object) -> ValueType:
    if isinstance(value, bool):
        return ValueType.FLAG
    if isinstance(value, str):
        return ValueType.TEXT
    return ValueType.NUMBER if isinstance(value, float) else ValueType.INSTANT


def _shown(value: Any) -> str:
    return f"{value!r:.80}"
