"""Keys of the REST API: what each may do, and the operations on them. A key is shown once and kept as its hash."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.kernel.errors import Invalid, NotFound
from sadakat.platform import audit
from sadakat.platform.models import ApiKey

MAX_NAME_LENGTH: Final = 100
MAX_KEYS: Final = 1_000
PREFIX: Final = "sk_"


class Scope(StrEnum):
    """What a key may do: an area, and whether it reads or writes there. Writing does not include reading."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    LOYALTY_READ = "loyalty:read"
    LOYALTY_WRITE = "loyalty:write"
    METRICS_READ = "metrics:read"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    SOURCES_READ = "sources:read"
    SOURCES_WRITE = "sources:write"


SCOPE_LABELS: Final[dict[Scope, Promise]] = {
    Scope.CUSTOMERS_READ: gettext_lazy("Read customers, their orders, events, merges and conflicts."),
    Scope.CUSTOMERS_WRITE: gettext_lazy("Merge customers, undo merges and decide conflicts."),
    Scope.LOYALTY_READ: gettext_lazy("Read the programme, its members, their points and rewards."),
    Scope.LOYALTY_WRITE: gettext_lazy("Enrol members, give, spend and take points, redeem rewards."),
    Scope.METRICS_READ: gettext_lazy("Read the figures of the company."),
    Scope.SEGMENTS_READ: gettext_lazy("Read segments and who is in them."),
    Scope.SEGMENTS_WRITE: gettext_lazy("Add and change segments, ask rules of everybody, and change lists."),
    Scope.SOURCES_READ: gettext_lazy("Read sources with their events and what was refused."),
    Scope.SOURCES_WRITE: gettext_lazy("Add and change sources, and replace their write keys."),
}


def create_key(*, name: str, scopes: Collection[str], actor: audit.Actor, at: datetime) -> tuple[ApiKey, str]:
    """Adds a key and gives it, which cannot be shown again.

    Raises:
        Invalid: a name that cannot be, no scope, or one that there is not.
    """
    values = {"name": _name(name), "scopes": _scopes(scopes)}
    key = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic(durable=True):
        row = ApiKey.objects.create(
            key_hash=_hash(key), key_hint=key[-4:], created_by=actor.name, created_at=at, **values
        )
        audit.record(actor=actor, at=at, action="platform.api_key_created", subject=f"apikey:{row.pk}", new=values)
    return row, key


def revoke_key(*, key_id: int, actor: audit.Actor, at: datetime) -> bool:
    """Ends a key at once and for good; says whether anything changed.

    Raises:
        NotFound: there is no such key.
    """
    with transaction.atomic(durable=True):
        row = ApiKey.objects.select_for_update().filter(pk=key_id).first()
        if row is None:
            raise NotFound(f"there is no API key {key_id}")
        if row.revoked_at is not None:
            return False
        ApiKey.objects.filter(pk=key_id).update(revoked_at=at)
        old = {"name": row.name, "scopes": row.scopes}
        audit.record(actor=actor, at=at, action="platform.api_key_revoked", subject=f"apikey:{key_id}", old=old)
    return True


def every_key() -> Sequence[ApiKey]:
    """Every key: those that count by name, then those revoked, the latest first."""
    return list(ApiKey.objects.order_by(F("revoked_at").desc(nulls_first=True), "name", "id")[:MAX_KEYS])


def key_of(token: str, *, at: datetime) -> ApiKey | None:
    """The key that a caller shows, unless it is unknown or revoked; notes the day on which it was used.

    The day is written once, so that a busy key is not a busy row.
    """
    row = ApiKey.objects.filter(key_hash=_hash(token), revoked_at=None).first()
    if row is not None and row.last_used_date != at.date():
        ApiKey.objects.filter(pk=row.pk).update(last_used_date=at.date())
    return row


def actor_of(key: ApiKey) -> audit.Actor:
    """The name under which the audit log knows a key."""
    return audit.Actor(f"apikey:{key.pk}", key.name)


def _hash(key: str) -> bytes:
    """What is kept of a key. Keys are random, so a plain hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise Invalid(_("A name has 1 to %(limit)d printable characters.") % {"limit": MAX_NAME_LENGTH})
    return name


def _scopes(wanted: Collection[str]) -> list[str]:
    known = [scope.value for scope in Scope]
    if unknown := sorted(set(wanted) - set(known)):
        raise Invalid(f"scopes are {', '.join(known)}; not {', '.join(unknown)[:80]}")
    if not wanted:
        raise Invalid(_("A key needs at least one scope."))
    return [scope for scope in known if scope in wanted]
