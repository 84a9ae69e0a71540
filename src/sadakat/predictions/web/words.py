"""Words for what predictions tell by keys: scores, inputs, methods, figures, limits."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.events import api as events
from sadakat.platform.ui import formats
from sadakat.predictions import features
from sadakat.predictions.types import DriftLevel, Reason, ScoreMethod, ScoreName

Words = Mapping[str, str | Promise]

MEANINGS: Final[Words] = {
    ScoreName.CHURN: gettext_lazy("Probability that no order comes within the next 90 days."),
    ScoreName.CHURN_30: gettext_lazy("Probability that no order comes within the next 30 days."),
    ScoreName.CLV: gettext_lazy("What the customer is expected to bring in the next 365 days, at its present value."),
    ScoreName.ALIVE: gettext_lazy("Probability that the customer has not stopped ordering for good."),
    ScoreName.NEXT_ORDER: gettext_lazy("Days by which it is as likely as not that the next order has come."),
    ScoreName.PROSPECT: gettext_lazy("Probability that a visitor who has never ordered does so within 30 days."),
}
METHODS: Final[Words] = {
    ScoreMethod.LOGISTIC: gettext_lazy("Logistic regression on all inputs"),
    ScoreMethod.RECENCY: gettext_lazy("Logistic regression on the days since the last order alone"),
    ScoreMethod.BG_NBD: gettext_lazy("BG/NBD: how often customers order and when they stop"),
    ScoreMethod.BG_NBD_GAMMA_GAMMA: gettext_lazy(
        "BG/NBD with Gamma-Gamma: how often they order and how much they spend"
    ),
    ScoreMethod.OWN_GAP: gettext_lazy("The customer's own usual gap between orders"),
}
INPUTS: Final[Words] = {
    "silence": gettext_lazy("Days since the last time"),
    "frequency": gettext_lazy("Order days after the first"),
    "recency": gettext_lazy("Days from the first to the last order"),
    "age": gettext_lazy("Days since the first time"),
    "mean_gap": gettext_lazy("Usual days between orders"),
    "overdue": gettext_lazy("Silence ÷ usual gap"),
    "monetary": gettext_lazy("Mean spend of an order day"),
    "mean_amount": gettext_lazy("Mean spend of later order days"),
    "orders_30": gettext_lazy("Order days in the last 30 days"),
    "orders_90": gettext_lazy("Order days in the last 90 days"),
    "orders_180": gettext_lazy("Order days in the last 180 days"),
    "trend": gettext_lazy("Spend of 90 days ÷ of the 90 before"),
    "channels": gettext_lazy("Channels used"),
    "visits": gettext_lazy("Days with a visit"),
    "views": gettext_lazy("Products looked at"),
    "carts": gettext_lazy("Products put in the cart"),
    "score": gettext_lazy("The score itself"),
}
MONEY_INPUTS: Final = frozenset({"monetary", "mean_amount"})
FIGURES: Final[Words] = {
    "auc": gettext_lazy("AUC"),
    "auc_recency": gettext_lazy("AUC of recency alone"),
    "auc_alive": gettext_lazy("AUC of BG/NBD"),
    "brier": gettext_lazy("Brier score"),
    "brier_recency": gettext_lazy("Brier score of recency alone"),
    "mae": gettext_lazy("Mean error"),
    "mae_as_before": gettext_lazy("Mean error of going on as before"),
    "bias_ratio": gettext_lazy("Predicted ÷ actual − 1"),
    "error_days": gettext_lazy("Mean error, days"),
    "error_days_own_gap": gettext_lazy("Mean error of the own gap, days"),
    "share_by_then": gettext_lazy("Ordered by the day named"),
}
MONEY_FIGURES: Final = frozenset({"mae", "mae_as_before"})
SHARE_FIGURES: Final = frozenset({"bias_ratio", "share_by_then"})
LIMITS: Final[Words] = {
    "merges_known_today": gettext_lazy("The past is seen with the merges of today: who is one now, counted as one."),
    "one_year": gettext_lazy("Less than two years were seen, so seasons are not known."),
    "not_calibrated": gettext_lazy("Probabilities did not come true as often as they said; trust the order alone."),
    "recency_is_enough": gettext_lazy("All inputs together were no better than the days since the last order."),
    "margin_assumed": gettext_lazy("The margin is what people have said, not measured."),
    "at_bounds": gettext_lazy("A parameter ran into the end of what is searched: the data do not tell it."),
    "own_gap_is_better": gettext_lazy("The customer's own gap was the better guess, so it is used."),
    "ranks_poorly": gettext_lazy("It orders customers little better than chance; do not act on it alone."),
}
DRIFTS: Final[Mapping[DriftLevel, tuple[str | Promise, str]]] = {
    DriftLevel.STABLE: (gettext_lazy("Stable"), "good"),
    DriftLevel.MOVED: (gettext_lazy("Moved a little"), "warn"),
    DriftLevel.CHANGED: (gettext_lazy("Has changed: train again"), "bad"),
}
_SOURCE: Final = "source:"


def score_name(name: ScoreName) -> str:
    """What a score is called."""
    return _(features.feature_of(name).label)


def input_name(key: str) -> str:
    """What an input is called; a source goes by its name."""
    if key.startswith(_SOURCE):
        found = events.sources().get(int(key.removeprefix(_SOURCE)))
        return _("Came through %(source)s") % {"source": found.name if found else key.removeprefix(_SOURCE)}
    return str(INPUTS.get(key, key))


def input_value(key: str, value: float, *, currency: str) -> str:
    """The value of an input as people read it."""
    if key in MONEY_INPUTS:
        return formats.money(round(value), currency=currency)
    return formats.number(value, decimals=0 if value == round(value) else 1)


def written(name: ScoreName, value: float | None, *, currency: str) -> str:
    """A score as people read it."""
    if name is ScoreName.CLV:
        return formats.money(value if value is None else round(value), currency=currency)
    if name is ScoreName.NEXT_ORDER:
        return "–" if value is None else _("in %(days)s days") % {"days": formats.number(round(value))}
    return formats.percent(value)


def figure(key: str, value: float | None, *, currency: str) -> str:
    """A figure of a back-test as people read it."""
    if key in MONEY_FIGURES:
        return formats.money(value if value is None else round(value), currency=currency)
    if key in SHARE_FIGURES:
        return formats.percent(value)
    return formats.number(value, decimals=1 if key.startswith("error_days") else 3)


def reason(found: Reason, *, currency: str) -> str:
    """Why a score is what it is: the customer's own value beside the usual one."""
    said = {
        "what": input_name(found.key),
        "value": input_value(found.key, found.value, currency=currency),
        "usual": input_value(found.key, found.average, currency=currency),
    }
    if found.contribution is None:
        return _("%(what)s: %(value)s (usual: %(usual)s)") % said
    if found.contribution > 0:
        return _("raised by %(what)s: %(value)s (usual: %(usual)s)") % said
    return _("lowered by %(what)s: %(value)s (usual: %(usual)s)") % said
