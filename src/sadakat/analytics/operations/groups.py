"""What keeps the groups: features of everybody over the lake, and the segments with their rules."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
from django.db import transaction
from django.utils import translation

from sadakat.analytics import features, naming, queries, rules
from sadakat.analytics.methods import clusters as clustering
from sadakat.analytics.methods import rfm
from sadakat.analytics.models import Fit, Grouping
from sadakat.analytics.types import Group, Refreshed, RulesVersion
from sadakat.customers import api as customers
from sadakat.kernel.errors import Invalid
from sadakat.platform import audit, brand, engine
from sadakat.segments import api as segments

REFIT: Final = timedelta(days=28)
"""How long the clusters found stay: their names and members would dance if they were found anew every day."""
_BATCH: Final = 5_000
"""Customers of one transaction."""
_RFM: Final = ("recency", "frequency", "monetary")
_Column = np.ndarray[Any, np.dtype[Any]]


def refresh_groups(*, at: datetime, actor: audit.Actor) -> Refreshed:
    """Computes features of every customer who has ever ordered, as of the local day, and installs the groups.

    Only what differs is written and evaluated anew, in batches, each a transaction of its own: running it again
    changes nothing, and after a crash does the rest.

    Raises:
        Unavailable: the home has no brand yet, or files of the lake are missing.
    """
    here = brand.current()
    day = here.day(at)
    found = engine.collect_columns(queries.habits(as_of=day, time_zone=here.time_zone))
    scores, cuts = _scored(found)
    cluster, portrait = _clustered(found, at=at)
    columns = {name: found[name].to_pylist() for name in _habit_names()} | scores | {"cluster": cluster}
    changed = 0
    for part in _changed(found, columns):
        with transaction.atomic(durable=True):
            customers.set_features(owner=features.OWNER, values=part, at=at)
            segments.touch(customer_ids=part)
        changed += len(part)
    report = Refreshed(customers=found.num_rows, changed=changed, clusters=len(portrait.get("centres", ())))
    with transaction.atomic(durable=True):
        _keep("rfm", cuts, customers=found.num_rows, at=at)
        _keep("clusters", portrait, customers=found.num_rows, at=at)
        if changed:
            new = {"customers": report.customers, "changed": report.changed, "clusters": report.clusters}
            audit.record(actor=actor, at=at, action="analytics.groups_refreshed", subject=f"day:{day}", new=new)
    _learn_rhythm(at=at, actor=actor)
    for group in Group:
        _install(group, at=at, actor=actor)
    _keep("stages", queries.stage_history(as_of=day), customers=found.num_rows, at=at)
    return report


def set_rules(*, group: Group, thresholds: Mapping[str, Any], actor: audit.Actor, at: datetime) -> RulesVersion:
    """Sets the thresholds of a group and changes its segments' rules; the same again changes nothing.

    Raises:
        Invalid: the group has no thresholds, or one is unknown or out of its range.
    """
    wanted = rules.checked(group, thresholds)
    with transaction.atomic(durable=True):
        # One at a time: what is audited as old must be what was replaced.
        latest = Grouping.objects.select_for_update().filter(group=group).order_by("-id").first()
        old = rules.checked(group, latest.rules if latest else {})
        if latest is None or wanted != old:
            latest = Grouping.objects.create(group=group, rules=wanted, actor=actor.key, actor_name=actor.name, at=at)
            audit.record(
                actor=actor, at=at, action="analytics.rules_set", subject=f"group:{group}", old=old, new=wanted
            )
    # After it: a rule that is saved and not installed is installed by the next run.
    _install(group, at=at, actor=actor)
    return RulesVersion(thresholds=latest.rules, actor_name=latest.actor_name, at=latest.at)


def _install(group: Group, *, at: datetime, actor: audit.Actor) -> None:
    """Makes the group's segments be what its rules say, with names in the brand's language."""
    portraits = queries.cluster_portraits() if group is Group.CLUSTER else ()
    given = queries.group_thresholds(group) if group in rules.ADJUSTABLE else None
    with translation.override(brand.current().language):
        words = naming.words_of(group, clusters=portraits)
        wanted = [
            (rule.key, naming.full_name(group, words[rule.key]), rules.document(rule.where))
            for rule in rules.rules_of(group, given, clusters=len(portraits))
        ]
    segments.ensure_group(group=group, segments=wanted, actor=actor, at=at)


def _learn_rhythm(*, at: datetime, actor: audit.Actor) -> None:
    """Sets, once, after how long a customer is to be won back; whoever sets it after that has the last word."""
    if queries.rules_versions(Group.PHASE, limit=1):
        return
    gaps, median = queries.rhythm(as_of=brand.current().day(at))
    if gaps >= rules.MIN_GAPS and median is not None:
        days = rules.silence_days(median_gap_days=median)
        set_rules(group=Group.PHASE, thresholds={"win_back_days": days}, actor=actor, at=at)


def _habit_names() -> list[str]:
    return [each.name for each in features.FEATURES if each.name.startswith("habit_")]


def _scored(found: pa.Table) -> tuple[dict[str, list[int | None]], dict[str, Any]]:
    """The scores of everybody who has an order that counts, and the cut points, from those of the trailing window."""
    recency = found["recency_days"].fill_null(0).to_numpy()
    has_ordered = found["recency_days"].is_valid().to_numpy()
    values = (recency, found["habit_orders"].to_numpy(), found["revenue"].to_numpy())
    is_recent = values[1] > 0
    if is_recent.sum() < rfm.MIN_CUSTOMERS:
        return {f"rfm_{name}": [None] * found.num_rows for name in _RFM}, {}
    cuts = {name: rfm.cut_points(column[is_recent]) for name, column in zip(_RFM, values, strict=True)}
    scores = {
        f"rfm_{name}": [
            score if has else None
            for score, has in zip(
                rfm.scores(column, cuts=cuts[name], is_less_better=name == "recency").tolist(), has_ordered, strict=True
            )
        ]
        for name, column in zip(_RFM, values, strict=True)
    }
    return scores, {name: list(points) for name, points in cuts.items()}


def _clustered(found: pa.Table, *, at: datetime) -> tuple[list[str | None], dict[str, Any]]:
    """The cluster of everybody who ordered in the trailing window, and what the clusters are; empty for none."""
    names, values, is_asked = _alike(found)
    kept = queries.latest_fit("clusters")
    body = kept.body if kept and kept.at > at - REFIT else {}
    if body.get("columns") != names:
        try:
            fitted = clustering.fit(values, worth=found["revenue"].to_numpy()[is_asked].astype(np.float64))
        except Invalid:
            return [None] * found.num_rows, {}
        body = {
            "columns": names,
            "means": fitted.means.tolist(),
            "spreads": fitted.spreads.tolist(),
            "centres": fitted.centres.tolist(),
        }
    model = clustering.Clusters(
        means=np.array(body["means"]),
        spreads=np.array(body["spreads"]),
        centres=np.array(body["centres"]),
    )
    cluster: list[str | None] = [None] * found.num_rows
    for row, number in zip(np.flatnonzero(is_asked), model.assign(values), strict=True):
        cluster[row] = f"c{number + 1}"
    return cluster, body


def _alike(found: pa.Table) -> tuple[list[str], _Column, _Column]:
    """What customers are compared by: names and values of columns, and who is compared.

    Amounts and counts by their logarithm, since the tenth order tells less than the second; what is unknown of
    somebody is taken for the mean; a column that nobody differs in is left out.
    """
    is_asked = found["habit_orders"].to_numpy() > 0
    asked = found.filter(pa.array(is_asked))

    def column(name: str) -> _Column:
        return np.asarray(asked[name].cast(pa.float64()).to_numpy(), dtype=np.float64)

    orders = column("habit_orders")
    columns = {
        "recency_days": np.log1p(column("recency_days")),
        "orders": np.log1p(orders),
        "basket": np.log1p(column("revenue") / orders),
        "deals": column("habit_deal_share"),
        "categories": np.log1p(column("habit_categories")),
        "visits": np.log1p(column("visits")),
    }
    telling = {name: values for name, values in columns.items() if len(set(values[~np.isnan(values)])) > 1}
    filled = [np.where(np.isnan(values), np.nanmean(values), values) for values in telling.values()]
    return list(telling), np.column_stack(filled) if filled else np.empty((len(orders), 0)), is_asked


def _changed(found: pa.Table, columns: Mapping[str, list[Any]]) -> Iterator[dict[int, dict[str, Any]]]:
    """The features of the customers who have others now, in batches."""
    names = sorted(columns)
    for start in range(0, found.num_rows, _BATCH):
        part = found.slice(start, _BATCH)
        new = zip(*(columns[name][start : start + _BATCH] for name in names), strict=True)
        old = zip(*(part[f"now_{name}"].to_pylist() for name in names), strict=True)
        changed = {
            customer_id: dict(zip(names, wanted, strict=True))
            for customer_id, wanted, present in zip(part["customer_id"].to_pylist(), new, old, strict=True)
            if wanted != present
        }
        if changed:
            yield changed


def _keep(kind: str, body: dict[str, Any], *, customers: int, at: datetime) -> None:
    latest = queries.latest_fit(kind)
    if latest is None or latest.body != body:
        Fit.objects.create(kind=kind, body=body, customers=customers, at=at)
