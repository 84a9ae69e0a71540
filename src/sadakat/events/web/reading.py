"""Reading a request within limits: its headers, its body, and what gzip hides in it."""

import asyncio
import binascii
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from sadakat.events.types import MAX_REQUEST_BYTES, Source, SourceKind
from sadakat.events.web import answers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# What an import source may send over HTTP in one request.
MAX_IMPORT_REQUEST_BYTES: Final = 10 * 1024 * 1024
# A client that takes longer over its body holds memory for nothing; SDKs send again after a 408.
BODY_SECONDS: Final = 60

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16


class ClientLeftError(Exception):
    """The client has closed the connection before its request was complete."""


class Head:
    """The headers that matter here."""

    __slots__ = ("encoding", "host", "key", "length", "origin")

    def __init__(self, scope: Scope) -> None:
        self.encoding = b""
        self.host = ""
        self.key: str | None = None
        """The Basic user, or None where there is none."""
        self.length: int | None = None
        self.origin: str | None = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.key = _basic_user(value)
            elif name == b"content-length":
                self.length = int(value)
            elif name == b"content-encoding":
                self.encoding = value.strip().lower()
            elif name == b"origin":
                self.origin = value.decode("latin-1")
            elif name == b"host":
                self.host = value.decode("latin-1")


def request_limit(source: Source | None) -> int:
    """Bytes that one request may have; a key in the body is known too late to allow more."""
    is_import = source is not None and source.kind is SourceKind.IMPORT
    return MAX_IMPORT_REQUEST_BYTES if is_import else MAX_REQUEST_BYTES


async def body_of(receive: Receive, *, head: Head, limit: int) -> bytes:
    """The body as it was meant.

    Raises:
        Refusal: larger than `limit` before or after gunzip, damaged, or too slow.
        ClientLeftError: it never came to its end.
    """
    if head.length is not None and head.length > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] != "http.request":
        raise ClientLeftError
    if message.get("more_body", False):
        body = await _rest(receive, begun=body, limit=limit)
    if len(body) > limit:
        raise _too_large(limit)
    if head.encoding == b"gzip" or body.startswith(_GZIP_MAGIC):
        return _gunzip(body, limit=limit)
    if head.encoding not in {b"", b"identity"}:
        raise answers.malformed(f"the body may be plain or gzip, not {head.encoding.decode('latin-1'):.40}")
    return body


async def _rest(receive: Receive, *, begun: bytes, limit: int) -> bytes:
    chunks = [begun]
    size = len(begun)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientLeftError
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > limit:
                    raise _too_large(limit)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise answers.Refusal(408, "too_slow", f"the body did not come to its end within {BODY_SECONDS} s") from None


def _gunzip(body: bytes, *, limit: int) -> bytes:
    """Inflates no further than `limit`, whatever the compressed bytes promise."""
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise answers.malformed(f"the body is not gzip: {error}") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof:
        raise answers.malformed("the gzip body ends in the middle")
    if inflater.unused_data:
        raise answers.malformed("something follows the end of the gzip body")
    return plain


def _too_large(limit: int) -> answers.Refusal:
    return answers.too_large(f"the body may have {limit:,} bytes after gunzip")


def _basic_user(value: bytes) -> str | None:
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user = binascii.a2b_base64(token).partition(b":")[0]
    except binascii.Error:
        return None
    return user.decode("utf-8", "surrogateescape") or None
