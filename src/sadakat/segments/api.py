"""The front door of `segments`."""

from sadakat.segments.consumer import CONSUMERS
from sadakat.segments.keeping import evaluate_due, fill, touch
from sadakat.segments.lists import add_to_list, read_references, references, remove_from_list
from sadakat.segments.operations import (
    archive_segment,
    change_segment,
    create_segment,
    duplicate_segment,
    ensure_group,
    restore_segment,
)
from sadakat.segments.previewing import asked, fitting, preview, sweep, sweeps
from sadakat.segments.queries import (
    member_ids,
    members,
    moves,
    overlap,
    segment_named,
    segments,
    segments_of,
    size_histories,
    size_history,
    versions,
)
from sadakat.segments.vocabulary import vocabulary
from sadakat.segments.words import group_name, in_order, name_of, names_of, register_group_words

__all__ = [
    "CONSUMERS",
    "add_to_list",
    "archive_segment",
    "asked",
    "change_segment",
    "create_segment",
    "duplicate_segment",
    "ensure_group",
    "evaluate_due",
    "fill",
    "fitting",
    "group_name",
    "in_order",
    "member_ids",
    "members",
    "moves",
    "name_of",
    "names_of",
    "overlap",
    "preview",
    "read_references",
    "references",
    "register_group_words",
    "remove_from_list",
    "restore_segment",
    "segment_named",
    "segments",
    "segments_of",
    "size_histories",
    "size_history",
    "sweep",
    "sweeps",
    "touch",
    "versions",
    "vocabulary",
]
