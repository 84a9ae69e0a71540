"""Putting people on lists and taking them off."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from django.db import transaction

from sadakat.customers import api as customers
from sadakat.customers.types import IdentifierType
from sadakat.events import api as events
from sadakat.kernel.errors import Invalid, Refused
from sadakat.platform import audit
from sadakat.segments import evaluation, operations
from sadakat.segments.types import Kind, ListReport, Reason

MAX_REFERENCES: Final = 500_000
MAX_UNKNOWN: Final = 100
"""References named in a report."""
# Headings of a column of references, by what they say these are; an id needs no type.
_HEADINGS: Final = {
    **{kind.value: kind.value for kind in IdentifierType},
    "e-mail": "email",
    "e-posta": "email",
    "eposta": "email",
    "telefon": "phone",
    "kart": "card",
    "id": "",
    "customer": "",
    "customer_id": "",
}


def add_to_list(key: str, references: Iterable[str], *, actor: audit.Actor, at: datetime) -> ListReport:
    """Puts customers on a list, each named by an id or `TYPE:VALUE`; those who are on it already stay.

    Raises:
        NotFound: there is no such segment.
        Refused: it is no list, archived, or kept by a context.
        Invalid: too many at once.
    """
    return _change(key, references, is_member=True, actor=actor, at=at)


def remove_from_list(key: str, references: Iterable[str], *, actor: audit.Actor, at: datetime) -> ListReport:
    """Takes customers off a list; in the report `added` are those taken off, `already` those who were not on it.

    Raises:
        NotFound, Refused, Invalid: as in `add_to_list`.
    """
    return _change(key, references, is_member=False, actor=actor, at=at)


def read_references(path: Path, *, file_name: str) -> list[str]:
    """The customers that the first column of a CSV, Excel, Parquet or JSON lines file names, as in `references`.

    Raises:
        Invalid: it cannot be read, or names too many.
    """
    found = references(islice(events.first_column(path, file_name=file_name), MAX_REFERENCES + 2))
    _refuse_many(found)
    return found


def references(cells: Iterable[str]) -> list[str]:
    """Cells as `add_to_list` takes them: a heading says what they are, or else each cell itself does.

    >>> references(["email", "ayse@example.com", "card:12"])
    ['email:ayse@example.com', 'card:12']
    >>> references(["ayse@example.com", "+905321112233", "card:12", "42"])
    ['email:ayse@example.com', 'phone:+905321112233', 'card:12', '42']
    """
    said = [cell.strip() for cell in cells if cell.strip()]
    kind = _HEADINGS.get(said[0].casefold()) if said else None
    return [_reference(cell, kind=kind) for cell in (said if kind is None else said[1:])]


def _reference(cell: str, *, kind: str | None) -> str:
    if cell.partition(":")[0] in set(IdentifierType):
        return cell
    if kind is None:
        kind = "email" if "@" in cell else "phone" if cell.startswith("+") else ""
    return f"{kind}:{cell}" if kind else cell


def _refuse_many(references: Sequence[str]) -> None:
    if len(references) > MAX_REFERENCES:
        raise Invalid(f"at most {MAX_REFERENCES} customers at once, not {len(references)}")


def _change(key: str, references: Iterable[str], *, is_member: bool, actor: audit.Actor, at: datetime) -> ListReport:
    wanted = list(dict.fromkeys(said for each in references if (said := each.strip())))
    _refuse_many(wanted)
    with transaction.atomic(durable=True):
        row = operations.own_row(key)
        if row.kind != Kind.LIST:
            raise Refused(f"{row.key} has a rule; people are put on lists")
        found = customers.find_many(wanted)
        ids = set(found.values())
        changed = evaluation.put(row, customer_ids=ids, at=at, reason=Reason.HAND, is_member=is_member)
        if changed:
            evaluation.evaluate(ids, at=at, reason=Reason.HAND, keys=[row.key])
        unknown = [each for each in wanted if each not in found]
        report = ListReport(
            added=changed,
            already=len(ids) - changed,
            unknown=tuple(unknown[:MAX_UNKNOWN]),
            unknown_count=len(unknown),
        )
        audit.record(
            actor=actor,
            at=at,
            action="segments.list_added" if is_member else "segments.list_removed",
            subject=f"segment:{row.key}",
            new={"customers": changed, "unknown": report.unknown_count},
        )
    return report
