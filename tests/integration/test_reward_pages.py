"""Rewards and their codes on the pages of the console, the till and the portal, without a browser."""

import dataclasses
import html
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sadakat.loyalty.types import Redemption, Reward
from tests.integration import earning
from tests.integration.earning import DENIZ, Shop
from tests.integration.test_members import AYSE, ISIL, ids, merge
from tests.integration.test_page_answers import logged_in
from tests.integration.test_redemptions import save

shop = earning.shop
TOLD = "already had as often as it can be"


@pytest.fixture
def ayse(shop: Shop) -> int:
    """A member with 1,000 points."""
    shop.programme()
    shop.send(shop.order(revenue=1_000))
    member_id: int = shop.member(AYSE).id
    return member_id


def take(member_id: int, *, reward: str = "coffee") -> Redemption:
    from sadakat.loyalty.operations.redemptions import redeem_reward

    return redeem_reward(member_id, reward_key=reward, key=reward, actor=DENIZ, at=timezone.now())


def text(client: Client, path: str) -> str:
    answer = client.get(path, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def kept(key: str = "coffee") -> Reward:
    from sadakat.loyalty.queries.rewards import reward

    return reward(key)


def at_portal(member_id: int) -> Client:
    """The browser of a member who has followed the link into the portal."""
    from sadakat.loyalty.operations.portal import portal_link

    client = Client(SERVER_NAME="localhost")
    client.get("/portal/" + portal_link(member_id, at=timezone.now()).partition("/portal/")[2])
    return client


# ── The form of a reward ──


def shown(client: Client) -> dict[str, str]:
    """What a browser sends of the reward's form while nobody has touched a field."""
    page = text(client, "/loyalty/rewards/coffee/")
    found = re.findall(r'<input type="(?!checkbox)\w+" name="([\w-]+)"(?: value="([^"]*)")?', page)
    return {**dict(found), "kind": "product"}


def post(client: Client, said: dict[str, str]) -> None:
    assert client.post("/loyalty/rewards/coffee/", said).status_code == 302


def test_hours_that_a_form_does_not_show_stay(ayse: int, now: datetime) -> None:
    client = logged_in("loyalty_manager")
    # From half past nine on Friday to three on Sunday in Istanbul.
    before = save(now, starts_at=now - timedelta(minutes=150), ends_at=now + timedelta(hours=51))
    said = shown(client)
    assert (said["starts_on"], said["ends_on"]) == ("2026-11-20", "2026-11-22")
    post(client, said)
    assert kept() == before
    assert "from 20 Nov 2026 to 22 Nov 2026" in text(client, "/loyalty/rewards/")

    post(client, {**said, "ends_on": "2026-11-23"})
    assert kept() == dataclasses.replace(before, ends_at=datetime.fromisoformat("2026-11-24T00:00+03:00"))
    post(client, {**shown(client), "starts_on": "", "points": "10000000000"})
    assert (kept().starts_at, kept().points) == (None, 10_000_000_000)


def test_what_happens_to_a_reward_while_its_form_is_open_stays(
    ayse: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.operations import rewards as operations

    client = logged_in("loyalty_manager")
    save(now, stock=5)
    said = shown(client)
    take(ayse)
    operations.archive_reward("coffee", actor=DENIZ, at=now)
    post(client, {**said, "name_en": "Tea"})
    assert (kept().name["en"], kept().stock, kept().taken, kept().is_archived) == ("Tea", 4, 1, True)

    # Even what happens while it is saved, after the page has read the reward.
    operations.archive_reward("coffee", is_archived=False, actor=DENIZ, at=now)
    save_now = operations.save_reward

    def save_later(*args: Any, **more: Any) -> Any:
        models.Reward.objects.filter(key="coffee").update(stock=3)
        return save_now(*args, **more)

    said = shown(client)
    monkeypatch.setattr(operations, "save_reward", save_later)
    post(client, {**said, "name_en": "Mocha"})
    monkeypatch.undo()
    assert (kept().name["en"], kept().stock) == ("Mocha", 3)
    post(client, {**said, "stock": "20"})
    assert kept().stock == 20


# ── Codes, and who sees them ──


def test_codes_are_for_those_who_run_the_programme(ayse: int, now: datetime) -> None:
    save(now)
    code = take(ayse).code
    analyst, support, manager = map(logged_in, ("analyst", "support", "loyalty_manager"))
    member, till = f"/loyalty/members/{ayse}/", f"/till/members/{ayse}/"
    assert code in text(manager, member)
    assert code in text(manager, till)
    assert code not in text(manager, "/till/")
    for client in (analyst, support):
        page = text(client, member)
        assert "A coffee" in page
        assert code[-5:] not in page
    # Enough to compare it with what the customer shows.
    assert code not in text(support, till)
    assert code[-5:] in text(support, till)
    assert code[-5:] not in text(support, "/till/")


def kept_redemption(member_id: int) -> Redemption:
    from sadakat.loyalty.queries.rewards import redemptions

    (found,) = redemptions(member_id)
    return found


def test_whoever_gives_a_reward_is_told_its_code_once(ayse: int, now: datetime) -> None:
    save(now)
    support = logged_in("support")
    answer = support.post(f"/till/members/{ayse}/rewards/coffee/", {"nonce": "n"}, follow=True)
    code = kept_redemption(ayse).code
    assert answer.content.decode().count(code) == 1
    assert code not in text(support, f"/till/members/{ayse}/")


# ── The same answer everywhere ──


def test_a_reward_that_was_had_often_enough_is_offered_nowhere(ayse: int, now: datetime) -> None:
    save(now, per_member=1)
    manager, portal = logged_in("loyalty_manager"), at_portal(ayse)
    offers = [f'action="/till/members/{ayse}/rewards/coffee/"', 'action="/portal/rewards/coffee/redeem/"']
    pages = [(manager, f"/till/members/{ayse}/"), (portal, "/portal/")]
    chosen, member = '<option value="coffee">', f"/loyalty/members/{ayse}/"
    for (client, path), offer in zip(pages, offers, strict=True):
        assert offer in text(client, path)
    assert chosen in text(manager, member)
    take(ayse)
    for (client, path), offer in zip(pages, offers, strict=True):
        page = text(client, path)
        assert TOLD in page
        assert offer not in page
    assert chosen not in text(manager, member)


def test_what_was_redeemed_before_a_merge_stays_with_the_member(ayse: int, shop: Shop) -> None:
    save(shop.now, per_member=1)
    shop.send(shop.order(number="1002", user="isil", revenue=400))
    done = take(shop.member(ISIL).id)
    merge(shop, *ids(shop))
    assert shop.member(ISIL).id == ayse

    manager, portal = logged_in("loyalty_manager"), at_portal(ayse)
    for client, path in (
        (manager, f"/loyalty/members/{ayse}/"),
        (manager, f"/till/members/{ayse}/"),
        (portal, "/portal/"),
        (portal, f"/portal/redeemed/{done.id}/"),
    ):
        assert done.code in text(client, path)
    assert TOLD in text(portal, "/portal/")


def test_many_rewards_are_told_with_no_more_questions_than_one(ayse: int, now: datetime) -> None:
    from django.db import connection

    client = logged_in("loyalty_manager")
    counts: list[list[int]] = []
    paths = ("/till/", f"/till/members/{ayse}/", f"/loyalty/members/{ayse}/")
    for number in range(3):
        save(now, key=f"coffee-{number}", points=10)
        take(ayse, reward=f"coffee-{number}")
        counts.append([])
        for path in paths:
            with CaptureQueriesContext(connection) as asked:
                text(client, path)
            counts[-1].append(len(asked))
    assert counts[1] == counts[2]
