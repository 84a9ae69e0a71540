"""Web, collector and worker as processes of one machine. Import it after `boot.start()`."""

import os
import signal
import subprocess
import sys
import threading
from datetime import datetime
from types import FrameType

import uvicorn
from rich.console import Console

from sadakat.config import boot
from sadakat.platform import audit, brand, login, operations, settings, worker

RESTART_DELAY_SECONDS = 1.0
STOP_SECONDS = 20.0
PARENT_SECONDS = 1.0
_PARENT = "SADAKAT_SERVER_PID"


def serve(*, port: int, workers: int, with_worker: bool, at: datetime, say: Console) -> None:
    """Serves until it is told to stop; the worker is a child process, started again when it dies.

    Raises:
        Invalid: a secret key is needed and missing.
    """
    set_up_brand(at=at)
    here = brand.current()
    boot.require_secret_key(is_demo=here.is_demo)
    _greet(port=port, at=at, say=say)
    stopping = threading.Event()
    # uvicorn stops on these signals too, and raises them once more when it is through: that must not end us early.
    _set_on_signals(stopping)
    keeper = threading.Thread(target=_keep_worker, args=(stopping,), daemon=True)
    if with_worker:
        keeper.start()
    try:
        uvicorn.run(
            "sadakat.config.asgi:application",
            factory=True,
            host="127.0.0.1" if here.is_demo else "0.0.0.0",  # noqa: S104 - a server is to be reached
            port=port,
            workers=workers,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=10,
        )
    finally:
        stopping.set()
        if with_worker:
            keeper.join(STOP_SECONDS)


def run_worker() -> None:
    """The background loops of this process, until SIGTERM, SIGINT, or the end of the server that started it."""
    stop = threading.Event()
    _set_on_signals(stop)
    if _PARENT in os.environ:
        threading.Thread(target=_follow, args=(int(os.environ[_PARENT]), stop), daemon=True).start()
    worker.run_forever(stop=stop)


def _set_on_signals(stop: threading.Event) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def _follow(parent: int, stop: threading.Event) -> None:
    """Sets `stop` when the parent is gone: a killed server must not leave its worker behind."""
    while os.getppid() == parent and not stop.wait(PARENT_SECONDS):
        pass
    stop.set()


def _keep_worker(stopping: threading.Event) -> None:
    environment = {**os.environ, _PARENT: str(os.getpid())}
    while not stopping.is_set():
        child = subprocess.Popen([sys.executable, "-m", "sadakat.entry", "worker"], env=environment)
        while child.poll() is None and not stopping.wait(0.2):
            pass
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        else:
            stopping.wait(RESTART_DELAY_SECONDS)


def set_up_brand(*, at: datetime) -> None:
    """Gives a new home its brand, from the environment; an existing one stays as it is."""
    here = settings.current()
    brand.set_up(
        brand.Brand(name="Sadakat", time_zone=here.time_zone, currency=here.currency, language=here.language),
        actor=audit.CLI,
        at=at,
    )


def _greet(*, port: int, at: datetime, say: Console) -> None:
    """Says where the console is, and how to get in when that is not obvious."""
    address = f"http://localhost:{port}"
    say.print(f"\nConsole: [bold]{address}[/]")
    owner = operations.first_owner()
    if owner is None:
        say.print("Nobody can log in yet: sadakat team add YOU@EXAMPLE.COM --name You --role owner")
    elif brand.current().is_demo:
        say.print(f"Log in as {owner.name}: {login.log_in_link(owner, at=at, base_url=address)}", soft_wrap=True)
