"""Making a document the programme."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from sadakat.kernel.errors import Conflict
from sadakat.loyalty import models
from sadakat.loyalty.queries import programme as queries
from sadakat.loyalty.rules import programme as rules
from sadakat.loyalty.types import Programme
from sadakat.platform import audit, brand
from sadakat.segments import api as segments


def apply_programme(
    document: Mapping[str, Any],
    *,
    actor: audit.Actor,
    at: datetime,
    expected_version: int | None = None,
    dry_run: bool = False,
) -> Programme:
    """Makes `document` the programme from `at` on, and gives it as its new version.

    What was earned stays as it was given. The same document again changes nothing and gives the version that holds. A
    dry run gives the version that it would be and changes nothing either.

    Args:
        document: As `rules.programme.parse` takes it.
        actor: Who does it.
        at: When it becomes the programme.
        expected_version: The version that the document was made from; None: whatever holds is replaced.
        dry_run: Whether nothing is changed.

    Raises:
        Conflict: another version holds than the expected one, and this document would undo what it has changed.
        Invalid: it is no programme, or a condition of it speaks of what is not there; the text names the path.
    """
    wanted = rules.parse(document, vocabulary=segments.vocabulary(), time_zone=brand.current().time_zone)
    kept = rules.as_json(wanted)
    with transaction.atomic(durable=True):
        if not dry_run:
            with connection.cursor() as cursor:
                # Whoever applies another one at the same time waits, and then has the version after this one.
                cursor.execute("LOCK TABLE loyalty_programme IN SHARE ROW EXCLUSIVE MODE")
        old = queries.programme()
        if old.version and kept == rules.as_json(old):
            return old
        if expected_version not in (None, old.version):
            raise Conflict(
                f"the programme has changed meanwhile: it is version {old.version}, not {expected_version};"
                " open it again"
            )
        version = old.version + 1
        if not dry_run:
            models.Programme.objects.create(
                version=version, document=kept, applied_at=at, actor=actor.key, actor_name=actor.name
            )
            audit.record(
                actor=actor,
                at=at,
                action="loyalty.programme_applied",
                subject=f"programme:{version}",
                old=rules.as_json(old) if old.version else None,
                new=kept,
            )
    return rules.parse(kept, version=version, applied_at=at, applied_by=actor.name)
