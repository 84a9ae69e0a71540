"""Two people taken for one and told apart again: every figure is that of a home in which they had never been one."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sadakat.customers.testing import AYSE, BARIS, CAGLA, ISIL, Person
from sadakat.events.types import SourceKind
from sadakat.kernel.time import PeriodKind
from sadakat.platform.audit import Actor
from tests.integration.pipeline import rows, run

BEGIN = datetime(2025, 11, 20, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
DENIZ = Actor("user:1", "Deniz")
# What is counted while working, such as positions of the log: the merge and its undo stand there too.
WORKING = {"position", "changed_at"}
Message = dict[str, Any]


class Home:
    """One installation, worked until nothing is left to do after every change."""

    def __init__(self, *, now: datetime) -> None:
        from sadakat.events import api as events
        from sadakat.platform import audit

        self.now = now
        self.shop = events.create_source(name="shop", kind=SourceKind.SERVER, actor=audit.SYSTEM, at=now)[0]

    def send(self, messages: Iterable[Message]) -> None:
        from sadakat.events import api as events

        raw = [json.dumps(message).encode() for message in messages]
        report = events.import_messages(source=self.shop, raw_messages=raw, at=self.now)
        assert report.rejected == 0
        self.work()

    def work(self) -> None:
        from sadakat.events import api as events
        from sadakat.platform import lake

        while events.has_backlog(events.consumers()):
            events.sequence(at=self.now)
            for consumer in events.consumers():
                events.consume(consumer, at=self.now)
        assert events.failed_events() == []
        lake.sync(at=self.now)


def said(person: Person, event: str, *, n: str, at: datetime, has_account: bool, **properties: Any) -> Message:
    """A tracked event of somebody, who is named by his account or by the card that he shows at the till."""
    message = {"type": "track", "event": event, "messageId": f"{event} {n}", "timestamp": at.isoformat()}
    if has_account:
        message |= {"userId": person.user_id, "anonymousId": person.anonymous_id}
    else:
        message |= {"context": {"traits": {"card": person.card, "email": person.email}}}
    return message | {"properties": properties}


def year(*, accounts: set[Person]) -> list[Message]:
    """A year of the cast: what they say of themselves, what they look at, buy and bring back."""
    dice = Random(20261120)
    messages = []
    for person in (AYSE, ISIL, BARIS, CAGLA):
        has_account = person in accounts
        identify = person.identify(at=BEGIN, message_id=f"identify {person.first_name}", plan=person.first_name[0])
        messages.append(identify if has_account else {k: v for k, v in identify.items() if k != "userId"})
        for n in range(dice.randint(9, 14)):
            at = BEGIN + timedelta(days=dice.randint(0, 350), minutes=dice.randint(0, 600))
            name = f"{person.first_name}-{n}"
            messages.append(said(person, "Product Viewed", n=name, at=at, has_account=has_account, product_id="1"))
            messages.append(
                said(
                    person,
                    "Order Completed",
                    n=name,
                    at=at,
                    has_account=has_account,
                    order_id=name,
                    total=dice.randint(1_000, 90_000) / 100,
                    currency="TRY",
                    channel=dice.choice(["online", "store"]),
                    products=[{"product_id": "1", "name": "Şal", "quantity": 1, "price": 10}],
                )
            )
            if n % 5 == 4:
                messages.append(
                    said(
                        person,
                        "Order Cancelled",
                        n=name,
                        at=at + timedelta(days=1),
                        has_account=has_account,
                        order_id=name,
                    )
                )
    messages.sort(key=lambda message: str(message["timestamp"]))
    return messages


def later(*, accounts: set[Person]) -> list[Message]:
    """What happens while the two are one: a refund of Işıl's, and new orders, words and visits of both."""
    at = BEGIN + timedelta(days=358)
    messages = [
        said(
            ISIL,
            "Order Refunded",
            n="late",
            at=at,
            has_account=ISIL in accounts,
            order_id="Işıl-0",
            total=3.5,
            currency="TRY",
        )
    ]
    for person in (ISIL, AYSE):
        has_account = person in accounts
        identify = person.identify(at=at, message_id=f"moved {person.first_name}", city=f"Yeni {person.city}")
        messages += [
            identify if has_account else {k: v for k, v in identify.items() if k != "userId"},
            said(person, "Product Viewed", n=f"{person.first_name} late", at=at, has_account=has_account),
            said(person, "Order Completed", n=f"{person.first_name} late", at=at + timedelta(hours=1),
                 has_account=has_account, order_id=f"{person.first_name}-late", total=77.7, currency="TRY"),
        ]  # fmt: skip
    return messages


def help_call(*, names_both: bool) -> Message:
    """Ayşe calls; in one home the call centre notes Işıl's phone number as hers."""
    message = said(AYSE, "Help Called", n="1", at=BEGIN + timedelta(days=355), has_account=True)
    return message | ({"context": {"traits": {"phone": ISIL.phone}}} if names_both else {})


def table(name: str) -> list[Message]:
    found = [json.loads(text) for (text,) in rows(f"SELECT to_jsonb(t)::text FROM {name} AS t")]
    kept = [{key: value for key, value in row.items() if key not in WORKING} for row in found]
    return sorted(kept, key=lambda row: json.dumps(row, sort_keys=True))


def lake_rows(name: str) -> list[Message]:
    from sadakat.platform import engine

    return sorted(engine.collect(engine.read(name)), key=repr)


def everything() -> dict[str, Any]:
    """All that is kept of customers, and every figure that is made of it."""
    from sadakat.analytics import api as analytics
    from sadakat.customers import api as customers
    from sadakat.events import api as events

    ids = sorted(set(customers.customers_of(range(1, 200)).values()))
    tables = "customers_profile customers_feature customers_trait customers_activity customers_identifier".split()
    tables += "commerce_order commerce_orderentry commerce_line".split()
    return {
        **{name: table(name) for name in tables},
        "lake map": lake_rows("profile_map"),
        "lake orders": lake_rows("order_entries"),
        "metrics": [analytics.as_json(analytics.metrics(as_of=TODAY, period=period)) for period in PeriodKind],
        "series": [analytics.series(as_of=TODAY, period=period, count=12) for period in PeriodKind],
        "slipping": analytics.slipping(as_of=TODAY + timedelta(days=90)),
        "customers": [customers.customer(id_) for id_ in ids],
        "rows": customers.customer_rows(ids),
        "found": [[row.id for row in customers.search(text).rows] for text in ("ayşe", "ışıl", "yeni", "905321234502")],
        "timelines": {
            id_: [
                (event.event, event.kind, event.profile_id, event.at, event.mid)
                for event in events.timeline(profile_ids=profiles, limit=500)
                if event.source_id != events.system_source_id()
            ]
            for id_, profiles in customers.profiles_of(ids).items()
        },
        "conflicts": customers.conflicts(),
    }


def start_anew() -> None:
    """Empties the database of everything but the brand and its sources."""
    named = rows("""SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
        AND tablename ~ '^(customers|events|commerce|analytics|platform_lake)' AND tablename <> 'events_source'""")
    run(f"TRUNCATE {named[0][0]} RESTART IDENTITY")


@pytest.fixture
def open_home(database: str, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Home]:
    """Opens homes one after the other, each with an empty log and lake."""
    from sadakat.platform import lake

    made: list[Home] = []

    def open_it(name: str) -> Home:
        monkeypatch.setattr(lake, "folder", lambda: tmp_path / name)
        if made:
            start_anew()
        else:
            made.append(Home(now=now))
        return made[0]

    return open_it


@pytest.mark.parametrize("merged_by", ["an event", "hand"])
def test_undone_every_figure_is_that_of_a_home_where_nobody_was_merged(
    open_home: Callable[[str], Home], merged_by: str
) -> None:
    from sadakat.customers import api as customers

    # Nobody but a person makes one of two accounts; whom an event joins to Ayşe has none.
    accounts = {AYSE, BARIS} if merged_by == "an event" else {AYSE, ISIL, BARIS}
    isil = f"email:{ISIL.email}"

    home = open_home("a")
    home.send(year(accounts=accounts))
    home.send([help_call(names_both=False)])
    home.send(later(accounts=accounts))
    expected = everything()
    assert len(expected["customers"]) == 4

    home = open_home("b")
    home.send(year(accounts=accounts))
    home.send([help_call(names_both=merged_by == "an event")])
    ayse_id = customers.find(f"user_id:{AYSE.user_id}")
    if merged_by == "hand":
        customers.merge_customers(left_id=customers.find(isil), right_id=ayse_id, actor=DENIZ, at=home.now)
    home.send(later(accounts=accounts))
    assert customers.find(isil) == ayse_id
    merged = everything()
    assert [name for name in expected if merged[name] == expected[name]] == [
        name for name in expected if name in SAME_WHILE_MERGED
    ]
    (merge,) = customers.merges()

    undone = customers.undo_merge(merge_id=merge.id, actor=DENIZ, at=home.now)
    home.work()
    found = everything()
    for name in expected:
        assert found[name] == expected[name], name
    assert undone.customer_ids == (ayse_id, customers.find(isil))
    assert customers.merges_of(ayse_id) == customers.merges_of(customers.find(isil)) == (undone.merge,)

    # And what comes now is each one's own, as in the other home.
    again = [help_call(names_both=merged_by == "an event") | {"messageId": "again"}]
    home.send(again)
    assert customers.find(isil) != ayse_id


SAME_WHILE_MERGED = {
    "customers_trait",
    "customers_activity",
    "customers_identifier",
    "commerce_order",
    "commerce_orderentry",
    "commerce_line",
    "lake orders",
    "conflicts",
}
"""What belongs to profiles, which nothing ever moves."""
