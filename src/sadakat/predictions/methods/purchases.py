"""What BG/NBD and Gamma-Gamma say of snapshots: who is active, what will be spent, when the next order comes.

The days until the next order solve P(an order within t days) = ½. While active, a customer with frequency x and age T
orders at a rate drawn from Gamma(r + x, α + T), so that (Fader, Hardie & Lee 2005, with equation 10's probability to be
active, A)

    A · (1 − ((α + T) ÷ (α + T + t))^(r + x)) = ½.

The median is asked for since the mean does not exist where r + x ≤ 1; where A ≤ ½ there is no such day.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import bg_nbd, evaluation, gamma_gamma, past
from sadakat.predictions.types import Backtest, CutResult, ScoreMethod
from sadakat.predictions.types.methods import Floats, Fold, Histories, PurchaseParameters, Snapshot, SpendParameters

INPUTS: Final = ("frequency", "recency", "age")
"""Columns of `tables.histories` that BG/NBD looks at; `SPEND_INPUTS` those of both models."""
SPEND_INPUTS: Final = (*INPUTS, "mean_amount")
LONGEST_DAYS: Final = 3_650
"""Who is expected later than this is given no day."""
SHORTEST_RATE_DAYS: Final = 30
"""Whom one has known for less than this is not taken to go on ordering every day."""


def fit(snapshot: Snapshot) -> PurchaseParameters:
    """How often the customers of a snapshot order, and when they stop.

    Raises:
        Invalid: too few of them or of their orders.
    """
    with past.as_of(snapshot.cut_date):
        return bg_nbd.fit(bg_nbd.deduplicate(**_histories(snapshot)))


def fit_spend(snapshot: Snapshot) -> SpendParameters:
    """What they spend on an occasion.

    Raises:
        Invalid: as `gamma_gamma.fit`.
    """
    columns = snapshot.columns
    with past.as_of(snapshot.cut_date):
        return gamma_gamma.fit(frequency=columns["frequency"], mean_amount=columns["mean_amount"])


def alive(parameters: PurchaseParameters, snapshot: Snapshot) -> Floats:
    """The probability that each customer has not stopped."""
    return bg_nbd.probability_alive(parameters, **_histories(snapshot))


def histories(snapshot: Snapshot) -> Histories:
    """The snapshot as `lifetime_value` takes it."""
    columns = snapshot.columns
    return Histories(
        customer=snapshot.customer,
        frequency=columns["frequency"].astype(np.int64),
        recency=columns["recency"],
        age=columns["age"],
        mean_amount=columns["mean_amount"],
    )


def days_until_order(parameters: PurchaseParameters, snapshot: Snapshot) -> Floats:
    """The days by which an order is as likely as not, 1 being the cut date; NaN where never or beyond ten years.

    >>> from datetime import date
    >>> parameters = PurchaseParameters(r=0.25, alpha=31.0, a=0.8, b=2.5, log_likelihood=0, customers=50,
    ...     converged=True, at_bounds=())
    >>> columns = {"frequency": [12.0, 12.0], "recency": [260.0, 120.0], "age": [272.0, 272.0]}
    >>> snapshot = Snapshot(cut_date=date(2026, 1, 1), customer=np.array([1, 2]), columns={
    ...     name: np.array(values) for name, values in columns.items()})
    >>> alive(parameters, snapshot).round(3), days_until_order(parameters, snapshot).round(1)
    (array([0.911, 0.003]), array([20.3,  nan]))
    """
    chance, waited = alive(parameters, snapshot), parameters.alpha + snapshot.columns["age"]
    comes = chance > 0.5
    left = 1 - 0.5 / np.where(comes, chance, 1.0)
    # Beyond e^50 times what was waited so far no number is needed.
    days = waited * np.expm1(np.minimum(-np.log(left) / (parameters.r + snapshot.columns["frequency"]), 50.0))
    return np.where(comes & (days <= LONGEST_DAYS), np.maximum(days, 1.0), np.nan)


def days_of_own_gap(snapshot: Snapshot) -> Floats:
    """What is left of the customer's own mean gap, at least the cut date itself; NaN without a second occasion."""
    columns = snapshot.columns
    left = np.maximum(columns["mean_gap"] - columns["silence"] + 1, 1.0)
    return np.where(columns["frequency"] > 0, left, np.nan)


def backtest_alive(folds: Sequence[Fold]) -> Backtest:
    """Whether those who count as active ordered within the horizon.

    Raises:
        Invalid: too few customers or orders before a cut date, or all or none of them ordered after it.
    """
    cuts, chances, came = [], [], []
    for fold in folds:
        chance, ordered = alive(fit(fold.asked), fold.asked), _ordered(fold)
        if ordered.all():
            raise Invalid(f"somebody must not order within the horizon for a test; all {len(ordered)} did")
        figures = {"auc": evaluation.auc(ordered, chance)}
        cuts.append(_cut(fold, figures, positives=int(ordered.sum())))
        chances.append(chance)
        came.append(ordered.astype(np.float64))
    return _backtest(folds, cuts, observed=came, predicted=chances)


def backtest_value(folds: Sequence[Fold]) -> Backtest:
    """Expected beside actual spend of the horizon, undiscounted and at full margin.

    Raises:
        Invalid: too few customers or orders before a cut date, none after it, or amounts that no model fits.
    """
    cuts, expected, actual = [], [], []
    for fold in folds:
        _ordered(fold)
        columns, amount = fold.asked.columns, fold.outcome.amount
        horizon = past.horizon_of(fold)
        often = bg_nbd.expected_purchases(fit(fold.asked), **_histories(fold.asked), horizon=horizon)
        predicted = often * gamma_gamma.expected_amount(
            fit_spend(fold.asked), frequency=columns["frequency"], mean_amount=columns["mean_amount"]
        )
        known_days = np.maximum(columns["age"] + 1, SHORTEST_RATE_DAYS)
        as_before = columns["monetary"] * (columns["frequency"] + 1) / known_days * horizon
        figures = {
            "mae": float(np.abs(predicted - amount).mean()),
            "mae_as_before": float(np.abs(as_before - amount).mean()),
            "bias_ratio": float(predicted.sum() / amount.sum() - 1),
        }
        cuts.append(_cut(fold, figures))
        expected.append(predicted)
        actual.append(amount)
    return _backtest(folds, cuts, observed=actual, predicted=expected)


def backtest_next_order(folds: Sequence[Fold]) -> tuple[Backtest, ScoreMethod]:
    """The days named beside those that came, and beside the customers' own mean gaps; and which is to be used.

    Both sides are cut off at the horizon, and whoever is named no day counts as beyond it: so customers who did not
    come back weigh as they should.

    Raises:
        Invalid: too few customers or orders before a cut date, or none after it.
    """
    cuts = []
    for fold in folds:
        _ordered(fold)
        horizon = float(past.horizon_of(fold))
        came = np.minimum(fold.outcome.days, horizon)
        named, own_gap = (
            np.minimum(np.nan_to_num(days, nan=horizon), horizon)
            for days in (days_until_order(fit(fold.asked), fold.asked), days_of_own_gap(fold.asked))
        )
        figures = {
            "error_days": float(np.abs(named - came).mean()),
            "error_days_own_gap": float(np.abs(own_gap - came).mean()),
        }
        is_within = named < horizon
        if is_within.any():
            figures["share_by_then"] = float((came <= named)[is_within].mean())
        cuts.append(_cut(fold, figures))
    means = past.means_of(cuts)
    method = ScoreMethod.BG_NBD if means["error_days"] <= means["error_days_own_gap"] else ScoreMethod.OWN_GAP
    horizon_days = past.horizon_of(folds[0])
    return Backtest(horizon_days=horizon_days, cuts=tuple(cuts), means=means, calibration=None, deciles=()), method


def _ordered(fold: Fold) -> NDArray[np.bool_]:
    """Who ordered within the horizon.

    Raises:
        Invalid: nobody did, so that nothing can be tested.
    """
    ordered = fold.outcome.ordered
    if not ordered.any():
        day = fold.asked.cut_date
        raise Invalid(f"as of {day}: somebody must order within the horizon for a test; of {len(ordered)} nobody did")
    return ordered


def _histories(snapshot: Snapshot) -> dict[str, Floats]:
    return {name: snapshot.columns[name] for name in INPUTS}


def _cut(fold: Fold, figures: dict[str, float], *, positives: int | None = None) -> CutResult:
    return past.cut_result(fold, trained_on=len(fold.asked.customer), positives=positives, figures=figures)


def _backtest(
    folds: Sequence[Fold], cuts: list[CutResult], *, observed: list[Floats], predicted: list[Floats]
) -> Backtest:
    return Backtest(
        horizon_days=past.horizon_of(folds[0]),
        cuts=tuple(cuts),
        means=past.means_of(cuts),
        calibration=None,
        deciles=evaluation.deciles(np.concatenate(observed), np.concatenate(predicted)),
    )
