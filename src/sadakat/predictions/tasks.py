"""What predictions does by the clock. `timestamp` is the moment of the tick, in seconds."""

from datetime import UTC, datetime

from procrastinate.contrib.django import app

from sadakat.platform import audit
from sadakat.predictions.types import TRAIN_TASK


@app.periodic(cron="23 2 * * 1")
@app.task(name=TRAIN_TASK, queueing_lock=TRAIN_TASK)
def train(timestamp: int, actor: str = audit.SYSTEM.key, actor_name: str = audit.SYSTEM.name) -> None:
    """Trains every score and gives it to everybody, each Monday and when somebody asks for it."""
    from sadakat.predictions import operations  # brings scipy, and this module is loaded by every process

    who, at = audit.Actor(actor, actor_name), datetime.fromtimestamp(timestamp, UTC)
    operations.train(actor=who, at=at)
    operations.score(actor=who, at=at)


@app.periodic(cron="53 2 * * *")
@app.task(name="predictions.score", queueing_lock="predictions.score")
def score(timestamp: int) -> None:
    """Gives every score to everybody by the models in use, every night."""
    from sadakat.predictions import operations  # as above

    operations.score(at=datetime.fromtimestamp(timestamp, UTC))
