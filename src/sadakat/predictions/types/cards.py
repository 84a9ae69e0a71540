"""What is kept and told of models and of customers' scores."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

TRAIN_TASK: Final = "predictions.train"
"""The job that trains every score and gives it to everybody."""


class ScoreName(enum.StrEnum):
    """What is predicted of a customer; each is the feature `score_NAME`, and `{"score": "NAME"}` in predicates."""

    CHURN = "churn"
    """Probability of no order within the next 90 days."""
    CHURN_30 = "churn_30"
    """The same within 30 days."""
    CLV = "clv"
    """Margin expected of the next 365 days at its present value, in minor units of the brand's currency."""
    ALIVE = "alive"
    """Probability that the customer has not stopped ordering for good."""
    NEXT_ORDER = "next_order"
    """Days by which it is as likely as not that the next order has come."""
    PROSPECT = "prospect"
    """Probability that a visitor who has never ordered does so within 30 days."""


class ScoreMethod(enum.StrEnum):
    """How a score is computed."""

    LOGISTIC = "logistic"
    """Logistic regression on all inputs."""
    RECENCY = "recency"
    """Logistic regression on the days since the last order alone: all inputs together were no better."""
    BG_NBD = "bg_nbd"
    """How often customers order and when they stop."""
    BG_NBD_GAMMA_GAMMA = "bg_nbd_gamma_gamma"
    """The same, and how much they spend."""
    OWN_GAP = "own_gap"
    """The customer's own mean gap between orders, counted from the last order."""


class DriftLevel(enum.StrEnum):
    """How far something has moved since training, by the population stability index."""

    STABLE = "stable"
    """Below 0.1."""
    MOVED = "moved"
    """0.1 up to 0.25: worth a look."""
    CHANGED = "changed"
    """0.25 and above: train again, and find out why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What lifetime value takes for granted; people say it, no data do."""

    margin_ratio: float = 1.0
    """Margin of a unit of revenue, above 0 and at most 1. At 1 lifetime value is revenue."""
    discount_ratio: float = 0.1
    """What money loses in value in a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Customers with predictions of one tenth of the range, over all cut dates of a back-test."""

    low: float
    high: float
    customers: int
    predicted: float
    """Mean prediction."""
    observed: float
    """Share of whom it came true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Whether predicted probabilities come true as often as they say, on later days than those trained on."""

    bins: tuple[CalibrationBin, ...]
    """Those with customers, rising."""
    error: float
    """Mean of |predicted − observed| over the customers of all bins."""
    is_calibrated: bool
    """The error is at most 0.05."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decile:
    """A tenth of the customers by prediction, over all cut dates of a back-test."""

    number: int
    """1 has the highest predictions."""
    customers: int
    predicted: float
    """Mean: a probability, or minor units within the horizon of the back-test."""
    observed: float
    """What came: a share, or the mean amount in minor units."""
    lift: float | None
    """Observed ÷ that of all customers; None when that is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutResult:
    """A model trained on what was known before a past day, and what came in the days after it."""

    cut_date: date
    """The past day: nothing from it on was seen."""
    until_date: date
    """The first day after those it is compared with."""
    trained_on: int
    """Customers whose outcome was known before the cut date."""
    customers: int
    """Customers predicted."""
    positives: int | None
    """Of whom it came true; None where an amount or days are predicted."""
    figures: Mapping[str, float]
    """By name: `auc auc_recency auc_alive brier brier_recency` (churn; `auc_alive` where that model could be fitted),
    all but `auc_alive` (prospect), `mae mae_as_before bias_ratio` (clv: mean absolute error in minor units, that of
    everybody's going on as before, and predicted ÷ actual − 1), `auc` (alive: for ordering within 90 days),
    `error_days error_days_own_gap share_by_then` (next_order: mean absolute error, both sides cut off at 90 days, and
    the share who had ordered by the day named)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """How a model would have done on past days."""

    horizon_days: int
    """How far each cut looks ahead."""
    cuts: tuple[CutResult, ...]
    """Earliest first."""
    means: Mapping[str, float]
    """The mean of each figure over the cuts that have it."""
    calibration: Calibration | None
    """None where no probability is predicted."""
    deciles: tuple[Decile, ...]
    """Empty for next_order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far one input, or the score itself, has moved since training."""

    key: str
    """The name of the input, or `score`."""
    psi: float
    """Population stability index: Σ (now − then) · ln(now ÷ then) over the shares of ten parts."""
    level: DriftLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of a distribution: customers with low ≤ value < high, the last one with its end."""

    low: float
    high: float
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """One computation of a score for everybody."""

    score: ScoreName
    at: datetime
    as_of: date
    """Days before this one were seen."""
    customers: int
    """Who have the score."""
    mean: float | None
    median: float | None
    distribution: tuple[Bar, ...]
    """Empty without customers."""
    drift: tuple[Drift, ...]
    """Since training, the largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A training that could not be done; the model before it, if there is one, stays."""

    score: ScoreName
    at: datetime
    as_of: date
    reason: str
    """What was expected and what came, in English, told by `platform.ui.reasons`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a training has come to."""

    score: ScoreName
    at: datetime
    as_of: date
    """Days before this one were seen."""
    method: ScoreMethod
    horizon_days: int | None
    """None where the score looks at no given span."""
    rows: int
    """Orders or visits behind the inputs."""
    customers: int
    """Customers trained on."""
    first_date: date
    """The earliest day that was looked at."""
    parameters: Mapping[str, Any]
    """Of the method: `intercept` and `weights` (`key coefficient mean scale`); or `purchases` (r alpha a b …),
    `averages` by input and, for clv, `spend` (p q v …) and `assumptions`."""
    backtest: Backtest
    limits: tuple[str, ...]
    """Keys of what to keep in mind: `merges_known_today` (who is one customer is as known today, for past days too),
    `one_year` (less than two years were seen, so seasons are not known), `not_calibrated`, `recency_is_enough`,
    `margin_assumed`, `at_bounds` (the data do not tell a parameter), `own_gap_is_better`, `ranks_poorly` (AUC below
    0.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Everything to be known of one score."""

    score: ScoreName
    model: Model | None
    """The latest that could be trained, in use; None: none yet, and nobody has the score."""
    scoring: Scoring | None
    """The latest computation for everybody."""
    refusal: Refusal | None
    """Of the latest training, if that was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReport:
    """What a training of several scores has come to."""

    as_of: date
    trained: tuple[Model, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """An input behind somebody's score."""

    key: str
    """Which: see `methods.churn.INPUTS` and `methods.prospect.INPUTS`; the pages have words for each."""
    value: float
    """The customer's own, in the unit of the input."""
    average: float
    """That of a usual customer: the mean of those trained on, taken on the logarithmic scale of the model."""
    contribution: float | None
    """What it adds to the log-odds against the usual customer: above 0 it raises the score. None where the score is no
    sum of parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A score of one customer."""

    name: ScoreName
    value: float | None
    """None where it cannot be given."""
    as_of: date | None
    """Days before this one were seen; None without a model."""
    reasons: tuple[Reason, ...]
    """Those that matter most, first; at most three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerScores:
    """All scores of one customer."""

    customer_id: int
    scores: tuple[Score, ...]
    """One for each name, in their order."""
