"""Scheduled and one-off jobs by procrastinate: running them, and giving back those of killed workers.

A job runs at least once: one whose worker has been silent for too long is given to another, and the first worker may
have been asleep rather than dead. So a job must be harmless to repeat. Business clocks are never procrastinate's: what
is due is a row that a step of `platform.worker` finds; a job only ticks or does what somebody asked for once.
"""

import asyncio
import copy
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import procrastinate
import structlog
from django.db import IntegrityError, connection, connections, transaction
from procrastinate import periodic
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django import utils as django_utils
from procrastinate.job_context import JobContext
from procrastinate.middleware import AsyncCallNext, SyncCallNext
from procrastinate.worker import Worker

CONCURRENT_JOBS: Final = 2
CONNECTIONS_MAX: Final = 4
HEARTBEAT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 30.0
"""A worker that has not said a word for so long counts as dead."""
ATTEMPTS_MAX: Final = 5
"""A job that has killed its worker so often is not given to another."""
STALLED_MAX: Final = 1_000
"""How many jobs are given back at once; the next minute brings the next."""
STOP_SECONDS: Final = 15.0
_GLANCE_SECONDS: Final = 0.2

log: Final = structlog.get_logger()
_purges: dict[str, Callable[[datetime], int]] = {}


def register_purge(name: str, purge: Callable[[datetime], int]) -> None:
    """Adds to the hourly housekeeping: `purge(at)` deletes what is past its time and says how many rows."""
    _purges[name] = purge


def keep_house(at: datetime) -> dict[str, int]:
    """Runs every registered purge; one that fails is logged and does not keep the others from their work."""
    purged: dict[str, int] = {}
    for name, purge in sorted(_purges.items()):
        try:
            purged[name] = purge(at)
        except Exception:
            log.exception("jobs.purge_failed", purge=name)
    return purged


def retry_stalled(*, silent_seconds: float = SILENT_SECONDS, attempts_max: int = ATTEMPTS_MAX) -> int:
    """Gives the jobs of silent workers back to the queue, or up as failed after `attempts_max`; gives their number.

    Row locks keep two workers that do this at once from giving a job back twice.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT job.id, job.attempts
            FROM procrastinate_jobs job
            WHERE job.status = 'doing' AND NOT EXISTS (
                SELECT FROM procrastinate_workers worker
                WHERE worker.id = job.worker_id
                  AND worker.last_heartbeat >= now() - make_interval(secs => %s)
            )
            ORDER BY job.id LIMIT %s FOR UPDATE SKIP LOCKED
            """,
            [silent_seconds, STALLED_MAX],
        )
        stalled = cursor.fetchall()
        for job_id, attempts in stalled:
            try:
                with transaction.atomic():
                    if attempts + 1 < attempts_max:
                        query = "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)"
                    else:
                        query = "SELECT procrastinate_finish_job_v1(%s, 'failed', false)"
                    cursor.execute(query, [job_id])
            except IntegrityError:
                # Another job with its queueing lock waits already and will do the same.
                cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'aborted', false)", [job_id])
    return len(stalled)


def run_forever(stop: threading.Event) -> None:
    """Runs jobs and defers the periodic ones until `stop`; running jobs get `STOP_SECONDS` to finish."""
    asyncio.run(_run(stop))


def run_due() -> int:
    """Runs the jobs that are due, and those that they make due, until there are none; gives the number of runs."""
    runs = 0
    while more := asyncio.run(_run(None)):
        runs += more
    return runs


async def _run(stop: threading.Event | None) -> int:
    """Works until `stop`, or without one until nothing is due."""
    runs = 0

    async def count(call_next: AsyncCallNext, _context: JobContext, _worker: Worker) -> Any:
        nonlocal runs
        runs += 1
        return await call_next()

    app = _worker_app()
    async with app.open_async():
        work = asyncio.create_task(
            app.run_worker_async(
                wait=stop is not None,
                concurrency=CONCURRENT_JOBS,
                install_signal_handlers=False,
                shutdown_graceful_timeout=STOP_SECONDS,
                delete_jobs="successful",
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=SILENT_SECONDS,
                task_middleware=[_close_connections],
                worker_middleware=[count],
            )
        )
        while stop is not None and not stop.is_set() and not work.done():
            await asyncio.wait({work}, timeout=_GLANCE_SECONDS)
        if stop is not None:
            work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            if stop is None or not stop.is_set():
                raise
    return runs


def _close_connections(call_next: SyncCallNext, _context: JobContext, _worker: Worker) -> Any:
    """A job's Django connection belongs to a thread of the pool that nobody visits again."""
    try:
        return call_next()
    finally:
        connections.close_all()


def _worker_app() -> procrastinate.App:
    """A twin of the app of this process on connections of its own.

    The app itself defers through Django's connection, inside the caller's transaction; replacing its connector, as
    procrastinate's own command does, would take that away from every other thread of this process.
    """
    connector = procrastinate.PsycopgConnector(
        kwargs=django_utils.connector_params(), min_size=1, max_size=CONNECTIONS_MAX
    )
    twin = django_app.with_connector(connector)
    twin.periodic_registry = periodic.PeriodicRegistry()  # type: ignore[no-untyped-call]
    for entry in django_app.periodic_registry.periodic_tasks.values():
        task = copy.copy(entry.task)
        task.blueprint = twin
        twin.periodic_registry.register_task(
            task=task,
            cron=entry.cron,
            periodic_id=entry.periodic_id,
            configure_kwargs=copy.copy(entry.configure_kwargs),
        )
    return twin
