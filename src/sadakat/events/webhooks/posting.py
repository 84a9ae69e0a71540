"""One HTTP request to an address that somebody has typed in: guarded against being turned on our own network."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from sadakat.events.rules import webhooks as rules
from sadakat.events.types import Answer
from sadakat.kernel.errors import Refused, Unavailable

TIMEOUT_SECONDS: Final = 10.0
"""For all of it, from the first packet to the last; the look-up of the name has the time of the system's resolver."""
MAX_ANSWER_BYTES: Final = 500


def post(url: str, *, body: bytes, headers: Mapping[str, str], allows_private: bool) -> Answer:
    """Posts and gives the answer. Redirects are not followed.

    The name is looked up here, each time, and the connection goes to the address that was looked at: a name that
    points elsewhere a moment later changes nothing.

    Raises:
        Refused: the name stands for an address that is not public, and `allows_private` is False.
        Unavailable: there is no such name, no connection, or no answer in time.
    """
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    addresses = _addresses(host, port, allows_private=allows_private)
    # Without a context of ours it would read the certificates of all authorities anew for each post.
    connection = (
        http.client.HTTPSConnection(host, port, context=_tls()) if is_tls else http.client.HTTPConnection(host, port)
    )
    deadline = time.monotonic() + TIMEOUT_SECONDS
    # A socket's own limit begins anew with every byte, so a slow sender could hold on for ever.
    held: list[socket.socket] = []
    watch = threading.Timer(TIMEOUT_SECONDS, _cut, [held])
    watch.daemon = True
    watch.start()
    try:
        held.append(_connected(addresses, port, deadline=deadline))
        if is_tls:
            wrapped = _tls().wrap_socket(held[0], server_hostname=host, do_handshake_on_connect=False)
            held.append(wrapped)
            wrapped.do_handshake()
        connection.sock = held[-1]
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers=dict(headers))
        response = connection.getresponse()
        if time.monotonic() >= deadline:  # headers that were cut off look like headers that ended
            raise TimeoutError
        return _answer(response)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
            raise Unavailable(f"no answer within {TIMEOUT_SECONDS:.0f} seconds") from None
        raise Unavailable(f"no connection: {str(error) or type(error).__name__}") from None
    finally:
        watch.cancel()
        connection.close()
        for one in held:
            one.close()


def _addresses(host: str, port: int, *, allows_private: bool) -> list[str]:
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Unavailable(f"there is no host {host}") from None
    inside = [address for address in found if not rules.is_public(address)]
    if inside and not allows_private:
        raise Refused(f"{inside[0]} is not an address of the public internet")
    return list(dict.fromkeys(found))


def _connected(addresses: Sequence[str], port: int, *, deadline: float) -> socket.socket:
    """A connection to the first address that takes one."""
    for address in addresses[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout=max(0.01, deadline - time.monotonic()))
    return socket.create_connection((addresses[-1], port), timeout=max(0.01, deadline - time.monotonic()))


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _cut(held: Sequence[socket.socket]) -> None:
    """Ends what a thread waits for on the last of these sockets."""
    # By the plain socket's method: that of TLS would take the session away under the hands of its reader.
    with suppress(OSError, IndexError):
        socket.socket.shutdown(held[-1], socket.SHUT_RDWR)


def _answer(response: http.client.HTTPResponse) -> Answer:
    text = b""
    # The status is the answer; what comes with it is only shown.
    with suppress(OSError, http.client.HTTPException):
        text = response.read(MAX_ANSWER_BYTES)
    return Answer(status=response.status, text=text.decode("utf-8", "replace").replace("\0", ""))
