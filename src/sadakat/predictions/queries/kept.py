"""Reads of what is kept: cards, the past of models, and the scores of one customer."""

from collections.abc import Iterable
from typing import Final

import msgspec

from sadakat.customers import api as customers
from sadakat.predictions import models
from sadakat.predictions.features import feature_of
from sadakat.predictions.methods.predictors import PREDICTORS
from sadakat.predictions.queries import known
from sadakat.predictions.types import (
    Assumptions,
    CustomerScores,
    Model,
    ModelCard,
    Reason,
    Refusal,
    Score,
    ScoreName,
    Scoring,
)

MAX_LISTED: Final = 200
SHOWN_REASONS: Final = 3


def cards() -> tuple[ModelCard, ...]:
    """The card of each score, in their order."""
    return tuple(card(name) for name in ScoreName)


def card(name: ScoreName) -> ModelCard:
    """Everything to be known of one score."""
    latest = trainings(name, limit=1)
    return ModelCard(
        score=name,
        model=model_of(name),
        scoring=next(iter(scorings(name, limit=1)), None),
        refusal=next((each for each in latest if isinstance(each, Refusal)), None),
    )


def model_of(name: ScoreName) -> Model | None:
    """The model in use: the latest that could be trained."""
    row = training_of(name)
    return None if row is None else msgspec.convert(row.card, Model)


def training_of(name: ScoreName) -> models.Training | None:
    """The row of the model in use."""
    return models.Training.objects.filter(score=name, reason="").order_by("-at", "-id").first()


def trainings(name: ScoreName, *, limit: int = 20) -> tuple[Model | Refusal, ...]:
    """What the trainings of a score came to, latest first; at most `MAX_LISTED`."""
    rows = models.Training.objects.filter(score=name).order_by("-at", "-id")[: min(limit, MAX_LISTED)]
    return tuple(
        Refusal(score=name, at=row.at, as_of=row.as_of, reason=row.reason)
        if row.reason
        else msgspec.convert(row.card, Model)
        for row in rows
    )


def scorings(name: ScoreName, *, limit: int = 60) -> tuple[Scoring, ...]:
    """When and how a score was computed for everybody, latest first: distribution and drift over time."""
    rows = models.Scoring.objects.filter(score=name).order_by("-at", "-id")[: min(limit, MAX_LISTED)]
    return tuple(msgspec.convert(row.body, Scoring) for row in rows)


def assumptions() -> Assumptions:
    """What lifetime value takes for granted now."""
    model = model_of(ScoreName.CLV)
    return Assumptions() if model is None else msgspec.convert(model.parameters["assumptions"], Assumptions)


def scores_of(customer_id: int) -> CustomerScores:
    """All scores of a customer; the reasons are found anew from what was known on the day of the scores.

    Raises:
        NotFound: there is no such customer.
        Unavailable: files of the lake are missing.
    """
    customer = customers.customer(customer_id)
    values = {name: customer.features[feature_of(name).name] for name in ScoreName}
    reasons = dict(_reasons(customer.id, [name for name, value in values.items() if value is not None]))
    scored = {name: next(iter(scorings(name, limit=1)), None) for name in ScoreName}
    return CustomerScores(
        customer_id=customer.id,
        scores=tuple(
            Score(
                name=name,
                value=value,
                as_of=None if (scoring := scored[name]) is None else scoring.as_of,
                reasons=reasons.get(name, ())[:SHOWN_REASONS],
            )
            for name, value in values.items()
        ),
    )


def _reasons(customer_id: int, names: Iterable[ScoreName]) -> Iterable[tuple[ScoreName, tuple[Reason, ...]]]:
    snapshots = {}
    profile_ids = customers.profiles_of([customer_id])[customer_id]
    for name in names:
        scoring, model, predictor = next(iter(scorings(name, limit=1)), None), model_of(name), PREDICTORS[name]
        if scoring is None or model is None:
            continue
        asked = (predictor.relation, scoring.as_of)
        if asked not in snapshots:
            snapshots[asked] = known.read(asked[0], cut=asked[1], profile_ids=profile_ids)
        # An order that was cancelled since may have been all there was.
        if len(snapshots[asked].customer):
            yield name, predictor.reasons(model.parameters, snapshots[asked])
