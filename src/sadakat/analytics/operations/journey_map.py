"""What people say of the journey map: its touchpoints, who looks after a cell, and what is to be done about it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction

from sadakat.analytics import models
from sadakat.analytics.queries.journey_map import touchpoints
from sadakat.analytics.rules import journeys
from sadakat.analytics.types import ImprovementStatus
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import audit


def save_touchpoint(
    *,
    key: str,
    name: str,
    events: Sequence[str],
    having: Mapping[str, Any] | None = None,
    is_archived: bool = False,
    actor: audit.Actor,
    at: datetime,
) -> bool:
    """Adds a row to the map or changes one; false where it was so already.

    An empty `name` leaves a usual touchpoint its usual name. An archived one is left out of the map; its notes stay.

    Raises:
        Invalid: key, name, events or condition cannot be used.
        Conflict: the map has `MAX_TOUCHPOINTS` rows already.
    """
    usual = {each.key: place for place, each in enumerate(journeys.DEFAULT_TOUCHPOINTS)}
    name, where = journeys.touchpoint_fields(key=key, name=name, events=events, having=having)
    if not name and key not in usual:
        raise Invalid("a touchpoint of your own needs a name")
    with transaction.atomic(durable=True):
        known = {each.key: each for each in touchpoints(include_archived=True)}
        others = [each for each in known.values() if each.key != key and not each.is_archived]
        if not is_archived and len(others) >= journeys.MAX_TOUCHPOINTS:
            raise Conflict(f"a map has at most {journeys.MAX_TOUCHPOINTS} touchpoints; archive one first")
        new = {"name": name, "where": where, "is_archived": is_archived}
        before = known.get(key)
        old = before and {
            "name": before.name,
            "where": journeys.touchpoint_where(before),
            "is_archived": before.is_archived,
        }
        if old == new:
            return False
        rank = usual.get(key, len(known) if before is None else None)
        values = new if rank is None else new | {"rank": rank}
        models.Touchpoint.objects.update_or_create(key=key, defaults=values)
        action = "analytics.touchpoint_saved"
        audit.record(actor=actor, at=at, action=action, subject=f"touchpoint:{key}", old=old, new=new)
    return True


def note_cell(
    *, stage: str, touchpoint_key: str, owner_id: int | None, note: str, actor: audit.Actor, at: datetime
) -> bool:
    """Says who looks after a cell, and what is known of it; false where that was said already.

    Raises:
        Invalid: the note is too long.
        NotFound: there is no such cell.
    """
    note = note.strip()
    if len(note) > journeys.MAX_NOTE_LENGTH:
        raise Invalid(f"a note may have {journeys.MAX_NOTE_LENGTH} characters, not {len(note)}")
    _check_cell(stage, touchpoint_key)
    new: dict[str, Any] = {"owner_id": owner_id, "note": note}
    with transaction.atomic(durable=True):
        row, is_new = models.Cell.objects.select_for_update().get_or_create(
            stage=stage, touchpoint_key=touchpoint_key, defaults=new | {"changed_at": at}
        )
        old: dict[str, Any] = {"owner_id": None, "note": ""} if is_new else {"owner_id": row.owner_id, "note": row.note}
        if old == new:
            return False
        row.owner_id, row.note, row.changed_at = owner_id, note, at
        row.save()
        _record("cell_noted", stage, touchpoint_key, actor=actor, at=at, old=old, new=new)
    return True


def add_improvement(
    *,
    stage: str,
    touchpoint_key: str,
    title: str,
    owner_id: int | None = None,
    due_date: date | None = None,
    actor: audit.Actor,
    at: datetime,
) -> int:
    """Plans something about a cell; gives its id.

    Raises:
        Invalid: the title is empty or too long.
        NotFound: there is no such cell.
        Conflict: `MAX_IMPROVEMENTS` of the cell are still to be done.
    """
    title = _title(title)
    _check_cell(stage, touchpoint_key)
    status = ImprovementStatus.PLANNED
    fields = {"title": title, "owner_id": owner_id, "due_date": due_date, "status": status}
    with transaction.atomic(durable=True):
        own = models.Improvement.objects.filter(stage=stage, touchpoint_key=touchpoint_key)
        if own.filter(status__in=journeys.OPEN).count() >= journeys.MAX_IMPROVEMENTS:
            raise Conflict(f"a cell has at most {journeys.MAX_IMPROVEMENTS} open improvements")
        row = own.create(stage=stage, touchpoint_key=touchpoint_key, **fields, created_at=at, changed_at=at)
        _record("improvement_added", stage, touchpoint_key, actor=actor, at=at, old=None, new=_plain(fields))
    return row.pk


def change_improvement(
    improvement_id: int,
    *,
    title: str,
    owner_id: int | None,
    due_date: date | None,
    status: ImprovementStatus,
    actor: audit.Actor,
    at: datetime,
) -> bool:
    """Says what has become of an improvement; false where that was said already.

    Raises:
        Invalid: the title is empty or too long.
        NotFound: there is none of that id.
    """
    new = {"title": _title(title), "owner_id": owner_id, "due_date": due_date, "status": status}
    with transaction.atomic(durable=True):
        row = models.Improvement.objects.select_for_update().filter(pk=improvement_id).first()
        if row is None:
            raise NotFound(f"there is no improvement {improvement_id}")
        old = {name: getattr(row, name) for name in new}
        if old == new:
            return False
        for name, value in new.items():
            setattr(row, name, value)
        row.changed_at = at
        row.save()
        cell = row.stage, row.touchpoint_key
        _record("improvement_changed", *cell, actor=actor, at=at, old=_plain(old), new=_plain(new))
    return True


def _title(title: str) -> str:
    title = title.strip()
    if not 0 < len(title) <= journeys.MAX_TITLE_LENGTH:
        raise Invalid(f"a title has 1 to {journeys.MAX_TITLE_LENGTH} characters, not {len(title)}")
    return title


def _check_cell(stage: str, touchpoint_key: str) -> None:
    if stage not in list(journeys.STAGES) or touchpoint_key not in {
        each.key for each in touchpoints(include_archived=True)
    }:
        raise NotFound(f"there is no cell {stage:.40}/{touchpoint_key:.80} on the map")


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, date) else value for name, value in fields.items()}


def _record(
    action: str, stage: str, touchpoint_key: str, *, actor: audit.Actor, at: datetime, old: Any, new: Any
) -> None:
    audit.record(
        actor=actor, at=at, action=f"analytics.{action}", subject=f"cell:{stage}/{touchpoint_key}", old=old, new=new
    )
