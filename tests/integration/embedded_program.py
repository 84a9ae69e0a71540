"""The other process of the tests: opens the home it is given and says what it got, until its input ends.

On the first line of input it commits numbers without end, naming each once it is committed.
"""

import json
import sys
from pathlib import Path

import psycopg

from sadakat.platform.database import embedded


def say(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


with embedded.open_server(home=Path(sys.argv[1]), durable=False) as lease:
    say({"is_owner": lease.is_owner})
    for _ in sys.stdin:
        with psycopg.connect(lease.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE written (n bigint PRIMARY KEY)")
            for number in range(10**9):
                connection.execute("INSERT INTO written VALUES (%s)", [number])
                say(number)
