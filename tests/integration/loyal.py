"""A programme, members with points, and what the log was told of them."""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from sadakat.platform.audit import Actor
from tests.integration.pipeline import rows

DENIZ = Actor("user:1", "Deniz")
STEPS = {"silver": 500, "gold": 1_000, "platinum": 2_000}


def apply(
    *, at: datetime, steps: Mapping[str, int] = STEPS, burning: Mapping[str, Any] | None = None, **ladder: Any
) -> None:
    """Applies a programme with these tiers."""
    from sadakat.loyalty.operations.programme import apply_programme

    tiers = [{"key": key, "name": {"en": key.title()}, "threshold": least} for key, least in steps.items()]
    document = {"ladder": {"tiers": tiers, **ladder}, "burning": burning or {}}
    apply_programme(document, actor=DENIZ, at=at)


def operation_named(key: str) -> Any:
    """The operation of that natural key, if it was done."""
    from sadakat.loyalty.models import Operation

    return Operation.objects.filter(key=key).first()


def award(member_id: int, points: int, *, at: datetime, key: str = "", **said: Any) -> str:
    """Gives points and the key of the award."""
    from sadakat.loyalty.operations import ledger
    from sadakat.loyalty.types import Award

    key = key or f"award:{member_id}:{points}:{at.isoformat()}"
    (outcome,) = ledger.post([Award(key=key, member_id=member_id, points=points, at=at, **said)], at=at)
    assert outcome.is_done, outcome.reason
    return key


def post(command: Any, *, at: datetime) -> Any:
    """Does one command, which must be done."""
    from sadakat.loyalty.operations import ledger

    (outcome,) = ledger.post([command], at=at)
    assert outcome.is_done, outcome.reason
    return outcome


def balance(member_id: int, *, at: datetime) -> tuple[int, int]:
    """Active and reserved points."""
    from sadakat.loyalty.queries.ledger import balances

    has = balances([member_id], at=at)[member_id]
    return has.active, has.reserved


def audited(*actions: str) -> list[tuple[Any, ...]]:
    """Actions, subjects and new values of audit entries whose action begins so, in order."""
    found = rows(
        "SELECT action, subject, new FROM platform_auditentry WHERE action LIKE ANY(%s) ORDER BY id",
        [f"{action}%" for action in actions],
    )
    return [(action, subject, new and json.loads(new)) for action, subject, new in found]


def told(*events: str) -> list[tuple[Any, ...]]:
    """Facts that wait in the inbox: event, profile, time and properties, in the order in which they were told."""
    found = rows(
        "SELECT event, identifiers[1], at, body -> 'properties' FROM events_inbox WHERE event = ANY(%s) ORDER BY id",
        list(events),
    )
    return [(event, profile, at, json.loads(said)) for event, profile, at, said in found]


def race(calls: Iterable[Any]) -> list[Any]:
    """What calls that run at the same time, each on a connection of its own, give or raise."""
    from django.db import connection

    def run(call: Any) -> Any:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - the test says which it expects
            return error
        finally:
            connection.close()

    wanted = list(calls)
    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(run, wanted))
