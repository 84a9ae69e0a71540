"""The embedded database with real servers, whose parts are killed at every stage; as root and as a user."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import adbc_driver_postgresql.dbapi
import psutil
import psycopg
import pytest

from sadakat.kernel.errors import Refused, Unavailable
from sadakat.platform.database import embedded

IS_ROOT = os.geteuid() == 0
LIMIT_SECONDS = 60
PROGRAM = str(Path(__file__).with_name("embedded_program.py"))
USER = 65534


class Other:
    """Another process that opens the home."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def opened(self) -> dict[str, object]:
        line = self.process.stdout.readline()
        assert line, f"the process ended with {self.process.wait()}"
        return json.loads(line)

    def write(self, *, at_least: int) -> None:
        """Lets it commit, and waits until it has committed some."""
        self.process.stdin.write("write\n")
        self.process.stdin.flush()
        for _ in range(at_least):
            assert self.process.stdout.readline()

    def kill(self) -> list[int]:
        """Kills it; what it said to have committed since."""
        self.process.kill()
        said = self.process.stdout.read().splitlines()
        self.process.wait()
        return [int(line) for line in said if line.isdigit()]

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(LIMIT_SECONDS)

    def release(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path that the user of root's server may pass."""
    path = Path(tempfile.mkdtemp(prefix="sdk-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    """A home that is not made yet; at the end a server that outlived its owner is stopped."""
    yield folder / "home"
    if list(folder.glob("home/database/data/postmaster.pid")):
        open_here(folder / "home").close()


@pytest.fixture(scope="module")
def seed() -> Iterator[Path]:
    """A home that was made once, to copy: for tests of what comes later."""
    with tempfile.TemporaryDirectory(prefix="sdk-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        open_here(Path(folder) / "home").close()
        yield Path(folder) / "home"


@pytest.fixture
def made(home: Path, seed: Path) -> Path:
    """A home that is made, and whose server is down."""
    subprocess.run(["cp", "-a", seed, home], check=True)
    return home


@pytest.fixture
def other(home: Path) -> Iterator[Callable[[], Other]]:
    """Starts other processes, which do not outlive the test."""
    with contextlib.ExitStack() as stack:

        def begin() -> Other:
            process = Other(home)
            stack.callback(process.release)
            return process

        yield begin


def open_here(home: Path) -> embedded.Lease:
    return embedded.open_server(home=home, durable=False)


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "what was waited for did not happen"
        time.sleep(0.001)


def run(dsn: str, statement: str) -> list[tuple]:
    with psycopg.connect(dsn) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def numbers(dsn: str) -> list[int]:
    return [number for (number,) in run(dsn, "SELECT n FROM written ORDER BY n")]


def server_pid(home: Path) -> int:
    return int((home / "database/data/postmaster.pid").read_text().split()[0])


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.stat().st_mode, path.stat().st_uid, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


def test_data_are_found_after_a_restart_by_psycopg_and_adbc(made):
    with open_here(made) as lease:
        assert lease.is_owner
        run(lease.dsn, "CREATE TABLE fruit AS SELECT 'üzüm' AS name")
        first = server_pid(made)
    assert not psutil.pid_exists(first)

    with open_here(made) as lease:
        assert run(lease.dsn, "SELECT name FROM fruit") == [("üzüm",)]
        with adbc_driver_postgresql.dbapi.connect(lease.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT name FROM fruit")
            assert cursor.fetch_arrow_table().to_pylist() == [{"name": "üzüm"}]
    lease.close()


def test_the_server_is_private_and_as_documented(home):
    with embedded.open_server(home=home) as lease:
        names = "listen_addresses", "TimeZone", "jit", "fsync", "full_page_writes", "server_encoding"
        shown = {name: run(lease.dsn, f"SHOW {name}")[0][0] for name in names}
        assert shown == {
            "listen_addresses": "",
            "TimeZone": "UTC",
            "jit": "off",
            "fsync": "on",
            "full_page_writes": "on",
            "server_encoding": "UTF8",
        }
        assert run(lease.dsn, "SELECT current_database(), current_user") == [("sadakat", "sadakat")]
        assert run(lease.dsn, "SELECT datcollate FROM pg_database WHERE datname = 'sadakat'") == [("C",)]
        assert run(lease.dsn, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [("scram-sha-256",)]
        assert (home / "database/password").stat().st_mode & 0o777 == 0o600
        server = psutil.Process(server_pid(home))
        assert server.uids().real == (home / "database/data").stat().st_uid != 0
        assert os.getsid(server.pid) != os.getsid(0)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(lease.dsn, password="wrong")


def test_processes_share_one_server_and_the_next_one_owns_it(made, other):
    owner = other()
    assert owner.opened() == {"is_owner": True}
    lease = open_here(made)
    assert not lease.is_owner
    first = server_pid(made)
    run(lease.dsn, "CREATE TABLE shared ()")
    lease.close()
    assert server_pid(made) == first

    assert owner.end() == 0
    assert not psutil.pid_exists(first)
    with open_here(made) as lease:
        assert lease.is_owner
        assert run(lease.dsn, "SELECT FROM shared") == []


def test_many_first_processes_get_through_and_one_owns(home, other):
    everyone = [other() for _ in range(6)]
    assert sorted(one.opened()["is_owner"] for one in everyone) == [False] * 5 + [True]


@pytest.mark.parametrize("victims", ["server", "owner", "client", "server-and-owner"])
def test_what_was_committed_outlives_a_kill(made, other, victims):
    owner, client = other(), other()
    opened = owner.opened(), client.opened()
    if opened[1]["is_owner"]:
        owner, client = client, owner
    client.write(at_least=50)
    server = server_pid(made)
    if "server" in victims:
        os.kill(server, signal.SIGKILL)
    if "owner" in victims:
        owner.kill()
    committed = client.kill()

    lease = open_here(made)
    assert lease.is_owner == ("owner" in victims)
    found = numbers(lease.dsn)
    # One more may be there: committed, and the process killed before it could say so.
    assert len(found) in {50 + len(committed), 50 + len(committed) + 1}
    assert found == list(range(len(found)))
    assert (server_pid(made) == server) == ("server" not in victims)
    lease.close()


@pytest.mark.parametrize(
    "stage",
    ["staging-*/data", "staging-*/data/base/5", "data", "data/postmaster.pid"],
)
def test_a_kill_while_the_home_is_set_up_leaves_nothing_to_trust(home, other, stage):
    first = other()
    until(lambda: any((home / "database").glob(stage)))
    first.kill()

    with open_here(home) as lease:
        assert lease.is_owner
        run(lease.dsn, "CREATE TABLE works ()")
    with open_here(home) as lease:
        assert run(lease.dsn, "SELECT FROM works") == []
    assert {path.name for path in (home / "database").glob("staging-*/data/PG_VERSION")} == set()


def test_a_process_number_that_now_belongs_to_another_program(made):
    # PostgreSQL passes over processes of other users by itself.
    user = (made / "database/data").stat().st_uid
    stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=user if IS_ROOT else None)
    try:
        data = made / "database/data"
        lines = f"{stranger.pid}\n{data}\n1790000000\n5432\n{made}/database/socket\n\n\nready\n"
        (data / "postmaster.pid").write_text(lines)
        (made / "database/socket/.s.PGSQL.5432.lock").write_text(lines)
        with open_here(made) as lease:
            assert lease.is_owner
            assert run(lease.dsn, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.communicate()


def test_an_emptied_lock_file_does_not_keep_the_server_down(made):
    (made / "database/data/postmaster.pid").touch()
    with open_here(made) as lease:
        assert run(lease.dsn, "SELECT 1") == [(1,)]


def test_a_folder_with_other_files_is_refused_and_stays_as_it_was(folder):
    (folder / "photos").mkdir()
    (folder / "photos/one.jpg").write_bytes(b"x")
    before = tree(folder)
    with pytest.raises(Refused, match=r"not a home of Sadakat .it holds 'photos'."):
        open_here(folder)
    assert tree(folder) == before


def test_data_of_another_version_are_refused_and_stay_as_they_were(made):
    (made / "database/data/PG_VERSION").write_text("17\n")
    before = tree(made)
    with pytest.raises(Refused, match="of PostgreSQL 17, and this is PostgreSQL 18"):
        open_here(made)
    assert tree(made) == before


def test_a_full_disk_is_said_before_anything_is_made(home, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 5 * 2**20))
    with pytest.raises(Unavailable, match="is full: a new database needs 256 MB and 5 MB are free"):
        open_here(home)
    assert not (home / "database/data").exists()
    assert list(home.glob("database/staging-*")) == []


def test_a_server_that_cannot_start_says_why_and_is_not_left_behind(made, monkeypatch):
    settings = made / "database/data/postgresql.conf"
    settings.write_text(settings.read_text() + "\nwork_mem = 'much'\n")
    monkeypatch.setattr(embedded, "_RESTART_LIMIT_SECONDS", 0)
    with pytest.raises(Unavailable, match=r"does not start: .*configuration file .* contains errors"):
        open_here(made)
    assert not (made / "database/data/postmaster.pid").exists()


def test_no_wheel_for_the_platform(home, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="no embedded PostgreSQL for this platform"):
        open_here(home)


def test_a_home_with_a_long_and_unusual_path(folder):
    home = folder / ("uzun " * 30) / 'kişi\'s "ev", 100%'
    with open_here(home) as lease:
        run(lease.dsn, "CREATE TABLE far_away ()")
    with open_here(home) as lease:
        assert run(lease.dsn, "SELECT FROM far_away") == []
        with adbc_driver_postgresql.dbapi.connect(lease.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        sockets = run(lease.dsn, "SHOW unix_socket_directories")[0][0]
    assert Path(sockets).stat().st_mode & 0o777 == 0o700
    Path(sockets).rmdir()


@pytest.mark.skipif(not IS_ROOT, reason="only the server of root runs as another user, whom a closed home keeps out")
def test_the_database_of_a_closed_home_lives_outside(folder):
    folder.chmod(0o700)
    home = folder / "home"
    with open_here(home) as lease:
        run(lease.dsn, "CREATE TABLE outside ()")
    place = Path((home / "database-location").read_text().strip())
    try:
        assert not (home / "database").exists()
        assert place.parent == Path("/var/lib/sadakat")
        assert (place / "home").read_text() == f"{home}\n"
        with open_here(home) as lease:
            assert run(lease.dsn, "SELECT FROM outside") == []
    finally:
        shutil.rmtree(place)
    with pytest.raises(Unavailable, match="which is missing: mount or restore it"):
        open_here(home)


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(home):
    home.mkdir()
    os.chown(home, USER, USER)
    with pytest.raises(Refused, match=f"belongs to user {USER} and this process runs as user 0"):
        open_here(home)
    assert list(home.iterdir()) == []


@pytest.mark.skipif(IS_ROOT, reason="root can write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(home):
    home.mkdir(mode=0o500)
    with pytest.raises(Refused, match="cannot be written"):
        open_here(home)


@pytest.mark.skipif(not IS_ROOT, reason="this is the run of an ordinary user")
def test_the_same_as_an_ordinary_user():
    minor = f"python3.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{minor}", f"/usr/local/bin/{minor}"):
        with contextlib.suppress(OSError):
            if as_user(python, "-m", "pytest", "--version").returncode == 0:
                break
    else:
        pytest.skip(f"no {minor} with these packages can be reached by user {USER}")
    chosen = [
        "test_data_are_found_after_a_restart_by_psycopg_and_adbc",
        "test_processes_share_one_server_and_the_next_one_owns_it",
        "test_what_was_committed_outlives_a_kill[server-and-owner]",
        "test_a_kill_while_the_home_is_set_up_leaves_nothing_to_trust[staging-*/data]",
        "test_a_process_number_that_now_belongs_to_another_program",
        "test_a_folder_that_cannot_be_written_is_refused",
    ]
    names = [f"{__file__}::{name}" for name in chosen]
    options = ["-q", "-c", os.devnull, "--rootdir", str(Path(__file__).parents[2]), "--noconftest"]
    done = as_user(python, "-m", "pytest", *options, "-p", "no:cacheprovider", *names)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def as_user(*command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        command,
        env={"PATH": os.defpath, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        user=USER,
        group=USER,
        extra_groups=[],
        check=False,
    )
