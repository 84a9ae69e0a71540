"""The part of the ledger that commands are decided on, in memory, and what they have changed of it."""

from bisect import insort
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sadakat.loyalty.types import Account, Balance, Command, OperationKind

NEW: Final = 1 << 62
"""Operations and lots that are not in the database yet have numbers from here on, in the order in which they came."""
UTC_ZONE: Final = ZoneInfo("UTC")
NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Later than anything that happens."""


@dataclass(slots=True, kw_only=True, eq=False)
class Operation:
    """One command that was done."""

    id: int
    key: str
    fingerprint: bytes
    member_id: int
    kind: OperationKind
    points: int
    undone: int = 0
    concerns_id: int | None = None
    at: datetime | None = None
    """Of new ones alone."""
    command: Command | None = None
    """That made it; None of earlier ones, and of points that expired before a command."""
    to_member_id: int | None = None
    """Of a transfer."""
    deficit: int = 0
    """Of a transfer: what was owed and went along, unless it is returned already."""
    expires_at: datetime | None = None
    """Of a new award that is active."""
    actives: dict[int, int] = field(default_factory=dict)
    """Of a new one: active points after it of each member whose points it has moved."""


@dataclass(slots=True, kw_only=True, eq=False)
class Lot:
    """Points that were given together."""

    id: int
    operation_id: int
    member_id: int
    points: int
    remaining: int
    is_pending: bool
    activates_at: datetime | None
    span: str
    count: int
    expires_at: datetime | None
    at: datetime
    came_from_id: int | None = None

    @property
    def place(self) -> tuple[datetime, datetime, int]:
        """Where it stands in line: soonest expiry first, ties by age, those that never expire last."""
        return (self.expires_at or NEVER, self.at, self.id)

    def is_due(self, at: datetime) -> bool:
        """Whether it has expired by `at`; pending points do not."""
        return not self.is_pending and self.expires_at is not None and self.expires_at <= at


@dataclass(slots=True, kw_only=True, eq=False)
class Draw:
    """What an operation took from a lot."""

    id: int | None
    operation_id: int
    lot: Lot
    points: int
    restored: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Hold:
    """A reservation that stands."""

    operation_id: int
    member_id: int
    points: int
    until: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """Points that went from one account of a member to another."""

    operation: Operation
    member_id: int
    source: Account
    target: Account
    points: int
    hash: bytes | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A member, whose row is locked."""

    id: int
    customer_id: int
    accounts: dict[Account, int]
    version: int
    chain: bytes | None
    lots: list[Lot] = field(default_factory=list)
    """Active ones with points left, first to be spent first: all that are due, and as many more as may be needed."""
    is_touched: bool = False

    @property
    def active(self) -> int:
        """Active points, as far as they are booked."""
        return self.accounts[Account.ACTIVE]

    @property
    def balance(self) -> Balance:
        """What the member has."""
        has = self.accounts
        return Balance(
            active=has[Account.ACTIVE],
            pending=has[Account.PENDING],
            reserved=has[Account.RESERVED],
            deficit=-has[Account.DEFICIT],
            lifetime=-has[Account.ISSUED] - has[Account.REVERSED],
        )


class Book:
    """What was read, with ways to move points in it; keeps what has changed for whoever writes it."""

    def __init__(self, *, at: datetime, time_zone: ZoneInfo = UTC_ZONE) -> None:
        self.at = at
        """When it is recorded."""
        self.time_zone = time_zone
        self.numbers: list[int] = []
        """Of new operations and, below, of new lots, as far as they were fetched in advance."""
        self.lot_numbers: list[int] = []
        self.is_short = False
        """Whether a member may need more lots than were read."""
        self.members: dict[int, Member] = {}
        self.merged: dict[int, int] = {}
        """Members who have become one with others, and with whom."""
        self.operations: dict[str, Operation] = {}
        self.holds: dict[int, Hold] = {}
        self.draws: dict[int, list[Draw]] = {}
        """By operation."""
        self.lots: dict[int, Lot] = {}
        self._made: dict[int, list[Lot]] = {}
        self._children: dict[int, list[Lot]] = {}
        self.new_operations: list[Operation] = []
        self.changed_operations: dict[int, Operation] = {}
        self.entries: dict[tuple[int, int, Account, Account], Entry] = {}
        self.new_lots: list[Lot] = []
        self.changed_lots: dict[int, Lot] = {}
        self.new_draws: list[Draw] = []
        self.changed_draws: dict[int, Draw] = {}
        self.new_holds: dict[int, Hold] = {}
        self.gone_holds: list[int] = []

    # ── Reading in ──

    def add_lot(self, lot: Lot) -> Lot:
        """Takes in a lot that was read, unless it is here already; gives the one that is here."""
        here = self.lots.get(lot.id)
        if here is not None:
            return here
        self.lots[lot.id] = lot
        self._made.setdefault(lot.operation_id, []).append(lot)
        if lot.came_from_id is not None:
            self._children.setdefault(lot.came_from_id, []).append(lot)
        if lot.remaining and not lot.is_pending and lot.member_id in self.members:
            insort(self.members[lot.member_id].lots, lot, key=lambda lot: lot.place)
        return lot

    def add_draw(self, draw: Draw) -> None:
        """Takes in a draw that was read."""
        self.draws.setdefault(draw.operation_id, []).append(draw)

    def lots_of(self, operation_id: int) -> list[Lot]:
        """The lots that an operation has made, each followed by what transfers have made of it."""
        found = list(self._made.get(operation_id, ()))
        for lot in found:
            found += self._children.get(lot.id, ())
        return found

    def copies_of(self, lot: Lot, *, made_by: Operation) -> list[Lot]:
        """The lot that a transfer has made of a lot, and what other transfers have made of it."""
        found = [copy for copy in self._children.get(lot.id, ()) if copy.operation_id == made_by.id]
        for copy in found:
            found += self._children.get(copy.id, ())
        return found

    def pending_lots(self, member: Member) -> list[Lot]:
        """Pending lots of a member with points left, first to become active first."""
        lots = [lot for lot in self.lots.values() if lot.member_id == member.id and lot.is_pending and lot.remaining]
        return sorted(lots, key=lambda lot: (lot.activates_at or NEVER, lot.at, lot.id))

    # ── Changing ──

    def begin(
        self,
        member: Member,
        *,
        kind: OperationKind,
        key: str,
        fingerprint: bytes,
        at: datetime,
        command: Command | None = None,
        concerns: Operation | None = None,
    ) -> Operation:
        """A new operation of a member."""
        operation = Operation(
            id=NEW + len(self.new_operations),
            key=key,
            fingerprint=fingerprint,
            member_id=member.id,
            kind=kind,
            points=0,
            concerns_id=concerns.id if concerns else None,
            at=at,
            command=command,
        )
        self.new_operations.append(operation)
        self.operations[key] = operation
        self.touch(operation, member)
        return operation

    def touch(self, operation: Operation, member: Member) -> None:
        """Counts an operation that moves points of the member."""
        if member.id not in operation.actives:
            operation.actives[member.id] = member.active
            member.version += 1
            member.is_touched = True

    def end(self, operation: Operation) -> None:
        """Keeps what the operation has left."""
        operation.actives = {member_id: self.members[member_id].active for member_id in operation.actives}

    def undo(self, operation: Operation, points: int) -> None:
        """Says that so much of an operation is undone."""
        operation.undone += points
        if operation.id < NEW:
            self.changed_operations[operation.id] = operation

    def move(self, operation: Operation, member: Member, source: Account, target: Account, points: int) -> None:
        """One entry for all that an operation moves between two accounts; none of no points."""
        if not points:
            return
        member.accounts[source] -= points
        member.accounts[target] += points
        way = (operation.id, member.id, source, target)
        if way in self.entries:
            self.entries[way].points += points
        else:
            self.entries[way] = Entry(
                operation=operation, member_id=member.id, source=source, target=target, points=points
            )

    def open_lot(self, operation: Operation, member: Member, **said: Any) -> Lot:
        """A new lot, which holds nothing until it is credited; its life as in `Lot`."""
        lot = Lot(id=NEW + len(self.new_lots), operation_id=operation.id, member_id=member.id, remaining=0, **said)
        self.new_lots.append(lot)
        return self.add_lot(lot)

    def credit(
        self, operation: Operation, member: Member, lot: Lot, points: int, *, source: Account, at: datetime
    ) -> None:
        """Puts points that come from `source` into an active lot: what is owed is paid first, what is due expires."""
        if lot.is_due(at):
            self.move(operation, member, source, Account.EXPIRED, points)
            self.draw(operation, lot, points, is_held=False)
            return
        owed = min(points, -member.accounts[Account.DEFICIT])
        if owed:
            self.move(operation, member, source, Account.DEFICIT, owed)
            self.draw(operation, lot, owed, is_held=False)
        if points > owed:
            self.move(operation, member, source, Account.ACTIVE, points - owed)
            self.fill(lot, points - owed)

    def fill(self, lot: Lot, points: int) -> None:
        """Puts points into a lot; an active one takes its place in line."""
        was_empty = not lot.remaining
        lot.remaining += points
        self._changed(lot)
        if was_empty and not lot.is_pending:
            insort(self.members[lot.member_id].lots, lot, key=lambda lot: lot.place)

    def draw(self, operation: Operation, lot: Lot, points: int, *, is_held: bool = True) -> None:
        """Takes points out of a lot; not `is_held`: they were never put in."""
        if is_held:
            lot.remaining -= points
            self._changed(lot)
            if not lot.remaining and not lot.is_pending:
                self.members[lot.member_id].lots.remove(lot)
        draw = Draw(id=None, operation_id=operation.id, lot=lot, points=points)
        self.new_draws.append(draw)
        self.add_draw(draw)

    def draw_first(self, operation: Operation, member: Member, points: int) -> None:
        """Takes active points from the lots in line; the caller has seen that there are enough."""
        while points:
            lot = member.lots[0]
            taken = min(points, lot.remaining)
            self.draw(operation, lot, taken)
            points -= taken

    def give_back(self, draw: Draw, points: int) -> None:
        """Says that points of a draw are given back."""
        draw.restored += points
        if draw.id is not None:
            self.changed_draws[draw.id] = draw

    def hold(self, operation: Operation, *, until: datetime) -> None:
        """Makes a reservation stand."""
        hold = Hold(operation_id=operation.id, member_id=operation.member_id, points=operation.points, until=until)
        self.holds[operation.id] = self.new_holds[operation.id] = hold

    def drop_hold(self, hold: Hold) -> None:
        """Ends a reservation."""
        del self.holds[hold.operation_id]
        if self.new_holds.pop(hold.operation_id, None) is None:
            self.gone_holds.append(hold.operation_id)

    def take_all(self, lot: Lot) -> int:
        """Empties a lot without a draw, because its points become something else; gives how many there were."""
        points, lot.remaining = lot.remaining, 0
        self._changed(lot)
        return points

    def _changed(self, lot: Lot) -> None:
        if lot.id < NEW:
            self.changed_lots[lot.id] = lot
