"""A shop with a running programme: members with a year of points behind them, tiers, rewards and redemptions."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sadakat.commerce.testing import order_message
from sadakat.customers.testing import AYSE, CAST, ISIL

OTHERS = 60
"""Customers beside the cast; every third of them is a member."""
DAY = timedelta(days=1)


def team(at: datetime) -> None:
    """Deniz, who may do everything, and Ada, who may only look."""
    from sadakat.platform import audit, operations

    for name, role in (("Deniz Aydın", "owner"), ("Ada Kaya", "analyst"), ("Can Demir", "support")):
        email = f"{name.split()[0].lower()}@modanord.example"
        operations.create_user(email=email, name=name, role=role, actor=audit.CLI, at=at)


def shop(at: datetime) -> None:
    """Customers and two years of orders, all of it worked off."""
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind
    from sadakat.platform import audit, worker

    source, _key = events.create_source(name="Shop", kind=SourceKind.SERVER, actor=audit.CLI, at=at)
    raw = [json.dumps(message).encode() for message in _messages(at)]
    events.import_messages(source=source, raw_messages=raw, at=at)
    worker.work_until_idle(at=at)


def _messages(at: datetime) -> Iterator[dict[str, Any]]:
    for number, person in enumerate(CAST):
        yield person.identify(at=at - 700 * DAY, message_id=f"identify-{number}")
    for number in range(OTHERS):
        yield {
            "type": "identify",
            "messageId": f"other-{number}",
            "userId": f"other-{number}",
            "timestamp": (at - 700 * DAY).isoformat(),
            "traits": {"firstName": "Müşteri", "lastName": f"No{number:02}", "email": f"no{number}@example.com"},
        }
    users = [*(person.user_id for person in CAST), *(f"other-{number}" for number in range(OTHERS))]
    for place, user in enumerate(users):
        for number in range(1 + place % 5):
            yield order_message(
                "Order Completed",
                order_id=f"O-{place}-{number}",
                at=at - (20 + 90 * number + place) * DAY,
                message_id=f"order-{place}-{number}",
                user_id=user,
                revenue=200 + 37 * (place % 7),
            )


def programme(at: datetime) -> None:
    """The built-in programme with a double points week, in force for a year."""
    from sadakat.loyalty.operations.programme import apply_programme
    from sadakat.loyalty.rules.programme import DEFAULT
    from sadakat.platform import audit

    first = at.date() + 5 * DAY
    week = {
        "key": "double-week",
        "name": {"en": "Double points week", "tr": "Çift puan haftası"},
        "factor": 2,
        "starts_on": first.isoformat(),
        "ends_on": (first + 6 * DAY).isoformat(),
    }
    document = {**DEFAULT, "multipliers": [week]}
    apply_programme(document, actor=audit.Actor("user:1", "Deniz Aydın"), at=at - 390 * DAY)


def members(at: datetime) -> dict[str, int]:
    """Makes the cast and every third other customer members, with points given, spent and expired; ids by user id."""
    from django.db import transaction

    from sadakat.customers import api as customers
    from sadakat.loyalty.operations import ledger
    from sadakat.loyalty.operations.members import enrol_batch
    from sadakat.loyalty.types import Award, Command, EnrolledBy, Expiry, Span, Spend
    from sadakat.platform import audit

    users = [*(person.user_id for person in CAST), *(f"other-{number}" for number in range(0, OTHERS, 3))]
    ids = [customers.find(f"user_id:{user}") for user in users]
    with transaction.atomic():
        made = enrol_batch(ids, by=EnrolledBy.CONSOLE, actor=audit.CLI, at=at - 380 * DAY)
    found = dict(zip(users, made, strict=True))
    year = Expiry(Span.MONTHS, 12)
    commands: list[Command] = []
    for place, (user, member_id) in enumerate(found.items()):
        for month in range(13):
            then = at - (370 - 29 * month) * DAY
            points = 150 + 60 * (place % 6) + 10 * month
            commands.append(Award(key=f"test:{user}:{month}", member_id=member_id, at=then, points=points, expiry=year))
            if month % 4 == 3:
                commands.append(Spend(key=f"test:spend:{user}:{month}", member_id=member_id, at=then, points=200))
    last = {
        "order_id": "O-0-0",
        "namespace": "",
        "rules": [{"key": "purchases", "name": "Purchases", "points": 200, "lines": {}}],
        "multipliers": {"tier": "1.25"},
    }
    commands += [
        Award(
            key=f"earn:order::{user}",
            member_id=found[user],
            at=at - DAY,
            points=250,
            expiry=year,
            is_pending=True,
            activates_at=at + 13 * DAY,
            reference=last,
        )
        for user in (AYSE.user_id, ISIL.user_id)
    ]
    for outcome in ledger.post(sorted(commands, key=lambda each: each.at), at=at):
        assert outcome.is_done, outcome.reason
    return found


def rewards(at: datetime) -> None:
    """Three rewards, one of them nearly gone and one for Gold alone."""
    from sadakat.loyalty.operations.rewards import save_reward
    from sadakat.loyalty.types import Reward, RewardKind
    from sadakat.platform import audit

    def keep(key: str, en: str, tr: str, kind: RewardKind, points: int, value_minor: int, **more: Any) -> None:
        usual = {"stock": None, "per_member": None, "tiers": (), "starts_at": None, "ends_at": None}
        save_reward(
            Reward(
                key=key,
                name={"en": en, "tr": tr},
                description={"en": f"{en}, in every store.", "tr": f"{tr}, her mağazada."},
                kind=kind,
                points=points,
                value_minor=value_minor,
                is_archived=False,
                taken=0,
                **usual | more,
            ),
            actor=audit.CLI,
            at=at,
        )

    keep("coffee", "A cup of coffee", "Bir fincan kahve", RewardKind.PRODUCT, 300, 9_000)
    keep("tote-bag", "Linen tote bag", "Keten çanta", RewardKind.PRODUCT, 800, 45_000, stock=3, per_member=1)
    keep("evening", "An evening in the atelier", "Atölyede bir akşam", RewardKind.EXPERIENCE, 2_500, 0, tiers=("gold",))


def fill(at: datetime | None = None) -> dict[str, int]:
    """All of it, as of now; gives the members by user id."""
    from sadakat.loyalty.operations.redemptions import redeem_reward
    from sadakat.loyalty.operations.tiers import tiers_due
    from sadakat.platform import audit

    at = at or datetime.now(UTC)
    team(at)
    shop(at)
    programme(at)
    found = members(at)
    rewards(at)
    while tiers_due(at=at):
        pass
    redeem_reward(found[ISIL.user_id], reward_key="coffee", key="redeem:isil", actor=audit.CLI, at=at)
    return found
