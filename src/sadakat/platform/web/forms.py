"""Forms of log-in, account, team and audit. They are for kindness: the operations check again."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from sadakat.platform import access, audit
from sadakat.platform.operations import NAME_MAX_CHARACTERS
from sadakat.platform.ui.days import day_field

PASSWORD_MAX_CHARACTERS = 500
LANGUAGES = [("", _("As the browser")), ("en", "English"), ("tr", "Türkçe")]
ROLES = [(role.value, label) for role, label in access.ROLE_LABELS.items()]


def _password(label: Any, *, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=PASSWORD_MAX_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class LogIn(forms.Form):
    """E-mail address and password."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = _password(_("Password"), autocomplete="current-password")
    next = forms.CharField(required=False, widget=forms.HiddenInput)


class Person(forms.Form):
    """Somebody of the team."""

    name = forms.CharField(label=_("Name"), max_length=NAME_MAX_CHARACTERS)
    role = forms.ChoiceField(label=_("Role"), choices=ROLES)


class NewPerson(Person):
    """Somebody who joins the team."""

    email = forms.EmailField(label=_("E-mail address"))
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, required=False)
    field_order = ("name", "email", "role", "language")


class Account(forms.Form):
    """What everybody may change of themselves."""

    name = forms.CharField(label=_("Name"), max_length=NAME_MAX_CHARACTERS)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, required=False)


class NewPassword(forms.Form):
    """A new password, and the old one if there is one."""

    old = _password(_("Present password"), autocomplete="current-password")
    new = _password(_("New password"), autocomplete="new-password")

    def __init__(self, *args: Any, has_old: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new"].help_text = _("At least 10 characters; a sentence is easy to remember.")
        if not has_old:
            del self.fields["old"]


class AuditFilter(forms.Form):
    """Which entries of the audit log to show."""

    actor = forms.ChoiceField(label=_("Who"), required=False)
    action = forms.ChoiceField(label=_("What"), required=False)
    subject = forms.CharField(label=_("On what"), required=False, max_length=200)
    since = day_field(label=_("From"), required=False)
    until = day_field(label=_("To"), required=False)

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        machines = [(actor.key, audit.word(actor.key, default=actor.name)) for actor in (audit.CLI, audit.SYSTEM)]
        choices = {"actor": [("", _("Anybody")), *people, *machines], "action": [("", _("Anything")), *audit.actions()]}
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = values
