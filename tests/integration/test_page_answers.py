"""What pages answer to odd days, wrong methods, polls and long lists, without a browser."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from sadakat.platform import audit

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DENIZ = audit.Actor("user:1", "Deniz")
ENDS = ("0001-01-01", "9999-12-31")
CELL: dict[str, Any] = {"stage": "awareness", "touchpoint_key": "cart"}


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def logged_in(role: str) -> Any:
    from django.test import Client

    from sadakat.platform import operations

    client = Client(SERVER_NAME="localhost")
    email = f"{role}@modanord.example"
    client.force_login(operations.create_user(email=email, name=role, role=role, actor=audit.CLI, at=NOW))
    return client


@pytest.fixture
def client() -> Any:
    return logged_in("owner")


@pytest.mark.parametrize("day", ENDS)
def test_a_day_at_the_end_of_the_calendar_means_today(client: Any, day: str) -> None:
    from sadakat.platform import brand

    today = brand.current().day(timezone.now())
    for path in ("/figures/", "/proof/", "/figures/cohorts/", "/figures/by/"):
        text = client.get(path, {"as_of": day}).content.decode()
        assert str(today) in text, path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/funnels/", {"event": ["A", "B"]}),
        ("/funnels/paths/", {"event": "A"}),
        ("/journey-map/", {}),
        ("/journey-map/awareness/cart/", {}),
        ("/stages/", {}),
        ("/audit/", {}),
    ],
)
def test_days_at_the_ends_of_the_calendar_are_refused_at_the_form(
    client: Any, path: str, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.analytics import api as analytics

    monkeypatch.setattr(analytics, "event_names", lambda: ("A", "B"))
    answer = client.get(path, {**said, "since": ENDS[0], "until": ENDS[1]})
    assert answer.status_code in {200, 422}
    text = answer.content.decode()
    if not path.endswith("cart/"):
        assert "1970" in text
        assert "2999" in text


@pytest.mark.parametrize("day", ENDS)
def test_a_day_at_the_end_of_the_calendar_cannot_be_shared(client: Any, day: str) -> None:
    from sadakat.analytics import models

    answer = client.post(
        f"/settings/links/new/?report=figures&as_of={day}", {"title": "Figures", "language": "en", "days": "7"}
    )
    assert answer.status_code == 422
    assert f"from 1970-01-01 to 2999-12-31, not '{day}'" in answer.content.decode().replace("&#x27;", "'")
    assert not models.ReportLink.objects.exists()


def test_moves_of_types_end_with_the_brands_day(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.analytics.web import groups

    # In Istanbul it is the twenty-first already.
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 20, 22, 30, tzinfo=UTC))
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(groups.segments, "moves", lambda **said: asked.append(said) or [])
    assert client.get("/stages/types/").status_code == 200
    assert [each["until"] for each in asked] == [date(2026, 11, 22)]


def test_a_kept_funnel_shows_the_days_that_were_asked(client: Any) -> None:
    said = {"event": ["A", "B"], "window": "7d", "since": "2026-10-01", "until": "2026-10-31", "name": "A to B"}
    assert client.post("/funnels/keep/", said).url.endswith("&since=2026-10-01&until=2026-10-31")


@pytest.mark.parametrize("path", ["/goals/new/", "/goals/1/edit/", "/settings/links/new/"])
def test_forms_are_read_and_posted_alone(client: Any, path: str) -> None:
    assert client.put(path).status_code == 405


def improvement(title: str) -> int:
    from sadakat.analytics import api as analytics

    return analytics.add_improvement(**CELL, title=title, actor=DENIZ, at=NOW)


def test_an_improvement_beyond_those_listed_is_changed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.analytics import models
    from sadakat.analytics.queries import journey_map

    _first, second = improvement("One"), improvement("Two")
    monkeypatch.setattr(journey_map, "MAX_IMPROVEMENTS", 1)
    said = {f"{second}-title": "Three", f"{second}-owner": "", f"{second}-due_date": "", f"{second}-status": "done"}
    answer = client.post(f"/journey-map/awareness/cart/improve/{second}/", said)
    assert answer.url == "/journey-map/awareness/cart/"
    row = models.Improvement.objects.get(pk=second)
    assert (row.title, row.status) == ("Three", "done")
    said = {name.replace(str(second), "999"): value for name, value in said.items()}
    assert client.post("/journey-map/awareness/cart/improve/999/", said).status_code == 404


def test_a_note_is_for_those_who_may_set_goals(client: Any) -> None:
    from sadakat.analytics import api as analytics

    page, address = "/journey-map/awareness/cart/", "/journey-map/awareness/cart/note/"
    can = logged_in("analyst")
    assert can.get(page).status_code == 200
    assert can.post(address, {"note": "Sepet yavaş."}).status_code == 403
    assert client.post(page, {"note": "Sepet yavaş."}).status_code == 405
    assert analytics.cell_notes() == {}
    assert client.post(address, {"note": "Sepet yavaş."}).url == page
    assert [each.note for each in analytics.cell_notes().values()] == ["Sepet yavaş."]
    client.post(address, {"note": "x" * 2_001})
    assert [each.note for each in analytics.cell_notes().values()] == ["Sepet yavaş."]


@pytest.mark.parametrize("path", ["/journey-map/", "/journey-map/awareness/cart/"])
def test_many_improvements_are_told_with_no_more_questions_than_one(client: Any, path: str) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    improvement("One")
    client.get(path)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        counts.append(len(asked))
        for number in range(5):
            improvement(f"More {number}")
    assert counts[0] == counts[1]


def test_polls_are_answered_by_the_part_that_fills(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.segments import api as segments
    from sadakat.segments.web import pages

    where = {"version": 1, "where": {"trait": "orders", "at_least": 1}}
    made = segments.create_segment(name="Buyers", where=where, actor=DENIZ, at=NOW)
    assert not made.is_ready
    asked = monkeypatch.context()
    with asked as strict:
        for name in ("_group_table", "_members", "_overlap", "_moves", "_versions", "_sizes"):
            strict.setattr(pages, name, lambda *_args, **_more: pytest.fail("not of this part"))
        own = client.get("/segments/?part=own").content.decode()
        now = client.get(f"/segments/{made.key}/?part=now").content.decode()
    assert own.startswith('<div id="own" hx-get="?part=own"')
    assert now.startswith('<div id="now" hx-get="?part=now"')
    assert now.strip() in client.get(f"/segments/{made.key}/").content.decode()
    assert own.strip() in client.get("/segments/").content.decode()
    assert client.get("/segments/nobody/?part=now").status_code == 404


def test_a_sign_that_no_text_can_have_finds_no_member(client: Any) -> None:
    from sadakat.loyalty.testing import make_member

    member_id = make_member(101, at=NOW)
    for said, is_found in (({"q": "a\0b"}, False), ({"tier": "\0"}, False), ({"q": "9000"}, True)):
        answer = client.get("/loyalty/members/", said)
        found = f'href="/loyalty/members/{member_id}/"' in answer.content.decode()
        assert (answer.status_code, found) == (200, is_found), said


def test_nobody_becomes_a_member_while_there_is_no_programme(client: Any) -> None:
    from sadakat.customers.testing import known_as
    from sadakat.loyalty import api as loyalty

    customer_id = known_as("user_id:ayse", at=NOW)
    reason = "nobody can become a member yet; apply a programme first"
    refused = client.post(f"/till/enrol/{customer_id}/")
    assert (refused.status_code, reason in refused.content.decode()) == (403, True)
    told = client.post(f"/customers/{customer_id}/loyalty/enrol/", follow=True)
    assert (told.status_code, reason in told.content.decode()) == (200, True)
    assert loyalty.member_count() == 0
