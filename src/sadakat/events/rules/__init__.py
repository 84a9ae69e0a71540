"""What a message must be to count, and how a source's own forms become ours."""

from sadakat.events.rules.mapping import MAX_RULES, mapped, mapping_of
from sadakat.events.rules.messages import (
    EARLIEST,
    MAX_REJECTED_BODY_BYTES,
    Rejection,
    event_limit,
    event_time,
    parse_message,
    parse_messages,
    rejection,
    without_lone_surrogates,
)

__all__ = [
    "EARLIEST",
    "MAX_REJECTED_BODY_BYTES",
    "MAX_RULES",
    "Rejection",
    "event_limit",
    "event_time",
    "mapped",
    "mapping_of",
    "parse_message",
    "parse_messages",
    "rejection",
    "without_lone_surrogates",
]
