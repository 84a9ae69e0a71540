"""Marketing spend from messages to figures, exact against plain Python."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sadakat.kernel import time
from sadakat.kernel.errors import Invalid
from sadakat.kernel.money import Money
from sadakat.kernel.time import PeriodKind
from tests.integration.lake_rows import Entry, Spend, insert, insert_spend, istanbul

NOON = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def source(name: str = "ads", kind: str = "server") -> Any:
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind
    from sadakat.platform import audit

    return events.create_source(name=name, kind=SourceKind(kind), actor=audit.CLI, at=NOON)[0]


def spend(minute: int = 0, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Marketing Spend Recorded",
        "messageId": json.dumps([minute, properties], sort_keys=True),
        "timestamp": (NOON + timedelta(minutes=minute)).isoformat(),
        "properties": {"date": "2026-10-10", "channel": "Google Ads", "amount": 100, **properties},
    }


def send(sender: Any, *messages: dict[str, Any]) -> None:
    from sadakat.events import api as events

    at = NOON + timedelta(hours=2)
    report = events.import_messages(source=sender, raw_messages=[json.dumps(m).encode() for m in messages], at=at)
    assert report.accepted == len(messages)
    work()


def work() -> None:
    from sadakat.platform import worker

    worker.work_until_idle(at=NOON + timedelta(hours=2))


def stored() -> list[tuple[Any, ...]]:
    from sadakat.analytics import models

    names = ("from_date", "to_date", "channel", "campaign", "amount_minor", "currency", "said_minor", "currency_rate")
    return list(models.Spend.objects.order_by(*names).values_list(*names))


def reasons() -> list[str]:
    from sadakat.events import api as events

    return [event.reason for event in events.failed_events(consumer="analytics.spend")]


def test_the_latest_word_holds_in_every_order_of_arrival(database: str) -> None:
    from django.db import connection

    sender = source()
    said = [spend(0, amount=100), spend(2, amount="80.50"), spend(1, amount=120), spend(1, amount=7, campaign="Kış")]
    for arrival in permutations(said):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE analytics_spend, events_log, events_cursor, events_messagekey")
        for message in arrival:
            send(sender, message)
        day = date(2026, 10, 10)
        assert stored() == [
            (day, day, "google_ads", "", 8050, "TRY", 8050, 1),
            (day, day, "google_ads", "Kış", 700, "TRY", 700, 1),
        ]
    send(sender, *said)
    assert len(stored()) == 2


def test_only_trusted_sources_are_believed(database: str) -> None:
    browser = source("site", "browser")
    send(browser, spend() | {"anonymousId": "a1"})
    assert (stored(), reasons()) == ([], [])


def test_spend_waits_for_a_rate_and_counts_when_it_is_tried_again(database: str) -> None:
    from sadakat.commerce import api as commerce
    from sadakat.events import api as events
    from sadakat.platform import audit

    send(source(), spend(date="2026-10-10", amount=10, currency="EUR"), spend(1, channel="-"))
    assert sorted(reasons()) == [
        "a channel has 1 to 40 letters and digits, not '-'",
        (
            "there is no rate for EUR on 2026-10-10; record one with "
            "`sadakat rates set EUR RATE --from 2026-10-10` and retry"
        ),
    ]
    assert stored() == []
    commerce.set_currency_rate(
        currency="EUR", rate=Decimal("48.25"), from_date=date(2026, 10, 1), actor=audit.CLI, at=NOON
    )
    report = events.retry_failed(consumer="analytics.spend", actor=audit.CLI, at=NOON)
    assert (report.solved, report.still_failing) == (1, 1)
    day = date(2026, 10, 10)
    assert stored() == [(day, day, "google_ads", "", 48250, "EUR", 1000, Decimal("48.25"))]


def test_what_is_recorded_by_hand_goes_through_the_log(database: str) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics.api import SaidSpend
    from sadakat.events import api as events
    from sadakat.platform import audit
    from sadakat.platform.models import AuditEntry

    def say(minute: int, **fields: Any) -> None:
        analytics.record_spend(
            SaidSpend(month="2026-10", channel="Instagram", **fields),
            actor=audit.CLI,
            at=NOON + timedelta(minutes=minute),
        )

    say(0, amount=Decimal("310.31"))
    work()
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    assert stored() == [(first, last, "instagram", "", 31031, "TRY", 31031, 1)]
    assert [event.event for event in events.recent()] == ["Marketing Spend Recorded"]
    say(1, amount=Decimal(0))
    work()
    assert stored() == [(first, last, "instagram", "", 0, "TRY", 0, 1)]
    entry = AuditEntry.objects.filter(action="analytics.spend_recorded").order_by("id").last()
    assert entry is not None
    assert (entry.subject, entry.new["amount"]) == ("channel:instagram", "0")

    before = AuditEntry.objects.count()
    with pytest.raises(Invalid, match="there is no rate for USD on 2026-10-01"):
        say(2, amount=Decimal(5), currency="USD")
    with pytest.raises(Invalid, match="amount must be a number"):
        say(2, amount=Decimal(-5))
    assert AuditEntry.objects.count() == before
    assert not events.has_backlog(events.consumers())


def test_no_spend_is_not_known_and_recorded_nothing_is_nothing(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    insert([Entry(order="1", profile=1, at=istanbul("2026-10-05 10:00"), amount=500)])
    insert_spend([Spend("email", "", date(2026, 10, 1), date(2026, 10, 31), 0)])
    _sync(now)
    october, november = (
        analytics.metrics(as_of=day, period=PeriodKind.MONTH) for day in (date(2026, 11, 1), date(2026, 12, 1))
    )
    assert (october.marketing_spend, october.acquisition_cost) == (Money(0, "TRY"), Money(0, "TRY"))
    assert (november.marketing_spend, november.acquisition_cost) == (None, None)
    insert_spend([Spend("email", "", date(2026, 11, 3), date(2026, 11, 3), 900)])
    _sync(now)
    november = analytics.metrics(as_of=date(2026, 12, 1), period=PeriodKind.MONTH)
    assert (november.new_customers, november.marketing_spend, november.acquisition_cost) == (0, Money(900, "TRY"), None)
    earlier = analytics.previous_metrics(as_of=date(2026, 12, 1), period=PeriodKind.MONTH)
    assert earlier.marketing_spend == Money(0, "TRY")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equal_to_a_plain_computation(seed: int, now: datetime) -> None:
    from sadakat.analytics import api as analytics

    chance = Random(seed)
    start = date(2024, 1, 1)
    spends = [
        Spend(
            chance.choice(["google_ads", "email"]), str(n), first, first + timedelta(days=chance.randrange(366)), amount
        )
        for n in range(60)
        for first in [start + timedelta(days=chance.randrange(700))]
        for amount in [chance.choice([0, 1, chance.randrange(10**6), 10**15])]
    ]
    at = istanbul("2024-01-02 10:00")
    insert(
        Entry(order=str(n), profile=n, at=at + timedelta(days=chance.randrange(900)), amount=100) for n in range(1, 200)
    )
    insert_spend(spends)
    _sync(now)

    def cost_until(spend: Spend, day: date) -> int:
        passed = min(max((day - spend.from_date).days, 0), len(spend.days))
        return int(Fraction(spend.amount * passed, len(spend.days)))

    for kind in PeriodKind:
        for point in analytics.series(as_of=date(2026, 3, 9), period=kind, count=20):
            parts = [
                cost_until(spend, point.period_end) - cost_until(spend, point.period_start)
                for spend in spends
                if spend.from_date < point.period_end and spend.to_date >= point.period_start
            ]
            total = sum(parts) if parts else None
            assert point.marketing_spend == (None if total is None else Money(total, "TRY"))
            cost = None
            if total is not None and point.new_customers:
                cost = Money(int(Fraction(total, point.new_customers) + Fraction(1, 2)), "TRY")
            assert point.acquisition_cost == cost
    year = analytics.metrics(as_of=date(2026, 3, 9), period=PeriodKind.YEAR)
    assert year.period_end == time.latest_period(date(2026, 3, 9), kind=PeriodKind.YEAR).end
    by_channel = analytics.spend_by_channel(since=start, until=date(2027, 1, 1))
    assert sum(row.amount.amount_minor for row in by_channel) == sum(spend.amount for spend in spends)


def test_the_page_of_rates_hands_over_what_waits_for_one(database: str) -> None:
    from django.test import Client

    from sadakat.platform import audit, operations

    elif_, can = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
    for client, name, role in ((elif_, "elif", "marketer"), (can, "can", "support")):
        client.force_login(
            operations.create_user(email=f"{name}@modanord.example", name=name, role=role, actor=audit.CLI, at=NOON)
        )
    send(source(), spend(amount=10, currency="EUR"), spend(1, channel="-"))
    assert can.get("/settings/rates/").status_code == 403
    assert can.post("/settings/rates/retry/").status_code == 403
    assert "1 event counts nowhere" in elif_.get("/settings/rates/").content.decode()
    saved = elif_.post("/settings/rates/", {"currency": "eur", "from_date": "2026-10-01", "rate": "48.25"})
    assert saved.status_code == 302
    assert elif_.post("/settings/rates/retry/").status_code == 302
    assert [row[4] for row in stored()] == [48250]
    page = elif_.get("/settings/rates/").content.decode()
    assert "counts nowhere" not in page
    assert "48.25" in page
    assert reasons() == ["a channel has 1 to 40 letters and digits, not '-'"]


def test_rows_of_a_file_become_events() -> None:
    from sadakat.analytics.api import FILE_TARGETS
    from sadakat.events.types import Row

    (target,) = FILE_TARGETS

    def message(**values: Any) -> Any:
        def warn(*_: object) -> None:
            pytest.fail("nothing to warn of")

        (found,) = target.messages([Row(number=2, values=values, other={})], warn=warn)
        return found["properties"]

    said = {"channel": "Google Ads", "amount": Decimal("1234.56")}
    assert message(**said, date=date(2026, 11, 3)) == {
        "channel": "Google Ads",
        "amount": "1234.56",
        "date": "2026-11-03",
    }
    assert message(**said, month="11.2026", currency="EUR")["month"] == "2026-11"
    with pytest.raises(Invalid, match="the days must be said once"):
        message(**said)


def _sync(now: datetime) -> None:
    from sadakat.platform import lake

    lake.sync(at=now)
