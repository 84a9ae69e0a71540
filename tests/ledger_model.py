"""The points ledger in the plainest Python: lists of lots, no accounts, no entries. What the real one is held against."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sadakat.loyalty.types import (
    Activate,
    Award,
    Balance,
    Capture,
    ClawBack,
    Deduct,
    Expire,
    Release,
    Reserve,
    Restore,
    Return,
    Reverse,
    Spend,
    Transfer,
)

NEVER = datetime.max.replace(tzinfo=UTC)
EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(eq=False)
class Lot:
    owner: int
    number: int
    at: datetime
    left: int
    expires_at: datetime | None
    days: int = 0
    is_pending: bool = False
    parent: "Lot | None" = None
    made_by: str = ""

    @property
    def line(self) -> tuple[datetime, datetime, int]:
        return (self.expires_at or NEVER, self.at, self.number)


@dataclass
class Done:
    kind: type
    member: int
    points: int
    said: Any
    undone: int = 0
    taken: list[list[Any]] = field(default_factory=list)  # lot, points, given back
    of: str = ""
    debt: int = 0


class Model:
    """Days are 24 hours from midnight UTC; lives are counted in days alone."""

    def __init__(self, members: list[int]) -> None:
        self.members = members
        self.lots: list[Lot] = []
        self.owes = dict.fromkeys(members, 0)
        self.given = dict.fromkeys(members, 0)
        self.taken_back = dict.fromkeys(members, 0)
        self.holds: dict[str, tuple[int, int, datetime]] = {}
        self.done: dict[str, Done] = {}

    # ── What is asked of it ──

    def do(self, command: Any) -> int | None:
        """Points moved; None when it is refused."""
        if command.key in self.done:
            known = self.done[command.key]
            return known.points if type(command) is known.kind and self.same(command, known) else None
        if getattr(command, "points", 1) is not None and getattr(command, "points", 1) < 1:
            return None
        expired = self.expire(command.member_id, command.at)
        if isinstance(command, Expire):
            return expired
        verb = {Return: "return_"}.get(type(command), type(command).__name__.lower())
        return getattr(self, verb)(command)

    def balance(self, member: int, at: datetime = EVER) -> Balance:
        return Balance(
            active=sum(lot.left for lot in self.active(member) if lot.expires_at is None or lot.expires_at > at),
            pending=sum(lot.left for lot in self.pending(member)),
            reserved=sum(points for owner, points, _ in self.holds.values() if owner == member),
            deficit=self.owes[member],
            lifetime=self.given[member] - self.taken_back[member],
        )

    @staticmethod
    def same(command: Any, known: Done) -> bool:
        names = (
            "member_id",
            "points",
            "upto",
            "is_pending",
            "award_key",
            "spend_key",
            "reserve_key",
            "transfer_key",
            "to_member_id",
        )
        return all(getattr(command, name, None) == getattr(known.said, name, None) for name in names)

    # ── Lots ──

    def active(self, member: int) -> list[Lot]:
        lots = [lot for lot in self.lots if lot.owner == member and lot.left and not lot.is_pending]
        return sorted(lots, key=lambda lot: lot.line)

    def pending(self, member: int) -> list[Lot]:
        return [lot for lot in self.lots if lot.owner == member and lot.left and lot.is_pending]

    def expire(self, member: int, at: datetime) -> int:
        due = [lot for lot in self.active(member) if lot.expires_at and lot.expires_at <= at]
        points = sum(lot.left for lot in due)
        for lot in due:
            lot.left = 0
        return points

    def make(self, **said: Any) -> Lot:
        self.lots.append(Lot(number=len(self.lots), **said))
        return self.lots[-1]

    def put(self, lot: Lot, points: int, at: datetime) -> None:
        if lot.expires_at and lot.expires_at <= at:
            return
        paid = min(points, self.owes[lot.owner])
        self.owes[lot.owner] -= paid
        lot.left += points - paid

    def take(self, lots: list[Lot], points: int) -> list[list[Any]]:
        taken = []
        for lot in lots:
            part = min(points, lot.left)
            if part:
                lot.left -= part
                points -= part
                taken.append([lot, part, 0])
        return taken

    def family(self, key: str) -> list[Lot]:
        found = [lot for lot in self.lots if lot.made_by == key]
        for lot in found:
            found += [child for child in self.lots if child.parent is lot and child not in found]
        return found

    # ── Commands ──

    def award(self, c: Award) -> int:
        lot = self.make(
            owner=c.member_id,
            at=c.at,
            left=0,
            days=c.expiry.count,
            is_pending=c.is_pending,
            made_by=c.key,
            expires_at=None if c.is_pending else self.end(c.at, c.expiry.count),
        )
        self.given[c.member_id] += c.points
        if c.is_pending:
            lot.left = c.points
        else:
            self.put(lot, c.points, c.at)
        self.done[c.key] = Done(Award, c.member_id, c.points, c)
        return c.points

    @staticmethod
    def end(at: datetime, days: int) -> datetime | None:
        return at.replace(hour=0) + timedelta(days=days + 1) if days else None

    def activate(self, c: Activate) -> int | None:
        award = self.done.get(c.award_key)
        if award is None or award.kind not in {Award, Transfer}:
            return None
        lots = [lot for lot in self.family(c.award_key) if lot in self.pending(c.member_id)]
        if not lots:
            return 0
        points = sum(lot.left for lot in lots)
        for lot in sorted(lots, key=lambda lot: lot.line):
            had, lot.left, lot.is_pending = lot.left, 0, False
            lot.expires_at = self.end(c.at, lot.days)
            self.put(lot, had, c.at)
        self.done[c.key] = Done(Activate, c.member_id, points, c)
        return points

    def spend(self, c: Spend) -> int | None:
        if self.balance(c.member_id).active < c.points:
            return None
        taken = self.take(self.active(c.member_id), c.points)
        self.done[c.key] = Done(type(c), c.member_id, c.points, c, taken=taken)
        return c.points

    def reserve(self, c: Reserve) -> int | None:
        points = None if c.until <= c.at else self.spend(c)
        if points:
            self.holds[c.key] = (c.member_id, points, c.until)
        return points

    def capture(self, c: Capture) -> int | None:
        if c.reserve_key not in self.holds or self.holds[c.reserve_key][2] <= c.at:
            return None
        owner, points, _ = self.holds.pop(c.reserve_key)
        self.done[c.key] = Done(Capture, owner, points, c, of=c.reserve_key)
        return points

    def release(self, c: Release) -> int | None:
        if c.reserve_key not in self.holds:
            return None
        _, points, _ = self.holds.pop(c.reserve_key)
        self.give_back(c.reserve_key, points, to=c.member_id, at=c.at, by=c.key)
        self.done[c.key] = Done(Release, c.member_id, points, c)
        return points

    def restore(self, c: Restore) -> int | None:
        spend = self.done.get(c.spend_key)
        if spend is None or spend.kind not in {Spend, Capture} or not 0 <= c.upto <= spend.points:
            return None
        points = max(c.upto - spend.undone, 0)
        if points:
            spend.undone += points
            self.give_back(spend.of or c.spend_key, points, to=c.member_id, at=c.at, by=c.key)
            self.done[c.key] = Done(Restore, c.member_id, points, c)
        return points

    def give_back(self, key: str, points: int, *, to: int, at: datetime, by: str) -> None:
        for one in reversed(self.done[key].taken):
            lot, part, back = one
            now = min(points, part - back)
            if not now:
                continue
            points -= now
            one[2] += now
            if lot.owner != to:
                lot = self.make(owner=to, at=lot.at, left=0, expires_at=lot.expires_at, parent=lot, made_by=by)
            self.put(lot, now, at)

    def reverse(self, c: Reverse) -> int | None:
        award = self.done.get(c.award_key)
        if award is None or award.kind is not Award or not 0 <= c.upto <= award.points:
            return None
        asked = max(c.upto - award.undone, 0)
        if not asked:
            return 0
        award.undone += asked
        own = sorted((lot for lot in self.family(c.award_key) if lot.owner == c.member_id), key=lambda lot: lot.line)
        lots = [lot for lot in own if lot.is_pending]
        if c.policy is not ClawBack.ONLY_PENDING:
            lots += [lot for lot in own if not lot.is_pending] + self.active(c.member_id)
        got = sum(part for _, part, _ in self.take(lots, asked))
        if c.policy is ClawBack.UNLIMITED:
            self.owes[c.member_id] += asked - got
            got = asked
        self.taken_back[c.member_id] += got
        self.done[c.key] = Done(Reverse, c.member_id, got, c)
        return got

    def deduct(self, c: Deduct) -> int | None:
        has = self.balance(c.member_id)
        lots = self.active(c.member_id)
        if c.policy is ClawBack.ONLY_PENDING:
            lots = sorted(self.pending(c.member_id), key=lambda lot: (lot.at, lot.number))
            if has.pending < c.points:
                return None
        elif c.policy is ClawBack.WITHIN_BALANCE and has.active < c.points:
            return None
        got = sum(part for _, part, _ in self.take(lots, c.points))
        self.owes[c.member_id] += c.points - got
        self.taken_back[c.member_id] += c.points
        self.done[c.key] = Done(Deduct, c.member_id, c.points, c)
        return c.points

    def transfer(self, c: Transfer) -> int | None:
        giver, receiver = c.member_id, c.to_member_id
        if receiver not in self.members or receiver == giver:
            return None
        if c.points is not None and self.balance(giver).active < c.points:
            return None
        self.expire(receiver, c.at)
        lots = self.active(giver)
        wanted = c.points
        if wanted is None:
            lots += self.pending(giver)
            wanted = sum(lot.left for lot in lots)
        taken = self.take(lots, wanted)
        for lot, part, _ in taken:
            copy = self.make(
                owner=receiver,
                at=lot.at,
                left=0,
                expires_at=lot.expires_at,
                days=lot.days,
                is_pending=lot.is_pending,
                parent=lot,
                made_by=c.key,
            )
            if lot.is_pending:
                copy.left = part
            else:
                self.put(copy, part, c.at)
        debt = self.owes[giver] if c.points is None else 0
        self.owes[giver] -= debt
        self.owe(receiver, debt)
        self.done[c.key] = Done(Transfer, giver, wanted, c, taken=taken, debt=debt)
        return wanted

    def owe(self, member: int, points: int) -> None:
        paid = sum(part for _, part, _ in self.take(self.active(member), points))
        self.owes[member] += points - paid

    def return_(self, c: Return) -> int | None:
        transfer = self.done.get(c.transfer_key)
        if transfer is None or transfer.kind is not Transfer or transfer.member != c.member_id:
            return None
        copies = []
        for one in transfer.taken:
            direct = [lot for lot in self.lots if lot.parent is one[0] and lot.made_by == c.transfer_key]
            for lot in direct:
                direct += [child for child in self.lots if child.parent is lot]
            copies += [(one, lot) for lot in direct if lot.left]
        for owner in {lot.owner for _, lot in copies}:
            self.expire(owner, c.at)
        points = 0
        for one, copy in copies:
            part, copy.left = copy.left, 0
            if not part:
                continue
            points += part
            one[2] += part
            origin = one[0]
            if origin.is_pending and not copy.is_pending:
                origin.is_pending, origin.expires_at = False, copy.expires_at
            if copy.is_pending:
                origin.left += part
            else:
                self.put(origin, part, c.at)
        receiver = transfer.said.to_member_id
        debt = min(transfer.debt, self.owes[receiver])
        transfer.debt = 0
        self.owes[receiver] -= debt
        self.owe(c.member_id, debt)
        self.done[c.key] = Done(Return, c.member_id, points, c)
        return points
