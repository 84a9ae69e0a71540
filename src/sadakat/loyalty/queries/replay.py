"""What a programme that need not be applied would have given for orders of the past."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sadakat.commerce import api as commerce
from sadakat.commerce import types as commerce_types
from sadakat.customers import api as customers
from sadakat.kernel.errors import Invalid
from sadakat.loyalty.queries.earning import Tallies, purchase_of, quotes_by
from sadakat.loyalty.queries.members import members_of
from sadakat.loyalty.rules import burning
from sadakat.loyalty.rules import programme as rules
from sadakat.loyalty.types import Programme, Quote, Replay, ReplayedRule
from sadakat.platform import brand
from sadakat.segments import api as segments

MAX_DAYS: Final = 731


def replay(document: Mapping[str, Any], *, since: date, until: date) -> Replay:
    """What a programme would have given for the orders from `since` until before `until`, to whoever ordered.

    Caps count from `since` on, tiers are those that members really had, and returns and events are left out.

    Raises:
        Invalid: it is no programme, or the days are not at most `MAX_DAYS` in a row.
    """
    if not 0 < (until - since).days <= MAX_DAYS:
        raise Invalid(f"expected 1 to {MAX_DAYS} days, not {since} to {until}")
    programme = rules.parse(document, vocabulary=segments.vocabulary(), time_zone=brand.current().time_zone)
    tallies = Tallies(programme)
    found: set[int] = set()
    orders = points = basis_minor = 0
    by_rule: dict[str, tuple[int, int]] = {}
    for day in (since + timedelta(days=number) for number in range((until - since).days)):
        for bought in commerce.purchases_on(day):
            owners = customers.customers_of({each.order.profile_id for each in bought})
            found.update(owners.values())
            for quote in _quotes(programme, bought, owners=owners, tallies=tallies):
                orders, points, basis_minor = orders + 1, points + quote.points, basis_minor + quote.basis_minor
                for rule in filter(lambda rule: rule.points, quote.rules):
                    had, times = by_rule.get(rule.key, (0, 0))
                    by_rule[rule.key] = (had + rule.points, times + 1)
    language = brand.current().language
    return Replay(
        orders=orders,
        customers=len(found),
        points=points,
        worth_minor=burning.liability_minor(programme.burning, points=points),
        basis_minor=basis_minor,
        rules=tuple(
            ReplayedRule(
                key=rule.key,
                name=rule.name.get(language) or next(iter(rule.name.values())),
                points=by_rule.get(rule.key, (0, 0))[0],
                orders=by_rule.get(rule.key, (0, 0))[1],
            )
            for rule in programme.rules
        ),
    )


def _quotes(
    programme: Programme,
    bought: Sequence[commerce_types.Purchase],
    *,
    owners: Mapping[int, int],
    tallies: Tallies,
) -> list[Quote]:
    members = members_of(set(owners.values()))
    asked = [
        (members.get(customer_id), customer_id, purchase_of(each, programme=programme))
        for each in bought
        if (customer_id := owners.get(each.order.profile_id)) is not None
    ]
    return quotes_by(programme, asked, tallies=tallies)
