"""Points for birthdays: once a year, for members alone, also when the worker was away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration import living
from tests.integration.living import DAY, DENIZ, Shop
from tests.integration.pipeline import rows

shop = living.shop
RULE: dict[str, Any] = {"key": "birthday", "name": {"en": "Birthday"}, "event": "Birthday", "points": 100}


def apply(*rules: dict[str, Any], at: datetime) -> None:
    from sadakat.loyalty import api as loyalty

    document = {"rules": list(rules), "time_zone": "Europe/Istanbul", "expiry": {"span": "days", "count": 30}}
    loyalty.apply_programme(document, actor=DENIZ, at=at)


def members(shop: Shop, *, at: datetime, **birthdays: str) -> dict[str, int]:
    from sadakat.loyalty.testing import make_members

    for user, birthday in birthdays.items():
        shop.say(user, birthday=birthday)
    shop.work()
    users = shop.customers()
    made = make_members([users[user] for user in birthdays], at=at)
    return dict(zip(birthdays, made, strict=True))


def awarded() -> list[tuple[Any, ...]]:
    return rows("SELECT key, points, reference ->> 'event' FROM loyalty_operation WHERE kind = 'award' ORDER BY key")


def test_each_birthday_gives_once_a_year(shop: Shop) -> None:
    from sadakat.loyalty.operations.birthdays import award_birthdays

    start = shop.now - 400 * DAY
    ids = members(shop, at=start, ayse="1990-11-20", isil="1985-11-21", baris="someday", cagla="2000-11-13")
    assert award_birthdays(at=shop.now) == 0
    apply(RULE, at=start)
    assert [award_birthdays(at=shop.now) for _ in range(2)] == [1, 0]
    ayse = f"earn:birthday:{ids['ayse']}"
    assert awarded() == [(f"{ayse}:2026", 100, "Birthday")]
    assert rows("SELECT remaining, is_pending, expires_at FROM loyalty_lot") == [
        (100, False, datetime(2026, 12, 20, 21, tzinfo=UTC))
    ]
    # It is midnight in Istanbul three hours before it is in Greenwich.
    assert award_birthdays(at=datetime(2026, 11, 20, 20, 59, tzinfo=UTC)) == 0
    assert award_birthdays(at=datetime(2026, 11, 20, 21, tzinfo=UTC)) == 1
    assert award_birthdays(at=shop.now + 365 * DAY) == 1
    assert [key for key, _, _ in awarded()] == sorted(
        [f"{ayse}:2026", f"{ayse}:2027", f"earn:birthday:{ids['isil']}:2026"]
    )


@pytest.mark.parametrize(
    ("birthday", "at", "year"),
    [
        ("1990-12-30", "2027-01-05T09:00:00+03:00", 2026),
        ("1990-12-30", "2027-01-06T09:00:00+03:00", None),
        ("2000-02-29", "2027-02-28T09:00:00+03:00", 2027),
        ("2000-02-29", "2028-02-28T09:00:00+03:00", None),
        ("2000-02-29", "2028-02-29T09:00:00+03:00", 2028),
    ],
)
def test_days_that_were_missed_and_the_29th_of_february(shop: Shop, birthday: str, at: str, year: int | None) -> None:
    from sadakat.loyalty.operations.birthdays import award_birthdays

    ids = members(shop, at=shop.now, ayse=birthday)
    apply(RULE, at=shop.now)
    assert award_birthdays(at=datetime.fromisoformat(at)) == (0 if year is None else 1)
    assert [key for key, _, _ in awarded()] == ([] if year is None else [f"earn:birthday:{ids['ayse']}:{year}"])


def test_who_joins_after_the_day_waits_a_year_and_conditions_and_caps_hold(shop: Shop) -> None:
    from sadakat.loyalty.operations.birthdays import award_birthdays

    shop.say("baris", city="İzmir")
    members(shop, at=shop.now, ayse="1990-11-19", isil="1990-11-20", baris="1990-11-20")
    extra = RULE | {"key": "izmir", "points": 20, "where": {"trait": "city", "is": "İzmir"}}
    apply(RULE | {"caps": [{"per": "ever", "points": 150}]}, extra, at=shop.now)
    assert award_birthdays(at=shop.now) == 2
    assert sorted(points for _, points, _ in awarded()) == [100, 120]
    assert award_birthdays(at=shop.now + timedelta(days=365)) == 3
    assert sorted(points for _, points, _ in awarded()) == [50, 70, 100, 100, 120]
    assert rows("SELECT rule_key, sum(points), sum(times) FROM loyalty_tally GROUP BY 1") == [("birthday", 400, 5)]
