"""Reads a programme from its file, refuses what cannot be meant, and writes it down again.

The document has the fields of `types.Programme` under their own names; docs/how-to/loyalty-programme.md is its manual.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, get_args

import msgspec

from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import Vocabulary
from sadakat.loyalty.rules.checking import check, fault
from sadakat.loyalty.rules.earning import ORDER
from sadakat.loyalty.types import Cap, EarningRule, Multiplier, Programme, Tier

BIRTHDAY: Final = "Birthday"
"""The event of rules for a member's birthday, which no shop has to send."""
_NOT_IN_DOCUMENTS: Final = frozenset({"version", "applied_at", "applied_by"})
_MISSING: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "name": {"en": "Loyalty programme", "tr": "Sadakat programı"},
        "time_zone": "",
        "is_enrolment_automatic": False,
        "award_back_days": 0,
        "basis": "net",
        "rounding": "floor",
        "active_from": "at_once",
        "active_after_days": 0,
        "active_on": None,
        "active_on_event": "",
        "expiry": {},
        "claw_back": "within_balance",
        "rules": (),
        "multipliers": (),
        "ladder": {},
        "burning": {},
    }
)


def _named(key: str, en: str, tr: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "name": {"en": en, "tr": tr}, **more}


DEFAULT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "name": {"en": "Loyalty club", "tr": "Sadakat kulübü"},
        "is_enrolment_automatic": True,
        "award_back_days": 30,
        "active_from": "after_days",
        "active_after_days": 14,
        "expiry": {"span": "months", "count": 12},
        "rules": [
            _named("purchases", "Purchases", "Alışveriş", event=ORDER, points_per_unit=1),
            _named("first-order", "First order", "İlk sipariş", event=ORDER, points=100, nth_orders=[1]),
            _named("welcome", "Welcome", "Hoş geldiniz", event="Member Enrolled", points=50),
            _named("birthday", "Birthday", "Doğum günü", event=BIRTHDAY, points=100),
            _named(
                "profile",
                "Completed profile",
                "Tamamlanan profil",
                event="Profile Completed",
                points=50,
                caps=[{"per": "ever", "times": 1}],
            ),
            _named(
                "reviews",
                "Product reviews",
                "Ürün yorumları",
                event="Product Reviewed",
                points=20,
                caps=[{"per": "month", "times": 5}],
            ),
            _named(
                "surveys",
                "Surveys",
                "Anketler",
                event="Survey Answered",
                points=20,
                caps=[{"per": "month", "times": 2}],
            ),
            _named(
                "shares",
                "Shared products",
                "Paylaşılan ürünler",
                event="Product Shared",
                points=5,
                caps=[{"per": "day", "times": 1}, {"per": "month", "points": 50}],
            ),
            _named(
                "referrals",
                "Friends brought",
                "Getirilen arkadaşlar",
                event="Referral Completed",
                points=200,
                caps=[{"per": "year", "times": 10}],
            ),
            _named(
                "gatherings",
                "Events attended",
                "Katılınan etkinlikler",
                event="Event Attended",
                points=50,
                caps=[{"per": "month", "times": 2}],
            ),
        ],
        "ladder": {
            "metric": "earned",
            "window": "calendar_year",
            "validity": "end_of_next_period",
            "downgrade": "one_step",
            "tiers": [
                _named("bronze", "Bronze", "Bronz", threshold=0),
                _named(
                    "silver",
                    "Silver",
                    "Gümüş",
                    threshold=1_000,
                    multiplier=1.25,
                    benefits={"en": ["Free shipping"], "tr": ["Ücretsiz kargo"]},
                ),
                _named(
                    "gold",
                    "Gold",
                    "Altın",
                    threshold=3_000,
                    multiplier=1.5,
                    benefits={
                        "en": ["Free shipping", "Early access to sales", "A gift on your birthday"],
                        "tr": ["Ücretsiz kargo", "İndirimlere erken erişim", "Doğum gününde hediye"],
                    },
                ),
            ],
        },
        "burning": {"points_step": 100, "step_minor": 100, "least_points": 100, "most_share": 0.5},
    }
)
"""A sensible programme to begin with."""


def read(content: str) -> Mapping[str, Any]:
    """The document in a file: JSON where it begins with a brace, else TOML.

    Raises:
        Invalid: it is neither.
    """
    try:
        return dict(json.loads(content) if content.lstrip().startswith("{") else tomllib.loads(content))
    except ValueError as error:
        raise Invalid(f"a programme is a TOML or JSON file: {error}") from None


def parse(
    document: Mapping[str, Any],
    *,
    vocabulary: Vocabulary | None = None,
    time_zone: str = "UTC",
    version: int = 0,
    applied_at: datetime | None = None,
    applied_by: str = "",
) -> Programme:
    """The programme of a document.

    Args:
        document: What `read` gives, or what `as_json` has written.
        vocabulary: What conditions on customers may speak of; None: they have been checked when they were applied.
        time_zone: The brand's, for a document that says none.
        version: Of the programme.
        applied_at: When it became the programme.
        applied_by: The name of who did that.

    Raises:
        Invalid: it is none; the text begins with the path to the fault.
    """
    _refuse_unknown(document, Programme, path="")
    known = {**_MISSING, **document, "version": version, "applied_at": applied_at, "applied_by": applied_by}
    try:
        programme = msgspec.convert(known, Programme)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$.")
        raise fault(path.rstrip("`"), reason=said) from None
    if not programme.time_zone:
        programme = dataclasses.replace(programme, time_zone=time_zone)
    check(programme, vocabulary=vocabulary)
    return programme


def as_json(programme: Programme) -> dict[str, Any]:
    """The document of a programme; of rules, multipliers and tiers only what is not as it would be anyway.

    `parse` makes the same programme of it, also where the brand's time zone is another by then.
    """
    return {
        field.name: _as_json(getattr(programme, field.name))
        for field in dataclasses.fields(programme)
        if field.name not in _NOT_IN_DOCUMENTS and getattr(programme, field.name) is not None
    }


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(each) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    leave_out = isinstance(value, EarningRule | Multiplier | Tier | Cap)
    return {
        field.name: _as_json(said)
        for field in dataclasses.fields(value)
        if (said := getattr(value, field.name)) != _default(field) or not leave_out
    }


def _default(field: "dataclasses.Field[Any]") -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _refuse_unknown(said: Any, form: Any, *, path: str) -> None:
    """Goes down the document as far as the fields of `form` do; what has another shape is refused afterwards."""
    if not isinstance(said, Mapping):
        return
    fields = {field.name: field.type for field in dataclasses.fields(form) if field.name not in _NOT_IN_DOCUMENTS}
    for key, value in said.items():
        if key not in fields:
            raise fault(f"{path}{key}", reason=f"there is no such field; there is {', '.join(fields)}")
        for inner in filter(dataclasses.is_dataclass, (fields[key], *get_args(fields[key]))):
            if isinstance(value, list | tuple):
                for place, part in enumerate(value):
                    _refuse_unknown(part, inner, path=f"{path}{key}[{place}].")
            else:
                _refuse_unknown(value, inner, path=f"{path}{key}.")
