"""Proving who somebody is: e-mail and password, or a link that works once."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import connection, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sadakat.kernel.errors import Refused
from sadakat.platform import audit, settings
from sadakat.platform.database.connection import Lock
from sadakat.platform.models import LoginAttempt, User

LINK_LIFETIME: Final = timedelta(hours=1)
LOOK_BACK: Final = timedelta(minutes=15)
FAILURES_PER_EMAIL: Final = 5
FAILURES_PER_ADDRESS: Final = 50
EMAIL_MAX_CHARACTERS: Final = 320
BACKEND: Final = "sadakat.platform.login.Backend"
_SALT: Final = "sadakat.log-in-link"


class WrongCredentials(Refused):
    """E-mail address and password do not belong together, or the person has been deactivated."""

    http_status = 401


class DeadLink(Refused):
    """The link is older than an hour, has been used, or was never ours."""

    http_status = 403


class TooManyAttempts(Refused):
    """Too many failures of late; even the right password is not looked at for as long as `wait`."""

    http_status = 429

    def __init__(self, wait: timedelta) -> None:
        minutes = -(-wait // timedelta(minutes=1))
        super().__init__(
            ngettext(
                "Too many failed attempts. Try again in %(minutes)d minute.",
                "Too many failed attempts. Try again in %(minutes)d minutes.",
                minutes,
            )
            % {"minutes": minutes}
        )
        self.wait = wait


class Backend(BaseBackend):
    """Tells Django whose session it is. Log-ins go through `check_password` and `redeem_link`, which know the clock."""

    def get_user(self, user_id: int) -> User | None:
        """The person of a session, unless deactivated since."""
        return User.objects.filter(id=user_id, is_active=True).first()

    def authenticate(self, request: HttpRequest | None, **credentials: object) -> None:
        """Nobody: a log-in without the throttle is not offered."""


def check_password(*, email: str, password: str, address: str, at: datetime) -> User:
    """The active person with that e-mail address and password.

    Unknown, deactivated and wrong take the same time and give the same answer, so nobody learns who works here.

    Raises:
        TooManyAttempts: too many failures of that e-mail or network address.
        WrongCredentials: no such person or not their password.
    """
    name = email.strip().lower().replace("\0", "")[:EMAIL_MAX_CHARACTERS]
    attempt = begin_attempt(email=name, address=address, at=at)
    user = User.objects.filter(email=name).first()
    if user is None:
        make_password(password)  # costs what a comparison costs
    if user is None or not user.check_password(password) or not user.is_active:
        raise WrongCredentials(_("The e-mail address or the password is wrong."))
    LoginAttempt.objects.filter(Q(email=name) | Q(id=attempt.id)).delete()
    return user


@transaction.atomic(durable=True)
def begin_attempt(
    *, email: str, address: str, at: datetime, most_per_address: int = FAILURES_PER_ADDRESS
) -> LoginAttempt:
    """Counts the attempt as failed before it is looked at, so that many at once cannot slip below the limit.

    Other doors than the team's begin `email` and `address` with a word of their own, so that none closes another.

    Raises:
        TooManyAttempts: so many of that e-mail or network address of late; this one is not counted.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.LOGIN])
    limits = ((Q(email=email), FAILURES_PER_EMAIL), (Q(address=address), most_per_address))
    for whose, limit in limits:
        recent = LoginAttempt.objects.filter(whose, at__gt=at - LOOK_BACK).order_by("-at")
        moments = list(recent.values_list("at", flat=True)[:limit])
        if len(moments) == limit:
            raise TooManyAttempts(moments[-1] + LOOK_BACK - at)
    return LoginAttempt.objects.create(email=email, address=address, at=at)


def purge_attempts(at: datetime) -> int:
    """Forgets the failures that throttling no longer looks at; gives their number."""
    return LoginAttempt.objects.filter(at__lte=at - LOOK_BACK).delete()[0]


@transaction.atomic(durable=True)
def log_in_link(user: User, *, at: datetime, actor: audit.Actor = audit.CLI, base_url: str | None = None) -> str:
    """A link that lets `user` in once within an hour; a later log-in or change of password kills it.

    It leads to `base_url`, by default the one of the settings.

    Raises:
        Refused: the person has been deactivated.
    """
    if not user.is_active:
        raise Refused(_("%(name)s has been deactivated; reactivate them first.") % {"name": user.name})
    until = int((at + LINK_LIFETIME).timestamp())
    token = signing.dumps({"user": user.pk, "until": until, "state": _state(user)}, salt=_SALT, compress=True)
    audit.record(actor=actor, at=at, action="team.link_made", subject=f"user:{user.pk}")
    return (base_url or settings.current().base_url) + reverse("log_in_by_link", kwargs={"token": token})


def user_of_link(token: str, *, at: datetime) -> User:
    """The person whom the link would let in now; nothing changes.

    Raises:
        DeadLink: too old, used, or not ours.
    """
    try:
        content = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise DeadLink(_("This link is not valid.")) from None
    user = User.objects.filter(id=content["user"], is_active=True).first()
    if user is None or not constant_time_compare(content["state"], _state(user)):
        raise DeadLink(_("This link has been used."))
    if at >= datetime.fromtimestamp(content["until"], UTC):
        raise DeadLink(_("This link has expired."))
    return user


def redeem_link(token: str, *, at: datetime) -> User:
    """The person whom the link lets in, and the end of the link: of two at the same moment one gets in.

    Raises:
        DeadLink: too old, used, or not ours.
    """
    user = user_of_link(token, at=at)
    seen = User.objects.filter(id=user.pk, is_active=True, password=user.password, last_login=user.last_login)
    if not seen.update(last_login=at):
        raise DeadLink(_("This link has been used."))
    user.last_login = at
    return user


def _state(user: User) -> str:
    """Changes with everything that must end a link."""
    value = f"{user.pk}|{user.password}|{user.last_login}"
    return salted_hmac(_SALT, value, algorithm="sha256").hexdigest()[:32]
