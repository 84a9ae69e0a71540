"""`sadakat doctor`: the checks of every context, printed."""

import dataclasses
import json
import sys
from datetime import datetime

import typer
from rich.console import Console

from sadakat.config import boot
from sadakat.kernel.errors import SadakatError

_MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def run(*, as_json: bool, at: datetime, say: Console) -> None:
    """Prints each check; exit code 1 when one fails. A database that does not open is itself a finding."""
    findings = _examine(at=at)
    if as_json:
        sys.stdout.write(json.dumps(findings, ensure_ascii=False, indent=2) + "\n")
    else:
        for finding in findings:
            advice = f" → {finding['mend']}" if finding["state"] != "ok" and finding["mend"] else ""
            say.print(f"{_MARKS[finding['state']]} {finding['name']}: {finding['found']}{advice}", highlight=False)
    if any(finding["state"] == "fail" for finding in findings):
        raise typer.Exit(1)


def _examine(*, at: datetime) -> list[dict[str, str]]:
    try:
        boot.start()
    except SadakatError as error:
        return [{"name": "start", "state": "fail", "found": str(error), "mend": "the message says what is missing"}]
    from sadakat.platform import doctor

    return [dataclasses.asdict(finding) for finding in doctor.examine(at=at)]
