"""Scores from orders to features: a shop whose customers behave as planned, past days as they were, and refusals."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from sadakat.predictions.types import Assumptions, DriftLevel, Model, ScoreMethod, ScoreName
from tests.integration.asking import caller, refusal
from tests.integration.lake_rows import Entry, insert, local_date

AS_OF = date(2026, 11, 20)
FAITHFUL, FADING = range(1, 181), range(181, 361)
FEATURES = [f"score_{name}" for name in ScoreName]


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(9, 0), tzinfo=UTC)


def sync(now: datetime) -> None:
    from sadakat.platform import lake

    lake.sync(at=now)


def orders(profile: int, days: Iterable[date], *, amount: int, channel: str = "online") -> list[Entry]:
    return [
        Entry(order=f"{profile}-{day}", profile=profile, at=noon(day), amount=amount + place, channel=channel)
        for place, day in enumerate(days)
    ]


def shop() -> list[Entry]:
    """Faithful customers order about every nine days to the end; the fading stop for good, some every month."""
    dice, entries = Random(20261120), []
    for profile in (*FAITHFUL, *FADING):
        day = AS_OF - timedelta(days=dice.randrange(300, 330))
        end = AS_OF
        if profile in FADING:
            end -= timedelta(days=dice.randrange(10, 290))
        days = []
        while day < end:
            days.append(day)
            day += timedelta(days=dice.randrange(5, 14))
        entries += orders(profile, days, amount=1_000 + 40 * (profile % 50) + dice.randrange(200))
    return entries


def train(now: datetime, **options: Any) -> Any:
    from sadakat.platform import audit
    from sadakat.predictions import api as predictions

    return predictions.train(actor=audit.CLI, at=now, **options)


def score(now: datetime) -> Any:
    from sadakat.predictions import api as predictions

    return predictions.score(at=now)


def values() -> dict[int, dict[str, Any]]:
    """The scores of everybody who has a feature row."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT customer_id, {', '.join(FEATURES)} FROM customers_feature ORDER BY customer_id")
        return {row[0]: dict(zip(ScoreName, row[1:], strict=True)) for row in cursor.fetchall()}


def actions() -> list[tuple[str, str]]:
    from sadakat.platform.models import AuditEntry

    rows = AuditEntry.objects.filter(action__startswith="predictions.").order_by("id")
    return list(rows.values_list("action", "actor"))


def mean(found: dict[int, dict[str, Any]], name: ScoreName, among: range) -> float:
    return float(np.mean([found[customer][name] for customer in among if found[customer][name] is not None]))


def test_everybody_gets_scores_that_fit_what_they_do(now: datetime) -> None:
    from django.db import connection

    from sadakat.predictions import api as predictions

    insert(shop())
    sync(now)
    assert [(card.model, card.scoring, card.refusal) for card in predictions.cards()] == [(None, None, None)] * 6
    assert score(now) == ()
    assert values() == {}

    report = train(now)
    assert [model.score for model in report.trained] == [name for name in ScoreName if name != ScoreName.PROSPECT]
    assert [(each.score, each.as_of) for each in report.refused] == [(ScoreName.PROSPECT, AS_OF)]
    assert report.refused[0].reason == (
        "as of 2026-07-23: at least 200 customers with a known outcome are needed, 30 with it and 30 without; "
        "there are 0, 0 and 0"
    )
    assert report.as_of == AS_OF
    for model in report.trained:
        days = 30 if model.score == ScoreName.CHURN_30 else 90
        assert [cut.cut_date for cut in model.backtest.cuts] == [
            AS_OF - timedelta(days=days + step) for step in (60, 30, 0)
        ]
        assert model.first_date == min(entry.date for entry in shop())
        assert "one_year" in model.limits
    churn = report.trained[0]
    assert churn.backtest.means["auc"] > 0.85
    assert churn.backtest.calibration is not None

    scorings = score(now)
    found = values()
    assert len(found) == 360
    assert [(each.score, each.as_of) for each in scorings] == [(model.score, AS_OF) for model in report.trained]
    for each in scorings:
        given = [row[each.score] for row in found.values() if row[each.score] is not None]
        assert each.customers == len(given) == sum(bar.customers for bar in each.distribution)
        assert all(math.isfinite(value) for value in given)
        assert each.mean == pytest.approx(np.mean(given))
    for name in (ScoreName.CHURN, ScoreName.CHURN_30, ScoreName.ALIVE):
        assert all(0 <= row[name] <= 1 for row in found.values() if row[name] is not None)
    assert mean(found, ScoreName.CHURN, FAITHFUL) < 0.3
    assert mean(found, ScoreName.CHURN, FADING) > 0.7
    assert mean(found, ScoreName.CHURN_30, FAITHFUL) < 0.3
    assert mean(found, ScoreName.CHURN_30, FADING) > 0.7
    assert mean(found, ScoreName.ALIVE, FAITHFUL) > 0.9
    assert mean(found, ScoreName.ALIVE, FADING) < 0.5
    assert mean(found, ScoreName.CLV, FAITHFUL) > 3 * mean(found, ScoreName.CLV, FADING)
    assert all(isinstance(row[ScoreName.CLV], int) for row in found.values())
    assert all(1 <= found[customer][ScoreName.NEXT_ORDER] <= 20 for customer in FAITHFUL)
    assert any(row[ScoreName.NEXT_ORDER] is None for row in found.values())
    assert {row[ScoreName.PROSPECT] for row in found.values()} == {None}
    assert actions() == [
        ("predictions.scored", "system"),
        ("predictions.trained", "cli"),
        ("predictions.scored", "system"),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT customer_id) FROM segments_touched")
        assert cursor.fetchall() == [(360,)]

    score(now)
    assert values() == found


def test_a_customer_s_scores_are_explained(now: datetime) -> None:
    from sadakat.predictions import api as predictions

    insert(shop())
    sync(now)
    train(now)
    score(now)
    found = values()
    lost = max(FADING, key=lambda customer: found[customer][ScoreName.CHURN] or 0)
    told = predictions.scores_of(lost)
    assert [each.name for each in told.scores] == list(ScoreName)
    assert {each.name: each.value for each in told.scores} == found[lost]
    churn, model = told.scores[0], predictions.card(ScoreName.CHURN).model
    assert model is not None
    assert (churn.as_of, len(churn.reasons)) == (AS_OF, 3 if model.method is ScoreMethod.LOGISTIC else 1)
    assert ("recency_is_enough" in model.limits) == (model.method is ScoreMethod.RECENCY)
    assert churn.reasons[0].contribution is not None
    assert churn.reasons[0].contribution > 0
    assert [reason.key for reason in told.scores[3].reasons] == ["frequency", "recency", "age"]
    assert {reason.contribution for reason in told.scores[3].reasons} == {None}
    assert (told.scores[5].as_of, told.scores[5].reasons) == (None, ())

    till = caller("customers:read", "metrics:read")
    document = till.get(f"/customers/{lost}/scores")
    assert document["customer_id"] == lost
    assert document["scores"][0]["value"] == found[lost][ScoreName.CHURN]
    assert document["scores"][0]["as_of"] == "2026-11-20"
    assert set(document["scores"][0]["reasons"][0]) == {"key", "value", "average", "contribution"}
    cards = till.get("/scores")["items"]
    assert [card["score"] for card in cards] == list(ScoreName)
    assert cards[0]["model"]["at"] == "2026-11-20T09:00:00Z"
    assert cards[0]["model"]["backtest"]["cuts"][0]["cut_date"] == "2026-06-23"
    assert cards[5]["model"] is None
    assert cards[5]["refusal"]["reason"].endswith("there are 0, 0 and 0")
    assert till.ask("GET", "/customers/999999/scores") == refusal(404, "Not Found", "no customer is known as '999999'")


def test_what_comes_after_a_day_changes_nothing_of_what_was_known_before_it(now: datetime) -> None:
    from sadakat.predictions import queries
    from sadakat.predictions.methods.predictors import Relation

    cut = AS_OF - timedelta(days=100)
    insert(shop())
    sync(now)

    def known(day: date) -> dict[str, list[float]]:
        found = queries.Known(as_of=AS_OF).snapshot(Relation.HISTORIES, day)
        return {"customer": found.customer.tolist()} | {name: c.tolist() for name, c in found.columns.items()}

    before = known(cut)
    past = [entry for entry in shop() if entry.date < cut]
    later = [
        Entry(
            order=e.order, profile=e.profile, number=1, kind="refunded", at=noon(cut), order_at=e.at, amount=-e.amount
        )
        for e in past[:200]
    ]
    insert([*orders(999, [cut, cut + timedelta(days=3)], amount=500), *orders(1, [cut], amount=7), *later])
    sync(now)
    assert known(cut) == before
    assert known(cut + timedelta(days=1)) != before

    refunded = past[200]
    earlier = Entry(
        order=refunded.order,
        profile=refunded.profile,
        number=1,
        kind="refunded",
        at=noon(cut - timedelta(days=1)),
        order_at=refunded.at,
        amount=-1,
    )
    insert([earlier])
    sync(now)
    assert sum(before["monetary"]) > sum(known(cut)["monetary"])


def test_a_model_and_its_back_test_know_nothing_of_later_days(now: datetime) -> None:
    insert(shop())
    sync(now)

    def learned() -> dict[str, Any]:
        return {
            model.score: (model.parameters, model.backtest, model.customers, model.rows)
            for model in train(now, scores=[ScoreName.CHURN_30, ScoreName.CLV, ScoreName.NEXT_ORDER]).trained
        }

    before = learned()
    insert([*orders(1, [AS_OF, AS_OF + timedelta(days=1)], amount=90_000), *orders(900, [AS_OF], amount=10)])
    sync(now)
    assert learned() == before


def plain(entries: list[Entry], cut: date) -> dict[int, dict[str, float]]:
    """The histories as plainly as possible."""
    net: dict[str, list[Any]] = {}
    for entry in entries:
        if entry.date < cut:
            seen = net.setdefault(entry.order, [entry.profile, entry.order_date, 0, entry.channel])
            seen[2] += entry.amount
    by_customer: dict[int, list[Any]] = defaultdict(list)
    for seen in net.values():
        if seen[2] > 0:
            by_customer[seen[0]].append(seen)
    found = {}
    for customer, own in by_customer.items():
        days: dict[date, int] = defaultdict(int)
        for _, day, amount, _ in own:
            days[day] += amount
        first, last = min(days), max(days)
        silence, frequency, total = (cut - last).days, len(days) - 1, sum(days.values())
        gap = (last - first).days / frequency if frequency else silence
        one = total / len(days)
        lately = sum(amount for day, amount in days.items() if (cut - day).days <= 90)
        before = sum(amount for day, amount in days.items() if 90 < (cut - day).days <= 180)
        found[customer] = {
            "orders": len(own),
            "frequency": frequency,
            "recency": (last - first).days,
            "age": (cut - first).days - 1,
            "mean_amount": (total - days[first]) / frequency if frequency else 0,
            "silence": silence,
            "mean_gap": gap,
            "overdue": silence / gap,
            "monetary": one,
            **{f"orders_{n}": sum((cut - day).days <= n for day in days) for n in (30, 90, 180)},
            "trend": (lately + one) / (before + one),
            "channels": len({channel for *_, channel in own}),
        }
    return found


def test_histories_are_those_of_a_plain_computation(now: datetime) -> None:
    from sadakat.predictions import queries
    from sadakat.predictions.methods.predictors import Relation

    dice, entries = Random(5), []
    for number in range(600):
        at = noon(AS_OF - timedelta(days=dice.randrange(-5, 260))) + timedelta(hours=dice.randrange(-8, 14))
        amount, channel = dice.randrange(0, 5_000), dice.choice(["online", "store"])
        profile = dice.randrange(1, 60)
        entries.append(Entry(order=str(number), profile=profile, at=at, amount=amount, channel=channel))
        if dice.random() < 0.3:
            back = at + timedelta(days=dice.randrange(0, 40))
            less = -dice.choice([amount, amount // 2])
            entries.append(
                Entry(
                    order=str(number),
                    profile=profile,
                    number=1,
                    kind="refunded",
                    at=back,
                    order_at=at,
                    amount=less,
                    channel=channel,
                )
            )
    insert(entries)
    sync(now)
    for cut in (AS_OF, AS_OF - timedelta(days=77), local_date(entries[0].at)):
        expected = plain(entries, cut)
        found = queries.Known(as_of=AS_OF).snapshot(Relation.HISTORIES, cut)
        assert found.customer.tolist() == sorted(expected)
        for name, column in found.columns.items():
            assert column.tolist() == pytest.approx([expected[c][name] for c in sorted(expected)]), name


def test_a_refusal_leaves_the_former_model_and_is_listed(now: datetime) -> None:
    from sadakat.predictions import api as predictions

    insert(shop())
    sync(now)
    former = {model.score: model for model in train(now).trained}
    later = now + timedelta(days=700)
    report = train(later)
    assert report.trained == ()
    assert [each.score for each in report.refused] == list(ScoreName)
    day = AS_OF + timedelta(days=700)
    for card in predictions.cards():
        assert card.model == former.get(card.score)
        assert card.refusal is not None
        assert card.refusal.as_of == day
    assert predictions.card(ScoreName.CHURN).refusal.reason == (
        f"as of {day - timedelta(days=240)}: at least 200 customers with a known outcome are needed, 30 with it and "
        "30 without; there are 0, 0 and 0"
    )
    kinds = [type(each) is Model for each in predictions.trainings(ScoreName.CHURN)]
    assert kinds == [False, True]
    score(now)
    assert values()[1][ScoreName.CHURN] is not None
    again = train(later + timedelta(minutes=1), scores=[ScoreName.CLV])
    assert [each.score for each in again.refused] == [ScoreName.CLV]
    assert len(predictions.trainings(ScoreName.CHURN)) == 2


def test_who_cannot_have_a_score_any_more_has_none(now: datetime) -> None:
    from sadakat.predictions import api as predictions

    insert(shop())
    sync(now)
    train(now, scores=[ScoreName.CHURN_30, ScoreName.CLV, ScoreName.ALIVE])
    score(now)
    assert values()[7][ScoreName.CHURN_30] is not None
    own = [entry for entry in shop() if entry.profile == 7]
    insert(
        Entry(order=e.order, profile=7, number=1, kind="cancelled", at=noon(AS_OF), order_at=e.at, amount=-e.amount)
        for e in own
    )
    sync(now)
    score(now + timedelta(days=1))
    assert set(values()[7].values()) == {None}
    assert values()[8][ScoreName.CHURN_30] is not None
    assert [each.reasons for each in predictions.scores_of(7).scores] == [()] * 6
    # A year on, everybody is lost: no churn, while lifetime value says so in a number.
    score(now + timedelta(days=400))
    found = values()
    assert {row[ScoreName.CHURN_30] for row in found.values()} == {None}
    assert max(row[ScoreName.CLV] or 0 for row in found.values()) < 100
    drift = predictions.card(ScoreName.ALIVE).scoring.drift
    assert drift[0].level is DriftLevel.CHANGED
    assert {each.key for each in drift} == {"frequency", "recency", "age", "score"}
    assert len(predictions.scorings(ScoreName.CHURN_30)) == 3


def test_assumptions_hold_until_others_are_said(now: datetime) -> None:
    from sadakat.kernel.errors import Invalid
    from sadakat.predictions import api as predictions

    insert(shop())
    sync(now)
    assert predictions.assumptions() == Assumptions(margin_ratio=1.0, discount_ratio=0.1)
    train(now, scores=[ScoreName.CLV])
    score(now)
    whole = values()[1][ScoreName.CLV]
    with pytest.raises(Invalid, match=r"the margin ratio must lie above 0 and at most at 1, not 1\.2"):
        train(now, assumptions=Assumptions(margin_ratio=1.2))
    assert len(predictions.trainings(ScoreName.CLV)) == 1
    train(now, scores=[ScoreName.CLV], assumptions=Assumptions(margin_ratio=0.25))
    train(now + timedelta(minutes=1), scores=[ScoreName.CLV])
    assert predictions.assumptions() == Assumptions(margin_ratio=0.25, discount_ratio=0.1)
    score(now)
    assert values()[1][ScoreName.CLV] == pytest.approx(whole / 4, abs=1)


VISITS = """
    INSERT INTO events_log (position, profile_id, source_id, kind, event, at, local_date, received_at, mid, body)
    SELECT %s + n, %s, %s, %s, %s, %s::timestamptz, %s, %s::timestamptz, gen_random_uuid(), '{"properties": {}}'
    FROM generate_series(1, %s) AS n
"""


def visitors() -> int:
    """Half a year of visitors; four of five who put something into a cart order within the next weeks."""
    from django.db import connection

    from sadakat.events.types import Kind

    dice, bought, position = Random(9), [], 0
    rows: list[Any] = []
    with connection.cursor() as cursor:
        for profile in range(5_000, 6_500):
            day = AS_OF - timedelta(days=dice.randrange(1, 180))
            has_cart = dice.random() < 0.5
            seen = [("Product Viewed", Kind.TRACK, dice.randrange(1, 4)), ("Home", Kind.PAGE, 1)]
            for event, kind, times in [*seen, ("Product Added", Kind.TRACK, 2)] if has_cart else seen:
                at = noon(day)
                rows.append([position, profile, 1, kind, event, at, day, at, times])
                position += times
            if has_cart and dice.random() < 0.8:
                bought += orders(profile, [day + timedelta(days=dice.randrange(1, 45))], amount=500)
        cursor.executemany(VISITS, rows)
        cursor.execute("INSERT INTO customers_profile SELECT n, n FROM generate_series(5000, 6499) AS n")
    insert(bought)
    return len(bought)


def test_visitors_who_fill_carts_are_prospects(now: datetime) -> None:
    from sadakat.predictions import api as predictions

    visitors()
    sync(now)
    report = train(now, scores=[ScoreName.PROSPECT])
    assert report.refused == ()
    [model] = report.trained
    assert (model.method, model.horizon_days) == (ScoreMethod.LOGISTIC, 30)
    assert model.backtest.means["auc"] > model.backtest.means["auc_recency"]
    assert model.backtest.means["auc"] > 0.75
    assert all(cut.positives and cut.positives >= 30 for cut in model.backtest.cuts)
    [scoring] = score(now)
    given = {customer: row[ScoreName.PROSPECT] for customer, row in values().items()}
    assert scoring.customers == len(given) > 700
    assert all(0 <= chance <= 1 for chance in given.values())
    best = max(given, key=given.__getitem__)
    reasons = predictions.scores_of(best).scores[5].reasons
    assert "carts" in {reason.key for reason in reasons if (reason.contribution or 0) > 0}
    # An order makes a customer of a prospect.
    insert(orders(best, [AS_OF], amount=500))
    sync(now)
    score(now + timedelta(days=1))
    assert values()[best][ScoreName.PROSPECT] is None


def test_training_is_a_job_that_is_asked_for_once(now: datetime) -> None:
    from sadakat.platform import audit, jobs
    from sadakat.predictions import api as predictions

    insert(shop())
    sync(now)
    deniz = audit.Actor("user:1", "Deniz")
    assert predictions.train_later(actor=deniz, at=now)
    assert not predictions.train_later(actor=deniz, at=now)
    assert jobs.run_due() >= 1
    assert ("predictions.trained", "user:1") in actions()
    assert actions().count(("predictions.trained", "user:1")) == 1
    assert values()[1][ScoreName.CHURN] is not None


def test_the_command_line_trains_and_tells(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from sadakat.entry import predicting

    insert(shop())
    sync(now)
    monkeypatch.setattr(predicting, "boot", lambda: None)
    monkeypatch.setattr(predicting, "now", lambda: now)

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(predicting.app, list(arguments))
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    report = run("train", "--score", "churn_30", "--score", "clv", "--margin", "0.5", "--json")
    assert (report["as_of"], [model["score"] for model in report["trained"]]) == ("2026-11-20", ["churn_30", "clv"])
    assert report["refused"] == []
    cards = {card["score"]: card for card in run("scores", "--json")}
    assert list(cards) == list(ScoreName)
    assert cards["clv"]["model"]["parameters"]["assumptions"] == {"margin_ratio": 0.5, "discount_ratio": 0.1}
    assert set(cards["clv"]["model"]["parameters"]) == {"purchases", "spend", "averages", "assumptions"}
    assert cards["clv"]["scoring"]["as_of"] == "2026-11-20"
    assert cards["clv"]["scoring"]["customers"] == 360
    assert cards["churn"] == {"score": "churn", "model": None, "scoring": None, "refusal": None}
    told = run("scores", "--customer", "1", "--json")
    assert told["customer_id"] == 1
    assert {each["name"]: each["value"] for each in told["scores"]} == values()[1]
    assert "churn_30" in run("scores")
    assert "clv" in run("scores", "--customer", "1")
