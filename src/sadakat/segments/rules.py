"""Whom rules concern, in which order they are asked, and keys made of names."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import Final
from zoneinfo import ZoneInfo

from sadakat.kernel import predicates, text
from sadakat.kernel.predicates import Predicate, Subject

MAX_KEY_LENGTH: Final = 60
# Has an address of its own where segments are asked for by key.
_RESERVED: Final = frozenset({"preview"})
_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_GAPS = re.compile(r"[^a-z0-9]+")
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


def takes_strangers(predicate: Predicate, *, segments: Iterable[str], time_zone: ZoneInfo) -> bool:
    """Whether somebody of whom nothing is known fits; `segments` are those that take him.

    Such a rule concerns everybody who is new, whatever he has done.

    >>> from sadakat.kernel.predicates import Not, Segment
    >>> takes_strangers(Not(Segment("vip", is_member=True)), segments=[], time_zone=ZoneInfo("UTC"))
    True
    """
    stranger = Subject(segments=frozenset(segments))
    return predicates.evaluate(predicate, stranger, at=_ANY_TIME, time_zone=time_zone).fits


def in_order(named: Mapping[str, Iterable[str]]) -> list[str]:
    """The keys, each after those that its rule names; names of others are passed over.

    >>> in_order({"b": ["a"], "a": ["list"]})
    ['a', 'b']
    """
    graph = {key: [name for name in sorted(names) if name in named] for key, names in sorted(named.items())}
    return list(TopologicalSorter(graph).static_order())


def circle(named: Mapping[str, Iterable[str]]) -> list[str]:
    """Keys whose rules name each other round in a circle, the first one again at the end; empty when there is none.

    >>> circle({"a": ["b"], "b": ["a"]}) in (["a", "b", "a"], ["b", "a", "b"])
    True
    """
    try:
        in_order(named)
    except CycleError as error:
        return list(error.args[1])
    return []


def key_of(name: str) -> str:
    """A key out of a name: small letters and digits of ASCII, everything else a -; empty when nothing is left.

    >>> key_of("Sadık Müşteriler (2026)")
    'sadik-musteriler-2026'
    """
    return _GAPS.sub("-", text.fold(name)).strip("-")[:MAX_KEY_LENGTH].strip("-")


def is_key(key: str) -> bool:
    """Whether that can be a segment's key.

    >>> is_key("vip-2026"), is_key("VIP"), is_key("a--b")
    (True, False, False)
    """
    return len(key) <= MAX_KEY_LENGTH and key not in _RESERVED and _KEY.fullmatch(key) is not None
