"""Reads of predictions."""

from sadakat.predictions.queries.kept import (
    assumptions,
    card,
    cards,
    model_of,
    scores_of,
    scorings,
    training_of,
    trainings,
)
from sadakat.predictions.queries.known import Known

__all__ = ["Known", "assumptions", "card", "cards", "model_of", "scores_of", "scorings", "training_of", "trainings"]
