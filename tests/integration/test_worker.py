"""The background loops: all steps at once, until told to stop or until nothing is left."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from types import ModuleType

import pytest

BOUND_SECONDS = 30


@pytest.fixture
def worker(database: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module with no steps registered, with short rests, and without periodic ticks."""
    from procrastinate import periodic

    from sadakat.platform import worker

    monkeypatch.setattr(worker, "_steps", {})
    monkeypatch.setattr(worker, "FAILURE_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(periodic.PeriodicDeferrer, "get_previous_tasks", lambda _self, at: [])
    return worker


class Pipe:
    """A chain of queues: a step takes one thing from its own and hands it to the next."""

    def __init__(self, *, things: int, steps: int) -> None:
        self.waiting = [things, *[0] * steps]
        self.lock = threading.Lock()
        self.instants: set[datetime] = set()

    def step(self, number: int) -> Callable[[datetime], bool]:
        def take(at: datetime) -> bool:
            with self.lock:
                self.instants.add(at)
                if not self.waiting[number]:
                    return False
                self.waiting[number] -= 1
                self.waiting[number + 1] += 1
                return True

        return take


def test_work_flows_through_all_steps_and_every_batch_is_counted(worker: ModuleType, now: datetime) -> None:
    pipe = Pipe(things=40, steps=3)
    # The last step is registered first: idle at once, and woken again by those before it.
    for number in (2, 1, 0):
        worker.register_step(f"step{number}", pipe.step(number))
    told: Counter[str] = Counter()
    done = worker.work_until_idle(at=now, progress=lambda name, batches: told.update({name: batches - told[name]}))
    assert done == {"step0": 40, "step1": 40, "step2": 40, "platform.jobs": 0}
    assert told == {"step0": 40, "step1": 40, "step2": 40}
    assert pipe.waiting == [0, 0, 0, 40]
    assert pipe.instants == {now}


def test_steps_run_at_the_same_time(worker: ModuleType, now: datetime) -> None:
    meeting = threading.Barrier(2, timeout=BOUND_SECONDS)
    met: Counter[str] = Counter()

    def step(name: str) -> Callable[[datetime], bool]:
        def meet(_at: datetime) -> bool:
            if met[name]:
                return False
            meeting.wait()
            met[name] += 1
            return True

        return meet

    for name in ("a", "b"):
        worker.register_step(name, step(name))
    assert worker.work_until_idle(at=now) == {"a": 1, "b": 1, "platform.jobs": 0}


def test_nothing_to_do_is_said_at_once(worker: ModuleType, now: datetime) -> None:
    assert worker.work_until_idle(at=now) == {"platform.jobs": 0}
    worker.register_step("idle", lambda _at: False)
    assert worker.work_until_idle(at=now) == {"idle": 0, "platform.jobs": 0}


def test_what_a_step_raises_ends_the_work_and_is_raised(worker: ModuleType, now: datetime) -> None:
    def broken(_at: datetime) -> bool:
        raise ValueError("a step that fails")

    worker.register_step("broken", broken)
    worker.register_step("idle", lambda _at: False)
    with pytest.raises(ValueError, match="a step that fails"):
        worker.work_until_idle(at=now)


def test_jobs_that_make_work_and_work_that_makes_jobs_are_both_done(worker: ModuleType, now: datetime) -> None:
    from django.db import connection
    from procrastinate.contrib.django import app

    from tests.integration import jobs_program

    jobs_program.register()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE marks (text text)")
    app.configure_task("tests.mark").defer(text="by the test")

    def step(_at: datetime) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM marks WHERE text = 'by the test' RETURNING 1")
            found = cursor.fetchone() is not None
        if found:
            app.configure_task("tests.mark").defer(text="by the step")
        return found

    worker.register_step("step", step)
    assert worker.work_until_idle(at=now) == {"step": 1, "platform.jobs": 2}
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM marks")
        assert cursor.fetchall() == [("by the step",)]


def _run(worker: ModuleType, *, until: threading.Event, now: datetime) -> bool:
    """Runs the loops until the event `until`, which a step sets; gives what `run_forever` says."""
    stop = threading.Event()
    ended: list[bool] = []
    loops = threading.Thread(target=lambda: ended.append(worker.run_forever(stop=stop, clock=lambda: now)))
    loops.start()
    was_reached = until.wait(BOUND_SECONDS)
    stop.set()
    loops.join(BOUND_SECONDS)
    assert was_reached, "what was waited for did not happen in time"
    assert not loops.is_alive()
    return ended[0]


def test_a_nap_ends_when_another_step_has_done_something(
    worker: ModuleType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "IDLE_SECONDS", 10 * BOUND_SECONDS)
    resting, reached = threading.Event(), threading.Event()

    def listener(_at: datetime) -> bool:
        if resting.is_set():
            reached.set()
        resting.set()
        return False

    def speaker(_at: datetime) -> bool:
        # The listener may still be on its way to rest at the first word.
        return resting.wait(BOUND_SECONDS) and not reached.is_set()

    worker.register_step("listener", listener, rest_seconds=0.9)
    worker.register_step("speaker", speaker)
    assert _run(worker, until=reached, now=now) is True


def test_the_loops_go_on_until_they_are_told_to_stop(worker: ModuleType, now: datetime) -> None:
    reached = threading.Event()
    pipe = Pipe(things=50, steps=2)

    def last(at: datetime) -> bool:
        did_something = pipe.step(1)(at)
        if pipe.waiting[2] == 50:
            reached.set()
        return did_something

    worker.register_step("first", pipe.step(0))
    worker.register_step("last", last)
    assert _run(worker, until=reached, now=now) is True
    assert (pipe.waiting, pipe.instants) == ([0, 0, 50], {now})


def test_a_step_that_fails_is_tried_again_and_does_not_stop_the_others(worker: ModuleType, now: datetime) -> None:
    from django.db import connection

    calls: Counter[str] = Counter()
    both = threading.Event()

    def flaky(_at: datetime) -> bool:
        calls["flaky"] += 1
        if calls["flaky"] < 4:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        both.set()
        return False

    def steady(_at: datetime) -> bool:
        calls["steady"] += 1
        return False

    worker.register_step("flaky", flaky)
    worker.register_step("steady", steady)
    assert _run(worker, until=both, now=now) is True
    assert calls["flaky"] >= 4
    assert calls["steady"] >= 1


def test_a_step_whose_connection_was_cut_gets_a_new_one(worker: ModuleType, now: datetime) -> None:
    from django.db import connection

    backends: list[int] = []
    twice = threading.Event()

    def step(_at: datetime) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backends.append(cursor.fetchone()[0])
            if len(backends) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        twice.set()
        return False

    worker.register_step("cut", step)
    assert _run(worker, until=twice, now=now) is True
    assert len(set(backends)) == 2


def test_no_connection_is_left_behind(worker: ModuleType, now: datetime) -> None:
    from django.db import connection

    def step(_at: datetime) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return False

    for name in ("a", "b", "c"):
        worker.register_step(name, step)
    worker.work_until_idle(at=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        assert cursor.fetchone() == (0,)


def test_the_stop_waits_for_the_batch_that_is_running(worker: ModuleType, now: datetime) -> None:
    begun, finish = threading.Event(), threading.Event()
    finished: list[datetime] = []

    def slow(at: datetime) -> bool:
        begun.set()
        assert finish.wait(BOUND_SECONDS)
        finished.append(at)
        return True

    worker.register_step("slow", slow)
    stop = threading.Event()
    loops = threading.Thread(target=worker.run_forever, kwargs={"stop": stop, "clock": lambda: now})
    loops.start()
    assert begun.wait(BOUND_SECONDS)
    stop.set()
    loops.join(0.1)
    assert loops.is_alive()
    finish.set()
    loops.join(BOUND_SECONDS)
    assert not loops.is_alive()
    assert finished == [now]


def test_a_step_that_does_not_end_is_left_after_the_bound(
    worker: ModuleType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.05)
    begun, finish = threading.Event(), threading.Event()

    def endless(_at: datetime) -> bool:
        begun.set()
        finish.wait(BOUND_SECONDS)
        return False

    worker.register_step("endless", endless)
    try:
        assert _run(worker, until=begun, now=now) is False
    finally:
        finish.set()
        for thread in threading.enumerate():
            if thread.name in {"endless", worker.JOBS}:
                thread.join(BOUND_SECONDS)
