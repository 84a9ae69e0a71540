"""Gives points for events that rules name, such as a review that a shop tells of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from sadakat.events import api as events
from sadakat.events.types import Event
from sadakat.kernel import time
from sadakat.loyalty import models
from sadakat.loyalty.operations import tallies
from sadakat.loyalty.operations.posting import settle
from sadakat.loyalty.queries.earning import quotes_by
from sadakat.loyalty.queries.members import Owner, owners_of
from sadakat.loyalty.queries.versions import Versions
from sadakat.loyalty.rules.earning import Occasion, capped
from sadakat.loyalty.types import Award, Programme, Quote

_Asked = tuple[Event, Owner, Occasion]


def award_events(happened: Collection[Event], *, versions: Versions, at: datetime) -> None:
    """Gives members what these events of theirs earn, each once, in the caller's transaction.

    Events of sources that are not trusted, and those before the enrolment, earn nothing.

    Raises:
        Refused: the ledger does not do what must be possible; the text says why.
    """
    sources = events.sources()
    trusted = [event for event in happened if sources[event.source_id].is_trusted]
    owners = owners_of({event.profile_id for event in trusted})
    asking: dict[int, list[_Asked]] = {}
    for event in sorted(_unrewarded(trusted, versions=versions), key=lambda event: (event.at, event.mid)):
        owner, version = owners.get(event.profile_id), versions.at(event.at)
        if owner and version and event.at >= owner.enrolled_at:
            occasion = _occasion(event, programme=versions.programme(version))
            asking.setdefault(version, []).append((event, owner, occasion))
    for version, asked in sorted(asking.items()):
        programme = versions.programme(version)
        wanted = [(owner.member_id, owner.customer_id, occasion) for _, owner, occasion in asked]
        _give(list(zip(asked, quotes_by(programme, wanted), strict=True)), programme=programme, at=at)


def _unrewarded(happened: Iterable[Event], *, versions: Versions) -> list[Event]:
    """The events for which nothing has been given yet."""
    rules, waiting = versions.rules, list(happened)
    keys = {_key(event, key): event.mid for event in waiting for key in rules.get(event.event, ())}
    known = models.Operation.objects.filter(key__in=keys).values_list("key", flat=True)
    rewarded = {keys[key] for key in known}
    return [event for event in waiting if event.mid not in rewarded]


def _key(event: Event, rule_key: str) -> str:
    return f"earn:event:{event.mid}:{rule_key}"


def _occasion(event: Event, *, programme: Programme) -> Occasion:
    said = msgspec.json.decode(event.body).get("properties") if event.body else None
    properties: Mapping[str, Any] = said if isinstance(said, dict) else {}
    local_date = event.at.astimezone(time.zone(programme.time_zone)).date()
    return Occasion(event=event.event, at=event.at, local_date=local_date, properties=properties)


def _give(quoted: Sequence[tuple[_Asked, Quote]], *, programme: Programme, at: datetime) -> None:
    awards: list[Award] = []
    counted: list[tallies.Counted] = []
    matters = capped(programme)
    for (event, owner, occasion), quote in quoted:
        for rule in quote.rules:
            if not rule.points:
                continue
            awards.append(
                Award(
                    key=_key(event, rule.key),
                    member_id=owner.member_id,
                    at=event.at,
                    points=rule.points,
                    expiry=programme.expiry,
                    reference={
                        "event": event.event,
                        "rule": rule.key,
                        "programme": programme.version,
                        "rules": [{"key": rule.key, "name": rule.name, "points": rule.points}],
                    },
                )
            )
            if rule.key in matters:
                counted.append((owner.member_id, rule.key, occasion.local_date, rule.points))
    settle(awards, at=at)
    tallies.count(counted)
