"""Reconciles what orders have earned with what they are by now: order of arrival, repeats and retries do not matter.

An order is read as it is now and compared with what the ledger has given for it. What is missing is awarded, what is
too much is taken back by the breakdown that was kept with the award. `docs/algorithms/claw-back.md` tells the rules.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from sadakat.commerce import api as commerce
from sadakat.commerce.types import OrderStatus, Purchase
from sadakat.customers import api as customers
from sadakat.loyalty import models
from sadakat.loyalty.operations import activating, redemptions, tallies, tiers
from sadakat.loyalty.operations.posting import settle
from sadakat.loyalty.queries.earning import purchase_of, quotes_by
from sadakat.loyalty.queries.given import Given, awards_of, earn_key
from sadakat.loyalty.queries.members import Owner, owners_of
from sadakat.loyalty.queries.versions import Versions
from sadakat.loyalty.rules import due, earning
from sadakat.loyalty.types import ActiveFrom, Award, ClawBack, Command, Reverse

# A card is an account with the shop, whatever the message that brought the order lacks.
_KNOWN: Final = """
    SELECT asked.profile_id, bool_or(said.key LIKE 'card:%%')
    FROM customers_profile AS asked
    JOIN customers_profile AS own ON own.customer_id = asked.customer_id
    JOIN customers_identifier AS said ON said.profile_id = own.profile_id
    WHERE asked.profile_id = ANY(%s) AND said.key NOT LIKE 'anonymous\\_id:%%'
    GROUP BY asked.profile_id
"""


@dataclass(slots=True, kw_only=True)
class _Case:
    """One order, with all that decides what becomes of its points."""

    purchase: Purchase
    owner: Owner | None
    here: list[Given]
    """Its awards whose points its owner has, in the order in which they were given."""
    elsewhere: list[Given]
    """Those that somebody else has, since customers were separated or the order has turned out to be another's."""
    version: int
    """Of the programme by which it earns; 0: it does not."""
    kept: Mapping[str, Any] | None
    """The breakdown that counts."""
    wanted: int = 0
    """The points that it should have."""
    is_news: bool = False
    """Whether the breakdown is not kept yet."""

    @property
    def outstanding(self) -> int:
        """The points that it has."""
        return sum(award.points - award.undone for award in self.here)

    @property
    def needs_quote(self) -> bool:
        """Whether nothing that is kept says what the order earns as it is now."""
        if not self.version or not due.share_left(self.purchase):
            return False
        return self.kept is None or self.kept["kept"]["content"] != due.content_of(self.purchase)


def reconcile(purchases: Sequence[Purchase], *, versions: Versions, at: datetime) -> None:
    """Makes the points of these orders what they should be, in the caller's transaction.

    Raises:
        Refused: the ledger does not do what must be possible; the text says why.
    """
    cases = _cases(purchases, versions=versions)
    _quote(cases, versions=versions)
    # First: what was spent on an order is there to be taken back with what the order has earned.
    _restore_burned(cases, at=at)
    settle([command for case in cases for command in _commands(case, versions=versions, at=at)], at=at)
    waiting = {
        case.owner.customer_id
        for case in cases
        if case.owner and case.is_news and versions.programme(case.version).active_from is ActiveFrom.ON_EVENT
    }
    activating.catch_up(waiting, names=versions.activating, at=at)
    # Orders that give no points may give a tier.
    tiers.touch({case.owner.member_id for case in cases if case.owner})


def reconcile_customers(customer_ids: Collection[int], *, since: datetime, at: datetime) -> None:
    """As `reconcile`, for all orders of these customers from `since` on."""
    profiles = [profile for own in customers.profiles_of(customer_ids).values() for profile in own]
    reconcile(commerce.purchases_of(profiles, since=since), versions=Versions(), at=at)


def enrolling(purchases: Sequence[Purchase], *, versions: Versions) -> list[Purchase]:
    """Those of the orders that make whoever ordered a member: known people's, with an account or with a card.

    Whoever orders as a guest has asked for no account; members earn as guests too, where they are recognised.
    """
    automatic = [
        purchase
        for purchase in purchases
        if purchase.order.status is not OrderStatus.CANCELLED
        and versions.programme(versions.at(purchase.order.at)).is_enrolment_automatic
    ]
    if not automatic:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [sorted({purchase.order.profile_id for purchase in automatic})])
        has_card: dict[int, bool] = dict(cursor.fetchall())
    return [
        purchase
        for purchase in automatic
        if purchase.order.profile_id in has_card
        and (not purchase.order.is_guest or has_card[purchase.order.profile_id])
    ]


def _cases(purchases: Sequence[Purchase], *, versions: Versions) -> list[_Case]:
    owners = owners_of({purchase.order.profile_id for purchase in purchases})
    given = awards_of([(purchase.order.namespace, purchase.order.order_id) for purchase in purchases])
    early = [purchase for purchase in purchases if _is_early(purchase, owners.get(purchase.order.profile_id))]
    joining = {id(purchase) for purchase in enrolling(early, versions=versions)}
    cases = []
    for purchase in purchases:
        owner = owners.get(purchase.order.profile_id)
        awards = given.get((purchase.order.namespace, purchase.order.order_id), [])
        here = [award for award in awards if owner and award.holder_id == owner.member_id]
        kept = max(here, key=lambda award: award.kept_by).kept if here else None
        is_since = id(purchase) in joining or not _is_early(purchase, owner)
        cases.append(
            _Case(
                purchase=purchase,
                owner=owner,
                here=here,
                elsewhere=[award for award in awards if award not in here],
                version=kept["programme"] if kept else _version(purchase, owner, versions=versions, is_since=is_since),
                kept=kept,
            )
        )
    return cases


def _is_early(purchase: Purchase, owner: Owner | None) -> bool:
    return owner is not None and purchase.order.at < owner.enrolled_at


def _version(purchase: Purchase, owner: Owner | None, *, versions: Versions, is_since: bool) -> int:
    """The version by which an order earns: that of its time, or that of the enrolment where it was before."""
    if owner is None:
        return 0
    if is_since:
        return versions.at(purchase.order.at)
    version = versions.at(owner.enrolled_at)
    days = versions.programme(version).award_back_days
    return version if purchase.order.at >= owner.enrolled_at - timedelta(days=days) else 0


def _quote(cases: Sequence[_Case], *, versions: Versions) -> None:
    """Says of each case what it should have, by which breakdown: one question for all that need a new one."""
    asking: dict[int, list[_Case]] = {}
    for case in cases:
        if case.kept is not None:
            case.wanted = due.still_due(case.kept, case.purchase)
        if case.needs_quote:
            asking.setdefault(case.version, []).append(case)
    for version, asked in sorted(asking.items()):
        programme = versions.programme(version)
        # What is quoted anew must not stand in its own way where rules have caps.
        tallies.count((each for case in asked for each in _counted(case, versions=versions)), sign=-1)
        wanted = [
            (case.owner.member_id, case.owner.customer_id, purchase_of(case.purchase, programme=programme))
            for case in asked
            if case.owner
        ]
        for case, (_, _, what), quote in zip(asked, wanted, quotes_by(programme, wanted), strict=True):
            kept = due.breakdown(quote, purchase=case.purchase, programme=programme, day=what.local_date)
            case.wanted = due.still_due(kept, case.purchase)
            # What changes nothing has no operation that could keep it, and the breakdown before goes on counting.
            if case.wanted != case.outstanding:
                case.kept, case.is_news = kept, True
        tallies.count(each for case in asked for each in _counted(case, versions=versions))


def _counted(case: _Case, *, versions: Versions) -> list[tallies.Counted]:
    if case.kept is None or case.owner is None:
        return []
    return tallies.counted(case.kept, member_id=case.owner.member_id, programme=versions.programme(case.version))


def _commands(case: _Case, *, versions: Versions, at: datetime) -> Iterator[Command]:
    for given in case.elsewhere:
        if given.points > given.undone:
            yield _reversal(given, case, upto=given.points, at=at, reason="moved")
    if case.kept is None:
        return
    changed_at = case.purchase.changed_at
    here, changed = case.here, case.kept if case.is_news and case.here else None
    if not here:
        # All of it and then what is too much: a refund that came first leaves the same rows as one that follows.
        whole = case.kept["kept"]["points"]
        award = _award(case, points=whole, number=1 + len(case.elsewhere), versions=versions, at=case.purchase.order.at)
        yield award
        given = Given(key=award.key, member_id=award.member_id, holder_id=award.member_id, points=whole, kept=case.kept)
        here = [given]
    missing = case.wanted - sum(given.points - given.undone for given in here)
    if missing > 0:
        number = 1 + len(here) + len(case.elsewhere)
        yield _award(case, points=missing, number=number, versions=versions, at=changed_at)
    for given in reversed(here):
        taken = min(-missing, given.points - given.undone)
        if taken > 0:
            missing += taken
            reason = "changed" if changed else due.why(case.purchase)
            yield _reversal(given, case, upto=given.undone + taken, at=changed_at, reason=reason, changed=changed)


def _award(case: _Case, *, points: int, number: int, versions: Versions, at: datetime) -> Award:
    assert case.owner is not None
    assert case.kept is not None
    order, programme = case.purchase.order, versions.programme(case.version)
    activates_at = earning.activates_at(programme, purchase_of(case.purchase, programme=programme))
    is_pending = activates_at is None or activates_at > at
    return Award(
        key=earn_key(order.namespace, order.order_id, number=number),
        member_id=case.owner.member_id,
        at=at,
        points=points,
        expiry=programme.expiry,
        is_pending=is_pending,
        activates_at=activates_at if is_pending else None,
        reference=case.kept,
    )


def _reversal(
    award: Given, case: _Case, *, upto: int, at: datetime, reason: str, changed: Mapping[str, Any] | None = None
) -> Reverse:
    """Takes points back from whoever has them; with the breakdown that counts from now on, where it has `changed`."""
    order = case.purchase.order
    return Reverse(
        key=f"un{award.key}:{upto}",
        member_id=award.holder_id,
        at=at,
        award_key=award.key,
        upto=upto,
        policy=ClawBack(award.kept["kept"]["claw_back"]),
        reference={**(changed or {}), "namespace": order.namespace, "order_id": order.order_id, "reason": reason},
    )


def _restore_burned(cases: Sequence[_Case], *, at: datetime) -> None:
    """Gives points back that were spent on orders which have gone back in part or whole."""
    returned = {
        (case.purchase.order.namespace, case.purchase.order.order_id): (case.owner, share)
        for case in cases
        if (share := due.share_left(case.purchase)) < 1
    }
    burned = models.Redemption.objects.filter(order_id__in={order_id for _, order_id in returned})
    numbers = set(burned.values_list("order_id", flat=True))
    for key in sorted(key for key in returned if key[1] in numbers):
        owner, share = returned[key]
        redemptions.restore_for_order(
            *key,
            member_id=owner.member_id if owner else None,
            share=Decimal(share.numerator) / share.denominator,
            at=at,
        )
