"""Runs every consumer until the log of the pipeline benchmark is through: `python -m … POSITION`."""

import sys
import threading
import time as stopwatch
from datetime import UTC, datetime
from typing import Final

# A batch of 5,000 takes longer to come: asking more often would only take the processor away from the sequencer.
REST_SECONDS: Final = 0.02


def main(enough: int) -> None:
    """Ends when each consumer has passed position `enough`."""
    from sadakat.config import boot

    boot.start()
    from sadakat.events import api as events

    sys.stdout.write("ready\n")
    sys.stdout.flush()

    def follow(name: str) -> None:
        from django.db import connection

        at = datetime.now(UTC)
        while events.consume(name, at=at) or events.cursors().get(name, 0) < enough:
            stopwatch.sleep(REST_SECONDS)
        connection.close()

    threads = [threading.Thread(target=follow, args=(name,)) for name in events.consumers()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    boot.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
