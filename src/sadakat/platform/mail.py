"""Mail to the team by the server that `SADAKAT_EMAIL_URL` names: `smtp://`, `smtp+tls://` (STARTTLS) or `smtps://`.

User and password stand in the address, percent-encoded; `?from=` is the sender, by default `sadakat@` the host of the
console. Port 587 is usual with STARTTLS, 465 with `smtps`, 25 else.
"""

import smtplib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from sadakat.kernel.errors import Invalid, Unavailable
from sadakat.platform import settings

TIMEOUT_SECONDS: Final = 20
_PORTS: Final = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


def is_configured() -> bool:
    """Whether there is a server to send by."""
    return settings.current().email_url is not None


def send(
    *, to: str, subject: str, text: str, html: str, message_id: str, attachments: Mapping[str, bytes] = _NOTHING
) -> None:
    """Sends one message to one person, as plain text and as HTML; attachments are PDFs by their names.

    `message_id` names it: the same message sent again by mistake is shown once by most mail programs.

    Raises:
        Invalid: `SADAKAT_EMAIL_URL` is missing or cannot be used.
        Unavailable: the server does not take it now.
    """
    backend, sender = _server(settings.current())
    host = sender.rpartition("@")[2]
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=text,
        from_email=f"Sadakat <{sender}>",
        to=[to],
        headers={"Message-ID": f"<{message_id}@{host}>", "Auto-Submitted": "auto-generated"},
        connection=backend,
    )
    message.attach_alternative(html, "text/html")
    for name, content in attachments.items():
        message.attach(name, content, "application/pdf")
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(f"the mail server does not take the message: {type(error).__name__}") from error


def _server(said: settings.Settings) -> tuple[EmailBackend, str]:
    """The connection and the sender's address."""
    if said.email_url is None:
        raise Invalid("no mail can be sent: SADAKAT_EMAIL_URL is not set")
    try:
        url = urlsplit(said.email_url)
        port = url.port
    except ValueError:
        raise Invalid("SADAKAT_EMAIL_URL must be like smtp+tls://user:password@mail.example.com:587") from None
    if url.scheme not in _PORTS or not url.hostname:
        raise Invalid(f"SADAKAT_EMAIL_URL must begin with {', '.join(f'{each}://' for each in _PORTS)} and name a host")
    sender = parse_qs(url.query).get("from", [f"sadakat@{said.host}"])[0]
    backend = EmailBackend(
        host=url.hostname,
        port=port or _PORTS[url.scheme],
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        use_tls=url.scheme == "smtp+tls",
        use_ssl=url.scheme == "smtps",
        timeout=TIMEOUT_SECONDS,
    )
    return backend, sender
