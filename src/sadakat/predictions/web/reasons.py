"""The reasons that predictions give, of trainings, as pages tell them (`platform.ui.reasons`)."""

from typing import Final

from django.utils.translation import gettext_noop as _

TEMPLATES: Final = (
    _("as of %(day)s: %(reason)s"),
    _(
        "at least %(needed)s customers with a known outcome are needed, %(with_it)s with it and %(without)s without; "
        "there are %(found)s, %(found_with)s and %(found_without)s"
    ),
    _("somebody must order within the horizon for a test; of %(customers)s nobody did"),
    _("somebody must not order within the horizon for a test; all %(customers)s did"),
    _("at least %(needed)s customers are needed to fit how often they purchase; %(found)s came"),
    _("at least %(needed)s repeat purchases are needed; %(found)s came"),
    _("repeat purchases must lie after the first, but every recency is 0"),
    _("at least %(needed)s customers with a repeat purchase are needed to fit; %(found)s came"),
    _("the customers' mean amounts must differ, but each of %(customers)s is %(amount)s"),
    _("the customers' mean amounts are too unequal: no distribution with a finite mean (q > 1) fits"),
    _("the margin ratio must lie above 0 and at most at 1, not %(found)s"),
    _("the yearly discount ratio must be at least 0 and below 10, not %(found)s"),
)
