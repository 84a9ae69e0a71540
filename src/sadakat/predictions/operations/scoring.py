"""Giving every customer the scores, by the models in use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from django.db import transaction

from sadakat.customers import api as customers
from sadakat.platform import audit, brand
from sadakat.predictions import features, models, queries
from sadakat.predictions.methods import drift
from sadakat.predictions.methods.predictors import PREDICTORS
from sadakat.predictions.operations.training import watched
from sadakat.predictions.types import Bar, Model, ScoreName, Scoring
from sadakat.predictions.types.methods import Floats, Integers, Shares
from sadakat.segments import api as segments

BATCH: Final = 5_000
"""Customers of one transaction; the same as one statement of `customers.set_features` takes."""
BARS: Final = 10
LONG_TAIL: Final = 0.95
"""Amounts and days are drawn in bars of equal width up to this quantile; the last bar has the rest."""


def score(*, at: datetime, actor: audit.Actor = audit.SYSTEM) -> tuple[Scoring, ...]:
    """Writes every score of every customer as features, and keeps how they are spread and how far they have drifted.

    Where a score cannot be given it is null, also for those who had it before. Doing it again gives the same. It goes
    in batches, each a transaction with a word to `segments`.

    Raises:
        Unavailable: the home has no brand yet, or files of the lake are missing.
    """
    as_of = brand.current().day(at)
    known = queries.Known(as_of=as_of)
    given: dict[ScoreName, tuple[Integers, Floats]] = {}
    scorings: list[tuple[int, Scoring]] = []
    for name, predictor in PREDICTORS.items():
        training = queries.training_of(name)
        if training is None:
            continue
        model = msgspec.convert(training.card, Model)
        snapshot = predictor.active(known.snapshot(predictor.relation, as_of))
        values = predictor.predict(model.parameters, snapshot, method=model.method)
        is_given = np.isfinite(values)
        given[name] = snapshot.customer[is_given], values[is_given]
        remembered = msgspec.convert(training.reference, dict[str, Shares])
        readings = drift.readings(remembered, watched(predictor, model, snapshot))
        spread = _spread(values[is_given])
        scorings.append((training.pk, Scoring(score=name, at=at, as_of=as_of, drift=readings, **spread)))
    count = _write(given, at=at)
    with transaction.atomic(durable=True):
        models.Scoring.objects.bulk_create(
            models.Scoring(score=each.score, at=at, training_id=training_id, body=msgspec.to_builtins(each))
            for training_id, each in scorings
        )
        audit.record(
            actor=actor,
            at=at,
            action="predictions.scored",
            subject="predictions:all",
            new={"as_of": as_of.isoformat(), "customers": count, "scores": [each.score for _, each in scorings]},
        )
    return tuple(each for _, each in scorings)


def _write(given: Mapping[ScoreName, tuple[Integers, Floats]], *, at: datetime) -> int:
    """Writes the features of everybody who has a score or had one; gives their number."""
    names = {name: features.feature_of(name).name for name in ScoreName}
    had = np.array(customers.customers_having(names.values()), dtype=np.int64)
    ids = np.unique(np.concatenate([had, *(customer for customer, _ in given.values())]))
    columns: dict[str, Any] = {}
    for name, feature in names.items():
        values = np.full(len(ids), None, dtype=object)
        if name in given:
            customer, found = given[name]
            values[np.searchsorted(ids, customer)] = found.astype(np.int64) if name is ScoreName.CLV else found
        columns[feature] = values.tolist()
    everybody = ids.tolist()
    for start in range(0, len(everybody), BATCH):
        rows = slice(start, start + BATCH)
        part = {
            customer_id: dict(zip(columns, row, strict=True))
            for customer_id, *row in zip(everybody[rows], *(column[rows] for column in columns.values()), strict=True)
        }
        with transaction.atomic(durable=True):
            customers.set_features(owner=features.OWNER, values=part, at=at)
            segments.touch(customer_ids=part)
    return len(everybody)


def _spread(values: Floats) -> dict[str, Any]:
    """How a score is spread: number, mean, median and bars; probabilities in tenths."""
    if not len(values):
        return {"customers": 0, "mean": None, "median": None, "distribution": ()}
    highest = float(values.max())
    if highest <= 1:
        edges = np.linspace(0, 1, BARS + 1)
    else:
        edges = np.append(np.linspace(0, max(float(np.quantile(values, LONG_TAIL)), 1.0), BARS), highest)
        edges = np.unique(edges)
    counted, _ = np.histogram(values, bins=edges)
    return {
        "customers": len(values),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "distribution": tuple(
            Bar(low=float(low), high=float(high), customers=int(number))
            for low, high, number in zip(edges[:-1], edges[1:], counted, strict=True)
        ),
    }
