"""The web process: the collector's raw ASGI beside Django, and the static files of installed packages."""

from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.asgi import get_asgi_application
from servestatic import ServeStaticASGI

from sadakat.config import boot
from sadakat.events.web import tracker

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

STATIC_MAX_AGE_SECONDS = 3600


def application() -> ASGI:
    """The whole web process as one ASGI application; uvicorn calls this factory once per process."""
    collect = collector()
    pages = _with_static_files(get_asgi_application())

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith(("/v1/", "/sourceConfig")):
            await collect(scope, receive, send)
        elif scope["path"] == tracker.PATH:
            await tracker.serve(scope, receive, send)
        else:
            await pages(scope, receive, send)

    return serve


def collector(*, stores: bool = True) -> ASGI:
    """The collector alone; without `stores` it answers and stores nothing, which only a benchmark wants."""
    # uvicorn calls factories inside its event loop, where Django refuses to touch the database.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(_start).result()
    from sadakat.events.web.collector import Collector
    from sadakat.platform.database import connection

    return Collector(connection.dsn, stores=stores)


def _start() -> None:
    from django.db import connections

    boot.start()
    connections.close_all()


def _with_static_files(pages: Any) -> ASGI:
    """Serves `/static/` from the `static` folder of each installed app: nothing is copied, nothing is collected."""
    server = ServeStaticASGI(pages, max_age=STATIC_MAX_AGE_SECONDS)
    for config in apps.get_app_configs():
        folder = Path(config.path) / "static"
        if folder.is_dir():
            server.add_files(str(folder), prefix="static/")
    return server  # type: ignore[no-any-return]  # servestatic is not typed
