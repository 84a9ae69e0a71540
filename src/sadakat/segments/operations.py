"""What people and higher contexts do with segments."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from sadakat.kernel import predicates
from sadakat.kernel.errors import Conflict, Invalid, Refused
from sadakat.platform import audit
from sadakat.segments import evaluation, models, queries, rules, vocabulary
from sadakat.segments.types import Kind, Reason, Segment

MAX_NAME_LENGTH: Final = 100
MAX_DESCRIPTION_LENGTH: Final = 2_000
MAX_SEGMENTS: Final = 1_000
"""Not archived."""


def create_segment(
    *,
    name: str,
    where: Mapping[str, Any] | None,
    key: str = "",
    description: str = "",
    actor: audit.Actor,
    at: datetime,
) -> Segment:
    """Adds a segment of everybody who fits `where`, or without a rule an empty list.

    Its key is made of its name unless one is given. Who is in it is known as soon as `fill` has come by.

    Raises:
        Invalid: a name, description, key or rule that cannot be.
        Conflict: there is a segment of that key.
        Refused: there are too many.
    """
    name, description = _name(name), _description(description)
    with transaction.atomic(durable=True):
        evaluation.lock()
        row = _add(name=name, where=where, key=_key(key, name=name), description=description, actor=actor, at=at)
        _record("segments.created", row, actor=actor, at=at, new=_told(row))
    return queries.segment_named(row.key)


def change_segment(
    key: str,
    *,
    name: str | None = None,
    description: str | None = None,
    where: Mapping[str, Any] | None = None,
    actor: audit.Actor,
    at: datetime,
) -> Segment:
    """Changes what is given. With another rule everybody is asked anew, and movements are told with the reason `rule`.

    Raises:
        NotFound: there is no such segment.
        Invalid: as in `create_segment`, or the rule would name itself round a circle.
        Refused: it is archived, kept by a context, or a list that is given a rule.
    """
    with transaction.atomic(durable=True):
        row = own_row(key)
        old = _told(row)
        row.name = row.name if name is None else _name(name)
        row.description = row.description if description is None else _description(description)
        if where is not None:
            if row.kind != Kind.RULE:
                raise Refused(f"{row.key} is a list and has no rule")
            _set_rule(row, where=where, actor=actor, at=at)
        if _told(row) != old:
            row.changed_at = at
            row.save()
            _record("segments.changed", row, actor=actor, at=at, old=old, new=_told(row))
    return queries.segment_named(key)


def duplicate_segment(key: str, *, name: str, actor: audit.Actor, at: datetime) -> Segment:
    """Adds a segment with the rule of another; of a list, with its members.

    Raises:
        NotFound: there is no such segment.
        Invalid: a name that cannot be, or the rule speaks of something that is gone.
        Refused: there are too many.
    """
    name = _name(name)
    with transaction.atomic(durable=True):
        evaluation.lock()
        model = queries.row_named(key)
        row = _add(
            name=name,
            where=model.where,
            key=_key("", name=name),
            description=model.description,
            actor=actor,
            at=at,
        )
        if model.kind == Kind.LIST:
            evaluation.put(row, customer_ids=queries.member_ids(key), at=at, reason=Reason.HAND)
        _record("segments.duplicated", row, actor=actor, at=at, old={"key": model.key}, new=_told(row))
    return queries.segment_named(row.key)


def archive_segment(key: str, *, actor: audit.Actor, at: datetime) -> bool:
    """Ends the evaluation of a segment; what is known of it stays. Says whether it was not archived yet.

    Raises:
        NotFound: there is no such segment.
        Refused: another segment names it, or a context keeps it.
    """
    with transaction.atomic(durable=True):
        evaluation.lock()
        row = queries.row_named(key)
        _refuse_kept(row)
        if row.is_archived:
            return False
        _archive(row, at=at)
        _record("segments.archived", row, actor=actor, at=at)
    return True


def restore_segment(key: str, *, actor: audit.Actor, at: datetime) -> bool:
    """Takes up an archived segment: everybody is asked anew. Says whether it was archived.

    Raises:
        NotFound: there is no such segment.
        Invalid: its rule speaks of something that is gone.
        Refused: there are too many, or a context keeps it.
    """
    with transaction.atomic(durable=True):
        evaluation.lock()
        row = queries.row_named(key)
        _refuse_kept(row)
        if not row.is_archived:
            return False
        _restore(row, at=at)
        row.save()
        _record("segments.restored", row, actor=actor, at=at)
    return True


def ensure_group(
    *, group: str, segments: Sequence[tuple[str, str, Mapping[str, Any]]], actor: audit.Actor, at: datetime
) -> bool:
    """Makes the segments of a group be these (key, name, rule), in this rank; says whether anything was changed.

    Those of the group that are not among them are archived. People cannot change the segments of a group.

    Raises:
        Invalid: a group, key, name or rule that cannot be.
        Conflict: a key belongs to a segment that is not of the group.
        Refused: a segment outside of the group names one that would be archived.
    """
    if not rules.is_key(group):
        raise Invalid(f"a group is named by small letters, digits and -, not {group!r:.80}")
    with transaction.atomic(durable=True):
        evaluation.lock()
        changed = [
            key
            for rank, (key, name, where) in enumerate(segments)
            if _ensure(key, name=name, where=where, group=group, rank=rank, actor=actor, at=at)
        ]
        kept = [key for key, _, _ in segments]
        gone = list(models.Segment.objects.filter(group=group, is_archived=False).exclude(key__in=kept))
        # Those go together, whichever of them names which.
        for row in gone:
            _archive(row, at=at, beside={each.key for each in gone})
        if not changed and not gone:
            return False
        audit.record(
            actor=actor,
            at=at,
            action="segments.group_kept",
            subject=f"segments:{group}",
            new={"changed": changed, "archived": sorted(row.key for row in gone)},
        )
    return True


def _ensure(
    key: str,
    *,
    name: str,
    where: Mapping[str, Any],
    group: str,
    rank: int,
    actor: audit.Actor,
    at: datetime,
) -> bool:
    row = models.Segment.objects.filter(key=key).first()
    if row is None:
        row = _add(name=_name(name), where=where, key=_key(key, name=name), description="", actor=actor, at=at)
    elif row.group != group:
        raise Conflict(f"the key {key} belongs to the segment {row.name!r}, which is not of the group {group}")
    elif (row.name, row.rank, row.is_archived, row.where) == (name, rank, False, where):
        return False
    else:
        if row.is_archived:
            _restore(row, at=at, where=where)
        _set_rule(row, where=where, actor=actor, at=at)
    row.name, row.group, row.rank, row.changed_at = _name(name), group, rank, at
    row.save()
    return True


def _add(
    *, name: str, where: Mapping[str, Any] | None, key: str, description: str, actor: audit.Actor, at: datetime
) -> models.Segment:
    _refuse_many()
    if where is not None:
        _check(where, key=key)
    row = models.Segment.objects.create(
        key=key,
        name=name,
        description=description,
        kind=Kind.LIST if where is None else Kind.RULE,
        where=where,
        filled_to=None if where is None else 0,
        was_filled=where is None,
        created_at=at,
        changed_at=at,
    )
    if where is not None:
        _keep_version(row, actor=actor, at=at)
    return row


def _set_rule(row: models.Segment, *, where: Mapping[str, Any], actor: audit.Actor, at: datetime) -> None:
    """Gives a segment another rule in memory, and keeps it among its versions."""
    if where == row.where:
        return
    _check(where, key=row.key)
    row.where = where
    row.version += 1
    row.filled_to = 0
    _forget_due(row)
    _keep_version(row, actor=actor, at=at)


def _keep_version(row: models.Segment, *, actor: audit.Actor, at: datetime) -> None:
    models.Version.objects.create(
        segment=row, number=row.version, where=row.where, actor=actor.key, actor_name=actor.name, at=at
    )


def _check(where: Mapping[str, Any], *, key: str) -> None:
    """Refuses what is no rule, and a rule that would name its own segment round a circle."""
    predicate = predicates.parse(where, vocabulary=vocabulary.vocabulary())
    named = queries.named_segments() | {key: predicates.mentions(predicate).segments}
    if circle := rules.circle(named):
        raise Invalid(f"segments would name each other in a circle: {' → '.join(circle)}")


def _archive(row: models.Segment, *, at: datetime, beside: Iterable[str] = ()) -> None:
    others = sorted(
        key for key, named in queries.named_segments().items() if row.key in named and key not in {*beside, row.key}
    )
    if others:
        raise Refused(f"{row.key} is named by the rules of {', '.join(others)}; change or archive those first")
    row.is_archived, row.changed_at = True, at
    row.save()
    _forget_due(row)


def _forget_due(row: models.Segment) -> None:
    """Nothing is due by the rule that it had."""
    models.Standing.objects.filter(segment_id=row.pk, changes_at__isnull=False).update(changes_at=None)


def _restore(row: models.Segment, *, at: datetime, where: Mapping[str, Any] | None = None) -> None:
    """Takes up a segment in memory."""
    _refuse_many()
    if row.where is not None:
        _check(row.where if where is None else where, key=row.key)
        row.filled_to = 0
    row.is_archived, row.changed_at = False, at


def own_row(key: str) -> models.Segment:
    """The row of a segment that people may change, under the lock.

    Raises:
        NotFound: there is no such segment.
        Refused: it is archived, or kept by a context.
    """
    evaluation.lock()
    row = queries.row_named(key)
    _refuse_kept(row)
    if row.is_archived:
        raise Refused(f"{row.key} is archived; restore it first")
    return row


def _refuse_kept(row: models.Segment) -> None:
    if row.group:
        raise Refused(f"{row.key} belongs to the group {row.group}, which Sadakat keeps itself; duplicate it instead")


def _refuse_many() -> None:
    if models.Segment.objects.filter(is_archived=False).count() >= MAX_SEGMENTS:
        raise Refused(f"there can be {MAX_SEGMENTS} segments; archive some first")


def _key(key: str, *, name: str) -> str:
    """The key given, or a free one made of the name."""
    if key:
        if not rules.is_key(key):
            raise Invalid(
                f"a key has 1 to {rules.MAX_KEY_LENGTH} small letters and digits with single - between, not {key!r:.80}"
            )
        if models.Segment.objects.filter(key=key).exists():
            raise Conflict(f"there is already a segment {key}")
        return key
    made = rules.key_of(name) or "segment"
    made = made if rules.is_key(made) else f"{made}-segment"
    taken = set(models.Segment.objects.filter(key__startswith=made[:40]).values_list("key", flat=True))
    free = (f"{made[: rules.MAX_KEY_LENGTH - 6].rstrip('-')}-{number}" for number in range(2, len(taken) + 3))
    return made if made not in taken else next(each for each in free if each not in taken)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME_LENGTH or "\0" in name:
        raise Invalid(f"a segment's name has 1 to {MAX_NAME_LENGTH} characters, not {len(name)}")
    return name


def _description(description: str) -> str:
    description = description.strip()
    if len(description) > MAX_DESCRIPTION_LENGTH or "\0" in description:
        raise Invalid(f"a description has at most {MAX_DESCRIPTION_LENGTH} characters, not {len(description)}")
    return description


def _told(row: models.Segment) -> dict[str, Any]:
    """What the audit log keeps of a segment."""
    return {"key": row.key, "name": row.name, "description": row.description, "where": row.where}


def _record(
    action: str, row: models.Segment, *, actor: audit.Actor, at: datetime, old: Any = None, new: Any = None
) -> None:
    audit.record(actor=actor, at=at, action=action, subject=f"segment:{row.key}", old=old, new=new)
