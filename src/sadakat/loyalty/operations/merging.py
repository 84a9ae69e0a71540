"""Members follow the customers they are: whoever becomes one with another is one member with him, and back again.

A member stays that of the profile he enrolled as. So whose he is follows from the map of profiles as it is now, and it
makes no difference how often, or in which order, merges and separations are told.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Final

from django.db.models import F, Q

from sadakat.customers import api as customers
from sadakat.loyalty import models
from sadakat.loyalty.operations.households import dissolve
from sadakat.loyalty.operations.posting import settle
from sadakat.loyalty.types import Command, OperationKind, Return, Transfer

_MERGED: Final = {"reason": "merged"}
_SEPARATED: Final = {"reason": "separated"}


def follow_customers(customer_ids: Collection[int], *, cause: str, at: datetime) -> None:
    """Joins and parts the members of these customers as the customers are now, in the caller's transaction.

    `cause` is the key of the event that tells of it.

    Raises:
        Refused: the ledger does not do what must be possible; the text says why.
    """
    owners = {
        profile: customer_id for customer_id, own in customers.profiles_of(customer_ids).items() for profile in own
    }
    rows = _rows_of(owners)
    groups: dict[int, list[models.Member]] = {}
    for row in rows.values():
        if owner := owners.get(_home(row)):
            groups.setdefault(owner, []).append(row)
    moves = _Moves(rows, cause=cause, at=at)
    for customer_id, group in sorted(groups.items()):
        first = min(group, key=lambda row: (row.merged_into_id is not None, row.customer_id != customer_id, row.pk))
        moves.part(first)
        moves.give(first, customer_id)
        for row in group:
            if moves.path(row)[-1] is not first:
                moves.part(row)
                moves.join(row, first)
    moves.save()
    settle(moves.commands, at=at)


def _rows_of(profile_ids: Iterable[int]) -> dict[int, models.Member]:
    """The members who have enrolled as these profiles, whom they have become one with, and their households, locked."""
    asked = list(profile_ids)
    wanted = Q(first_customer_id__in=asked) | Q(first_customer_id=None, customer_id__in=asked)
    found: dict[int, models.Member] = {}
    locking = models.Member.objects.select_for_update(no_key=True).order_by("pk")
    while rows := list(locking.filter(wanted).exclude(pk__in=found)):
        found |= {row.pk: row for row in rows}
        wanted = Q(pk__in={row.merged_into_id for row in rows} - {None})
        wanted |= Q(household__in={row.household_id for row in rows} - {None})
    return found


def _home(row: models.Member) -> int:
    """The profile that the member enrolled as."""
    return row.first_customer_id or row.customer_id


class _Moves:
    """What members become, and what the ledger is to do for it, in this order."""

    def __init__(self, rows: Mapping[int, models.Member], *, cause: str, at: datetime) -> None:
        self.rows = rows
        self.cause = cause
        self.at = at
        self.commands: list[Command] = []
        self._changed: dict[int, models.Member] = {}
        self._transfers: dict[tuple[int, int], str] = {}
        self._left: set[int] = set()

    def path(self, row: models.Member) -> list[models.Member]:
        """The member and whom he has become one with, up to the one who has his points."""
        found = [row]
        while parent := found[-1].merged_into_id:
            found.append(self.rows[parent])
        return found

    def give(self, row: models.Member, customer_id: int) -> None:
        """Says whose an open member is."""
        home = _home(row)
        if row.customer_id != customer_id:
            row.customer_id, row.first_customer_id = customer_id, None if home == customer_id else home
            self._changed[row.pk] = row

    def join(self, row: models.Member, first: models.Member) -> None:
        """Makes an open member one with another open one, who takes his place in a household unless he has his own."""
        row.merged_into_id = first.pk
        if row.household_id:
            self._left.add(row.household_id)
            row.household_id, first.household_id = None, first.household_id or row.household_id
            self._changed[first.pk] = first
        row.customer_id, row.first_customer_id = _home(row), None
        self._changed[row.pk] = row
        self._transfer(row, first)

    def part(self, row: models.Member) -> None:
        """Opens a member who has become one with another; what he brought and is left of it comes back.

        Where the other has become one with a third one in turn, it comes back through both.
        """
        links = list(pairwise(self.path(row)))
        for giver, holder in reversed(links):
            self._return(giver, holder)
        for giver, holder in links[1:]:
            self._transfer(giver, holder)
        if links:
            row.merged_into_id = None
            self._changed[row.pk] = row

    def save(self) -> None:
        """Writes who the members have become."""
        changed = self._changed.values()
        # Two may change places, and at no moment may a customer be two members.
        models.Member.objects.filter(pk__in=self._changed).update(customer_id=-F("pk"))
        models.Member.objects.bulk_update(changed, ["merged_into", "customer_id", "first_customer_id", "household"])
        dissolve(self._left)

    def _transfer(self, giver: models.Member, holder: models.Member) -> None:
        key = f"merge:{giver.pk}:{holder.pk}:{self.cause}"
        if (giver.pk, holder.pk) in self._transfers:  # the points went there and back for somebody else
            key = f"{key}:{len(self.commands)}"
        self._transfers[giver.pk, holder.pk] = key
        self.commands.append(
            Transfer(key=key, member_id=giver.pk, at=self.at, to_member_id=holder.pk, points=None, reference=_MERGED)
        )

    def _return(self, giver: models.Member, holder: models.Member) -> None:
        key = self._transfers.get((giver.pk, holder.pk))
        for made in [key] if key else _transfers(giver, holder):
            self.commands.append(
                Return(key=f"un{made}", member_id=giver.pk, at=self.at, transfer_key=made, reference=_SEPARATED)
            )


def _transfers(giver: models.Member, holder: models.Member) -> list[str]:
    """Also those of earlier times, which have been returned: again, that changes nothing."""
    made = models.Operation.objects.filter(
        key__startswith=f"merge:{giver.pk}:{holder.pk}:", kind=OperationKind.TRANSFER
    )
    return list(made.order_by("id").values_list("key", flat=True))
