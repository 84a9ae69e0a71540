"""The audit log: one row for every operation, in its own transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise

from sadakat.platform.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something."""

    key: str
    """`user:ID`, `cli` or `system`."""
    name: str


SYSTEM = Actor("system", "Sadakat")
CLI = Actor("cli", "Command line")

_words: dict[str, str | Promise] = {}


def record(*, actor: Actor, at: datetime, action: str, subject: str, old: Any = None, new: Any = None) -> None:
    """Adds an entry; call it inside the operation's transaction.

    `action` is dotted (`events.source_created`), `subject` is `TYPE:ID`, `old` and `new` are JSON values.
    """
    record_all([entry(actor=actor, at=at, action=action, subject=subject, old=old, new=new)])


def entry(*, actor: Actor, at: datetime, action: str, subject: str, old: Any = None, new: Any = None) -> AuditEntry:
    """What `record` adds, for `record_all`."""
    return AuditEntry(at=at, actor=actor.key, actor_name=actor.name, action=action, subject=subject, old=old, new=new)


def record_all(entries: Iterable[AuditEntry]) -> None:
    """Adds the entries of several operations that share a transaction; call it inside of that."""
    AuditEntry.objects.bulk_create(entries)


def register_words(words: Mapping[str, str | Promise]) -> None:
    """Adds what people read for an action (`team.role_changed`), a field (`role`) or a value (`role=owner`)."""
    _words.update(words)


def word(key: str, *, default: str | None = None) -> str:
    """What people read for `key`; without a registered word, `default` or the key itself."""
    return str(_words[key]) if key in _words else (key if default is None else default)


def actions() -> list[tuple[str, str]]:
    """Each action that has a word, with its word, in the order of the words."""
    return sorted(((key, str(text)) for key, text in _words.items() if "." in key), key=lambda pair: pair[1])
