"""Reads of the ground: the team and the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sadakat.platform.models import AuditEntry, User

AUDIT_PAGE_ROWS: Final = 50
TEAM_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One operation that somebody did."""

    id: int
    at: datetime
    actor: str
    """`user:ID`, `cli` or `system`."""
    actor_name: str
    """As it was then."""
    action: str
    """Dotted: `team.role_changed`."""
    subject: str
    """`TYPE:ID`."""
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, latest recorded first."""

    rows: Sequence[AuditRow]
    next_before: int | None
    """Pass it as `before` for the next page; None on the last one."""


def audit_page(
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    from_at: datetime | None = None,
    until_at: datetime | None = None,
    before: int | None = None,
    limit: int = AUDIT_PAGE_ROWS,
) -> AuditPage:
    """The entries that meet all given filters, `until_at` not included, each page after the last by its id."""
    filters = {
        "actor": actor,
        "action": action,
        "subject": subject,
        "at__gte": from_at,
        "at__lt": until_at,
        "id__lt": before,
    }
    said = {name: value for name, value in filters.items() if value is not None}
    entries = AuditEntry.objects.filter(**said).order_by("-id")[: limit + 1]
    rows = [
        AuditRow(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            actor_name=entry.actor_name,
            action=entry.action,
            subject=entry.subject,
            old=entry.old,
            new=entry.new,
        )
        for entry in entries
    ]
    return AuditPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def team() -> Sequence[User]:
    """Everybody, active first, then by name."""
    return list(User.objects.order_by("-is_active", "name", "id")[:TEAM_MAX])
