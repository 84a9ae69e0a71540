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


def in_order(link: Link) -> tuple[bool, int, int, int]:
    """The sort key of joining: what trusted sources said first, each part by position.

    So an untrusted word never stands between two customers whom trusted ones join, or keep apart.
    """
    return (not link.is_trusted, link.position, link.low, link.high)


class Joiner:
    """Customers in the making. Give it the links by `in_order`."""

    def __init__(
        self,
        identifiers: Mapping[int, Counts],
        *,
        customers: Mapping[int, int] | None = None,
        shared: Collection[int] = (),
        forbidden: Collection[tuple[int, int]] = (),
    ) -> None:
        """Starts from whole customers.

        `identifiers` are the counts of every profile; `customers` is the map so far (a profile that it does not
        name is a customer of its own); `shared` are the profiles known as shared devices; `forbidden` are pairs of
        profiles that people have set apart.
        """
        self._identifiers = identifiers
        self._customer = dict(customers or {})
        self._shared = set(shared)
        self._forbidden = forbidden
        self._counts: dict[int, Counts] = {}
        self.members: dict[int, list[int]] = {}
        """The profiles of each customer that is in the making."""
        for profile, counts in identifiers.items():
            customer = self._customer.setdefault(profile, profile)
            self.members.setdefault(customer, []).append(profile)
            self._counts[customer] = _sum(self._counts.get(customer, NOTHING), counts)

    def customer_of(self, profile: int) -> int:
        """The customer as of now."""
        return self._customer[profile]

    def join(self, link: Link) -> ConflictReason | None:
        """Makes the two customers of a link one, the smaller id winning; else says why not."""
        winner, loser = sorted((self._customer[link.low], self._customer[link.high]))
        if winner == loser:
            return None
        both = _sum(self._counts[winner], self._counts[loser])
        reason = self._obstacle(link, winner, loser, both)
        if reason is not None:
            if reason in LIMITS and link.is_trusted:
                self._shared.update(p for p in (link.low, link.high) if not is_known(self._identifiers[p]))
            return reason
        self._counts[winner] = both
        moved = self.members.pop(loser)
        self.members[winner] += moved
        for profile in moved:
            self._customer[profile] = winner
        return None

    def _obstacle(self, link: Link, winner: int, loser: int, both: Counts) -> ConflictReason | None:
        if link.low in self._shared or link.high in self._shared:
            return ConflictReason.SHARED_DEVICE
        if not link.is_trusted and is_known(self._counts[winner]) and is_known(self._counts[loser]):
            return ConflictReason.BROWSER_SOURCE
        for low, high in self._forbidden:
            if {self._customer.get(low), self._customer.get(high)} == {winner, loser}:
                return ConflictReason.FORBIDDEN
        return next(
            (reason for (reason, limit), count in zip(LIMITS.items(), both, strict=True) if count > limit), None
        )


def partition(
    profiles: Iterable[int],
    links: Iterable[Link],
    identifiers: Mapping[int, Counts],
    forbidden: Collection[tuple[int, int]] = (),
) -> Partition:
    """The customers that these links make of these profiles; links to other profiles are not looked at.

    Where no limit is hit the order of arrival, which numbers profiles and positions, makes no difference; where one
    is, no order joins the two, and in every order a conflict is listed.

    >>> user, device, other = counts_of([("user_id", False)]), counts_of([("anonymous_id", False)]), 3
    >>> links = [Link(low=1, high=2, position=1, is_trusted=True), Link(low=2, high=3, position=2, is_trusted=True)]
    >>> partition([1, 2, 3], links, {1: user, 2: device, 3: user})
    Partition(customers={1: 1, 2: 1, 3: 3}, conflicts={(2, 3): <ConflictReason.USER_ID_LIMIT: 'user_id_limit'>})
    """
    known = {profile: identifiers.get(profile, NOTHING) for profile in profiles}
    joiner = Joiner(known, forbidden=forbidden)
    conflicts = {}
    for link in sorted((link for link in links if link.low in known and link.high in known), key=in_order):
        reason = joiner.join(link)
        if reason is not None:
            conflicts[link.low, link.high] = reason
    # What a later link has joined by another way is no conflict any more.
    standing = {
        (low, high): reason
        for (low, high), reason in conflicts.items()
        if joiner.customer_of(low) != joiner.customer_of(high)
    }
    return Partition({profile: joiner.customer_of(profile) for profile in known}, standing)


def _sum(left: Counts, right: Counts) -> Counts:
    return tuple(map(int.__add__, left, right))
