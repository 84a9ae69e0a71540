"""A worker process for the tests of killed workers: `python -m tests.integration.jobs_program`.

It says `ready`, takes jobs until its standard input ends, and each job of `tests.mark` writes a row; with BLOCK set,
the job says `started` and never ends.
"""

import os
import sys
import threading


def register() -> None:
    """Adds the tasks of the tests to the app; Django is set up."""
    from django.db import connection
    from procrastinate.contrib.django import app

    if "tests.mark" in app.tasks:
        return

    @app.task(name="tests.mark")
    def mark(text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO marks (text) VALUES (%s)", [text])
        if os.environ.get("BLOCK"):
            sys.stdout.write("started\n")
            sys.stdout.flush()
            threading.Event().wait()

    @app.task(name="tests.fail")
    def fail() -> None:
        raise RuntimeError("this job cannot be done")


def main() -> None:
    from sadakat.config import boot

    boot.start()
    register()
    from procrastinate import periodic

    from sadakat.platform import jobs

    # The tests see their own jobs alone.
    periodic.PeriodicDeferrer.get_previous_tasks = lambda _self, at: []  # type: ignore[method-assign]

    stop = threading.Event()
    threading.Thread(target=jobs.run_forever, args=(stop,), daemon=True).start()
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
