"""The embedded database: each home has one server, which the first process to come owns and the others join.

The lock on the database's folder decides who owns the server: who holds it starts the server, starts it again
when it dies, and stops it at the end. A killed owner leaves it running, and the next process adopts it.
"""

import contextlib
import fcntl
import os
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from sadakat.kernel.errors import Refused, SadakatError, Unavailable
from sadakat.platform.database import binaries, cluster, folders

_ANSWER_LIMIT_SECONDS = 600  # Crash recovery may have 4 GB of log to replay.
_RESTART_LIMIT_SECONDS = 60  # How long processes of a killed server may keep the next one from starting.
_STOP_LIMIT_SECONDS = 120
_DATA_CANNOT_BE_USED = ("incompatible with server", "invalid permissions", "wrong ownership")
_POLL_SECONDS = 0.02
_RETRY_SECONDS = 0.3
_WATCH_SECONDS = 0.5

log = structlog.get_logger()


class Lease:
    """The use of a home's running database server; a context manager that ends with `close`."""

    def __init__(self, server: cluster.Cluster, *, lock: int | None, process: subprocess.Popen[bytes] | None) -> None:
        self.dsn = server.dsn
        """Address for libpq (psycopg, ADBC) of the database `sadakat`."""
        self._server = server
        self._lock = lock
        self._process = process
        self._opened_by = os.getpid()
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._restart_when_dead, name="database-watch", daemon=True)
        if lock is not None:
            self._watch.start()

    @property
    def is_owner(self) -> bool:
        """Whether this process holds the lock, keeps the server running and stops it at the end."""
        return self._lock is not None and self._opened_by == os.getpid()

    def close(self) -> None:
        """Stops the server when we own it, waiting until it is down; otherwise does nothing. May be repeated.

        A server that is not down after two minutes is left to the next owner, who adopts or replaces it.
        """
        if not self.is_owner or self._lock is None:
            return
        self._closing.set()
        self._watch.join()
        _stop(self._server, self._process)
        # Unlocked by name, since a forked child may still hold the same open file.
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        os.close(self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _restart_when_dead(self) -> None:
        while not self._closing.wait(_WATCH_SECONDS):
            if _is_alive(self._server, self._process):
                continue
            try:
                log.warning("database.restarting", folder=str(self._server.place))
                self._process = _bring_up(self._server, given_up=self._closing)
            except (SadakatError, OSError) as error:
                log.warning("database.restart_failed", reason=str(error))


def open_server(*, home: Path, durable: bool = True) -> Lease:
    """Starts, joins or adopts the server of `home`, and returns when it answers.

    Args:
        home: the data folder; made when missing.
        durable: False gives safety in a power cut away for speed; for tests.

    Raises:
        Refused: the folder is not ours, or its data are another user's or another PostgreSQL's.
        Unavailable: the disk is full, this platform has no PostgreSQL, or the server does not come up.
    """
    with folders.plain_errors():
        place = folders.database_folder(folders.claim_home(home))
        server = cluster.Cluster(
            place=place,
            sockets=folders.socket_folder(place),
            programs=binaries.locate(),
            is_durable=durable,
        )
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lease = _lease(server, lock)
        except BaseException:
            os.close(lock)
            raise
        if not lease.is_owner:
            os.close(lock)
        return lease


def _lease(server: cluster.Cluster, lock: int) -> Lease:
    began_at = time.monotonic()
    while True:
        if _is_free(lock):
            cluster.set_up(server)
            return Lease(server, lock=lock, process=_bring_up(server))
        reason = cluster.why_not_connected(server)
        if reason is None:
            return Lease(server, lock=None, process=None)
        _check_patience(server, time.monotonic() - began_at, reason)
        # The owner is starting the server or stopping it; when it goes, its lock is ours.
        time.sleep(_POLL_SECONDS)


def _bring_up(server: cluster.Cluster, *, given_up: threading.Event | None = None) -> subprocess.Popen[bytes] | None:
    """Waits until the server answers, starting it when it does not run; returns the process if it is new."""
    process: subprocess.Popen[bytes] | None = None
    began_at = time.monotonic()
    log_bytes = 0
    try:
        while not (given_up and given_up.is_set()):
            reason = cluster.why_not_connected(server)
            if reason is None:
                break
            waited_seconds = time.monotonic() - began_at
            _check_patience(server, waited_seconds, reason)
            if not _is_alive(server, process):
                if process is not None:
                    _check_failure(server, waited_seconds, cluster.last_failure(server, since_bytes=log_bytes))
                    time.sleep(_RETRY_SECONDS)
                cluster.remove_stale_locks(server)
                log_bytes = cluster.log_size_bytes(server)
                process = cluster.start(server)
            time.sleep(_POLL_SECONDS)
    except BaseException:
        if process is not None:
            _stop(server, process)
        raise
    return process


def _check_patience(server: cluster.Cluster, waited_seconds: float, reason: str) -> None:
    if waited_seconds > _ANSWER_LIMIT_SECONDS:
        raise Unavailable(f"The database in {server.place} does not answer: {reason} (more in {server.log})")


def _check_failure(server: cluster.Cluster, waited_seconds: float, failure: str) -> None:
    """Raises when starting again would not help. What is left of a killed server passes within seconds."""
    if "No space left on device" in failure:
        raise folders.full_disk(server.place)
    if any(sign in failure for sign in _DATA_CANNOT_BE_USED):
        raise Refused(f"The data in {server.data} cannot be used: {failure}")
    if waited_seconds > _RESTART_LIMIT_SECONDS:
        raise Unavailable(f"The database does not start: {failure} (more in {server.log})")


def _is_alive(server: cluster.Cluster, process: subprocess.Popen[bytes] | None) -> bool:
    # Our own process counts before it has written its file, and asking for it lets a dead one be buried.
    is_ours_alive = process is not None and process.poll() is None
    return is_ours_alive or cluster.running_pid(server) is not None or cluster.is_listening(server)


def _stop(server: cluster.Cluster, process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        cluster.ask_to_stop(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_LIMIT_SECONDS)
        return
    pid = cluster.running_pid(server)
    if pid is None:
        return
    cluster.ask_to_stop(pid)
    ends_at = time.monotonic() + _STOP_LIMIT_SECONDS
    while cluster.is_server(server, pid) and time.monotonic() < ends_at:
        time.sleep(_POLL_SECONDS)


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
