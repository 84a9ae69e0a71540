"""A real Chromium, and servers for it: the kit's sample pages, and the whole console."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import TEMPLATE
from tests.setup_machine import chromium
from tests.web import shop as shop_data

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: run `python -m tests.setup_machine`")
        pytest.skip("no Chromium: run `python -m tests.setup_machine`")
    # Playwright's loop runs in this thread, in which the tests use the database too.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass
class Visitor:
    """A person at a browser, logged in or not; `complaints` are the console's errors and refusals."""

    browser: Browser
    url: str
    cookies: dict[str, str]
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def page(self, *, language: str = "en", theme: str = "light", width: int = 1440) -> Page:
        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            has_touch=width < 500,
            reduced_motion="reduce",
        )
        self.contexts.append(context)
        cookies = {**self.cookies, "sadakat_language": language}
        context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in cookies.items()])
        page = context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _listen(self, message: Any) -> None:
        # A page that is meant to be refused says so by its status, which the test checks itself.
        if message.type in {"error", "warning"} and "the server responded with a status of 4" not in message.text:
            self.complaints.append(f"{message.text} {message.location}")


@contextmanager
def visitor(browser: Browser, url: str, cookies: dict[str, str]) -> Iterator[Visitor]:
    person = Visitor(browser, url, cookies)
    yield person
    for context in person.contexts:
        context.close()
    assert person.complaints == []


def _session(name: str) -> dict[str, str]:
    """The cookie of somebody of the team who has logged in."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(_user(name))
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


@contextmanager
def in_process() -> Iterator[str]:
    """A server in a thread of the test, on the test's own database; gives its address."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.servers.basehttp import ThreadedWSGIServer
    from django.test.testcases import QuietWSGIRequestHandler

    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    server.set_app(StaticFilesHandler(WSGIHandler()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def sample(database: str, browser: Browser, now: datetime) -> Iterator[Visitor]:
    """The kit's sample pages, seen by Elif."""
    from django.conf import settings
    from django.test import override_settings

    from sadakat.platform.models import User
    from sadakat.platform.ui import navigation

    templates = deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"] = [Path(__file__).parent / "templates"]
    entries = dict(navigation._entries)
    navigation._entries.clear()
    for section, label, url_name, icon in (
        (navigation.Section.HOME, "Home", "home", "house"),
        (navigation.Section.KNOW, "Customers", "sample_customer", "users"),
        (navigation.Section.SETTINGS, "Sources", "sample_form", "plug"),
    ):
        navigation.register(navigation.Entry(section=section, label=label, url_name=url_name, icon=icon))
    with override_settings(ROOT_URLCONF="tests.web.sample", TEMPLATES=templates):
        User.objects.create(email="elif@modanord.example", name="Elif Yıldız", role="marketer", created_at=now)
        try:
            with in_process() as url, visitor(browser, url, _session("elif")) as person:
                yield person
        finally:
            navigation._entries.clear()
            navigation._entries.update(entries)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(is_done: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Waits for a condition, with a bound."""
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.05)


@contextmanager
def served(environment: dict[str, str], *, port: int, log: Path) -> Iterator[None]:
    """The real server, with its worker, in processes of their own."""
    command = [sys.executable, "-m", "sadakat.entry", "serve", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                with urlopen(f"http://127.0.0.1:{port}/static/ui/mark.svg", timeout=5) as answer:
                    return answer.status == 200
            except (URLError, ConnectionError, TimeoutError):
                return False

        try:
            until(answers, seconds=START_SECONDS, what=f"the server does not answer: {log.read_text()}")
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _as_url(dsn: str) -> str:
    return "postgresql://?" + "&".join(f"{key}={value}" for key, value in conninfo_to_dict(dsn).items())


@dataclass
class Shop:
    """The shop of `tests.web.shop` on the real server; its pages' tests share it, and each changes what is its own."""

    url: str
    environment: dict[str, str]
    """With which the command line works on the same shop."""
    deniz: dict[str, str]
    """The session of the owner, as a cookie."""
    elif_: dict[str, str]
    """The session of the marketer."""
    link: str
    """Lets Ada, the analyst, in once."""

    def run(self, *arguments: str) -> str:
        """What the command line writes to standard output."""
        command = [sys.executable, "-m", "sadakat.entry", *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout


def _fill() -> None:
    from django.db import connections

    shop_data.fill()
    connections.close_all()


@pytest.fixture(scope="session")
def shop(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    from django.db import connections

    from sadakat.config import boot
    from sadakat.platform import lake

    name, folder, port = f"sadakat_shop_{os.getpid()}", tmp_path_factory.mktemp("shop"), free_port()
    default = connections["default"]
    usual = default.settings_dict["NAME"]
    with psycopg.connect(template, autocommit=True) as server, pytest.MonkeyPatch.context() as patch:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        default.settings_dict["NAME"] = name
        patch.setattr(lake, "folder", lambda: folder / "lake")
        # Jobs have an event loop of their own, and Playwright's may be running in this thread already.
        with ThreadPoolExecutor(max_workers=1) as thread:
            thread.submit(_fill).result()
        url = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "DATABASE_URL": _as_url(make_conninfo(template, dbname=name)),
            "SADAKAT_BASE_URL": url,
            "SADAKAT_HOME": str(folder),
            "SADAKAT_LAKE": str(folder / "lake"),
            # The key of the test's own process, so that the sessions made here are known there.
            "SADAKAT_SECRET_KEY": boot.process.secret_key,
        }
        deniz, elif_, link = _session("deniz"), _session("elif"), _link("ada", url)
        connections.close_all()
        default.settings_dict["NAME"] = usual
        with served(environment, port=port, log=folder / "server.log"):
            yield Shop(url=url, environment=environment, deniz=deniz, elif_=elif_, link=link)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _user(name: str) -> Any:
    from sadakat.platform import operations

    return operations.user_by_email(f"{name}@modanord.example")


def _link(name: str, url: str) -> str:
    from sadakat.platform import login

    return login.log_in_link(_user(name), at=datetime.now(UTC), base_url=url)


@pytest.fixture
def console(shop: Shop, browser: Browser) -> Iterator[Visitor]:
    """The whole console, seen by Deniz, the owner."""
    with visitor(browser, shop.url, shop.deniz) as person:
        yield person


@pytest.fixture
def guest(shop: Shop, browser: Browser) -> Iterator[Visitor]:
    """The console, seen by somebody who has not logged in."""
    with visitor(browser, shop.url, {}) as person:
        yield person


@pytest.fixture
def marketer(shop: Shop, browser: Browser) -> Iterator[Visitor]:
    """The console, seen by Elif, the marketer."""
    with visitor(browser, shop.url, shop.elif_) as person:
        yield person
