"""The background loops: every registered step in its own thread, and the jobs beside them.

Several worker processes may run on one database: a step takes its own advisory lock and says False when another has it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import structlog
from django.db import connections

from sadakat.kernel.errors import Unavailable
from sadakat.platform import jobs

Step = Callable[[datetime], bool]
"""Does one bounded batch of what is due at the given instant; says whether there was anything to do."""

IDLE_SECONDS: Final = 0.1
"""How long a step rests at first that found nothing."""
NAP_SECONDS: Final = 1.0
"""A rest of less than this ends when another step has done something, since that may be work for the one at rest."""
BREATH_SECONDS: Final = 5.0
"""How long a step with a `rest_ratio` rests after work, at most."""
FAILURE_SECONDS: Final = (0.5, 30.0)
"""How long a step rests that failed: at first, and at most."""
STOP_SECONDS: Final = 20.0
BACKLOG_SECONDS: Final = 3600.0
"""How long `work_until_idle` waits for what other processes are at."""
JOBS: Final = "platform.jobs"

log: Final = structlog.get_logger()
_steps: dict[str, tuple[Step, float, float]] = {}
_backlogs: dict[str, Callable[[], bool]] = {}


def register_backlog(name: str, is_waiting: Callable[[], bool]) -> None:
    """Adds a question whether work waits that a step has left to another process, or replaces the one of that name."""
    _backlogs[name] = is_waiting


def register_step(name: str, step: Step, *, rest_seconds: float = 1.0, rest_ratio: float = 0.0) -> None:
    """Adds a step, or replaces the one of that name.

    In `run_forever` it rests `rest_seconds` at most when it found nothing, below `NAP_SECONDS` only until another step
    has done something; and after work `rest_ratio` times as long as the work took.
    """
    _steps[name] = (step, rest_seconds, rest_ratio)


def steps() -> Mapping[str, Step]:
    """The registered steps."""
    return {name: step for name, (step, *_) in _steps.items()}


def _now() -> datetime:
    return datetime.now(UTC)


def run_forever(*, stop: threading.Event, clock: Callable[[], datetime] = _now) -> bool:
    """Runs all steps and jobs until `stop`; each then finishes its batch. Says whether all did within the bound."""
    bell = _Bell()
    threads = [
        threading.Thread(target=_repeat, args=(name, *how, stop, clock, bell), name=name, daemon=True)
        for name, how in _steps.items()
    ]
    threads.append(threading.Thread(target=_repeat_jobs, args=(stop, clock, bell), name=JOBS, daemon=True))
    for thread in threads:
        thread.start()
    log.info("worker.started", steps=len(threads))
    stop.wait()
    bell.ring()
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    if late:
        log.warning("worker.stopped_late", steps=late)
    log.info("worker.stopped")
    return not late


class _Bell:
    """Ends the naps of steps."""

    def __init__(self) -> None:
        self._door = threading.Condition()
        self._times = 0

    def ring(self) -> None:
        with self._door:
            self._times += 1
            self._door.notify_all()

    def nap(self, seconds: float) -> None:
        with self._door:
            heard = self._times
            self._door.wait_for(lambda: self._times != heard, seconds)


def _repeat(
    name: str,
    step: Step,
    rest_seconds: float,
    rest_ratio: float,
    stop: threading.Event,
    clock: Callable[[], datetime],
    bell: _Bell,
) -> None:
    """One step until `stop`: soon again after work, after a rest without, after a longer rest when it failed."""
    idle, failing = IDLE_SECONDS, FAILURE_SECONDS[0]
    try:
        while not stop.is_set():
            start = time.monotonic()
            try:
                did_something = step(clock())
            except Exception:
                log.exception("worker.step_failed", step=name, retry_seconds=failing)
                connections.close_all()
                stop.wait(failing)
                failing = min(failing * 2, FAILURE_SECONDS[1])
                continue
            failing = FAILURE_SECONDS[0]
            if did_something:
                bell.ring()
                idle = IDLE_SECONDS
                stop.wait(min(rest_ratio * (time.monotonic() - start), BREATH_SECONDS))
            else:
                rest = bell.nap if rest_seconds < NAP_SECONDS else stop.wait
                rest(idle)
                idle = min(idle * 1.5, rest_seconds)
    finally:
        connections.close_all()


def _repeat_jobs(stop: threading.Event, clock: Callable[[], datetime], bell: _Bell) -> None:
    """The jobs as a step that ends only with `stop`, or with an error after which it begins again."""

    def work(_at: datetime) -> bool:
        jobs.run_forever(stop)
        return False

    _repeat(JOBS, work, 1.0, 0.0, stop, clock, bell)


def work_until_idle(*, at: datetime, progress: Callable[[str, int], None] | None = None) -> Mapping[str, int]:
    """Does everything that is due at `at`; gives the batches of each step and the number of jobs.

    All steps run at once. It ends when each has found nothing to do since the last of them did something, no job is
    due and no backlog waits: beside a running worker some steps belong to that one, and are waited for.
    `progress(step, batches)` is told of every batch, one call at a time.

    Raises:
        Exception: what a step raised first; the others finish their batch.
        Unavailable: a backlog of another process did not end within `BACKLOG_SECONDS`.
    """
    done: Counter[str] = Counter(dict.fromkeys([*steps(), JOBS], 0))
    deadline = time.monotonic() + BACKLOG_SECONDS
    while True:
        _Round(at=at, done=done, progress=progress).run(steps())
        runs = jobs.run_due()
        done[JOBS] += runs
        waiting = [name for name, is_waiting in _backlogs.items() if is_waiting()]
        if not runs and not waiting:
            return dict(done)
        if time.monotonic() > deadline:
            raise Unavailable(f"another process holds {', '.join(waiting)} and does not come to an end")
        if not runs:
            time.sleep(IDLE_SECONDS)


class _Round:
    """Threads that work until none of them has found anything since the last change any of them made."""

    def __init__(self, *, at: datetime, done: Counter[str], progress: Callable[[str, int], None] | None) -> None:
        self._at = at
        self._done = done
        self._progress = progress
        self._state = threading.Condition()
        self._changes = 0
        self._idle_at: dict[str, int] = {}
        self._is_over = False
        self._error: BaseException | None = None

    def run(self, steps: Mapping[str, Step]) -> None:
        self._idle_at = dict.fromkeys(steps, -1)
        threads = [
            threading.Thread(target=self._work, args=(name, step), name=name, daemon=True)
            for name, step in steps.items()
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._end()
        if self._error is not None:
            raise self._error

    def _end(self, error: BaseException | None = None) -> None:
        with self._state:
            self._is_over = True
            self._error = self._error or error
            self._state.notify_all()

    def _work(self, name: str, step: Step) -> None:
        try:
            while not self._is_over:
                seen = self._changes
                self._note(name, seen=seen, did_something=step(self._at))
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self._end(error)
        finally:
            connections.close_all()

    def _note(self, name: str, *, seen: int, did_something: bool) -> None:
        """Counts a batch, or rests until another step has made a change that this one has not seen."""
        with self._state:
            if did_something:
                self._changes += 1
                self._done[name] += 1
                if self._progress is not None:
                    self._progress(name, self._done[name])
                self._state.notify_all()
                return
            self._idle_at[name] = seen
            if all(idle_at == self._changes for idle_at in self._idle_at.values()):
                self._is_over = True
                self._state.notify_all()
            self._state.wait_for(lambda: self._is_over or self._changes != seen)
