"""The points ledger, beside the same operations written row by row with Django's ORM."""

import random
import statistics
import threading
import time as stopwatch
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any, Final

from django.apps import apps
from django.db import connection, connections, transaction

from sadakat.entry.bench.figure import Figure
from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.loyalty import api as loyalty
from sadakat.loyalty import testing
from sadakat.loyalty.types import Award, Command, Expiry, Reserve, Restore, Reverse, Span, Spend

# The baseline writes the ledger's own tables, in which nobody else outside of it has any business.
Balances, Operation, Lot, Entry, Draw, Touched, Member = (
    apps.get_model("loyalty", name) for name in ("Balances", "Operation", "Lot", "Entry", "Draw", "Touched", "Member")
)
MEMBERS: Final = 10_000
CLIENTS: Final = 32
SECONDS: Final = 6.0
BATCH: Final = 50
LOTS: Final = 1_000_000
LOTS_ONE_BY_ONE: Final = 1_000
_NOW: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_TOMORROW: Final = _NOW + timedelta(days=1)
_YEAR: Final = Expiry(Span.MONTHS, 12)
_P99_GOAL: Final = "≤ 40 ms"


# Members, each with lots that expire a day on, without the ledger's verbs, which a million would take too long.
_FILL: Final = """
    WITH members AS (
        INSERT INTO loyalty_member (customer_id, number, enrolled_at, enrolled_by, recorded_at)
        SELECT id, id, %(at)s, 'console', %(at)s FROM generate_series(%(low)s::bigint, %(high)s) AS id
        RETURNING id
    ), balances AS (
        INSERT INTO loyalty_balances (member_id, issued, active, version)
        SELECT id, -10 * %(lots)s, 10 * %(lots)s, %(lots)s FROM members
    ), operations AS (
        INSERT INTO loyalty_operation
            (key, fingerprint, member_id, kind, at, recorded_at, points, reference, actor, actor_name)
        SELECT 'given:' || id || ':' || lot, '', id, 'award', %(at)s, %(at)s, 10, '{}', 'system', 'Sadakat'
        FROM members, generate_series(1, %(lots)s) AS lot
        RETURNING id, member_id
    ), entries AS (
        INSERT INTO loyalty_entry (operation_id, member_id, source, target, points, at, recorded_at)
        SELECT id, member_id, 'issued', 'active', 10, %(at)s, %(at)s FROM operations
    )
    INSERT INTO loyalty_lot (operation_id, member_id, points, remaining, is_pending, span, count, expires_at, at)
    SELECT id, member_id, 10, 10, false, 'days', 1, %(end)s, %(at)s FROM operations
"""


def one() -> list[Figure]:
    """Earning and spending by clients that each ask for one operation at a time."""
    members = _members()

    def ours(command: Command) -> None:
        outcome = loyalty.submit(command, at=_NOW)
        assert outcome.is_done, outcome.reason

    baseline = _rate(_one_by_one, members=members)
    rate = _rate(ours, members=members)
    _check()
    return [_figure("ledger-one", rate, baseline, goal="≥ 2.5")]


def batch() -> list[Figure]:
    """Batches of mixed operations; the second figure is the time of a batch that only one in a hundred exceeds."""
    members = _members()
    baseline = _rate(_one_by_one, members=members)
    until = stopwatch.monotonic() + SECONDS
    seconds = _post_batches(members, until=until)
    _check()
    p99 = statistics.quantiles(seconds, n=100)[-1] * 1_000
    return [
        _figure("ledger-batch", BATCH * len(seconds) / SECONDS, baseline, goal="≥ 12"),
        Figure(name="ledger-batch/p99", ours=p99, baseline=40.0, unit="ms", ratio=p99 / 40.0, goal=_P99_GOAL),
    ]


def _post_batches(members: Sequence[int], *, until: float) -> list[float]:
    """Seconds that each batch took."""
    commands = _mixed(random.Random(members[0]), members)  # noqa: S311 - traffic, not secrets
    seconds: list[float] = []
    while stopwatch.monotonic() < until:
        together = list(islice(commands, BATCH))
        began = stopwatch.monotonic()
        outcomes = loyalty.post(together, at=_NOW)
        seconds.append(stopwatch.monotonic() - began)
        assert all(outcome.is_done for outcome in outcomes), outcomes
    return seconds


def expiry() -> list[Figure]:
    """A night on which very many lots expire, two of each member; the baseline books a sample of them one by one."""
    _fill(first=1, members=LOTS_ONE_BY_ONE, lots=1)
    start = stopwatch.monotonic()
    for lot in Lot.objects.order_by("id"):
        _expire_one_by_one(lot)
    baseline = LOTS_ONE_BY_ONE / (stopwatch.monotonic() - start)
    _fill(first=1 + LOTS_ONE_BY_ONE, members=LOTS // 2, lots=2)
    start = stopwatch.monotonic()
    while loyalty.expire_due(_NOW + timedelta(days=2)):
        pass
    rate = LOTS / (stopwatch.monotonic() - start)
    _check()
    assert not Lot.objects.filter(remaining__gt=0).exists()
    return [
        Figure(name="ledger-expiry", ours=rate, baseline=baseline, unit="lots/s", ratio=rate / baseline, goal="≥ 100")
    ]


def _fill(*, first: int, members: int, lots: int) -> None:
    said: dict[str, int | datetime] = {
        "low": first,
        "high": first + members - 1,
        "at": _NOW,
        "end": _NOW + timedelta(days=1),
        "lots": lots,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILL, said)
        cursor.execute("ANALYZE loyalty_lot, loyalty_balances, loyalty_member")


def _figure(name: str, rate: float, baseline: float, *, goal: str) -> Figure:
    return Figure(name=name, ours=rate, baseline=baseline, unit="operations/s", ratio=rate / baseline, goal=goal)


def _members() -> list[int]:
    """Members, each with three lots; the numbers of customers differ from benchmark to benchmark."""
    first = Member.objects.count()
    members = testing.make_members(range(first + 1, first + 1 + MEMBERS), at=_NOW)
    for low in range(0, MEMBERS, 1_000):
        loyalty.post(
            [
                Award(key=f"start:{member}:{lot}", member_id=member, at=_NOW, points=1_000, expiry=_YEAR)
                for member in members[low : low + 1_000]
                for lot in range(3)
            ],
            at=_NOW,
        )
    return members


def _rate(do: Callable[[Command], None], *, members: Sequence[int]) -> float:
    """Operations a second of all clients together."""
    done = [0] * CLIENTS
    failures: list[Exception] = []
    until = stopwatch.monotonic() + SECONDS
    run = f"{do.__qualname__}:{members[0]}"

    def client(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - traffic, not secrets
        try:
            for command in _earn_and_spend(chance, members, name=f"{run}:{number}"):
                if stopwatch.monotonic() > until:
                    return
                do(command)
                done[number] += 1
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(done) / SECONDS


def _earn_and_spend(chance: random.Random, members: Sequence[int], *, name: str) -> Iterator[Command]:
    for number in count():
        member = chance.choice(members)
        yield Award(key=f"{name}:earn:{number}", member_id=member, at=_NOW, points=50, expiry=_YEAR)
        yield Spend(key=f"{name}:spend:{number}", member_id=member, at=_NOW, points=40)


def _mixed(chance: random.Random, members: Sequence[int]) -> Iterator[Command]:
    """Mostly earning and spending; each tenth is taken back or given back, and some reserve."""
    for number in count():
        member = chance.choice(members)
        earn, spend = f"mixed:earn:{member}:{number}", f"mixed:spend:{member}:{number}"
        yield Award(key=earn, member_id=member, at=_NOW, points=50, expiry=_YEAR, reference={"order_id": str(number)})
        yield Spend(key=spend, member_id=member, at=_NOW, points=30)
        if number % 5 == 0:
            yield Reverse(key=f"un{earn}", member_id=member, at=_NOW, award_key=earn, upto=20)
            yield Restore(key=f"un{spend}", member_id=member, at=_NOW, spend_key=spend, upto=10)
        if number % 20 == 0:
            until = _NOW + timedelta(hours=1)
            yield Reserve(key=f"hold:{member}:{number}", member_id=member, at=_NOW, points=1, until=until)


def _one_by_one(command: Command) -> None:
    """An award or a spend as an application without a ledger would write it: rows read, changed and saved."""
    assert isinstance(command, Award | Spend)
    with transaction.atomic():
        balances = Balances.objects.select_for_update().select_related("member").get(pk=command.member_id)
        assert not Operation.objects.filter(key=command.key).exists()
        operation = Operation.objects.create(
            key=command.key,
            fingerprint=b"",
            member_id=command.member_id,
            kind=type(command).__name__.lower(),
            at=command.at,
            recorded_at=_NOW,
            points=command.points,
            actor=command.actor,
            actor_name=command.actor_name,
        )
        if isinstance(command, Award):
            source, target = "issued", "active"
            Lot.objects.create(
                operation=operation,
                member_id=command.member_id,
                points=command.points,
                remaining=command.points,
                is_pending=False,
                span=command.expiry.span,
                count=command.expiry.count,
                expires_at=_NOW + timedelta(days=365),
                at=command.at,
            )
        else:
            source, target = "active", "spent"
            _draw_one_by_one(operation, balances=balances, points=command.points)
        setattr(balances, source, getattr(balances, source) - command.points)
        setattr(balances, target, getattr(balances, target) + command.points)
        balances.version += 1
        balances.save()
        Entry.objects.create(
            operation=operation,
            member_id=command.member_id,
            source=source,
            target=target,
            points=command.points,
            at=command.at,
            recorded_at=_NOW,
        )
        event = "Points Earned" if source == "issued" else "Points Spent"
        _tell(event, balances, key=command.key, points=command.points)


def _draw_one_by_one(operation: Any, *, balances: Any, points: int) -> None:
    lots = Lot.objects.filter(member_id=balances.pk, remaining__gt=0, is_pending=False, expires_at__gt=_NOW)
    for lot in lots.order_by("expires_at", "at", "id").iterator():
        taken = min(points, lot.remaining)
        lot.remaining -= taken
        lot.save(update_fields=["remaining"])
        Draw.objects.create(operation=operation, lot=lot, points=taken)
        points -= taken
        if not points:
            return
    raise AssertionError("not enough points")


def _expire_one_by_one(lot: Any) -> None:
    """One lot as a loop over what is due would book it."""
    with transaction.atomic():
        balances = Balances.objects.select_for_update().select_related("member").get(pk=lot.member_id)
        operation = Operation.objects.create(
            key=f"expire:{lot.pk}",
            fingerprint=b"",
            member_id=lot.member_id,
            kind="expire",
            at=lot.expires_at,
            recorded_at=_NOW,
            points=lot.remaining,
            actor="system",
            actor_name="Sadakat",
        )
        Entry.objects.create(
            operation=operation,
            member_id=lot.member_id,
            source="active",
            target="expired",
            points=lot.remaining,
            at=lot.expires_at,
            recorded_at=_NOW,
        )
        Draw.objects.create(operation=operation, lot=lot, points=lot.remaining)
        balances.active -= lot.remaining
        balances.expired += lot.remaining
        balances.version += 1
        balances.save()
        _tell("Points Expired", balances, key=operation.key, points=lot.remaining)
        lot.remaining = 0
        lot.save(update_fields=["remaining"])


def _tell(event: str, balances: Any, *, key: str, points: int) -> None:
    Touched.objects.create(member_id=balances.pk)
    said = {"points": points, "balance": balances.active}
    fact = Fact(
        event=event, profile_id=balances.member.customer_id, properties=said, at=_NOW, message_id=f"loyalty:{key}"
    )
    events.append_facts([fact])


def _check() -> None:
    report = loyalty.audit()
    assert not report.problems, report.problems
