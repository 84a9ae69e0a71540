"""What the ground does by the clock. `timestamp` is the moment of the tick, in seconds."""

from datetime import UTC, datetime
from typing import Final

import structlog
from django.contrib.sessions.models import Session
from procrastinate import JobContext
from procrastinate.contrib.django import app

from sadakat.platform import jobs, lake, login

FAILED_JOBS_KEPT_HOURS: Final = 30 * 24

log: Final = structlog.get_logger()


def purge_sessions(at: datetime) -> int:
    """Forgets the sessions that have ended; gives their number."""
    return Session.objects.filter(expire_date__lte=at).delete()[0]


jobs.register_purge("platform.login_attempts", login.purge_attempts)
jobs.register_purge("platform.sessions", purge_sessions)


@app.periodic(cron="* * * * *")
@app.task(name="platform.retry_stalled_jobs", queueing_lock="platform.retry_stalled_jobs")
def retry_stalled_jobs(timestamp: int) -> None:  # noqa: ARG001 - heartbeats are the database's clock
    """Gives the jobs of killed workers to living ones, every minute."""
    if count := jobs.retry_stalled():
        log.warning("jobs.stalled_retried", jobs=count)


@app.periodic(cron="7 * * * *")
@app.task(name="platform.keep_house", queueing_lock="platform.keep_house")
def keep_house(timestamp: int) -> None:
    """Deletes what is past its time, every hour."""
    log.info("jobs.house_kept", **jobs.keep_house(datetime.fromtimestamp(timestamp, UTC)))


@app.periodic(cron="37 2 * * *")
@app.task(name="platform.compact_lake", queueing_lock="platform.compact_lake")
def compact_lake(timestamp: int) -> None:
    """Joins the many small files that a day leaves in the lake, every night."""
    log.info("jobs.lake_compacted", partitions=lake.compact(at=datetime.fromtimestamp(timestamp, UTC)))


@app.periodic(cron="17 3 * * *")
@app.task(name="platform.forget_failed_jobs", queueing_lock="platform.forget_failed_jobs", pass_context=True)
async def forget_failed_jobs(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - as above
    """Deletes jobs that failed or were given up a month ago, every night."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=FAILED_JOBS_KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
