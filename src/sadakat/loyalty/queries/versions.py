"""Which version of the programme held when, for batches of what happened at different times."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from django.db import connection

from sadakat.loyalty.queries import programme
from sadakat.loyalty.types import Programme

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_VERSIONS: Final = """
    SELECT version, applied_at, coalesce(document ->> 'active_on_event', ''),
        ARRAY(SELECT ARRAY[rule ->> 'event', rule ->> 'key'] FROM jsonb_array_elements(document -> 'rules') AS rule
            WHERE rule ->> 'event' <> 'order')
    FROM loyalty_programme ORDER BY version
"""


class Versions:
    """The versions of the programme, read once; the rules of one when they are first asked for."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_VERSIONS)
            self._rows: list[tuple[int, datetime, str, list[list[str]]]] = cursor.fetchall()
        self._programmes: dict[int, Programme] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def at(self, at: datetime) -> int:
        """The number of the version that held then; 0 before the first one."""
        return next((version for version, applied_at, _, _ in reversed(self._rows) if applied_at <= at), 0)

    def programme(self, version: int) -> Programme:
        """That version; of 0 a programme without rules."""
        if version not in self._programmes:
            self._programmes[version] = (
                programme.programme_version(version) if version else programme.programme_at(_BEGINNING)
            )
        return self._programmes[version]

    @property
    def rules(self) -> Mapping[str, Collection[str]]:
        """The keys of the rules of any version, by the event that they are about; those for orders are left out."""
        found: dict[str, set[str]] = {}
        for *_, rules in self._rows:
            for event, key in rules:
                found.setdefault(event, set()).add(key)
        return found

    @property
    def activating(self) -> Collection[str]:
        """The events that make points active by any version."""
        return {name for _, _, name, _ in self._rows if name}
