"""What events does in jobs."""

from datetime import UTC, datetime

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from sadakat.events.files import desk
from sadakat.kernel.errors import Conflict

_WAIT_SECONDS = 15


# The lock of the job keeps imports of one source in a row; another process may still import into it by command.
@app.task(name=desk.WORK_TASK, retry=RetryStrategy(wait=_WAIT_SECONDS, retry_exceptions=[Conflict]))
def import_file(import_id: int, at: str) -> None:
    """Checks or imports an uploaded file."""
    desk.work(import_id, at=datetime.fromisoformat(at), clock=lambda: datetime.now(UTC))
