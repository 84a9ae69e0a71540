"""Funnels, paths and the journey map from messages to figures; and what people say of the map."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sadakat.analytics.rules import journeys
from sadakat.analytics.types import (
    CellNote,
    Direction,
    FunnelFigures,
    FunnelPart,
    FunnelQuestion,
    Improvement,
    ImprovementStatus,
    MapCell,
    MapQuestion,
    PathsQuestion,
    StepFigures,
)
from sadakat.analytics.types import (
    Path as Way,
)
from sadakat.commerce.testing import order_message
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import audit

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DENIZ = audit.Actor("user:1", "Deniz")
START = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
SINCE, UNTIL = date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def visit(person: str, *steps: tuple[str, int, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Events of somebody, each so many minutes after `START`."""
    for event, minute, properties in steps:
        at = START + timedelta(minutes=minute)
        if event == "Order Completed":
            yield order_message(
                event,
                order_id=f"{person}-{minute}",
                at=at,
                message_id=f"{person}-{minute}",
                user_id=person,
                **properties,
            )
        else:
            yield {
                "type": "track",
                "event": event,
                "messageId": f"{person}-{minute}",
                "userId": person,
                "timestamp": at.isoformat(),
                "properties": properties,
            }


def shop() -> Iterator[dict[str, Any]]:
    """Six visitors: four put something in the cart, two order on-line, one of them the next day; one in a store."""
    dear, cheap = {"price": 300, "category": "Ayakkabı"}, {"price": 20, "category": "Çorap"}
    yield {
        "type": "identify",
        "messageId": "i",
        "userId": "a",
        "timestamp": START.isoformat(),
        "traits": {"city": "İzmir"},
    }
    yield from visit(
        "a", ("Product Viewed", 0, dear), ("Product Added", 5, dear), ("Order Completed", 9, {"revenue": 300})
    )
    yield from visit("b", ("Product Viewed", 0, cheap), ("Product Added", 3, cheap))
    yield from visit("b", ("Order Completed", 1441, {"revenue": 20}))
    yield from visit("c", ("Product Viewed", 0, dear), ("Product Viewed", 2, cheap), ("Product Added", 4, dear))
    yield from visit("d", ("Product Viewed", 10, cheap), ("Product Added", 90, cheap))
    yield from visit("e", ("Product Viewed", 20, cheap))
    yield from visit("f", ("Order Completed", 30, {"revenue": 50, "channel": "store"}))


def work() -> None:
    from sadakat.platform import worker

    worker.work_until_idle(at=NOW)


@pytest.fixture
def filled() -> None:
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind

    source, _key = events.create_source(name="Shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)
    events.import_messages(source=source, raw_messages=[json.dumps(each).encode() for each in shop()], at=NOW)
    work()


def steps(*said: dict[str, str] | str) -> Any:
    return tuple(journeys.step({"event": each} if isinstance(each, str) else each) for each in said)


def figures(*told: tuple[int, float | None], first: int | None = None) -> tuple[StepFigures, ...]:
    """Customers and median seconds of each step."""
    counts = [count for count, _ in told]
    return tuple(
        StepFigures(
            customers=count,
            of_first=count / counts[0] if counts[0] else None,
            of_before=(count / counts[n - 1] if counts[n - 1] else None) if n else None,
            lost=counts[n - 1] - count if n else 0,
            median_seconds=median,
        )
        for n, (count, median) in enumerate(told)
    )


@pytest.mark.usefixtures("filled")
def test_a_funnel_over_the_lake() -> None:
    from sadakat.analytics import api as analytics

    asked = FunnelQuestion(
        steps=steps("Product Viewed", "Product Added", "Order Completed"),
        since=SINCE,
        until=UNTIL,
        window=timedelta(days=1),
    )
    # b ordered a minute too late; d came after 80 minutes.
    assert analytics.funnel(asked, at=NOW).steps == figures((5, None), (4, 4.5 * 60), (1, 240.0))
    by_step = FunnelQuestion(steps=asked.steps, since=SINCE, until=UNTIL, window=timedelta(days=1), is_per_step=True)
    assert [step.customers for step in analytics.funnel(by_step, at=NOW).steps] == [5, 4, 2]
    city = FunnelQuestion(steps=asked.steps, since=SINCE, until=UNTIL, window=asked.window, part_by="city")
    assert analytics.funnel(city, at=NOW) == FunnelFigures(
        steps=figures((5, None), (4, 4.5 * 60), (1, 240.0)),
        parts=(
            FunnelPart(value="", steps=figures((4, None), (3, 240.0), (0, None))),
            FunnelPart(value="izmir", steps=figures((1, None), (1, 300.0), (1, 240.0))),
        ),
    )
    source = FunnelQuestion(steps=asked.steps, since=SINCE, until=UNTIL, window=asked.window, part_by="source")
    assert [(part.value, part.steps[0].customers) for part in analytics.funnel(source, at=NOW).parts] == [("Shop", 5)]
    stages = FunnelQuestion(steps=asked.steps, since=SINCE, until=UNTIL, window=asked.window, part_by="group:stage")
    assert [(part.value, part.steps[0].customers) for part in analytics.funnel(stages, at=NOW).parts] == [("", 5)]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"property": "price", "op": "at_least", "value": "100"}, [2, 2]),
        ({"property": "category", "op": "is", "value": "ayakkabı"}, [2, 2]),
        ({"property": "category", "op": "is_not", "value": "Ayakkabı"}, [4, 3]),
        ({"property": "category", "op": "contains", "value": "cor"}, [4, 3]),
        ({"property": "price", "op": "is", "value": "20"}, [4, 3]),
        ({"property": "colour", "op": "exists", "value": ""}, [0, 0]),
    ],
)
def test_a_step_can_ask_for_a_property(condition: dict[str, str], expected: list[int]) -> None:
    from sadakat.analytics import api as analytics

    asked = FunnelQuestion(
        steps=steps({"event": "Product Viewed", **condition}, "Product Added"),
        since=SINCE,
        until=UNTIL,
        window=timedelta(days=1),
    )
    assert [step.customers for step in analytics.funnel(asked, at=NOW).steps] == expected


@pytest.mark.usefixtures("filled")
def test_paths_over_the_lake() -> None:
    from sadakat.analytics import api as analytics

    found = analytics.paths(PathsQuestion(event="Product Viewed", since=SINCE, until=UNTIL, steps=2))
    assert (found.times, found.customers) == (5, 5)
    assert found.nearest == (
        Way(events=("Product Added",), times=3, share=0.6, customers=3),
        Way(events=(), times=2, share=0.4, customers=2),
    )
    assert {(path.events, path.times) for path in found.paths} == {
        (("Product Added",), 2),
        ((), 2),
        (("Product Added", "Order Completed"), 1),
    }
    before = PathsQuestion(event="Order Completed", since=SINCE, until=UNTIL, direction=Direction.BEFORE, steps=1)
    assert [(path.events, path.times) for path in analytics.paths(before).paths] == [((), 2), (("Product Added",), 1)]
    assert set(analytics.event_names()) == {"Product Viewed", "Product Added", "Order Completed"}


@pytest.mark.usefixtures("filled")
def test_the_map_over_the_lake() -> None:
    from sadakat.analytics import api as analytics

    # On 2 October b stood in evaluation and ordered that day; everybody else was silent from then on.
    day = date(2026, 10, 2)
    rows = {
        str(row.stage): row
        for row in analytics.journey_map(MapQuestion(since=day, until=UNTIL, silent_days=14), at=NOW)
    }
    assert {stage: row.customers for stage, row in rows.items()} == {
        "awareness": 0,
        "evaluation": 4,
        "purchase": 2,
        "loyalty": 0,
    }
    bought = rows["evaluation"].cells["online-purchase"]
    assert bought == MapCell(reached=1, reach=0.25, moved=1, conversion=1.0, judged=1, silent=1, drop_off=1.0)
    assert rows["evaluation"].cells["store-purchase"].reached == 0

    # Over the whole month all six are new, and begin in the first stage.
    rows = {
        str(row.stage): row
        for row in analytics.journey_map(MapQuestion(since=SINCE, until=UNTIL, silent_days=1), at=NOW)
    }
    first = rows["awareness"]
    assert first.customers == 6
    assert first.cells["product-page"] == MapCell(
        reached=5, reach=5 / 6, moved=5, conversion=1.0, judged=5, silent=1, drop_off=0.2
    )
    assert (first.cells["online-purchase"].reached, first.cells["store-purchase"].reached) == (2, 1)
    assert first.cells["campaign"] == MapCell(
        reached=0, reach=0.0, moved=0, conversion=None, judged=0, silent=0, drop_off=None
    )


def entries() -> list[tuple[str, str, Any, Any]]:
    from sadakat.platform.models import AuditEntry

    rows = AuditEntry.objects.filter(action__startswith="analytics.").order_by("id")
    return [(row.action.partition(".")[2], row.subject, row.old, row.new) for row in rows]


QUESTION = {"steps": [{"event": "A"}, {"event": "B", "property": "p", "op": "is", "value": "7"}], "window": "7d"}
KEPT = QUESTION | {"per_step": False, "by": ""}


def test_funnels_are_kept_changed_and_forgotten(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    assert analytics.keep_funnel(name=" Alışveriş ", question=QUESTION, actor=DENIZ, at=now)
    assert not analytics.keep_funnel(name="Alışveriş", question=QUESTION, actor=DENIZ, at=now)
    (kept,) = analytics.kept_funnels()
    assert (kept.name, kept.question, kept.actor_name, kept.changed_at) == ("Alışveriş", KEPT, "Deniz", now)
    changed = KEPT | {"window": "30d", "by": "city"}
    assert analytics.keep_funnel(name="Alışveriş", question=changed, actor=DENIZ, at=now)
    analytics.delete_funnel(kept.id, actor=DENIZ, at=now)
    assert analytics.kept_funnels() == []
    assert entries() == [
        ("funnel_kept", "funnel:Alışveriş", None, KEPT),
        ("funnel_kept", "funnel:Alışveriş", KEPT, changed),
        ("funnel_deleted", "funnel:Alışveriş", changed, None),
    ]
    with pytest.raises(NotFound, match=f"there is no kept funnel {kept.id}"):
        analytics.delete_funnel(kept.id, actor=DENIZ, at=now)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("", {}, "a name has 1 to 80 characters, not 0"),
        ("n", {"steps": [{"event": "A"}]}, "a funnel has 2 to 8 steps, not 1"),
        ("n", {"window": "400d"}, "the window of a funnel is at most 365 days"),
        ("n", {"window": "soon"}, "window: expected a duration"),
        ("n", {"by": "shoe size"}, "a funnel is broken down by channel, source, city"),
        (
            "n",
            {"steps": [{"event": "A"}, {"event": "B", "property": "p", "op": "at_least", "value": "x"}]},
            "a number was expected for p, not 'x'",
        ),
    ],
)
def test_what_cannot_be_asked_is_not_kept(name: str, change: dict[str, Any], reason: str, now: datetime) -> None:
    from sadakat.analytics import api as analytics

    with pytest.raises(Invalid, match=reason):
        analytics.keep_funnel(name=name, question=QUESTION | change, actor=DENIZ, at=now)
    assert (analytics.kept_funnels(), entries()) == ([], [])


def test_touchpoints_are_adjusted_added_and_archived(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    usual = [each.key for each in analytics.touchpoints()]
    assert usual[:2] == ["site-visit", "product-page"]

    def save(key: str, name: str, *events: str, **more: Any) -> bool:
        return analytics.save_touchpoint(key=key, name=name, events=events, actor=DENIZ, at=now, **more)

    assert not save("cart", "", "Product Added", "Cart Viewed")
    assert save("cart", "Sepet", "Product Added", " Product Added ", "")
    assert save("call", "Çağrı merkezi", "Call Received")
    assert not save("call", "Çağrı merkezi", "Call Received")
    assert save("refund", "", "Order Refunded", is_archived=True)
    found = {each.key: each for each in analytics.touchpoints()}
    assert list(found) == [*(key for key in usual if key != "refund"), "call"]
    assert (found["cart"].name, found["cart"].events) == ("Sepet", ("Product Added",))
    assert entries() == [
        (
            "touchpoint_saved",
            "touchpoint:cart",
            {"name": "", "where": {"events": ["Product Added", "Cart Viewed"]}, "is_archived": False},
            {"name": "Sepet", "where": {"events": ["Product Added"]}, "is_archived": False},
        ),
        (
            "touchpoint_saved",
            "touchpoint:call",
            None,
            {"name": "Çağrı merkezi", "where": {"events": ["Call Received"]}, "is_archived": False},
        ),
        (
            "touchpoint_saved",
            "touchpoint:refund",
            {"name": "", "where": {"events": ["Order Refunded"]}, "is_archived": False},
            {"name": "", "where": {"events": ["Order Refunded"]}, "is_archived": True},
        ),
    ]
    for number in range(journeys.MAX_TOUCHPOINTS - len(found)):
        assert save(f"own-{number}", "Own", "E")
    with pytest.raises(Conflict, match="at most 20 touchpoints"):
        save("one-more", "Own", "E")
    assert len(analytics.touchpoints()) == journeys.MAX_TOUCHPOINTS


@pytest.mark.parametrize(
    ("key", "name", "events", "reason"),
    [
        ("A b", "n", ["E"], "the key of a touchpoint has"),
        ("own", "", ["E"], "a touchpoint of your own needs a name"),
        ("own", "n", [" "], "a touchpoint has 1 to 20 events, not 0"),
        ("own", "n" * 81, ["E"], "a name has 1 to 80 characters, not 81"),
        ("own", "n", ["E" * 201], "the name of an event has at most 200 characters, not 201"),
    ],
)
def test_touchpoints_that_cannot_be(key: str, name: str, events: list[str], reason: str, now: datetime) -> None:
    from sadakat.analytics import api as analytics

    before = analytics.touchpoints(include_archived=True)
    with pytest.raises(Invalid, match=reason):
        analytics.save_touchpoint(key=key, name=name, events=events, actor=DENIZ, at=now)
    assert (analytics.touchpoints(include_archived=True), entries()) == (before, [])


def test_a_cell_has_an_owner_a_note_and_improvements(now: datetime) -> None:
    from sadakat.analytics import api as analytics

    cell: dict[str, Any] = {"stage": "evaluation", "touchpoint_key": "cart"}
    said: dict[str, Any] = {"owner_id": 7, "note": "Kargo ücreti geç görünüyor."}
    assert analytics.note_cell(**cell, **said, actor=DENIZ, at=now)
    assert not analytics.note_cell(**cell, **said, actor=DENIZ, at=now)
    assert analytics.cell_notes() == {("evaluation", "cart"): CellNote(**cell, **said)}

    due = date(2026, 12, 1)
    first = analytics.add_improvement(**cell, title=" Kargoyu sepette göster ", due_date=due, actor=DENIZ, at=now)
    second = analytics.add_improvement(**cell, title="Daha az alan", actor=DENIZ, at=now)
    change: dict[str, Any] = {
        "title": "Daha az alan",
        "owner_id": 7,
        "due_date": None,
        "status": ImprovementStatus.DONE,
    }
    assert analytics.change_improvement(second, **change, actor=DENIZ, at=now)
    assert not analytics.change_improvement(second, **change, actor=DENIZ, at=now)
    planned = Improvement(
        id=first, **cell, title="Kargoyu sepette göster", owner_id=None, due_date=due, status=ImprovementStatus.PLANNED
    )
    assert analytics.improvements(only_open=True) == [planned]
    assert [each.id for each in analytics.improvements(stage="evaluation")] == [first, second]
    fields = {"owner_id": None, "due_date": None, "status": "planned"}
    subject = "cell:evaluation/cart"
    assert entries() == [
        ("cell_noted", subject, {"owner_id": None, "note": ""}, said),
        ("improvement_added", subject, None, fields | {"title": "Kargoyu sepette göster", "due_date": "2026-12-01"}),
        ("improvement_added", subject, None, fields | {"title": "Daha az alan"}),
        (
            "improvement_changed",
            subject,
            fields | {"title": "Daha az alan"},
            {"title": "Daha az alan", "owner_id": 7, "due_date": None, "status": "done"},
        ),
    ]


def _note(**change: Any) -> Callable[[Any, datetime], Any]:
    given: dict[str, Any] = {"stage": "evaluation", "touchpoint_key": "cart", "owner_id": None, "note": "x"} | change
    return lambda analytics, at: analytics.note_cell(**given, actor=DENIZ, at=at)


def _improve(**change: Any) -> Callable[[Any, datetime], Any]:
    given: dict[str, Any] = {"stage": "evaluation", "touchpoint_key": "cart", "title": "x"} | change
    return lambda analytics, at: analytics.add_improvement(**given, actor=DENIZ, at=at)


@pytest.mark.parametrize(
    ("act", "error", "reason"),
    [
        (_note(stage="grief"), NotFound, "there is no cell grief/cart on the map"),
        (_note(touchpoint_key="moon"), NotFound, "there is no cell evaluation/moon on the map"),
        (_note(note="x" * 2001), Invalid, "a note may have 2000 characters, not 2001"),
        (_improve(touchpoint_key="moon"), NotFound, "there is no cell evaluation/moon on the map"),
        (_improve(title=" "), Invalid, "a title has 1 to 200 characters, not 0"),
    ],
)
def test_a_refusal_leaves_nothing(act: Any, error: type[Exception], reason: str, now: datetime) -> None:
    from sadakat.analytics import api as analytics

    with pytest.raises(error, match=reason):
        act(analytics, now)
    assert (analytics.cell_notes(), analytics.improvements(), entries()) == ({}, [], [])


@pytest.mark.usefixtures("filled")
def test_the_map_leaves_as_pdf_and_picture_in_the_readers_language() -> None:
    from django.test import Client

    from sadakat.analytics import api as analytics
    from sadakat.platform import operations

    user = operations.create_user(email="ada@modanord.example", name="Ada", role="owner", actor=audit.CLI, at=NOW)
    cell: dict[str, Any] = {"stage": "awareness", "touchpoint_key": "cart"}
    analytics.add_improvement(**cell, title="#evil ğüşıİöç ₺ [x]", actor=DENIZ, at=NOW)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    for form, beginning in (("pdf", b"%PDF-1.7"), ("png", b"\x89PNG\r\n"), ("svg", b"<svg ")):
        for language in ("en", "tr"):
            client.cookies["sadakat_language"] = language
            answer = client.get(f"/journey-map/export/{form}/?since=2026-10-01&until=2026-10-31")
            assert answer.status_code == 200
            assert answer.content.startswith(beginning)
            assert answer["Content-Disposition"] == f'attachment; filename="journey-map-2026-10-01.{form}"'
    assert client.get("/journey-map/export/exe/").status_code == 404
