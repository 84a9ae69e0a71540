"""Goals and briefings on the real database: read, judged, told once, mailed to a real server."""

import email
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any

import pytest

from sadakat.kernel.errors import Invalid, NotFound, Refused, Unavailable
from tests.integration.asking import caller
from tests.integration.lake_rows import Entry, insert

AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
"""Monday, nine in the morning in Istanbul."""
TODAY = date(2026, 11, 23)


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


@pytest.fixture
def team() -> dict[str, int]:
    from sadakat.platform import audit, operations

    people = (
        ("deniz", "Deniz Aydın", "owner", "en"),
        ("elif", "Elif Yıldız", "marketer", "tr"),
        ("can", "Can Demir", "support", "en"),
    )
    return {
        key: operations.create_user(
            email=f"{key}@modanord.example", name=name, role=role, actor=audit.CLI, at=AT, language=language
        ).pk
        for key, name, role, language in people
    }


def fill(weekly: list[int]) -> None:
    """So many orders of 100 lira in each of the latest whole weeks, by as many customers; one from the store."""
    from sadakat.platform import lake

    first = datetime(2026, 11, 23, 9, 0, tzinfo=UTC) - timedelta(weeks=len(weekly))
    insert(
        Entry(
            order=f"O-{week}-{n}",
            profile=n + 1,
            at=first + timedelta(weeks=week, hours=n),
            amount=10_000,
            channel="store" if n == 0 else "online",
        )
        for week, count in enumerate(weekly)
        for n in range(count)
    )
    lake.sync(at=AT)


def set_goal(team: dict[str, int], **changes: Any) -> int:
    from sadakat.analytics import api as analytics
    from sadakat.platform import audit

    said: dict[str, Any] = {
        "name": "More orders a week",
        "metric": "orders",
        "period": "week",
        "target": 30.0,
        "by_date": date(2026, 12, 20),
        "owner_id": team["elif"],
        "department": "marketing",
        "start_date": date(2026, 10, 5),
    }
    return analytics.create_goal(**{**said, **changes}, actor=audit.CLI, at=AT)


def read(at: datetime = AT) -> int:
    from sadakat.analytics.operations import goals

    passes = 0
    while goals.read_due(at=at):
        passes += 1
        assert passes < 50
    return passes


def goal(goal_id: int, as_of: date = TODAY) -> Any:
    from sadakat.analytics import api as analytics

    return analytics.goal(goal_id, as_of=as_of)


def audits(prefix: str = "analytics.goal") -> list[str]:
    from sadakat.platform.models import AuditEntry

    return list(AuditEntry.objects.filter(action__startswith=prefix).order_by("id").values_list("action", flat=True))


@dataclass
class Mailbox:
    """An SMTP server on loopback that keeps what it takes, or takes nothing."""

    port: int = 0
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuses: bool = False
    unknown: str = ""
    """An address that it refuses for good."""

    def answer(self, link: socket.socket) -> None:
        with link, link.makefile("rwb") as lines:

            def say(text: str) -> None:
                lines.write(f"{text}\r\n".encode())
                lines.flush()

            say("220 box")
            whom = ""
            for line in lines:
                verb = line.split(b":")[0].strip().upper()
                if verb.startswith((b"EHLO", b"HELO")):
                    say("250 box")
                elif verb == b"RCPT TO":
                    whom = line.decode().split("<")[1].split(">")[0]
                    say("451 later" if self.refuses else "550 nobody here" if whom == self.unknown else "250 ok")
                elif verb == b"DATA":
                    say("354 go on")
                    body = b""
                    while (part := lines.readline()) != b".\r\n":
                        body += part.removeprefix(b".")
                    message = email.message_from_bytes(body, policy=modern)
                    assert isinstance(message, EmailMessage)
                    self.taken.append((whom, message))
                    say("250 kept")
                elif verb == b"QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")


@contextmanager
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    from sadakat.platform import settings

    box, said = Mailbox(), settings.current()
    with socket.create_server(("127.0.0.1", 0)) as server:
        box.port = server.getsockname()[1]
        changed = replace(said, email_url=f"smtp://127.0.0.1:{box.port}?from=reports@modanord.example")
        monkeypatch.setattr(settings, "current", lambda: changed)

        def serve() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                box.answer(link)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield box
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def parts(message: EmailMessage) -> tuple[str, str]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_a_goal_is_read_back_and_forecast(team: dict[str, int]) -> None:
    fill([4, *range(10, 22)])  # a first week, then one order more each week: 21 in the last
    goal_id = set_goal(team)
    assert goal(goal_id).state == "unknown"
    assert goal(goal_id).start_value == 14  # of the week before 5 October

    assert read() == 9  # 65 weeks back, so that a year of season would be known
    found = goal(goal_id)
    assert (found.value, found.value_date, found.owner_name) == (21, TODAY, "Elif Yıldız")
    assert found.progress == pytest.approx((21 - 14) / (30 - 14))
    # Four whole weeks end by 21 December: 22, 23, 24, 25.
    assert found.forecast.value == pytest.approx(25)
    assert (found.forecast.method, found.forecast.count, found.state) == ("trend", 12, "off_track")
    assert audits() == ["analytics.goal_created", "analytics.goal_judged"]
    assert read() == 0


def test_the_target_by_which_a_goal_is_on_track_reached_and_missed(team: dict[str, int]) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.platform import audit

    fill([4, *range(10, 22)])
    goal_id = set_goal(team, target=24)
    read()
    assert goal(goal_id).state == "on_track"
    said: dict[str, Any] = {
        "name": "Orders",
        "by_date": date(2026, 12, 20),
        "owner_id": team["deniz"],
        "department": "management",
    }
    change: dict[str, Any] = {"goal_id": goal_id, "actor": audit.CLI, "at": AT}
    assert analytics.change_goal(**said, **change, target=21.0)
    assert (goal(goal_id).state, goal(goal_id).owner_name, goal(goal_id).progress) == ("reached", "Deniz Aydın", 1)
    assert not analytics.change_goal(**said, **change, target=21.0)
    analytics.change_goal(**said, **change, target=24.0)

    later = datetime(2026, 12, 28, 9, 0, tzinfo=UTC)
    read(later)
    found = goal(goal_id, as_of=date(2026, 12, 28))
    assert (found.state, found.value, found.value_date, found.forecast) == ("missed", 0, date(2026, 12, 21), None)
    assert read(later + timedelta(days=1)) == 0


def test_a_goal_without_orders_is_not_known(team: dict[str, int]) -> None:
    goal_id = set_goal(team, metric="average_order_value", target=5000.0)
    read()
    assert (goal(goal_id).state, goal(goal_id).value, goal(goal_id).progress) == ("unknown", None, None)


def test_figures_whose_window_has_just_begun_are_not_forecast(team: dict[str, int]) -> None:
    fill([4, *range(10, 22)])
    ids = [set_goal(team, metric=metric, target=1e6) for metric in ("active_customers", "total_customers")]
    read()
    assert [goal(each).forecast is None for each in ids] == [True, False]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"metric": "happiness"}, Invalid, "a goal is for one of the figures, such as revenue, not 'happiness'"),
        ({"period": "day"}, Invalid, "a period is one of week, month, quarter, year, not 'day'"),
        (
            {"by_date": date(2026, 11, 22)},
            Invalid,
            "the last day of a goal is not before today, 2026-11-23; it came as 2026-11-22",
        ),
        (
            {"start_date": date(2026, 11, 24)},
            Invalid,
            "a goal starts within the 5 years before today, 2026-11-23, or today, not on 2026-11-24",
        ),
        (
            {"by_date": date(2040, 1, 1)},
            Invalid,
            "the last day of a goal lies within 5 years after its start, 2026-10-05, not on 2040-01-01",
        ),
        ({"name": " "}, Invalid, "the name of a goal has 1 to 100 printable characters"),
        ({"target": float("nan")}, Invalid, "a target is a number from 0 on, not nan"),
        ({"owner_id": 999}, NotFound, "nobody who may see figures has the id 999"),
        (
            {"department": "x"},
            Invalid,
            "a department is one of management, marketing, loyalty, support, stores, e_commerce, not 'x'",
        ),
        (
            {"segment_key": "vip", "metric": "marketing_spend"},
            Invalid,
            "marketing spend is not recorded by segment; leave the segment out",
        ),
    ],
)
def test_what_is_refused_leaves_nothing(
    team: dict[str, int], changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    from sadakat.analytics import models

    with pytest.raises(error) as told:
        set_goal(team, **changes)
    assert str(told.value) == text
    assert (models.Goal.objects.count(), audits()) == (0, [])


def test_an_archived_goal_is_not_read_and_comes_back(team: dict[str, int]) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.platform import audit

    goal_id = set_goal(team)
    asked: dict[str, Any] = {"goal_id": goal_id, "actor": audit.CLI, "at": AT}
    assert analytics.archive_goal(**asked, is_archived=True)
    assert not analytics.archive_goal(**asked, is_archived=True)
    assert read() == 0
    assert (analytics.goals(as_of=TODAY), len(analytics.goals(as_of=TODAY, include_archived=True))) == ([], 1)
    assert analytics.archive_goal(**asked, is_archived=False)
    assert audits() == ["analytics.goal_created", "analytics.goal_archived", "analytics.goal_restored"]
    with pytest.raises(NotFound, match="there is no goal 99"):
        analytics.archive_goal(goal_id=99, is_archived=True, actor=audit.CLI, at=AT)


def test_the_owner_is_mailed_once_for_each_turn(team: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics import letters
    from sadakat.platform import audit

    fill([4, *range(10, 22)])
    goal_id = set_goal(team)
    with mailbox(monkeypatch) as box:
        assert not letters.tell_owners(at=AT)
        read()
        box.refuses = True
        with pytest.raises(Unavailable, match="the mail server does not take the message"):
            letters.tell_owners(at=AT)
        box.refuses = False
        assert letters.tell_owners(at=AT)
        assert not letters.tell_owners(at=AT)
        for target in (24.0, 30.0):  # on track, and off it again
            analytics.change_goal(
                goal_id=goal_id,
                name="Orders",
                target=target,
                by_date=date(2026, 12, 20),
                owner_id=team["elif"],
                department="marketing",
                actor=audit.CLI,
                at=AT,
            )
        assert letters.tell_owners(at=AT)
    assert [whom for whom, _ in box.taken] == ["elif@modanord.example"] * 2
    message = box.taken[0][1]
    assert str(message["From"]) == "Sadakat <reports@modanord.example>"
    for body in parts(message):
        assert "http://localhost:8000/goals/" in body
        assert "More orders a week" in body
    assert [need.state for need in analytics.owner_needs(team["elif"], as_of=TODAY)] == ["off_track"]
    assert analytics.owner_needs(team["deniz"], as_of=TODAY) == []


def test_a_briefing_is_sent_once_a_week_to_each_reader(team: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics import letters, models
    from sadakat.analytics.operations import briefings
    from sadakat.platform import audit

    fill([4, *range(10, 22)])
    friday = AT - timedelta(days=3)
    chosen: dict[str, Any] = {"department": "management", "user_ids": [team["deniz"], team["elif"]], "actor": audit.CLI}
    assert analytics.choose_readers(**chosen, at=friday)
    assert not analytics.choose_readers(**chosen, at=friday)

    def work(at: datetime) -> tuple[int, int]:
        written = sum(1 for _ in iter(lambda: briefings.write_due(at=at), False))
        return written, sum(1 for _ in iter(lambda: letters.send_briefing(at=at), False))

    with mailbox(monkeypatch) as box:
        assert work(friday) == (0, 0)  # this week's readers have missed this week
        assert work(AT - timedelta(hours=2, seconds=1)) == (0, 0)
        assert work(AT - timedelta(hours=2)) == (1, 2)  # seven in the morning
        assert work(AT) == work(AT + timedelta(days=6)) == (0, 0)
    row = models.Briefing.objects.get()
    assert (row.week_start, row.sent_to) == (date(2026, 11, 16), 2)
    assert [whom for whom, _ in box.taken] == ["deniz@modanord.example", "elif@modanord.example"]
    english, turkish = (message for _, message in box.taken)
    assert str(english["Subject"]).strip() == "Management: briefing of the week, 16 Nov 2026 – 22 Nov 2026"
    assert english["Message-ID"] != turkish["Message-ID"]
    assert "Revenue was ₺2,100, +5.0% against the week before, most of it by more customers." in parts(english)[0]
    assert "₺2.100" in parts(turkish)[1]
    attached = list(english.iter_attachments())
    assert [part.get_filename() for part in attached] == ["management-2026-11-16.pdf"]
    assert attached[0].get_content().startswith(b"%PDF-")
    assert audits("analytics.briefing") == [
        "analytics.briefing_readers_chosen",
        "analytics.briefing_written",
        "analytics.briefing_sent",
        "analytics.briefing_sent",
    ]


def test_a_reader_whose_mail_is_refused_gets_it_later(team: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics import letters
    from sadakat.analytics.briefing_tasks import briefing_step
    from sadakat.platform import audit

    fill([4, 5])
    analytics.choose_readers(department="stores", user_ids=[team["deniz"]], actor=audit.CLI, at=AT - timedelta(days=7))
    step = briefing_step()
    with mailbox(monkeypatch) as box:
        box.refuses = True
        assert step(AT)  # writes
        assert not step(AT)  # is refused, and rests
        box.refuses = False
        assert not step(AT)
        assert letters.send_briefing(at=AT)
        assert not letters.send_briefing(at=AT)
    assert len(box.taken) == 1


def test_an_address_that_is_refused_for_good_holds_up_nobody(
    team: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics import letters, models
    from sadakat.analytics.operations import briefings
    from sadakat.platform import audit

    fill([4, 5])
    chosen = [team["deniz"], team["elif"]]
    analytics.choose_readers(department="stores", user_ids=chosen, actor=audit.CLI, at=AT - timedelta(days=7))
    with mailbox(monkeypatch) as box:
        box.unknown = "deniz@modanord.example"
        assert briefings.write_due(at=AT)
        assert [letters.send_briefing(at=AT) for _ in range(3)] == [True, True, False]
    assert [whom for whom, _ in box.taken] == ["elif@modanord.example"]
    assert models.Briefing.objects.get().sent_to == 1
    assert audits("analytics.briefing_sent") == ["analytics.briefing_sent"]


def test_what_a_briefing_says_adds_up(team: dict[str, int]) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics.types.goals import Department

    fill([4, *range(10, 22)])
    set_goal(team)
    read()
    content = analytics.briefing(Department.MANAGEMENT, week_start=date(2026, 11, 16)).content
    why = content["why"]
    assert (why["now"], why["before"]) == (210_000, 200_000)
    assert why["customers"] + why["frequency"] + why["basket"] == 10_000
    assert (why["new"], why["returning"]) == (0, 10_000)
    assert why["channels"] == [{"channel": "online", "change": 10_000}, {"channel": "store", "change": 0}]
    by_name = {each["name"]: (each["now"], each["before"], each["year_before"]) for each in content["figures"]}
    assert by_name["orders"] == (21, 20, None)
    assert by_name["new_customers"] == (1, 1, None)
    (need,) = content["attention"]
    assert (need["kind"], need["state"], need["forecast"]) == ("goal", "off_track", pytest.approx(25))
    stores = analytics.briefing(Department.STORES, week_start=date(2026, 11, 16)).content
    assert [each["now"] for each in stores["figures"][:3]] == [10_000, 1, 1]
    assert stores["attention"] == []


def test_a_kept_briefing_does_not_change_any_more(team: dict[str, int]) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.platform import audit

    fill([4, 5])
    asked: dict[str, Any] = {
        "department": "loyalty",
        "week_start": date(2026, 11, 16),
        "actor": audit.CLI,
        "at": AT,
    }
    kept = analytics.write_briefing(**asked)
    insert([Entry(order="late", profile=9, at=AT - timedelta(days=2), amount=500)])
    from sadakat.platform import lake

    lake.sync(at=AT)
    assert analytics.write_briefing(**asked) == kept
    assert audits("analytics.briefing") == ["analytics.briefing_written"]
    for day in (date(2026, 11, 17), date(2026, 11, 23)):
        with pytest.raises(Invalid, match="a briefing is about a whole week that is over"):
            analytics.write_briefing(department="loyalty", week_start=day, actor=audit.CLI, at=AT)


def test_readers_may_see_figures(team: dict[str, int]) -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics import models
    from sadakat.platform import audit

    with pytest.raises(NotFound, match="nobody who may see figures has the id"):
        analytics.choose_readers(department="support", user_ids=[team["can"]], actor=audit.CLI, at=AT)
    assert models.BriefingReader.objects.count() == 0


def test_a_link_opens_ends_and_is_counted(team: dict[str, int]) -> None:
    from sadakat.analytics import models
    from sadakat.analytics.operations import sharing
    from sadakat.analytics.web import shared  # noqa: F401 - registers the reports
    from sadakat.platform import audit

    goal_id = set_goal(team)
    said: dict[str, Any] = {
        "report": "goal",
        "title": "Orders",
        "language": "tr",
        "days": 7,
        "actor": audit.CLI,
        "at": AT,
    }
    link_id, token = sharing.create_link(**said, parameters={"id": str(goal_id)})
    assert token.encode() not in bytes(models.ReportLink.objects.get().token_hash)
    assert sharing.open_link(token, at=AT).parameters == {"id": str(goal_id)}
    sharing.open_link(token, at=AT + timedelta(days=6))
    assert [(each.views, each.seen_at) for each in sharing.links()] == [(2, AT + timedelta(days=6))]
    with pytest.raises(sharing.EndedLink):
        sharing.open_link(token, at=AT + timedelta(days=7))
    assert sharing.revoke_link(link_id=link_id, actor=audit.CLI, at=AT)
    assert not sharing.revoke_link(link_id=link_id, actor=audit.CLI, at=AT)
    with pytest.raises(sharing.EndedLink, match="this link has ended"):
        sharing.open_link(token, at=AT)
    with pytest.raises(NotFound):
        sharing.open_link(token[:-1], at=AT)
    assert sharing.links()[0].views == 2
    assert audits("analytics.link") == ["analytics.link_created", "analytics.link_revoked"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"report": "customers"}, Invalid),
        ({"report": "goal", "parameters": {"id": "999"}}, NotFound),
        ({"report": "goal", "parameters": {"id": "x"}}, Invalid),
        ({"title": ""}, Invalid),
        ({"language": "de"}, Invalid),
        ({"days": 8}, Invalid),
        ({"report": "figures", "parameters": {"as_of": "soon"}}, Invalid),
        ({"report": "figures", "parameters": {"as_of": "0001-01-01"}}, Invalid),
        ({"report": "figures", "parameters": {"as_of": "2026-11-01", "more": "x" * 1000}}, Invalid),
        ({"report": "briefing", "parameters": {"id": "7"}}, NotFound),
    ],
)
def test_what_cannot_be_shared(team: dict[str, int], changes: dict[str, Any], error: type[Exception]) -> None:
    from sadakat.analytics import models
    from sadakat.analytics.operations import sharing
    from sadakat.analytics.web import shared  # noqa: F401 - registers the reports
    from sadakat.platform import audit

    said: dict[str, Any] = {"report": "figures", "parameters": {}, "title": "Orders", "language": "tr", "days": 7}
    with pytest.raises(error):
        sharing.create_link(**{**said, **changes}, actor=audit.CLI, at=AT)
    assert (models.ReportLink.objects.count(), audits("analytics.link")) == (0, [])


def test_more_goals_than_can_be_are_refused(team: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.analytics.queries import goals

    monkeypatch.setattr(goals, "MAX_GOALS", 1)
    set_goal(team)
    with pytest.raises(Refused, match="there are 1 goals already; archive one first"):
        set_goal(team)


def test_a_goal_that_is_half_read_has_its_page(team: dict[str, int]) -> None:
    from django.test import Client

    from sadakat.analytics.operations import goals
    from sadakat.platform.models import User

    fill([4, *range(10, 22)])
    goal_id = set_goal(team)
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(pk=team["deniz"]))
    assert client.get(f"/goals/{goal_id}/").status_code == 200
    while goals.read_due(at=AT):
        assert client.get(f"/goals/{goal_id}/").status_code == 200
    assert client.get("/goals/").status_code == 200


def test_goals_by_rest(team: dict[str, int]) -> None:
    fill([4, *range(10, 22)])
    goal_id = set_goal(team)
    read()
    mine = caller("metrics:read")
    (listed,) = mine.get("/goals")["items"]
    found = mine.get(f"/goals/{goal_id}")
    assert listed == {**found, "readings": []}
    assert found["readings"][-1] == {"day": "2026-11-23", "value": 21.0}
    expected = found.pop("forecast")
    assert {name: found[name] for name in ("metric", "target", "owner", "state", "by_date", "is_archived")} == {
        "metric": "orders",
        "target": 30.0,
        "owner": "Elif Yıldız",
        "state": "off_track",
        "by_date": "2026-12-20",
        "is_archived": False,
    }
    assert (expected["method"], expected["value"]) == ("trend", pytest.approx(25))
    assert mine.ask("GET", "/goals/99")[0] == 404
    assert caller("customers:read").ask("GET", "/goals")[0] == 403
