"""What the ledger has given for orders."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.db import connection

from sadakat.loyalty.queries.members import holders

Key = tuple[str, str]
"""Namespace and order id."""
# The breakdown that counts is that of the award, or of a reversal since: an order that has changed is quoted anew.
_AWARDS: Final = """
    SELECT asked.place, award.key, award.member_id, award.points, award.undone, award.id, latest.id,
        coalesce(latest.reference, award.reference)::text
    FROM unnest(%s::int[], %s::text[]) AS asked (place, key)
    JOIN loyalty_operation AS award USING (key)
    LEFT JOIN LATERAL (
        SELECT id, reference FROM loyalty_operation AS reversal
        WHERE reversal.concerns_id = award.id AND reversal.reference ? 'kept' ORDER BY id DESC LIMIT 1
    ) AS latest ON true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An award for an order."""

    key: str
    member_id: int
    holder_id: int
    """Who has its points by now: the member, or whom he has become one with."""
    points: int
    undone: int = 0
    kept: Mapping[str, Any]
    """The breakdown; see `rules.due`."""
    kept_by: int = 0
    """Id of the operation that has it: of several the latest counts."""


def earn_key(namespace: str, order_id: str, *, number: int = 1) -> str:
    """The key of the so-manieth award for an order: a later one is for what it earns beyond the ones before.

    >>> earn_key("", "1001"), earn_key("shop", "1001", number=2)
    ('earn:order::1001', 'earn:order2:shop:1001')
    """
    return f"earn:order{number if number > 1 else ''}:{namespace}:{order_id}"


def awards_of(keys: Collection[Key]) -> dict[Key, list[Given]]:
    """The awards for these orders, earliest first; orders without any are left out."""
    found: dict[Key, list[Given]] = {}
    asked, number = list(dict.fromkeys(keys)), 1
    while asked:
        with connection.cursor() as cursor:
            names = [earn_key(*key, number=number) for key in asked]
            cursor.execute(_AWARDS, [list(range(len(asked))), names])
            rows = cursor.fetchall()
        has = holders({member_id for _, _, member_id, *_ in rows})
        for place, key, member_id, points, undone, id_, latest_id, kept in rows:
            found.setdefault(asked[place], []).append(
                Given(
                    key=key,
                    member_id=member_id,
                    holder_id=has[member_id],
                    points=points,
                    undone=undone,
                    kept=msgspec.json.decode(kept),
                    kept_by=latest_id or id_,
                )
            )
        asked = [asked[place] for place, *_ in rows]
        number += 1
    return found
