"""Connects the plugs of higher contexts to the sockets of lower ones."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from time import monotonic
from typing import Final

from sadakat.analytics import consumer as spend
from sadakat.analytics import features as group_features
from sadakat.analytics import naming
from sadakat.analytics import plugs as spend_files
from sadakat.commerce import api as commerce
from sadakat.config import shell
from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.loyalty import api as loyalty
from sadakat.loyalty import features as points
from sadakat.platform import doctor, idempotency, jobs, lake, worker
from sadakat.platform.doctor import Finding
from sadakat.predictions import features as scores
from sadakat.segments import api as segments
from sadakat.segments import tables as segment_tables

EVENT_REST_SECONDS: Final = 0.3
"""Three steps in a row lie between an event and the memberships that it changes."""
LETTER_REST_SECONDS: Final = 10.0
LAKE_REST_SECONDS: Final = 15.0
LAKE_REST_RATIO: Final = 4.0


def connect() -> None:
    """Fills every socket; called once per process after Django is set up. Safe to call again."""
    events.register_resolver(customers.Resolver())
    events.register_customers(customers.customers_of)
    events.register_targets(
        [*customers.FILE_TARGETS, *commerce.FILE_TARGETS, events.EventsTarget(), *spend_files.FILE_TARGETS]
    )
    events.register_consumers(
        [
            *customers.CONSUMERS,
            *commerce.CONSUMERS,
            *loyalty.CONSUMERS,
            *segments.CONSUMERS,
            *spend.CONSUMERS,
            events.WebhookConsumer(),
        ]
    )
    group_features.register()
    naming.register()
    scores.register()
    points.register()
    segment_tables.register_subjects()
    customers.ensure_feature_columns()
    shell.connect()
    _connect_worker()
    jobs.register_purge("events.import_files", lambda at: events.purge_import_files(at=at))
    jobs.register_purge("events.message_keys", lambda at: events.purge_message_keys(at=at))
    jobs.register_purge("platform.idempotent_answers", idempotency.purge_answers)
    jobs.register_purge("events.rejected", lambda at: events.purge_rejected(at=at))
    jobs.register_purge("events.deliveries", lambda at: events.purge_deliveries(at=at))
    jobs.register_purge("loyalty.portal_codes", loyalty.purge_codes)
    jobs.register_purge("platform.lake_files", lambda at: lake.sweep(at=at))
    doctor.register_check("events set aside", _check_failed)
    doctor.register_check("consumers", _check_lag)
    doctor.register_check("webhooks", _check_webhooks)


def _connect_worker() -> None:
    worker.register_step("events.sequencer", _sequence, rest_seconds=EVENT_REST_SECONDS)
    for consumer in events.consumers():
        worker.register_step(consumer, partial(_consume, consumer), rest_seconds=EVENT_REST_SECONDS)
    worker.register_step("events.send", lambda at: events.send_due(at=at), rest_seconds=EVENT_REST_SECONDS)
    worker.register_step("events.send_failing", lambda at: events.send_due(at=at, is_failing=True))
    # At midnight in this order: points become active, tiers end, points expire.
    worker.register_step("loyalty.activate", loyalty.activate_due)
    worker.register_step("loyalty.tiers", lambda at: loyalty.tiers_due(at=at))
    worker.register_step("loyalty.expire", loyalty.expire_due)
    worker.register_step("loyalty.release", loyalty.release_due)
    worker.register_step("loyalty.redemptions", lambda at: loyalty.release_redemptions_due(at=at))
    worker.register_step("loyalty.features", lambda at: points.features_due(at=at), rest_seconds=EVENT_REST_SECONDS)
    worker.register_step("segments.due", lambda at: segments.evaluate_due(at=at), rest_seconds=EVENT_REST_SECONDS)
    worker.register_step("segments.fill", lambda at: segments.fill(at=at))
    worker.register_step("platform.lake", _LakeStep(), rest_ratio=LAKE_REST_RATIO)
    worker.register_step("analytics.goals", _later(_goals), rest_seconds=LETTER_REST_SECONDS)
    worker.register_step("analytics.briefings", _later(_briefings), rest_seconds=LETTER_REST_SECONDS)
    worker.register_backlog("events", lambda: events.has_backlog(events.consumers()))
    worker.register_backlog("platform.lake", lake.is_stale)


def _sequence(at: datetime) -> bool:
    report = events.sequence(at=at)
    return bool(report.sequenced or report.duplicates or report.failed)


def _consume(consumer: str, at: datetime) -> bool:
    return events.consume(consumer, at=at) > 0


class _LakeStep:
    """Writes the lake when the log is through; while it is not, only now and then: each sync rewrites whole months."""

    def __init__(self) -> None:
        self._written = -LAKE_REST_SECONDS

    def __call__(self, at: datetime) -> bool:
        if monotonic() - self._written < LAKE_REST_SECONDS and events.has_backlog(events.consumers()):
            return False
        is_written = lake.sync(at=at).partitions > 0
        if is_written:
            self._written = monotonic()
        return is_written


def _later(build: Callable[[], worker.Step]) -> worker.Step:
    """A step that is built when it first runs, and kept: it brings Ibis and Typst, which no web process needs yet."""
    built = cache(build)

    def step(at: datetime) -> bool:
        return built()(at)

    return step


def _goals() -> worker.Step:
    from sadakat.analytics import briefing_tasks

    return briefing_tasks.goal_step()


def _briefings() -> worker.Step:
    from sadakat.analytics import briefing_tasks

    return briefing_tasks.briefing_step()


def _check_failed(_at: datetime) -> Finding:
    failed = events.failed_count()
    return Finding(
        state="warn" if failed else "ok",
        found=f"{failed} wait for their cause to be mended" if failed else "none",
        mend="see `sadakat events failed`, mend the cause, then `sadakat events retry`",
    )


def _check_webhooks(_at: datetime) -> Finding:
    stopped = events.stopped_webhooks()
    return Finding(
        state="warn" if stopped else "ok",
        found=f"{stopped} stopped because their receivers take nothing" if stopped else "none is stopped",
        mend="mend the receiver, then resume the webhook in Settings → Webhooks",
    )


def _check_lag(_at: datetime) -> Finding:
    passed, head = events.cursors(), events.head()
    behind = {name: head - passed.get(name, 0) for name in events.consumers() if passed.get(name, 0) < head}
    return Finding(
        state="warn" if behind else "ok",
        found=", ".join(f"{name} is {lag:,} events behind" for name, lag in behind.items()) or f"at position {head:,}",
        mend="a worker catches up by itself: `sadakat serve`, or `sadakat work --until-idle`",
    )
