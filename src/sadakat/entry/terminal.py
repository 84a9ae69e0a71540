"""What the commands share: the clock, the start of a process, and how they speak."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

say = Console(stderr=True)
"""Messages go to standard error; standard output is for what was asked for."""
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output and nothing else.")]


def now() -> datetime:
    """The clock of the command line; everything below it is told the time."""
    return datetime.now(UTC)


def date_of(text: str) -> date:
    """The day that an option names."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"expected a date such as 2026-11-22, not {text!r}") from None


def boot() -> None:
    """Brings the process to where the contexts can be imported."""
    from sadakat.config import boot as config

    config.start()


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def print_table(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Rows of the same keys, for people or as JSON."""
    if as_json:
        print_json(rows)
    elif not rows:
        say.print("none")
    else:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*(", ".join(value) if isinstance(value, list) else str(value) for value in row.values()))
        Console().print(table)
