"""A rule in words: what each operator is called, and the sentences that a document says in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sadakat.customers import api as customers
from sadakat.customers.types import Feature
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid
from sadakat.platform.brand import Brand
from sadakat.platform.ui import formats
from sadakat.segments.types import Reason

REASONS: Final[Mapping[str, str | Promise]] = {
    Reason.EVENT: gettext_lazy("an event"),
    Reason.TIME: gettext_lazy("time alone"),
    Reason.RULE: gettext_lazy("a changed rule"),
    Reason.SCORE: gettext_lazy("a new score"),
    Reason.HAND: gettext_lazy("by hand"),
    Reason.SWEEP: gettext_lazy("a correction"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An operator for people: its word in a list, and the sentence that it makes."""

    word: str | Promise
    sentence: str | Promise


OPERATORS: Final[Mapping[str, Shown]] = {
    "text.is": Shown(gettext_lazy("is"), gettext_lazy("%(what)s is %(value)s")),
    "text.is_not": Shown(gettext_lazy("is not"), gettext_lazy("%(what)s is not %(value)s")),
    "text.in": Shown(gettext_lazy("is one of"), gettext_lazy("%(what)s is one of %(value)s")),
    "text.not_in": Shown(gettext_lazy("is none of"), gettext_lazy("%(what)s is none of %(value)s")),
    "text.contains": Shown(gettext_lazy("contains"), gettext_lazy("%(what)s contains %(value)s")),
    "text.starts_with": Shown(gettext_lazy("starts with"), gettext_lazy("%(what)s starts with %(value)s")),
    "text.ends_with": Shown(gettext_lazy("ends with"), gettext_lazy("%(what)s ends with %(value)s")),
    "text.matches": Shown(gettext_lazy("matches the pattern"), gettext_lazy("%(what)s matches the pattern %(value)s")),
    "number.at_least": Shown(gettext_lazy("at least"), gettext_lazy("%(what)s is at least %(value)s")),
    "number.above": Shown(gettext_lazy("above"), gettext_lazy("%(what)s is above %(value)s")),
    "number.at_most": Shown(gettext_lazy("at most"), gettext_lazy("%(what)s is at most %(value)s")),
    "number.below": Shown(gettext_lazy("below"), gettext_lazy("%(what)s is below %(value)s")),
    "number.between": Shown(gettext_lazy("between"), gettext_lazy("%(what)s is between %(value)s and %(upto)s")),
    "number.is": Shown(gettext_lazy("exactly"), gettext_lazy("%(what)s is exactly %(value)s")),
    "number.is_not": Shown(gettext_lazy("other than"), gettext_lazy("%(what)s is other than %(value)s")),
    "number.in": Shown(gettext_lazy("is one of"), gettext_lazy("%(what)s is one of %(value)s")),
    "number.not_in": Shown(gettext_lazy("is none of"), gettext_lazy("%(what)s is none of %(value)s")),
    "flag.yes": Shown(gettext_lazy("yes"), gettext_lazy("%(what)s: yes")),
    "flag.no": Shown(gettext_lazy("no"), gettext_lazy("%(what)s: no")),
    "flag.not_yes": Shown(gettext_lazy("no or not known"), gettext_lazy("%(what)s: no or not known")),
    "flag.not_no": Shown(gettext_lazy("yes or not known"), gettext_lazy("%(what)s: yes or not known")),
    "instant.within_last": Shown(gettext_lazy("in the last"), gettext_lazy("%(what)s lies in the last %(value)s")),
    "instant.not_within_last": Shown(
        gettext_lazy("not in the last"), gettext_lazy("%(what)s does not lie in the last %(value)s")
    ),
    "instant.before": Shown(gettext_lazy("before"), gettext_lazy("%(what)s is before %(value)s")),
    "instant.after": Shown(gettext_lazy("after"), gettext_lazy("%(what)s is after %(value)s")),
    "instant.between": Shown(
        gettext_lazy("from, until before"), gettext_lazy("%(what)s is from %(value)s until before %(upto)s")
    ),
    "instant.anniversary_next": Shown(
        gettext_lazy("has its anniversary in the next"),
        gettext_lazy("%(what)s has its anniversary in the next %(value)s"),
    ),
    "instant.anniversary_last": Shown(
        gettext_lazy("had its anniversary in the last"),
        gettext_lazy("%(what)s had its anniversary in the last %(value)s"),
    ),
    "any.known": Shown(gettext_lazy("is known"), gettext_lazy("%(what)s is known")),
    "any.unknown": Shown(gettext_lazy("is not known"), gettext_lazy("%(what)s is not known")),
}
TYPES: Final[Mapping[str, str | Promise]] = {
    "text": gettext_lazy("Text"),
    "number": gettext_lazy("Number"),
    "flag": gettext_lazy("Yes or no"),
    "instant": gettext_lazy("Date and time"),
    "any": gettext_lazy("Whatever it is"),
}
UNITS: Final[Mapping[str, str | Promise]] = {
    "d": gettext_lazy("days"),
    "w": gettext_lazy("weeks"),
    "h": gettext_lazy("hours"),
    "m": gettext_lazy("minutes"),
}
MATCHES: Final[Mapping[str, str | Promise]] = {
    "all": gettext_lazy("all of these are true"),
    "any": gettext_lazy("at least one of these is true"),
    "none": gettext_lazy("none of these is true"),
}
MEASURES: Final[Mapping[str, str | Promise]] = {
    "once": gettext_lazy("at least once"),
    "count": gettext_lazy("so many times:"),
    "sum": gettext_lazy("with a total of"),
    "average": gettext_lazy("with an average of"),
    "first": gettext_lazy("the first time with"),
    "last": gettext_lazy("the last time with"),
}
_MEASURED: Final[Mapping[str, str | Promise]] = {
    "sum": gettext_lazy("the total of %(property)s"),
    "average": gettext_lazy("the average of %(property)s"),
    "first": gettext_lazy("the first %(property)s"),
    "last": gettext_lazy("the last %(property)s"),
}
_TIMES: Final[Mapping[str, Callable[[int], str]]] = {
    "at_least": lambda n: ngettext("at least %(n)s time", "at least %(n)s times", n),
    "above": lambda n: ngettext("more than %(n)s time", "more than %(n)s times", n),
    "at_most": lambda n: ngettext("at most %(n)s time", "at most %(n)s times", n),
    "below": lambda n: ngettext("fewer than %(n)s time", "fewer than %(n)s times", n),
    "is": lambda n: ngettext("exactly %(n)s time", "exactly %(n)s times", n),
    "is_not": lambda n: ngettext("any number of times but %(n)s", "any number of times but %(n)s", n),
}
_HEADS: Final[Mapping[str, str | Promise]] = {
    "all": gettext_lazy("All of these are true:"),
    "any": gettext_lazy("At least one of these is true:"),
    "none": gettext_lazy("None of these is true:"),
    "not_all": gettext_lazy("Not all of these are true:"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence with those that stand below it."""

    text: str
    parts: tuple["Said", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Tells rules to the reader; knows what segments are called."""

    here: Brand
    names: Mapping[str, str] = field(default_factory=dict)
    """Segment key → name."""

    def rule(self, document: Mapping[str, Any]) -> Said:
        """What a predicate document says."""
        return self._said(document["where"])

    def _said(self, where: Mapping[str, Any], *, is_negated: bool = False) -> Said:
        for key in ("all", "any"):
            if key in where:
                parts = where[key]
                if len(parts) == 1 and not is_negated:
                    return self._said(parts[0])
                head = key if not is_negated else "none" if key == "any" else "not_all"
                return Said(str(_HEADS[head]), tuple(self._said(part) for part in parts))
        if "not" in where:
            if "event" in where["not"]:
                return Said(self._event(where["not"], is_done=False))
            inner = where["not"] if {"all", "any"} & set(where["not"]) else {"any": [where["not"]]}
            return self._said(inner, is_negated=True)
        return Said(self._leaf(where))

    def _leaf(self, where: Mapping[str, Any]) -> str:
        if "event" in where:
            return self._event(where, is_done=True)
        if "segment" in where:
            name = self.names.get(where["segment"], where["segment"])
            sentence = (
                _("is in the segment “%(name)s”") if where.get("is", True) else _("is not in the segment “%(name)s”")
            )
            return sentence % {"name": name}
        for kind in ("trait", "score", "property"):
            if kind in where:
                name = where[kind]
                feature = feature_of(kind, name)
                is_amount = feature is not None and feature.is_money
                return self._compared(where, kind, what=label_of(kind, name), is_amount=is_amount)
        return ", ".join(f"{key}: {value}" for key, value in where.items())

    def _event(self, where: Mapping[str, Any], *, is_done: bool) -> str:
        sentence = (
            _("did “%(event)s” %(measure)s %(window)s%(having)s")
            if is_done
            else _("did not do “%(event)s” %(measure)s %(window)s%(having)s")
        )
        having = self._having(where["having"]) if "having" in where else ""
        said = sentence % {
            "event": where["event"],
            "measure": self._measure(where),
            "window": self._window(where),
            "having": _(", where %(conditions)s") % {"conditions": having} if having else "",
        }
        return " ".join(said.split()).replace(" ,", ",")

    def _window(self, where: Mapping[str, Any]) -> str:
        if "within" in where:
            return _("in the last %(span)s") % {"span": span_text(where["within"])}
        if "between" in where:
            start, end = (self.value(each) for each in where["between"])
            return _("from %(start)s until before %(end)s") % {"start": start, "end": end}
        return ""

    def _measure(self, where: Mapping[str, Any]) -> str:
        if "count" in where:
            ((op, n),) = where["count"].items()
            if op in _TIMES and isinstance(n, int | float):
                return _TIMES[op](int(n)) % {"n": self.value(n)}
            return self._compared(where["count"], "", what=_("how often"), is_amount=False)
        for key, template in _MEASURED.items():
            if key in where:
                what = str(template) % {"property": where[key].get("property", "")}
                return f"({self._compared(where[key], 'property', what=what, is_amount=False)})"
        return ""

    def _having(self, where: Mapping[str, Any]) -> str:
        """Conditions on properties in one line; groups within groups stand in brackets."""
        for key in ("all", "any"):
            if key in where:
                joined = f" {_('and')} " if key == "all" else f" {_('or')} "
                texts = [self._having(part) for part in where[key]]
                return texts[0] if len(texts) == 1 else joined.join(texts)
        if "not" in where:
            return _("not (%(conditions)s)") % {"conditions": self._having(where["not"])}
        return self._leaf(where)

    def _compared(self, test: Mapping[str, Any], beside: str, *, what: str, is_amount: bool) -> str:
        ((op, operand),) = [(key, value) for key, value in test.items() if key != beside]
        key, values = _operator(op, operand), operand if isinstance(operand, list) else [operand]
        if op == "anniversary":
            values = list(operand.values())
        if isinstance(operand, bool):
            texts = [""]
        elif key in {"text.in", "text.not_in", "number.in", "number.not_in"}:
            texts = [", ".join(self.value(each, is_amount=is_amount) for each in values)]
        elif op in {"within_last", "not_within_last", "anniversary"}:
            texts = [span_text(values[0])]
        else:
            texts = [self.value(each, is_amount=is_amount, is_day=key.startswith("instant")) for each in values]
        return str(OPERATORS[key].sentence) % {"what": what, "value": texts[0], "upto": texts[-1]}

    def value(self, value: Any, *, is_amount: bool = False, is_day: bool = True) -> str:
        """A value as the reader writes it."""
        if isinstance(value, str):
            return self._moment(value) if is_day else f"“{value}”"
        if is_amount and not isinstance(value, bool):
            return formats.money(value, currency=self.here.currency)
        exponent = Decimal(str(value)).normalize().as_tuple().exponent
        return formats.number(value, decimals=max(0, -int(exponent)))

    def _moment(self, value: str) -> str:
        try:
            if len(value) == len("2026-11-22"):
                return formats.short_date(date.fromisoformat(value))
            return formats.instant(time.instant(value), zone=self.here.zone)
        except (ValueError, Invalid):
            return f"“{value}”"


def _operator(op: str, operand: Any) -> str:
    """The key of an operator of a document among `OPERATORS`."""
    if op == "exists":
        return "any.known" if operand else "any.unknown"
    if isinstance(operand, bool):
        return f"flag.{'' if op == 'is' else 'not_'}{'yes' if operand else 'no'}"
    if op == "anniversary":
        return "instant.anniversary_next" if "within_next" in operand else "instant.anniversary_last"
    first = operand[0] if isinstance(operand, list) else operand
    if op in {"before", "after", "within_last", "not_within_last"} or (op == "between" and isinstance(first, str)):
        return f"instant.{op}"
    return f"{'text' if isinstance(first, str) else 'number'}.{op}"


def span_text(said: str) -> str:
    """A duration of the predicate language, such as `90d`, in words."""
    n, unit = int(said[:-1]), said[-1]
    template = {
        "d": ngettext("%(n)s day", "%(n)s days", n),
        "w": ngettext("%(n)s week", "%(n)s weeks", n),
        "h": ngettext("%(n)s hour", "%(n)s hours", n),
        "m": ngettext("%(n)s minute", "%(n)s minutes", n),
    }[unit]
    return template % {"n": formats.number(n)}


def feature_of(kind: str, name: str) -> Feature | None:
    """The feature that a condition of a kind reads; None for traits, properties and what is registered no more."""
    if kind == "property":
        return None
    return customers.features().get(f"score_{name}" if kind == "score" else name)


def label_of(kind: str, name: str) -> str:
    """What a feature, score or trait is called; properties go by the names that the shop gave them."""
    if feature := feature_of(kind, name):
        return _(feature.label)
    return customers.label_of_trait(name) if kind == "trait" else name
