"""What groups and the segments in them are called: the context that keeps a group has the words for it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from django.utils.translation import gettext as _

from sadakat.segments.types import Membership, Segment

_groups: Final[dict[str, tuple[object, Callable[[], Mapping[str, str]]]]] = {}


def register_group_words(group: str, *, label: object, names: Callable[[], Mapping[str, str]]) -> None:
    """Has a group called `label`, and each of its segments what `names` gives for its key.

    Pages list groups in the order in which they come here. `names` speaks the language that is active.
    """
    _groups[group] = label, names


def name_of(segment: Segment | Membership) -> str:
    """What a segment is called in the reader's language; its stored name where nobody has other words for it."""
    return names_of([segment])[segment.key]


def names_of(segments: Iterable[Segment | Membership]) -> dict[str, str]:
    """What each of these segments is called, by its key; a group is asked for its words once."""
    words: dict[str, Mapping[str, str]] = {}
    found = {}
    for each in segments:
        if each.group not in words:
            words[each.group] = _groups[each.group][1]() if each.group in _groups else {}
        found[each.key] = words[each.group].get(each.key, each.name)
    return found


def group_name(group: str) -> str:
    """What a group is called in the reader's language; those that people have made are just segments."""
    if group in _groups:
        return str(_groups[group][0])
    return group or _("Segments")


def in_order(groups: Iterable[str]) -> list[str]:
    """Groups as pages list them: those with words, then others by name."""
    known = list(_groups)
    return sorted(groups, key=lambda each: (known.index(each) if each in known else len(known), each))
