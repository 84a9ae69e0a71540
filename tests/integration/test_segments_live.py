"""Who is in a segment is known at once: by events, by time alone, through other segments, through merges."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration import living
from tests.integration.living import DAY, DENIZ, Shop, rule
from tests.integration.pipeline import rows

shop = living.shop

RECENT = {"event": "Bought", "within": "30d"}


def test_an_event_makes_a_member_and_is_told_once(shop: Shop) -> None:
    shop.segment("buyers", {"event": "Bought", "count": {"at_least": 2}})
    shop.do("ayse", "Bought", total=5)
    assert shop.members("buyers") == []
    shop.do("ayse", "Bought", total=6)
    shop.do("baris", "Product Viewed")
    assert shop.members("buyers") == ["ayse"]
    ayse = shop.customers()["ayse"]
    assert shop.told() == [("Segment Entered", "buyers", ayse, "event", shop.now)]
    shop.do("ayse", "Bought", total=7)
    assert len(shop.told()) == 1


def test_time_alone_ends_membership_to_the_second_however_late_the_worker_comes(shop: Shop) -> None:
    start = shop.now
    shop.segment("recent", RECENT)
    shop.segment("busy", {"event": "Bought", "within": "30d", "count": {"at_least": 2}})
    shop.segment("lapsed", {"all": [{"event": "Bought"}, {"not": {"segment": "recent"}}]})
    shop.do("ayse", "Bought")
    shop.now += timedelta(hours=5, seconds=7)
    shop.do("ayse", "Bought")
    ayse = shop.customers()["ayse"]
    second = shop.now
    shop.work(at=start + 30 * DAY - timedelta(microseconds=1))
    assert shop.members("busy") == ["ayse"]
    # Hours after both changes: each is told at its own moment, in their order.
    shop.work(at=start + 31 * DAY)
    assert shop.told() == [
        ("Segment Entered", "recent", ayse, "event", start),
        ("Segment Entered", "busy", ayse, "event", second),
        ("Segment Exited", "busy", ayse, "time", start + 30 * DAY),
        ("Segment Exited", "recent", ayse, "time", second + 30 * DAY),
        ("Segment Entered", "lapsed", ayse, "time", second + 30 * DAY),
    ]
    assert shop.members("recent") == shop.members("busy") == []
    assert shop.members("lapsed") == ["ayse"]


def test_what_time_has_changed_is_told_before_what_an_event_changes(shop: Shop) -> None:
    start = shop.now
    shop.segment("recent", RECENT)
    shop.do("ayse", "Bought")
    shop.now = start + 40 * DAY
    # No step for time has run in between: the event's own batch tells the end first.
    shop.put("ayse", "Bought", at=shop.now - timedelta(seconds=5))
    consume(shop.now)
    ayse = shop.customers()["ayse"]
    shop.work()
    assert shop.told() == [
        ("Segment Entered", "recent", ayse, "event", start),
        ("Segment Exited", "recent", ayse, "time", start + 30 * DAY),
        ("Segment Entered", "recent", ayse, "event", shop.now),
    ]


def test_an_event_of_the_future_counts_when_its_time_has_come(shop: Shop) -> None:
    shop.segment("recent", RECENT)
    later = shop.now + timedelta(hours=3)
    shop.do("ayse", "Bought", at=later)
    assert shop.members("recent") == []
    shop.work(at=later - timedelta(seconds=1))
    assert shop.members("recent") == []
    shop.work(at=later + timedelta(hours=2))
    assert shop.members("recent") == ["ayse"]
    assert shop.told() == [("Segment Entered", "recent", shop.customers()["ayse"], "time", later)]


def test_who_is_new_is_in_the_segments_that_take_everybody(shop: Shop) -> None:
    shop.segment("silent", {"not": {"event": "Bought"}})
    shop.segment("not-silent", {"segment": "silent", "is": False})
    shop.segment("nobody", {"all": [{"segment": "silent"}, {"segment": "not-silent"}]})
    shop.do("ayse", "Product Viewed")
    assert (shop.members("silent"), shop.members("not-silent"), shop.members("nobody")) == (["ayse"], [], [])
    shop.do("ayse", "Bought")
    assert (shop.members("silent"), shop.members("not-silent"), shop.members("nobody")) == ([], ["ayse"], [])


def test_traits_and_pages_make_members(shop: Shop) -> None:
    shop.segment("izmir", {"trait": "city", "is": "izmir"})
    shop.segment("readers", {"event": "Page Viewed", "having": {"property": "path", "starts_with": "/Ana"}})
    shop.say("ayse", city="İZMİR")
    shop.page("isil", path="/ana/sayfa")
    shop.work()
    assert (shop.members("izmir"), shop.members("readers")) == (["ayse"], ["isil"])
    shop.now += DAY
    shop.say("ayse", city="Iğdır")
    shop.work()
    assert shop.members("izmir") == []


def test_a_rule_that_names_a_fact_of_segments_follows_it(shop: Shop) -> None:
    shop.segment("buyers", {"event": "Bought"})
    entered = {"property": "segment", "is": "buyers"}
    shop.segment("ever-bought", {"event": "Segment Entered", "having": entered})
    shop.do("ayse", "Bought")
    assert shop.members("ever-bought") == ["ayse"]


def test_a_changed_rule_asks_everybody_anew_and_says_so(shop: Shop) -> None:
    from sadakat.segments import api as segments

    shop.do("ayse", "Bought", total=10)
    shop.do("isil", "Bought", total=200)
    shop.segment("buyers", {"event": "Bought"})
    shop.segment("others", {"not": {"segment": "buyers"}})
    shop.work()
    assert shop.told() == []
    first = segments.segment_named("buyers")
    assert (first.is_ready, first.filled_ratio, first.version, first.size) == (True, 1.0, 1, 2)
    dear = {"event": "Bought", "sum": {"property": "total", "above": 100}}
    changed = segments.change_segment("buyers", where=rule(dear), actor=DENIZ, at=shop.now)
    assert (changed.is_ready, changed.filled_ratio, changed.version) == (False, 0.0, 2)
    shop.work()
    ayse = shop.customers()["ayse"]
    assert shop.told() == [
        ("Segment Exited", "buyers", ayse, "rule", shop.now),
        ("Segment Entered", "others", ayse, "rule", shop.now),
    ]
    assert [(one.number, one.where["where"], one.actor_name) for one in segments.versions("buyers")] == [
        (2, dear, "Deniz"),
        (1, {"event": "Bought"}, "Deniz"),
    ]


def test_a_fill_goes_on_where_it_was_interrupted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.segments import api as segments
    from sadakat.segments import evaluation

    for number in range(5):
        shop.put(f"u{number}", "Bought")
    shop.work()
    monkeypatch.setattr(evaluation, "MAX_CUSTOMERS", 2)
    segments.create_segment(name="Buyers", where=rule({"event": "Bought"}), actor=DENIZ, at=shop.now)
    assert segments.fill(at=shop.now)
    half = segments.segment_named("buyers")
    assert (half.size, half.is_ready, half.filled_ratio) == (2, False, 0.4)
    # Whom the fill has passed is followed already, whom it has not is left to it.
    shop.do("u0", "Product Viewed")
    assert segments.segment_named("buyers").size == 5
    assert segments.segment_named("buyers").is_ready
    assert not segments.fill(at=shop.now)
    assert shop.told() == []


def test_merging_and_parting_customers(shop: Shop) -> None:
    from sadakat.customers import api as customers
    from sadakat.segments import api as segments

    shop.segment("twice", {"event": "Bought", "count": {"at_least": 2}})
    shop.segment("once", {"event": "Bought", "count": {"is": 1}})
    shop.segment("invited", None)
    shop.do("ayse", "Bought")
    shop.do("isil", "Bought")
    ayse, isil = shop.customers()["ayse"], shop.customers()["isil"]
    segments.add_to_list("invited", ["user_id:isil"], actor=DENIZ, at=shop.now)
    shop.now += DAY
    merged = customers.merge_customers(left_id=ayse, right_id=isil, actor=DENIZ, at=shop.now)
    shop.work()
    assert [segments.member_ids(key) for key in ("twice", "once", "invited")] == [[ayse], [], [ayse]]
    assert segments.segments_of(isil) == ()
    shop.now += DAY
    customers.undo_merge(merge_id=merged.merge.id, actor=DENIZ, at=shop.now)
    shop.work()
    assert [segments.member_ids(key) for key in ("twice", "once", "invited")] == [[], [ayse, isil], [ayse]]
    assert [segments.segment_named(key).size for key in ("twice", "once", "invited")] == [0, 2, 1]
    # Of the one who was gone nothing was told while he was; he enters anew.
    assert [(event, key) for event, key, id_, _, _ in shop.told() if id_ == isil] == [
        ("Segment Entered", "once"),
        ("Segment Entered", "invited"),
        ("Segment Entered", "once"),
    ]
    mids = rows("SELECT count(*), count(DISTINCT mid) FROM events_log WHERE event LIKE 'Segment %%'")
    assert mids == [(9, 9)]


def test_a_crash_between_the_work_and_its_end_tells_nothing_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.events import api as events
    from sadakat.segments import evaluation

    class PowerCut(BaseException):
        pass

    def cut(*_: Any) -> None:
        raise PowerCut

    shop.segment("recent", RECENT)
    shop.put("ayse", "Bought")
    events.sequence(at=shop.now)
    with monkeypatch.context() as patch:
        patch.setattr(evaluation.events, "append_facts", cut)
        with pytest.raises(PowerCut):
            consume(shop.now)
    assert (shop.members("recent"), rows("SELECT count(*) FROM segments_movement")) == ([], [(0,)])
    shop.work()
    # The cursor is set back, as a restored database would be: nothing new is found.
    rows("UPDATE events_cursor SET position = 0 WHERE consumer = 'segments.membership' RETURNING 1")
    shop.work()
    assert len(shop.told()) == 1
    later = shop.now + 31 * DAY
    with monkeypatch.context() as patch:
        patch.setattr(evaluation.events, "append_facts", cut)
        with pytest.raises(PowerCut):
            shop.work(at=later)
    assert shop.members("recent") == ["ayse"]
    shop.work(at=later)
    shop.work(at=later)
    assert [event for event, *_ in shop.told()] == ["Segment Entered", "Segment Exited"]


def test_it_reads_no_further_than_those_whose_features_it_needs(shop: Shop) -> None:
    from sadakat.events import api as events

    shop.segment("known", {"trait": "events", "at_least": 2})
    shop.put("ayse", "Bought")
    shop.put("ayse", "Bought")
    events.sequence(at=shop.now)
    assert events.consume("segments.membership", at=shop.now) == 0
    for name in events.consumers():
        if name not in {"segments.membership", "customers.activity"}:
            events.consume(name, at=shop.now)
    assert events.consume("segments.membership", at=shop.now) == 0
    events.consume("customers.activity", at=shop.now, limit=1)
    assert events.consume("segments.membership", at=shop.now) == 1
    shop.work()
    assert shop.members("known") == ["ayse"]
    assert not events.has_backlog(events.consumers())


def test_features_written_by_others_are_asked_of_when_they_say_so(shop: Shop) -> None:
    from sadakat.segments import api as segments

    shop.do("ayse", "Bought")
    shop.segment("often", {"trait": "events", "at_least": 5})
    shop.segment("often-not", {"not": {"segment": "often"}})
    ayse = shop.customers()["ayse"]
    rows("UPDATE customers_feature SET events = 5 RETURNING 1")
    shop.work()
    assert shop.members("often") == []
    segments.touch(customer_ids=[ayse, ayse])
    shop.work()
    assert (shop.members("often"), shop.members("often-not")) == (["ayse"], [])
    assert [(key, reason) for _, key, _, reason, _ in shop.told()] == [("often", "score"), ("often-not", "score")]
    assert rows("SELECT count(*) FROM segments_touched") == [(0,)]


def test_sizes_at_the_end_of_days_are_true_however_late_they_are_written(shop: Shop) -> None:
    from sadakat.segments import api as segments

    start = shop.now
    shop.segment("recent", {"event": "Bought", "within": "2d"})
    shop.do("ayse", "Bought")
    shop.now += DAY
    shop.do("isil", "Bought")
    shop.work(at=start + 5 * DAY)
    sizes = segments.size_history("recent", since=start.date())
    assert [(point.day.day, point.size) for point in sizes] == [(20, 1), (21, 2), (22, 1), (23, 0), (24, 0)]
    assert segments.size_history("recent", since=start.date() + 4 * DAY) == sizes[4:]


def consume(at: datetime) -> None:
    """The log, with nothing done about time."""
    from sadakat.events import api as events

    events.sequence(at=at)
    for name in events.consumers():
        events.consume(name, at=at)
