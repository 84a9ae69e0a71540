"""What the rows of a rule look like: the inputs of each, with the names and values that really occur here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.customers import api as customers
from sadakat.kernel.predicates import ValueType, Vocabulary
from sadakat.kernel.text import sort_key
from sadakat.platform.brand import Brand
from sadakat.platform.ui import formats
from sadakat.segments import api as segments
from sadakat.segments import suggestions
from sadakat.segments.suggestions import Counted, Known
from sadakat.segments.types import Segment
from sadakat.segments.web import builder, words
from sadakat.segments.web.builder import OTHER, Row

Options = Sequence[tuple[str, Sequence[tuple[str, str]]]]
"""Labelled groups of values with their words; a group without a label stands by itself."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|")
_USUAL: Final = {"text": "text.is", "number": "number.at_least", "flag": "flag.yes", "instant": "instant.within_last"}
_SPANS: Final = {"within_last", "not_within_last", "anniversary_next", "anniversary_last"}
_COUNTS: Final = {
    "number.above": gettext_lazy("more than"),
    "number.below": gettext_lazy("fewer than"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of a row, or a word between two of them."""

    form: str
    """`select`, `area`, `word`, or a type of `<input>`."""
    name: str
    label: str
    value: str = ""
    options: Options = ()
    """Of a select; of other inputs, values to choose from."""
    changes_others: bool = False
    """Whether other inputs depend on it, so that the form is drawn anew."""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What rules can speak of here, for one drawing of the form."""

    vocabulary: Vocabulary
    segments: Sequence[Segment]
    here: Brand

    @cached_property
    def amounts(self) -> builder.Amounts:
        """Features and scores that people write in the currency."""
        names = [name for name, each in customers.features().items() if each.is_money]
        # A score goes by a shorter name in rules.
        scores = [name.removeprefix("score_") for name in names]
        return builder.Amounts(names=frozenset(names + scores), currency=self.here.currency)

    @cached_property
    def speaker(self) -> words.Speaker:
        """Who tells rules in words."""
        return words.Speaker(here=self.here, names=segments.names_of(self.segments))

    def type_of(self, row: Row, *, event: str) -> ValueType | None:
        """What the value compared in a row holds; None where nobody knows."""
        name = row.get("name")
        match row.kind:
            case "score":
                return ValueType.NUMBER
            case "trait":
                if name in self.vocabulary.features:
                    return self.vocabulary.features[name]
                return _type(suggestions.traits().get(name))
            case "event" if row.get("measure") not in {"first", "last"}:
                return ValueType.NUMBER
        return _type(suggestions.properties(event).get(row.get("prop") if row.kind == "event" else name))


def _type(known: Known | None) -> ValueType | None:
    return known.type if known else None


def settle(root: Row, offer: Offer, event: str = "") -> None:
    """Gives each row an operator that fits what it compares, when that has just been chosen anew."""
    event = root.get("event") if root.kind == "event" else event
    if root.kind not in {"group", "segment"}:
        subject = root.get("prop") if root.kind == "event" else root.get("name")
        type_, said = offer.type_of(root, event=event), root.said
        is_new = "was" in said and said["was"] != subject
        is_unfit = type_ is not None and said.get("op", "").partition(".")[0] not in {type_, "any"}
        if not said.get("op") or (is_new and is_unfit):
            said["op"] = _USUAL[type_ or ValueType.TEXT]
        if is_new and root.kind != "event":
            said |= {"value": "", "upto": ""}
        said["was"] = subject
    for row in root.rows:
        settle(row, offer, event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row as the template draws it."""

    row: Row
    label: str
    inputs: Sequence[Input]
    lines: Sequence["Line"]
    may_hold_groups: bool


def lines(row: Row, offer: Offer, *, depth: int = 1, number: int = 1, event: str = "") -> Line:
    """A row and all below it, ready to be drawn."""
    event = row.get("event") if row.kind == "event" else event
    drawn = _Drawn(row, offer, event)
    return Line(
        row=row,
        label=_LABELS[row.kind] % {"n": number},
        inputs=drawn.inputs(),
        lines=[lines(each, offer, depth=depth + 1, number=n, event=event) for n, each in enumerate(row.rows, start=1)],
        may_hold_groups=depth < builder.MAX_GROUPS,
    )


_LABELS: Final[Mapping[str, Any]] = {
    "group": gettext_lazy("Group %(n)s"),
    "property": gettext_lazy("Detail %(n)s"),
    **dict.fromkeys(("event", "trait", "segment", "score"), gettext_lazy("Condition %(n)s")),
}


@dataclass(frozen=True)
class _Drawn:
    """One row on its way to its inputs."""

    row: Row
    offer: Offer
    event: str

    def inputs(self) -> list[Input]:
        row = self.row
        match row.kind:
            case "group":
                return [self._choice("match", _("Which of them"), words.MATCHES)]
            case "event":
                return self._event()
            case "segment":
                ways = {"in": _("is in the segment"), "out": _("is not in the segment")}
                return [
                    self._choice("is", _("In or not"), ways),
                    self._select("key", _("Segment"), [("", [("", _("choose a segment"))]), *self._segments()]),
                ]
            case "score":
                scores = {name: words.label_of("score", name) for name in sorted(self.offer.vocabulary.scores)}
                return [
                    self._select("name", _("Score"), [("", [("", _("choose a score")), *scores.items()])], again=True),
                    *self._compared(ValueType.NUMBER),
                ]
            case "trait":
                return [*self._named("name", _("What is known"), self._traits()), *self._compared(self._type)]
            case _:
                offered = self._properties()
                return [*self._named("name", _("Detail"), offered), *self._compared(self._type)]

    @cached_property
    def _type(self) -> ValueType | None:
        return self.offer.type_of(self.row, event=self.event)

    def _event(self) -> list[Input]:
        row, found = self.row, suggestions.event_names()
        does = {"did": _("did"), "did_not": _("did not do")}
        names = [(each.text, f"{each.text} ({formats.compact(each.count)})") for each in found]
        drawn = [self._choice("does", _("Did or not"), does), *self._named("event", _("Event"), [("", names)])]
        drawn.append(self._choice("measure", _("How often"), words.MEASURES, again=True))
        measure = row.get("measure")
        if measure in {"sum", "average", "first", "last"}:
            drawn += self._named("prop", _("Detail"), self._properties())
        if measure != "once":
            drawn += self._compared(self._type, is_count=measure == "count")
        if measure == "count":
            drawn.append(self._word(_("times")))
        windows = {"ever": _("at any time"), "within": _("in the last"), "between": _("from")}
        drawn.append(self._choice("window", _("When"), windows, again=True))
        match row.get("window"):
            case "within":
                drawn += [self._input("number", "amount", _("How long")), self._unit("every")]
            case "between":
                drawn += [self._day("start", _("From")), self._word(_("until before")), self._day("end", _("To"))]
        return drawn

    def _compared(self, type_: ValueType | None, *, is_count: bool = False) -> list[Input]:
        """The operator and what it compares to."""
        row = self.row
        said = row.said.get("op", "")
        label = _("How to compare")
        drawn = [self._select("op", label, self._operators(type_, said, is_count=is_count), again=True)]
        needed = builder.operands(row)
        if not needed:
            return drawn
        kind = said.partition(".")[0]
        if row.op in _SPANS:
            return [*drawn, self._input("number", "value", _("How long")), self._unit("unit")]
        if row.op in {"in", "not_in"}:
            return [*drawn, self._input("area", "value", _("Values, one a line"), self._values())]
        for name, label in zip(needed, (_("Value"), _("To")), strict=False):
            if name == "upto":
                drawn.append(self._word(_("until before") if kind == "instant" else _("and")))
            drawn.append(self._operand(name, label, kind))
        if row.kind in {"trait", "score"} and row.get("name") in self.offer.amounts.names:
            drawn.append(self._word(self.offer.here.currency))
        return drawn

    def _operand(self, name: str, label: str, kind: str) -> Input:
        if kind == "instant":
            return self._day(name, label)
        return (
            self._input("number", name, label) if kind == "number" else self._input("text", name, label, self._values())
        )

    def _operators(self, type_: ValueType | None, said: str, *, is_count: bool) -> Options:
        kinds: list[str] = [type_] if type_ else [kind for kind in words.TYPES if kind != "any"]
        if (kind := said.partition(".")[0]) not in {*kinds, "any", ""}:
            kinds.append(kind)
        if not is_count:
            kinds.append("any")
        words_of = {**{key: shown.word for key, shown in words.OPERATORS.items()}, **(_COUNTS if is_count else {})}
        return [
            (
                str(words.TYPES[kind]) if len(kinds) > 2 else "",
                [(key, str(word)) for key, word in words_of.items() if key.partition(".")[0] == kind],
            )
            for kind in kinds
        ]

    def _values(self) -> list[Counted]:
        """Values that the trait or property compared has here."""
        row = self.row
        if row.kind == "trait":
            known = suggestions.traits().get(row.get("name"))
            return [*(suggestions.feature_values(row.get("name")) or (known.values if known else ()))]
        known = suggestions.properties(self.event).get(row.get("prop") if row.kind == "event" else row.get("name"))
        return [*known.values] if known else []

    def _traits(self) -> Options:
        def listed(names: Sequence[str]) -> list[tuple[str, str]]:
            return sorted([(name, words.label_of("trait", name)) for name in names], key=lambda pair: sort_key(pair[1]))

        features = self.offer.vocabulary.features
        return [
            (_("Computed"), listed([name for name in features if not name.startswith("score_")])),
            (_("What customers said"), listed([name for name in suggestions.traits() if name not in features])),
        ]

    def _properties(self) -> Options:
        return [("", [(name, name) for name in suggestions.properties(self.event)])]

    def _segments(self) -> Options:
        groups: dict[str, list[tuple[str, str]]] = {}
        names = self.offer.speaker.names
        for segment in self.offer.segments:
            groups.setdefault(segment.group, []).append((segment.key, names[segment.key]))
        return [(segments.group_name(group), found) for group, found in groups.items()]

    def _named(self, name: str, label: str, options: Options) -> list[Input]:
        """A choice of names that occur, and a field for one that does not yet."""
        said, known = self.row.said.get(name, ""), {value for _label, found in options for value, _word in found}
        offered = [("", [("", _("choose…"))]), *[(group, found) for group, found in options if found]]
        if said and said != OTHER and said not in known:
            offered.append(("", [(said, said)]))
        offered.append(("", [(OTHER, _("another name…"))]))
        drawn = [self._select(name, label, offered, again=True)]
        if said == OTHER:
            drawn.append(self._input("text", f"{name}x", label, again=True))
        return drawn

    def _choice(self, name: str, label: str, options: Mapping[str, Any], *, again: bool = False) -> Input:
        return self._select(name, label, [("", [(key, str(word)) for key, word in options.items()])], again=again)

    def _select(self, name: str, label: str, options: Options, *, again: bool = False) -> Input:
        return Input(
            form="select",
            name=f"{self.row.place}-{name}",
            label=label,
            value=self.row.said.get(name, ""),
            options=options,
            changes_others=again,
            # Of a name that is written, the fault stands beside the field that it is written in.
            error="" if self.row.said.get(name) == OTHER else self.row.errors.get(name, ""),
        )

    def _unit(self, name: str) -> Input:
        return self._choice(name, _("Unit"), words.UNITS)

    def _day(self, name: str, label: str) -> Input:
        # An instant, which only a document can say, stays as it is.
        is_day = _DAY.fullmatch(self.row.said.get(name, "")) is not None
        return self._input("date" if is_day else "text", name, label)

    def _word(self, text: str) -> Input:
        return Input(form="word", name="", label=text)

    def _input(
        self, form: str, name: str, label: str, offered: Sequence[Counted] = (), *, again: bool = False
    ) -> Input:
        values = [(each.text, formats.number(each.count) if each.count else "") for each in offered]
        error = self.row.errors.get(name) or (self.row.errors.get(name[:-1], "") if name.endswith("x") else "")
        return Input(
            form=form,
            name=f"{self.row.place}-{name}",
            label=label,
            value=self.row.said.get(name, ""),
            options=[("", values)] if values else (),
            changes_others=again,
            error=error,
        )
