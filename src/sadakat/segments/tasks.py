"""What segments does by the clock."""

from datetime import UTC, datetime

from procrastinate.contrib.django import app

from sadakat.segments import previewing


@app.periodic(cron="47 3 * * *")
@app.task(name="segments.sweep", queueing_lock="segments.sweep")
def sweep(timestamp: int) -> None:
    """Checks every membership against the whole history, every night."""
    previewing.sweep(at=datetime.fromtimestamp(timestamp, UTC))
