"""Verbs on the map from profiles to customers. They run under the sequencer's lock, which the map's writer holds."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from sadakat.customers import tables
from sadakat.customers.rules import joining
from sadakat.customers.rules.joining import Counts, Link, Separation
from sadakat.customers.types import CUSTOMERS_MERGED, CUSTOMERS_SEPARATED
from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.platform import lake

RECOMPUTED: Final = "recomputed"
"""The reason of a move that no single link has made."""
BY_HAND: Final = "by_hand"
"""The reason of what people have decided; of a link, that nobody else has said so."""

_CONNECTED = """
    WITH RECURSIVE reached (profile_id) AS (
        SELECT unnest(%s::bigint[])
        UNION
        SELECT next.profile_id
        FROM reached CROSS JOIN LATERAL (
            SELECT high_profile_id FROM customers_link WHERE low_profile_id = reached.profile_id
            UNION ALL
            SELECT low_profile_id FROM customers_link WHERE high_profile_id = reached.profile_id
        ) AS next (profile_id)
    )
    SELECT array_agg(profile_id) FROM reached
"""
_LINKS = """
    SELECT low_profile_id, high_profile_id, position, source_id, reason, is_by_hand
    FROM customers_link WHERE low_profile_id = ANY(%s)
"""
_IDENTIFIERS = """
    SELECT profile_id, split_part(key, ':', 1), is_verified FROM customers_identifier WHERE profile_id = ANY(%s)
"""
_SEPARATIONS = """
    SELECT "left", "right", lifted_at IS NOT NULL FROM customers_separation
    WHERE "left" && %(profiles)s::bigint[] AND "right" && %(profiles)s::bigint[] ORDER BY id
"""
_WRITE_MAP = """
    INSERT INTO customers_profile (profile_id, customer_id) SELECT * FROM unnest(%b::bigint[], %b::bigint[])
    ON CONFLICT (profile_id) DO UPDATE SET customer_id = EXCLUDED.customer_id
"""
_WRITE_CONFLICTS = """
    INSERT INTO customers_conflict AS known (low_profile_id, high_profile_id, reason, source_id, position, at)
    SELECT low_profile_id, high_profile_id, given.reason, source_id, position, given.at
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])
        AS given (low_profile_id, high_profile_id, reason, at)
    JOIN customers_link USING (low_profile_id, high_profile_id)
    ON CONFLICT (low_profile_id, high_profile_id) DO UPDATE
    SET reason = EXCLUDED.reason, source_id = EXCLUDED.source_id, position = EXCLUDED.position, at = EXCLUDED.at,
        solved_at = NULL
    WHERE known.reason <> EXCLUDED.reason OR known.source_id <> EXCLUDED.source_id OR known.solved_at IS NOT NULL
"""
_SOLVE_CONFLICTS = """
    UPDATE customers_conflict SET solved_at = %s
    WHERE solved_at IS NULL AND low_profile_id = ANY(%s)
        AND NOT EXISTS (
            SELECT FROM unnest(%s::bigint[], %s::bigint[]) AS standing (low, high)
            WHERE low = low_profile_id AND high = high_profile_id)
"""
_WRITE_MERGES = """
    INSERT INTO customers_merge (winner_id, loser_id, profiles, kept, reason, position, at)
    SELECT winner_id, loser_id, string_to_array(profiles, ',')::bigint[], string_to_array(kept, ',')::bigint[],
        reason, position, at
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[])
        AS given (winner_id, loser_id, profiles, kept, reason, position, at)
    RETURNING winner_id, loser_id, id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Profiles that pass from one customer to another."""

    winner_id: int
    loser_id: int
    profiles: Sequence[int]
    kept: Sequence[int]
    """The winner's own before."""
    reason: str
    position: int
    """Of the event that is the reason."""
    at: datetime
    cause: str = ""
    """Where people have set somebody apart: what tells this move from another one at the same position."""

    @property
    def is_merge(self) -> bool:
        """Whether the loser's id is no customer any more: the profile that gave it its number has moved too."""
        return self.loser_id in self.profiles


@dataclass(frozen=True, slots=True)
class Connected:
    """Everything that any links connect, whether they join customers or are in conflict."""

    customers: Mapping[int, int]
    """Profile → customer as of now."""
    links: Sequence[Link]
    """One that both events and people have said is here twice."""
    identifiers: Mapping[int, Counts]
    separations: Sequence[Separation]


def connected_with(profile_ids: Iterable[int], *, untrusted: Collection[int]) -> Connected:
    """What these profiles are connected with; `untrusted` are the ids of sources that are not trusted."""
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTED, [sorted(profile_ids)])
        (profiles,) = cursor.fetchone()
        cursor.execute("SELECT profile_id, customer_id FROM customers_profile WHERE profile_id = ANY(%s)", [profiles])
        customers = dict(cursor.fetchall())
        cursor.execute(_LINKS, [profiles])
        links = []
        for low, high, position, source_id, reason, is_by_hand in cursor.fetchall():
            if reason != BY_HAND:
                links.append(Link(low=low, high=high, position=position, is_trusted=source_id not in untrusted))
            if is_by_hand:
                links.append(Link(low=low, high=high, position=position, is_trusted=True, is_by_hand=True))
        cursor.execute(_IDENTIFIERS, [profiles])
        found: dict[int, list[tuple[str, bool]]] = {}
        for profile, kind, is_verified in cursor.fetchall():
            found.setdefault(profile, []).append((kind, is_verified))
    identifiers = {profile: joining.counts_of(said) for profile, said in found.items()}
    return Connected(customers, links, identifiers, separations_among(profiles))


def separations_among(profile_ids: Iterable[int]) -> list[Separation]:
    """Those of which both sides are among these profiles, lifted or not."""
    with connection.cursor() as cursor:
        cursor.execute(_SEPARATIONS, {"profiles": [*profile_ids]})
        return [
            Separation(left=frozenset(left), right=frozenset(right), is_lifted=is_lifted)
            for left, right, is_lifted in cursor.fetchall()
        ]


def recompute(
    profile_ids: Iterable[int],
    *,
    untrusted: Collection[int],
    unseen: Collection[int] = (),
    position: int,
    at: datetime,
    reason: str = RECOMPUTED,
    cause: str = "",
) -> Collection[int]:
    """Computes the customers of everything connected with these profiles anew, from links and separations alone.

    Needed where joining link after link could not end as `joining.partition` does: a limit has become stricter for
    profiles that are one already, a trusted word meets an untrusted one, or people have decided something. Of
    customers that nobody has seen yet (`unseen`) nothing is told. Gives the profiles looked at.
    """
    before = connected_with(profile_ids, untrusted=untrusted)
    after = joining.partition(before.customers, before.links, before.identifiers, before.separations)
    moved: dict[tuple[int, int], list[int]] = {}
    for profile, customer in after.customers.items():
        if customer != before.customers[profile]:
            moved.setdefault((customer, before.customers[profile]), []).append(profile)
    write_map({profile: after.customers[profile] for profiles in moved.values() for profile in profiles})
    with connection.cursor() as cursor:
        lows, highs = [low for low, _ in after.conflicts], [high for _, high in after.conflicts]
        cursor.execute(_SOLVE_CONFLICTS, [at, [*before.customers], lows, highs])
    write_conflicts({pair: (str(why), at) for pair, why in after.conflicts.items()})
    kept: dict[int, list[int]] = {}
    for profile, customer in after.customers.items():
        if customer == before.customers[profile]:
            kept.setdefault(customer, []).append(profile)
    moves = []
    for (winner, loser), profiles in sorted(moved.items()):
        own = kept.setdefault(winner, [])
        moves.append(
            Move(
                winner_id=winner,
                loser_id=loser,
                profiles=sorted(profiles),
                kept=sorted(own),
                reason=reason,
                position=position,
                at=at,
                cause=cause,
            )
        )
        own += profiles
    record_moves([move for move in moves if move.loser_id not in unseen], customers=set(after.customers.values()))
    return before.customers.keys()


def write_map(customers: Mapping[int, int]) -> None:
    """Says for each profile, new or not, whose it is."""
    if customers:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_MAP, [[*customers], [*customers.values()]])
        lake.mark_changed(dataset=tables.PROFILE_MAP.name, partitions=[tables.ALL])


def write_conflicts(conflicts: Mapping[tuple[int, int], tuple[str, datetime]]) -> None:
    """Lists links that join nobody: pair → reason and time. A conflict that is listed already stays as it is."""
    if conflicts:
        pairs, told = [*conflicts], [*conflicts.values()]
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE_CONFLICTS,
                [[p[0] for p in pairs], [p[1] for p in pairs], [t[0] for t in told], [t[1] for t in told]],
            )


def record_moves(moves: Sequence[Move], *, customers: Collection[int] = ()) -> None:
    """Keeps the merges and tells the log of every move.

    Whoever keeps something for each customer computes anew the customer of each fact's profile. A merge has one such
    fact; where profiles leave a customer who stays (one of `customers`), he has a fact of his own.
    """
    merges = [move for move in moves if move.is_merge]
    ids: dict[tuple[int, int], int] = {}
    if merges:
        rows = [
            (m.winner_id, m.loser_id, _listed(m.profiles), _listed(m.kept), m.reason, m.position, m.at) for m in merges
        ]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_MERGES, [list(column) for column in zip(*rows, strict=True)])
            ids = {(winner, loser): id_ for winner, loser, id_ in cursor.fetchall()}
    events.append_facts([fact for move in moves for fact in _facts(move, ids=ids, customers=customers)])


def _facts(move: Move, *, ids: Mapping[tuple[int, int], int], customers: Collection[int]) -> Iterator[Fact]:
    if move.is_merge:
        yield Fact(
            event=CUSTOMERS_MERGED,
            profile_id=move.winner_id,
            properties={"winner_id": move.winner_id, "loser_id": move.loser_id, "reason": move.reason},
            at=move.at,
            message_id=f"merge:{ids[move.winner_id, move.loser_id]}",
        )
        return
    said = {"customer_id": move.loser_id, "new_customer_id": move.winner_id, "reason": move.reason}
    for profile_id in (move.winner_id, move.loser_id):
        if profile_id in customers:
            yield Fact(
                event=CUSTOMERS_SEPARATED,
                profile_id=profile_id,
                properties=said,
                at=move.at,
                message_id=f"separate:{move.position}{move.cause}:{move.loser_id}:{move.winner_id}:{profile_id}",
            )


def _listed(profiles: Iterable[int]) -> str:
    return ",".join(map(str, profiles))
