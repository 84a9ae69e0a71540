"""What is posted to a webhook, how it is signed, where it may go, and when it is tried again.

The signature and the headers are those of Standard Webhooks (version 1), so that receivers can use its libraries.
"""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from sadakat.kernel.errors import Invalid

TEST_EVENT: Final = "Webhook Test"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the form, not a secret
SECRET_BYTES: Final = 32
MAX_URL_LENGTH: Final = 2_000
RETRY_DELAYS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""After each failed attempt; three days in all, then it is given up."""
MAX_REST: Final = timedelta(minutes=5)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All of version 6 that has been given out for the internet so far."""


def secret_of(random: bytes) -> str:
    """The text of a secret, as it is shown and given to libraries."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def headers(*, message_id: str, at: datetime, body: bytes, signed_with: Sequence[str]) -> dict[str, str]:
    """The headers of one attempt, with a signature by each secret.

    >>> said = headers(message_id="evt_1", at=datetime(2026, 11, 20, tzinfo=UTC), body=b"{}",
    ...     signed_with=["whsec_c2VjcmV0"])
    >>> said["webhook-timestamp"], said["webhook-signature"]
    ('1795132800', 'v1,MlRNvjhaxbHmxqWX49wS+VhT1Uo3MfHMJ8cq+SKvH74=')
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    return {
        "Content-Type": "application/json",
        "User-Agent": "Sadakat-Webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in signed_with),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def body(
    *, event: str, at: datetime, customer_id: int | None, position: int | None, properties: Mapping[str, Any]
) -> bytes:
    """The JSON text that is posted."""
    return msgspec.json.encode(
        {
            "type": event,
            "timestamp": at.astimezone(UTC),
            "data": {"customer_id": customer_id, "position": position, "properties": properties},
        }
    )


def names_in(value: Any) -> Iterator[str]:
    """Every name in a JSON value, however deep."""
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from names_in(part)


def without(value: Any, hidden: Collection[str]) -> Any:
    """A JSON value without what goes by one of these names, however deep.

    >>> without({"total": 5, "to": [{"email": "ayse@example.com", "city": "Ankara"}]}, {"email"})
    {'total': 5, 'to': [{'city': 'Ankara'}]}
    """
    if isinstance(value, dict):
        return {name: without(part, hidden) for name, part in value.items() if name not in hidden}
    return [without(part, hidden) for part in value] if isinstance(value, list) else value


def retry_at(*, attempts: int, at: datetime) -> datetime | None:
    """When a delivery is tried again whose attempt number `attempts` has just failed; None where it is given up."""
    return at + RETRY_DELAYS[attempts - 1] if attempts <= len(RETRY_DELAYS) else None


def rest_until(*, failures: int, at: datetime) -> datetime:
    """How long a webhook is left alone after so many batches of which nothing was taken: 2 s, 4 s … 5 minutes."""
    return at + min(timedelta(seconds=2 ** min(failures, 10)), MAX_REST)


def checked_url(text: str) -> str:
    """An address that can be posted to.

    Raises:
        Invalid: it is none; names and passwords in it are refused, and letters that addresses cannot have.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a bracket that is not closed, or a port that is no number
        parts, is_whole = urlsplit(""), False
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL_LENGTH
    if not (is_whole and is_plain) or parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.fragment:
        raise Invalid(f"an address is like https://shop.example.com/webhooks, not {text!r:.80}")
    return url


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: no loopback, private, link-local, shared or multicast one.

    >>> is_public("93.184.215.14"), is_public("::ffff:127.0.0.1"), is_public("169.254.169.254"), is_public("fd00::1")
    (True, False, False, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # An address of version 4 in disguise is as public as what it stands for.
        within = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else ip.ipv4_mapped or ip.sixtofour
        if within is None:
            return ip.is_global and ip in _UNICAST
        ip = within
    return ip.is_global and not ip.is_multicast
