"""Verbs on the team: each one transaction, one audit row, repeated safely."""

import json
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused
from sadakat.platform import audit, settings
from sadakat.platform.access import Role
from sadakat.platform.models import User

NAME_MAX_CHARACTERS: Final = 200
PREFERENCE_MAX_CHARACTERS: Final = 10_000


def normal_email(text: str) -> str:
    """The form in which an e-mail address names a person of the team: ASCII, lower case.

    Raises:
        Invalid: not an e-mail address.
    """
    email = text.strip()
    try:
        email.encode("ascii")
        validate_email(email)
    except (ValidationError, UnicodeEncodeError):
        message = _("Expected an e-mail address such as deniz@example.com, not “%(text)s”.")
        raise Invalid(message % {"text": text[:60]}) from None
    return email.lower()


def user_by_email(email: str) -> User:
    """The person with that e-mail address, active or not.

    Raises:
        Invalid: not an e-mail address.
        NotFound: nobody has it.
    """
    user = User.objects.filter(email=normal_email(email)).first()
    if user is None:
        raise NotFound(f"nobody in the team has the e-mail address {email!r:.60}")
    return user


def has_users() -> bool:
    """Whether anybody is in the team yet."""
    return User.objects.exists()


def first_owner() -> User | None:
    """The active owner who has been here longest, if there is one."""
    return User.objects.filter(role=Role.OWNER, is_active=True).order_by("id").first()


def create_user(*, email: str, name: str, role: str, actor: audit.Actor, at: datetime, language: str = "") -> User:
    """Adds a person to the team, without a password: `login.log_in_link` lets them in the first time.

    `language` is `en`, `tr`, or empty for what the browser asks for.

    Raises:
        Invalid: an e-mail address, name, role or language that cannot be.
        Conflict: somebody has that e-mail address already.
    """
    user = User(
        email=normal_email(email),
        name=_name(name),
        role=_role(role),
        language=_language(language),
        created_at=at,
    )
    user.set_unusable_password()
    try:
        with transaction.atomic(durable=True):
            user.save(force_insert=True)
            _record(
                "user_created",
                user,
                actor=actor,
                at=at,
                new={"email": user.email, "name": user.name, "role": user.role},
            )
    except IntegrityError:
        message = _("Somebody in the team has the e-mail address %(email)s already.")
        raise Conflict(message % {"email": user.email}) from None
    return user


def change_role(*, user_id: int, role: str, actor: audit.Actor, at: datetime) -> bool:
    """Gives a person another role; says whether anything changed.

    Raises:
        Invalid, NotFound: no such role or person.
        Refused: it is the last active owner.
    """
    wanted = _role(role)
    with transaction.atomic(durable=True):
        user = _locked(user_id)
        if user.role != wanted:
            _refuse_last_owner(user)
        return _change(user, "role_changed", actor=actor, at=at, role=wanted)


def change_name(*, user_id: int, name: str, actor: audit.Actor, at: datetime) -> bool:
    """Gives a person another name; says whether anything changed.

    Raises:
        Invalid, NotFound: no such name or person.
    """
    wanted = _name(name)
    with transaction.atomic(durable=True):
        return _change(_locked(user_id), "name_changed", actor=actor, at=at, name=wanted)


def change_language(*, user_id: int, language: str, actor: audit.Actor, at: datetime) -> bool:
    """Sets the language of a person's console (empty: what the browser asks for); says whether anything changed.

    Raises:
        Invalid, NotFound: no such language or person.
    """
    wanted = _language(language)
    with transaction.atomic(durable=True):
        return _change(_locked(user_id), "language_changed", actor=actor, at=at, language=wanted)


def set_preference(*, user_id: int, key: str, value: Any, actor: audit.Actor, at: datetime) -> bool:
    """Keeps how a person likes a list, as a JSON value by a key such as `customers_columns`; None is the usual.

    Says whether anything changed.

    Raises:
        Invalid: the value is too long.
        NotFound: no such person.
    """
    if len(json.dumps(value)) > PREFERENCE_MAX_CHARACTERS:
        raise Invalid(f"a preference may have {PREFERENCE_MAX_CHARACTERS} characters of JSON")
    with transaction.atomic(durable=True):
        user = _locked(user_id)
        old = user.preferences.get(key)
        if old == value:
            return False
        kept = {name: said for name, said in user.preferences.items() if name != key}
        user.preferences = kept if value is None else {**kept, key: value}
        user.save(update_fields=["preferences"])
        _record("preference_set", user, actor=actor, at=at, old={key: old}, new={key: value})
        return True


def deactivate_user(*, user_id: int, actor: audit.Actor, at: datetime) -> bool:
    """Shuts a person out at once, sessions and links included; says whether anything changed.

    Raises:
        NotFound: no such person.
        Refused: it is the last active owner.
    """
    with transaction.atomic(durable=True):
        user = _locked(user_id)
        _refuse_last_owner(user)
        return _change(user, "user_deactivated", actor=actor, at=at, is_active=False)


def reactivate_user(*, user_id: int, actor: audit.Actor, at: datetime) -> bool:
    """Lets a person in again; says whether anything changed.

    Raises:
        NotFound: no such person.
    """
    with transaction.atomic(durable=True):
        return _change(_locked(user_id), "user_reactivated", actor=actor, at=at, is_active=True)


def set_password(*, user_id: int, password: str, actor: audit.Actor, at: datetime) -> None:
    """Sets a person's password; every other session and every log-in link of theirs ends.

    Raises:
        Invalid: too short, too common or too like the person; the message says which.
        NotFound: no such person.
    """
    with transaction.atomic(durable=True):
        user = _locked(user_id)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise Invalid(" ".join(error.messages)) from None
        user.set_password(password)
        user.save(update_fields=["password"])
        _record("password_set", user, actor=actor, at=at)


def _locked(user_id: int) -> User:
    """The person, and with them every active owner, locked in one order so that two owners cannot demote each other."""
    owners = User.objects.filter(role=Role.OWNER, is_active=True)
    rows = (User.objects.filter(id=user_id) | owners).order_by("id").select_for_update()
    user = next((row for row in rows if row.id == user_id), None)
    if user is None:
        raise NotFound(f"nobody in the team has the id {user_id}")
    return user


def _refuse_last_owner(user: User) -> None:
    is_owner = user.is_active and user.role == Role.OWNER
    others = User.objects.filter(role=Role.OWNER, is_active=True).exclude(id=user.id)
    if is_owner and not others.exists():
        message = _("%(name)s is the last active owner; make somebody else an owner first.")
        raise Refused(message % {"name": user.name})


def _change(user: User, action: str, *, actor: audit.Actor, at: datetime, **wanted: Any) -> bool:
    old = {field: getattr(user, field) for field in wanted}
    if old == wanted:
        return False
    User.objects.filter(id=user.id).update(**wanted)
    _record(action, user, actor=actor, at=at, old=old, new=wanted)
    return True


def _record(action: str, user: User, *, actor: audit.Actor, at: datetime, old: Any = None, new: Any = None) -> None:
    audit.record(actor=actor, at=at, action=f"team.{action}", subject=f"user:{user.id}", old=old, new=new)


def _role(text: str) -> Role:
    if text not in list(Role):
        raise Invalid(f"a role is one of {', '.join(Role)}; not {text!r:.60}")
    return Role(text)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= NAME_MAX_CHARACTERS or not name.isprintable():
        message = _("A name has 1 to %(limit)d printable characters.")
        raise Invalid(message % {"limit": NAME_MAX_CHARACTERS})
    return name


def _language(text: str) -> str:
    if text and text not in settings.LANGUAGES:
        raise Invalid(f"a language is one of {', '.join(settings.LANGUAGES)}; not {text!r:.60}")
    return text
