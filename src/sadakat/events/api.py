"""The front door of `events`."""

from sadakat.events.consumers import consume, consumers, register_consumers, retry_failed
from sadakat.events.imports import import_messages
from sadakat.events.inbox import append_facts, append_messages
from sadakat.events.log import (
    TALLY,
    cursors,
    event_counts,
    failed_events,
    has_backlog,
    head,
    read_positions,
    recent,
    rejected_events,
    timeline,
)
from sadakat.events.plugs import register_resolver
from sadakat.events.rules import parse_message
from sadakat.events.sequencer import purge_message_keys, sequence
from sadakat.events.sources import (
    change_source,
    create_source,
    renew_key,
    source_named,
    sources,
    system_source_id,
)

__all__ = [
    "TALLY",
    "append_facts",
    "append_messages",
    "change_source",
    "consume",
    "consumers",
    "create_source",
    "cursors",
    "event_counts",
    "failed_events",
    "has_backlog",
    "head",
    "import_messages",
    "parse_message",
    "purge_message_keys",
    "read_positions",
    "recent",
    "register_consumers",
    "register_resolver",
    "rejected_events",
    "renew_key",
    "retry_failed",
    "sequence",
    "source_named",
    "sources",
    "system_source_id",
    "timeline",
]
