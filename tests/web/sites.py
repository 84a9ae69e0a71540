"""A site of somebody else for the tests of what runs in its pages: other origin, other server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration import collecting

Asgi = Callable[[Any, Any, Any], Any]


@dataclass
class Site:
    """Answers every path with its own document where it has one, else with `document`."""

    document: str = "<!doctype html><title>Shop</title>"
    headers: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    """Scripts by the path at which they are served."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        file = self.files.get(scope["path"])
        body = file.read_bytes() if file else self.document.encode()
        kind = "text/javascript" if file else "text/html"
        headers = {"content-type": f"{kind}; charset=utf-8", "content-length": str(len(body)), **self.headers}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


class Host:
    """A collector with the tracker beside it, as the web process serves them; remembers what was asked of it.

    While `is_down`, events get no answer that a page could read.
    """

    def __init__(self, dsn: str) -> None:
        from sadakat.events.web.collector import Collector

        self.collector: Asgi = Collector(lambda: dsn)
        self.requests: list[str] = []
        self.is_down = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from sadakat.events.web import tracker

        if scope["type"] == "http":
            self.requests.append(f"{scope['method']} {scope['path']}")
            if scope["path"] == tracker.PATH:
                await tracker.serve(scope, receive, send)
                return
            if self.is_down:
                await send({"type": "http.response.start", "status": 502, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})
                return
        await self.collector(scope, receive, send)

    @property
    def posts(self) -> int:
        """How many requests have brought events."""
        return sum(request.startswith("POST") for request in self.requests)


@contextmanager
def at_address(app: Asgi) -> Iterator[str]:
    """The address at which `app` answers."""
    with collecting.serving(app) as port:
        yield f"http://127.0.0.1:{port}"
