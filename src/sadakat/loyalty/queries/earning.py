"""What purchases and events would earn: set-based, each condition on customers asked once for all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any, Final, TypeAlias

import structlog
from django.db import connection

from sadakat.commerce import api as commerce
from sadakat.commerce import types as commerce_types
from sadakat.customers import api as customers
from sadakat.kernel import predicates, time
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.loyalty.queries.members import members_of
from sadakat.loyalty.queries.programme import programme_at
from sadakat.loyalty.rules import earning
from sadakat.loyalty.rules.earning import Earning, Purchase, PurchaseLine
from sadakat.loyalty.types import Basis, EarningRule, Multiplier, Per, Programme, Quote
from sadakat.platform import brand
from sadakat.segments import api as segments

Asked: TypeAlias = tuple[int | None, int, Earning]
"""Member (None: nobody yet), customer, and what he bought or did."""
_PERIODS: Final = (Per.DAY, Per.MONTH, Per.YEAR, Per.EVER)
_TIERS: Final = """
    SELECT place, (
        SELECT to_key FROM loyalty_tierchange AS change
        WHERE change.member_id = asked.member_id AND change.at <= asked.at
        ORDER BY change.at DESC, change.id DESC LIMIT 1)
    FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[]) AS asked (place, member_id, at)
"""
_TALLIES: Final = """
    SELECT place, rule_key,
        sum(points) FILTER (WHERE tally.day = asked.day), sum(times) FILTER (WHERE tally.day = asked.day),
        sum(points) FILTER (WHERE date_trunc('month', tally.day) = date_trunc('month', asked.day)),
        sum(times) FILTER (WHERE date_trunc('month', tally.day) = date_trunc('month', asked.day)),
        sum(points) FILTER (WHERE date_trunc('year', tally.day) = date_trunc('year', asked.day)),
        sum(times) FILTER (WHERE date_trunc('year', tally.day) = date_trunc('year', asked.day)),
        sum(points), sum(times)
    FROM unnest(%s::int[], %s::bigint[], %s::date[]) AS asked (place, member_id, day)
    JOIN loyalty_tally AS tally USING (member_id)
    WHERE rule_key = ANY(%s)
    GROUP BY place, rule_key
"""

log: Final = structlog.get_logger()


def quotes_by(programme: Programme, asked: Sequence[Asked], *, tallies: "Tallies | None" = None) -> list[Quote]:
    """What each of these earns by a programme, as if all were given in this order.

    Caps count what the tallies say and the quotes before it; with `tallies`, those alone. The tier is that of the
    moment of the purchase.
    """
    tiers = _tiers(programme, asked)
    fitting = _fitting(programme, asked, tiers=tiers)
    if tallies is None:
        tallies = Tallies(programme)
        tallies.read(asked)
    language = brand.current().language
    found = []
    for place, (_, customer_id, what) in enumerate(asked):
        quote = earning.earned(
            programme,
            what,
            tier_key=tiers.get(place, ""),
            fitting=fitting[place],
            given=tallies.around(place, customer_id=customer_id, day=what.local_date),
            language=language,
        )
        tallies.count(quote, customer_id=customer_id, day=what.local_date)
        found.append(quote)
    return found


def quote_order(customer_id: int | None, order: Mapping[str, Any], *, at: datetime) -> Quote:
    """What an order would earn: `order` has the properties of Order Completed, and needs no `order_id`.

    Whoever is no member yet, or not known at all, is quoted as a member without a tier.

    Raises:
        Invalid: the order cannot be read, or is in a currency without a rate.
        NotFound: there is no such customer.
    """
    known = customers.profiles_of([customer_id]) if customer_id else {}
    if customer_id and customer_id not in known:
        raise NotFound(f"there is no customer {customer_id}")
    bought = commerce.foretold(order, profile_ids=known.get(customer_id or 0, ()), at=at)
    programme = programme_at(at)
    member_id = members_of([customer_id]).get(customer_id) if customer_id else None
    return quotes_by(programme, [(member_id, customer_id or 0, purchase_of(bought, programme=programme))])[0]


def purchase_of(bought: commerce_types.Purchase, *, programme: Programme) -> Purchase:
    """An order of commerce, before refunds, as the rules of a programme see it."""
    order = bought.order
    basis_minor = {
        Basis.NET: order.goods_minor,
        Basis.WITH_TAX: order.taxed_minor,
        Basis.WITH_TAX_AND_SHIPPING: order.total_minor,
    }[programme.basis]
    amounts = earning.shared(basis_minor, [line.paid_minor for line in bought.lines])
    return Purchase(
        namespace=order.namespace,
        order_id=order.order_id,
        at=order.at,
        local_date=order.at.astimezone(time.zone(programme.time_zone)).date(),
        channel=order.channel,
        store_id=order.store_id,
        nth=bought.nth,
        basis_minor=basis_minor,
        lines=tuple(
            PurchaseLine(
                number=line.number,
                product_id=line.product_id,
                categories=line.categories,
                brand=line.brand,
                amount_minor=amount,
            )
            for line, amount in zip(bought.lines, amounts, strict=True)
        ),
    )


def _tiers(programme: Programme, asked: Sequence[Asked]) -> dict[int, str]:
    """By place: the tier that the member had at the moment; those without one are left out."""
    is_needed = any(tier.multiplier != 1 for tier in programme.ladder.tiers)
    if not is_needed and not any(multiplier.tiers for multiplier in programme.multipliers):
        return {}
    members = [
        (place, member_id, what.at)
        for place, (member_id, _, what) in enumerate(asked)
        if member_id is not None and isinstance(what, Purchase)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TIERS, _columns(members, width=3))
        return {place: key for place, key in cursor.fetchall() if key}


def _fitting(programme: Programme, asked: Sequence[Asked], *, tiers: Mapping[int, str]) -> list[set[str]]:
    """By place: the keys of rules and multipliers whose condition the customer fits. Only what matters is asked."""
    zone = time.zone(programme.time_zone)
    found: list[set[str]] = [set() for _ in asked]
    parts: list[EarningRule | Multiplier] = [*programme.rules, *programme.multipliers]
    for part in parts:
        if part.where is None:
            continue
        places = [
            place
            for place, (_, _, what) in enumerate(asked)
            if (
                earning.applies(part, what, time_zone=zone)
                if isinstance(part, EarningRule)
                else isinstance(what, Purchase) and earning.multiplies(part, what, tier_key=tiers.get(place, ""))
            )
        ]
        for clocks in _rounds((place, asked[place]) for place in places):
            fit = _who_fits(part, {customer_id: at for customer_id, (_, at) in clocks.items()})
            for customer_id in fit:
                found[clocks[customer_id][0]].add(part.key)
    return found


def _who_fits(part: EarningRule | Multiplier, clocks: Mapping[int, datetime]) -> AbstractSet[int]:
    try:
        return segments.fitting({"version": predicates.VERSION, "where": part.where}, clocks)
    except Invalid as error:
        # What it speaks of has gone since it was applied. Other rules go on; somebody has to mend this one.
        log.error("loyalty.rule_unreadable", rule=part.key, reason=str(error))  # noqa: TRY400
        return set()


def _rounds(asked: Iterable[tuple[int, Asked]]) -> Iterator[dict[int, tuple[int, datetime]]]:
    """Customer → (place, moment), each customer once a round: a condition is asked as of one clock for each."""
    rounds: list[dict[int, tuple[int, datetime]]] = []
    turns: dict[int, int] = {}
    for place, (_, customer_id, what) in asked:
        turn = turns.get(customer_id, 0)
        turns[customer_id] = turn + 1
        if turn == len(rounds):
            rounds.append({})
        rounds[turn][customer_id] = (place, what.at)
    yield from rounds


class Tallies:
    """What capped rules have given around each place, with what the quotes before it are about to give."""

    def __init__(self, programme: Programme) -> None:
        self.capped = earning.capped(programme)
        self.kept: dict[int, dict[tuple[str, Per], tuple[int, int]]] = {}
        self.before: dict[int, list[tuple[str, date, int]]] = {}

    def read(self, asked: Sequence[Asked]) -> None:
        """Reads what has been given to the members."""
        members = [(place, id_, what.local_date) for place, (id_, _, what) in enumerate(asked) if id_ is not None]
        if not self.capped or not members:
            return
        with connection.cursor() as cursor:
            cursor.execute(_TALLIES, [*_columns(members, width=3), sorted(self.capped)])
            for place, rule_key, *sums in cursor.fetchall():
                numbers = [int(each or 0) for each in sums]
                kept = self.kept.setdefault(place, {})
                kept |= {
                    (rule_key, per): (points, times)
                    for per, points, times in zip(_PERIODS, numbers[::2], numbers[1::2], strict=True)
                }

    def around(self, place: int, *, customer_id: int, day: date) -> dict[tuple[str, Per], tuple[int, int]]:
        """By rule and period: points and times in the periods around a day."""
        given = dict(self.kept.get(place, {}))
        for rule_key, other, points in self.before.get(customer_id, ()):
            for per in _PERIODS:
                if _is_same(per, day, other):
                    had, times = given.get((rule_key, per), (0, 0))
                    given[rule_key, per] = (had + points, times + 1)
        return given

    def count(self, quote: Quote, *, customer_id: int, day: date) -> None:
        """Counts what a quote is about to give."""
        for rule in quote.rules:
            if rule.points and rule.key in self.capped:
                self.before.setdefault(customer_id, []).append((rule.key, day, rule.points))


def _is_same(per: Per, day: date, other: date) -> bool:
    match per:
        case Per.DAY:
            return day == other
        case Per.MONTH:
            return (day.year, day.month) == (other.year, other.month)
        case Per.YEAR:
            return day.year == other.year
        case _:
            return True


def _columns(rows: Sequence[tuple[Any, ...]], *, width: int) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(width)]
