"""The reasons that customers gives, of identifiers, traits and merges, as pages tell them (`platform.ui.reasons`)."""

from typing import Final

from django.utils.translation import gettext_noop as _

TEMPLATES: Final = (
    # Whom a row or a message names.
    _("no identifier: all of %(kinds)s are empty"),
    _("no identifier: %(found)s"),
    _("it identifies nobody"),
    _("it holds more than one; the first counts"),
    _("a spreadsheet has rounded the number: its last digits are lost"),
    _("an identifier is %(known)s; not %(found)s"),
    # Traits.
    _("traits cannot be read: %(reason)s"),
    _("a call may have %(limit)s traits, not %(count)s"),
    _("the name of a trait may have %(limit)s characters, not %(count)s: %(name)s"),
    _("trait %(name)s may have %(limit)s bytes, not %(size)s"),
    # Merging by hand.
    _("there is no merge %(merge)s"),
    _("there is no conflict %(conflict)s"),
    _("%(left)s and %(right)s are the same customer; a merge needs two"),
    _("%(left)s and %(right)s are one customer, and there is no merge that could be undone"),
    _("incoming events are being sorted; try again in a moment"),
)
