"""Sixty-four clients move points by REST at once, also through a `kill -9`; the audit is the test's own SQL."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time as stopwatch
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

CLIENTS = 64
ON_THE_HOT_ONE = 20
MEMBERS = 30
ROUNDS = 4
STAKE = 1_000
BOUND_SECONDS = 120.0
# Each returns one row for everything that is not as it must be.
AUDIT = {
    "balances are what the entries say": """
        SELECT b.member_id, name, kept, coalesce(said, 0)
        FROM loyalty_balances AS b
        CROSS JOIN LATERAL (VALUES ('issued', issued), ('pending', pending), ('active', active), ('reserved', reserved),
            ('deficit', deficit), ('spent', spent), ('expired', expired), ('reversed', reversed), ('moved', moved))
            AS account (name, kept)
        LEFT JOIN (
            SELECT member_id, name, sum(points) AS said FROM (
                SELECT member_id, target AS name, points FROM loyalty_entry
                UNION ALL SELECT member_id, source, -points FROM loyalty_entry
            ) AS sides GROUP BY member_id, name
        ) AS entries USING (member_id, name)
        WHERE kept <> coalesce(said, 0)""",
    "open lots are what is active and pending": """
        SELECT b.member_id FROM loyalty_balances AS b LEFT JOIN loyalty_lot AS lot USING (member_id)
        GROUP BY b.member_id, b.active, b.pending
        HAVING coalesce(sum(remaining) FILTER (WHERE NOT is_pending), 0) <> b.active
            OR coalesce(sum(remaining) FILTER (WHERE is_pending), 0) <> b.pending""",
    "a lot has what was given less what was taken": """
        SELECT lot.id FROM loyalty_lot AS lot LEFT JOIN loyalty_draw AS draw ON draw.lot_id = lot.id
        GROUP BY lot.id HAVING lot.points - coalesce(sum(draw.points - draw.restored), 0) <> lot.remaining""",
    "nothing is below zero": "SELECT member_id FROM loyalty_balances WHERE least(active, pending, reserved) < 0",
    "points only change hands": "SELECT sum(moved) FROM loyalty_balances HAVING sum(moved) <> 0",
    "each operation is told in the log once": """
        SELECT o.key FROM loyalty_operation AS o
        WHERE kind IN ('award', 'deduct', 'spend') AND 1 <> (
            SELECT count(*) FROM events_inbox WHERE body->>'messageId' = 'loyalty:' || o.key)""",
}


@dataclass
class Told:
    """What clients have been told was done, by member."""

    active: Counter[str] = field(default_factory=Counter)
    operations: set[int] = field(default_factory=set)
    door: threading.Lock = field(default_factory=threading.Lock)

    def moved(self, operation_id: int, **points: int) -> None:
        with self.door:
            self.operations.add(operation_id)
            self.active.update(points)


class Shop:
    """The server in a process of its own, and clients that ask until they are answered."""

    def __init__(self, *, environment: dict[str, str], key: str) -> None:
        self.environment = environment
        self.key = key
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "sadakat.entry", "serve", "--port", str(self.port), "--no-worker"]
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = stopwatch.monotonic() + BOUND_SECONDS
        while self.process.poll() is None and stopwatch.monotonic() < until:
            try:
                assert self.once("GET", "/loyalty/programme")[0] == 200
            except (OSError, http.client.HTTPException):
                stopwatch.sleep(0.1)
            else:
                return
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def once(self, method: str, path: str, body: Any = None, name: str = "") -> tuple[int, Any]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            if name:
                headers["Idempotency-Key"] = name
            link.request(method, f"/api/v1{path}", json.dumps(body) if body else None, headers)
            answer = link.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            link.close()

    def ask(self, path: str, body: Any, *, name: str) -> tuple[int, Any]:
        """Asks under one name until there is an answer, whatever becomes of the server meanwhile."""
        until = stopwatch.monotonic() + BOUND_SECONDS
        while stopwatch.monotonic() < until:
            try:
                status, told = self.once("POST", path, body, name=name)
            except (OSError, http.client.HTTPException):
                stopwatch.sleep(0.2)
                continue
            if status < 500 and "is in progress" not in str(told.get("detail")):
                return status, told
            stopwatch.sleep(0.2)
        raise AssertionError(f"no answer to {name}")


@pytest.fixture
def shop(database: str, now: datetime, tmp_path: Path) -> Iterator[Shop]:
    from sadakat.customers.testing import known_as
    from sadakat.loyalty import api as loyalty
    from sadakat.loyalty.types import EnrolledBy
    from sadakat.platform import apikeys, audit

    burning = {"points_step": 1, "step_minor": 1, "least_points": 0, "most_share": 1}
    loyalty.apply_programme({"name": {"en": "Club"}, "rules": [], "burning": burning}, actor=audit.CLI, at=now)
    for number in range(MEMBERS):
        customer_id = known_as(f"user_id:m{number}", at=now)
        loyalty.enrol(customer_id, by=EnrolledBy.API, actor=audit.CLI, at=now)
    key = apikeys.create_key(name="Till", scopes=["loyalty:read", "loyalty:write"], actor=audit.CLI, at=now)[1]
    url = "postgresql://?" + "&".join(f"{name}={value}" for name, value in conninfo_to_dict(database).items())
    environment = os.environ | {"DATABASE_URL": url, "SADAKAT_HOME": str(tmp_path), "SADAKAT_SECRET_KEY": "k" * 40}
    shop = Shop(environment=environment, key=key)
    try:
        shop.start()
        yield shop
    finally:
        shop.kill()


def address(member: str, verb: str) -> str:
    return f"/loyalty/members/user_id:{member}/{verb}"


def client(shop: Shop, told: Told, *, number: int) -> None:
    """Some rounds of everything that moves points; each is asked twice, and the second answer is the first one's."""
    dice = Random(number)
    for place in range(ROUNDS):
        mine = "m0" if number < ON_THE_HOT_ONE else f"m{dice.randrange(1, MEMBERS)}"
        points, name = dice.randint(1, 400), f"{number}-{place}"
        match place % 4:
            case 0:
                verb, body = "adjust", {"points": points, "reason": "given"}
            case 1:
                verb, body = "redeem", {"points": points, "order_id": name}
            case 2:
                verb, body = "adjust", {"points": -points, "reason": "taken"}
            case _:
                verb, body = "transfer", {"points": points, "to": f"user_id:m{(int(mine[1:]) + 1) % MEMBERS}"}
        first = shop.ask(address(mine, verb), body, name=name)
        assert shop.ask(address(mine, verb), body, name=name) == first
        status, answer = first
        if status not in {200, 201}:
            assert status == 409, answer
            continue
        moved = answer["points"]
        if verb == "transfer":
            told.moved(answer["id"], **{mine: -moved, body["to"].removeprefix("user_id:"): moved})
        elif verb == "redeem":
            told.moved(0, **{mine: -moved})
        else:
            told.moved(answer["id"], **{mine: moved if body["points"] > 0 else -moved})


@contextmanager
def together(*works: Callable[[], None]) -> Iterator[None]:
    """Runs all at once beside the block; what one of them raises is raised at the end."""
    faults: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - raised again where the threads end
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(BOUND_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    if faults:
        raise faults[0]


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


def stake(shop: Shop, told: Told) -> None:
    for number in range(MEMBERS):
        status, answer = shop.ask(
            address(f"m{number}", "adjust"), {"points": STAKE, "reason": "stake"}, name=f"stake-{number}"
        )
        assert status == 200, answer
        told.moved(answer["id"], **{f"m{number}": STAKE})


def check(dsn: str, told: Told) -> None:
    differences = {what: rows(dsn, statement) for what, statement in AUDIT.items()}
    assert differences == {what: [] for what in AUDIT}
    active = {
        key.removeprefix("user_id:"): points
        for key, points in rows(
            dsn,
            "SELECT said.key, active FROM loyalty_balances JOIN loyalty_member AS m ON m.id = member_id"
            " JOIN customers_identifier AS said ON said.profile_id = m.customer_id",
        )
    }
    assert active == {member: told.active[member] for member in active}
    known = {id_ for (id_,) in rows(dsn, "SELECT id FROM loyalty_operation")}
    assert told.operations - {0} <= known


def test_sixty_four_clients_lose_and_double_nothing(shop: Shop, database: str) -> None:
    told = Told()
    stake(shop, told)
    with together(*(lambda number=number: client(shop, told, number=number) for number in range(CLIENTS))):
        pass
    check(database, told)
    assert len(told.operations) > CLIENTS


def test_a_balance_is_given_away_once(shop: Shop, database: str) -> None:
    told, statuses = Told(), Counter[int]()
    assert shop.ask(address("m0", "adjust"), {"points": 100, "reason": "gift"}, name="gift")[0] == 200

    def give(number: int) -> None:
        status, answer = shop.ask(
            address("m0", "transfer"), {"points": 100, "to": f"user_id:m{1 + number}"}, name=f"give-{number}"
        )
        with told.door:
            statuses[status] += 1
        if status == 200:
            told.moved(answer["id"], **{f"m{1 + number}": 100})

    with together(*(lambda number=number: give(number) for number in range(20))):
        pass
    assert statuses == {200: 1, 409: 19}
    check(database, told)


def test_a_killed_server_has_done_what_it_said_and_does_the_rest_once(shop: Shop, database: str) -> None:
    told = Told()
    stake(shop, told)
    with together(*(lambda number=number: client(shop, told, number=number) for number in range(CLIENTS))):
        until = stopwatch.monotonic() + BOUND_SECONDS
        while len(told.operations) < MEMBERS + CLIENTS and stopwatch.monotonic() < until:
            stopwatch.sleep(0.02)
        shop.kill()
        # A request that died leaves its name reserved for a minute; that minute is over.
        with psycopg.connect(database) as connection:
            connection.execute("UPDATE platform_idempotentanswer SET at = at - interval '61 s' WHERE status IS NULL")
        shop.start()
    check(database, told)
    assert len(told.operations) > MEMBERS + CLIENTS
