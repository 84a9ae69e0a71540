"""Posts what the programme itself does to the ledger."""

from collections.abc import Sequence
from datetime import datetime

from sadakat.kernel.errors import Refused
from sadakat.loyalty.operations import ledger
from sadakat.loyalty.types import Command, Outcome


def settle(commands: Sequence[Command], *, at: datetime) -> list[Outcome]:
    """Posts commands that must be possible, in the caller's transaction.

    Raises:
        Refused: one of them was not; the text names it and says why.
    """
    outcomes: list[Outcome] = []
    for start in range(0, len(commands), ledger.BATCH_MAX):
        outcomes += ledger.post_batch(commands[start : start + ledger.BATCH_MAX], at=at)
    for outcome in outcomes:
        if not outcome.is_done:
            raise Refused(f"the ledger refuses {outcome.key!r:.200}: {outcome.reason}")
    return outcomes
