"""Commands on goals and briefings."""

from datetime import date
from typing import Annotated

import typer
from rich.console import Console

from sadakat.entry.terminal import Json, boot, now, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="What figures are to reach.")


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """The goals, where each stands and what is expected."""
    boot()
    from sadakat.analytics import api as analytics

    found = [analytics.goal_json(each) for each in analytics.goals(as_of=_today())]
    if as_json:
        print_json(found)
        return
    shown = ("id", "name", "metric", "state", "value", "target", "by_date", "owner", "department")
    print_table([{name: each[name] for name in shown} for each in found], as_json=False)


def briefing(
    *,
    department: Annotated[str, typer.Option(help="management, marketing, loyalty, support, stores or e_commerce")],
    as_json: Json = False,
) -> None:
    """What a department is told of the latest whole week."""
    boot()
    from sadakat.analytics import api as analytics

    one = analytics.briefing(analytics.department_named(department), week_start=analytics.week_of(_today()).start)
    if as_json:
        print_json({"department": one.department, "is_stored": one.id is not None, **one.content})
        return
    told, paper = analytics.told(one), Console(highlight=False)
    paper.print(f"{told.title}, {told.week}\n{told.summary}")
    for line in told.figures:
        paper.print(f"  {line.label}: {line.value} {line.change.text if line.change else ''}")
    for reason in told.reasons:
        paper.print(f"{reason.title} ({told.total})")
        for label, amount in reason.parts:
            paper.print(f"  {label}: {amount}")
    for need in told.needs:
        paper.print(f"! {need.title} {need.reason}")


def _today() -> date:
    from sadakat.platform import brand

    return brand.current().day(now())
