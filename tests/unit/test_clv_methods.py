"""Customer lifetime value: published answers, another implementation, gradients, and histories chosen to hurt."""

import importlib.util
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc, gammaln

from sadakat.kernel.errors import Invalid
from sadakat.predictions.api import bg_nbd, gamma_gamma, lifetime_value, summarise
from sadakat.predictions.types.methods import Floats, Histories, PurchaseParameters, SpendParameters

PAGE = Path(__file__).resolve().parents[2] / "docs/algorithms/clv.md"
CDNOW = PurchaseParameters(
    r=0.2426, alpha=4.4135, a=0.7929, b=2.4258, log_likelihood=-9582.43, customers=2357, converged=True, at_bounds=()
)
SPEND = SpendParameters(p=6.249, q=3.745, v=15.448, log_likelihood=0, customers=946, converged=True, at_bounds=())


def _column_of(file: str, *names: str) -> list[Floats]:
    # The package's own loaders need pkg_resources, which setuptools no longer has; importing the package warns.
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    assert spec.origin is not None
    table = np.genfromtxt(Path(spec.origin).parent / "datasets" / file, delimiter=",", names=True)
    return [table[name] for name in names]


@pytest.fixture(scope="module")
def cdnow() -> list[Floats]:
    """Frequency, recency and age in weeks of 2,357 customers of CDNOW."""
    return _column_of("cdnow_customers_summary.csv", "frequency", "recency", "T")


@pytest.fixture(scope="module")
def amounts() -> list[Floats]:
    """Frequency and mean amount in dollars of the same."""
    return _column_of("cdnow_customers_summary_with_transactions.csv", "x", "zbar")


@pytest.fixture
def loud() -> Iterator[None]:
    """`lifetimes` is of 2020: it uses what pandas and numpy warn about by now, and divides by zero where it must not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _lifetimes(parameters: PurchaseParameters):
    import pandas as pd
    from lifetimes import BetaGeoFitter

    fitter = BetaGeoFitter()
    fitter.params_ = pd.Series({name: getattr(parameters, name) for name in ("r", "alpha", "a", "b")})
    return fitter


def test_bg_nbd_gives_the_published_answer(cdnow: list[Floats]) -> None:
    frequency, recency, age = cdnow
    summary = bg_nbd.deduplicate(frequency=frequency, recency=recency, age=age)

    fitted = bg_nbd.fit(summary)

    assert (len(summary.customers), summary.customers.sum()) == (1016, 2357)
    assert (fitted.r, fitted.alpha, fitted.a, fitted.b) == pytest.approx((0.2426, 4.4135, 0.7929, 2.4258), abs=5e-5)
    assert fitted.log_likelihood == pytest.approx(-9582.43, abs=0.005)
    assert (fitted.customers, fitted.converged, fitted.at_bounds) == (2357, True, ())
    again, _ = bg_nbd.log_likelihood(summary, r=fitted.r, alpha=fitted.alpha, a=fitted.a, b=fitted.b)
    assert again == pytest.approx(fitted.log_likelihood, rel=1e-12)


def test_another_unit_of_time_changes_alpha_alone(cdnow: list[Floats]) -> None:
    frequency, recency, age = cdnow
    weeks = bg_nbd.fit(bg_nbd.deduplicate(frequency=frequency, recency=recency, age=age))
    days = bg_nbd.fit(bg_nbd.deduplicate(frequency=frequency, recency=recency * 7, age=age * 7))

    assert (days.r, days.alpha, days.a, days.b) == pytest.approx((weeks.r, weeks.alpha * 7, weeks.a, weeks.b), rel=1e-4)


def test_gamma_gamma_gives_the_published_answer(amounts: list[Floats]) -> None:
    frequency, mean = amounts

    fitted = gamma_gamma.fit(frequency=frequency, mean_amount=mean)

    assert (fitted.p, fitted.q, fitted.v) == pytest.approx((6.249, 3.745, 15.448), abs=5e-4)
    assert (fitted.customers, fitted.converged, fitted.at_bounds) == (946, True, ())
    again, _ = gamma_gamma.log_likelihood(frequency=frequency, mean_amount=mean, p=fitted.p, q=fitted.q, v=fitted.v)
    assert again == pytest.approx(fitted.log_likelihood, rel=1e-12)


@pytest.mark.usefixtures("loud")
def test_lifetimes_finds_and_predicts_the_same(cdnow: list[Floats], amounts: list[Floats]) -> None:
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    frequency, recency, age = cdnow
    theirs = BetaGeoFitter().fit(frequency, recency, age)
    summary = bg_nbd.deduplicate(frequency=frequency, recency=recency, age=age)
    ours = bg_nbd.fit(summary)
    assert bg_nbd.log_likelihood(summary, **theirs.params_)[0] == pytest.approx(ours.log_likelihood, abs=0.01)

    fitter = _lifetimes(ours)
    alive = bg_nbd.probability_alive(ours, frequency=frequency, recency=recency, age=age)
    np.testing.assert_allclose(alive, fitter.conditional_probability_alive(frequency, recency, age), rtol=1e-12)
    for horizon in (1.0, 39.0, 520.0):
        expected = bg_nbd.expected_purchases(ours, frequency=frequency, recency=recency, age=age, horizon=horizon)
        np.testing.assert_allclose(
            expected,
            fitter.conditional_expected_number_of_purchases_up_to_time(horizon, frequency, recency, age),
            rtol=1e-9,
        )

    has_repeat = amounts[0] > 0
    x, mean = amounts[0][has_repeat], amounts[1][has_repeat]
    spend = GammaGammaFitter().fit(x, mean)
    found = replace(SPEND, **spend.params_)
    expected = gamma_gamma.expected_amount(found, frequency=x, mean_amount=mean)
    np.testing.assert_allclose(expected, spend.conditional_expected_average_profit(x, mean), rtol=1e-12)


def _by_counting(parameters: PurchaseParameters, x: float, age: float, horizon: float) -> float:
    """Purchases expected of an active customer, counted one by one: not to have stopped before, and then to make it."""
    shape, b, number = parameters.r + x, parameters.b + x, np.arange(100_000)
    goes_on = gammaln(b + number) - gammaln(b) - gammaln(parameters.a + b + number) + gammaln(parameters.a + b)
    made = betainc(number + 1, shape, horizon / (parameters.alpha + age + horizon))
    return float((np.exp(goes_on) * made).sum())


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize(
    ("x", "recency", "age", "horizon"),
    [(0, 0, 39, 39), (100, 38, 39, 39), (300, 38, 39, 39), (500, 700, 720, 365), (150, 30, 31, 365)],
)
def test_where_lifetimes_has_no_answer_ours_is_right(x: float, recency: float, age: float, horizon: float) -> None:
    parameters = replace(CDNOW, a=1.0)
    theirs = _lifetimes(parameters).conditional_expected_number_of_purchases_up_to_time(
        horizon, np.array([x]), np.array([recency]), np.array([age])
    )
    assert not np.isfinite(theirs).any()

    history = {"frequency": [x], "recency": [recency], "age": [age]}
    ours = bg_nbd.expected_purchases(parameters, horizon=horizon, **history)

    counted = bg_nbd.probability_alive(parameters, **history) * _by_counting(parameters, x, age, horizon)
    np.testing.assert_allclose(ours, counted, rtol=1e-9)


@pytest.mark.parametrize(
    ("r", "alpha", "a", "b"),
    [(5, 50, 0.999999, 3), (20, 1, 300, 2000), (3, 0.5, 2000, 0.001), (1e-4, 1, 1e-4, 1e-4), (2e4, 2e4, 2e4, 2e4)],
)
def test_expected_purchases_at_the_ends_of_what_is_searched(r: float, alpha: float, a: float, b: float) -> None:
    parameters = replace(CDNOW, r=r, alpha=alpha, a=a, b=b)
    for x, age in ((0, 300), (3, 100), (1000, 400)):
        for horizon in (0.01, 30, 365):
            history = {"frequency": [x], "recency": [age if x else 0], "age": [age]}
            ours = bg_nbd.expected_purchases(parameters, horizon=horizon, **history)
            counted = bg_nbd.probability_alive(parameters, **history) * _by_counting(parameters, x, age, horizon)
            np.testing.assert_allclose(ours, counted, rtol=1e-8)


HISTORY = st.tuples(
    st.one_of(st.integers(0, 5), st.integers(0, 1_000_000)),
    st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)),
    st.one_of(st.sampled_from([0.0, 1.0, 365.0]), st.floats(0, 100_000)),
).map(lambda drawn: (drawn[0], drawn[1] * drawn[2] if drawn[0] else 0.0, drawn[2]))
LOG = st.floats(-9.5, 9.5)
HORIZON = st.one_of(st.just(0.0), st.floats(1e-6, 4000))


@given(st.lists(HISTORY, min_size=1, max_size=20), st.tuples(LOG, LOG, LOG, LOG), HORIZON)
def test_every_answer_is_finite_and_possible(
    rows: list[tuple[int, float, float]], logs: tuple[float, float, float, float], horizon: float
) -> None:
    frequency, recency, age = np.array(rows, dtype=np.float64).T
    r, alpha, a, b = np.exp(logs)
    parameters = replace(CDNOW, r=r, alpha=alpha * 300, a=a, b=b)
    history = {"frequency": frequency, "recency": recency, "age": age}

    alive = bg_nbd.probability_alive(parameters, **history)
    expected = bg_nbd.expected_purchases(parameters, horizon=horizon, **history)
    value, gradient = bg_nbd.log_likelihood(bg_nbd.deduplicate(**history), r=r, alpha=alpha * 300, a=a, b=b)

    assert ((alive >= 0) & (alive <= 1)).all()
    # Nobody is expected to do more than the customer who never stops.
    assert (expected <= alive * (r + frequency) * horizon / (alpha * 300 + age) * (1 + 1e-9)).all()
    assert (expected >= 0).all()
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def _differences(function, point: Floats) -> Floats:
    step = 1e-5
    return np.array(
        [(function(point + step * e) - function(point - step * e)) / (2 * step) for e in np.eye(len(point))]
    )


@given(st.lists(HISTORY, min_size=1, max_size=20), st.tuples(*[st.floats(-3, 3)] * 4))
def test_the_gradient_of_bg_nbd_is_its_slope(
    rows: list[tuple[int, float, float]], logs: tuple[float, float, float, float]
) -> None:
    frequency, recency, age = np.array(rows, dtype=np.float64).T
    summary = bg_nbd.deduplicate(frequency=np.minimum(frequency, 500), recency=recency, age=age)

    def value(point: Floats) -> float:
        return bg_nbd.log_likelihood(summary, **dict(zip("r alpha a b".split(), np.exp(point), strict=True)))[0]

    r, alpha, a, b = np.exp(logs)
    found, gradient = bg_nbd.log_likelihood(summary, r=r, alpha=alpha, a=a, b=b)
    assert gradient == pytest.approx(_differences(value, np.array(logs)), rel=1e-4, abs=1e-6 * (10 + abs(found)))


@given(
    st.lists(st.tuples(st.integers(1, 300), st.floats(0.01, 1e6)), min_size=1, max_size=20),
    st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_the_gradient_of_gamma_gamma_is_its_slope(
    rows: list[tuple[int, float]], logs: tuple[float, float, float]
) -> None:
    frequency, mean = np.array(rows).T

    def value(point: Floats) -> float:
        p, over, v = np.exp(point)
        return gamma_gamma.log_likelihood(frequency=frequency, mean_amount=mean, p=p, q=1 + over, v=v)[0]

    p, over, v = np.exp(logs)
    found, gradient = gamma_gamma.log_likelihood(frequency=frequency, mean_amount=mean, p=p, q=1 + over, v=v)
    assert gradient == pytest.approx(_differences(value, np.array(logs)), rel=1e-4, abs=1e-6 * (10 + abs(found)))


def _simulated(customers: int, *, r: float, alpha: float, a: float, b: float) -> tuple[Floats, Floats, Floats]:
    """Customers drawn from the model itself, one purchase after another."""
    random = np.random.default_rng(7)
    age = random.uniform(100, 700, customers)
    frequency, recency = np.zeros(customers), np.zeros(customers)
    for number in range(customers):
        rate, stop, moment = random.gamma(r, 1 / alpha), random.beta(a, b), 0.0
        while (moment := moment + random.exponential(1 / rate)) < age[number]:
            frequency[number] += 1
            recency[number] = moment
            if random.random() < stop:
                break
    return frequency, recency, age


def test_the_parameters_of_simulated_customers_are_found_again() -> None:
    frequency, recency, age = _simulated(30_000, r=0.8, alpha=60, a=1.2, b=4)

    fitted = bg_nbd.fit(bg_nbd.deduplicate(frequency=frequency, recency=recency, age=age))

    assert fitted.converged
    assert (fitted.r, fitted.alpha, fitted.a, fitted.b) == pytest.approx((0.8, 60, 1.2, 4), rel=0.1)
    assert fitted.a / (fitted.a + fitted.b) == pytest.approx(1.2 / 5.2, rel=0.05)
    # What the model expects of each customer within the observed age is what was seen, over all.
    nobody = np.zeros(len(age))
    seen = sum(
        bg_nbd.expected_purchases(fitted, frequency=[0], recency=[0], age=[0], horizon=horizon)[0]
        for horizon in np.quantile(age, (np.arange(200) + 0.5) / 200)
    )
    assert seen / 200 == pytest.approx(frequency.mean(), rel=0.02)
    assert bg_nbd.probability_alive(fitted, frequency=nobody, recency=nobody, age=age).min() == 1


def test_the_spend_of_simulated_customers_is_found_again() -> None:
    random = np.random.default_rng(11)
    frequency = random.integers(1, 12, 50_000)
    mean = random.gamma(5 * frequency, 1 / random.gamma(4, 1 / 3000, 50_000)) / frequency

    fitted = gamma_gamma.fit(frequency=frequency, mean_amount=mean)

    assert fitted.converged
    assert (fitted.p, fitted.q, fitted.v) == pytest.approx((5, 4, 3000), rel=0.05)


def test_a_mean_is_drawn_towards_that_of_all_the_more_the_fewer_purchases() -> None:
    of_all = SPEND.p * SPEND.v / (SPEND.q - 1)
    expected = gamma_gamma.expected_amount(SPEND, frequency=[0, 1, 10, 1000], mean_amount=[0, 100, 100, 100])
    assert expected[0] == pytest.approx(of_all)
    assert of_all < expected[1] < expected[2] < expected[3] < 100


@pytest.mark.parametrize(
    ("frequency", "recency", "age", "at_bounds"),
    [
        ([3] * 60, [40] * 60, [40] * 60, ("r",)),  # all alike, and nobody seems to stop
        ([1] * 60, [1] * 60, [700] * 60, ("r",)),  # all stop after one
        ([0] * 59 + [1000], [0] * 59 + [900], [1000] * 60, ()),  # one makes all purchases
        ([0] * 30 + [20] * 30, [0] * 30 + [4] * 30, [0] * 30 + [5] * 29 + [10], ("r", "b")),  # half have no past
    ],
)
def test_strange_customers_are_fitted_without_nan(
    frequency: list[float], recency: list[float], age: list[float], at_bounds: tuple[str, ...]
) -> None:
    fitted = bg_nbd.fit(bg_nbd.deduplicate(frequency=frequency, recency=recency, age=age))

    assert np.isfinite([fitted.r, fitted.alpha, fitted.a, fitted.b, fitted.log_likelihood]).all()
    assert fitted.at_bounds == at_bounds
    assert np.isfinite(bg_nbd.expected_purchases(fitted, frequency=[5], recency=[9], age=[10], horizon=365)).all()


def test_too_few_are_refused() -> None:
    def fit(frequency: list[float], recency: list[float], age: list[float]) -> PurchaseParameters:
        return bg_nbd.fit(bg_nbd.deduplicate(frequency=frequency, recency=recency, age=age))

    with pytest.raises(Invalid, match=r"at least 50 customers are needed .* 49 came"):
        fit([2] * 49, [10] * 49, [20] * 49)
    with pytest.raises(Invalid, match=r"at least 50 customers are needed .* 0 came"):
        fit([], [], [])
    with pytest.raises(Invalid, match="at least 20 repeat purchases are needed; 19 came"):
        fit([1] * 19 + [0] * 41, [10] * 19 + [0] * 41, [20] * 60)
    with pytest.raises(Invalid, match="every recency is 0"):
        fit([1] * 60, [0] * 60, [0] * 60)
    with pytest.raises(Invalid, match="at least 20 customers with a repeat purchase are needed to fit; 19 came"):
        gamma_gamma.fit(frequency=[1] * 19 + [0] * 9, mean_amount=list(range(1, 20)) + [0] * 9)
    with pytest.raises(Invalid, match="must differ, but each of 30 is 5"):
        gamma_gamma.fit(frequency=[1] * 30, mean_amount=[5] * 30)
    with pytest.raises(Invalid, match="must be positive, but 30 of 30 are 0"):
        gamma_gamma.fit(frequency=[1] * 30, mean_amount=[0] * 30)
    with pytest.raises(Invalid, match="too unequal"):
        gamma_gamma.fit(frequency=[50] * 200, mean_amount=np.exp(np.linspace(0, 40, 200)))


@pytest.mark.parametrize(
    ("frequency", "recency", "age", "said"),
    [
        ([1.5], [1], [2], "frequency must be whole.*first: frequency 1.5, recency 1, age 2"),
        ([1], [3], [2], "recency must not be above age"),
        ([0], [1], [2], "recency must be 0 where frequency is 0"),
        ([-1], [0], [2], "frequency must be finite and not below 0, but 1 are not, first -1"),
        ([1], [float("nan")], [2], "recency must be finite"),
        ([1], [1], [float("inf")], "age must be finite"),
        ([1, 2], [1], [2], "equally long, not 2, 1 and 1"),
        ([[1]], [1], [2], "one column, not an array of 2 dimensions"),
    ],
)
def test_histories_that_cannot_be_are_refused(frequency: object, recency: object, age: object, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        bg_nbd.deduplicate(frequency=frequency, recency=recency, age=age)
    with pytest.raises(Invalid, match=said):
        bg_nbd.probability_alive(CDNOW, frequency=frequency, recency=recency, age=age)


def test_orders_of_one_day_are_one_occasion() -> None:
    summed = summarise(
        customer=[5, 2, 5, 5, 2, 9, 5],
        day=[110, 100, 100, 110, 100, 107, 120],
        amount=[1000, 10, 7, 500, 20, 99, 300],
        last_day=130,
    )
    assert summed.customer.tolist() == [2, 5, 9]
    assert summed.frequency.tolist() == [0, 2, 0]
    assert summed.recency.tolist() == [0, 20, 0]
    assert summed.age.tolist() == [30, 30, 23]
    assert summed.mean_amount.tolist() == [0, 900, 0]
    assert summarise(customer=[], day=[], amount=[], last_day=0).frequency.tolist() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"last_day": 9}, "no order may come after the last day, 9; the latest is of 10"),
        ({"day": [1.5, 2.0]}, "day must be one column of whole numbers"),
        ({"amount": [1]}, "equally long, not 2, 2 and 1"),
        ({"amount": [1, float("nan")]}, "amounts must be finite, but 1 are not"),
    ],
)
def test_orders_that_cannot_be_are_refused(change: dict[str, object], said: str) -> None:
    orders = {"customer": [1, 1], "day": [1, 10], "amount": [5, 5], "last_day": 20}
    with pytest.raises(Invalid, match=said):
        summarise(**orders | change)


@pytest.mark.usefixtures("loud")
def test_lifetimes_makes_the_same_summary() -> None:
    import pandas as pd
    from lifetimes.utils import summary_data_from_transaction_data

    random = np.random.default_rng(3)
    customer, day = random.integers(0, 300, 2000), random.integers(0, 400, 2000)
    amount = random.integers(1, 10_000, 2000)
    orders = pd.DataFrame(
        {"c": customer, "d": pd.Timestamp("2026-01-01") + pd.to_timedelta(day, unit="D"), "m": amount}
    )
    theirs = summary_data_from_transaction_data(
        orders, "c", "d", monetary_value_col="m", observation_period_end="2027-02-05"
    )

    ours = summarise(customer=customer, day=day, amount=amount, last_day=400)

    np.testing.assert_array_equal(ours.customer, theirs.index)
    np.testing.assert_array_equal(ours.frequency, theirs["frequency"])
    np.testing.assert_array_equal(ours.recency, theirs["recency"])
    np.testing.assert_array_equal(ours.age, theirs["T"])
    np.testing.assert_allclose(ours.mean_amount, theirs["monetary_value"], rtol=1e-12)


def _histories(*rows: tuple[int, float, float, float]) -> Histories:
    frequency, recency, age, mean = np.array(rows, dtype=np.float64).T
    return Histories(
        customer=np.arange(len(rows)), frequency=frequency.astype(np.int64), recency=recency, age=age, mean_amount=mean
    )


def test_undiscounted_lifetime_value_is_purchases_times_amount_times_margin() -> None:
    histories = _histories((0, 0, 100, 0), (4, 90, 100, 250), (4, 20, 300, 250))
    value = lifetime_value(CDNOW, SPEND, histories, margin_ratio=0.4, discount_ratio=0, horizon_days=100)
    history = {"frequency": histories.frequency, "recency": histories.recency, "age": histories.age}
    purchases = bg_nbd.expected_purchases(CDNOW, horizon=100, **history)
    amount = gamma_gamma.expected_amount(SPEND, frequency=histories.frequency, mean_amount=histories.mean_amount)
    np.testing.assert_allclose(value, 0.4 * purchases * amount, rtol=1e-12)

    discounted = lifetime_value(CDNOW, SPEND, histories, margin_ratio=0.4, discount_ratio=0.2, horizon_days=100)
    assert (discounted < value).all()
    assert (discounted > value * 1.2 ** (-100 / 365)).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"margin_ratio": 0}, "margin ratio must lie above 0 and at most at 1, not 0"),
        ({"margin_ratio": 1.1}, "margin ratio"),
        ({"discount_ratio": -0.1}, "discount ratio must be at least 0"),
        ({"horizon_days": 0}, "the horizon must be 1 to 12000 days, not 0"),
    ],
)
def test_ratios_and_horizons_that_cannot_be_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        lifetime_value(CDNOW, SPEND, _histories((1, 2, 3, 4)), **{"margin_ratio": 0.5, "discount_ratio": 0.1} | change)


def _worked() -> list[list[float]]:
    table = re.search(r"^\| frequency \|.*\n\|.*\n((?:\|.*\n)+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert table is not None
    return [[float(cell) for cell in line.strip("|\n ").split("|")] for line in table[1].splitlines()]


def test_the_page_has_its_cases() -> None:
    assert len(_worked()) == 6


@pytest.mark.parametrize("row", _worked())
def test_the_worked_numbers_of_the_page(row: list[float]) -> None:
    frequency, recency, age, mean, alive, purchases, amount, value = row
    parameters = replace(CDNOW, alpha=30.8945)
    histories = _histories((int(frequency), recency, age, mean))
    history = {"frequency": [frequency], "recency": [recency], "age": [age]}
    found = (
        *bg_nbd.probability_alive(parameters, **history),
        *bg_nbd.expected_purchases(parameters, horizon=365, **history),
        *gamma_gamma.expected_amount(SPEND, frequency=[frequency], mean_amount=[mean]),
        *lifetime_value(parameters, SPEND, histories, margin_ratio=0.3, discount_ratio=0.1),
    )
    assert [round(float(number), places) for number, places in zip(found, (4, 4, 2, 2), strict=True)] == [
        alive,
        purchases,
        amount,
        value,
    ]
