"""The brand that this installation works for."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from sadakat.kernel import money, time
from sadakat.kernel.errors import Unavailable
from sadakat.platform import audit, models


@dataclass(frozen=True, kw_only=True)
class Brand:
    """What holds for the whole installation."""

    name: str
    time_zone: str
    currency: str
    language: str
    revenue_basis: str = "net"
    """Which part of an order counts as revenue: `net`, `with_tax` or `with_tax_and_shipping`."""
    is_demo: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    """What the demo says about its own data."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone in which days begin."""
        return time.zone(self.time_zone)

    def day(self, at: datetime) -> date:
        """The local day that figures are as of: that of `at`, and in the demo the one after its sample year."""
        today = at.astimezone(self.zone).date()
        year_end = self.notes.get("year_end")
        return min(today, date.fromisoformat(year_end) + timedelta(days=1)) if year_end else today


def current() -> Brand:
    """The brand, read from the database each time: one row by primary key.

    Raises:
        Unavailable: the home has not been set up.
    """
    row = models.Brand.objects.filter(id=1).first()
    if row is None:
        raise Unavailable("this home has no brand yet; run `sadakat serve` or `sadakat demo` first")
    return Brand(
        name=row.name,
        time_zone=row.time_zone,
        currency=row.currency,
        language=row.language,
        revenue_basis=row.revenue_basis,
        is_demo=row.is_demo,
        notes=row.notes,
    )


def set_up(brand: Brand, *, actor: audit.Actor, at: datetime) -> bool:
    """Records the brand of a new home; says whether it was new. An existing brand stays as it is."""
    time.zone(brand.time_zone)
    money.currency_code(brand.currency)
    values = {
        "name": brand.name,
        "time_zone": brand.time_zone,
        "currency": brand.currency,
        "language": brand.language,
        "revenue_basis": brand.revenue_basis,
        "is_demo": brand.is_demo,
        "notes": brand.notes,
    }
    _, is_new = models.Brand.objects.get_or_create(id=1, defaults={**values, "created_at": at})
    if is_new:
        audit.record(actor=actor, at=at, action="platform.brand_set_up", subject="brand:1", new=values)
    return is_new


def note(changes: dict[str, Any], *, actor: audit.Actor, at: datetime) -> None:
    """Adds to the brand's notes."""
    with transaction.atomic(durable=True):
        row = models.Brand.objects.select_for_update().get(id=1)
        old = row.notes
        row.notes = {**old, **changes}
        row.save(update_fields=["notes"])
        audit.record(actor=actor, at=at, action="platform.brand_noted", subject="brand:1", old=old, new=row.notes)
