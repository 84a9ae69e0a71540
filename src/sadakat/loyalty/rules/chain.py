"""The hash chain of a member's entries: whoever changes one, or takes one out, breaks every later link."""

import hashlib
from datetime import UTC, datetime


def link(
    before: bytes,
    *,
    operation_id: int,
    member_id: int,
    source: str,
    target: str,
    points: int,
    at: datetime,
    recorded_at: datetime,
) -> bytes:
    """The hash of an entry, SHA-256 over that of the member's entry before it (none: no bytes) and what it says."""
    said = (
        operation_id,
        member_id,
        source,
        target,
        points,
        *(moment.astimezone(UTC).isoformat() for moment in (at, recorded_at)),
    )
    return hashlib.sha256(before + "|".join(map(str, said)).encode()).digest()
