"""Builders for tests of other rooms and contexts: members with accounts, without the rules of enrolment."""

from collections.abc import Iterable
from datetime import datetime

from sadakat.loyalty import models


def make_members(customer_ids: Iterable[int], *, at: datetime) -> list[int]:
    """Makes members with empty accounts, whose card numbers are `9` and their customers' ids; gives their ids."""
    members = models.Member.objects.bulk_create(
        (
            models.Member(
                customer_id=customer_id,
                number=f"9{customer_id:011}",
                enrolled_at=at,
                enrolled_by="console",
                recorded_at=at,
            )
            for customer_id in customer_ids
        ),
        batch_size=1_000,
    )
    models.Balances.objects.bulk_create((models.Balances(member_id=member.pk) for member in members), batch_size=1_000)
    return [member.pk for member in members]


def make_member(customer_id: int, *, at: datetime) -> int:
    """Makes one member as `make_members` does; gives the id."""
    return make_members([customer_id], at=at)[0]
