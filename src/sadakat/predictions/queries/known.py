"""What the lake knows of customers as of any past day."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, Final

import ibis
import numpy as np

from sadakat.platform import engine
from sadakat.predictions import tables
from sadakat.predictions.methods.predictors import Predictor, Relation
from sadakat.predictions.types.methods import Floats, Fold, Lesson, Outcome, Snapshot

CUTS: Final = 3
"""Past days of a back-test."""
CUT_STEP_DAYS: Final = 30
"""Between them; every horizon is a multiple of it, so that scores share the days they look at."""
_COLUMNS: Final = {Relation.HISTORIES: tables.HISTORY_COLUMNS, Relation.VISITORS: tables.VISITOR_COLUMNS}


class Known:
    """Snapshots and outcomes up to a day, each read once: several scores look at the same."""

    def __init__(self, *, as_of: date) -> None:
        self.as_of = as_of
        self._snapshots: dict[tuple[Relation, date], Snapshot] = {}
        self._orders: dict[tuple[date, date], dict[str, Any]] = {}

    def snapshot(self, relation: Relation, cut: date) -> Snapshot:
        """What was known before `cut`, a day up to that of this object.

        Raises:
            Unavailable: files of the lake are missing.
        """
        if (relation, cut) not in self._snapshots:
            self._snapshots[relation, cut] = read(relation, cut=cut)
        return self._snapshots[relation, cut]

    def lesson(self, predictor: Predictor) -> Lesson:
        """Everything that a score is learned from."""
        horizon = timedelta(days=predictor.test_days)
        folds = []
        for steps in reversed(range(CUTS)):
            cut = self.as_of - horizon - timedelta(days=steps * CUT_STEP_DAYS)
            learned = self._active(predictor, cut - horizon)
            asked = self._active(predictor, cut)
            folds.append(
                Fold(
                    learned=learned,
                    learned_outcome=self._outcome(learned, until=cut),
                    asked=asked,
                    outcome=self._outcome(asked, until=cut + horizon),
                )
            )
        learned = self._active(predictor, self.as_of - horizon)
        return Lesson(
            folds=tuple(folds),
            learned=learned,
            outcome=self._outcome(learned, until=self.as_of),
            latest=self._active(predictor, self.as_of),
        )

    def _active(self, predictor: Predictor, cut: date) -> Snapshot:
        return predictor.active(self.snapshot(predictor.relation, cut))

    def _outcome(self, snapshot: Snapshot, *, until: date) -> Outcome:
        key = (snapshot.cut_date, until)
        if key not in self._orders:
            self._orders[key] = _columns(tables.outcomes(cut=snapshot.cut_date, until=until))
        orders = self._orders[key]
        days, amount = np.full(len(snapshot.customer), np.inf), np.zeros(len(snapshot.customer))
        _, rows, ordered = np.intersect1d(
            snapshot.customer, orders["customer_id"], assume_unique=True, return_indices=True
        )
        days[rows], amount[rows] = orders["days"][ordered], orders["amount"][ordered]
        return Outcome(until_date=until, days=days, amount=amount)


def read(relation: Relation, *, cut: date, profile_ids: Collection[int] = ()) -> Snapshot:
    """What was known before `cut`, of everybody or of those of these profiles, who may not be there.

    Raises:
        Unavailable: files of the lake are missing.
    """
    ask = tables.histories if relation is Relation.HISTORIES else tables.visitors
    columns = _columns(ask(known_before=cut, profile_ids=profile_ids))
    return Snapshot(
        cut_date=cut,
        customer=columns["customer_id"].astype(np.int64),
        columns={name: columns[name] for name in _COLUMNS[relation]},
    )


def _columns(expression: ibis.Table) -> dict[str, Floats]:
    """The columns of an expression in the order of customer ids, which stay exact below 2**53."""
    table = engine.collect_columns(expression.order_by("customer_id"))
    return {name: table[name].to_numpy().astype(np.float64) for name in table.column_names}
