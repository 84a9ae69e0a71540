"""The front door of `events`."""

from sadakat.events.consumers import amend_failed, consume, consumers, register_consumers, retry_failed
from sadakat.events.files.columns import first_column
from sadakat.events.files.desk import (
    cancel_import,
    check_import,
    discard_import,
    file_import,
    file_imports,
    import_source,
    inspect_import,
    purge_import_files,
    rejected_file,
    run_import,
    stage_import,
)
from sadakat.events.files.engine import import_file
from sadakat.events.files.events_target import EventsTarget
from sadakat.events.files.inspection import inspect_file
from sadakat.events.files.presets import delete_preset, preset_named, presets, save_preset
from sadakat.events.files.targets import register_targets, target_named, targets
from sadakat.events.imports import import_messages
from sadakat.events.inbox import append_facts, append_messages
from sadakat.events.log import (
    BODY,
    EVENT,
    TALLY,
    cursors,
    event_counts,
    failed_count,
    failed_events,
    failed_groups,
    has_backlog,
    head,
    read_positions,
    recent,
    rejected_count,
    rejected_event,
    rejected_events,
    rejected_groups,
    timeline,
)
from sadakat.events.plugs import register_resolver
from sadakat.events.rejections import edit_rejected, purge_rejected, replay_rejected
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
    "BODY",
    "EVENT",
    "TALLY",
    "EventsTarget",
    "amend_failed",
    "append_facts",
    "append_messages",
    "cancel_import",
    "change_source",
    "check_import",
    "consume",
    "consumers",
    "create_source",
    "cursors",
    "delete_preset",
    "discard_import",
    "edit_rejected",
    "event_counts",
    "failed_count",
    "failed_events",
    "failed_groups",
    "file_import",
    "file_imports",
    "first_column",
    "has_backlog",
    "head",
    "import_file",
    "import_messages",
    "import_source",
    "inspect_file",
    "inspect_import",
    "parse_message",
    "preset_named",
    "presets",
    "purge_import_files",
    "purge_message_keys",
    "purge_rejected",
    "read_positions",
    "recent",
    "register_consumers",
    "register_resolver",
    "register_targets",
    "rejected_count",
    "rejected_event",
    "rejected_events",
    "rejected_file",
    "rejected_groups",
    "renew_key",
    "replay_rejected",
    "retry_failed",
    "run_import",
    "save_preset",
    "sequence",
    "source_named",
    "sources",
    "stage_import",
    "system_source_id",
    "target_named",
    "targets",
    "timeline",
]
