"""What analytics does by the clock. `timestamp` is the moment of the tick, in seconds."""

from datetime import UTC, datetime
from typing import Final

import structlog
from procrastinate.contrib.django import app

from sadakat.platform import audit

log: Final = structlog.get_logger()


@app.periodic(cron="40 2 * * *")
@app.task(name="analytics.refresh_groups", queueing_lock="analytics.refresh_groups")
def refresh_groups(timestamp: int) -> None:
    """Computes RFM, clusters, customer types and stages anew, every night."""
    from sadakat.analytics.operations import groups  # brings Ibis, which a process that only collects never needs

    report = groups.refresh_groups(at=datetime.fromtimestamp(timestamp, UTC), actor=audit.SYSTEM)
    log.info("analytics.groups_refreshed", customers=report.customers, changed=report.changed)
