"""Reads of members: one, those of customers, and the list of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from psycopg import sql

from sadakat.customers import api as customers
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.loyalty import models
from sadakat.loyalty.queries import households, ledger, tiers
from sadakat.loyalty.rules import cards
from sadakat.loyalty.types import EnrolledBy, Member

MAX_LISTED: Final = 200
_FOUND: Final = sql.SQL(
    """
    SELECT id FROM loyalty_member
    WHERE merged_into_id IS NULL AND id > %s AND (%s = '' OR tier_key = %s) AND {}
    ORDER BY id LIMIT %s
    """
)
# What is typed may be a name, an e-mail, a phone, or the beginning of a card number: each has an index of its own.
_NAMED: Final = sql.SQL(
    """id IN (
        SELECT id FROM loyalty_member WHERE customer_id IN (SELECT customer_id FROM customers_feature AS f WHERE {})
        UNION ALL SELECT id FROM loyalty_member WHERE number LIKE %s)"""
)
_OWNERS: Final = """
    SELECT whose.profile_id, member.id, whose.customer_id, member.enrolled_at
    FROM customers_profile AS whose
    JOIN loyalty_member AS member ON member.customer_id = whose.customer_id AND member.merged_into_id IS NULL
    WHERE whose.profile_id = ANY(%s)
"""
_HOLDERS: Final = """
    WITH RECURSIVE up AS (
        SELECT id, id AS holder_id, merged_into_id FROM loyalty_member WHERE id = ANY(%s)
        UNION ALL
        SELECT up.id, next.id, next.merged_into_id FROM up JOIN loyalty_member AS next ON next.id = up.merged_into_id
    )
    SELECT id, holder_id FROM up WHERE merged_into_id IS NULL
"""
_PARTS: Final = """
    WITH RECURSIVE parts AS (
        SELECT %s::bigint AS id
        UNION
        SELECT member.id FROM parts JOIN loyalty_member AS member ON member.merged_into_id = parts.id
    )
    SELECT id FROM parts
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """The member who has what a profile earns."""

    member_id: int
    customer_id: int
    enrolled_at: datetime


def member(member_id: int, *, at: datetime) -> Member:
    """A member as of `at`; the id of one who has become one with another leads to him.

    Raises:
        NotFound: there is none.
    """
    holder = holders([member_id]).get(member_id)
    if holder is None:
        raise NotFound(f"there is no member {member_id}")
    return _members([holder], at=at)[0]


def member_of(customer_id: int, *, at: datetime) -> Member | None:
    """The membership of a customer; None while there is none."""
    found = members_of([customer_id])
    return _members([found[customer_id]], at=at)[0] if found else None


def members_of(customer_ids: Collection[int]) -> dict[int, int]:
    """Customer → member; those who are none are left out."""
    rows = models.Member.objects.filter(customer_id__in=customer_ids, merged_into=None)
    return dict(rows.values_list("customer_id", "id"))


def member_numbered(number: str, *, at: datetime) -> Member | None:
    """Whose card has this number, as people type it; None: nobody's, or it is no number of a card.

    The card of somebody who has become one with another member is still good for him.
    """
    try:
        digits = cards.read_number(number)
    except Invalid:
        return None
    found = models.Member.objects.filter(number=digits).values_list("id", flat=True).first()
    return None if found is None else member(found, at=at)


def search_members(text: str = "", *, tier: str = "", after: int = 0, limit: int = 50, at: datetime) -> list[Member]:
    """Members whom a search for customers finds, or whose card number begins so; by id.

    `tier` keeps those of one tier; `after` is the id of the last one seen.
    """
    fits: sql.Composable = sql.SQL("true")
    said: list[Any] = []
    if text.strip():
        where, found = customers.search_condition(text)
        digits = "".join(text.replace("-", " ").split())
        # What is no number begins none.
        fits, said = _NAMED.format(where), [*found, f"{digits}%" if digits.isascii() and digits.isdigit() else ""]
    tier = tier.replace("\0", " ")
    with connection.cursor() as cursor:
        cursor.execute(_FOUND.format(fits), [after, tier, tier, *said, min(limit, MAX_LISTED)])
        ids = [row[0] for row in cursor.fetchall()]
    return _members(ids, at=at)


def member_count() -> int:
    """How many members there are."""
    return models.Member.objects.filter(merged_into=None).count()


def owners_of(profile_ids: Collection[int]) -> dict[int, Owner]:
    """Profile → the member who has what it earns; profiles of others are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_OWNERS, [list(profile_ids)])
        return {profile: Owner(*owner) for profile, *owner in cursor.fetchall()}


def holders(member_ids: Iterable[int]) -> dict[int, int]:
    """Member → who has his points by now: himself, or whom he has become one with. Unknown ids are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [list(member_ids)])
        return dict(cursor.fetchall())


def parts_of(member_id: int) -> list[int]:
    """The member and all who have become one with him, directly or through others."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTS, [member_id])
        return [id_ for (id_,) in cursor.fetchall()]


def _members(member_ids: Collection[int], *, at: datetime) -> list[Member]:
    """In the order given."""
    rows = models.Member.objects.in_bulk(list(member_ids))
    balances = ledger.balances(member_ids, at=at)
    expiring = ledger.expiring(member_ids, at=at)
    standings = tiers.standings(member_ids, at=at)
    together = households.households(member_ids, at=at)
    return [
        Member(
            id=id_,
            customer_id=rows[id_].customer_id,
            number=rows[id_].number,
            enrolled_at=rows[id_].enrolled_at,
            enrolled_by=EnrolledBy(rows[id_].enrolled_by),
            balance=balances[id_],
            expiring=expiring.get(id_, ()),
            tier=standings[id_],
            household=together.get(id_),
        )
        for id_ in member_ids
    ]
