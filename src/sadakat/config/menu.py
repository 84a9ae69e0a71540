"""The side navigation: which pages exist."""

from django.utils.translation import gettext_lazy as _

from sadakat.platform.access import Permission
from sadakat.platform.ui.navigation import Entry, Section, register


def connect() -> None:
    """Registers every page of the console that a person starts from. Safe to call again."""
    for entry in _entries():
        register(entry)


def _entries() -> list[Entry]:
    return [
        Entry(section=Section.HOME, label=_("Home"), url_name="home", icon="house"),
        Entry(
            section=Section.KNOW,
            label=_("Customers"),
            url_name="customers",
            icon="users",
            permission=Permission.VIEW_CUSTOMERS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Figures"),
            url_name="figures",
            icon="chart-line",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Sources"),
            url_name="sources",
            icon="plug",
            permission=Permission.MANAGE_SOURCES,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Events set aside"),
            url_name="failed_events",
            icon="triangle-alert",
            permission=Permission.MANAGE_SOURCES,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Team"),
            url_name="team",
            icon="users-round",
            permission=Permission.MANAGE_TEAM,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Audit"),
            url_name="audit",
            icon="scroll-text",
            permission=Permission.VIEW_AUDIT,
        ),
    ]
