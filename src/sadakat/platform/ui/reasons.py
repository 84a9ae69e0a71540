"""Reasons in the reader's language: they are kept in English, and told by templates that say which part is a value."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.utils.html import format_html
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

# Longer than any reason of ours; what is longer holds somebody's text, and is not searched through.
MAX_LENGTH: Final = 2_000
_BETWEEN: Final = "; "
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")

_patterns: dict[str, re.Pattern[str]] = {}


@dataclass(frozen=True, slots=True)
class Told:
    """A reason as a page says it."""

    text: str
    is_translated: bool
    """False where no template knows it: then it is English."""


def register(templates: Iterable[str]) -> None:
    """Makes reasons known by their msgids, whose values are placeholders `%(name)s`. Safe to call again.

    A value named `reason` is a reason itself, and told as one.
    """
    _patterns.update((template, _pattern(template)) for template in templates)
    # The one with the most words of its own is asked first: it is the one that was meant.
    ordered = sorted(_patterns.items(), key=lambda item: -len(_PLACEHOLDER.sub("", item[0])))
    _patterns.clear()
    _patterns.update(ordered)
    _told.cache_clear()


def told(text: str) -> Told:
    """The reason in the reader's language; several that are joined by `; ` part by part."""
    language = get_language() or "en"
    if language.startswith("en"):
        return Told(text, is_translated=True)
    return _told(text, language) if len(text) <= MAX_LENGTH else Told(text, is_translated=False)


def shown(text: object) -> str:
    """The reason for a page, a form or a toast: English that nobody has translated is marked as such."""
    one = told(str(text))
    return one.text if one.is_translated else format_html('<span lang="en">{}</span>', one.text)


@lru_cache(maxsize=1024)
def _told(text: str, language: str) -> Told:
    # A reason may hold the mark itself: the parts count only where every one of them is a reason.
    parts = [_told(part, language) for part in text.split(_BETWEEN)] if _BETWEEN in text else []
    if parts and all(part.is_translated for part in parts):
        return Told(_BETWEEN.join(part.text for part in parts), is_translated=True)
    for template, pattern in _patterns.items():
        if found := pattern.fullmatch(text):
            values = {
                name: _told(value, language).text if name == "reason" else value
                for name, value in found.groupdict().items()
            }
            return Told(gettext(template) % values, is_translated=True)
    return Told(text, is_translated=False)


def _pattern(template: str) -> re.Pattern[str]:
    """What a template matches; `re.split` gives texts and names in turn."""
    parts = _PLACEHOLDER.split(template)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)), re.DOTALL
    )


# What the kernel says, which speaks no language but English.
register(
    [
        _("currency must be three letters such as TRY, not %(found)s"),
        _("%(name)s must be a number such as 12.50, not %(found)s"),
        _("%(name)s must be between ±%(limit)s minor units, not %(found)s"),
        _("the instant %(found)s needs an offset, such as 2026-11-22T09:30:00+03:00"),
        _("expected an instant such as 2026-11-22T09:30:00+03:00, not %(found)s"),
        _("expected an IANA time zone such as Europe/Istanbul, not %(found)s"),
    ]
)
