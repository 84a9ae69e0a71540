"""Columns of the list of customers: which there are, which somebody has chosen, and how each is shown."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.commerce import api as commerce
from sadakat.console.web import words
from sadakat.customers import api as customers
from sadakat.customers.types import CustomerRow, Feature, FeatureType
from sadakat.platform.brand import Brand
from sadakat.platform.models import User
from sadakat.platform.ui import formats, parts

PREFERENCE: Final = "customers_columns"
IDENTIFIERS: Final = "identifiers"
TRAITS: Final = "traits."
USUAL: Final = ("traits.city", IDENTIFIERS, "orders", "revenue_minor", "last_order_at", "last_seen_at")
SHOWN_IDENTIFIERS: Final = 2
# They stand in the name and among the identifiers.
_ELSEWHERE: Final = {"firstName", "first_name", "lastName", "last_name", "name", "email", "phone", "card"}


class Kind(enum.Enum):
    """How a column is shown and compared."""

    IDENTIFIERS = enum.auto()
    TRAIT = enum.auto()
    TEXT = enum.auto()
    NUMBER = enum.auto()
    MONEY = enum.auto()
    DATE = enum.auto()
    FLAG = enum.auto()


_KINDS: Final = {
    FeatureType.TEXT: Kind.TEXT,
    FeatureType.INTEGER: Kind.NUMBER,
    FeatureType.NUMBER: Kind.NUMBER,
    FeatureType.INSTANT: Kind.DATE,
    FeatureType.FLAG: Kind.FLAG,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something known of customers that the list can show."""

    key: str
    """In addresses and in the head of an exported file: a feature, `traits.NAME` or `identifiers`."""
    label: str | Promise
    kind: Kind
    meaning: str = ""
    """A sentence in the reader's language."""
    is_count: bool = False
    """A count or an amount: 0 as long as nobody has written it."""

    @property
    def is_filter(self) -> bool:
        """Whether customers can be filtered by it; for identifiers there is the search."""
        return self.kind is not Kind.IDENTIFIERS

    @property
    def column(self) -> parts.Column:
        """Its column in the table."""
        is_figure = self.kind in {Kind.NUMBER, Kind.MONEY, Kind.DATE}
        is_sorted = self.kind not in {Kind.IDENTIFIERS, Kind.TRAIT}
        return parts.Column(
            label=self.label, key=self.key if is_sorted else "", is_numeric=is_figure, starts_descending=is_figure
        )

    def value(self, row: CustomerRow) -> Any:
        """What it is for a customer; None where it is not known."""
        if self.kind is Kind.IDENTIFIERS:
            return row.identifiers
        if self.kind is Kind.TRAIT:
            return row.traits.get(self.key.removeprefix(TRAITS))
        value = row.features.get(self.key)
        return 0 if value is None and self.is_count else value

    def lines(self, row: CustomerRow, *, here: Brand) -> list[str]:
        """What a cell says in the reader's language."""
        value = self.value(row)
        if self.kind is Kind.IDENTIFIERS:
            return [key.partition(":")[2] for key in value[:SHOWN_IDENTIFIERS]]
        return [self.text(value, here=here)]

    def text(self, value: Any, *, here: Brand) -> str:
        """One of its values in the reader's language."""
        if value is None:
            return "" if self.kind in {Kind.TRAIT, Kind.TEXT} else formats.UNKNOWN
        if isinstance(value, datetime):
            return formats.short_date(value.astimezone(here.zone).date())
        if self.kind is Kind.MONEY:
            return formats.money(value, currency=here.currency)
        if self.kind is Kind.NUMBER:
            return formats.number(value, decimals=0 if value == int(value) else 2)
        return commerce.channel_name(value) if self.key == "last_channel" else words.trait_text(value)

    def plain(self, row: CustomerRow) -> Any:
        """What it is in a file for machines: UTC instants, minor units, lists and objects as JSON."""
        value = self.value(row)
        if isinstance(value, tuple):
            return " ".join(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return msgspec.json.encode(value).decode() if isinstance(value, list | dict | bool) else value


def fields() -> dict[str, Field]:
    """All that the list can show, by key, in the order of its columns."""
    features = customers.features()
    # Orders come first: they are what a shop looks for.
    ordered = sorted(features.values(), key=lambda each: each.owner != "commerce")
    traits = {"city", *customers.trait_names()} - _ELSEWHERE
    found = [
        trait_field("city"),
        Field(key=IDENTIFIERS, label=gettext_lazy("Identifiers"), kind=Kind.IDENTIFIERS),
        *(_feature_field(each) for each in ordered),
        *(trait_field(name) for name in sorted(traits - {"city"}, key=customers.order_of_trait)),
    ]
    return {field.key: field for field in found}


def trait_field(name: str) -> Field:
    """The field of a trait, also of one that no customer has."""
    return Field(key=TRAITS + name, label=customers.label_of_trait(name), kind=Kind.TRAIT)


def chosen(request: HttpRequest, offered: Mapping[str, Field]) -> list[Field]:
    """The columns beside the name: those of the address, else those this person likes, else the usual ones."""
    asked: Any = request.GET.getlist("columns")
    if not asked and isinstance(request.user, User):
        asked = request.user.preferences.get(PREFERENCE)
    wanted = set(asked or USUAL)
    return [field for key, field in offered.items() if key in wanted] or [offered[key] for key in USUAL]


def _feature_field(feature: Feature) -> Field:
    return Field(
        key=feature.name,
        label=_(feature.label),
        kind=Kind.MONEY if feature.is_money else _KINDS[feature.type],
        meaning=_(feature.meaning),
        is_count=feature.is_count,
    )
