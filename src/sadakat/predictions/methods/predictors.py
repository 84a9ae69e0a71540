"""Each score as something that can be learned, given and explained: the same three questions to every model."""

import enum
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from sadakat.predictions.methods import churn, lifetime_value, logistic, prospect, purchases
from sadakat.predictions.types import Assumptions, Backtest, Reason, ScoreMethod, ScoreName
from sadakat.predictions.types.methods import (
    Floats,
    Learned,
    Lesson,
    LogisticParameters,
    PurchaseParameters,
    Snapshot,
    SpendParameters,
)

TEST_DAYS: Final = 90
"""How far the back-tests of scores look ahead that look at no given span."""
POOR_AUC: Final = 0.7


class Relation(enum.StrEnum):
    """Which of `tables` a score looks at."""

    HISTORIES = "histories"
    VISITORS = "visitors"


class Predictor(Protocol):
    """A score. `parameters` and `method` are those of `Learned`."""

    relation: Relation
    horizon_days: int | None
    """What the score looks at."""
    test_days: int
    """How far a back-test looks ahead."""

    def active(self, snapshot: Snapshot) -> Snapshot:
        """The customers who can have the score."""

    def learn(self, lesson: Lesson, *, assumptions: Assumptions) -> Learned:
        """The model.

        Raises:
            Invalid: the data are too few.
        """

    def inputs(self, parameters: Mapping[str, Any], snapshot: Snapshot) -> Mapping[str, Floats]:
        """What it looks at."""

    def predict(self, parameters: Mapping[str, Any], snapshot: Snapshot, *, method: ScoreMethod) -> Floats:
        """The score of each customer; NaN where it cannot be given."""

    def reasons(self, parameters: Mapping[str, Any], snapshot: Snapshot) -> tuple[Reason, ...]:
        """What matters most in the score of the first customer."""


class _Probability:
    """What the scores by logistic regression have in common."""

    def predict(self, parameters: Mapping[str, Any], snapshot: Snapshot, *, method: ScoreMethod) -> Floats:  # noqa: ARG002
        """The score of each customer."""
        return logistic.probability(_logistic(parameters), self.inputs(parameters, snapshot))

    def reasons(self, parameters: Mapping[str, Any], snapshot: Snapshot) -> tuple[Reason, ...]:
        """The inputs that add or take away most."""
        return logistic.reasons(_logistic(parameters), self.inputs(parameters, snapshot))

    def inputs(self, parameters: Mapping[str, Any], snapshot: Snapshot) -> Mapping[str, Floats]:
        """What the model looks at."""
        keys = logistic.inputs_of(_logistic(parameters))
        return {key: snapshot.columns[key] for key in keys}


class Churn(_Probability):
    """No order within a horizon."""

    relation = Relation.HISTORIES
    horizon_days: int | None

    def __init__(self, horizon_days: int) -> None:
        self.horizon_days = self.test_days = horizon_days

    def active(self, snapshot: Snapshot) -> Snapshot:
        """Those who are asked about."""
        return churn.active(snapshot)

    def learn(self, lesson: Lesson, *, assumptions: Assumptions) -> Learned:  # noqa: ARG002 - of lifetime value
        """The model, with its back-test."""
        backtest, method = churn.backtest(lesson.folds)
        parameters = churn.fit(lesson.learned, lesson.outcome, method=method)
        return _learned(method, parameters, backtest, on=lesson.learned)


class Prospect(_Probability):
    """A first order within 30 days."""

    relation = Relation.VISITORS
    horizon_days: int | None = 30
    test_days = 30

    def active(self, snapshot: Snapshot) -> Snapshot:
        """Those who are asked about."""
        return prospect.active(snapshot)

    def inputs(self, parameters: Mapping[str, Any], snapshot: Snapshot) -> Mapping[str, Floats]:
        """What the model looks at."""
        return prospect.inputs_for(_logistic(parameters), snapshot)

    def learn(self, lesson: Lesson, *, assumptions: Assumptions) -> Learned:  # noqa: ARG002 - of lifetime value
        """The model, with its back-test."""
        backtest, method = prospect.backtest(lesson.folds)
        parameters = prospect.fit(lesson.learned, lesson.outcome, method=method)
        return _learned(method, parameters, backtest, on=lesson.learned)


class _Purchases:
    """What the scores by BG/NBD have in common."""

    relation = Relation.HISTORIES
    horizon_days: int | None = None
    test_days = TEST_DAYS
    keys: tuple[str, ...] = purchases.INPUTS

    def active(self, snapshot: Snapshot) -> Snapshot:
        """Those who are asked about."""
        return snapshot

    def inputs(self, parameters: Mapping[str, Any], snapshot: Snapshot) -> Mapping[str, Floats]:  # noqa: ARG002
        """What the model looks at."""
        return {key: snapshot.columns[key] for key in self.keys}

    def reasons(self, parameters: Mapping[str, Any], snapshot: Snapshot) -> tuple[Reason, ...]:
        """What was looked at: the score is no sum of parts."""
        return tuple(
            Reason(key=key, value=float(values[0]), average=parameters["averages"][key], contribution=None)
            for key, values in self.inputs(parameters, snapshot).items()
        )

    def _fitted(self, snapshot: Snapshot) -> tuple[PurchaseParameters, dict[str, Any], tuple[str, ...]]:
        """The parameters, what is kept of them, and limits."""
        found = purchases.fit(snapshot)
        averages = {key: float(np.expm1(np.log1p(values).mean())) for key, values in self.inputs({}, snapshot).items()}
        kept = {"purchases": found, "averages": averages}
        return found, kept, ("at_bounds",) if found.at_bounds else ()


class Alive(_Purchases):
    """Not having stopped for good."""

    def learn(self, lesson: Lesson, *, assumptions: Assumptions) -> Learned:  # noqa: ARG002 - of lifetime value
        """The model, with its back-test."""
        backtest = purchases.backtest_alive(lesson.folds)
        _, kept, limits = self._fitted(lesson.latest)
        if backtest.means["auc"] < POOR_AUC:
            limits += ("ranks_poorly",)
        return _learned(ScoreMethod.BG_NBD, kept, backtest, *limits, on=lesson.latest)

    def predict(self, parameters: Mapping[str, Any], snapshot: Snapshot, *, method: ScoreMethod) -> Floats:  # noqa: ARG002
        """The score of each customer."""
        return purchases.alive(_purchases(parameters), snapshot)


class NextOrder(_Purchases):
    """Days until the next order."""

    def learn(self, lesson: Lesson, *, assumptions: Assumptions) -> Learned:  # noqa: ARG002 - of lifetime value
        """The model, with its back-test."""
        backtest, method = purchases.backtest_next_order(lesson.folds)
        _, kept, limits = self._fitted(lesson.latest)
        if method is ScoreMethod.OWN_GAP:
            limits += ("own_gap_is_better",)
        return _learned(method, kept, backtest, *limits, on=lesson.latest)

    def predict(self, parameters: Mapping[str, Any], snapshot: Snapshot, *, method: ScoreMethod) -> Floats:
        """The score of each customer."""
        if method is ScoreMethod.OWN_GAP:
            return purchases.days_of_own_gap(snapshot)
        return purchases.days_until_order(_purchases(parameters), snapshot)


class Value(_Purchases):
    """The margin of the next 365 days."""

    horizon_days: int | None = lifetime_value.HORIZON_DAYS
    keys = purchases.SPEND_INPUTS

    def learn(self, lesson: Lesson, *, assumptions: Assumptions) -> Learned:
        """The model, with its back-test."""
        backtest = purchases.backtest_value(lesson.folds)
        _, kept, limits = self._fitted(lesson.latest)
        kept |= {"spend": purchases.fit_spend(lesson.latest), "assumptions": assumptions}
        return _learned(ScoreMethod.BG_NBD_GAMMA_GAMMA, kept, backtest, *limits, "margin_assumed", on=lesson.latest)

    def predict(self, parameters: Mapping[str, Any], snapshot: Snapshot, *, method: ScoreMethod) -> Floats:  # noqa: ARG002
        """The score of each customer."""
        assumed = msgspec.convert(parameters["assumptions"], Assumptions)
        return lifetime_value.lifetime_value(
            _purchases(parameters),
            msgspec.convert(parameters["spend"], SpendParameters),
            purchases.histories(snapshot),
            margin_ratio=assumed.margin_ratio,
            discount_ratio=assumed.discount_ratio,
        ).round()


PREDICTORS: Final[Mapping[ScoreName, Predictor]] = {
    ScoreName.CHURN: Churn(90),
    ScoreName.CHURN_30: Churn(30),
    ScoreName.CLV: Value(),
    ScoreName.ALIVE: Alive(),
    ScoreName.NEXT_ORDER: NextOrder(),
    ScoreName.PROSPECT: Prospect(),
}


def _learned(method: ScoreMethod, parameters: Any, backtest: Backtest, *limits: str, on: Snapshot) -> Learned:
    found = ["merges_known_today", *limits]
    if backtest.calibration is not None and not backtest.calibration.is_calibrated:
        found.append("not_calibrated")
    if method is ScoreMethod.RECENCY:
        found.append("recency_is_enough")
    # As it will be read back: the model that is told now is the one that is kept.
    plain = msgspec.json.decode(msgspec.json.encode(parameters))
    return Learned(method=method, parameters=plain, backtest=backtest, limits=tuple(found), on=on)


def _logistic(parameters: Mapping[str, Any]) -> LogisticParameters:
    return msgspec.convert(parameters, LogisticParameters)


def _purchases(parameters: Mapping[str, Any]) -> PurchaseParameters:
    return msgspec.convert(parameters["purchases"], PurchaseParameters)
