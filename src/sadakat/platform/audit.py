"""The audit log: one row for every operation, in its own transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sadakat.platform.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something."""

    key: str
    """`user:ID`, `cli` or `system`."""
    name: str


SYSTEM = Actor("system", "Sadakat")
CLI = Actor("cli", "Command line")


def record(
    *, actor: Actor, at: datetime, action: str, subject: str, old: Any = None, new: Any = None
) -> None:
    """Adds an entry; call it inside the operation's transaction.

    `action` is dotted (`events.source_created`), `subject` is `TYPE:ID`, `old` and `new` are JSON values.
    """
    AuditEntry.objects.create(
        at=at, actor=actor.key, actor_name=actor.name, action=action, subject=subject, old=old, new=new
    )
