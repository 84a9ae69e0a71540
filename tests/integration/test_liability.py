"""What the programme owes, from the ledger: the worked page, restores, transfers, deficits, and the parts of it."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sadakat.kernel.errors import Invalid
from sadakat.loyalty.types import (
    Award,
    Capture,
    ClawBack,
    Command,
    Deduct,
    Expire,
    Expiry,
    Release,
    Reserve,
    Restore,
    Return,
    Reverse,
    Span,
    Spend,
    Transfer,
)
from tests.unit.test_breakage import rows_of_page

LIFE = Expiry(Span.DAYS, 58)
PROGRAMME = {"burning": {"points_step": 100, "step_minor": 2_000}}


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+03:00")


class Books:
    """Two or three members and what happens to their points; nothing may be refused."""

    def __init__(self, *, count: int = 3) -> None:
        from sadakat.loyalty import api as loyalty
        from sadakat.loyalty.testing import make_members
        from sadakat.platform import audit

        loyalty.apply_programme(PROGRAMME, actor=audit.CLI, at=noon("2025-12-01"))
        self.members = make_members(range(101, 101 + count), at=noon("2025-12-01"))
        self.done = 0

    def do(self, make: Callable[..., Command], day: str, member: int = 0, key: str = "", **said: Any) -> str:
        """Does a command at noon of that day in Istanbul, and gives its key."""
        from sadakat.loyalty.operations import ledger

        self.done += 1
        command = make(key=key or f"test:{self.done}", member_id=self.members[member], at=noon(day), **said)
        (outcome,) = ledger.post([command], at=noon(day))
        assert outcome.is_done, outcome.reason
        return command.key

    def give(self, day: str, points: int, member: int = 0, revenue: int = 0, **said: Any) -> str:
        reference = {"order_id": f"B-{self.done}", "basis_minor": revenue} if revenue else {"reason": "gift"}
        return self.do(Award, day, member, points=points, reference=reference, **{"expiry": LIFE, **said})


@pytest.fixture
def books(database: str) -> Books:
    return Books()


def owed(as_of: str) -> Any:
    from sadakat.loyalty import api as loyalty

    return loyalty.liability(as_of=date.fromisoformat(as_of))


def booked(as_of: str) -> int:
    """Active, pending and reserved points by the entries alone."""
    from django.db import connection

    kept = ["active", "pending", "reserved"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(points * ((target = ANY(%s))::int - (source = ANY(%s))::int)), 0) FROM loyalty_entry"
            " WHERE at < %s::timestamp AT TIME ZONE 'Europe/Istanbul'",
            [kept, kept, as_of],
        )
        return int(cursor.fetchone()[0])


def rolls(told: Any) -> None:
    """Each month begins where the last one ended and adds up; the last one ends with what is computed afresh."""
    for before, month in zip([None, *told.roll_forward], told.roll_forward, strict=False):
        assert before is None or month.opening_minor == before.closing_minor
        went = month.recognised_minor + month.reversed_minor + month.expired_minor
        assert month.closing_minor == month.opening_minor + month.deferred_minor - went + month.reestimated_minor
    assert (told.roll_forward[-1].closing_minor if told.roll_forward else 0) == told.deferred_minor


def page(books: Books) -> None:
    """The table of the page, posted."""
    names: dict[str, int] = {}
    lots: dict[int, str] = {}
    for name, points, what, day, revenue in rows_of_page("| member |"):
        member = names.setdefault(name, len(names))
        if what == "given":
            lots[member] = books.give(day, int(points), member, revenue=int(revenue))
        elif what == "used":
            books.do(Spend, day, member, points=int(points))
        else:
            assert what == "taken back"
            books.do(Reverse, day, member, award_key=lots[member], upto=int(points))


@pytest.mark.parametrize("is_swept", [False, True])
def test_the_worked_page(books: Books, *, is_swept: bool) -> None:
    page(books)
    if is_swept:
        books.do(Expire, "2026-03-02")
    told = owed("2026-03-12")
    for figure, result in rows_of_page("| figure | result |"):
        assert Decimal(str(getattr(told, figure.strip("`")))) == Decimal(result), figure
    months = [
        [str(month.month), *(getattr(month, f"{name}_minor") for name in MOVEMENTS)] for month in told.roll_forward
    ]
    assert [[str(cell) for cell in row] for row in months] == list(rows_of_page("| month |"))
    assert [(part.key, part.points, part.expected_points, part.value_minor) for part in told.by_age] == [
        ("under_3_months", 120, 65, 1_300)
    ]
    assert [(part.key, part.points) for part in told.by_tier] == [("", 120)]
    rolls(told)


MOVEMENTS = ("opening", "deferred", "recognised", "reversed", "expired", "reestimated", "closing")


def test_months_that_are_over_stay_as_they_were_told(books: Books) -> None:
    page(books)
    march = owed("2026-03-12").roll_forward
    for day, place in (("2026-02-01", 0), ("2026-03-01", 1)):
        told = owed(day)
        assert told.roll_forward == march[: place + 1]
        assert told.deferred_minor == march[place].closing_minor
    assert owed("2025-12-31").roll_forward == ()
    later = owed("2027-06-01")
    assert (len(later.roll_forward), later.deferred_minor, later.outstanding_points) == (13, 0, 0)
    rolls(later)


def test_points_that_no_purchase_gave_are_owed_and_not_deferred(books: Books) -> None:
    books.give("2026-01-01", 100)
    told = owed("2026-01-10")
    assert (told.outstanding_points, told.expected_minor, told.deferred_minor) == (100, 2_000, 0)
    assert (told.breakage_rate, told.roll_forward) == (0, ())
    assert owed("2026-01-01").outstanding_points == 0


def test_what_is_reserved_is_owed_until_it_is_captured(books: Books) -> None:
    books.give("2026-01-01", 100, revenue=8_000)
    held = books.do(Reserve, "2026-01-05", points=40, until=noon("2026-01-20"))
    other = books.do(Reserve, "2026-01-05", points=10, until=noon("2026-01-20"))
    books.do(Capture, "2026-01-08", reserve_key=held)
    books.do(Release, "2026-01-09", reserve_key=other)
    assert [owed(day).outstanding_points for day in ("2026-01-06", "2026-01-09", "2026-01-10")] == [100, 60, 60]
    assert [booked(day) for day in ("2026-01-06", "2026-01-09", "2026-01-10")] == [100, 60, 60]
    assert owed("2026-01-10").roll_forward[0].recognised_minor == 640


def test_what_was_given_back_counts_as_never_used_from_then_on(books: Books) -> None:
    books.give("2026-01-01", 30)
    books.give("2026-01-02", 50)
    spent = books.do(Spend, "2026-01-10", points=60)
    books.do(Restore, "2026-01-20", spend_key=spent, upto=20)
    books.do(Restore, "2026-01-25", spend_key=spent, upto=45)
    days = ("2026-01-11", "2026-01-21", "2026-01-26")
    assert [owed(day).outstanding_points for day in days] == [20, 40, 65] == [booked(day) for day in days]
    # The first lot was emptied first and is filled last: 15 of its 30 points are used.
    by_age = {part.key: part.points for part in owed("2026-02-28").by_age}
    assert by_age == {"under_3_months": 50 + 15}
    assert owed("2026-02-28").outstanding_points == 65
    assert owed("2026-03-01").outstanding_points == 50
    back = books.do(Spend, "2026-02-27", points=65)
    books.do(Restore, "2026-03-05", spend_key=back, upto=65)
    told = owed("2026-03-06")
    assert told.outstanding_points == 0 == booked("2026-03-06")
    assert told.breakage_rate == round(65 / 80, 6)


def test_a_transfer_changes_nothing_and_neither_does_its_return(books: Books) -> None:
    books.give("2026-01-01", 100, revenue=8_000)
    books.do(Spend, "2026-01-11", points=20)
    alone = owed("2026-02-10")
    gift = books.do(Transfer, "2026-01-15", to_member_id=books.members[1], points=50)
    assert owed("2026-02-10") == alone
    on = books.do(Transfer, "2026-01-18", 1, to_member_id=books.members[2], points=None)
    books.do(Spend, "2026-01-20", 2, points=10)
    told = owed("2026-02-10")
    assert (told.outstanding_points, told.deferred_minor) == (70, 1_120) == (booked("2026-02-10"), 1_120)
    books.do(Return, "2026-01-22", 1, transfer_key=on)
    books.do(Return, "2026-01-25", transfer_key=gift)
    assert owed("2026-02-10") == told
    assert owed("2026-03-01").outstanding_points == 0


def test_a_debt_that_new_points_pay_is_use(books: Books) -> None:
    first = books.give("2026-01-01", 100, revenue=8_000)
    books.do(Spend, "2026-01-05", points=100)
    books.do(Reverse, "2026-01-06", award_key=first, upto=100, policy=ClawBack.UNLIMITED)
    books.give("2026-01-07", 150, revenue=12_000)
    told = owed("2026-01-10")
    assert told.outstanding_points == 50 == booked("2026-01-10")
    assert told.deferred_minor == round(20_000 * 5_000 / 25_000 * 50 / 250)
    rolls(told)


def test_points_taken_by_hand_are_gone(books: Books) -> None:
    books.give("2026-01-01", 100, revenue=8_000)
    books.do(Deduct, "2026-01-05", points=30)
    books.do(Spend, "2026-01-06", points=30)
    told = owed("2026-01-10")
    assert (told.outstanding_points, told.breakage_rate) == (40, 0.3)
    assert [told.roll_forward[0].recognised_minor, told.roll_forward[0].expired_minor] == [510, 0]
    assert told.deferred_minor == round(8_000 * 1_400 / 9_400 * 40 / 70)
    rolls(told)


def test_pending_points_live_from_when_they_become_active(books: Books) -> None:
    books.give("2026-01-01", 100, is_pending=True, activates_at=noon("2026-01-15"))
    told = owed("2026-03-05")
    assert told.outstanding_points == 100 == booked("2026-03-05")
    assert owed("2026-03-15").outstanding_points == 0
    books.give("2026-01-01", 7, member=1, is_pending=True)
    assert owed("2026-03-15").expected_points == 7


def test_parts_by_age_and_by_the_tier_of_the_day(books: Books) -> None:
    from sadakat.loyalty import models

    for days, member in ((400, 0), (200, 1), (100, 2), (50, 0), (0, 1)):
        day = date(2026, 11, 1) - timedelta(days=days)
        books.give(str(day), 100 + days, member, expiry=Expiry())
    for member, key, day in ((0, "silver", "2026-02-01"), (0, "gold", "2026-11-05"), (1, "silver", "2026-03-01")):
        models.TierChange.objects.create(
            member_id=books.members[member], from_key="", to_key=key, at=noon(day), reason="reached"
        )
    told = owed("2026-11-02")
    assert [(part.key, part.points) for part in told.by_age] == [
        ("under_3_months", 250),
        ("3_to_6_months", 200),
        ("6_to_12_months", 300),
        ("over_12_months", 500),
    ]
    assert [(part.key, part.points) for part in told.by_tier] == [("", 200), ("silver", 1_050)]
    assert told.expected_points == 1_250 == sum(part.expected_points for part in told.by_age)
    assert {part.key for part in owed("2026-11-06").by_tier} == {"", "gold", "silver"}


def test_points_are_of_the_tier_of_whom_their_member_has_become_through_others(books: Books) -> None:
    from sadakat.loyalty import models

    first, second, third = books.members
    books.give("2026-10-01", 70, 0)
    for member, into in ((first, second), (second, third)):
        models.Member.objects.filter(pk=member).update(merged_into_id=into)
    for member, key in ((first, "silver"), (second, "gold"), (third, "platinum")):
        models.TierChange.objects.create(
            member_id=member, from_key="", to_key=key, at=noon("2026-10-01"), reason="reached"
        )
    assert [(part.key, part.points) for part in owed("2026-10-02").by_tier] == [("platinum", 70)]


def test_the_worth_of_a_point_is_that_of_its_month(books: Books) -> None:
    from sadakat.loyalty import api as loyalty
    from sadakat.platform import audit

    books.give("2026-01-10", 100, revenue=8_000)
    loyalty.apply_programme(
        {"burning": {"points_step": 100, "step_minor": 6_000}}, actor=audit.CLI, at=noon("2026-02-02")
    )
    books.give("2026-02-10", 100, 1, revenue=6_000)
    told = owed("2026-02-20")
    assert (told.outstanding_minor, told.deferred_minor) == (12_000, 1_600 + 3_000)
    assert owed("2026-02-01").outstanding_minor == 2_000


@pytest.mark.parametrize("day", [date(1969, 12, 31), date(1, 1, 1), date(9999, 12, 31)])
def test_a_date_beyond_all_sense_is_refused(database: str, day: date) -> None:
    from sadakat.loyalty import api as loyalty

    with pytest.raises(Invalid, match="expected a date from 1970-01-02"):
        loyalty.liability(as_of=day)


def test_nothing_given_nothing_owed(database: str) -> None:
    told = owed("2026-11-20")
    assert (told.outstanding_points, told.expected_minor, told.deferred_minor, told.breakage_rate) == (0, 0, 0, 0)
    assert (told.by_tier, told.by_age, told.roll_forward) == ((), (), ())


def test_the_file_for_the_accountant_holds_every_figure_and_is_noted(books: Books) -> None:
    from sadakat.loyalty import api as loyalty
    from sadakat.platform import audit
    from sadakat.platform.models import AuditEntry

    page(books)
    at = noon("2026-03-12")
    rows = [tuple(row) for row in loyalty.export_liability(as_of=at.date(), actor=audit.CLI, at=at)]
    assert {len(row) for row in rows} == {len(loyalty.LIABILITY_HEADS)}
    assert rows[:3] == [
        ("total", "2026-03-12", "outstanding_points", 120, "points"),
        ("total", "2026-03-12", "expected_points", 65, "points"),
        ("total", "2026-03-12", "breakage_rate", 0.375, "share"),
    ]
    assert ("total", "2026-03-12", "deferred", 980, "TRY minor units") in rows
    assert ("by_age", "under_3_months", "expected_points", 65, "points") in rows
    assert ("roll_forward", "2026-02-01", "closing", 540, "TRY minor units") in rows
    assert len(rows) == 6 + 2 * 3 + 3 * 7
    entry = AuditEntry.objects.get(action="loyalty.liability_exported")
    assert (entry.subject, entry.new) == ("loyalty:liability", {"as_of": "2026-03-12"})


def test_the_command_line_tells_it(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from typer.testing import CliRunner

    from sadakat.entry.cli import app

    page(books)
    runner = CliRunner()
    told = runner.invoke(app, ["loyalty", "liability", "--as-of", "2026-03-12", "--json"])
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert document["deferred"] == {"amount": 980, "currency": "TRY"}
    assert document["roll_forward"][1]["month"] == "2026-02-01"
    shown = runner.invoke(app, ["loyalty", "liability", "--as-of", "2026-03-12"])
    assert "9.80 TRY" in shown.output
    wrong: Sequence[Any] = runner.invoke(app, ["loyalty", "liability", "--as-of", "soon"]).output.split()
    assert "'soon'" in wrong


def test_the_command_line_applies_a_programme_and_audits_the_ledger(books: Books, tmp_path: Path) -> None:
    import json

    from django.db import connection
    from typer.testing import CliRunner

    from sadakat.entry.cli import app
    from sadakat.loyalty import api as loyalty

    def run(*said: str) -> tuple[int, Any]:
        result = CliRunner().invoke(app, ["loyalty", *said, "--json"])
        return result.exit_code, json.loads(result.stdout)

    file = tmp_path / "club.json"
    rule = {"key": "purchases", "name": {"en": "Purchases"}, "event": "order", "points_per_unit": 1}
    file.write_text(json.dumps({"name": {"en": "Club"}, "rules": [rule]}), encoding="utf-8")
    told = {"version": 2, "rules": 1, "tiers": 0}
    assert run("apply", str(file), "--dry-run") == (0, told)
    assert loyalty.programme().version == 1
    assert [run("apply", str(file)) for _ in range(2)] == [(0, told), (0, told)]
    assert loyalty.programme().version == 2
    books.give("2026-01-01", 100)
    assert run("audit") == (0, {"members": 3, "entries": 1, "problems": []})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loyalty_lot SET remaining = 99")
    status, report = run("audit")
    assert status == 1
    assert [problem.split(": ")[0] for problem in report["problems"]] == [f"member {books.members[0]}"] * 2
