"""Ways into the member portal without an account: a signed link, or a code by mail; and who asks to become a member.

A session of the portal is a signed cookie that knows the member and nothing else. It says as much as a link does, so
a renewed link ends both.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from django.core import signing
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from sadakat.customers import api as customers
from sadakat.events import api as events
from sadakat.kernel.errors import Invalid, NotFound, Refused
from sadakat.loyalty import models
from sadakat.loyalty.types import EnrolledBy
from sadakat.platform import audit, brand, login, mail, settings
from sadakat.platform.models import LoginAttempt

LINK_LIFETIME: Final = timedelta(days=30)
SESSION_LIFETIME: Final = timedelta(hours=12)
CODE_LIFETIME: Final = timedelta(minutes=10)
CODE_DIGITS: Final = 6
FAILURES_MAX: Final = 5
"""After so many wrong ones a code counts no more, not even the right one."""
ASKS_PER_CLIENT: Final = 20
"""Codes that one network address may have mailed in 15 minutes; an e-mail address gets 5."""
MEMBERSHIP_ASKED: Final = "Membership Asked"
"""Event of somebody who wants to become a member: `wording` is what was agreed to, in `language`; `by` says where."""
_LINK: Final = "sadakat.portal-link"
_SESSION: Final = "sadakat.portal-session"
_CODE: Final = "sadakat.portal-code"


class DeadLink(Refused):
    """The link or session is too old, was renewed since, or was never ours."""


class WrongCode(Refused):
    """The code is not the one that was mailed last, is older than 10 minutes, was used, or failed too often."""


def portal_link(member_id: int, *, at: datetime) -> str:
    """A link into the portal of a member, good for 30 days or until it is renewed.

    Raises:
        NotFound: there is no such member.
    """
    token = _signed(member_id, salt=_LINK, until=at + LINK_LIFETIME)
    return settings.current().base_url + reverse("portal_link", args=[token])


def hand_out_link(member_id: int, *, actor: audit.Actor, at: datetime) -> str:
    """`portal_link` for somebody of the team, who could use it too: the audit log tells who has made it.

    Raises:
        NotFound: there is no such member.
    """
    with transaction.atomic(durable=True):
        link = portal_link(member_id, at=at)
        audit.record(actor=actor, at=at, action="loyalty.link_made", subject=f"member:{member_id}")
    return link


def member_of_link(token: str, *, at: datetime) -> int:
    """The member whom a link leads to.

    Raises:
        DeadLink: too old, renewed since, not ours, or the member has become one with another.
    """
    return _member(token, salt=_LINK, at=at)


def begin_session(member_id: int, *, at: datetime) -> str:
    """The text of a cookie that lets a member's browser in for 12 hours."""
    return _signed(member_id, salt=_SESSION, until=at + SESSION_LIFETIME)


def member_of_session(text: str, *, at: datetime) -> int:
    """The member whose browser has this cookie.

    Raises:
        DeadLink: as in `member_of_link`.
    """
    return _member(text, salt=_SESSION, at=at)


def parse_email(text: str) -> str:
    """An e-mail address in its one spelling.

    Raises:
        Invalid: it is none.
    """
    key = customers.parse_identifier("email", text)
    if key is None:
        raise Invalid(f"an e-mail address was expected, not {text!r:.80}")
    return key.partition(":")[2]


def new_code(email: str, *, client: str, at: datetime) -> str:
    """A code for an address, whoever's it is; an earlier one of that address counts no more.

    The same is done and answered for every address, so nobody learns who is a member.

    Raises:
        TooManyAttempts: the address, or the network address `client`, has had too many codes of late.
    """
    login.begin_attempt(
        email=f"portal-ask:{email}", address=f"portal-ask:{client}", at=at, most_per_address=ASKS_PER_CLIENT
    )
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    key = _hash(email)
    with transaction.atomic(durable=True):
        models.PortalCode.objects.filter(email_key=key).delete()
        models.PortalCode.objects.create(email_key=key, hash=_hash(email, code), expires_at=at + CODE_LIFETIME)
    return code


def mail_code(email: str, code: str, *, at: datetime) -> None:
    """Mails a code in the active language.

    Raises:
        Invalid, Refused, Unavailable: as in `mail.send`.
    """
    minutes = CODE_LIFETIME // timedelta(minutes=1)
    context = {"code": code, "minutes": minutes, "shop": brand.current().name, "language": translation.get_language()}
    mail.send(
        to=email,
        subject=_("%(code)s is your code for %(shop)s") % context,
        text=render_to_string("loyalty/portal/mail.txt", context),
        html=render_to_string("loyalty/portal/mail.html", context),
        message_id=f"portal-code-{at:%Y%m%d%H%M%S}-{secrets.token_hex(8)}",
    )


def use_code(email: str, code: str, *, client: str, at: datetime) -> None:
    """Takes a code: whoever says the right one owns the address, once.

    Raises:
        WrongCode: it is not the one that counts, whatever the cause.
        TooManyAttempts: too many wrong ones for this address or from this network address.
    """
    # Other names than those of asking: whoever has asked five times may still say the code.
    attempt = login.begin_attempt(email=f"portal-code:{email}", address=f"portal-code:{client}", at=at)
    said = _hash(email, code.strip())
    with transaction.atomic(durable=True):
        row = models.PortalCode.objects.select_for_update().filter(email_key=_hash(email)).last()
        is_right = constant_time_compare(said, bytes(row.hash) if row else _hash("", ""))
        counts = row is not None and row.used_at is None and at < row.expires_at and row.failures < FAILURES_MAX
        if row is not None and is_right and counts:
            row.used_at = at
            row.save(update_fields=["used_at"])
        elif row is not None:
            row.failures += 1
            row.save(update_fields=["failures"])
    if not (is_right and counts):
        raise WrongCode("the code is wrong or has run out")
    LoginAttempt.objects.filter(id=attempt.pk).delete()


def purge_codes(at: datetime) -> int:
    """Forgets codes that have run out; gives their number."""
    return models.PortalCode.objects.filter(expires_at__lte=at).delete()[0]


def introduce(traits: Mapping[str, Any], *, by: EnrolledBy, wording: str, language: str, at: datetime) -> None:
    """Tells the log of somebody who asks to become a member, with what was agreed to.

    `traits` are those of an identify call and name the person by `email` or `phone`. The customer is there once the
    sequencer has been through it. Saying it again changes nothing.

    Raises:
        Invalid: the log cannot take it.
    """
    keys = {name: traits[name] for name in ("email", "phone", "email_verified") if traits.get(name)}
    digest = hashlib.sha256(msgspec.json.encode([sorted(traits.items()), wording, by])).hexdigest()[:24]
    said = {"timestamp": at.isoformat(), "context": {"traits": keys}}
    asked = {"wording": wording, "language": language, "by": by}
    report = events.import_messages(
        source=events.sources()[events.system_source_id()],
        raw_messages=[
            msgspec.json.encode(message)
            for message in (
                {"type": "identify", "messageId": f"joins:{digest}", "traits": dict(traits), **said},
                {
                    "type": "track",
                    "event": MEMBERSHIP_ASKED,
                    "messageId": f"asks:{digest}",
                    "properties": asked,
                    **said,
                },
            )
        ],
        at=at,
    )
    if report.rejected:
        raise Invalid("the form holds something that cannot be kept; shorten it")


def _signed(member_id: int, *, salt: str, until: datetime) -> str:
    version = models.Member.objects.filter(pk=member_id).values_list("link_version", flat=True).first()
    if version is None:
        raise NotFound(f"there is no member {member_id}")
    return signing.dumps([member_id, version, int(until.timestamp())], salt=salt)


def _member(token: str, *, salt: str, at: datetime) -> int:
    try:
        member_id, version, until = signing.loads(token, salt=salt)
    except signing.BadSignature:
        raise DeadLink("the link is not valid") from None
    if at >= datetime.fromtimestamp(until, UTC):
        raise DeadLink("the link has run out")
    # Whoever has become one with another enters anew: the other's points are not for an old link.
    standing = models.Member.objects.filter(pk=member_id, link_version=version, merged_into=None)
    if not standing.exists():
        raise DeadLink("the link has been replaced by a newer one")
    return int(member_id)


def _hash(*values: str) -> bytes:
    """Keyed by the installation's secret: six digits alone could be tried out by whoever reads the table."""
    return salted_hmac(_CODE, "\n".join(values), algorithm="sha256").digest()
