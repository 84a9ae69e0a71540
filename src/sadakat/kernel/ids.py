"""Identifiers that are computed, so that the same input has the same id everywhere."""

from hashlib import blake2b
from uuid import UUID


def message_key(source_id: int, message_id: str) -> UUID:
    """The 128-bit name of a message: equal exactly when source and message id are equal.

    >>> message_key(1, "a") == message_key(1, "a"), message_key(1, "a") == message_key(2, "a")
    (True, False)
    """
    return UUID(bytes=message_key_bytes(source_id, message_id))


def message_key_bytes(source_id: int, message_id: str) -> bytes:
    """The 16 bytes of `message_key`, for the path where making a UUID object would cost more than the hash."""
    return blake2b(b"%d:%s" % (source_id, message_id.encode("utf-8", "surrogatepass")), digest_size=16).digest()
