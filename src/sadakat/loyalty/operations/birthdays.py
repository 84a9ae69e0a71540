"""What members earn without an event of a shop: their birthdays."""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection, transaction

from sadakat.kernel import time
from sadakat.loyalty.operations import tallies
from sadakat.loyalty.operations.posting import settle
from sadakat.loyalty.queries.earning import quotes_by
from sadakat.loyalty.queries.programme import programme_at
from sadakat.loyalty.rules.earning import Occasion, capped
from sadakat.loyalty.rules.programme import BIRTHDAY
from sadakat.loyalty.types import Award, Programme

BATCH: Final = 1_000
"""Members of one transaction."""
LATEST_DAYS: Final = 7
"""A worker that was away makes good the birthdays of so many days, that of the clock among them."""
# Whoever became a member after the day gets nothing for it.
_DUE: Final = """
    SELECT member.id, member.customer_id, said.day
    FROM loyalty_member AS member
    JOIN customers_feature AS known USING (customer_id)
    JOIN unnest(%s::text[], %s::date[], %s::timestamptz[]) AS said (birthday, day, ends_at)
        ON said.birthday = substring(known.traits ->> 'birthday' FROM '^[0-9]{4}-([0-9]{2}-[0-9]{2})')
    WHERE member.merged_into_id IS NULL AND member.enrolled_at < said.ends_at AND member.id > %s
        AND NOT EXISTS (
            SELECT FROM loyalty_operation WHERE key = 'earn:birthday:' || member.id || ':' || date_part('year', day))
    ORDER BY member.id LIMIT %s
"""


def award_birthdays(*, at: datetime) -> int:
    """Gives what the rules for birthdays give, once for each member and year; says how many members got points.

    The day is that of the trait `birthday` in the programme's zone; 29 February counts on the 28th in other years.

    Raises:
        Refused: the ledger does not do what must be possible; the text says why.
    """
    programme = programme_at(at)
    if all(rule.event != BIRTHDAY for rule in programme.rules):
        return 0
    given = after = 0
    while True:
        with transaction.atomic(durable=True):
            due = _due(programme, after=after, at=at)
            if not due:
                return given
            given += _award(programme, due, at=at)
        after = due[-1][0]


def _due(programme: Programme, *, after: int, at: datetime) -> list[tuple[int, int, date]]:
    """Member, customer and day of the next birthdays that have not been given for, by member."""
    zone = time.zone(programme.time_zone)
    today = at.astimezone(zone).date()
    said = [each for ago in range(LATEST_DAYS) for each in _birthdays(today - timedelta(days=ago))]
    ends = [time.midnight(day + timedelta(days=1), time_zone=zone) for _, day in said]
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [[text for text, _ in said], [day for _, day in said], ends, after, BATCH])
        return list(cursor.fetchall())


def _birthdays(day: date) -> Iterator[tuple[str, date]]:
    """The days of birth that come round on a day."""
    yield f"{day:%m-%d}", day
    if (day.month, day.day) == (2, 28) and not calendar.isleap(day.year):
        yield "02-29", day


def _award(programme: Programme, due: list[tuple[int, int, date]], *, at: datetime) -> int:
    asked = [
        (member_id, customer_id, Occasion(event=BIRTHDAY, at=at, local_date=day)) for member_id, customer_id, day in due
    ]
    quotes = quotes_by(programme, asked)
    matters = capped(programme)
    outcomes = settle(
        [
            Award(
                key=f"earn:birthday:{member_id}:{day.year}",
                member_id=member_id,
                at=at,
                points=quote.points,
                expiry=programme.expiry,
                reference={
                    "event": BIRTHDAY,
                    "programme": programme.version,
                    "rules": [{"key": rule.key, "name": rule.name, "points": rule.points} for rule in quote.rules],
                },
            )
            for (member_id, _, day), quote in zip(due, quotes, strict=True)
            if quote.points
        ],
        at=at,
    )
    done = {outcome.member_id for outcome in outcomes if not outcome.is_replay}
    tallies.count(
        (member_id, rule.key, day, rule.points)
        for (member_id, _, day), quote in zip(due, quotes, strict=True)
        if member_id in done
        for rule in quote.rules
        if rule.points and rule.key in matters
    )
    return len(done)
