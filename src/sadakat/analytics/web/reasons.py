"""The reasons that analytics gives, of marketing spend, as pages tell them (`platform.ui.reasons`)."""

from typing import Final

from django.utils.translation import gettext_noop as _

TEMPLATES: Final = (
    _("amount may be %(limit)s minor units of %(currency)s, not %(found)s"),
    _("the days must be said once, by %(ways)s; said is nothing"),
    _("the days must be said once, by %(ways)s; said is %(found)s"),
    _("a spend lasts 1 to %(limit)s days, from_date first, not from %(first)s to %(last)s"),
    _("a channel has 1 to %(limit)s letters and digits, not %(found)s"),
    _("a day is like 2026-11-20 and a month like 2026-11, from %(first)s to %(last)s, not %(found)s"),
)
