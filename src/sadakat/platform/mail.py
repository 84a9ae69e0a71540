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

from sadakat.kernel.errors import Invalid, Refused, Unavailable
from sadakat.platform import settings

TIMEOUT_SECONDS: Final = 20
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
        Invalid: `SADAKAT_EMAIL_URL` is missing.
        Refused: the server will never take it for this person.
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
        if _is_final(error):
            raise Refused(f"the mail server will never take the message: {type(error).__name__}") from error
        raise Unavailable(f"the mail server does not take the message: {type(error).__name__}") from error


def _is_final(error: Exception) -> bool:
    """Whether the server will never take this message for this person; what it has against the sender can be mended."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return all(code >= 500 for code, _ in error.recipients.values())
        case smtplib.SMTPDataError():
            return error.smtp_code >= 500
        case _:
            return False


def _server(said: settings.Settings) -> tuple[EmailBackend, str]:
    """The connection and the sender's address."""
    if said.email_url is None:
        raise Invalid("no mail can be sent: SADAKAT_EMAIL_URL is not set")
    url = urlsplit(said.email_url)
    sender = parse_qs(url.query).get("from", [f"sadakat@{said.host}"])[0]
    backend = EmailBackend(
        host=url.hostname,
        port=url.port or settings.EMAIL_PORTS[url.scheme],
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        use_tls=url.scheme == "smtp+tls",
        use_ssl=url.scheme == "smtps",
        timeout=TIMEOUT_SECONDS,
    )
    return backend, sender
