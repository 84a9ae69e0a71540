"""The loyalty programme of the sample year: households join with their first coupon, and some spend points."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction

from sadakat.customers import api as customers
from sadakat.entry.demo.journey import SHOP_ZONE, Journey
from sadakat.kernel.errors import Conflict
from sadakat.kernel.time import months_on
from sadakat.loyalty import api as loyalty
from sadakat.loyalty.types import EnrolledBy, Reward, RewardKind
from sadakat.platform import audit

# The rules that Sadakat proposes, with a shorter life of points, so that the year shows some that expire.
_CHANGES: Final = {
    "name": {"en": "Journey Club", "tr": "Yolculuk Kulübü"},
    "is_enrolment_automatic": False,
    "expiry": {"span": "months", "count": 6},
}
# In the order of what they cost: whoever can pay more than one takes the dearest.
_REWARDS: Final[tuple[tuple[str, str, str, RewardKind, int, int], ...]] = (
    ("coffee", "Coffee at the counter", "Tezgâhta kahve", RewardKind.PRODUCT, 250, 250),
    ("five-off", "5 off the next basket", "Sonraki sepette 5 indirim", RewardKind.DISCOUNT, 500, 500),
    ("food-bank", "A meal for the food bank", "Gıda bankasına bir öğün", RewardKind.DONATION, 800, 800),
    ("cooking", "An evening at the cooking school", "Yemek okulunda bir akşam", RewardKind.EXPERIENCE, 2_000, 3_000),
)
_SPENDERS: Final = 3
"""One member in so many spends at the end of a month."""


def live_through(sample: Journey, *, at: datetime) -> None:
    """Gives the year its programme, members, points and redemptions; taken up again, it goes on where it was.

    To be called when the log is through. Awards, tiers and redemptions carry the times at which they would
    have come.
    """
    start = datetime.combine(sample.year_end - timedelta(days=370), time(), UTC)
    loyalty.apply_programme({**loyalty.DEFAULT_PROGRAMME, **_CHANGES}, actor=audit.CLI, at=start)
    for reward in _rewards():
        loyalty.save_reward(reward, actor=audit.CLI, at=start)
    joined = {f"card:{card}": since.replace(tzinfo=UTC) for card, since in sample.joiners()}
    ids = customers.find_many(joined)
    wanted = {id_: joined[ref] for ref, id_ in ids.items()}
    loyalty.enrol_since(wanted, by=EnrolledBy.FORM, actor=audit.CLI, at=at)
    while loyalty.activate_due(at):
        pass
    # Before the sweep books what has expired since: spending judges it by its own time.
    members = loyalty.members_of(wanted)
    for evening in _month_ends(sample, until=at):
        present = sorted(member_id for id_, member_id in members.items() if wanted[id_] <= evening)
        with transaction.atomic(durable=True):
            loyalty.evaluate_tiers(present, at=evening)
        _spend(present, at=evening)


def _rewards() -> Iterator[Reward]:
    for key, english, turkish, kind, points, value_minor in _REWARDS:
        yield Reward(
            key=key,
            name={"en": english, "tr": turkish},
            description={},
            kind=kind,
            points=points,
            value_minor=value_minor,
            stock=None,
            per_member=None,
            tiers=(),
            starts_at=None,
            ends_at=None,
            is_archived=False,
            taken=0,
        )


def _month_ends(sample: Journey, *, until: datetime) -> Iterator[datetime]:
    """The last evening of each month of the sample year, by the shop's clock."""
    for months in range(11, -1, -1):
        first = months_on(sample.year_end.replace(day=1), -months)
        evening = datetime.combine(first - timedelta(days=1), time(18), ZoneInfo(SHOP_ZONE))
        if evening < until:
            yield evening


def _spend(member_ids: list[int], *, at: datetime) -> None:
    """Lets every so manieth member take the dearest reward that he has points for at that time."""
    for place, member_id in enumerate(member_ids):
        if (place + at.month) % _SPENDERS:
            continue
        has = loyalty.balance_as_of(member_id, at=at).active
        found = [reward for reward in _REWARDS if reward[4] <= has]
        if found:
            _redeem(member_id, reward_key=found[-1][0], key=f"demo:{member_id}:{at:%Y-%m}", at=at)


def _redeem(member_id: int, **said: Any) -> None:
    try:
        loyalty.redeem_reward(member_id, actor=audit.CLI, **said)
    except Conflict:
        # A refund that came later has taken the points already.
        return
