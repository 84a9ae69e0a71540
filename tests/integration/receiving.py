"""A real receiver of webhooks on loopback, which checks signatures by itself and answers as the test says."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What came, in the order in which it came; `answers` are the statuses still to be given, then 204 for ever."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    is_silent: bool = False
    """Whether it takes the request and says nothing."""
    drips: bytes = b""
    """Sent again and again, instead of an answer."""
    over: threading.Event = field(default_factory=threading.Event)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.requests]


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether one of the signatures is that of `secret`: written from the specification, without our code."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.split("_", 1)[1]), signed, hashlib.sha256).digest()
    expected = base64.b64encode(digest).decode()
    given = [one.split(",", 1) for one in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(text, expected) for version, text in given)


@contextmanager
def receiver(*, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    said = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            while said.drips and not said.over.wait(0.05):
                try:
                    self.wfile.write(said.drips)
                except OSError:
                    return
            if said.is_silent:
                said.over.wait(30)
                return
            status = said.answers.pop(0) if said.answers else 204
            text = b"" if status == 204 else f"status {status}".encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", said.url)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False
        request_queue_size = 128

        def handle_error(self, *_arguments: Any) -> None:
            """A connection that the sender has given up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    said.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{server.server_port}/hooks?shop=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield said
    finally:
        said.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
