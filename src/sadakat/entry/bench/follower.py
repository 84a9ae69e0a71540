"""Runs every consumer until the log of the pipeline benchmark is through: `python -m … POSITION`."""

import sys
import threading
import time as stopwatch
from datetime import UTC, datetime


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
        while events.cursors().get(name, 0) < enough:
            if not events.consume(name, at=at):
                stopwatch.sleep(0.005)
        connection.close()

    threads = [threading.Thread(target=follow, args=(name,)) for name in events.consumers()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    boot.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
