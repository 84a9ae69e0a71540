"""Liability told outside: as JSON, and as a file for the accountant, which the audit log notes."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from sadakat.loyalty.queries import liability as queries
from sadakat.loyalty.types import Liability, LiabilityPart, Replay, ReplayedRule, RollForward
from sadakat.platform import audit, brand

HEADS: Final = ("part", "key", "figure", "value", "unit")
"""Columns of the file."""
_MINOR: Final = "_minor"


def figures_json(told: Liability | Replay) -> dict[str, Any]:
    """A liability or a replay as they are told outside: amounts as `{"amount", "currency"}`, days as ISO."""
    currency = brand.current().currency
    return {
        name.removesuffix(_MINOR): [_json(one, currency) for one in value]
        if isinstance(value, tuple)
        else _value(name, value, currency)
        for name, value in _fields(told)
    }


def export_liability(*, as_of: date, actor: audit.Actor, at: datetime) -> Iterator[Sequence[Any]]:
    """The rows of the file under `HEADS`, one figure each; amounts in minor units, named by the currency.

    Raises:
        Invalid: a date that cannot be asked for.
    """
    told, currency = queries.liability(as_of=as_of), brand.current().currency
    with transaction.atomic(durable=True):
        audit.record(
            actor=actor,
            at=at,
            action="loyalty.liability_exported",
            subject="loyalty:liability",
            new={"as_of": str(as_of)},
        )
    return _rows(told, currency=currency)


def _rows(told: Liability, *, currency: str) -> Iterator[Sequence[Any]]:
    for name, value in _fields(told):
        if isinstance(value, tuple):
            for one in value:
                (_, key), *figures = _fields(one)
                yield from ((name, str(key), *_figure(figure, said, currency)) for figure, said in figures)
        elif name != "as_of":
            yield ("total", str(told.as_of), *_figure(name, value, currency))


def _figure(name: str, value: Any, currency: str) -> tuple[str, Any, str]:
    if name.endswith(_MINOR):
        return name.removesuffix(_MINOR), value, f"{currency} minor units"
    return name, value, "share" if name.endswith("_rate") else "points"


def _json(one: LiabilityPart | RollForward | ReplayedRule, currency: str) -> dict[str, Any]:
    return {name.removesuffix(_MINOR): _value(name, value, currency) for name, value in _fields(one)}


def _value(name: str, value: Any, currency: str) -> Any:
    if name.endswith(_MINOR):
        return {"amount": value, "currency": currency}
    return value.isoformat() if isinstance(value, date) else value


def _fields(told: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(told, field.name)) for field in fields(told)]
