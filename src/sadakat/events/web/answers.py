"""What the collector says: the one good answer, refusals as JSON with `code` and `message`, and CORS."""

from typing import Any, Final

import msgspec

_JSON: Final = (b"content-type", b"application/json")
Headers = list[tuple[bytes, bytes]]

SUCCESS: Final = b'{"success": true}'
SUCCESS_HEADERS: Final[Headers] = [_JSON, (b"content-length", b"%d" % len(SUCCESS))]
# Everything that the browser SDKs of Segment and RudderStack ask for in their preflight requests.
PREFLIGHT_HEADERS: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b", ".join(
            (
                b"Authorization",
                b"Content-Type",
                b"Content-Encoding",
                b"AnonymousId",
                b"SentAt",
                b"X-Retry-Count",
                b"Rsa-Retry-Attempt",
                b"Rsa-Since-Last-Attempt",
                b"Rsa-Since-First-Attempt",
                b"Rsa-Retry-Reason",
            )
        ),
    ),
    (b"access-control-max-age", b"600"),
]
FORBIDDEN: Final = 403
RETRY_AFTER_SECONDS: Final = 1
_RETRY: Final = (b"retry-after", b"%d" % RETRY_AFTER_SECONDS)


class Refusal(Exception):
    """Ends a request with an HTTP status other than 200."""

    def __init__(self, status: int, code: str, message: str, *, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or []


def malformed(message: str) -> Refusal:
    """400: the request cannot be read, and sending it again will not help."""
    return Refusal(400, "malformed", message)


def too_large(message: str) -> Refusal:
    """413: the request, or its only event, is larger than its source may send."""
    return Refusal(413, "too_large", message)


def unknown_key() -> Refusal:
    """401: no enabled source has this key."""
    return Refusal(401, "unknown_key", "the write key of an enabled source is needed, as Basic user or writeKey")


def origin_refused(origin: str | None) -> Refusal:
    """403: the source takes events from the pages of other origins only."""
    return Refusal(
        FORBIDDEN, "origin_refused", f"the source does not take events from pages of {origin or 'an unsaid origin'}"
    )


def overloaded(*, now_seconds: float) -> Refusal:
    """429: nothing was stored, and there is too much waiting to take more."""
    return Refusal(
        429,
        "overloaded",
        f"too much is waiting to be stored; send it again in {RETRY_AFTER_SECONDS} s",
        headers=[_RETRY, (b"x-ratelimit-reset", b"%d" % (now_seconds + RETRY_AFTER_SECONDS + 1))],
    )


def unavailable() -> Refusal:
    """503: it is not certain that anything was stored; sending it again is safe."""
    return Refusal(
        503,
        "unavailable",
        f"the events could not be stored now; send them again in {RETRY_AFTER_SECONDS} s",
        headers=[_RETRY],
    )


def encoded(document: Any, *, headers: Headers) -> tuple[bytes, Headers]:
    """A JSON document as a body with its headers."""
    body = msgspec.json.encode(document)
    return body, [_JSON, (b"content-length", b"%d" % len(body)), *headers]


def segment_settings(*, key: str, scheme: str, host: str) -> dict[str, Any]:
    """What analytics-next loads before it sends: one destination, ourselves, and none of Segment's own metrics."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": f"{host}/v1",
                "protocol": scheme,
                "unbundledIntegrations": [],
                "addBundledMetadata": False,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {call: {"__default": {"enabled": True, "integrations": {}}} for call in ("track", "identify", "group")},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def rudder_source_config(*, key: str, source_id: int, name: str, updated_at: str) -> dict[str, Any]:
    """What the RudderStack SDKs load before they send: a source without destinations or statistics of theirs."""
    return {
        "source": {
            "id": str(source_id),
            "name": name,
            "writeKey": key,
            "enabled": True,
            "workspaceId": "sadakat",
            "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
            "connections": [],
            "destinations": [],
            "dataplanes": {},
            "updatedAt": updated_at,
        }
    }
