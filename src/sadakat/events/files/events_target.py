"""Files whose rows are events: each row one call of the tracking format."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from django.utils.translation import gettext_lazy as _

from sadakat.events.types import CellType, ImportField, Kind, Row, Warn
from sadakat.kernel.errors import Invalid

_OBJECTS: Final = ("properties", "traits", "context")
_IDS: Final = {"user_id": "userId", "anonymous_id": "anonymousId", "message_id": "messageId"}
_TRAITS: Final = ("email", "phone")
_KINDS: Final = tuple(kind.name.lower() for kind in Kind)


class EventsTarget:
    """Rows that each are one event."""

    name = "events"
    label: object = _("Events")
    other_prefix = "property"
    group_by = ""
    fields: Sequence[ImportField] = (
        ImportField(name="type", label=_("Type of call"), aliases=("call", "tür", "çağrı türü")),
        ImportField(
            name="event",
            label=_("Event"),
            aliases=("event name", "event type", "action", "olay", "olay adı", "eylem"),
        ),
        ImportField(
            name="timestamp",
            label=_("Time"),
            type=CellType.INSTANT,
            aliases=(
                "original timestamp", "time", "date", "datetime", "event time", "event date", "created at",
                "occurred at", "zaman", "tarih", "olay zamanı", "olay tarihi", "tarih saat",
            ),
        ),
        ImportField(
            name="user_id",
            label=_("Customer number"),
            aliases=("user", "customer id", "customer no", "müşteri no", "müşteri id", "kullanıcı no", "üye no"),
        ),
        ImportField(
            name="anonymous_id",
            label=_("Anonymous id"),
            aliases=("visitor id", "device id", "cookie id", "ziyaretçi no", "çerez id"),
        ),
        ImportField(name="email", label=_("E-mail"), aliases=("e-mail", "mail", "e-posta", "e-posta adresi")),
        ImportField(name="phone", label=_("Phone"), aliases=("mobile", "telefon", "cep telefonu", "gsm")),
        ImportField(name="message_id", label=_("Message id"), aliases=("event id", "olay no")),
        ImportField(name="properties", label=_("Properties (object)"), aliases=("event properties",)),
        ImportField(name="traits", label=_("Traits (object)")),
        ImportField(name="context", label=_("Context (object)")),
    )  # fmt: skip

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - as the socket says
        """The call of one row: `track` where an event is named and no type.

        Raises:
            Invalid: an object is none, or there is neither a type nor an event.
        """
        values = rows[0].values
        objects = {name: _object(values[name], name=name) for name in _OBJECTS if name in values}
        message: dict[str, Any] = {_IDS[name]: values[name] for name in _IDS if name in values}
        message["type"] = str(values.get("type", "track" if "event" in values else "")).lower()
        if message["type"] not in _KINDS:
            raise Invalid(f"type must be one of {', '.join(_KINDS)}, not {message['type']!r:.40}")
        if "event" in values:
            message["event"] = values["event"]
        if traits := {name: values[name] for name in _TRAITS if name in values}:
            objects["traits"] = objects.get("traits", {}) | traits
        if properties := objects.get("properties", {}) | dict(rows[0].other):
            objects["properties"] = properties
        at: datetime | None = values.get("timestamp")
        return [message | objects | ({"timestamp": at.isoformat()} if at else {})]


def _object(text: str, *, name: str) -> dict[str, Any]:
    """The object of a cell: that of a JSON lines file, or JSON written into a cell."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Invalid(f"{name} must be a JSON object") from None
