"""Funnels that people keep by a name."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from sadakat.analytics import models
from sadakat.analytics.rules import journeys
from sadakat.kernel.errors import Conflict, Invalid, NotFound
from sadakat.platform import audit


def keep_funnel(*, name: str, question: Mapping[str, Any], actor: audit.Actor, at: datetime) -> bool:
    """Keeps a funnel under a name, in place of what was kept there; false where that was the same already.

    `question` has the form of `KeptFunnel.question`.

    Raises:
        Invalid: the name is empty or too long, or the question cannot be asked.
        Conflict: there are `MAX_FUNNELS` others already.
    """
    name = name.strip()
    if not 0 < len(name) <= journeys.MAX_NAME_LENGTH:
        raise Invalid(f"a name has 1 to {journeys.MAX_NAME_LENGTH} characters, not {len(name)}")
    kept = journeys.kept_question(question)
    with transaction.atomic(durable=True):
        row, is_new = models.Funnel.objects.select_for_update().get_or_create(
            name=name, defaults={"question": kept, "actor_name": actor.name, "changed_at": at}
        )
        if is_new and models.Funnel.objects.count() > journeys.MAX_FUNNELS:
            raise Conflict(f"at most {journeys.MAX_FUNNELS} funnels are kept; forget one first")
        old = None if is_new else row.question
        if old == kept:
            return False
        row.question, row.actor_name, row.changed_at = kept, actor.name, at
        row.save()
        audit.record(actor=actor, at=at, action="analytics.funnel_kept", subject=f"funnel:{name}", old=old, new=kept)
    return True


def delete_funnel(funnel_id: int, *, actor: audit.Actor, at: datetime) -> None:
    """Forgets a kept funnel.

    Raises:
        NotFound: there is none of that id.
    """
    with transaction.atomic(durable=True):
        row = models.Funnel.objects.select_for_update().filter(pk=funnel_id).first()
        if row is None:
            raise NotFound(f"there is no kept funnel {funnel_id}")
        row.delete()
        audit.record(
            actor=actor, at=at, action="analytics.funnel_deleted", subject=f"funnel:{row.name}", old=row.question
        )
