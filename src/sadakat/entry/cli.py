"""The command line `sadakat`."""

import json
import sys
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sadakat.entry import apikeys, goals, importing, loyalty, predicting, segments
from sadakat.entry.demo import Dates
from sadakat.entry.terminal import Json, boot, date_of, now, print_json, print_table, say
from sadakat.events.types import SourceKind
from sadakat.kernel import time
from sadakat.kernel.errors import SadakatError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
source_app = typer.Typer(no_args_is_help=True, help="What sends events.")
events_app = typer.Typer(no_args_is_help=True, help="Events that were rejected, or set aside by a consumer.")
rates_app = typer.Typer(no_args_is_help=True, help="Rates of other currencies.")
team_app = typer.Typer(no_args_is_help=True, help="People who log in.")
app.add_typer(source_app, name="source")
app.add_typer(apikeys.app, name="apikey")
app.add_typer(events_app, name="events")
app.add_typer(rates_app, name="rates")
app.add_typer(team_app, name="team")
app.add_typer(segments.app, name="segments")
app.add_typer(predicting.app, name="predict")
app.add_typer(goals.app, name="goals")
app.add_typer(loyalty.app, name="loyalty")
app.command("briefing")(goals.briefing)


def main() -> None:
    """Runs the command line; a refusal is one clear line on standard error and exit code 1."""
    from sadakat.config import boot as process
    from sadakat.platform import logs

    logs.configure()
    try:
        app(standalone_mode=True)
    except SadakatError as error:
        say.print(f"[bold red]✗[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        process.stop()


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option(help="Do all the work, print the summary and exit.")] = False,
    dates: Annotated[
        Dates, typer.Option(help="recent: the year ends within the last 7 days; recorded: as it was.")
    ] = Dates.RECENT,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Real sample data, everything computed, and the console on http://localhost:8000."""
    boot()
    from sadakat.entry.demo import run

    run.demo(once=once, dates=dates, port=port, at=now(), say=say)


@app.command()
def serve(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Web processes.")] = 1,
    worker: Annotated[bool, typer.Option(help="Run the background loops too.")] = True,
) -> None:
    """Web, collector and worker together."""
    boot()
    from sadakat.entry import server

    server.serve(port=port, workers=workers, with_worker=worker, at=now(), say=say)


@app.command()
def worker() -> None:
    """The background loops alone."""
    boot()
    from sadakat.entry import server

    server.run_worker()


@app.command()
def work(
    *,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when nothing is due.")] = False,
    at: Annotated[str | None, typer.Option(help="The instant that counts as now; default the clock.")] = None,
    as_json: Json = False,
) -> None:
    """Does everything that is due, then exits."""
    if not until_idle:
        raise typer.BadParameter("say --until-idle; `sadakat worker` runs without end")
    boot()
    from sadakat.platform import worker as loops

    done = loops.work_until_idle(at=time.instant(at) if at else now())
    if as_json:
        print_json(dict(done))
        return
    for step, count in sorted(done.items()):
        say.print(f"{step}: {count}")


@app.command()
def metrics(
    *,
    as_of: Annotated[str, typer.Option(help="A date such as 2026-11-22; figures end before its midnight.")],
    period: Annotated[time.PeriodKind, typer.Option()] = time.PeriodKind.MONTH,
    as_json: Json = False,
) -> None:
    """The figures of one day, as the console shows them."""
    day = date_of(as_of)
    boot()
    from sadakat.analytics import api as analytics

    document = analytics.as_json(analytics.metrics(as_of=day, period=period))
    if as_json:
        print_json(document)
        return
    table = Table("figure", "value")
    for name, value in document.items():
        table.add_row(name, json.dumps(value, ensure_ascii=False))
    Console().print(table)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Checks the installation and says what to mend."""
    from sadakat.entry import checks

    checks.run(as_json=as_json, at=now(), say=say)


@app.command()
def bench(name: Annotated[str, typer.Argument(help="A benchmark, or all.")] = "all", *, as_json: Json = False) -> None:
    """Benchmarks: each figure beside its baseline of the same run."""
    from sadakat.entry.bench import run

    run.bench(name, as_json=as_json, say=say)


app.command("import")(importing.import_file)


@source_app.command("create")
def source_create(
    name: str,
    *,
    kind: Annotated[SourceKind, typer.Option()],
    as_json: Json = False,
) -> None:
    """Adds a source and prints its write key once."""
    boot()
    from sadakat.events import api as events
    from sadakat.platform import audit

    source, key = events.create_source(name=name, kind=kind, actor=audit.CLI, at=now())
    if as_json:
        print_json({"id": source.id, "name": source.name, "kind": source.kind, "write_key": key})
    else:
        say.print(f"Source {source.name} ({source.kind}). Its write key, shown only now:")
        sys.stdout.write(key + "\n")


@source_app.command("list")
def source_list(*, as_json: Json = False) -> None:
    """The sources and what they may do."""
    boot()
    from sadakat.events import api as events

    rows = [
        {
            "id": s.id,
            "name": s.name,
            "kind": s.kind,
            "trusted": s.is_trusted,
            "orders": s.accepts_orders,
            "enabled": s.is_enabled,
        }
        for s in events.sources().values()
    ]
    print_table(rows, as_json=as_json)


@events_app.command("failed")
def events_failed(*, as_json: Json = False) -> None:
    """Events that a consumer has set aside, each with its reason."""
    boot()
    from sadakat.events import api as events

    rows = [
        {
            "consumer": f.consumer,
            "position": f.position,
            "event": f.event,
            "reason": f.reason,
            "attempts": f.attempts,
        }
        for f in events.failed_events()
    ]
    print_table(rows, as_json=as_json)


@events_app.command("retry")
def events_retry(
    *,
    consumer: Annotated[str | None, typer.Option(help="One consumer; default all.")] = None,
    position: Annotated[int | None, typer.Option(help="One position; default all.")] = None,
) -> None:
    """Hands the events that were set aside to their consumers again."""
    boot()
    from sadakat.events import api as events
    from sadakat.platform import audit

    report = events.retry_failed(consumer=consumer, position=position, actor=audit.CLI, at=now())
    say.print(f"solved: {report.solved}, still failing: {report.still_failing}")


@events_app.command("rejected")
def events_rejected(
    *,
    source: Annotated[str | None, typer.Option(help="One source; default all.")] = None,
    as_json: Json = False,
) -> None:
    """Events that were refused at the door and not taken since, each with its reason."""
    boot()
    from sadakat.events import api as events

    source_id = events.source_named(source).id if source else None
    rows = [
        {
            "id": r.id,
            "source_id": r.source_id,
            "received_at": r.received_at.isoformat(),
            "message_id": r.message_id,
            "reason": r.reason,
        }
        for r in events.rejected_events(source_id=source_id)
        if r.replayed_at is None
    ]
    print_table(rows, as_json=as_json)


@events_app.command("replay")
def events_replay(*, source: Annotated[str | None, typer.Option(help="One source; default all.")] = None) -> None:
    """Takes rejected events after all, through the mapping of their source and every check again."""
    boot()
    from sadakat.events import api as events
    from sadakat.platform import audit

    source_id = events.source_named(source).id if source else None
    report = events.replay_rejected(source_id=source_id, actor=audit.CLI, at=now())
    say.print(f"taken: {report.accepted}, still rejected: {report.still_rejected}, not kept whole: {report.cut}")


@rates_app.command("set")
def rates_set(
    currency: str,
    rate: str,
    *,
    since: Annotated[str, typer.Option("--from", help="First day of the rate, such as 2026-11-01.")],
) -> None:
    """Records what one unit of a currency is worth in the brand's currency."""
    day, amount = date_of(since), _number(rate)
    boot()
    from sadakat.commerce import api as commerce
    from sadakat.platform import audit

    commerce.set_currency_rate(currency=currency, rate=amount, from_date=day, actor=audit.CLI, at=now())
    say.print(f"1 {currency.upper()} = {rate} from {day}. Orders set aside for it: `sadakat events retry`.")


@rates_app.command("list")
def rates_list(*, as_json: Json = False) -> None:
    """The recorded rates by currency, the latest first."""
    boot()
    from sadakat.commerce import api as commerce

    rows = [
        {"currency": known.currency, "from": known.from_date.isoformat(), "rate": f"{known.rate.normalize():f}"}
        for known in commerce.currency_rates()
    ]
    print_table(rows, as_json=as_json)


@team_app.command("add")
def team_add(
    email: str,
    *,
    name: Annotated[str, typer.Option()],
    role: Annotated[str, typer.Option(help="owner, marketer, loyalty_manager, support or analyst")],
) -> None:
    """Adds a person and prints a link to log in with."""
    boot()
    from sadakat.platform import audit, login, operations

    user = operations.create_user(email=email, name=name, role=role, actor=audit.CLI, at=now())
    sys.stdout.write(login.log_in_link(user, at=now()) + "\n")


@team_app.command("link")
def team_link(email: str) -> None:
    """Prints a new one-time log-in link for a person."""
    boot()
    from sadakat.platform import login, operations

    sys.stdout.write(login.log_in_link(operations.user_by_email(email), at=now()) + "\n")


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"expected a number such as 48.25, not {text!r}") from None
