"""Filters of the list of customers, and their text form `FIELD.OPERATOR.VALUE` in which an address holds them."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from sadakat.customers.types import Feature, FeatureType, Filter, Operator
from sadakat.kernel import text as kernel_text
from sadakat.kernel.errors import Invalid

TRAITS: Final = "traits."
"""What the field of a trait begins with."""
MAX_FILTERS: Final = 20
MAX_VALUE_LENGTH: Final = 200
MAX_DAYS: Final = 36_500
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200

_TEXT: Final = (Operator.IS, Operator.CONTAINS, Operator.STARTS_WITH)
_NUMBER: Final = (Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN)
_DATE: Final = (Operator.WITHIN_DAYS, Operator.BEFORE, Operator.AFTER)
_OPERATORS: Final = {
    FeatureType.TEXT: (*_TEXT, Operator.IS_EMPTY),
    FeatureType.INTEGER: (*_NUMBER, Operator.IS_EMPTY),
    FeatureType.NUMBER: (*_NUMBER, Operator.IS_EMPTY),
    FeatureType.INSTANT: (*_DATE, Operator.IS_EMPTY),
    FeatureType.FLAG: (Operator.IS,),
}
# A trait has whatever type the shop sends: what cannot be compared so does not fit.
_TRAIT_OPERATORS: Final = (*_TEXT, *_NUMBER, *_DATE, Operator.IS_EMPTY)
_FORM: Final = re.compile(rf"(traits\..+?|[a-z][a-z0-9_]*)\.({'|'.join(Operator)})(?:\.(.*))?", re.DOTALL)
_FIGURE: Final = re.compile(r"-?\d{1,15}(\.\d{1,6})?", re.ASCII)
_FLAGS: Final = {"yes": True, "no": False}


def operators_of(field: str, *, features: Mapping[str, Feature]) -> tuple[Operator, ...]:
    """How a field can be compared.

    Raises:
        Invalid: there is no such field.
    """
    if field.startswith(TRAITS) and field != TRAITS and "\0" not in field:
        return _TRAIT_OPERATORS
    if field not in features:
        known = ", ".join(sorted(features))
        raise Invalid(f"customers can be filtered by {known} and {TRAITS}NAME, not {field!r:.60}")
    # A count that nobody has written yet is 0.
    return _NUMBER if features[field].is_count else _OPERATORS[features[field].type]


def parse_filter(said: str, *, features: Mapping[str, Feature]) -> Filter:
    """The filter that a text means; the two values of `between` are joined by `..`.

    Raises:
        Invalid: it has another form, no such field or operator, or a value that cannot be.
    """
    form = _FORM.fullmatch(said)
    if form is None:
        raise Invalid(f"a filter is written FIELD.OPERATOR.VALUE such as orders.at_least.5, not {said!r:.80}")
    field, operator, value = form.group(1), Operator(form.group(2)), form.group(3)
    if operator is Operator.IS_EMPTY:
        values = () if value is None else (value,)
    else:
        values = tuple((value or "").split("..")) if operator is Operator.BETWEEN else (value or "",)
    return make_filter(field, operator, values, features=features)


def make_filter(field: str, operator: Operator, values: Sequence[str], *, features: Mapping[str, Feature]) -> Filter:
    """The filter of these parts, its values still texts.

    Raises:
        Invalid: no such field or operator, or a value that cannot be.
    """
    known = operators_of(field, features=features)
    if operator not in known:
        raise Invalid(f"{field!r:.60} is compared by {', '.join(known)}, not {operator}")
    expected = {Operator.BETWEEN: 2, Operator.IS_EMPTY: 0}.get(operator, 1)
    if len(values) != expected:
        raise Invalid(f"{operator} takes {expected} values, not {len(values)}")
    is_flag = field in features and features[field].type is FeatureType.FLAG
    read = tuple(_flag(value) if is_flag else _value(value, operator=operator) for value in values)
    if operator is Operator.BETWEEN and Decimal(values[0]) > Decimal(values[1]):
        raise Invalid(f"between goes from the smaller to the larger figure, not from {values[0]} to {values[1]}")
    return Filter(field=field, operator=operator, values=read)


def text_of(said: Filter) -> str:
    """The text that `parse_filter` reads as this filter.

    >>> text_of(Filter(field="orders", operator=Operator.BETWEEN, values=(Decimal(5), Decimal(10))))
    'orders.between.5..10'
    """
    values = ["yes" if v is True else "no" if v is False else str(v) for v in said.values]
    return ".".join([said.field, said.operator, *(["..".join(values)] if values else [])])


def _value(value: str, *, operator: Operator) -> str | Decimal | date:
    if operator in _NUMBER:
        return _figure(value)
    if operator is Operator.WITHIN_DAYS:
        days = _figure(value)
        if days != int(days) or not 1 <= days <= MAX_DAYS:
            raise Invalid(f"expected 1 to {MAX_DAYS} whole days, not {value!r:.40}")
        return days
    return _day(value) if operator in _DATE else _words(value)


def _figure(value: str) -> Decimal:
    if not _FIGURE.fullmatch(value):
        raise Invalid(f"expected a figure such as 5 or 1.5, not {value!r:.40}")
    return Decimal(value)


def _day(value: str) -> date:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Invalid(f"expected a day such as 2026-11-20, not {value!r:.40}") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid(f"expected a day of the years {FIRST_YEAR} to {LAST_YEAR}, not {value!r:.40}")
    return day


def _words(value: str) -> str:
    if not kernel_text.fold(value) or len(value) > MAX_VALUE_LENGTH or "\0" in value:
        raise Invalid(f"expected a text of 1 to {MAX_VALUE_LENGTH} characters, not {value!r:.40}")
    return value


def _flag(value: str) -> bool:
    if value not in _FLAGS:
        raise Invalid(f"expected yes or no, not {value!r:.40}")
    return _FLAGS[value]
