"""The front door of `predictions`."""

from sadakat.predictions.methods import bg_nbd, gamma_gamma
from sadakat.predictions.methods.lifetime_value import lifetime_value
from sadakat.predictions.methods.summaries import summarise
from sadakat.predictions.operations import score, train, train_later
from sadakat.predictions.queries import assumptions, card, cards, scores_of, scorings, trainings

__all__ = [
    "assumptions",
    "bg_nbd",
    "card",
    "cards",
    "gamma_gamma",
    "lifetime_value",
    "score",
    "scores_of",
    "scorings",
    "summarise",
    "train",
    "train_later",
    "trainings",
]
