"""What people say about marketing spend. It goes through the log, like what a file or a server says."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from sadakat.analytics import rules
from sadakat.analytics.rules import SaidSpend, Spent
from sadakat.commerce import api as commerce
from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid
from sadakat.platform import audit

NOBODY = 0


def record_spend(said: SaidSpend, *, actor: audit.Actor, at: datetime) -> Spent:
    """Appends what was spent to the log; the consumer takes it from there within a moment.

    The latest word about the same span, channel and campaign holds: to correct is to say it again, and to remove is
    to say 0. Saying the same again changes nothing.

    Raises:
        Invalid: a field cannot be used, or there is no rate for the currency.
    """
    spent = rules.spent(said)
    priced(spent)
    properties = {
        "from_date": str(spent.from_date),
        "to_date": str(spent.to_date),
        "channel": spent.channel,
        "campaign": spent.campaign,
        "amount": str(spent.amount),
        "currency": spent.currency or commerce.current_basis().currency,
    }
    subject = "/".join(map(str, spent.key))
    with transaction.atomic(durable=True):
        events.append_facts(
            [
                Fact(
                    event=rules.SPEND_RECORDED,
                    profile_id=NOBODY,
                    properties=properties,
                    at=at,
                    message_id=f"spend:{subject}:{at.isoformat()}"[:255],
                )
            ]
        )
        audit.record(
            actor=actor, at=at, action="analytics.spend_recorded", subject=f"channel:{spent.channel}", new=properties
        )
    return spent


def priced(spent: Spent) -> tuple[int, str, int, Decimal]:
    """What is stored of an amount: minor units of the brand's currency; currency and minor units as said; the rate.

    The rate is that of the first day.

    Raises:
        Invalid: there is no rate, or the amount is larger than can be kept.
    """
    basis = commerce.current_basis()
    currency = spent.currency or basis.currency
    said_minor = money.to_minor(spent.amount, currency=currency)
    amount_minor, rate = basis.converted(said_minor, currency=currency, day=spent.from_date)
    if amount_minor > money.MAX_AMOUNT_MINOR:
        raise Invalid(f"amount may be {money.MAX_AMOUNT_MINOR} minor units of {basis.currency}, not {amount_minor}")
    return amount_minor, currency, said_minor, rate
