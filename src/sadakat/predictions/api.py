"""The door of predictions: for now, only the methods."""

from sadakat.predictions.methods import bg_nbd, gamma_gamma
from sadakat.predictions.methods.lifetime_value import lifetime_value
from sadakat.predictions.methods.summaries import summarise

__all__ = ["bg_nbd", "gamma_gamma", "lifetime_value", "summarise"]
