"""Reads of households: members who spend their points together."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import connection

from sadakat.loyalty.queries.ledger import balances
from sadakat.loyalty.types import Household

_MATES: Final = """
    SELECT asked.id, mate.id FROM loyalty_member AS asked JOIN loyalty_member AS mate USING (household_id)
    WHERE asked.id = ANY(%s) ORDER BY asked.id, mate.id
"""


def households(member_ids: Collection[int], *, at: datetime) -> dict[int, Household]:
    """The households of members, by member; whoever is in none is left out."""
    mates = mates_of(member_ids)
    has = balances({id_ for ids in mates.values() for id_ in ids}, at=at) if mates else {}
    return {
        member_id: Household(
            member_ids=tuple(ids),
            # Points of others that came to whoever owes some would pay that first.
            active=0 if has[member_id].deficit else sum(has[id_].active for id_ in ids),
        )
        for member_id, ids in mates.items()
    }


def spendable(member_id: int, *, at: datetime) -> int:
    """Active points that a member can pay with: his own, and those of his household."""
    found = households([member_id], at=at).get(member_id)
    return found.active if found else balances([member_id], at=at)[member_id].active


def mates_of(member_ids: Collection[int]) -> dict[int, list[int]]:
    """Who is in the household of a member, himself too, in their order; whoever is in none is left out."""
    found: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_MATES, [list(member_ids)])
        for member_id, mate_id in cursor.fetchall():
            found.setdefault(member_id, []).append(mate_id)
    return found
