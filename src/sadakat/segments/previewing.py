"""Rules asked of everybody at once: before one is saved, as of any moment, and to check what is kept.

DuckDB asks the lake. What a direct identifier says is not there: rules that compare one are asked on PostgreSQL.
"""

from collections.abc import Mapping
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from sadakat.events import api as events
from sadakat.kernel import predicates
from sadakat.kernel.errors import Invalid, Unavailable
from sadakat.kernel.predicates import Predicate
from sadakat.platform import brand, lake
from sadakat.platform.models import LakeCursor
from sadakat.segments import evaluation, models, relations, vocabulary
from sadakat.segments.types import Preview, Reason, SweepReport

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa

SAMPLE_SIZE: Final = 10
MAX_PREVIEW_SECONDS: Final = 10
"""For each statement where PostgreSQL is asked; DuckDB is faster by far."""
MAX_SWEEPS: Final = 365
# One of these is no fault of a standing: it changes just now, or has changed since the lake was written.
_SETTLED: Final = """
    SELECT id FROM unnest(%(ids)s::bigint[]) AS given (id)
    WHERE NOT EXISTS (
        SELECT FROM customers_profile JOIN events_log USING (profile_id)
        WHERE customer_id = id AND position > %(seen)s
    ) AND NOT EXISTS (
        SELECT FROM segments_standing WHERE customer_id = id AND (since_at > %(at)s OR changes_at <= %(at)s)
    ) ORDER BY id
"""

log: Final = structlog.get_logger()


def preview(where: Mapping[str, Any], *, at: datetime) -> Preview:
    """Who fits a predicate document as of `at`, over what the lake holds by now; nothing is kept.

    Raises:
        Invalid: it is no predicate, or speaks of what is not there.
        Unavailable: PostgreSQL has to be asked, and takes too long.
    """
    predicate = predicates.parse(where, vocabulary=vocabulary.vocabulary())
    try:
        found = _verdicts(predicate, at=at, max_seconds=MAX_PREVIEW_SECONDS)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise Unavailable(
            f"counting takes more than {MAX_PREVIEW_SECONDS} seconds; save the segment, and everybody is asked in turn"
        ) from None
    fitting = _fitting(found)
    return Preview(count=len(fitting), everybody=len(found), sample=tuple(fitting[:SAMPLE_SIZE].to_pylist()), at=at)


def asked(where: Mapping[str, Any], *, at: datetime) -> "ibis.Table":
    """The verdict on everybody as of `at`, any moment that was: `customer_id`, `fits`, `changes_at` in microseconds.

    It can be built upon and is run by `platform.engine`. Events are those that had happened by then; features, traits,
    segments and who is one customer are as of now.

    Raises:
        Invalid: it is no predicate, speaks of what is not there, or compares what the lake does not hold.
    """
    predicate = predicates.parse(where, vocabulary=vocabulary.vocabulary())
    if hidden := _hidden(predicate):
        raise Invalid(f"{', '.join(hidden)} can tell who somebody is and cannot be asked for as of the past")
    return relations.in_lake(predicate, at=at, time_zone=brand.current().zone)


def fitting(where: Mapping[str, Any], clocks: Mapping[int, datetime]) -> set[int]:
    """Those of these customers who fit a predicate document, each as of his own clock, by what PostgreSQL holds now.

    Events are those that had happened by then; features, traits and segments are as of now. Nothing is kept.

    Raises:
        Invalid: it is no predicate, or speaks of what is not there.
    """
    predicate = predicates.parse(where, vocabulary=vocabulary.vocabulary())
    zone = brand.current().zone
    found: set[int] = set()
    ids = list(clocks)
    for start in range(0, len(ids), evaluation.MAX_CUSTOMERS):
        part = ids[start : start + evaluation.MAX_CUSTOMERS]
        moments = [clocks[id_] for id_ in part]
        relations.ask("SELECT * FROM unnest(%s::bigint[], %s::timestamptz[])", [part, moments])
        days = {at.astimezone(zone).date() for at in set(moments)}
        verdict = relations.verdict_sql(predicate, time_zone=zone, local_days=days)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT customer_id FROM ({verdict}) AS verdict WHERE fits")
            found.update(row[0] for row in cursor.fetchall())
    return found


def sweep(*, at: datetime) -> SweepReport:
    """Asks every ready rule of everybody, and again in PostgreSQL where a standing differs; corrects what was wrong.

    Left out is who has done something that the lake or the consumer does not know yet, and whom time changes just now.
    """
    started = perf_counter()
    lake.sync(at=at)
    reached = LakeCursor.objects.filter(dataset="events").values_list("position", flat=True).first() or 0
    seen = min(reached, events.cursors().get("segments.membership", 0))
    known = [rule for rule in evaluation.live_rules() if rule.filled_to is None]
    everybody, differing = 0, set[int]()
    for rule in known:
        found = _verdicts(rule.predicate, at=at)
        everybody = max(everybody, len(found))
        differing |= set(_fitting(found).to_pylist()) ^ _members(rule.id)
    corrections = _correct(differing, seen=seen, at=at)
    report = SweepReport(
        at=at,
        segments=len(known),
        customers=everybody,
        corrections=corrections,
        seconds=perf_counter() - started,
    )
    with transaction.atomic(durable=True):
        models.Sweep.objects.create(
            at=at,
            segments=report.segments,
            customers=report.customers,
            corrections=corrections,
            seconds=report.seconds,
        )
    (log.warning if corrections else log.info)("segments.swept", segments=len(known), corrections=corrections)
    return report


def sweeps(limit: int = 30) -> tuple[SweepReport, ...]:
    """The latest sweeps, the last one first."""
    rows = models.Sweep.objects.order_by("-id")[: min(limit, MAX_SWEEPS)]
    return tuple(
        SweepReport(
            at=row.at,
            segments=row.segments,
            customers=row.customers,
            corrections=row.corrections,
            seconds=row.seconds,
        )
        for row in rows
    )


def _verdicts(predicate: Predicate, *, at: datetime, max_seconds: float = 0) -> "pa.Table":
    """`customer_id` and `fits` of everybody; without `max_seconds` PostgreSQL may take as long as it likes."""
    zone = brand.current().zone
    if not _hidden(predicate):
        from sadakat.platform import engine  # brings Ibis and DuckDB

        return engine.collect_columns(relations.in_lake(predicate, at=at, time_zone=zone).select("customer_id", "fits"))
    import pyarrow as pa

    verdict = relations.verdict_sql(predicate, time_zone=zone, local_days={at.astimezone(zone).date()})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{max_seconds * 1000:.0f}"])
        relations.ask("SELECT customer_id, %s::timestamptz FROM customers_profile WHERE profile_id = customer_id", [at])
        cursor.execute(verdict)
        rows = [(customer_id, fits) for customer_id, fits, _ in cursor.fetchall()]
    columns = list(zip(*rows, strict=True)) or [(), ()]
    return pa.table({"customer_id": pa.array(columns[0], pa.int64()), "fits": pa.array(columns[1], pa.bool_())})


def _fitting(verdicts: "pa.Table") -> "pa.ChunkedArray":
    """Who fits, by id."""
    return verdicts.filter(verdicts["fits"]).sort_by("customer_id")["customer_id"]


def _members(segment_id: int) -> set[int]:
    standings = models.Standing.objects.filter(segment_id=segment_id, is_member=True)
    return set(standings.values_list("customer_id", flat=True).iterator(chunk_size=50_000))


def _correct(customer_ids: set[int], *, seen: int, at: datetime) -> int:
    """Evaluates anew who is settled; gives the number of memberships that were wrong."""
    ids, corrections = sorted(customer_ids), 0
    for start in range(0, len(ids), evaluation.MAX_CUSTOMERS):
        part = ids[start : start + evaluation.MAX_CUSTOMERS]
        with transaction.atomic(durable=True):
            evaluation.lock()
            with connection.cursor() as cursor:
                cursor.execute(_SETTLED, {"ids": part, "seen": seen, "at": at})
                settled = [row[0] for row in cursor.fetchall()]
            corrections += evaluation.evaluate(settled, at=at, reason=Reason.SWEEP)
    return corrections


def _hidden(predicate: Predicate) -> list[str]:
    """The names whose values are compared and are not in the lake; registered features always are."""
    compared = predicates.mentions(predicate).compared - set(relations.value_types())
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s::text[]) AS given (name) WHERE said_hides(name)", [sorted(compared)])
        return [row[0] for row in cursor.fetchall()]
