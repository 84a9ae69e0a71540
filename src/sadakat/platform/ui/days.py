"""Days as forms ask for them."""

from datetime import date
from typing import Any, Final

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

# Between them every period and every window of a figure has days.
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)


def day_input() -> forms.DateInput:
    """The input of a day, which browsers show as a calendar."""
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def day_field(**options: Any) -> forms.DateField:
    """A day from `FIRST_DAY` to `LAST_DAY`; `options` are those of Django's field."""
    bounds = [MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
    return forms.DateField(widget=day_input(), validators=bounds, **options)


class DaysForm(forms.Form):
    """The days that a question is about."""

    since = day_field(label=_("From"))
    until = day_field(label=_("To"))
