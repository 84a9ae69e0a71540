"""A write that is sent again with its `Idempotency-Key` gets the first answer again instead of happening twice.

The operation is a durable transaction of its own, so the key is reserved before it and the answer is kept after it.
What dies in between leaves a reservation, which the same request may take over after `STUCK`: operations can be
repeated. Answers may hold a key that is shown once, so they are kept sealed by the secret that the caller shows.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection

from sadakat.kernel.errors import Conflict, Invalid
from sadakat.platform.models import IdempotentAnswer

KEPT: Final = timedelta(hours=24)
STUCK: Final = timedelta(seconds=60)
MAX_KEY_LENGTH: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The right to answer a request for the first time."""

    id: int
    at: datetime
    seal: bytes
    """What the answer is sealed by; as secret as the caller's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered the first time."""

    status: int
    body: bytes


def fingerprint(*, method: str, path: str, body: bytes) -> bytes:
    """What makes two requests the same; `path` has its query."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).digest()


def reserve(*, api_key_id: int, key: str, request: bytes, secret: str, at: datetime) -> Reservation | Answer:
    """Reserves `key` for the request of that fingerprint, or gives its first answer; `secret` is the caller's own.

    Raises:
        Invalid: the key is empty, longer than `MAX_KEY_LENGTH`, or has other than printable ASCII characters.
        Conflict: the key belongs to another request, or the first one is still being answered.
    """
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise Invalid(f"an Idempotency-Key has 1 to {MAX_KEY_LENGTH} printable ASCII characters")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO platform_idempotentanswer AS known (api_key_id, key, fingerprint, body, at)
            VALUES (%s, %s, %s, '', %s)
            ON CONFLICT (api_key_id, key) DO UPDATE
                SET fingerprint = excluded.fingerprint, status = NULL, body = '', at = excluded.at
                WHERE known.at <= %s
                    OR known.status IS NULL AND known.fingerprint = excluded.fingerprint AND known.at <= %s
            RETURNING id
            """,
            [api_key_id, key, request, at, at - KEPT, at - STUCK],
        )
        if reserved := cursor.fetchone():
            return Reservation(id=reserved[0], at=at, seal=_seal(secret, key=key, at=at))
    known = IdempotentAnswer.objects.filter(api_key_id=api_key_id, key=key).first()
    if known is not None and bytes(known.fingerprint) != request:
        raise Conflict(f"the Idempotency-Key {key!r:.80} has been used for another request; use a new one")
    if known is None or known.status is None:
        raise Conflict(f"the first request with the Idempotency-Key {key!r:.80} is in progress; ask again later")
    return Answer(status=known.status, body=_sealed(bytes(known.body), seal=_seal(secret, key=key, at=known.at)))


def keep(reservation: Reservation, answer: Answer) -> None:
    """Keeps the answer for the next time; a fault of the server is forgotten, so that it can be tried again."""
    # A request that was taken over meanwhile has lost its right: `at` is the taker's.
    rows = IdempotentAnswer.objects.filter(id=reservation.id, at=reservation.at)
    if answer.status >= 500:
        rows.delete()
    else:
        rows.update(status=answer.status, body=_sealed(answer.body, seal=reservation.seal))


def purge_answers(at: datetime) -> int:
    """Forgets the answers that are past their time; gives their number."""
    return IdempotentAnswer.objects.filter(at__lte=at - KEPT).delete()[0]


def _seal(secret: str, *, key: str, at: datetime) -> bytes:
    """Another one for each reservation: what it makes is used once."""
    return f"{secret}\n{key}\n{at.astimezone(UTC).isoformat()}".encode()


def _sealed(body: bytes, *, seal: bytes) -> bytes:
    """The body hidden under as many pseudo-random bytes, or what was hidden so."""
    cover = hashlib.shake_256(seal).digest(len(body))
    return bytes(one ^ other for one, other in zip(body, cover, strict=True))
