"""What segments are called."""

import pytest

from sadakat.segments import words
from sadakat.segments.types import Membership
from tests.conftest import NOW


def test_a_group_is_asked_for_its_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def names() -> dict[str, str]:
        asked.append("stage")
        return {"stage-loyalty": "Stage: Loyalty"}

    monkeypatch.setattr(words, "_groups", {})
    words.register_group_words("stage", label="Stage", names=names)
    said = [("stage-loyalty", "stage"), ("stage-new", "stage"), ("vip", "")]
    found = words.names_of(
        Membership(key=key, name=key.upper(), group=group, since_at=NOW, changes_at=None) for key, group in said
    )
    assert found == {"stage-loyalty": "Stage: Loyalty", "stage-new": "STAGE-NEW", "vip": "VIP"}
    assert asked == ["stage"]
