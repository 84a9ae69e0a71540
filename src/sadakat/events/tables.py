"""Relations that events offers to analytics."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from django.db import connection

from sadakat.events import log
from sadakat.events.types import Kind
from sadakat.platform import lake

if TYPE_CHECKING:
    import ibis

EVENTS: Final = lake.Dataset(
    name="events",
    sql=f"""
        SELECT position, profile_id, source_id, event, at, local_date,
            said_of(properties) AS said,
            said_moments(properties, time_zone) AS moments,
            said_days(properties, time_zone) AS days,
            partition
        FROM (
            SELECT position, profile_id, source_id, at, local_date,
                {log.EVENT} AS event,
                ({log.BODY}) -> 'properties' AS properties,
                to_char(local_date, 'YYYY-MM') AS partition
            FROM events_log
            WHERE position > {{after}} AND position <= {{upto}} AND profile_id <> 0
                AND kind IN ({Kind.TRACK:d}, {Kind.PAGE:d}, {Kind.SCREEN:d})
        ) AS happened CROSS JOIN (SELECT time_zone FROM platform_brand) AS brand
        """,
    schema={
        "position": "int64",
        "profile_id": "int64",
        "source_id": "int32",
        "event": "string",
        "at": "timestamp('UTC')",
        "local_date": "date",
        "said": "string",
        "moments": "string",
        "days": "string",
    },
    head_sql="SELECT coalesce(max(position), 0) FROM events_log",
)
lake.register(EVENTS)


def events() -> "ibis.Table":
    """What customers did, and what Sadakat did to them. Grain: one track, page or screen call of a known profile.

    `event` is the name that predicates use: `Page Viewed` and `Screen Viewed` for page and screen calls, whatever
    they call themselves. `said` is a JSON text of the scalars among its properties, folded, by
    `platform.predicates.key_of`; `moments` are the times among them in microseconds since 1970, `days` their local
    days as month × 100 + day; each is null where there are none, and all are once the event is erased. Direct
    identifiers are not in them. `local_date` is the day in the brand's time zone; partitions are its months.
    """
    from sadakat.platform import engine  # brings Ibis and DuckDB, which a process that only collects never needs

    return engine.read(EVENTS.name)


def mark_bodies_changed(*, positions: Iterable[int] = (), profile_ids: Iterable[int] = ()) -> None:
    """Tells the lake that the caller's transaction amends or erases bodies of these events, or all of these profiles.

    The months of these events are written anew from PostgreSQL; files that still hold what was erased are deleted
    `lake.GRACE` after that, with the next hourly housekeeping.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT to_char(local_date, 'YYYY-MM') FROM events_log
            WHERE position = ANY(%s) OR profile_id = ANY(%s)
            """,
            [list(positions), list(profile_ids)],
        )
        months = [month for (month,) in cursor.fetchall()]
    lake.mark_changed(dataset=EVENTS.name, partitions=months)
