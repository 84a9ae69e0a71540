"""Mappings that people have saved for the next file of the same columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import transaction

from sadakat.events import models
from sadakat.events.files.report import OWN_COLUMNS
from sadakat.events.types import ImportPlan, ImportPreset
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.platform import audit

MAX_NAME_LENGTH: Final = 100


def presets(target: str) -> Sequence[ImportPreset]:
    """The presets of a target, by name."""
    return [_preset(row) for row in models.ImportPreset.objects.filter(target=target).order_by("name")]


def preset_named(target: str, *, name: str) -> ImportPreset:
    """The preset of that name.

    Raises:
        NotFound: there is none.
    """
    known = {preset.name: preset for preset in presets(target)}
    if name not in known:
        raise NotFound(f"there is no preset {name!r:.120} for {target}; there are {', '.join(known) or 'none'}")
    return known[name]


def preset_for(target: str, *, columns: Sequence[str]) -> ImportPreset | None:
    """The latest preset that was saved from a file of the same columns, in whatever order; None where there is none."""
    rows = models.ImportPreset.objects.filter(target=target, columns__contains=list(columns)).order_by("-created_at")
    return next((_preset(row) for row in rows if set(row.columns) == set(columns)), None)


def save_preset(
    *, name: str, plan: ImportPlan, columns: Sequence[str], actor: audit.Actor, at: datetime
) -> ImportPreset:
    """Keeps a plan under a name of its target, in place of an older one; what is the same writes nothing.

    Raises:
        Invalid: the name is empty or too long.
    """
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise Invalid(f"a preset needs a name of at most {MAX_NAME_LENGTH} characters, not {len(name)}")
    # A file of rejected rows is one of the same columns.
    columns = [column for column in columns if column not in OWN_COLUMNS]
    new = {"plan": plan_as_json(plan), "columns": columns}
    with transaction.atomic(durable=True):
        row = models.ImportPreset.objects.select_for_update().filter(target=plan.target, name=name).first()
        old = {"plan": row.plan, "columns": row.columns} if row else None
        if old != new:
            row, _ = models.ImportPreset.objects.update_or_create(
                target=plan.target, name=name, defaults={**new, "created_at": at}
            )
            _record("events.preset_saved", plan.target, name, actor=actor, at=at, old=old, new=new)
    return ImportPreset(name=name, plan=plan, columns=tuple(columns))


def delete_preset(*, target: str, name: str, actor: audit.Actor, at: datetime) -> None:
    """Forgets a preset.

    Raises:
        NotFound: there is none of that name.
    """
    with transaction.atomic(durable=True):
        row = models.ImportPreset.objects.select_for_update().filter(target=target, name=name).first()
        if row is None:
            raise NotFound(f"there is no preset {name!r:.120} for {target}")
        row.delete()
        _record(
            "events.preset_deleted", target, name, actor=actor, at=at, old={"plan": row.plan, "columns": row.columns}
        )


def plan_as_json(plan: ImportPlan) -> Any:
    """A plan as it is kept."""
    return msgspec.to_builtins(plan)


def plan_of(kept: Any) -> ImportPlan:
    """The plan that was kept."""
    return msgspec.convert(kept, ImportPlan)


def _preset(row: models.ImportPreset) -> ImportPreset:
    return ImportPreset(name=row.name, plan=plan_of(row.plan), columns=tuple(row.columns))


def _record(
    action: str, target: str, name: str, *, actor: audit.Actor, at: datetime, old: Any = None, new: Any = None
) -> None:
    audit.record(actor=actor, at=at, action=action, subject=f"import_preset:{target}/{name}", old=old, new=new)
