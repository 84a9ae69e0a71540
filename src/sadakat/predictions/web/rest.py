"""Scores by REST: of a customer, and how good they are."""

from typing import Any, Final

from sadakat.customers import api as customers
from sadakat.platform import rest
from sadakat.platform.apikeys import Scope
from sadakat.platform.rest import Items
from sadakat.predictions import api as predictions
from sadakat.predictions.types import CustomerScores, ModelCard

of_customers = rest.Area("Customers", reads=Scope.CUSTOMERS_READ)
area = rest.Area("Scores", reads=Scope.METRICS_READ)

_SCORE: Final = {
    "name": "churn",
    "value": 0.34,
    "as_of": "2026-11-20",
    "reasons": [{"key": "silence", "value": 62.0, "average": 9.5, "contribution": 1.9}],
}
_CARD: Final = {
    "score": "churn",
    "model": {
        "score": "churn",
        "at": "2026-11-16T02:23:00Z",
        "as_of": "2026-11-16",
        "method": "logistic",
        "horizon_days": 90,
        "rows": 120_311,
        "customers": 2_447,
        "first_date": "2025-11-17",
        "parameters": {
            "intercept": -4.1,
            "weights": [{"key": "silence", "coefficient": 1.2, "mean": 2.3, "scale": 1.1}],
        },
        "backtest": {
            "horizon_days": 90,
            "cuts": [
                {
                    "cut_date": "2026-06-19",
                    "until_date": "2026-09-17",
                    "trained_on": 2_205,
                    "customers": 2_418,
                    "positives": 149,
                    "figures": {"auc": 0.908, "auc_recency": 0.827},
                }
            ],
            "means": {"auc": 0.904, "auc_recency": 0.855},
            "calibration": {
                "bins": [{"low": 0.0, "high": 0.1, "customers": 2_101, "predicted": 0.02, "observed": 0.03}],
                "error": 0.018,
                "is_calibrated": True,
            },
            "deciles": [{"number": 1, "customers": 242, "predicted": 0.31, "observed": 0.38, "lift": 6.3}],
        },
        "limits": ["merges_known_today", "one_year"],
    },
    "scoring": {
        "score": "churn",
        "at": "2026-11-20T02:53:00Z",
        "as_of": "2026-11-20",
        "customers": 2_469,
        "mean": 0.06,
        "median": 0.01,
        "distribution": [{"low": 0.0, "high": 0.1, "customers": 2_101}],
        "drift": [{"key": "age", "psi": 0.31, "level": "changed"}],
    },
    "refusal": None,
}


@of_customers.read(
    "/customers/{path:ref}/scores", answer=CustomerScores, example={"customer_id": 17, "scores": [_SCORE]}
)
def get_customer_scores(request: rest.Request, ref: rest.Ref) -> Any:  # noqa: ARG001 - as every view
    """What is expected of a customer.

    One entry for each score, with the inputs that matter most; `value` is null where a score cannot be given, and
    `contribution`, where the score is a sum of parts, is what an input adds to its log-odds against a usual customer.
    """
    return predictions.scores_of(customers.find(ref))


@area.read("/scores", answer=Items[ModelCard], example={"items": [_CARD]})
def list_scores(request: rest.Request) -> Any:  # noqa: ARG001 - as every view
    """How the scores are made, how they are spread and how good they are.

    `model` is null until a first training; `refusal` says why the latest training could not be done, if it could not.
    """
    return {"items": predictions.cards()}
