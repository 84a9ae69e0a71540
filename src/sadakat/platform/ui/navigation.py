"""The side navigation: what exists and what this person may see."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sadakat.platform import access


class Section(StrEnum):
    """The parts of the console, in the order in which they are shown."""

    HOME = "home"
    KNOW = "know"
    SPEAK = "speak"
    REWARD = "reward"
    LISTEN = "listen"
    PROVE = "prove"
    SETTINGS = "settings"


_LABELS: Final[dict[Section, str | Promise]] = {
    Section.HOME: "",
    Section.KNOW: _("Know"),
    Section.SPEAK: _("Speak"),
    Section.REWARD: _("Reward"),
    Section.LISTEN: _("Listen"),
    Section.PROVE: _("Prove"),
    Section.SETTINGS: _("Settings"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page that the navigation leads to."""

    section: Section
    label: str | Promise
    url_name: str
    icon: str
    """Name of a lucide icon."""
    permission: access.Permission | None = None
    """Who may not do this does not see the entry; None is for everybody who is logged in."""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one person sees it on one page."""

    label: str | Promise
    url: str
    icon: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class LinkedSection:
    """A section with at least one link."""

    key: str
    label: str | Promise
    links: list[Link]


_entries: dict[str, Entry] = {}


def register(entry: Entry) -> None:
    """Adds an entry after those of its section; one of the same `url_name` takes the old one's place."""
    _entries[entry.url_name] = entry


def sections(request: HttpRequest) -> list[LinkedSection]:
    """What the person behind `request` may open, by section; empty for a stranger."""
    if not request.user.is_authenticated:
        return []
    seen = [e for e in _entries.values() if e.permission is None or access.may(request.user, e.permission)]
    urls = {entry.url_name: reverse(entry.url_name) for entry in seen}
    # The longest address that the page's own starts with: a customer belongs to Customers, / only to Home.
    under = [url for url in urls.values() if request.path == url or (url != "/" and request.path.startswith(url))]
    current = max(under, key=len, default=None)
    found = []
    for section in Section:
        links = [
            Link(e.label, urls[e.url_name], e.icon, urls[e.url_name] == current) for e in seen if e.section is section
        ]
        if links:
            found.append(LinkedSection(section.value, _LABELS[section], links))
    return found
