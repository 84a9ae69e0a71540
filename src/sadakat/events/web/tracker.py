"""The browser tracker at `/sadakat.js`, as bare ASGI: pages of any origin load it, and so may any cache."""

import gzip
import hashlib
from pathlib import Path
from typing import Final

from sadakat.events.web.answers import Headers
from sadakat.events.web.reading import Receive, Scope, Send

PATH: Final = "/sadakat.js"
FILE: Final = Path(__file__).parent.parent / "tracker" / "sadakat.js"
MAX_AGE_SECONDS: Final = 3600

_PLAIN: Final = FILE.read_bytes()
_GZIPPED: Final = gzip.compress(_PLAIN, mtime=0)
# Weak, because one tag stands for the plain bytes and the gzipped ones.
_TAG: Final = b'W/"%s"' % hashlib.sha256(_PLAIN).hexdigest()[:32].encode()
_ALWAYS: Final[Headers] = [
    (b"cache-control", b"public, max-age=%d" % MAX_AGE_SECONDS),
    (b"etag", _TAG),
    (b"vary", b"Accept-Encoding"),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]


async def serve(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers one request for the tracker: GET and HEAD, gzipped where that is taken, 304 where it is known."""
    said = dict(scope["headers"])
    body = b""
    if scope["method"] not in {"GET", "HEAD"}:
        status, headers = 405, [(b"allow", b"GET, HEAD"), (b"content-length", b"0")]
    elif _knows(said.get(b"if-none-match", b"")):
        status, headers = 304, _ALWAYS
    else:
        is_gzipped = b"gzip" in said.get(b"accept-encoding", b"")
        body = _GZIPPED if is_gzipped else _PLAIN
        status, headers = (
            200,
            [
                *_ALWAYS,
                (b"content-type", b"text/javascript; charset=utf-8"),
                (b"x-content-type-options", b"nosniff"),
                (b"content-length", b"%d" % len(body)),
                *([(b"content-encoding", b"gzip")] if is_gzipped else []),
            ],
        )
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _knows(if_none_match: bytes) -> bool:
    return any(tag.strip() in {_TAG, _TAG[2:], b"*"} for tag in if_none_match.split(b","))
