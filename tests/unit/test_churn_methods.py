"""Churn, prospects, next orders and drift: known answers, the model that made the data, and columns chosen to hurt."""

import math
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sadakat.kernel.errors import Invalid
from sadakat.predictions.methods import churn, drift, evaluation, logistic, prospect, purchases
from sadakat.predictions.methods.predictors import PREDICTORS
from sadakat.predictions.types import Assumptions, DriftLevel, ScoreMethod, ScoreName
from sadakat.predictions.types.methods import (
    Floats,
    Fold,
    Lesson,
    LogisticParameters,
    Outcome,
    PurchaseParameters,
    Shares,
    Snapshot,
    Weight,
)

DAY = date(2026, 11, 20)
PAGES = Path(__file__).resolve().parents[2] / "docs/algorithms"
CDNOW = PurchaseParameters(
    r=0.2426, alpha=30.8945, a=0.7929, b=2.4258, log_likelihood=0, customers=2357, converged=True, at_bounds=()
)


def table(page: str, place: int) -> list[list[str]]:
    """The cells of a Markdown table of a page, without its head."""
    blocks = re.findall(r"(?:^\|.*\n)+", (PAGES / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [[cell.strip() for cell in row.strip("| ").split("|")] for row in blocks[place].splitlines()[2:]]


def snapshot(day: date = DAY, **columns: Any) -> Snapshot:
    found = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    return Snapshot(cut_date=day, customer=np.arange(len(next(iter(found.values())))), columns=found)


def histories(random: np.random.Generator, *, customers: int, day: date = DAY) -> Snapshot:
    """Customers who order at a rate of their own, with every column that the models look at."""
    frequency = random.poisson(6, customers).astype(np.float64)
    age = random.integers(30, 360, customers).astype(np.float64)
    recency = np.where(frequency > 0, np.floor(age * random.beta(4, 1, customers)), 0.0)
    frequency = np.minimum(frequency, recency)
    recency = np.where(frequency > 0, recency, 0.0)
    silence = age - recency + 1
    mean_gap = np.where(frequency > 0, recency / np.maximum(frequency, 1), silence)
    amounts = random.gamma(3, 1000, customers) + 1
    return snapshot(
        day,
        orders=frequency + 1,
        frequency=frequency,
        recency=recency,
        age=age,
        mean_amount=np.where(frequency > 0, amounts, 0.0),
        silence=silence,
        mean_gap=mean_gap,
        overdue=silence / mean_gap,
        monetary=amounts,
        orders_30=random.poisson(1, customers),
        orders_90=random.poisson(3, customers),
        orders_180=random.poisson(5, customers),
        trend=random.gamma(2, 0.5, customers),
        channels=np.ones(customers),
    )


def outcome_of(random: np.random.Generator, asked: Snapshot, *, slope: float, horizon: int = 30) -> Outcome:
    """What the true model makes of them: the log-odds of silence are `slope` × (ln(1 + silence) − 3.5)."""
    chance = 1 / (1 + np.exp(-slope * (np.log1p(asked.columns["silence"]) - 3.5)))
    is_lost = random.random(len(chance)) < chance
    days = np.where(is_lost, np.inf, random.integers(1, horizon + 1, len(chance)).astype(np.float64))
    until = asked.cut_date + timedelta(days=horizon)
    return Outcome(until_date=until, days=days, amount=np.where(is_lost, 0.0, asked.columns["monetary"]))


def folds(*, slope: float = 1.5, customers: int = 2_000, seed: int = 7) -> list[Fold]:
    random = np.random.default_rng(seed)
    found = []
    for cut in (DAY - timedelta(days=90), DAY - timedelta(days=60), DAY - timedelta(days=30)):
        learned = histories(random, customers=customers, day=cut - timedelta(days=30))
        asked = histories(random, customers=customers, day=cut)
        found.append(
            Fold(
                learned=learned,
                learned_outcome=outcome_of(random, learned, slope=slope),
                asked=asked,
                outcome=outcome_of(random, asked, slope=slope),
            )
        )
    return found


def test_the_worked_numbers_of_the_churn_page() -> None:
    weights = tuple(
        Weight(key=key.strip("`"), coefficient=float(coefficient), mean=float(mean), scale=float(scale))
        for key, coefficient, mean, scale in table("churn.md", 1)
    )
    parameters = LogisticParameters(intercept=-2.0, weights=weights)
    rows = table("churn.md", 2)
    keys = [weight.key for weight in weights]
    columns = {key: np.array([float(row[1 + place]) for row in rows]) for place, key in enumerate(keys)}
    added = logistic.contributions(parameters, columns)
    chances = logistic.probability(parameters, columns)
    for row, parts, chance in zip(rows, added, chances, strict=True):
        told = [float(cell.replace("−", "-")) for cell in row[1 + len(keys) :]]
        assert [round(float(part), 2) for part in parts] + [round(float(chance), 3)] == told


def test_the_worked_numbers_of_the_next_order_page() -> None:
    rows = table("next-order.md", 0)
    asked = snapshot(frequency=[row[0] for row in rows], recency=[row[1] for row in rows], age=[row[2] for row in rows])
    alive, days = purchases.alive(CDNOW, asked), purchases.days_until_order(CDNOW, asked)
    for row, chance, named in zip(rows, alive, days, strict=True):
        assert f"{chance:.4f}" == row[3]
        assert ("none" if math.isnan(named) else f"{named:.1f}") == row[4]


def test_the_day_named_has_even_odds() -> None:
    """By another way: the distribution of the next order's day, summed over rates drawn from their distribution."""
    asked = snapshot(frequency=[3.0], recency=[200.0], age=[230.0])
    [days], [alive] = purchases.days_until_order(CDNOW, asked), purchases.alive(CDNOW, asked)
    rates = np.random.default_rng(3).gamma(CDNOW.r + 3, 1 / (CDNOW.alpha + 230), 400_000)
    assert alive * (1 - np.exp(-rates * days)).mean() == pytest.approx(0.5, abs=2e-3)


def test_own_gaps_are_counted_from_the_last_order() -> None:
    asked = snapshot(frequency=[4, 4, 0], silence=[1, 30, 5], mean_gap=[7, 7, 5])
    assert purchases.days_of_own_gap(asked).tolist()[:2] == [7.0, 1.0]
    assert math.isnan(purchases.days_of_own_gap(asked)[2])


def test_a_regression_finds_the_model_that_made_the_data_and_is_calibrated() -> None:
    backtest, method = churn.backtest(folds())
    assert method is ScoreMethod.RECENCY
    assert [cut.cut_date for cut in backtest.cuts] == [DAY - timedelta(days=days) for days in (90, 60, 30)]
    assert backtest.horizon_days == 30
    assert backtest.calibration is not None
    assert backtest.calibration.is_calibrated
    assert backtest.calibration.error < 0.03
    assert sum(part.customers for part in backtest.calibration.bins) == 6_000
    lifts = [decile.lift or 0.0 for decile in backtest.deciles]
    assert len(lifts) == 10
    assert lifts[0] > 1.3
    assert lifts[-1] < 0.7
    random = np.random.default_rng(1)
    learned = histories(random, customers=50_000)
    parameters = churn.fit(learned, outcome_of(random, learned, slope=1.5), method=ScoreMethod.RECENCY)
    [weight] = parameters.weights
    assert weight.coefficient / weight.scale == pytest.approx(1.5, rel=0.05)
    assert parameters.intercept == pytest.approx(1.5 * (weight.mean - 3.5), abs=0.05)


def test_all_inputs_are_used_where_they_tell_more() -> None:
    random, found = np.random.default_rng(5), []
    for fold in folds():
        outcomes = []
        for asked, outcome in ((fold.learned, fold.learned_outcome), (fold.asked, fold.outcome)):
            is_lost = random.random(len(asked.customer)) < 1 / (1 + np.exp(asked.columns["orders_90"] - 3))
            outcomes.append(replace(outcome, days=np.where(is_lost, np.inf, 5.0)))
        found.append(replace(fold, learned_outcome=outcomes[0], outcome=outcomes[1]))
    backtest, method = churn.backtest(found)
    assert method is ScoreMethod.LOGISTIC
    assert backtest.means["auc"] > 0.75
    assert backtest.means["auc_recency"] < 0.55
    assert backtest.means["brier"] < backtest.means["brier_recency"]
    parameters = churn.fit(found[0].learned, found[0].learned_outcome, method=method)
    first = logistic.reasons(parameters, churn.inputs(found[0].asked))
    assert (first[0].key, len(first)) == ("orders_90", 3)
    assert abs(first[0].contribution or 0) >= abs(first[1].contribution or 0) >= abs(first[2].contribution or 0)


def test_alike_inputs_share_their_weight() -> None:
    random = np.random.default_rng(2)
    first = random.gamma(2, 10, 3_000)
    came = random.random(3_000) < 1 / (1 + np.exp(-2 * (np.log1p(first) - 2.8)))
    parameters = logistic.fit({"one": first, "other": first * 1.001}, came)
    one, other = (weight.coefficient for weight in parameters.weights)
    assert one == pytest.approx(other, rel=0.01)
    assert one > 0


@given(
    values=st.lists(st.floats(min_value=0, max_value=1e15, allow_nan=False), min_size=1, max_size=30),
    coefficient=st.floats(min_value=-50, max_value=50),
    mean=st.floats(min_value=0, max_value=40),
    scale=st.floats(min_value=1e-6, max_value=10),
)
def test_probabilities_are_never_nan_and_follow_the_sign(
    values: list[float], coefficient: float, mean: float, scale: float
) -> None:
    parameters = LogisticParameters(
        intercept=-1.0, weights=(Weight(key="silence", coefficient=coefficient, mean=mean, scale=scale),)
    )
    chances = logistic.probability(parameters, {"silence": np.sort(np.array(values))})
    assert ((chances >= 0) & (chances <= 1)).all()
    steps = np.diff(chances)
    assert (steps >= 0).all() if coefficient >= 0 else (steps <= 0).all()


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5_000), st.floats(0, 1), st.integers(0, 20_000)).map(
            lambda row: (min(row[0], row[2]), row[1], row[2])
        ),
        min_size=1,
        max_size=20,
    ),
    r=st.floats(1e-4, 1e4),
    alpha=st.floats(1e-3, 1e5),
    a=st.floats(1e-4, 1e4),
    b=st.floats(1e-4, 1e4),
)
def test_days_until_the_next_order_are_at_least_one_or_none(
    rows: list[tuple[int, float, int]], r: float, alpha: float, a: float, b: float
) -> None:
    parameters = PurchaseParameters(
        r=r, alpha=alpha, a=a, b=b, log_likelihood=0, customers=50, converged=True, at_bounds=()
    )
    frequency, share, age = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    asked = snapshot(frequency=frequency, recency=np.where(frequency > 0, np.floor(age * share), 0), age=age)
    alive, days = purchases.alive(parameters, asked), purchases.days_until_order(parameters, asked)
    assert np.isnan(days[alive <= 0.5]).all()
    assert (np.isnan(days) | ((days >= 1) & (days <= purchases.LONGEST_DAYS))).all()


@pytest.mark.parametrize(("customers", "lost", "kept"), [(199, 60, 139), (200, 29, 171), (400, 371, 29)])
def test_too_few_outcomes_are_refused_with_their_number(customers: int, lost: int, kept: int) -> None:
    said = (
        "at least 200 customers with a known outcome are needed, 30 with it and 30 without; "
        f"there are {customers}, {lost} and {kept}"
    )
    with pytest.raises(Invalid, match=f"^{re.escape(said)}$"):
        logistic.fit({"silence": np.arange(customers, dtype=np.float64)}, np.arange(customers) < lost)


def test_a_refusal_names_its_day() -> None:
    few = [replace(fold, learned=fold.learned.where(fold.learned.customer < 150)) for fold in folds()]
    few = [
        replace(fold, learned_outcome=replace(fold.learned_outcome, days=fold.learned_outcome.days[:150]))
        for fold in few
    ]
    with pytest.raises(Invalid) as refused:
        churn.backtest(few)
    assert str(refused.value) == (
        "as of 2026-07-23: at least 200 customers with a known outcome are needed, 30 with it and 30 without; "
        "there are 150, 63 and 87"
    )


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0])
def test_inputs_that_cannot_be_are_refused(wrong: float) -> None:
    parameters = LogisticParameters(intercept=0, weights=(Weight(key="silence", coefficient=1, mean=0, scale=1),))
    with pytest.raises(Invalid, match="silence must be finite and not below 0"):
        logistic.probability(parameters, {"silence": np.array([1.0, wrong])})


def test_who_has_been_silent_for_a_year_is_not_asked_about() -> None:
    asked = snapshot(silence=[365, 366])
    assert churn.active(asked).customer.tolist() == [0]
    assert prospect.active(asked).customer.tolist() == [0]


def test_prospects_are_told_by_their_source() -> None:
    random = np.random.default_rng(11)

    def visitors(day: date) -> tuple[Snapshot, Outcome]:
        source = random.integers(1, 4, 2_000).astype(np.float64)
        asked = snapshot(
            day,
            visits=random.poisson(2, 2_000) + 1,
            views=random.poisson(3, 2_000),
            carts=random.poisson(1, 2_000),
            silence=random.integers(1, 60, 2_000),
            age=random.integers(60, 90, 2_000),
            source_id=source,
        )
        ordered = random.random(2_000) < np.where(source == 2, 0.4, 0.05)
        days = np.where(ordered, 3.0, np.inf)
        return asked, Outcome(until_date=day + timedelta(days=30), days=days, amount=np.zeros(2_000))

    found = []
    for day in (DAY - timedelta(days=90), DAY - timedelta(days=60), DAY - timedelta(days=30)):
        learned, known = visitors(day - timedelta(days=30))
        asked, outcome = visitors(day)
        found.append(Fold(learned=learned, learned_outcome=known, asked=asked, outcome=outcome))
    learned, outcome = visitors(DAY - timedelta(days=30))
    latest, _ = visitors(DAY)
    lesson = Lesson(folds=tuple(found), learned=learned, outcome=outcome, latest=latest)
    predictor = PREDICTORS[ScoreName.PROSPECT]
    model = predictor.learn(lesson, assumptions=Assumptions())
    assert model.method is ScoreMethod.LOGISTIC
    chances = predictor.predict(model.parameters, latest, method=model.method)
    of_source = {source: chances[latest.columns["source_id"] == source].mean() for source in (1, 2, 3)}
    assert of_source == pytest.approx({1: 0.05, 2: 0.4, 3: 0.05}, abs=0.04)
    assert predictor.reasons(model.parameters, latest.where(latest.columns["source_id"] == 2))[0].key in {
        "source:2",
        "source:1",
        "source:3",
    }


def test_what_is_learned_can_be_kept_and_read_back() -> None:
    import msgspec

    found = folds()
    lesson = Lesson(
        folds=tuple(found), learned=found[2].learned, outcome=found[2].learned_outcome, latest=found[2].asked
    )
    for name in (ScoreName.CHURN_30, ScoreName.ALIVE, ScoreName.NEXT_ORDER, ScoreName.CLV):
        predictor = PREDICTORS[name]
        model = predictor.learn(lesson, assumptions=Assumptions(margin_ratio=0.5))
        kept = msgspec.json.decode(msgspec.json.encode(model.parameters))
        before = predictor.predict(model.parameters, lesson.latest, method=model.method)
        assert np.array_equal(predictor.predict(kept, lesson.latest, method=model.method), before, equal_nan=True)
        assert "merges_known_today" in model.limits
        assert ("margin_assumed" in model.limits) == (name is ScoreName.CLV)
        assert 1 <= len(predictor.reasons(kept, lesson.latest)) <= 4


@given(
    then=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200),
    now=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200),
)
@settings(max_examples=50)
def test_drift_is_never_below_zero_and_none_without_a_change(then: list[float], now: list[float]) -> None:
    kept = drift.shares_of({"x": np.array(then)})
    assert sum(kept["x"].shares) == pytest.approx(1)
    [same] = drift.readings(kept, {"x": np.array(then)})
    [moved] = drift.readings(kept, {"x": np.array(now)})
    assert same.psi == pytest.approx(0, abs=1e-12)
    assert moved.psi >= -1e-12
    assert math.isfinite(moved.psi)


def test_drift_by_hand() -> None:
    then = {"x": Shares(edges=(10.0, 20.0), shares=(0.5, 0.3, 0.2)), "y": Shares(edges=(), shares=(1.0,))}
    now: dict[str, Floats] = {"x": np.array([5.0] * 4 + [10.0] * 3 + [20.0] * 3), "y": np.arange(10.0)}
    first, second = drift.readings(then, now)
    assert (first.key, first.psi) == ("x", pytest.approx(0.1 * math.log(1.25) + 0.1 * math.log(1.5), rel=1e-12))
    assert (second.key, second.psi, second.level) == ("y", 0.0, DriftLevel.STABLE)
    assert drift.readings(then, {"x": np.empty(0), "y": np.empty(0)}) == ()
    assert [drift.level(psi) for psi in (0.0999, 0.1, 0.2499, 0.25)] == [
        DriftLevel.STABLE,
        DriftLevel.MOVED,
        DriftLevel.MOVED,
        DriftLevel.CHANGED,
    ]


def test_deciles_hold_everybody_once() -> None:
    random = np.random.default_rng(4)
    predicted, observed = random.random(1_003), random.random(1_003)
    parts = evaluation.deciles(observed, predicted)
    assert sum(part.customers for part in parts) == 1_003
    assert [part.predicted for part in parts] == sorted((part.predicted for part in parts), reverse=True)
    weighted = sum(part.observed * part.customers for part in parts) / 1_003
    assert weighted == pytest.approx(observed.mean())
    assert evaluation.deciles(np.zeros(3), np.ones(3))[0].lift is None
    assert evaluation.deciles(np.empty(0), np.empty(0)) == ()
