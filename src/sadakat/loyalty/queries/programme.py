"""Reads of the programme in each of its versions."""

from datetime import datetime

from django.db.models import QuerySet

from sadakat.kernel.errors import NotFound
from sadakat.loyalty import models
from sadakat.loyalty.rules import programme as rules
from sadakat.loyalty.types import Programme
from sadakat.platform import brand


def programme() -> Programme:
    """The programme that holds; version 0 while none has been applied: nobody earns anything by it."""
    return _latest(models.Programme.objects.all())


def programme_at(at: datetime) -> Programme:
    """The version that held at an instant; version 0 before the first one."""
    return _latest(models.Programme.objects.filter(applied_at__lte=at))


def programme_version(version: int) -> Programme:
    """One version; 0 is the programme before the first one, without rules.

    Raises:
        NotFound: there is none of that number.
    """
    row = models.Programme.objects.filter(version=version).first()
    if row is None and version == 0:
        return _none()
    if row is None:
        raise NotFound(f"the programme has no version {version}")
    return _read(row)


def versions(*, limit: int = 100) -> list[Programme]:
    """The versions, latest first."""
    return [_read(row) for row in models.Programme.objects.order_by("-version")[:limit]]


def _latest(rows: QuerySet[models.Programme]) -> Programme:
    row = rows.order_by("-version").first()
    return _none() if row is None else _read(row)


def _none() -> Programme:
    return rules.parse({}, time_zone=brand.current().time_zone)


def _read(row: models.Programme) -> Programme:
    return rules.parse(row.document, version=row.version, applied_at=row.applied_at, applied_by=row.actor_name)
