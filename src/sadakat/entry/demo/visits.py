"""Generated visits to a web shop: some visitors log in later and become known, others never do."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from sadakat.entry.demo import people

KNOWN_SHARE: Final = 0.35
STRANGERS: Final = 600
_CAMPAIGNS: Final = (
    None,
    {"source": "google", "medium": "cpc", "name": "weekly-offers"},
    {"source": "instagram", "medium": "social", "name": "recipes"},
    {"source": "newsletter", "medium": "email", "name": "sunday-letter"},
)
_PATHS: Final = (("/", "Home"), ("/offers", "Weekly offers"), ("/recipes", "Recipes"), ("/stores", "Stores"))


def of_shoppers(
    shoppers: Sequence[tuple[int, datetime]], products: Sequence[tuple[str, str]], *, until: datetime
) -> Iterator[tuple[str, bytes]]:
    """Pairs (source, message): source `site` is the browser's, `account` the shop server's word for a log-in.

    `shoppers` are households with the UTC instant of their first basket; nothing lies after `until`.
    """
    for household, first_basket in shoppers:
        dice = random.Random(household * 7919)  # noqa: S311 - sample data, not a secret
        if dice.random() < KNOWN_SHARE:
            anonymous = f"web-{household:05d}"
            at = first_basket + timedelta(days=dice.randrange(1, 60), minutes=dice.randrange(600))
            for visit in range(dice.randrange(1, 5)):
                yield from _visit(anonymous, visit, products, at=at, until=until, dice=dice)
                if visit == 0 and at < until:
                    yield "account", _log_in(anonymous, household, at=at + timedelta(minutes=20))
                at += timedelta(days=dice.randrange(3, 70), minutes=dice.randrange(300))
    for stranger in range(STRANGERS):
        dice = random.Random(-stranger - 1)  # noqa: S311 - sample data, not a secret
        at = until - timedelta(days=dice.randrange(1, 180), minutes=dice.randrange(1440))
        yield from _visit(f"visitor-{stranger:05d}", 0, products, at=at, until=until, dice=dice)


def _visit(
    anonymous: str,
    visit: int,
    products: Sequence[tuple[str, str]],
    *,
    at: datetime,
    until: datetime,
    dice: random.Random,
) -> Iterator[tuple[str, bytes]]:
    campaign = dice.choice(_CAMPAIGNS)
    path, title = dice.choice(_PATHS)
    steps: list[dict[str, Any]] = [{"type": "page", "name": title, "properties": {"path": path, "title": title}}]
    for product, name in dice.sample(products, dice.randrange(1, 6)):
        seen = {"product_id": product, "name": name}
        steps.append({"type": "track", "event": "Product Viewed", "properties": seen})
        if dice.random() < 0.25:
            steps.append({"type": "track", "event": "Product Added", "properties": {**seen, "quantity": 1}})
    for step, message in enumerate(steps):
        moment = at + timedelta(seconds=40 * step)
        if moment >= until:
            return
        context = {"campaign": campaign} if campaign else {}
        identity = {
            "messageId": f"{anonymous}-{visit}-{step}",
            "anonymousId": anonymous,
            "timestamp": moment.isoformat() + "Z",
        }
        yield "site", msgspec.json.encode({**message, **identity, "context": context})


def _log_in(anonymous: str, household: int, *, at: datetime) -> bytes:
    card = {"type": "card", "id": people.card_number(household)}
    return msgspec.json.encode(
        {
            "type": "identify",
            "messageId": f"login-{household}",
            "anonymousId": anonymous,
            "timestamp": at.isoformat() + "Z",
            "context": {"externalIds": [card]},
        }
    )
