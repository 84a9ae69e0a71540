"""Jobs: done once, given back when their worker is killed, given up when they kill every worker."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from psycopg.conninfo import conninfo_to_dict

BOUND_SECONDS = 30


@pytest.fixture
def jobs(database: str) -> ModuleType:
    from django.db import connection

    from sadakat.platform import jobs
    from tests.integration import jobs_program

    jobs_program.register()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE marks (text text)")
    return jobs


@pytest.fixture
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the periodic tasks out, so that a test sees its own jobs alone."""
    from procrastinate import periodic

    monkeypatch.setattr(periodic.PeriodicDeferrer, "get_previous_tasks", lambda _self, at: [])


def _defer(task: str, **arguments: str | int) -> int:
    from procrastinate.contrib.django import app

    return app.configure_task(task).defer(**arguments)


def _rows(query: str) -> list[tuple[object, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[object, ...]] = cursor.fetchall()
        return rows


def _marks() -> list[object]:
    return [text for (text,) in _rows("SELECT text FROM marks ORDER BY text")]


def _states() -> list[tuple[object, ...]]:
    return _rows("SELECT task_name, status::text, attempts FROM procrastinate_jobs ORDER BY id")


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + BOUND_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        threading.Event().wait(0.02)


@pytest.fixture
def blocked_worker(jobs: ModuleType, database: str, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A worker process that has begun the job `mark` and will never end it."""
    address = "postgresql://?" + "&".join(f"{k}={v}" for k, v in conninfo_to_dict(database).items())
    environment = {**os.environ, "DATABASE_URL": address, "SADAKAT_HOME": str(tmp_path), "BLOCK": "1"}
    _defer("tests.mark", text="once")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.jobs_program"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "started\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


@pytest.mark.usefixtures("no_ticks")
def test_due_jobs_are_done_once_and_leave_nothing(jobs: ModuleType) -> None:
    for text in ("a", "b", "c"):
        _defer("tests.mark", text=text)
    assert jobs.run_due() == 3
    assert (_marks(), _states()) == (["a", "b", "c"], [])
    assert jobs.run_due() == 0


def test_a_job_deferred_in_a_transaction_that_fails_never_was(jobs: ModuleType) -> None:
    from django.db import transaction

    with transaction.atomic():
        _defer("tests.mark", text="a")
        transaction.set_rollback(True)
    assert _states() == []


@pytest.mark.usefixtures("no_ticks")
def test_a_job_that_fails_is_kept_for_the_doctor_and_the_others_go_on(jobs: ModuleType) -> None:
    _defer("tests.fail")
    _defer("tests.mark", text="a")
    assert jobs.run_due() == 2
    assert _marks() == ["a"]
    assert [(name, status) for name, status, _ in _states()] == [("tests.fail", "failed")]


@pytest.mark.usefixtures("no_ticks")
def test_the_job_of_a_killed_worker_is_given_back_and_done(
    jobs: ModuleType, blocked_worker: "subprocess.Popen[str]"
) -> None:
    assert jobs.retry_stalled() == 0, "its worker is alive"
    assert _states() == [("tests.mark", "doing", 0)]
    blocked_worker.send_signal(signal.SIGKILL)
    blocked_worker.wait()
    assert jobs.run_due() == 0, "nobody takes it while it counts as being done"
    assert jobs.retry_stalled(silent_seconds=0) == 1
    assert _states() == [("tests.mark", "todo", 1)]
    assert jobs.retry_stalled(silent_seconds=0) == 0
    assert jobs.run_due() == 1
    # The killed run wrote its row too: a job runs at least once, and must bear it.
    assert (_marks(), _states()) == (["once", "once"], [])


@pytest.mark.usefixtures("no_ticks")
def test_the_minute_tick_gives_back_what_a_pruned_worker_left(
    jobs: ModuleType, blocked_worker: "subprocess.Popen[str]"
) -> None:
    from django.db import connection

    blocked_worker.send_signal(signal.SIGKILL)
    blocked_worker.wait()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")  # as the start of any other worker does in time
    _defer("platform.retry_stalled_jobs", timestamp=0)
    assert jobs.run_due() == 2
    assert (_marks(), _states()) == (["once", "once"], [])


def test_a_job_that_kills_every_worker_is_given_up(jobs: ModuleType) -> None:
    from django.db import connection

    _defer("tests.mark", text="deadly")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', attempts = 4")
    assert jobs.retry_stalled(silent_seconds=0) == 1
    assert [(name, status) for name, status, _ in _states()] == [("tests.mark", "failed")]
    assert _marks() == []


def test_two_who_give_back_at_once_give_back_once(jobs: ModuleType) -> None:
    from django.db import connection, connections, transaction

    _defer("tests.mark", text="a")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    counts: list[int] = []

    def other() -> None:
        counts.append(jobs.retry_stalled(silent_seconds=0))
        connections.close_all()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM procrastinate_jobs FOR UPDATE")  # as the first of the two does
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(BOUND_SECONDS)
    assert counts == [0]
    assert jobs.retry_stalled(silent_seconds=0) == 1
    assert _states() == [("tests.mark", "todo", 1)]


def test_a_stalled_job_whose_twin_waits_already_is_dropped_and_the_others_are_given_back(jobs: ModuleType) -> None:
    from django.db import connection
    from procrastinate.contrib.django import app

    task = app.configure_task("tests.mark", queueing_lock="one")
    task.defer(text="first")
    _defer("tests.mark", text="other")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    task.defer(text="twin")
    assert jobs.retry_stalled(silent_seconds=0) == 2
    assert [status for _, status, _ in _states()] == ["aborted", "todo", "todo"]


@pytest.mark.usefixtures("no_ticks")
def test_a_worker_takes_jobs_as_they_come_and_ends_when_told(jobs: ModuleType) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=jobs.run_forever, args=(stop,))
    thread.start()
    try:
        for text in ("a", "b"):
            _defer("tests.mark", text=text)
            _until(lambda text=text: text in _marks())
    finally:
        stop.set()
        thread.join(BOUND_SECONDS)
    assert not thread.is_alive()
    assert _rows("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_the_periodic_tasks_are_known_with_their_times(jobs: ModuleType) -> None:
    from procrastinate.contrib.django import app

    times = {entry.task.name: entry.cron for entry in app.periodic_registry.periodic_tasks.values()}
    assert {name: cron for name, cron in times.items() if name.startswith("platform.")} == {
        "platform.retry_stalled_jobs": "* * * * *",
        "platform.compact_lake": "37 2 * * *",
        "platform.keep_house": "7 * * * *",
        "platform.forget_failed_jobs": "17 3 * * *",
    }


def test_housekeeping_purges_what_has_ended_and_survives_a_purge_that_fails(
    jobs: ModuleType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.sessions.models import Session

    from sadakat.platform.models import LoginAttempt

    for days, key in ((-1, "ended"), (1, "open")):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
        LoginAttempt.objects.create(email=key, address="", at=now + timedelta(days=days))

    def broken(_at: datetime) -> int:
        raise RuntimeError("a purge that fails")

    monkeypatch.setattr(jobs, "_purges", dict(jobs._purges))
    jobs.register_purge("platform.broken", broken)
    purged = jobs.keep_house(now)
    assert (purged["platform.login_attempts"], purged["platform.sessions"]) == (1, 1)
    assert "platform.broken" not in purged
    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
    assert list(LoginAttempt.objects.values_list("email", flat=True)) == ["open"]
