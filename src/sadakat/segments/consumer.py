"""Follows the whole log: whoever does something, or becomes somebody else, is asked the rules that this can concern."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from sadakat.commerce import api as commerce
from sadakat.customers import api as customers
from sadakat.customers.types import CUSTOMERS_MERGED, CUSTOMERS_SEPARATED
from sadakat.events.types import VIEWED, Batch, Consumer, Event, Kind, SetAside
from sadakat.segments import evaluation, tables
from sadakat.segments.evaluation import Rule
from sadakat.segments.types import SEGMENT_ENTERED, SEGMENT_EXITED, Reason

MAP_FACTS: Final = frozenset({CUSTOMERS_MERGED, CUSTOMERS_SEPARATED})
_OWN_FACTS: Final = frozenset({SEGMENT_ENTERED, SEGMENT_EXITED})
_TICK: Final = timedelta(microseconds=1)
# Ids that were customers once and are profiles of these customers now.
_FORMER: Final = "SELECT profile_id FROM customers_profile WHERE customer_id = ANY(%s) AND profile_id <> customer_id"


class MembershipConsumer:
    """Keeps memberships while things happen."""

    name = "segments.membership"
    kinds = frozenset(Kind)
    names: frozenset[str] | None = None
    wants_body = False
    # Rules ask for features that these compute.
    follows = tuple(consumer.name for consumer in (*customers.CONSUMERS, *commerce.CONSUMERS))
    max_events = 50_000

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:  # noqa: ARG002 - no event can be at fault here
        """Evaluates the customers of the batch as of its clock."""
        evaluation.lock()
        known = evaluation.live_rules()
        named = {name for rule in known for name in rule.mentions.events}
        told = [event for event in batch.events if event.event not in _OWN_FACTS - named]
        owners = customers.customers_of({event.profile_id for event in told})
        touched = [(owners[event.profile_id], event) for event in told if event.profile_id in owners]
        moved = {id_ for id_, event in touched if event.event in MAP_FACTS}
        moved |= _former(moved)
        tables.mark_subjects(moved | set(owners.values()))
        if moved:
            evaluation.evaluate(moved, at=batch.at, reason=Reason.EVENT, known=known)
        before: dict[int, datetime] = {}
        for id_, event in touched:
            before[id_] = min(before.get(id_, batch.at), event.at - _TICK)
        evaluation.evaluate(
            before.keys() - moved,
            at=batch.at,
            reason=Reason.EVENT,
            keys=_concerned(known, told),
            known=known,
            before=before,
        )


def _concerned(known: Iterable[Rule], told: Iterable[Event]) -> list[str]:
    """The rules that these events can make true or false for anybody."""
    names = {VIEWED.get(event.kind, event.event) for event in told}
    return [
        rule.key
        for rule in known
        if rule.reads_features or rule.takes_strangers or not names.isdisjoint(rule.mentions.events)
    ]


def _former(customer_ids: Iterable[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(_FORMER, [list(customer_ids)])
        return {row[0] for row in cursor.fetchall()}


CONSUMERS: tuple[Consumer, ...] = (MembershipConsumer(),)
