"""Follows what is said of marketing spend: the latest word about a span, channel and campaign holds."""

from collections.abc import Mapping

from django.db import connection

from sadakat.analytics import operations, rules
from sadakat.analytics.rules import Spent
from sadakat.analytics.tables import MARKETING_SPEND
from sadakat.events import api as events
from sadakat.events.types import Batch, Consumer, Event, Kind, SetAside
from sadakat.kernel.errors import Invalid
from sadakat.platform import lake

_Key = tuple[object, ...]
_COLUMNS = {
    "from_date": "date",
    "to_date": "date",
    "channel": "text",
    "campaign": "text",
    "amount_minor": "bigint",
    "currency": "text",
    "said_minor": "bigint",
    "currency_rate": "numeric",
    "source_id": "int",
    "position": "bigint",
    "at": "timestamptz",
    "mid": "uuid",
}
_KEY = "from_date, to_date, channel, campaign"
_UPSERT = f"""
    INSERT INTO analytics_spend AS stored ({", ".join(_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())})
    ON CONFLICT ({_KEY}) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY.split(", "))}
    WHERE (stored.at, stored.mid) < (excluded.at, excluded.mid)
"""


class SpendConsumer:
    """Keeps what was spent on marketing."""

    name = "analytics.spend"
    kinds = frozenset({Kind.TRACK})
    names: frozenset[str] | None = frozenset({rules.SPEND_RECORDED})
    wants_body = True

    def handle(self, batch: Batch, *, set_aside: SetAside) -> None:
        """Takes what trusted sources say; whatever else says so stays on the time line."""
        sources = events.sources()
        latest: dict[_Key, tuple[Event, Spent, tuple[object, ...]]] = {}
        for event in sorted(batch.events, key=lambda event: (event.at, event.mid)):
            if not sources[event.source_id].is_trusted:
                continue
            try:
                spent = rules.read_spend(event)
                latest[spent.key] = event, spent, operations.priced(spent)
            except Invalid as refusal:
                set_aside(position=event.position, reason=str(refusal))
        if latest:
            _store(latest)


def _store(latest: Mapping[_Key, tuple[Event, Spent, tuple[object, ...]]]) -> None:
    rows = [
        (*spent.key, *amounts, event.source_id, event.position, event.at, event.mid)
        for event, spent, amounts in latest.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)])
    months = {month for _, spent, _ in latest.values() for month in rules.months_of(spent)}
    lake.mark_changed(dataset=MARKETING_SPEND.name, partitions=months)


CONSUMERS: tuple[Consumer, ...] = (SpendConsumer(),)
