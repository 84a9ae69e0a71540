"""The filters of the list of customers: what the address says, as chips; and the form that adds one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from sadakat.commerce import api as commerce
from sadakat.console.web import columns
from sadakat.console.web.columns import Field, Kind
from sadakat.customers import api as customers
from sadakat.customers.types import Filter, Operator
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid
from sadakat.platform.brand import Brand
from sadakat.platform.ui import formats, parts, reasons
from sadakat.platform.ui.days import day_input

# What the form that adds a filter brings into the address, and takes with it when it is done.
_OF_FORM: Final = ("add", "op", "value", "upto", "apply")
_NO_FILTER: Final = gettext_noop("“%(text)s” is no filter of this list. Remove it and add it anew.")
reasons.register([_NO_FILTER])
_OPERATORS: Final = {
    Operator.IS: (gettext_lazy("is"), gettext_lazy("%(field)s: %(value)s")),
    Operator.CONTAINS: (gettext_lazy("contains"), gettext_lazy("%(field)s contains “%(value)s”")),
    Operator.STARTS_WITH: (gettext_lazy("starts with"), gettext_lazy("%(field)s starts with “%(value)s”")),
    Operator.AT_LEAST: (gettext_lazy("at least"), gettext_lazy("%(field)s at least %(value)s")),
    Operator.AT_MOST: (gettext_lazy("at most"), gettext_lazy("%(field)s at most %(value)s")),
    Operator.BETWEEN: (gettext_lazy("between"), gettext_lazy("%(field)s from %(value)s to %(upto)s")),
    Operator.WITHIN_DAYS: (
        gettext_lazy("in the last days"),
        gettext_lazy("%(field)s in the last days: %(value)s"),
    ),
    Operator.BEFORE: (gettext_lazy("before"), gettext_lazy("%(field)s before %(value)s")),
    Operator.AFTER: (gettext_lazy("after"), gettext_lazy("%(field)s after %(value)s")),
    Operator.IS_EMPTY: (gettext_lazy("is empty"), gettext_lazy("%(field)s is empty")),
}
_FIGURES: Final = {Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter in words, and the address without it."""

    text: str
    url: str


class AddFilter(forms.Form):
    """Asks for the value that a field is compared with."""

    def __init__(self, data: QueryDict | None, *, field: Field, operator: Operator, here: Brand) -> None:
        super().__init__(data)
        self.field, self.operator, self.here = field, operator, here
        if operator is Operator.BETWEEN:
            self.fields["value"], self.fields["upto"] = self._asks(_("From")), self._asks(_("To"))
        elif operator is not Operator.IS_EMPTY:
            self.fields["value"] = self._asks(_("Days") if operator is Operator.WITHIN_DAYS else _("Value"))

    def _asks(self, label: str) -> forms.Field:
        if self.operator in _FIGURES:
            if self.field.kind is Kind.MONEY:
                label = f"{label}, {self.here.currency}"
            return forms.DecimalField(label=label, max_digits=15, widget=forms.NumberInput(attrs={"step": "any"}))
        if self.operator is Operator.WITHIN_DAYS:
            return forms.IntegerField(label=label, min_value=1, max_value=36_500)
        if self.operator in {Operator.BEFORE, Operator.AFTER}:
            return forms.DateField(label=label, widget=day_input())
        if self.field.kind is Kind.FLAG:
            return forms.ChoiceField(label=label, choices=[("yes", _("yes")), ("no", _("no"))])
        known = customers.values_of(self.field.key) if self.field.kind is Kind.TEXT else ()
        if self.operator is Operator.IS and known:
            # They are shown as they are in the list, whatever language that is in.
            return forms.ChoiceField(label=label, choices=[(v, _channel(self.field, v)) for v in known])
        return forms.CharField(label=label, max_length=200)

    def filter(self) -> Filter | None:
        """The filter asked for; None with what is wrong among the errors."""
        if not self.is_valid():
            return None
        values = [self.cleaned_data[name] for name in ("value", "upto") if name in self.fields]
        if self.operator is Operator.BETWEEN and values[0] > values[1]:
            self.add_error("upto", _("It is below the value that it begins with."))
            return None
        try:
            return customers.make_filter(self.field.key, self.operator, [self._plain(value) for value in values])
        except Invalid:
            self.add_error("value", _("Customers cannot be compared with this value."))
            return None

    def _plain(self, value: Any) -> str:
        if isinstance(value, Decimal):
            if self.field.kind is Kind.MONEY:
                return str(money.to_minor(value, currency=self.here.currency))
            return f"{value:f}"
        return value.isoformat() if isinstance(value, date) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """The step at which the adding of a filter is."""

    field: Field
    operators: Sequence[parts.Tab]
    form: AddFilter
    hidden: Sequence[tuple[str, str]]
    """The rest of the address, which the form keeps."""
    cancel_url: str


def asked(request: HttpRequest) -> list[Filter]:
    """The filters of the address.

    Raises:
        Invalid: one of them cannot be.
    """
    found = []
    for said in request.GET.getlist("f"):
        try:
            found.append(customers.parse_filter(said))
        except Invalid:
            raise Invalid(_NO_FILTER % {"text": said[:80]}) from None
    return found


def chips(request: HttpRequest, filters: Sequence[Filter], *, offered: Mapping[str, Field], here: Brand) -> list[Chip]:
    """The filters in words, each with the way to take it away."""
    return [
        Chip(
            text=_words(each, field=field_of(each.field, offered), here=here),
            url=_url(request, f=[customers.filter_text(other) for other in filters if other is not each]),
        )
        for each in filters
    ]


def fields_to_add(request: HttpRequest, offered: Mapping[str, Field]) -> list[parts.Tab]:
    """What a filter can be added on, each with its address."""
    return [
        parts.Tab(id=f"add-{number}", label=str(field.label), url=_url(request, add=[field.key]))
        for number, field in enumerate(offered.values())
        if field.is_filter
    ]


def addition(request: HttpRequest, *, offered: Mapping[str, Field], here: Brand) -> Addition | None:
    """The form of the filter that is being added; None where none is."""
    key = request.GET.get("add", "")
    if not key:
        return None
    try:
        operators = customers.operators_of(key)
    except Invalid:
        return None
    field = field_of(key, offered)
    said = request.GET.get("op", "")
    operator = Operator(said) if said in operators else operators[0]
    kept = _query(request)
    return Addition(
        field=field,
        operators=[
            parts.Tab(
                id=f"op-{each}",
                label=str(_OPERATORS[each][0]),
                url=_url(request, add=[key], op=[each]),
                is_current=each is operator,
            )
            for each in operators
        ],
        form=AddFilter(request.GET if "apply" in request.GET else None, field=field, operator=operator, here=here),
        hidden=[(name, value) for name, values in kept.lists() for value in values]
        + [("add", key), ("op", operator), ("apply", "1")],
        cancel_url=_url(request),
    )


def with_filter(request: HttpRequest, added: Filter) -> str:
    """The address of the list with one more filter; one that is there already stays once."""
    said = [*request.GET.getlist("f"), customers.filter_text(added)]
    return _url(request, f=[*dict.fromkeys(said)])


def field_of(key: str, offered: Mapping[str, Field]) -> Field:
    """The field of a key, also of a trait that is not offered."""
    return offered.get(key) or columns.trait_field(key.removeprefix(columns.TRAITS))


def _query(request: HttpRequest) -> QueryDict:
    query = request.GET.copy()
    for name in (*_OF_FORM, "page"):
        query.pop(name, None)
    return query


def _url(request: HttpRequest, **changes: Sequence[str]) -> str:
    query = _query(request)
    for name, values in changes.items():
        query.setlist(name, list(values))
    said = query.urlencode()
    return f"{request.path}?{said}" if said else request.path


def _words(said: Filter, *, field: Field, here: Brand) -> str:
    values = [_value(value, field=field, operator=said.operator, here=here) for value in said.values]
    return str(_OPERATORS[said.operator][1]) % {
        "field": field.label,
        "value": values[0] if values else "",
        "upto": values[-1] if values else "",
    }


def _value(value: Any, *, field: Field, operator: Operator, here: Brand) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, date):
        return formats.short_date(value)
    if isinstance(value, Decimal):
        if field.kind is Kind.MONEY and operator in _FIGURES:
            return formats.money(value, currency=here.currency)
        return formats.number(value, decimals=max(0, -int(value.normalize().as_tuple().exponent)))
    return _channel(field, value)


def _channel(field: Field, value: str) -> str:
    return commerce.channel_name(value) if field.key == "last_channel" else value
