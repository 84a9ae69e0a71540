"""Reads of members: one, those of customers, and the list of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from sadakat.kernel import text as texts
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.loyalty import models
from sadakat.loyalty.queries import ledger, tiers
from sadakat.loyalty.rules import cards
from sadakat.loyalty.types import EnrolledBy, Member

MAX_LISTED: Final = 200
# What LIKE would take for its own signs.
_SIGNS: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\%_"})
# What is typed may be a name, an e-mail, a phone, or the beginning of a card number.
_FOUND: Final = """
    SELECT member.id FROM loyalty_member AS member
    LEFT JOIN customers_feature AS known USING (customer_id)
    WHERE member.merged_into_id IS NULL AND member.id > %(after)s AND (%(tier)s = '' OR member.tier_key = %(tier)s)
        AND (%(digits)s <> '' AND member.number LIKE %(digits)s || '%%'
            OR coalesce(known.search_text, '') LIKE ALL (%(words)s))
    ORDER BY member.id LIMIT %(limit)s
"""

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
    """Members whose name, e-mail, phone or card holds every word, or whose card number begins so; by id.

    `tier` keeps those of one tier; `after` is the id of the last one seen.
    """
    typed = "".join(text.replace("-", " ").split())
    words = texts.fold(text).translate(_SIGNS).split()
    with connection.cursor() as cursor:
        cursor.execute(
            _FOUND,
            {
                "after": after,
                "tier": tier,
                "digits": typed if typed.isascii() and typed.isdigit() else "",
                # A word of one or two letters has no trigram of its own; with the blank before it, it has.
                "words": [f"%{word}%" if len(word) > 2 else f"% {word}%" for word in words] or ["%"],
                "limit": min(limit, MAX_LISTED),
            },
        )
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


def _members(member_ids: Collection[int], *, at: datetime) -> list[Member]:
    """In the order given."""
    rows = models.Member.objects.in_bulk(list(member_ids))
    balances = ledger.balances(member_ids, at=at)
    expiring = ledger.expiring(member_ids, at=at)
    standings = tiers.standings(member_ids, at=at)
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
        )
        for id_ in member_ids
    ]
