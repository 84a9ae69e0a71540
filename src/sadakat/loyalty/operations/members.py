"""How somebody becomes a member; points of earlier orders follow at once."""

import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction

from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.kernel.errors import Conflict, NotFound, Refused
from sadakat.loyalty import models
from sadakat.loyalty.operations import earning
from sadakat.loyalty.queries import members
from sadakat.loyalty.queries.programme import programme, programme_at
from sadakat.loyalty.rules import cards
from sadakat.loyalty.types import MEMBER_ENROLLED, EnrolledBy, Member
from sadakat.platform import audit

_TRIES: Final = 5
_PEOPLE: Final = 200
"""Members of one transaction that brings many."""
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
# Nobody is two members; a number that somebody has already is chosen anew.
_ADD: Final = """
    INSERT INTO loyalty_member (customer_id, number, enrolled_at, enrolled_by, recorded_at)
    SELECT customer_id, number, enrolled_at, %s, %s
    FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS wanted (customer_id, number, enrolled_at)
    ON CONFLICT DO NOTHING
    RETURNING id, customer_id, enrolled_at
"""


def enrol(customer_id: int, *, by: EnrolledBy, actor: audit.Actor, at: datetime) -> Member:
    """Makes a customer a member; whoever is one already stays as he is.

    Raises:
        NotFound: there is no such customer.
        Refused: there is no programme yet.
    """
    with transaction.atomic(durable=True):
        (member_id,) = enrol_batch([customer_id], by=by, actor=actor, at=at)
    return members.member(member_id, at=at)


def enrol_batch(customer_ids: Collection[int], *, by: EnrolledBy, actor: audit.Actor, at: datetime) -> list[int]:
    """The members that these customers are, or become now, in the order given; in the caller's transaction.

    Orders of the days before, as many as the programme says, earn as if they had been members. Ids of customers merged
    away lead to the winners.

    Raises:
        NotFound: one of them is no customer.
        Refused: there is no programme yet.
    """
    found = customers.customers_of(customer_ids)
    if unknown := sorted(set(customer_ids) - found.keys()):
        raise NotFound(f"there is no customer {unknown[0]}")
    added = add_members(dict.fromkeys(found.values(), at), by=by, at=at)
    if added:
        if not programme().version:
            raise Refused("nobody can become a member yet; apply a programme first")
        audit.record(
            actor=actor,
            at=at,
            action="loyalty.members_enrolled",
            subject=f"member:{min(added.values())}" if len(added) == 1 else "members",
            new={"members": len(added), "by": by.value},
        )
        since = at - timedelta(days=programme_at(at).award_back_days)
        earning.reconcile_customers(added, since=since, at=at)
    known = members.members_of(found.values())
    return [known[found[customer_id]] for customer_id in customer_ids]


def enrol_since(wanted: Mapping[int, datetime], *, by: EnrolledBy, actor: audit.Actor, at: datetime) -> int:
    """Makes customers members from the times given on, such as those of a card scheme that comes along.

    What they have ordered since earns, and the orders of the days before that the programme says. Says how many are
    new; ids of customers merged away are passed over.
    """
    ids, count = sorted(wanted), 0
    for start in range(0, len(ids), _PEOPLE):
        part = {id_: wanted[id_] for id_ in ids[start : start + _PEOPLE]}
        with transaction.atomic(durable=True):
            known = customers.customers_of(part)
            added = add_members({id_: since for id_, since in part.items() if known.get(id_) == id_}, by=by, at=at)
            # What is too early for one of them is left out when his orders are looked at.
            earning.reconcile_customers(added, since=_BEGINNING, at=at)
            if added:
                new = {"members": len(added), "by": by.value}
                audit.record(actor=actor, at=at, action="loyalty.members_enrolled", subject="members", new=new)
            count += len(added)
    return count


def add_members(wanted: Mapping[int, datetime], *, by: EnrolledBy, at: datetime) -> dict[int, int]:
    """Those of these customers who were no members, with the members they are from the time given on.

    In the caller's transaction; earlier orders are left to the caller.

    Raises:
        Conflict: others have taken each number that was chosen.
    """
    added: dict[int, int] = {}
    facts = []
    for _ in range(_TRIES):
        left = sorted(wanted.keys() - members.members_of(wanted.keys()).keys())
        if not left:
            break
        numbers = [cards.card_number(secrets.randbelow(cards.SPACE)) for _ in left]
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [by.value, at, left, numbers, [wanted[customer_id] for customer_id in left]])
            for member_id, customer_id, enrolled_at in cursor.fetchall():
                added[customer_id] = member_id
                facts.append(
                    Fact(
                        event=MEMBER_ENROLLED,
                        profile_id=customer_id,
                        # The number of the card finds the person: it goes into no lake and to no other system.
                        properties={"member_id": member_id, "by": by.value},
                        at=enrolled_at,
                        message_id=f"loyalty:enrolled:{member_id}",
                    )
                )
    else:
        raise Conflict("numbers for new cards could not be found; try again")
    with connection.cursor() as cursor:
        for table in ("loyalty_balances", "loyalty_touched"):
            cursor.execute(f"INSERT INTO {table} (member_id) SELECT unnest(%s::bigint[])", [list(added.values())])
    events.append_facts(facts)
    return added


def renew_link(member_id: int, *, actor: audit.Actor, at: datetime) -> int:
    """Makes every link to the member's portal void, such as after one went to the wrong person; gives the new version.

    Raises:
        NotFound: there is no such member.
    """
    with transaction.atomic(durable=True):
        row = models.Member.objects.select_for_update().filter(id=member_id).first()
        if row is None:
            raise NotFound(f"there is no member {member_id}")
        row.link_version += 1
        row.save(update_fields=["link_version"])
        audit.record(actor=actor, at=at, action="loyalty.link_renewed", subject=f"member:{member_id}")
    return row.link_version
