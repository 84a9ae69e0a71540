"""What a member's ledger says about an operation."""

from typing import Any

import pytest
from django.utils import translation

from sadakat.loyalty.web import words


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({"order_id": "A-7", "reason": "refunded"}, "Sipariş A-7"),
        ({"reason": "merged"}, "İki müşteri bir oldu"),
        ({"reason": "Kasada unutuldu"}, "Kasada unutuldu"),
        # The rules are told below it, in the reader's language; the event has its name from whoever sends it.
        ({"event": "Member Enrolled", "rules": [{"key": "welcome"}]}, ""),
        ({"event": "Parcel Delivered"}, "Parcel Delivered"),
        ({}, ""),
    ],
)
def test_what_an_operation_is_about(reference: dict[str, Any], said: str) -> None:
    with translation.override("tr"):
        assert words.about(reference, rewards={}) == said
