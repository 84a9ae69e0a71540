"""Training: each score is learned from the lake, tried on past days, and kept with its card."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import msgspec
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from sadakat.kernel.errors import Invalid
from sadakat.platform import audit, brand
from sadakat.predictions import models, queries
from sadakat.predictions.methods import drift, lifetime_value
from sadakat.predictions.methods.predictors import PREDICTORS, Predictor
from sadakat.predictions.types import TRAIN_TASK, Assumptions, Model, Refusal, ScoreName, TrainReport
from sadakat.predictions.types.methods import Floats, Learned, Shares, Snapshot

SEASONS: Final = timedelta(days=2 * 365)


def train(
    *,
    scores: Collection[ScoreName] = tuple(ScoreName),
    assumptions: Assumptions | None = None,
    actor: audit.Actor,
    at: datetime,
) -> TrainReport:
    """Trains these scores, tries each on past days, and keeps what came of it; `score` then gives the scores.

    What cannot be trained, because the data are too few, is reported and kept with its reason; the model before it
    stays in use. `assumptions` hold until others are said; without them the latest do.

    Raises:
        Invalid: assumptions that cannot be.
        Unavailable: the home has no brand yet, or files of the lake are missing.
    """
    assumed = assumptions or queries.assumptions()
    lifetime_value.check(margin_ratio=assumed.margin_ratio, discount_ratio=assumed.discount_ratio)
    as_of = brand.current().day(at)
    known = queries.Known(as_of=as_of)
    trained: list[tuple[Model, dict[str, Shares]]] = []
    refused: list[Refusal] = []
    for name in ScoreName:
        if name not in scores:
            continue
        predictor = PREDICTORS[name]
        try:
            learned = predictor.learn(known.lesson(predictor), assumptions=assumed)
        except Invalid as error:
            refused.append(Refusal(score=name, at=at, as_of=as_of, reason=str(error)))
        else:
            model = _model(name, learned, predictor=predictor, known=known, at=at)
            trained.append((model, drift.shares_of(watched(predictor, model, learned.on))))
    with transaction.atomic(durable=True):
        who = {"actor": actor.key, "actor_name": actor.name}
        models.Training.objects.bulk_create(
            [
                *(
                    models.Training(
                        score=model.score,
                        at=at,
                        as_of=as_of,
                        card=msgspec.to_builtins(model),
                        reference=msgspec.to_builtins(reference),
                        **who,
                    )
                    for model, reference in trained
                ),
                *(models.Training(score=each.score, at=at, as_of=as_of, reason=each.reason, **who) for each in refused),
            ]
        )
        audit.record(
            actor=actor,
            at=at,
            action="predictions.trained",
            subject="predictions:all",
            new={
                "as_of": as_of.isoformat(),
                "trained": [model.score for model, _ in trained],
                "refused": {each.score: each.reason for each in refused},
            },
        )
    return TrainReport(as_of=as_of, trained=tuple(model for model, _ in trained), refused=tuple(refused))


def train_later(*, actor: audit.Actor, at: datetime) -> bool:
    """Has a job train every score and give it to everybody; False where one waits already, which will do the same."""
    try:
        with transaction.atomic(durable=True):
            app.configure_task(TRAIN_TASK, queueing_lock=TRAIN_TASK).defer(
                timestamp=int(at.timestamp()), actor=actor.key, actor_name=actor.name
            )
    except AlreadyEnqueued:
        return False
    return True


def watched(predictor: Predictor, model: Model, snapshot: Snapshot) -> dict[str, Floats]:
    """The columns whose drift is watched: the inputs of the model, and the score where it is given."""
    values = predictor.predict(model.parameters, snapshot, method=model.method)
    return {**predictor.inputs(model.parameters, snapshot), "score": values[values == values]}  # noqa: PLR0124 - NaN


def _model(name: ScoreName, learned: Learned, *, predictor: Predictor, known: queries.Known, at: datetime) -> Model:
    on = learned.on
    first_date = known.snapshot(predictor.relation, known.as_of).first_date
    limits = (*learned.limits, "one_year") if known.as_of - first_date < SEASONS else learned.limits
    rows = on.columns["orders"] if "orders" in on.columns else on.columns["visits"]
    return Model(
        score=name,
        at=at,
        as_of=known.as_of,
        method=learned.method,
        horizon_days=predictor.horizon_days,
        rows=int(rows.sum()),
        customers=len(on.customer),
        first_date=first_date,
        parameters=learned.parameters,
        backtest=learned.backtest,
        limits=limits,
    )
