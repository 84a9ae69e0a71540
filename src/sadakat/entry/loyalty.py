"""Commands on the loyalty programme."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sadakat.entry.terminal import Json, boot, date_of, now, print_json, print_table, say
from sadakat.kernel import money

app = typer.Typer(no_args_is_help=True, help="The loyalty programme: its rules, its points and what it owes.")


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The programme as TOML or JSON.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check it; nothing is changed.")] = False,
    as_json: Json = False,
) -> None:
    """Makes the programme of a file the one that holds from now on; the same one again changes nothing."""
    boot()
    from sadakat.loyalty import api as loyalty
    from sadakat.platform import audit

    document = loyalty.read_programme(file.read_text(encoding="utf-8"))
    made = loyalty.apply_programme(document, actor=audit.CLI, at=now(), dry_run=dry_run)
    if as_json:
        print_json({"version": made.version, "rules": len(made.rules), "tiers": len(made.ladder.tiers)})
    else:
        said = "would be" if dry_run else "is"
        say.print(f"{len(made.rules)} rules and {len(made.ladder.tiers)} tiers: {said} version {made.version}.")


@app.command("liability")
def liability(
    *,
    as_of: Annotated[str, typer.Option(help="A date such as 2026-11-22; what is owed as it begins.")],
    as_json: Json = False,
) -> None:
    """What the programme owes: points, their worth, breakage, and deferred revenue month by month."""
    day = date_of(as_of)
    boot()
    from sadakat.loyalty import api as loyalty

    _tell(loyalty.figures_json(loyalty.liability(as_of=day)), as_json=as_json)


@app.command("replay")
def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The programme as TOML or JSON.")],
    *,
    since: Annotated[str, typer.Option(help="First day of the orders, such as 2025-11-22.")],
    until: Annotated[str, typer.Option(help="The day after the last one.")],
    as_json: Json = False,
) -> None:
    """What a programme would have given for the orders of some days, before returns; nothing is changed."""
    first, end = date_of(since), date_of(until)
    boot()
    from sadakat.loyalty import api as loyalty

    document = loyalty.read_programme(file.read_text(encoding="utf-8"))
    _tell(loyalty.figures_json(loyalty.replay(document, since=first, until=end)), as_json=as_json)


@app.command("audit")
def audit_(*, as_json: Json = False) -> None:
    """Compares entries, balances and lots of every member; exit code 1 where they differ."""
    boot()
    from sadakat.loyalty import api as loyalty

    report = loyalty.audit()
    if as_json:
        print_json({"members": report.members, "entries": report.entries, "problems": list(report.problems)})
    else:
        say.print(f"{report.members:,} members, {report.entries:,} entries: {len(report.problems)} problems")
        for problem in report.problems:
            say.print(problem, highlight=False, soft_wrap=True)
    if report.problems:
        raise typer.Exit(code=1)


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    """Figures, and then each table of them."""
    if as_json:
        print_json(told)
        return
    single = {name: value for name, value in told.items() if not isinstance(value, list)}
    print_table([{"figure": name, "value": _shown(value)} for name, value in single.items()], as_json=False)
    for rows in (told[name] for name in told if name not in single):
        print_table([{key: _shown(value) for key, value in row.items()} for row in rows], as_json=False)


def _shown(value: object) -> str:
    """A value for people: amounts with their currency, numbers with separators."""
    if isinstance(value, dict):
        digits = money.minor_digits(value["currency"])
        return f"{value['amount'] / 10**digits:,.{digits}f} {value['currency']}"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
