"""Steps of the worker: what becomes of points because time passes. At midnight they run in this order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from sadakat.events import api as events
from sadakat.events.types import Fact
from sadakat.loyalty.operations import households, ledger
from sadakat.loyalty.queries.members import holders
from sadakat.loyalty.types import POINTS_EXPIRED, Activate, Command, Expire, OperationKind, Release
from sadakat.platform import audit

COMMANDS: Final = 1_000
"""Pending lots of one transaction."""
HOLDS: Final = 200
"""Reservations of one transaction; points of each may go back to all of a household."""
LOTS: Final = 20_000
"""Of one transaction of the sweep of expiries."""

_ACTIVATING: Final = """
    SELECT lot.id, lot.member_id, lot.activates_at, o.key
    FROM loyalty_lot AS lot JOIN loyalty_operation AS o ON o.id = lot.operation_id
    WHERE lot.remaining > 0 AND lot.is_pending AND lot.activates_at <= %s
    ORDER BY lot.activates_at LIMIT %s
"""
_RELEASING: Final = """
    SELECT h.operation_id, h.member_id, h.until, o.key
    FROM loyalty_hold AS h JOIN loyalty_operation AS o ON o.id = h.operation_id
    WHERE h.until <= %s ORDER BY h.until LIMIT %s
"""
_LOCK_DUE: Final = """
    SELECT member_id, chain IS NOT NULL FROM loyalty_balances
    WHERE member_id = ANY(ARRAY(
        SELECT member_id FROM loyalty_lot WHERE remaining > 0 AND NOT is_pending AND expires_at <= %s
        ORDER BY expires_at LIMIT %s
    ))
    ORDER BY member_id FOR UPDATE
"""
_EXPIRE: Final = """
    WITH due AS MATERIALIZED (
        SELECT id, member_id, remaining, expires_at FROM loyalty_lot
        WHERE member_id = ANY(%(members)s::bigint[]) AND remaining > 0 AND NOT is_pending AND expires_at <= %(at)s
    ), moments AS MATERIALIZED (
        SELECT m.*, m.passed - m.points AS passed_before, b.active - m.passed AS active, member.customer_id,
            nextval('loyalty_operation_id_seq') AS id,
            'expire:' || m.member_id || ':' || (b.version + m.place - 1) AS key
        FROM (
            SELECT member_id, expires_at, sum(remaining)::bigint AS points,
                sum(sum(remaining)) OVER line::bigint AS passed, row_number() OVER line AS place
            FROM due GROUP BY member_id, expires_at
            WINDOW line AS (PARTITION BY member_id ORDER BY expires_at)
        ) AS m
        JOIN loyalty_balances AS b USING (member_id) JOIN loyalty_member AS member ON member.id = m.member_id
    ), operations AS (
        INSERT INTO loyalty_operation
            (id, key, fingerprint, member_id, kind, at, recorded_at, points, reference, actor, actor_name)
        SELECT id, key, '', member_id, 'expire', expires_at, %(at)s, points, '{}', %(actor)s, %(name)s FROM moments
    ), entries AS (
        INSERT INTO loyalty_entry (operation_id, member_id, source, target, points, at, recorded_at)
        SELECT id, member_id, 'active', 'expired', points, expires_at, %(at)s FROM moments
    ), draws AS (
        INSERT INTO loyalty_draw (operation_id, lot_id, points)
        SELECT moments.id, due.id, due.remaining FROM due JOIN moments USING (member_id, expires_at)
    ), lots AS (
        UPDATE loyalty_lot AS lot SET remaining = 0 FROM due WHERE lot.id = due.id
    ), balances AS (
        UPDATE loyalty_balances AS b
        SET active = active - m.points, expired = expired + m.points, version = version + m.operations
        FROM (SELECT member_id, sum(points) AS points, count(*) AS operations FROM moments GROUP BY member_id) AS m
        WHERE b.member_id = m.member_id
    ), touched AS (
        INSERT INTO loyalty_touched (member_id) SELECT DISTINCT member_id FROM due
    )
    SELECT key, member_id, customer_id, points, active, expires_at FROM moments
"""


def activate_due(at: datetime) -> bool:
    """Makes pending points active whose time has come, as of that time; says whether there were any."""
    commands = [
        Activate(key=f"activate:{lot_id}", member_id=member_id, at=activates_at, award_key=key, lot_id=lot_id)
        for lot_id, member_id, activates_at, key in _rows(_ACTIVATING, [at, COMMANDS])
    ]
    return _post(commands, at=at)


def release_due(at: datetime) -> bool:
    """Gives back what reservations hold that have run out; says whether there were any."""
    due = _rows(_RELEASING, [at, HOLDS])
    # Points go back to whoever the member has become.
    has = holders({member_id for _, member_id, _, _ in due})
    releases = {
        operation_id: Release(key=f"release:{operation_id}", member_id=has[member_id], at=until, reserve_key=key)
        for operation_id, member_id, until, key in due
    }
    return _post([*releases.values(), *households.given_back(releases)], at=at)


def expire_due(at: datetime) -> bool:
    """Books what has expired, for many members at once; says whether there was anything.

    Balances and spending leave out what has expired whether this has run or not.
    """
    with transaction.atomic(durable=True):
        locked = _rows(_LOCK_DUE, [at, LOTS])
        chained = [member_id for member_id, is_chained in locked if is_chained]
        if chained:
            # Each link needs the one before it, so these are done one by one.
            ledger.post_batch([Expire(key="expire", member_id=m, at=at) for m in chained[: ledger.BATCH_MAX]], at=at)
        members = [member_id for member_id, is_chained in locked if not is_chained]
        if members:
            said = {"members": members, "at": at, "actor": audit.SYSTEM.key, "name": audit.SYSTEM.name}
            events.append_facts([_expired(*row) for row in _rows(_EXPIRE, said)])
    return bool(locked)


def _post(commands: Sequence[Command], *, at: datetime) -> bool:
    return any(outcome.is_done and not outcome.is_replay for outcome in ledger.post(commands, at=at))


def _expired(key: str, member_id: int, customer_id: int, points: int, active: int, expires_at: datetime) -> Fact:
    said = {"kind": OperationKind.EXPIRE.value, "member_id": member_id, "points": points, "balance": active}
    return Fact(
        event=POINTS_EXPIRED, profile_id=customer_id, properties=said, at=expires_at, message_id=f"loyalty:{key}"
    )


def _rows(statement: str, said: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, said)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
