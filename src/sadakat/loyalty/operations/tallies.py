"""Counts what capped rules have given to members by day. What is taken back since has been given all the same."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from django.db import connection

from sadakat.loyalty.rules import earning
from sadakat.loyalty.types import Programme

Counted = tuple[int, str, date, int]
"""Member, rule, local day and points before multipliers."""
_COUNT: Final = """
    INSERT INTO loyalty_tally AS tally (member_id, rule_key, day, points, times)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::date[], %s::bigint[], %s::int[])
    ON CONFLICT (member_id, rule_key, day) DO UPDATE
    SET points = tally.points + excluded.points, times = tally.times + excluded.times
"""


def count(given: Iterable[Counted], *, sign: int = 1) -> None:
    """Adds what rules have given; with a `sign` of -1 it never was."""
    sums: dict[tuple[int, str, date], tuple[int, int]] = {}
    for member_id, rule_key, day, points in given:
        had, times = sums.get((member_id, rule_key, day), (0, 0))
        sums[member_id, rule_key, day] = (had + sign * points, times + sign)
    # In one order everywhere, so that nobody waits for somebody who waits for him.
    rows = [(*key, *numbers) for key, numbers in sorted(sums.items())]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [list(column) for column in zip(*rows, strict=True)])


def counted(kept: Mapping[str, Any], *, member_id: int, programme: Programme) -> list[Counted]:
    """What a breakdown counts."""
    matters = earning.capped(programme)
    rules = kept["rules"]
    day = kept["kept"]["day"]
    return [
        (member_id, rule["key"], date.fromisoformat(day), rule["points"]) for rule in rules if rule["key"] in matters
    ]
