"""One PostgreSQL data folder: set up, started, asked and stopped; who may do so is decided in `embedded`."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from sadakat.kernel.errors import Refused, Unavailable
from sadakat.platform.database import binaries, folders

NAME = "sadakat"
"""Name of the database and of its user."""

_MIN_FREE_BYTES = 256 * 2**20
_MAX_LOG_BYTES = 10 * 2**20
_SET_UP_LIMIT_SECONDS = 600
_CONNECT_LIMIT_SECONDS = 10
_SMALL_MACHINE_BYTES = 2 * 2**30
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where one database lives and what it is run with."""

    place: Path
    """Folder with the data, password, lock and log."""
    sockets: Path
    programs: binaries.Binaries
    is_durable: bool
    """False gives safety in a power cut away for speed; for tests."""

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder. It exists only once it is complete."""
        return self.place / "data"

    @property
    def log(self) -> Path:
        """What the server said."""
        return self.place / "postgresql.log"

    @property
    def password(self) -> Path:
        """File with the password of the only user."""
        return self.place / "password"

    @property
    def dsn(self) -> str:
        """Address of the database for libpq, as psycopg and ADBC take it."""
        password = self.password.read_text(encoding="ascii")
        return f"postgresql://{NAME}:{password}@/{NAME}?host={quote(str(self.sockets), safe='')}&port=5432"


def set_up(cluster: Cluster) -> None:
    """Makes the data folder, unless it is there. It is made aside, so one that is half made is never seen.

    Raises:
        Refused: the data are another user's or another PostgreSQL's.
        Unavailable: the disk is full, or `initdb` failed.
    """
    if cluster.data.exists():
        _check_data(cluster)
        return
    # A killed set-up leaves its folder, and maybe its initdb, behind: a new name keeps us apart from both.
    for leftover in cluster.place.glob("staging-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    free_bytes = shutil.disk_usage(cluster.place).free
    if free_bytes < _MIN_FREE_BYTES:
        raise Unavailable(
            f"The disk of {cluster.place} is full: a new database needs {_MIN_FREE_BYTES // 2**20} MB "
            f"and {free_bytes // 2**20} MB are free"
        )
    staging = Path(tempfile.mkdtemp(prefix="staging-", dir=cluster.place))
    try:
        _initialise(cluster, staging)
        binaries.give(staging / "data", binaries.server_uid())
        (staging / "data").rename(cluster.data)
        _sync(cluster.place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def start(cluster: Cluster) -> subprocess.Popen[bytes]:
    """Starts the server and returns without waiting until it answers.

    It gets a session of its own, so the Ctrl-C of our terminal reaches only us, and we stop it in order.
    """
    binaries.give(cluster.sockets, binaries.server_uid())
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    switch = "on" if cluster.is_durable else "off"
    settings = _SETTINGS | {
        "unix_socket_directories": str(cluster.sockets),
        "shared_buffers": "256MB" if memory_bytes >= _SMALL_MACHINE_BYTES else "64MB",
        "fsync": switch,
        "full_page_writes": switch,
    }
    command = [cluster.programs.program("postgres"), "-D", str(cluster.data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with cluster.log.open("ab") as log:
        cluster.log.chmod(0o600)
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **binaries.options(binaries.server_uid()),
        )


def why_not_connected(cluster: Cluster) -> str | None:
    """Why the database takes no connection now; None when it does."""
    try:
        psycopg.connect(cluster.dsn, connect_timeout=_CONNECT_LIMIT_SECONDS).close()
    except FileNotFoundError:
        return "it is not set up yet"
    except psycopg.OperationalError as error:
        return " ".join(str(error).split())
    return None


def running_pid(cluster: Cluster) -> int | None:
    """The process of the running server, also of one that is starting or stopping."""
    pid = _pid_in(cluster.data / "postmaster.pid")
    return pid if pid is not None and is_server(cluster, pid) else None


def is_server(cluster: Cluster, pid: int) -> bool:
    """Whether the process `pid` is alive and a server of this data folder.

    The command line decides: unlike the working folder, a confined root may read it too.
    """
    try:
        process = psutil.Process(pid)
        command = process.cmdline()
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and Path(command[0] if command else "").name == "postgres"
            and str(cluster.data) in command
        )
    except psutil.Error:
        return False


def is_listening(cluster: Cluster) -> bool:
    """Whether somebody serves the socket: also a server of another container, unseen as process."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_LIMIT_SECONDS)
        return probe.connect_ex(str(cluster.sockets / ".s.PGSQL.5432")) == 0


def remove_stale_locks(cluster: Cluster) -> None:
    """Removes lock files whose process number now belongs to another program, or that are empty.

    PostgreSQL would refuse to start as long as that program lives, which in a restarted container is for
    ever. The number of a dead process stays for PostgreSQL to judge. Call it only while holding our lock.
    """
    for file in (cluster.data / "postmaster.pid", cluster.sockets / ".s.PGSQL.5432.lock"):
        pid = _pid_in(file)
        if pid is None or (psutil.pid_exists(pid) and not is_server(cluster, pid)):
            file.unlink(missing_ok=True)


def ask_to_stop(pid: int) -> None:
    """Asks the server for a fast shutdown: no new transactions, open ones rolled back, everything on disk."""
    os.kill(pid, signal.SIGINT)


def log_size_bytes(cluster: Cluster) -> int:
    """Length of the log, to read later what was added to it. A log that became too long is put aside first."""
    size = cluster.log.stat().st_size if cluster.log.exists() else 0
    if size > _MAX_LOG_BYTES:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
        return 0
    return size


def last_failure(cluster: Cluster, *, since_bytes: int) -> str:
    """The last fatal line that the log got after its first `since_bytes`, or what there is."""
    with cluster.log.open("rb") as log:
        log.seek(since_bytes)
        lines = log.read().decode(errors="replace").splitlines()
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line] or lines or ["it said nothing"]
    return fatal[-1].strip()


def _check_data(cluster: Cluster) -> None:
    owner = cluster.data.stat().st_uid
    if owner != binaries.server_uid():
        raise Refused(
            f"The data in {cluster.data} belong to user {owner}, and the database runs as user "
            f"{binaries.server_uid()}: give them back with chown -R"
        )
    version = cluster.data / "PG_VERSION"
    major = version.read_text(encoding="ascii").strip() if version.exists() else "no"
    if major != str(cluster.programs.major):
        raise Refused(
            f"The data in {cluster.data} are of PostgreSQL {major}, and this is PostgreSQL "
            f"{cluster.programs.major}: dump them with the old version and restore them into a new home"
        )


def _initialise(cluster: Cluster, staging: Path) -> None:
    password = secrets.token_urlsafe(24)
    # One copy stays with us, the other is for the user of initdb.
    for file in (cluster.password, staging / "password"):
        _write_private(file, password)
    uid = binaries.initdb_uid()
    binaries.give(staging, uid)
    data = str(staging / "data")
    arguments = [
        "-D",
        data,
        "-U",
        NAME,
        f"--pwfile={staging / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
    ]
    arguments += ["--locale=C", "--no-instructions"]
    if not cluster.is_durable:
        arguments.append("--no-sync")
    _run([cluster.programs.program("initdb"), *arguments], uid=uid)
    # A single-user session makes the database before anybody can see the cluster without it.
    session = [cluster.programs.program("postgres"), "--single", "-D", data, "-j"]
    session += ["-c", f"fsync={'on' if cluster.is_durable else 'off'}", "template1"]
    _run(session, uid=uid, typed=f"CREATE DATABASE {NAME};\n\n")


def _run(command: list[str], *, uid: int, typed: str = "") -> None:
    try:
        result = subprocess.run(
            command,
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SET_UP_LIMIT_SECONDS,
            check=False,
            **binaries.options(uid),
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"The database could not be set up within {_SET_UP_LIMIT_SECONDS} seconds") from error
    failures = [line for line in result.stderr.splitlines() if "error:" in line.lower() or "FATAL:" in line]
    if result.returncode != 0 or failures:
        # initdb goes on to say what it removes, so the first failure is the reason.
        if "No space left on device" in result.stderr:
            raise folders.full_disk(Path(command[command.index("-D") + 1]))
        reason = (failures or result.stderr.splitlines() or [f"exit code {result.returncode}"])[0].strip()
        raise Unavailable(f"The database could not be set up: {Path(command[0]).name} said {reason!r}")


def _pid_in(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii", errors="replace").split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _write_private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
