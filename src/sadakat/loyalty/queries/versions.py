"""Which version of the programme held when, for batches of what happened at different times."""

from datetime import datetime
from typing import Final

from django.db import connection

from sadakat.loyalty.queries import programme
from sadakat.loyalty.rules.earning import ORDER
from sadakat.loyalty.rules.programme import BIRTHDAY
from sadakat.loyalty.types import Programme

_VERSIONS: Final = """
    SELECT version, applied_at, coalesce(document ->> 'active_on_event', ''),
        ARRAY(SELECT ARRAY[rule ->> 'event', rule ->> 'key'] FROM jsonb_array_elements(document -> 'rules') AS rule
            WHERE rule ->> 'event' <> ALL(%s))
    FROM loyalty_programme ORDER BY version
"""


class Versions:
    """The versions of the programme, read once; the rules of one when they are first asked for."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_VERSIONS, [[ORDER, BIRTHDAY]])
            self._rows: list[tuple[int, datetime, str, list[list[str]]]] = cursor.fetchall()
        self._programmes: dict[int, Programme] = {}
        self.rules: dict[str, set[str]] = {}
        """The keys of the rules of any version, by the event of a shop that they are about; orders are none."""
        for *_, rules in self._rows:
            for event, key in rules:
                self.rules.setdefault(event, set()).add(key)
        self.activating = {name for _, _, name, _ in self._rows if name}
        """The events that make points active by any version."""

    def __bool__(self) -> bool:
        return bool(self._rows)

    def at(self, at: datetime) -> int:
        """The number of the version that held then; 0 before the first one."""
        return next((version for version, applied_at, _, _ in reversed(self._rows) if applied_at <= at), 0)

    def programme(self, version: int) -> Programme:
        """That version; of 0 a programme without rules."""
        if version not in self._programmes:
            self._programmes[version] = programme.programme_version(version)
        return self._programmes[version]
