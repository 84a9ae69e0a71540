"""The collector: the Segment tracking format over HTTP, as a bare ASGI app beside Django.

Bare because Django's request cycle costs forty times the work of an event. Every answer is JSON; 200 means durable.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from sadakat.events import plugs, rules
from sadakat.events import sources as events_sources
from sadakat.events.types import Kind, Source
from sadakat.events.web import answers, reading
from sadakat.events.web.group_commit import GroupCommit
from sadakat.events.web.keyring import Keyring
from sadakat.events.web.reading import ClientLeftError, Head, Receive, Scope, Send
from sadakat.kernel.errors import Invalid

MAX_BATCH_EVENTS: Final = 2_500
SOURCE_CONFIG_PATH: Final = "/sourceConfig"
_SETTINGS: Final = ("/v1/projects/", "/settings")

# The calls by path; None is a batch, whose messages say themselves what they are.
_CALLS: Final[dict[str, Kind | None]] = {
    **{f"/v1/{kind.name.lower()}": kind for kind in Kind},
    **{f"/v1/{kind.name[0].lower()}": kind for kind in Kind},
    **dict.fromkeys(("/v1/batch", "/v1/b", "/v1/import"), None),
}


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    sent_at: Any = None


class _Key(msgspec.Struct, rename="camel"):
    write_key: str | None = None


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_key = msgspec.json.Decoder(_Key).decode


class Collector:
    """An ASGI app for `/v1/…` and `/sourceConfig/`, which also follows the start and stop of its server.

    `dsn` gives the address of the database. `now` is the clock. With `stores=False` everything is done but the
    storing: the yardstick of the benchmarks, never to be served.
    """

    def __init__(
        self,
        dsn: Callable[[], str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        stores: bool = True,
    ) -> None:
        self._now = now
        self._stores = stores
        self._keyring = Keyring(dsn=dsn)
        self._commit = GroupCommit(dsn=dsn)

    async def close(self) -> None:
        """Stores what waits and closes the connections."""
        await self._commit.close()
        await self._keyring.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or follows the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        head = Head(scope)
        try:
            status, body, headers = await self._answer(scope, head, receive)
        except answers.Refusal as refusal:
            status = refusal.status
            body, headers = answers.encoded({"code": refusal.code, "message": refusal.message}, headers=refusal.headers)
        except ClientLeftError:
            return
        if head.origin is not None and status != answers.FORBIDDEN:
            headers = [
                *headers,
                (b"access-control-allow-origin", head.origin.encode("latin-1")),
                (b"vary", b"Origin"),
            ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _answer(self, scope: Scope, head: Head, receive: Receive) -> tuple[int, bytes, answers.Headers]:
        path: str = scope["path"]
        method: str = scope["method"]
        is_call = path in _CALLS
        is_settings = path.startswith(_SETTINGS[0]) and path.endswith(_SETTINGS[1])
        is_config = path.rstrip("/") == SOURCE_CONFIG_PATH
        if not (is_call or is_settings or is_config):
            raise answers.Refusal(404, "not_found", f"nothing is at {path:.100}; calls go to /v1/track and the like")
        if method == "OPTIONS":
            return await self._preflight(head)
        if method != ("POST" if is_call else "GET"):
            allowed = "POST" if is_call else "GET"
            raise answers.Refusal(
                405,
                "method_not_allowed",
                f"this path takes {allowed}, not {method:.20}",
                headers=[(b"allow", f"{allowed}, OPTIONS".encode())],
            )
        if is_call:
            await self._collect(head, receive, kind=_CALLS[path])
            return 200, answers.SUCCESS, answers.SUCCESS_HEADERS
        if is_settings:
            key = path[len(_SETTINGS[0]) : -len(_SETTINGS[1])]
            await self._source(key, origin=head.origin)
            document = answers.segment_settings(key=key, scheme=scope["scheme"], host=head.host)
        else:
            key = head.key or parse_qs(scope["query_string"].decode("latin-1")).get("writeKey", [""])[0]
            source = await self._source(key, origin=head.origin)
            document = answers.rudder_source_config(
                key=key, source_id=source.id, name=source.name, updated_at=self._now().isoformat()
            )
        return 200, *answers.encoded(document, headers=[(b"cache-control", b"no-store")])

    async def _preflight(self, head: Head) -> tuple[int, bytes, answers.Headers]:
        if head.origin is not None and not await self._keyring.allows_origin(head.origin):
            raise answers.origin_refused(head.origin)
        return 204, b"", answers.PREFLIGHT_HEADERS

    async def _source(self, key: str | None, *, origin: str | None) -> Source:
        """The enabled source of a key, for a page of that origin."""
        source = await self._keyring.source_of(key) if key else None
        if source is None:
            raise answers.unknown_key()
        if not events_sources.allows_origin(source, origin):
            raise answers.origin_refused(origin)
        return source

    async def _collect(self, head: Head, receive: Receive, *, kind: Kind | None) -> None:
        """Takes one call or one batch; returns when what counts of it is durable."""
        if self._commit.is_full:
            raise answers.overloaded(now_seconds=time.time())
        source = None if head.key is None else await self._source(head.key, origin=head.origin)
        body = await reading.body_of(receive, head=head, limit=reading.request_limit(source))
        received_at = self._now()
        if source is None:
            source = await self._source(_key_in(body), origin=head.origin)
        limit = rules.event_limit(source)
        resolver = plugs.resolver()
        rejections: list[rules.Rejection] = []
        if kind is None:
            batch = _batch_in(body)
            messages, rejections = rules.parse_messages(
                batch.batch,
                source=source,
                received_at=received_at,
                sent_at=batch.sent_at,
                limit=limit,
                resolver=resolver,
            )
        else:
            if len(body) > limit:
                raise answers.too_large(f"an event may have {limit:,} bytes, not {len(body):,}")
            try:
                message = rules.parse_message(
                    body,
                    source=source,
                    received_at=received_at,
                    sent_at=None,
                    limit=limit,
                    resolver=resolver,
                    kind=kind,
                )
            except Invalid as error:
                raise answers.malformed(str(error)) from None
            messages = [message]
        if not self._stores or not (messages or rejections):
            return
        if self._commit.is_full:
            raise answers.overloaded(now_seconds=time.time())
        faults = await self._commit.store(messages, rejections)
        if faults and kind is not None:
            raise answers.malformed(faults[0])


def _batch_in(body: bytes) -> _Batch:
    """The messages of a batch, each as it came.

    Raises:
        Refusal: the whole of it cannot be used.
    """
    try:
        try:
            batch = _decode_batch(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            batch = _decode_batch(rules.without_lone_surrogates(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise answers.malformed(f"not a batch: {error}") from None
    except RecursionError:
        raise answers.malformed("the JSON is nested far too deep") from None
    if len(batch.batch) > MAX_BATCH_EVENTS:
        raise answers.too_large(f"a batch may have {MAX_BATCH_EVENTS:,} events, not {len(batch.batch):,}")
    return batch


def _key_in(body: bytes) -> str | None:
    try:
        return _decode_key(body).write_key
    except (msgspec.ValidationError, RecursionError):
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise answers.malformed(f"not JSON: {error}") from None
