"""What the ledger decides, held against a plain model, and its worked cases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sadakat.kernel import time
from sadakat.loyalty.rules import ledger, lives
from sadakat.loyalty.rules.book import Book, Member
from sadakat.loyalty.types import (
    Account,
    Activate,
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
from tests.ledger_model import Model

PAGE = Path(__file__).parents[2] / "docs" / "algorithms" / "points-ledger.md"
START = datetime(2027, 1, 1, 9, tzinfo=UTC)
MEMBERS = [1, 2, 3]

members = st.sampled_from(MEMBERS)
points = st.integers(1, 120)
lives_in_days = st.sampled_from([0, 0, 1, 3, 10])
policies = st.sampled_from(list(ClawBack))
anything = st.randoms(use_true_random=False)


def life(days: int) -> Expiry:
    return Expiry(Span.DAYS, days) if days else Expiry()


def new_book(at: datetime = START) -> Book:
    book = Book(at=at)
    for number in MEMBERS:
        book.members[number] = Member(
            id=number, customer_id=number, accounts=dict.fromkeys(Account, 0), version=0, chain=None
        )
    return book


class Ledger(RuleBasedStateMachine):
    """Commands in any order; late ones too."""

    def __init__(self) -> None:
        super().__init__()
        self.book = new_book()
        self.model = Model(MEMBERS)
        self.clock = START
        self.names: dict[str, list[str]] = {}
        self.counter = 0
        self.done: list[Any] = []

    def do(self, command: Any) -> None:
        self.book.at = self.clock
        expected = self.model.do(command)
        before = {number: member.balance for number, member in self.book.members.items()}
        (decision,) = ledger.decide(self.book, [command])
        assert (decision.points if decision.is_done else None) == expected, (command, decision)
        assert bool(decision.reason) is not decision.is_done
        if decision.is_replay and decision.operation is not None:  # else what was due is booked all the same
            assert {number: member.balance for number, member in self.book.members.items()} == before
        if decision.is_done:
            self.names.setdefault(type(command).__name__, []).append(command.key)
            self.done.append(command)

    def key(self) -> str:
        self.counter += 1
        return f"k{self.counter}"

    def some(self, chance: Any, *kinds: str) -> str:
        names = [name for kind in kinds for name in self.names.get(kind, ())]
        return chance.choice(names) if names else "none"

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        self.clock += timedelta(hours=hours)

    @rule(member=members, points=points, days=lives_in_days, is_pending=st.booleans(), late=st.integers(0, 5))
    def award(self, *, member: int, points: int, days: int, is_pending: bool, late: int) -> None:
        at = self.clock - timedelta(hours=late)
        self.do(Award(key=self.key(), member_id=member, at=at, points=points, expiry=life(days), is_pending=is_pending))

    @rule(member=members, chance=anything)
    def activate(self, member: int, chance: Any) -> None:
        key = self.some(chance, "Award", "Transfer")
        self.do(Activate(key=self.key(), member_id=member, at=self.clock, award_key=key))

    @rule(member=members, points=points, late=st.integers(0, 30))
    def spend(self, member: int, points: int, late: int) -> None:
        self.do(Spend(key=self.key(), member_id=member, at=self.clock - timedelta(hours=late), points=points))

    @rule(member=members, points=points, hours=st.integers(0, 50))
    def reserve(self, member: int, points: int, hours: int) -> None:
        until = self.clock + timedelta(hours=hours)
        self.do(Reserve(key=self.key(), member_id=member, at=self.clock, points=points, until=until))

    @rule(member=members, chance=anything)
    def capture(self, member: int, chance: Any) -> None:
        self.do(Capture(key=self.key(), member_id=member, at=self.clock, reserve_key=self.some(chance, "Reserve")))

    @rule(member=members, chance=anything)
    def release(self, member: int, chance: Any) -> None:
        self.do(Release(key=self.key(), member_id=member, at=self.clock, reserve_key=self.some(chance, "Reserve")))

    @rule(member=members, upto=points, chance=anything)
    def restore(self, member: int, upto: int, chance: Any) -> None:
        key = self.some(chance, "Spend", "Capture")
        self.do(Restore(key=self.key(), member_id=member, at=self.clock, spend_key=key, upto=upto))

    @rule(member=members, upto=points, policy=policies, chance=anything)
    def reverse(self, member: int, upto: int, policy: ClawBack, chance: Any) -> None:
        key = self.some(chance, "Award")
        self.do(Reverse(key=self.key(), member_id=member, at=self.clock, award_key=key, upto=upto, policy=policy))

    @rule(member=members, points=points, policy=policies)
    def deduct(self, member: int, points: int, policy: ClawBack) -> None:
        self.do(Deduct(key=self.key(), member_id=member, at=self.clock, points=points, policy=policy))

    @rule(member=members)
    def expire(self, member: int) -> None:
        self.do(Expire(key="expire", member_id=member, at=self.clock))

    @rule(member=members, to=members, points=st.none() | points)
    def transfer(self, member: int, to: int, points: int | None) -> None:
        self.do(Transfer(key=self.key(), member_id=member, at=self.clock, to_member_id=to, points=points))

    @rule(member=members, chance=anything)
    def return_(self, member: int, chance: Any) -> None:
        self.do(Return(key=self.key(), member_id=member, at=self.clock, transfer_key=self.some(chance, "Transfer")))

    @rule(chance=anything)
    def again(self, chance: Any) -> None:
        if self.done:
            self.do(chance.choice(self.done))

    @invariant()
    def it_is_what_the_model_says(self) -> None:
        for number, member in self.book.members.items():
            assert member.balance == self.model.balance(number)

    @invariant()
    def it_agrees_with_itself(self) -> None:
        entries = {number: dict.fromkeys(Account, 0) for number in MEMBERS}
        for entry in self.book.entries.values():
            entries[entry.member_id][entry.source] -= entry.points
            entries[entry.member_id][entry.target] += entry.points
            assert entry.points > 0
        for number, member in self.book.members.items():
            has = member.accounts
            assert has == entries[number]
            assert sum(has.values()) == 0
            lots = [lot for lot in self.book.lots.values() if lot.member_id == number and lot.remaining]
            assert has[Account.ACTIVE] == sum(lot.remaining for lot in lots if not lot.is_pending)
            assert has[Account.PENDING] == sum(lot.remaining for lot in lots if lot.is_pending)
            holds = [hold.points for hold in self.book.holds.values() if hold.member_id == number]
            assert has[Account.RESERVED] == sum(holds)
            assert has[Account.DEFICIT] <= 0 <= has[Account.ACTIVE]
            assert not (has[Account.DEFICIT] and has[Account.ACTIVE])
            line = [lot for lot in lots if not lot.is_pending]
            assert member.lots == sorted(line, key=lambda lot: lot.place)
        assert sum(member.accounts[Account.MOVED] for member in self.book.members.values()) == 0

    @invariant()
    def lots_and_operations_keep_their_bounds(self) -> None:
        taken = dict.fromkeys(self.book.lots, 0)
        for draw in self.book.new_draws:
            assert 0 <= draw.restored <= draw.points
            taken[draw.lot.id] += draw.points - draw.restored
        for lot in self.book.lots.values():
            assert 0 <= lot.remaining <= lot.points
            assert lot.points - lot.remaining == taken[lot.id]
        for operation in self.book.new_operations:
            assert 0 <= operation.undone <= operation.points or operation.kind == "award"
            assert operation.undone <= operation.points


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


ISTANBUL = ZoneInfo("Europe/Istanbul")


@pytest.mark.parametrize(
    ("expiry", "active_at", "expires_at"),
    [
        (Expiry(), "2027-01-31T12:00+03:00", None),
        (Expiry(Span.DAYS, 0), "2027-01-31T12:00+03:00", "2027-02-01T00:00+03:00"),
        (Expiry(Span.DAYS, 30), "2027-01-31T23:59+03:00", "2027-03-03T00:00+03:00"),
        (Expiry(Span.MONTHS, 1), "2027-01-31T12:00+03:00", "2027-03-01T00:00+03:00"),
        (Expiry(Span.MONTHS, 1), "2028-01-31T12:00+03:00", "2028-03-01T00:00+03:00"),
        (Expiry(Span.MONTHS, 1), "2027-01-25T12:00+03:00", "2027-02-26T00:00+03:00"),
        (Expiry(Span.MONTHS, 12), "2028-02-29T12:00+03:00", "2029-03-01T00:00+03:00"),
        (Expiry(Span.END_OF_MONTH, 0), "2027-01-22T12:00+03:00", "2027-02-01T00:00+03:00"),
        (Expiry(Span.END_OF_MONTH, 1), "2027-01-31T12:00+03:00", "2027-03-01T00:00+03:00"),
        (Expiry(Span.END_OF_YEAR, 0), "2027-01-22T12:00+03:00", "2028-01-01T00:00+03:00"),
        (Expiry(Span.END_OF_YEAR, 1), "2027-12-31T23:00+03:00", "2029-01-01T00:00+03:00"),
        # 00:30 in Istanbul is still the day before in UTC: the local day counts.
        (Expiry(Span.DAYS, 1), "2027-01-09T21:30+00:00", "2027-01-12T00:00+03:00"),
    ],
)
def test_points_live_to_the_end_of_a_local_day(expiry: Expiry, active_at: str, expires_at: str | None) -> None:
    found = lives.expires_at(expiry, active_at=time.instant(active_at), time_zone=ISTANBUL)
    assert found == (None if expires_at is None else time.instant(expires_at))


def test_where_the_clock_is_put_forward_a_day_still_ends_at_its_own_midnight() -> None:
    """In Berlin the night of 28 March 2027 has 23 hours."""
    berlin = ZoneInfo("Europe/Berlin")
    ends = [
        lives.expires_at(Expiry(Span.DAYS, 1), active_at=time.instant(day), time_zone=berlin)
        for day in ("2027-03-26T12:00+01:00", "2027-03-27T12:00+01:00")
    ]
    assert ends == [time.instant("2027-03-28T00:00+01:00"), time.instant("2027-03-29T00:00+02:00")]


def decided(*commands: Command) -> tuple[Book, list[ledger.Decision]]:
    book = new_book(START + timedelta(days=400))
    return book, ledger.decide(book, commands)


def award(key: str, points: int, expires: str | None = None, **said: Any) -> Award:
    return Award(
        key=key,
        member_id=1,
        at=START,
        points=points,
        expires_at=time.instant(f"{expires}T00:00Z") if expires else None,
        **said,
    )


def test_lots_are_drawn_by_their_expiry() -> None:
    book, _ = decided(
        award("a", 100, "2027-06-01"), award("b", 100, "2027-04-01"), Spend(key="s", member_id=1, at=START, points=100)
    )
    assert [lot.remaining for lot in book.new_lots] == [100, 0]
    book, _ = decided(award("a", 100), award("b", 100, "2027-04-01"), Spend(key="s", member_id=1, at=START, points=100))
    assert [lot.remaining for lot in book.new_lots] == [100, 0]


def test_a_lot_spent_in_part_expires_for_the_rest_once_and_at_its_very_moment() -> None:
    moment = time.instant("2027-06-01T00:00Z")
    book, (*_, expired, again) = decided(
        award("a", 150, "2027-06-01"),
        Spend(key="s", member_id=1, at=START, points=50),
        Expire(key="e", member_id=1, at=moment - timedelta(microseconds=1)),
        Expire(key="e", member_id=1, at=moment),
        Expire(key="e", member_id=1, at=moment),
    )
    assert (expired.points, again.points, book.members[1].balance.active) == (100, 0, 0)
    assert [(o.kind.value, o.points, o.at) for o in book.new_operations[2:]] == [("expire", 100, moment)]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (award("", 1), "expected a key that names the operation; it is empty"),
        (award("x", 10**12 + 1), "expected 1 to 1000000000000 points, not 1000000000001"),
        (award("x", 1, "2027-01-01"), "expected points to expire after 2027-01-01T09:00:00+00:00, not at"),
        (Reserve(key="x", member_id=1, at=START, points=1, until=START), "expected a reservation to stand after"),
        (
            Capture(key="x", member_id=1, at=START, reserve_key="a"),
            "the operation 'a' is of kind award; expected reserve",
        ),
        (Release(key="x", member_id=1, at=START, reserve_key="no"), "there is no operation 'no'"),
        (Reverse(key="x", member_id=1, at=START, award_key="a", upto=-1), "of 110 points -1 cannot be undone"),
        (Reverse(key="x", member_id=1, at=START, award_key="a", upto=111), "of 110 points 111 cannot be undone"),
        (
            Restore(key="x", member_id=1, at=START, spend_key="a", upto=1),
            "the operation 'a' is of kind award; expected",
        ),
        (Transfer(key="x", member_id=1, at=START, to_member_id=1, points=1), "giver and receiver are the same"),
        (Transfer(key="x", member_id=1, at=START, to_member_id=9, points=1), "there is no member 9"),
        (Transfer(key="x", member_id=1, at=START, to_member_id=2, points=101), "the member has 100 active points"),
        (Return(key="x", member_id=2, at=START, transfer_key="t"), "the transfer 't' was made by member 1"),
        (
            Deduct(key="x", member_id=1, at=START, points=1, policy=ClawBack.ONLY_PENDING),
            "the member has 0 pending points; 1 are asked for",
        ),
        (Deduct(key="x", member_id=1, at=START, points=101), "the member has 100 active points; 101 are asked for"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason_and_changes_nothing(command: Command, reason: str) -> None:
    first = (award("a", 110), Transfer(key="t", member_id=1, at=START, to_member_id=2, points=10))
    alone, _ = decided(*first)
    book, (*_, refused) = decided(*first, command)
    assert not refused.is_done
    assert reason in refused.reason
    assert len(book.new_operations) == 2
    assert [m.balance for m in book.members.values()] == [m.balance for m in alone.members.values()]


def test_each_word_of_the_page_is_done() -> None:
    """The numbers of docs/algorithms/points-ledger.md, row by row."""
    table = PAGE.read_text().split("## Worked by hand")[1]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"][
        2:
    ]
    assert len(lines) == 15
    book = new_book()
    for number, (day, said, *expected) in enumerate(lines):
        at = book.at = START + timedelta(days=int(day) - 1)
        (decision,) = ledger.decide(book, [_command(said, key=str(number), at=at)])
        balance = book.members[1].balance
        found = [balance.active, balance.pending, balance.reserved, balance.deficit]
        assert [decision.points, *found] == [int(cell) for cell in expected], said


def _command(said: str, *, key: str, at: datetime) -> Command:  # noqa: PLR0911 - one form each
    verb, *rest = said.replace("`", "").split()
    numbers = [int(word) for word in rest if word.isdecimal()]
    common: dict[str, Any] = {"member_id": 1, "at": at}
    match verb:
        case "award":
            life = Expiry(Span.DAYS, numbers[1]) if "days" in rest else Expiry()
            return Award(key=rest[0], points=numbers[0], expiry=life, is_pending="pending" in rest, **common)
        case "activate":
            return Activate(key=key, award_key=rest[0], **common)
        case "spend":
            return Spend(key=rest[0], points=numbers[0], **common)
        case "reserve":
            return Reserve(key=rest[0], points=numbers[0], until=at + timedelta(hours=1), **common)
        case "capture":
            return Capture(key=key, reserve_key=rest[0], **common)
        case "restore":
            return Restore(key=key, spend_key=rest[0], upto=numbers[0], **common)
        case "reverse":
            return Reverse(key=key, award_key=rest[0], upto=numbers[0], policy=ClawBack(rest[-1]), **common)
    return Expire(key=key, **common)
