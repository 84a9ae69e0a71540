"""Claims about loyalty on a trade whose figures are known."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sadakat.commerce.testing import order_message

NOW = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PEOPLE = 80


@pytest.fixture(autouse=True)
def _lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadakat.platform import lake

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)


def _orders_of(person: int) -> list[int]:
    """Amounts: the first forty are engaged, and order three times; of the others every second one orders twice."""
    if person < 40:
        return [2_000 + 10 * person] * 3
    return [1_000 + 10 * person] * (2 if person % 2 else 1)


def _messages() -> list[dict[str, Any]]:
    said = []
    for person in range(PEOPLE):
        for number, amount in enumerate(_orders_of(person)):
            at = START + timedelta(days=50 * number + person % 7)
            said.append(
                order_message(
                    "Order Completed",
                    order_id=f"{person}-{number}",
                    at=at,
                    message_id=f"order-{person}-{number}",
                    user_id=f"u{person}",
                    revenue=amount / 100,
                    total=amount / 100,
                    currency="TRY",
                )
            )
        # Somebody who looked on one day alone is not engaged, and a campaign that was only received is nobody's doing.
        days = 2 if person < 40 else 1
        said += [
            {
                "type": "page",
                "messageId": f"page-{person}-{day}",
                "userId": f"u{person}",
                "timestamp": (START + timedelta(days=day, hours=1)).isoformat(),
            }
            for day in range(days)
        ]
        said += [
            {
                "type": "track",
                "event": "Campaign Received",
                "messageId": f"campaign-{person}-{day}",
                "userId": f"u{person}",
                "timestamp": (START + timedelta(days=day)).isoformat(),
            }
            for day in range(3)
        ]
    return said


def test_claims_are_measured_and_the_rest_says_what_is_missing() -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics.types import ClaimKey, Verdict
    from sadakat.events import api as events
    from sadakat.events.types import SourceKind
    from sadakat.platform import audit, worker

    source, _key = events.create_source(name="Shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)
    events.import_messages(source=source, raw_messages=[json.dumps(each).encode() for each in _messages()], at=NOW)
    worker.work_until_idle(at=NOW)

    claims = {claim.key: claim for claim in analytics.proof(as_of=date(2026, 7, 1)).claims}

    assert list(claims) == list(ClaimKey)
    spent = np.array([sum(_orders_of(person)) for person in range(PEOPLE)], dtype=float)
    counts = np.array([len(_orders_of(person)) for person in range(PEOPLE)], dtype=float)
    for key, values in ((ClaimKey.ENGAGED_SPEND, spent), (ClaimKey.ENGAGED_OFTEN, counts)):
        claim = claims[key]
        assert claim.groups == {"engaged": 40, "others": 40}
        assert claim.observed is not None
        assert claim.observed.value == pytest.approx(values[:40].mean() / values[40:].mean())
        assert claim.observed.low <= claim.observed.value <= claim.observed.high
    assert claims[ClaimKey.ENGAGED_SPEND].verdict is Verdict.SUPPORTS
    assert claims[ClaimKey.ENGAGED_OFTEN].verdict is Verdict.WEAKER
    # Twenty who ordered once are too few to be compared with.
    assert claims[ClaimKey.RETURNING_SPEND].groups == {"returning": 60, "once": 20}
    assert (claims[ClaimKey.RETURNING_SPEND].verdict, claims[ClaimKey.RETURNING_SPEND].missing) == ("silent", "few")
    silent = {key: claim.missing for key, claim in claims.items() if claim.verdict is Verdict.SILENT}
    assert silent[ClaimKey.EMAIL_EFFECTIVE] == "messages"
    assert silent[ClaimKey.COMPLAINTS_SOLVED] == "cases"
    assert all(silent.values())


def test_nothing_is_claimed_of_nobody() -> None:
    from sadakat.analytics import api as analytics
    from sadakat.analytics.types import Verdict

    claims = analytics.proof(as_of=date(2026, 7, 1)).claims

    assert {claim.verdict for claim in claims} == {Verdict.SILENT}
    assert all(claim.observed is None and claim.missing for claim in claims)
