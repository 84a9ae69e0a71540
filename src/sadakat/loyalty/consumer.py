"""Follows the log: orders, events that rules name, and customers who become one or two."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sadakat.commerce import api as commerce
from sadakat.commerce.types import Purchase
from sadakat.customers import api as customers
from sadakat.customers.types import CUSTOMERS_MERGED, CUSTOMERS_SEPARATED
from sadakat.events import api as events
from sadakat.events.types import Batch, Consumer, Kind, SetAside
from sadakat.loyalty.operations import earning
from sadakat.loyalty.operations.activating import activate
from sadakat.loyalty.operations.happenings import award_events
from sadakat.loyalty.operations.members import add_members
from sadakat.loyalty.operations.merging import follow_customers
from sadakat.loyalty.queries.members import owners_of
from sadakat.loyalty.queries.versions import Versions
from sadakat.loyalty.types import EnrolledBy

MAP_FACTS = frozenset({CUSTOMERS_MERGED, CUSTOMERS_SEPARATED})
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class LoyaltyConsumer:
    """Keeps members and what they earn as the log says.

    Everything is read again as it is now and reconciled with the ledger, so that the order of arrival, batches, repeats
    and retries make no difference.
    """

    name = "loyalty.earning"
    kinds = frozenset({Kind.TRACK})
    # Which events earn, the programme says; bodies are read of those alone.
    names: frozenset[str] | None = None
    wants_body = False
    follows: Sequence[str] = tuple(consumer.name for consumer in (*customers.CONSUMERS, *commerce.CONSUMERS))
    max_events = 10_000

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:  # noqa: ARG002 - a refusal is raised
        """Takes members over to whom they have become, enrols who orders, and settles points, in this order."""
        moved = self._follow(batch)
        versions = Versions()
        if not versions:
            return
        names = commerce.ORDER_EVENTS | versions.rules.keys() | versions.activating
        wanted = [event.position for event in batch.events if event.event in names]
        told = events.read_positions(wanted) if wanted else []
        purchases = commerce.purchases(commerce.order_keys(told)) + commerce.purchases_of(moved, since=_BEGINNING)
        if purchases:
            enrolled = _enrol(purchases, versions=versions, at=batch.at)
            earning.reconcile(_each_once([*purchases, *enrolled]), versions=versions, at=batch.at)
        if rewarded := [event for event in told if event.event in versions.rules]:
            award_events(rewarded, versions=versions, at=batch.at)
        if activating := [event for event in told if event.event in versions.activating]:
            activate(activating, at=batch.at)

    def _follow(self, batch: Batch) -> list[int]:
        """Takes members over; gives the profiles of the customers who have changed."""
        facts = [event for event in batch.events if event.event in MAP_FACTS]
        if not facts:
            return []
        customer_ids = set(customers.customers_of({fact.profile_id for fact in facts}).values())
        follow_customers(customer_ids, cause=facts[-1].mid, at=batch.at)
        return [profile for own in customers.profiles_of(customer_ids).values() for profile in own]


CONSUMERS: tuple[Consumer, ...] = (LoyaltyConsumer(),)


def _enrol(purchases: Sequence[Purchase], *, versions: Versions, at: datetime) -> list[Purchase]:
    """Makes members of those whom their orders make so; gives the orders of the days before."""
    owners = owners_of({purchase.order.profile_id for purchase in purchases})
    joining = earning.enrolling([p for p in purchases if p.order.profile_id not in owners], versions=versions)
    if not joining:
        return []
    customer_of = customers.customers_of({purchase.order.profile_id for purchase in joining})
    since: dict[int, datetime] = {}
    for purchase in joining:
        customer_id = customer_of[purchase.order.profile_id]
        since[customer_id] = min(purchase.order.at, since.get(customer_id, purchase.order.at))
    added = add_members(since, by=EnrolledBy.AUTOMATIC, at=at)
    days = max(versions.programme(versions.at(since[customer_id])).award_back_days for customer_id in since)
    profiles = [profile for own in customers.profiles_of(added).values() for profile in own]
    return commerce.purchases_of(profiles, since=min(since.values()) - timedelta(days=days)) if days else []


def _each_once(purchases: Iterable[Purchase]) -> list[Purchase]:
    """By time, so that what earlier ones earn counts for the later ones."""
    found = {(purchase.order.namespace, purchase.order.order_id): purchase for purchase in purchases}
    return sorted(found.values(), key=lambda purchase: (purchase.order.at, purchase.order.order_id))
