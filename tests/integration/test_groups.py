"""The groups of a small shop: features, cut points, clusters, segments, and the stages of the past."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sadakat.analytics.types import Group, StageMove
from sadakat.commerce.testing import order_message
from sadakat.kernel.errors import Invalid
from sadakat.platform import audit
from tests.integration.many_orders import CUSTOMERS, catalogue, orders

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def bring(messages: Iterator[Mapping[str, Any]]) -> None:
    """Takes messages in at the door and does everything that follows."""
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind

    source = next((one for one in events.sources().values() if one.name == "Shop"), None)
    if source is None:
        source, _key = events.create_source(name="Shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)
    events.import_messages(source=source, raw_messages=[json.dumps(each).encode() for each in messages], at=NOW)
    work()


def work(at: datetime = NOW) -> None:
    from sadakat.platform import worker

    worker.work_until_idle(at=at)


def refresh(at: datetime = NOW) -> Any:
    from sadakat.analytics import api as analytics

    report = analytics.refresh_groups(at=at, actor=audit.SYSTEM)
    work(at)
    return report


def features_of(user_id: str) -> Mapping[str, Any]:
    from sadakat.customers import api as customers

    found = customers.customer(customers.find(f"user_id:{user_id}"))
    return {name: value for name, value in found.features.items() if name.startswith(("rfm_", "habit_", "cluster"))}


def sizes(group: Group) -> dict[str, int]:
    from sadakat.segments import api as segments

    return {each.key.removeprefix(f"{group}-"): each.size for each in segments.segments(group=group) if each.size}


def assert_asked_alike(at: datetime) -> None:
    """One pass over the events answers as the rules do, asked one by one."""
    from sadakat.analytics import rules
    from sadakat.analytics.queries import stages
    from sadakat.platform import engine
    from sadakat.segments import api as segments

    found = {row["customer_id"]: stages.STAGES[row["stage"]] for row in engine.collect(stages.stages_at(at))}
    for rule in rules.rules_of(Group.STAGE):
        asked = segments.asked(rules.document(rule.where), at=at)
        fitting = {row["customer_id"] for row in engine.collect(asked.select("customer_id", "fits")) if row["fits"]}
        assert {one for one, key in found.items() if key == rule.key} == fitting & set(found), rule.key


def audited(action: str) -> int:
    from sadakat.platform.models import AuditEntry

    return AuditEntry.objects.filter(action=action).count()


def test_a_run_over_everybody() -> None:
    from sadakat.analytics import api as analytics

    bring(catalogue(NOW))
    bring(orders(NOW))

    report = refresh()

    assert (report.customers, report.changed) == (CUSTOMERS, CUSTOMERS)
    cuts = analytics.rfm_cuts()
    assert cuts is not None
    # Last orders lie 1 to 120 days back; a sixth has ordered 1, 2, … 6 times.
    assert (cuts.recency, cuts.frequency) == ((24, 48, 72, 96), (2, 3, 4, 5))
    first = features_of("u0")
    assert {name: first[name] for name in first if name != "cluster"} == {
        "rfm_recency": 5,
        "rfm_frequency": 1,
        "rfm_monetary": 1,
        "habit_orders": 1,
        "habit_deal_share": 1.0,
        "habit_place_share": 1.0,
        "habit_channel_share": 1.0,
        "habit_daypart_share": 1.0,
        "habit_categories": 1,
        "habit_recommendations": None,
        "habit_rating": None,
    }
    assert features_of("u5")["habit_categories"] == 3
    assert features_of("u5")["habit_deal_share"] == 0.0
    for group in (Group.STAGE, Group.PHASE, Group.RFM, Group.CLUSTER, Group.TYPE):
        assert sum(sizes(group).values()) == CUSTOMERS, group
    assert sizes(Group.STAGE) == {"purchase": 40, "loyalty": 80}
    assert sizes(Group.TYPE) == {"not-yet-loyal": 60, "programme": 20, "convenience": 40}
    assert 3 <= report.clusters <= 6
    assert audited("analytics.groups_refreshed") == 1


def test_running_again_changes_nothing() -> None:
    bring(orders(NOW))
    first = refresh()
    versions = audited("segments.group_kept")

    again = refresh()

    assert (first.changed, again.changed) == (CUSTOMERS, 0)
    assert again.clusters == first.clusters
    assert (audited("analytics.groups_refreshed"), audited("segments.group_kept")) == (1, versions)


def test_what_is_cancelled_or_long_ago_takes_scores_and_habits_back() -> None:
    bring(orders(NOW))
    refresh()
    bring(
        iter(
            [
                order_message(
                    "Order Cancelled", order_id="0-0", at=NOW - timedelta(hours=20), message_id="x", user_id="u0"
                )
            ]
        )
    )

    report = refresh()

    assert report.changed >= 1
    cancelled = features_of("u0")
    assert (cancelled["rfm_recency"], cancelled["cluster"], cancelled["habit_orders"]) == (None, None, 0)
    assert cancelled["habit_deal_share"] is None

    later = NOW + timedelta(days=400)
    work(later)
    refresh(later)
    assert features_of("u1")["rfm_recency"] is None  # nobody ordered within the window: nobody is scored
    assert sizes(Group.PHASE) == {"win-back": CUSTOMERS}


def test_few_customers_are_not_scored_and_groups_stand_all_the_same() -> None:
    from sadakat.analytics import api as analytics

    bring(each for each in orders(NOW) if each["userId"] in {"u1", "u2", "u3"})

    report = refresh()

    assert (report.customers, report.clusters) == (3, 0)
    assert analytics.rfm_cuts() is None
    assert (sizes(Group.RFM), sizes(Group.CLUSTER)) == ({"none": 3}, {"none": 3})
    assert sizes(Group.TYPE) == {"not-yet-loyal": 2, "programme": 1}


def test_a_new_home_gets_its_groups_at_the_first_run() -> None:
    report = refresh()

    assert (report.customers, report.changed) == (0, 0)
    from sadakat.segments import api as segments

    assert [len(segments.segments(group=group)) for group in Group] == [4, 3, 12, 1, 6]


def test_rules_are_set_audited_and_take_effect() -> None:
    from sadakat.analytics import api as analytics

    bring(orders(NOW))
    refresh()
    before = sizes(Group.STAGE)

    for _ in range(2):
        set_ = analytics.set_rules(
            group=Group.STAGE, thresholds={"loyalty_orders": 6}, actor=audit.CLI, at=NOW + timedelta(minutes=1)
        )
    work(NOW + timedelta(minutes=2))

    assert set_.thresholds["loyalty_orders"] == 6
    assert (before["loyalty"], sizes(Group.STAGE)["loyalty"]) == (80, 20)
    assert audited("analytics.rules_set") == 2  # and the rhythm that the first run has found
    assert [each.actor_name for each in analytics.rules_versions(Group.STAGE)] == ["Command line"]


def test_a_refused_rule_leaves_nothing() -> None:
    from sadakat.analytics import api as analytics

    with pytest.raises(Invalid, match="loyalty_orders must be a whole number from 2 to 100, not 1"):
        analytics.set_rules(group=Group.STAGE, thresholds={"loyalty_orders": 1}, actor=audit.CLI, at=NOW)

    assert analytics.rules_versions(Group.STAGE) == ()
    assert audited("analytics.rules_set") == 0


def test_the_brands_rhythm_sets_the_silence_once() -> None:
    from sadakat.analytics import api as analytics

    bring(orders(NOW))
    assert analytics.group_thresholds(Group.PHASE) == {"win_back_days": 180}

    refresh()

    # Every gap is a week: three of them are less than a month.
    assert analytics.group_thresholds(Group.PHASE) == {"win_back_days": 30}
    analytics.set_rules(group=Group.PHASE, thresholds={"win_back_days": 60}, actor=audit.CLI, at=NOW)
    refresh()
    assert analytics.group_thresholds(Group.PHASE) == {"win_back_days": 60}


def test_stages_of_the_past_are_asked_over_the_lake() -> None:
    from sadakat.analytics import api as analytics

    def viewed(user: str, day: date) -> Mapping[str, Any]:
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        said = {"product_id": "p1"}
        return {"type": "track", "event": "Product Viewed", "messageId": f"{user}{day}", "userId": user,
                "timestamp": at.isoformat(), "properties": said}  # fmt: skip

    def bought(user: str, day: date, number: int) -> Mapping[str, Any]:
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return order_message(
            "Order Completed", order_id=f"{user}{number}", at=at, message_id=f"{user}{number}", user_id=user, revenue=9
        )

    bring(
        iter(
            [
                viewed("ayse", date(2026, 8, 1)),
                bought("ayse", date(2026, 9, 10), 1),
                bought("ayse", date(2026, 9, 20), 2),
                bought("ayse", date(2026, 10, 5), 3),
                viewed("isil", date(2026, 8, 2)),
                bought("baris", date(2026, 10, 20), 1),
            ]
        )
    )
    refresh()

    moves = analytics.stage_moves(since=date(2026, 9, 1), until=date(2026, 11, 1))

    assert sorted(moves, key=str) == sorted(
        [
            StageMove(from_key="stage-evaluation", to_key="stage-loyalty", customers=1),
            # Ninety days after the second of August nothing is left of it.
            StageMove(from_key="stage-evaluation", to_key="stage-awareness", customers=1),
            StageMove(from_key="", to_key="stage-purchase", customers=1),
        ],
        key=str,
    )
    assert_asked_alike(datetime(2026, 10, 7, 12, tzinfo=UTC))
    trend = {each.day: {key: size for key, size in each.sizes.items() if size} for each in analytics.stage_trend()}
    assert len(trend) == 13
    assert trend[date(2026, 8, 1)] == {}
    assert trend[date(2026, 9, 1)] == {"stage-evaluation": 2}
    assert trend[date(2026, 10, 1)] == {"stage-evaluation": 1, "stage-purchase": 1}
    assert trend[date(2026, 11, 20)] == {"stage-awareness": 1, "stage-purchase": 1, "stage-loyalty": 1}
    times = {each.stage: (each.days, each.is_at_least) for each in analytics.stage_times()}
    # Since the first of November all three stand where they stand now.
    assert times == dict.fromkeys(("stage-awareness", "stage-purchase", "stage-loyalty"), (19, False))
    cells = {
        (each.stage, each.phase): (each.customers, each.revenue.amount_minor)
        for each in analytics.stage_cells(as_of=date(2026, 11, 20))
    }
    assert cells == {
        ("stage-awareness", "phase-acquisition"): (1, 0),
        ("stage-purchase", "phase-retention"): (1, 900),
        ("stage-loyalty", "phase-retention"): (1, 2700),
    }
