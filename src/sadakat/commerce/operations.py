"""What people decide about orders: the rates at which other currencies count."""

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from sadakat.commerce import models
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid, Refused
from sadakat.platform import audit
from sadakat.platform import brand as brands

RATE_DIGITS = 12
MAX_RATE = 1_000_000


def set_currency_rate(*, currency: str, rate: Decimal, from_date: date, actor: audit.Actor, at: datetime) -> bool:
    """Records that one unit of `currency` is `rate` units of the brand's from `from_date` on.

    Orders that are already counted keep the rate they were counted at; those that waited for one count when
    their events are retried. Says whether anything changed: the same rate again is a replay.

    Raises:
        Invalid: no currency code, or a rate that is not above 0 and at most 1,000,000 with 12 decimals.
        Refused: it is the brand's own currency.
    """
    code = money.currency_code(currency)
    if code == brands.current().currency:
        raise Refused(f"{code} is the brand's own currency; rates are for other ones")
    if not rate.is_finite() or not 0 < rate <= MAX_RATE or round(rate, RATE_DIGITS) != rate:
        raise Invalid(f"the rate must be above 0, at most {MAX_RATE} and have {RATE_DIGITS} decimals, not {rate}")
    with transaction.atomic(durable=True):
        row = models.CurrencyRate.objects.select_for_update().filter(currency=code, from_date=from_date).first()
        if row is not None and row.rate == rate:
            return False
        models.CurrencyRate.objects.update_or_create(currency=code, from_date=from_date, defaults={"rate": rate})
        audit.record(
            actor=actor,
            at=at,
            action="commerce.currency_rate_set",
            subject=f"currency:{code}",
            old=None if row is None else {"from_date": str(from_date), "rate": str(row.rate.normalize())},
            new={"from_date": str(from_date), "rate": str(rate)},
        )
    return True
