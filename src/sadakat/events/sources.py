"""Who may send: reading sources and the operations on them. A write key is shown once and kept as its hash."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import IntegrityError, connection, transaction

from sadakat.events import models, rules
from sadakat.events.types import MappingRule, Source, SourceKind
from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.platform import audit

# Another process may have changed a source this long ago without this one knowing.
MAX_AGE_SECONDS: Final = 1.0
MAX_NAME_LENGTH: Final = 100
MAX_ORIGINS: Final = 100
SELECT_SOURCES: Final = (
    "SELECT id, name, kind, is_trusted, joins_profiles, accepts_orders, namespace, allowed_origins, is_enabled,"
    " key_hash, mapping, (SELECT time_zone FROM platform_brand) FROM events_source ORDER BY id"
)
_FLAGS: Final = frozenset({"is_trusted", "joins_profiles", "accepts_orders", "is_enabled"})
_FIELDS: Final = _FLAGS | {"name", "namespace", "allowed_origins", "mapping"}

# Per database, when it was read and what was there.
_read: dict[str, tuple[float, Mapping[int, Source]]] = {}


def sources() -> Mapping[int, Source]:
    """Every source by id, at most `MAX_AGE_SECONDS` old."""
    database = str(connection.settings_dict["NAME"])
    read_at, known = _read.get(database, (-MAX_AGE_SECONDS, {}))
    now = time.monotonic()
    if now - read_at >= MAX_AGE_SECONDS:
        with connection.cursor() as cursor:
            cursor.execute(SELECT_SOURCES)
            known = {row[0]: source_of(row) for row in cursor.fetchall()}
        _read[database] = (now, known)
    return known


def source_of(row: tuple[Any, ...]) -> Source:
    """The source in one row of `SELECT_SOURCES`."""
    return Source(
        id=row[0],
        name=row[1],
        kind=SourceKind(row[2]),
        is_trusted=row[3],
        joins_profiles=row[4],
        accepts_orders=row[5],
        namespace=row[6],
        allowed_origins=tuple(row[7]),
        is_enabled=row[8],
        mapping=_mapping(row[10], time_zone=row[11]) if row[10] not in ([], "[]") else (),
    )


def _mapping(stored: Any, *, time_zone: str | None) -> tuple[MappingRule, ...]:
    # psycopg decodes JSON where Django's connection hands its text on.
    said = json.loads(stored) if isinstance(stored, str) else stored
    return rules.mapping_of(said, time_zone=time_zone or "UTC")


def source_named(name: str) -> Source:
    """The source of that name.

    Raises:
        NotFound: there is none.
    """
    for source in sources().values():
        if source.name == name:
            return source
    known = ", ".join(source.name for source in sources().values())
    raise NotFound(f"there is no source named {name!r:.120}; there are {known}")


def system_source_id() -> int:
    """The source of Sadakat's own facts, which the migrations put in."""
    for source in sources().values():
        if source.kind is SourceKind.SYSTEM:
            return source.id
    raise NotFound("the source of Sadakat's own facts is missing; the migrations put it in")


def create_source(
    *, name: str, kind: SourceKind, actor: audit.Actor, at: datetime, **options: Any
) -> tuple[Source, str]:
    """Adds a source and gives its write key, which cannot be shown again.

    `options` are fields of `Source` that shall differ from what the kind gives: browser keys are public, so
    what they send is not trusted, joins nobody and makes no orders; every other kind is trusted with orders.

    Raises:
        Invalid: a name or an option cannot be used.
        Conflict: the name is taken.
        Refused: there is one system source and it takes no key.
    """
    kind = _kind(kind)
    is_trusted = kind is not SourceKind.BROWSER
    values = {
        "is_trusted": is_trusted,
        "joins_profiles": is_trusted,
        "accepts_orders": is_trusted,
        "namespace": "",
        "allowed_origins": [],
        "mapping": [],
        "is_enabled": True,
        **_checked({"name": name, **options}),
    }
    key = secrets.token_hex(16)
    with _name_is_free(values["name"]), transaction.atomic(durable=True):
        row = models.Source.objects.create(
            kind=kind.value, key_hash=key_hash(key), key_hint=key[-4:], created_at=at, **values
        )
        audit.record(
            actor=actor,
            at=at,
            action="events.source_created",
            subject=f"source:{row.pk}",
            new={"kind": kind.value, **values},
        )
    _read.clear()
    return sources()[row.pk], key


def change_source(*, source_id: int, actor: audit.Actor, at: datetime, **changes: Any) -> Source:
    """Changes fields of a source; changing nothing writes nothing.

    Raises:
        NotFound: there is no such source.
        Invalid, Conflict: as in `create_source`.
        Refused: the system source stays as it is.
    """
    wanted = _checked(changes)
    with _name_is_free(wanted.get("name")), transaction.atomic(durable=True):
        row = _locked(source_id)
        old = {field: getattr(row, field) for field in sorted(wanted)}
        new = {field: wanted[field] for field in sorted(wanted)}
        if old != new:
            models.Source.objects.filter(pk=source_id).update(**wanted)
            audit.record(
                actor=actor, at=at, action="events.source_changed", subject=f"source:{source_id}", old=old, new=new
            )
    _read.clear()
    return sources()[source_id]


def renew_key(*, source_id: int, actor: audit.Actor, at: datetime) -> str:
    """Gives a source a new write key; the old one counts no longer.

    Raises:
        NotFound: there is no such source.
        Refused: the system source takes no key.
    """
    key = secrets.token_hex(16)
    with transaction.atomic(durable=True):
        row = _locked(source_id)
        old = {"key_hint": row.key_hint}
        models.Source.objects.filter(pk=source_id).update(key_hash=key_hash(key), key_hint=key[-4:])
        audit.record(
            actor=actor,
            at=at,
            action="events.source_key_renewed",
            subject=f"source:{source_id}",
            old=old,
            new={"key_hint": key[-4:]},
        )
    return key


def key_hash(key: str) -> bytes:
    """What is kept of a write key. Keys are random, so a plain hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def allows_origin(source: Source, origin: str | None) -> bool:
    """Whether a page of that origin may send with the key of `source`."""
    return source.kind is not SourceKind.BROWSER or not source.allowed_origins or origin in source.allowed_origins


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are stored.

    Raises:
        Invalid: a field is unknown or has a value that cannot be used.
    """
    checked = dict(values)
    for field, value in values.items():
        if field not in _FIELDS:
            raise Invalid(f"a source has no {field}; it has {', '.join(sorted(_FIELDS))}")
        if field == "allowed_origins":
            if len(value) > MAX_ORIGINS:
                raise Invalid(f"a source may have {MAX_ORIGINS} origins, not {len(value)}")
            checked[field] = sorted({_origin(text) for text in value})
        elif field == "mapping":
            checked[field] = [rule.as_json() for rule in rules.mapping_of(value)]
        elif field not in _FLAGS:
            checked[field] = value.strip()
            if len(checked[field]) > MAX_NAME_LENGTH:
                raise Invalid(f"{field} may have {MAX_NAME_LENGTH} characters, not {len(checked[field])}")
    if checked.get("name") == "":
        raise Invalid("a source needs a name")
    return checked


def _kind(kind: str) -> SourceKind:
    if kind == SourceKind.SYSTEM:
        raise Refused("there is one system source, and it is there already")
    try:
        return SourceKind(kind)
    except ValueError:
        possible = ", ".join(each for each in SourceKind if each is not SourceKind.SYSTEM)
        raise Invalid(f"kind must be one of {possible}, not {kind!r:.40}") from None


def _origin(text: str) -> str:
    """The form in which a browser says it: scheme, host and port, in lower case and with nothing behind."""
    try:
        parts = urlsplit(text.strip().rstrip("/").lower())
    except ValueError:  # a bracket that is not closed, as it would be around an IPv6 address
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query or parts.fragment:
        raise Invalid(f"an origin is like https://shop.example.com, not {text!r:.80}")
    return f"{parts.scheme}://{parts.netloc}"


@contextmanager
def _name_is_free(name: str | None) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise Conflict(f"another source is named {name!r}") from None


def _locked(source_id: int) -> models.Source:
    row = models.Source.objects.select_for_update().filter(pk=source_id).first()
    if row is None:
        raise NotFound(f"there is no source {source_id}")
    if row.kind == SourceKind.SYSTEM:
        raise Refused("the source of Sadakat's own facts stays as it is")
    return row
