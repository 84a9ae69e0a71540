"""Predictions: how good each score is, how it is spread, and training anew."""

from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, parts
from sadakat.predictions import api as predictions
from sadakat.predictions.types import Backtest, Calibration, Drift, DriftLevel, Model, ModelCard, ScoreName, Scoring
from sadakat.predictions.web import words

_LIST: Final = [
    parts.Column(label=gettext_lazy("Score")),
    parts.Column(label=gettext_lazy("Customers"), is_numeric=True),
    parts.Column(label=gettext_lazy("Mean"), is_numeric=True),
    parts.Column(label=gettext_lazy("AUC"), is_numeric=True),
    parts.Column(label=gettext_lazy("Since training")),
    parts.Column(label=gettext_lazy("As of")),
]
_DRIFT: Final = [
    parts.Column(label=gettext_lazy("Input")),
    parts.Column(label=gettext_lazy("Stability index"), is_numeric=True),
    parts.Column(label=gettext_lazy("Says")),
]
_INPUTS: Final = [
    parts.Column(label=gettext_lazy("Input")),
    parts.Column(label=gettext_lazy("Weight"), is_numeric=True),
]
_ORDER: Final = (DriftLevel.STABLE, DriftLevel.MOVED, DriftLevel.CHANGED)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def scores(request: HttpRequest) -> HttpResponse:
    """Every score, with how good it is."""
    currency = brand.current().currency
    table = parts.short_table(
        request,
        caption=_("Scores"),
        columns=_LIST,
        rows=[_row(card, currency=currency) for card in predictions.cards()],
        empty=parts.Empty(icon="sparkles", title=_("No scores")),
    )
    context = {"table": table, "may_train": access.may(request.user, Permission.MANAGE_PREDICTIONS)}
    return render(request, "predictions/scores.html", context)


@require_POST
@access.requires(Permission.MANAGE_PREDICTIONS)
def train(request: HttpRequest) -> HttpResponse:
    """Has every score trained in the background."""
    predictions.train_later(actor=access.actor_of(request.user), at=timezone.now())
    messages.success(request, _("Training has begun. The scores are here in a minute or two; you can leave."))
    return redirect("predictions")


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def card(request: HttpRequest, name: str) -> HttpResponse:
    """One score: what it is, how it did on past days, what it rests on."""
    if name not in set(ScoreName):
        raise Http404
    score = ScoreName(name)
    found = predictions.card(score)
    currency = brand.current().currency
    context: dict[str, Any] = {"title": words.score_name(score), "meaning": words.MEANINGS[score], "card": found}
    if found.model is not None:
        context |= _of_model(request, found.model, currency=currency)
    if found.scoring is not None:
        context |= _of_scoring(request, found.scoring, currency=currency)
    return render(request, "predictions/card.html", context)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def of_customer(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The scores of a customer with what matters most in each: a part of his page, asked for by it."""
    currency = brand.current().currency
    rows = [
        {
            "title": words.score_name(each.name),
            "value": words.written(each.name, each.value, currency=currency),
            "reasons": [words.reason(found, currency=currency) for found in each.reasons],
            "as_of": each.as_of,
        }
        for each in predictions.scores_of(customer_id).scores
        if each.value is not None
    ]
    return render(request, "predictions/_customer.html", {"rows": rows})


def _row(card: ModelCard, *, currency: str) -> dict[str, Any]:
    scoring, model = card.scoring, card.model
    worst = max((each.level for each in scoring.drift), key=_ORDER.index, default=None) if scoring else None
    return {
        "name": card.score,
        "title": words.score_name(card.score),
        "meaning": words.MEANINGS[card.score],
        "customers": scoring and scoring.customers,
        "mean": words.written(card.score, scoring.mean if scoring else None, currency=currency),
        "auc": formats.number(model.backtest.means.get("auc") if model else None, decimals=3),
        "drift": words.DRIFTS[worst] if worst else None,
        "as_of": scoring and scoring.as_of,
        "refusal": card.refusal,
    }


def _of_model(request: HttpRequest, model: Model, *, currency: str) -> dict[str, Any]:
    backtest = model.backtest
    return {
        "facts": [
            (_("Method"), words.METHODS[model.method]),
            (_("Trained on"), _("%(count)s customers") % {"count": formats.number(model.customers)}),
            (_("Days seen"), f"{formats.short_date(model.first_date)} – {formats.short_date(model.as_of)}"),
            (_("Trained"), formats.instant(model.at, zone=brand.current().zone)),
        ],
        "limits": [words.LIMITS.get(key, key) for key in model.limits],
        "cuts": _cuts(request, backtest, currency=currency),
        "calibration": backtest.calibration and _calibration(backtest.calibration),
        "lift": _lift(model) if any(each.lift is not None for each in backtest.deciles) else None,
        "inputs": _inputs(request, model),
    }


def _cuts(request: HttpRequest, backtest: Backtest, *, currency: str) -> parts.Table:
    """A row for each past day, and their mean."""
    keys = [key for key in words.FIGURES if any(key in cut.figures for cut in backtest.cuts)]
    rows = [
        {
            "label": formats.short_date(cut.cut_date),
            "cells": [
                formats.number(cut.customers),
                formats.number(cut.positives),
                *(words.figure(key, cut.figures.get(key), currency=currency) for key in keys),
            ],
        }
        for cut in backtest.cuts
    ]
    means = [words.figure(key, backtest.means.get(key), currency=currency) for key in keys]
    return parts.short_table(
        request,
        caption=_("Back-test"),
        columns=[
            parts.Column(label=_("Cut day")),
            parts.Column(label=_("Customers"), is_numeric=True),
            parts.Column(label=_("Of whom it came true"), is_numeric=True),
            *(parts.Column(label=words.FIGURES[key], is_numeric=True) for key in keys),
        ],
        rows=[*rows, {"label": _("Mean"), "cells": ["", "", *means]}],
        empty=parts.Empty(icon="history", title=_("Not tried on past days")),
    )


def _calibration(found: Calibration) -> charts.Chart:
    return charts.line(
        title=_("Predicted beside observed"),
        label_name=_("Predicted"),
        labels=[formats.percent(each.predicted, decimals=0) for each in found.bins],
        series=[
            charts.Series(_("Observed"), [each.observed for each in found.bins]),
            charts.Series(_("Predicted"), [each.predicted for each in found.bins], "b"),
        ],
        show=formats.percent,
    )


def _lift(model: Model) -> charts.Chart:
    return charts.bars(
        title=_("Lift by tenth of the customers"),
        label_name=_("Tenth"),
        value_name=_("Times the average"),
        labels=[str(each.number) for each in model.backtest.deciles],
        values=[each.lift for each in model.backtest.deciles],
        show=lambda value: formats.number(value, decimals=2),
    )


def _inputs(request: HttpRequest, model: Model) -> parts.Table:
    """The weights of a regression, the heaviest first; or the parameters of the other methods."""
    weights = model.parameters.get("weights")
    if weights is not None:
        pairs = [(words.input_name(each["key"]), each["coefficient"]) for each in weights]
        pairs.sort(key=lambda pair: -abs(pair[1]))
    else:
        fitted = {**model.parameters.get("purchases", {}), **model.parameters.get("spend", {})}
        pairs = [(name, fitted[name]) for name in ("r", "alpha", "a", "b", "p", "q", "v") if name in fitted]
    return parts.short_table(
        request,
        caption=_("What it rests on"),
        columns=_INPUTS,
        rows=[{"label": label, "value": formats.number(value, decimals=3)} for label, value in pairs],
        empty=parts.Empty(icon="scale", title=_("Nothing is weighed")),
    )


def _of_scoring(request: HttpRequest, scoring: Scoring, *, currency: str) -> dict[str, Any]:
    return {
        "figures": [
            parts.Figure(label=_("Customers with the score"), value=formats.number(scoring.customers), note=""),
            parts.Figure(label=_("Mean"), value=words.written(scoring.score, scoring.mean, currency=currency), note=""),
            parts.Figure(
                label=_("Median"), value=words.written(scoring.score, scoring.median, currency=currency), note=""
            ),
        ],
        "as_of": scoring.as_of,
        "spread": charts.bars(
            title=_("How customers are spread"),
            label_name=_("Score"),
            value_name=_("Customers"),
            labels=[_bar(scoring.score, each.low, currency=currency) for each in scoring.distribution],
            values=[each.customers for each in scoring.distribution],
            show=formats.number,
        )
        if scoring.distribution
        else None,
        "drift": parts.short_table(
            request,
            caption=_("Since training"),
            columns=_DRIFT,
            rows=[_drift(each) for each in scoring.drift],
            empty=parts.Empty(icon="waves", title=_("Nothing is watched yet")),
        ),
    }


def _bar(name: ScoreName, low: float, *, currency: str) -> str:
    if name is ScoreName.CLV:
        return formats.compact_money(round(low), currency=currency)
    return formats.number(round(low)) if name is ScoreName.NEXT_ORDER else formats.percent(low, decimals=0)


def _drift(found: Drift) -> dict[str, Any]:
    word, tone = words.DRIFTS[found.level]
    return {
        "label": words.input_name(found.key),
        "psi": formats.number(found.psi, decimals=3),
        "word": word,
        "tone": tone,
    }
