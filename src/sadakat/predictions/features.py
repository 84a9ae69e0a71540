"""Scores as features of customers, written by `operations.score` alone."""

from typing import Final

from django.utils.translation import gettext_noop as _

from sadakat.customers import api as customers
from sadakat.customers.types import Feature, FeatureType
from sadakat.predictions.types import ScoreName

OWNER: Final = "predictions"
_SAID: Final = {
    ScoreName.CHURN: (_("Churn probability, 90 days"), _("Probability of no order within the next 90 days")),
    ScoreName.CHURN_30: (_("Churn probability, 30 days"), _("Probability of no order within the next 30 days")),
    ScoreName.CLV: (_("Customer lifetime value, one year"), _("Margin expected of the next 365 days")),
    ScoreName.ALIVE: (
        _("Probability to be active"),
        _("Probability that the customer has not stopped ordering for good"),
    ),
    ScoreName.NEXT_ORDER: (
        _("Days until the next order"),
        _("Days by which the next order is as likely as not to have come"),
    ),
    ScoreName.PROSPECT: (
        _("Probability of a first order"),
        _("Probability that a visitor makes a first order within 30 days"),
    ),
}


def feature_of(name: ScoreName) -> Feature:
    """The feature that carries a score."""
    label, meaning = _SAID[name]
    is_money = name is ScoreName.CLV
    type_ = FeatureType.INTEGER if is_money else FeatureType.NUMBER
    return Feature(name=f"score_{name}", type=type_, owner=OWNER, label=label, meaning=meaning, is_money=is_money)


def register() -> None:
    """Makes the scores known as features; called by `config.wiring` before columns and the lake's subjects are made."""
    for name in ScoreName:
        customers.register_feature(feature_of(name))
