"""Cut points, scores and clusters: by hand, by property, and on customers made to be told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.analytics import naming
from sadakat.analytics.methods import clusters, rfm
from sadakat.analytics.types import Group
from sadakat.kernel.errors import Invalid


def test_cut_points_and_scores_of_a_hundred() -> None:
    days = list(range(1, 101))
    cuts = rfm.cut_points(days)

    assert cuts == (20, 40, 60, 80)
    for is_less_better in (False, True):
        scores = rfm.scores(days, cuts=cuts, is_less_better=is_less_better).tolist()
        assert [scores.count(score) for score in range(1, 6)] == [20] * 5
        assert (scores[0], scores[-1]) == ((5, 1) if is_less_better else (1, 5))


def test_ties_stay_together() -> None:
    orders = [1] * 60 + [2] * 25 + [3] * 15

    cuts = rfm.cut_points(orders)

    assert cuts == (1, 1, 1, 2)
    assert rfm.scores([1, 2, 3], cuts=cuts).tolist() == [1, 4, 5]


@given(values=st.lists(st.integers(0, 50), min_size=25, max_size=200), is_less_better=st.booleans())
def test_scores_keep_the_order_of_values(*, values: list[int], is_less_better: bool) -> None:
    scores = rfm.scores(values, cuts=rfm.cut_points(values), is_less_better=is_less_better).tolist()

    by_value = dict(zip(values, scores, strict=True))
    assert [by_value[value] for value in values] == scores
    ordered = [by_value[value] for value in sorted(by_value, reverse=is_less_better)]
    assert ordered == sorted(ordered)
    assert set(scores) <= {1, 2, 3, 4, 5}


def test_too_few_customers_are_refused() -> None:
    with pytest.raises(Invalid, match="fifths need at least 25 customers, not 24"):
        rfm.cut_points(range(24))
    with pytest.raises(Invalid, match="clusters need at least 100 customers, not 99"):
        clusters.fit(np.zeros((99, 2)), worth=np.zeros(99))
    with pytest.raises(Invalid, match="clusters need more than 6 customers who differ"):
        clusters.fit(np.repeat([[1.0, 2.0], [3.0, 4.0]], 60, axis=0), worth=np.zeros(120))
    with pytest.raises(Invalid, match="clusters need more than 6 customers who differ"):
        clusters.fit(np.empty((120, 0)), worth=np.zeros(120))


def four_groups() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    centres = ((0, 0, 0), (6, 0, 0), (0, 6, 0), (0, 0, 6))
    return np.concatenate([rng.normal(centre, 0.3, (50, 3)) for centre in centres]), np.repeat([1.0, 4, 3, 2], 50)


def test_clusters_are_found_in_the_order_of_worth_and_again() -> None:
    values, worth = four_groups()

    found, again = (clusters.fit(values, worth=worth) for _ in range(2))

    assert found.assign(values).tolist() == np.repeat([3, 0, 1, 2], 50).tolist()
    assert (found.centres == again.centres).all()


def test_a_sample_speaks_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "FIT_ROWS", 100)
    values, worth = four_groups()

    assert clusters.fit(values, worth=worth).assign(values).tolist() == np.repeat([3, 0, 1, 2], 50).tolist()


@given(st.lists(st.lists(st.sampled_from([-1.5, -0.5, 0.5, 1.5]), min_size=4, max_size=4), min_size=3, max_size=6))
def test_clusters_have_names_of_their_own(centres: list[list[float]]) -> None:
    columns = ("recency_days", "orders", "basket", "deals")
    told = [[(columns[n], is_high) for n, is_high in each] for each in clusters.portraits(np.array(centres))]

    names = [words.name for words in naming.words_of(Group.CLUSTER, clusters=told).values()]

    assert len(set(names)) == len(names) == len(centres) + 1
