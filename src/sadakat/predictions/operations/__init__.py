"""Verbs of predictions."""

from sadakat.predictions.operations.scoring import score
from sadakat.predictions.operations.training import train, train_later

__all__ = ["score", "train", "train_later"]
