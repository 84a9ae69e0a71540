"""Scores as features of customers, written by `operations.score` alone."""

from typing import Final

from sadakat.customers import api as customers
from sadakat.customers.types import Feature, FeatureType
from sadakat.predictions.types import ScoreName

OWNER: Final = "predictions"
_MEANINGS: Final = {
    ScoreName.CHURN: (FeatureType.NUMBER, "Probability of no order within the next 90 days"),
    ScoreName.CHURN_30: (FeatureType.NUMBER, "Probability of no order within the next 30 days"),
    ScoreName.CLV: (
        FeatureType.INTEGER,
        "Margin expected of the next 365 days, in minor units of the brand's currency",
    ),
    ScoreName.ALIVE: (FeatureType.NUMBER, "Probability that the customer has not stopped ordering for good"),
    ScoreName.NEXT_ORDER: (FeatureType.NUMBER, "Days by which the next order is as likely as not to have come"),
    ScoreName.PROSPECT: (FeatureType.NUMBER, "Probability that a visitor makes a first order within 30 days"),
}


def feature_of(name: ScoreName) -> Feature:
    """The feature that carries a score."""
    type_, meaning = _MEANINGS[name]
    return Feature(name=f"score_{name}", type=type_, owner=OWNER, meaning=meaning)


def register() -> None:
    """Makes the scores known as features; called by `config.wiring` before columns and the lake's subjects are made."""
    for name in ScoreName:
        customers.register_feature(feature_of(name))
