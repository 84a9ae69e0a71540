"""What loyalty does by the clock."""

from datetime import UTC, datetime
from typing import Final

import structlog
from procrastinate.contrib.django import app

from sadakat.loyalty.operations import birthdays

log: Final = structlog.get_logger()


@app.periodic(cron="20 3 * * *")
@app.task(name="loyalty.award_birthdays", queueing_lock="loyalty.award_birthdays")
def award_birthdays(timestamp: int) -> None:
    """Gives points for the birthdays of the day, and of those that were missed, every morning."""
    given = birthdays.award_birthdays(at=datetime.fromtimestamp(timestamp, UTC))
    log.info("loyalty.birthdays_awarded", members=given)
