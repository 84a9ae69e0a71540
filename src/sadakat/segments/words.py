"""What groups and the segments in them are called: the context that keeps a group has the words for it."""

from collections.abc import Callable, Iterable
from typing import Final

from django.utils.translation import gettext as _

from sadakat.segments.types import Membership, Segment

_groups: Final[dict[str, tuple[object, Callable[[str], str]]]] = {}


def register_group_words(group: str, *, label: object, names: Callable[[str], str]) -> None:
    """Has a group called `label`, and each of its segments what `names` makes of its key.

    Pages list groups in the order in which they come here. `names` speaks the language that is active, and gives the
    empty text for a key that it does not know.
    """
    _groups[group] = label, names


def name_of(segment: Segment | Membership) -> str:
    """What a segment is called in the reader's language; its stored name where nobody has other words for it."""
    if segment.group not in _groups:
        return segment.name
    _label, names = _groups[segment.group]
    return names(segment.key) or segment.name


def group_name(group: str) -> str:
    """What a group is called in the reader's language; those that people have made are just segments."""
    if group in _groups:
        return str(_groups[group][0])
    return group or _("Segments")


def in_order(groups: Iterable[str]) -> list[str]:
    """Groups as pages list them: those with words, then others by name."""
    known = list(_groups)
    return sorted(groups, key=lambda each: (known.index(each) if each in known else len(known), each))
