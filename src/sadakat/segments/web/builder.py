"""The form of a rule: rows of texts as somebody fills them in, and the predicate document that they mean.

The kernel's parser judges the document. What it refuses is led back to the row and field at fault by its path.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sadakat.kernel import money, predicates
from sadakat.kernel.errors import Invalid

ROOT: Final = "r"
MAX_ROWS: Final = 100
MAX_GROUPS: Final = 3
"""Groups within each other, the whole rule being the first."""
OTHER: Final = "…"
"""Chosen in a list of names: the name stands in the field beside it."""
MISSING: Final = "fill this in"
_NAME = re.compile(r"r((?:-[0-9]{1,3}){0,6})-([a-z]+)")
_MATCHES: Final = ("all", "any", "none")
_MEASURES: Final = ("count", "sum", "average", "first", "last")
_FIRST: Final[Mapping[str, Mapping[str, str]]] = {
    "group": {"match": "any"},
    "event": {"does": "did", "measure": "once", "op": "number.at_least", "window": "ever", "having": "all"},
    "property": {"op": ""},
    "trait": {"op": ""},
    "segment": {"is": "in"},
    "score": {"op": "number.above"},
}
KINDS: Final = tuple(_FIRST)
# What one list of values or one choice stands for in the document.
_CONSTANT: Final[Mapping[str, tuple[str, bool]]] = {
    "flag.yes": ("is", True),
    "flag.no": ("is", False),
    "flag.not_yes": ("is_not", True),
    "flag.not_no": ("is_not", False),
    "any.known": ("exists", True),
    "any.unknown": ("exists", False),
}
_SPANS: Final = {"within_last", "not_within_last"}
_AHEAD: Final = {"anniversary_next": "within_next", "anniversary_last": "within_last"}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")


@dataclass(slots=True, kw_only=True)
class Row:
    """A condition, or a group of them, as the form holds it."""

    kind: str
    said: dict[str, str]
    """Field → what was filled in."""
    rows: list["Row"] = field(default_factory=list)
    """The conditions of a group; what an event must have said."""
    place: str = ROOT
    """What the names of its inputs begin with."""
    path: str = ""
    """Where it stands in the document; set by `document_of`."""
    errors: dict[str, str] = field(default_factory=dict)
    """Field → what is wrong with it."""

    def get(self, name: str) -> str:
        """What was filled in; where there are names to choose from, the name chosen or written beside them."""
        said = self.said.get(name, "")
        return self.said.get(f"{name}x", "").strip() if said == OTHER else said

    @property
    def op(self) -> str:
        """The operator without the type of what it compares."""
        return self.said.get("op", "").partition(".")[2]

    def every(self) -> Iterator["Row"]:
        """The row itself and all below it."""
        yield self
        for row in self.rows:
            yield from row.every()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Features and scores in minor units, which people write in the currency."""

    names: Collection[str]
    currency: str

    def minor(self, value: float) -> float:
        """An amount as the document has it."""
        return float(money.to_minor(Decimal(str(value)), currency=self.currency))

    def major(self, value: float) -> Decimal:
        """An amount as people write it."""
        return Decimal(str(value)).scaleb(-money.minor_digits(self.currency))


def new_row(kind: str) -> Row:
    """An empty condition."""
    return Row(kind=kind, said=dict(_FIRST[kind]))


def empty() -> Row:
    """A rule with one condition to begin with."""
    return _placed(Row(kind="group", said={"match": "all"}, rows=[new_row("event")]))


def posted(data: Mapping[str, str]) -> Row:
    """The rows of a form, in their order; names that are none of ours are left out.

    Rows beyond `MAX_ROWS` are left out too, and the rule is at fault for them.
    """
    found: dict[tuple[int, ...], dict[str, str]] = {}
    for name, value in data.items():
        if (match := _NAME.fullmatch(name)) is not None:
            place = tuple(int(number) for number in match[1].split("-")[1:])
            found.setdefault(place, {})[match[2]] = value
    root = Row(kind="group", said=found.get((), {"match": "all"}))
    known: dict[tuple[int, ...], Row] = {(): root}
    for place, said in sorted(found.items())[:MAX_ROWS]:
        if place and place[:-1] in known and said.get("kind") in KINDS:
            known[place] = Row(kind=said["kind"], said=said)
            known[place[:-1]].rows.append(known[place])
    if len(found) > MAX_ROWS:
        root.errors["match"] = f"the form takes {MAX_ROWS} rows, not {len(found)}; the last ones are left out"
    return _placed(root)


def change(root: Row, wanted: str) -> Row:
    """Does what a button asks: `add:PLACE:KIND` or `remove:PLACE`; anything else changes nothing. Gives the new row."""
    verb, _colon, rest = wanted.partition(":")
    place, _colon, kind = rest.partition(":")
    added = root
    for row in list(root.every()):
        if verb == "add" and row.place == place and kind in KINDS:
            added = new_row(kind)
            if kind == "group":
                added.rows.append(new_row("event"))
            row.rows.append(added)
        elif verb == "remove":
            row.rows = [each for each in row.rows if each.place != place]
    _placed(root)
    return added


def missing(root: Row) -> bool:
    """Marks the fields that are still empty; whether there are any."""
    for row in root.every():
        row.errors |= {name: MISSING for name in _needed(row) if not row.get(name).strip()}
    return any(row.errors for row in root.every())


def _needed(row: Row) -> list[str]:
    names = {"event": ["event"], "trait": ["name"], "property": ["name"], "score": ["name"], "segment": ["key"]}
    needed = names.get(row.kind, [])
    if row.kind == "event":
        measure, window = row.get("measure"), row.get("window")
        needed = needed + (["prop"] if measure not in {"once", "count"} else [])
        needed = needed + {"within": ["amount"], "between": ["start", "end"]}.get(window, [])
        needed = needed + (operands(row) if measure != "once" else [])
    elif row.kind in {"trait", "property", "score"}:
        needed = needed + operands(row)
    return needed


def operands(row: Row) -> list[str]:
    """The fields that the operator of a row asks for."""
    if row.said.get("op", "") in _CONSTANT or not row.op:
        return []
    return ["value", "upto"] if row.op == "between" else ["value"]


def document_of(root: Row, *, amounts: Amounts) -> dict[str, Any]:
    """The document that the rows mean, each told its path; what is no number or date stays as it was written."""
    return {"version": predicates.VERSION, "where": _where(root, "where", amounts)}


def _where(row: Row, path: str, amounts: Amounts) -> dict[str, Any]:
    row.path = path
    match row.kind:
        case "group":
            is_none = row.get("match") == "none"
            key = row.get("match") if row.get("match") in {"all", "any"} else "any"
            inner = f"{path}.not.{key}" if is_none else f"{path}.{key}"
            found = {key: [_where(each, f"{inner}[{n}]", amounts) for n, each in enumerate(row.rows)]}
            return {"not": found} if is_none else found
        case "event":
            is_not = row.get("does") == "did_not"
            row.path = f"{path}.not" if is_not else path
            return {"not": _event(row, amounts)} if is_not else _event(row, amounts)
        case "segment":
            return {"segment": row.get("key")} | ({"is": False} if row.get("is") == "out" else {})
        case _:
            is_amount = row.kind != "property" and row.get("name") in amounts.names
            return {row.kind: row.get("name"), **_comparison(row, amounts if is_amount else None)}


def _event(row: Row, amounts: Amounts) -> dict[str, Any]:
    said: dict[str, Any] = {"event": row.get("event")}
    match row.get("window"):
        case "within":
            said["within"] = row.get("amount").strip() + (row.get("every") or "d")
        case "between":
            said["between"] = [row.get("start"), row.get("end")]
    measure = row.get("measure")
    if measure in _MEASURES:
        of = {} if measure == "count" else {"property": row.get("prop")}
        said[measure] = {**of, **_comparison(row, None)}
    if row.rows:
        key = row.get("having") if row.get("having") in {"all", "any"} else "all"
        inner = f"{row.path}.having.{key}"
        said["having"] = {key: [_where(each, f"{inner}[{n}]", amounts) for n, each in enumerate(row.rows)]}
    return said


def _comparison(row: Row, amounts: Amounts | None) -> dict[str, Any]:
    if (constant := _CONSTANT.get(row.said.get("op", ""))) is not None:
        return {constant[0]: constant[1]}
    type_, op, value = row.said.get("op", "").partition(".")[0], row.op, row.get("value")
    if op in _SPANS:
        return {op: value.strip() + (row.get("unit") or "d")}
    if op in _AHEAD:
        return {"anniversary": {_AHEAD[op]: value.strip() + (row.get("unit") or "d")}}

    def read(text: str) -> Any:
        return _number(text, amounts) if type_ == "number" else text

    if op in {"in", "not_in"}:
        return {op: [read(line.strip()) for line in value.splitlines() if line.strip()]}
    return {op: [read(value), read(row.get("upto"))] if op == "between" else read(value)}


def _number(text: str, amounts: Amounts | None) -> Any:
    try:
        number = float(text.strip().replace(",", "."))
        number = amounts.minor(number) if amounts else number
    except (ValueError, Invalid):
        return text
    return int(number) if number.is_integer() else number


def place_fault(root: Row, fault: str) -> None:
    """Puts what the parser says to the field that it means; what belongs to none stands at the whole rule."""
    path, colon, reason = fault.partition(": ")
    rows = [row for row in root.every() if row.path and path.startswith(row.path)] if colon else []
    row = max(rows, key=lambda each: len(each.path), default=root)
    rest = path.removeprefix(row.path).strip(".")
    if row.kind == "event":
        fields = {"event": "event", "within": "amount", "between": "start", "between[1]": "end"}
        name = fields.get(rest, "prop" if rest.endswith(".property") else "value")
    else:
        own = {"group": "match", "segment": "key"}.get(row.kind, "name")
        name = own if rest in {"", row.kind} or row.kind in {"group", "segment"} else "value"
    if name == "value" and not operands(row):
        name = "op"
    row.errors[name] = reason if colon and rows else fault


def rows_of(where: Any, *, amounts: Amounts) -> Row | None:
    """The rows of a document's `where`; None where the form cannot show every bit of it."""
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        root = _row(where, amounts)
        if root.kind != "group":
            root = Row(kind="group", said={"match": "all"}, rows=[root])
        _placed(root)
        # Whatever would come back changed cannot be shown.
        same = _canonical(_where(root, "where", amounts)) == _canonical(where)
        if same and _depth(root) <= MAX_GROUPS and sum(1 for _ in root.every()) <= MAX_ROWS:
            return root
    return None


def _row(where: Mapping[str, Any], amounts: Amounts) -> Row:
    if "not" in where:
        inner = where["not"]
        if "event" in inner:
            row = _row(inner, amounts)
            row.said["does"] = "did_not"
            return row
        parts = inner.get("any", [inner])
        return Row(kind="group", said={"match": "none"}, rows=[_row(part, amounts) for part in parts])
    for key in ("all", "any"):
        if key in where:
            return Row(kind="group", said={"match": key}, rows=[_row(part, amounts) for part in where[key]])
    if "event" in where:
        return _event_row(where, amounts)
    if "segment" in where:
        return Row(kind="segment", said={"key": where["segment"], "is": "in" if where.get("is", True) else "out"})
    kind = next((key for key in ("trait", "score", "property") if key in where), "")
    is_amount = kind != "property" and where[kind] in amounts.names
    said = _compared({key: value for key, value in where.items() if key != kind}, amounts if is_amount else None)
    return Row(kind=kind, said={"name": where[kind], **said})


def _event_row(where: Mapping[str, Any], amounts: Amounts) -> Row:
    said = {**_FIRST["event"], "event": where["event"]}
    if "within" in where:
        amount, every = _span(where["within"])
        said |= {"window": "within", "amount": amount, "every": every}
    elif "between" in where:
        said |= {"window": "between", "start": where["between"][0], "end": where["between"][1]}
    for measure in _MEASURES:
        if measure in where and where[measure] != {"at_least": 1}:
            test = dict(where[measure])
            said |= {"measure": measure, "prop": test.pop("property", ""), **_compared(test, None)}
    row = Row(kind="event", said=said)
    if "having" in where:
        having = where["having"]
        row.said["having"] = "any" if "any" in having else "all"
        row.rows = [_row(part, amounts) for part in having.get("all", having.get("any", [having]))]
        if any(each.kind != "property" for each in row.rows):
            raise ValueError
    return row


def _compared(test: Mapping[str, Any], amounts: Amounts | None) -> dict[str, str]:
    ((op, operand),) = test.items()
    for key, constant in _CONSTANT.items():
        if constant == (op, operand) and isinstance(operand, bool):
            return {"op": key}
    if op in _SPANS:
        value, unit = _span(operand)
        return {"op": f"instant.{op}", "value": value, "unit": unit}
    if op == "anniversary":
        ((way, said),) = operand.items()
        value, unit = _span(said)
        return {"op": f"instant.anniversary_{way.removeprefix('within_')}", "value": value, "unit": unit}
    first = operand[0] if isinstance(operand, list) else operand
    type_ = "text" if isinstance(first, str) else "number"
    if op in {"before", "after"} or (op == "between" and type_ == "text"):
        type_ = "instant"
    texts = [_text(each, amounts) for each in (operand if isinstance(operand, list) else [operand])]
    if op == "between":
        return {"op": f"{type_}.{op}", "value": texts[0], "upto": texts[1]}
    return {"op": f"{type_}.{op}", "value": "\n".join(texts)}


def _text(value: Any, amounts: Amounts | None) -> str:
    if isinstance(value, str):
        return value
    number = amounts.major(value) if amounts else Decimal(str(value))
    return f"{number.normalize():f}"


def _span(said: str) -> tuple[str, str]:
    match = _DURATION.fullmatch(said)
    if match is None:
        raise ValueError
    return match[1], match[2]


def _placed(root: Row, place: str = ROOT) -> Row:
    root.place = place
    for number, row in enumerate(root.rows):
        _placed(row, f"{place}-{number}")
    return root


def _depth(row: Row) -> int:
    return 1 + max((_depth(each) for each in row.rows if each.kind == "group"), default=0)


def _canonical(where: Any) -> Any:
    """The document without its freedoms: a group of one part is that part, and what goes without saying is not said."""
    if isinstance(where, list):
        return [_canonical(each) for each in where]
    if not isinstance(where, Mapping):
        return where
    said = {key: _canonical(value) for key, value in where.items()}
    for key in ("all", "any"):
        if isinstance(said.get(key), list) and len(said[key]) == 1:
            return said[key][0]
    if said.get("count") == {"at_least": 1}:
        del said["count"]
    if "segment" in said and said.get("is") is True:
        del said["is"]
    return said
