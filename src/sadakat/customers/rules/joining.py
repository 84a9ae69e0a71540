"""Which profiles are one customer: links joined one after the other, under limits."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sadakat.customers.types import ConflictReason, IdentifierType

# At most so many of each on one customer. The first ones name one person for certain; the others stop what is
# named with everybody, such as a till's own card or a call centre's phone.
LIMITS: Final[Mapping[ConflictReason, int]] = MappingProxyType(
    {
        ConflictReason.USER_ID_LIMIT: 1,
        ConflictReason.VERIFIED_EMAIL_LIMIT: 1,
        ConflictReason.CARD_LIMIT: 5,
        ConflictReason.EMAIL_LIMIT: 5,
        ConflictReason.PHONE_LIMIT: 5,
        ConflictReason.ANONYMOUS_ID_LIMIT: 100,
    }
)

Counts = tuple[int, ...]
"""How many identifiers there are, in the order of `LIMITS`; a verified e-mail counts twice, as both."""
NOTHING: Final[Counts] = (0,) * len(LIMITS)
_PLACE: Final = {kind: list(LIMITS).index(ConflictReason(f"{kind}_limit")) for kind in IdentifierType}
_VERIFIED_PLACE: Final = list(LIMITS).index(ConflictReason.VERIFIED_EMAIL_LIMIT)
_ANONYMOUS_PLACE: Final = _PLACE[IdentifierType.ANONYMOUS_ID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two profiles were named together."""

    low: int
    high: int
    """Above `low`."""
    position: int
    """Of the event that said so first; a later word of a trusted source replaces an untrusted one."""
    is_trusted: bool
    is_by_hand: bool = False
    """A person said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Two sets of profiles that a person has set apart: no customer has some of both."""

    left: frozenset[int]
    right: frozenset[int]
    is_lifted: bool = False
    """Whether a person has joined the two since. Events do not join them even then: his word alone holds them."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Who is one customer."""

    customers: Mapping[int, int]
    """Profile → customer: the smallest of the customer's profiles."""
    conflicts: Mapping[tuple[int, int], ConflictReason]
    """The links `(low, high)` that join nobody, with the first reason met."""


def counts_of(identifiers: Iterable[tuple[str, bool]]) -> Counts:
    """Counts of pairs (type, is verified).

    >>> counts_of([("user_id", False), ("email", True), ("email", False)])
    (1, 1, 0, 2, 0, 0)
    """
    counts = [*NOTHING]
    for kind, is_verified in identifiers:
        counts[_PLACE[IdentifierType(kind)]] += 1
        if is_verified and kind == IdentifierType.EMAIL:
            counts[_VERIFIED_PLACE] += 1
    return tuple(counts)


def is_known(counts: Counts) -> bool:
    """Whether more is known than anonymous ids.

    >>> is_known(counts_of([("anonymous_id", False)])), is_known(counts_of([("phone", False)]))
    (False, True)
    """
    return sum(counts) > counts[_ANONYMOUS_PLACE]


def in_order(link: Link) -> tuple[int, int, int, int]:
    """The sort key of joining: what people said first, then trusted sources, then others, each part by position.

    So an untrusted word never stands between two customers whom trusted ones join, or keep apart; and no event takes
    back what a person has said.
    """
    return (0 if link.is_by_hand else 1 if link.is_trusted else 2, link.position, link.low, link.high)


class Joiner:
    """Customers in the making. Give it the links of events by `in_order`."""

    def __init__(
        self,
        identifiers: Mapping[int, Counts],
        *,
        customers: Mapping[int, int] | None = None,
        shared: Collection[int] = (),
        separations: Iterable[Separation] = (),
    ) -> None:
        """Starts from whole customers.

        `identifiers` are the counts of every profile; `customers` is the map so far (a profile that it does not
        name is a customer of its own); `shared` are the profiles known as shared devices; `separations` all hold,
        lifted or not.
        """
        self._identifiers = identifiers
        self._customer = dict(customers or {})
        self._shared = set(shared)
        self._counts: dict[int, Counts] = {}
        self.members: dict[int, list[int]] = {}
        """The profiles of each customer that is in the making."""
        for profile, counts in identifiers.items():
            customer = self._customer.setdefault(profile, profile)
            self.members.setdefault(customer, []).append(profile)
            self._counts[customer] = _sum(self._counts.get(customer, NOTHING), counts)
        # The sides on which each customer stands: of the separation n, 2n is the left and 2n + 1 the right one.
        self._sides: dict[int, set[int]] = {}
        for number, separation in enumerate(separations):
            for side, profiles in ((2 * number, separation.left), (2 * number + 1, separation.right)):
                for profile in profiles & identifiers.keys():
                    self._sides.setdefault(self._customer[profile], set()).add(side)

    def customer_of(self, profile: int) -> int:
        """The customer as of now."""
        return self._customer[profile]

    def join(self, link: Link) -> ConflictReason | None:
        """Makes the two customers of an event's link one, the smaller id winning; else says why not."""
        reason = self.obstacle(link)
        if reason is None:
            self.unite(link)
        return reason

    def unite(self, link: Link) -> None:
        """Makes the two customers of a link one, whatever stands between them."""
        winner, loser = sorted((self._customer[link.low], self._customer[link.high]))
        if winner == loser:
            return
        self._counts[winner] = _sum(self._counts[winner], self._counts[loser])
        if loser in self._sides:
            self._sides.setdefault(winner, set()).update(self._sides.pop(loser))
        moved = self.members.pop(loser)
        self.members[winner] += moved
        for profile in moved:
            self._customer[profile] = winner

    def separates(self, link: Link) -> bool:
        """Whether people have set the two customers of a link apart."""
        if not self._sides:
            return False
        few, many = sorted((self._sides.get(self._customer[p], set()) for p in (link.low, link.high)), key=len)
        return any(side ^ 1 in many for side in few)

    def obstacle(self, link: Link) -> ConflictReason | None:
        """Why an event's link does not join its two customers; two whom a limit keeps apart share the device."""
        one, other = (self._customer[profile] for profile in (link.low, link.high))
        if one == other:
            return None
        if link.low in self._shared or link.high in self._shared:
            return ConflictReason.SHARED_DEVICE
        if not link.is_trusted and is_known(self._counts[one]) and is_known(self._counts[other]):
            return ConflictReason.BROWSER_SOURCE
        both = _sum(self._counts[one], self._counts[other])
        for (reason, limit), count in zip(LIMITS.items(), both, strict=True):
            if count > limit:
                # Before what people said: that two were one for a while must not unmake a shared device.
                if link.is_trusted:
                    self._shared.update(p for p in (link.low, link.high) if not is_known(self._identifiers[p]))
                return reason
        return ConflictReason.FORBIDDEN if self.separates(link) else None


def partition(
    profiles: Iterable[int],
    links: Iterable[Link],
    identifiers: Mapping[int, Counts],
    separations: Collection[Separation] = (),
) -> Partition:
    """The customers that these links make of these profiles; links to other profiles are not looked at.

    Where no limit is hit the order of arrival, which numbers profiles and positions, makes no difference; where one
    is, no order joins the two, and in every order a conflict is listed.

    What people have joined are one from the beginning on, unless others of them have set them apart. What events
    join is judged as if nobody had joined anything by hand, so that undoing it brings back what was before; but
    nothing joins whom people have set apart.

    >>> user, device, other = counts_of([("user_id", False)]), counts_of([("anonymous_id", False)]), 3
    >>> links = [Link(low=1, high=2, position=1, is_trusted=True), Link(low=2, high=3, position=2, is_trusted=True)]
    >>> partition([1, 2, 3], links, {1: user, 2: device, 3: user})
    Partition(customers={1: 1, 2: 1, 3: 3}, conflicts={(2, 3): <ConflictReason.USER_ID_LIMIT: 'user_id_limit'>})
    """
    known = {profile: identifiers.get(profile, NOTHING) for profile in profiles}
    ordered = sorted((link for link in links if link.low in known and link.high in known), key=in_order)
    by_events = Joiner(known, separations=separations)
    whole = by_events
    if any(link.is_by_hand for link in ordered):
        whole = Joiner(known, separations=[kept for kept in separations if not kept.is_lifted])
    conflicts = {}
    for link in ordered:
        reason = None if link.is_by_hand else by_events.obstacle(link)
        if reason is None and whole.separates(link):
            reason = ConflictReason.FORBIDDEN
        if reason is not None:
            conflicts[link.low, link.high] = reason
            continue
        if not link.is_by_hand:
            by_events.unite(link)
        whole.unite(link)
    # What a later link has joined by another way is no conflict any more.
    standing = {
        (low, high): reason
        for (low, high), reason in conflicts.items()
        if whole.customer_of(low) != whole.customer_of(high)
    }
    return Partition({profile: whole.customer_of(profile) for profile in known}, standing)


def lift(separation: Separation, *, one: Collection[int], other: Collection[int]) -> tuple[Separation, ...] | None:
    """What remains of a separation when everybody in `one` may be together with everybody in `other`.

    None where it does not stand between the two.

    >>> apart = Separation(left=frozenset({1, 2}), right=frozenset({3}))
    >>> lift(apart, one=[1], other=[3, 4])
    (Separation(left=frozenset({2}), right=frozenset({3}), is_lifted=False),)
    >>> lift(apart, one=[4], other=[3]) is None
    True
    """
    for here, there in ((frozenset(one), frozenset(other)), (frozenset(other), frozenset(one))):
        if separation.left & here and separation.right & there:
            rest = ((separation.left - here, separation.right), (separation.left & here, separation.right - there))
            return tuple(Separation(left=left, right=right) for left, right in rest if left and right)
    return None


def _sum(left: Counts, right: Counts) -> Counts:
    return tuple(map(int.__add__, left, right))
