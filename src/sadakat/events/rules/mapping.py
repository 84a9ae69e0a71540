"""Rules that turn a source's own names and forms into ours, applied to a message before it is checked."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from sadakat.events.types import MappingRule
from sadakat.kernel import time
from sadakat.kernel.errors import Invalid

MAX_RULES: Final = 50
MAX_PATH_PARTS: Final = 8
MAX_NAME_LENGTH: Final = 255
FORMS: Final = ("", "text", "number", "instant")
EACH: Final = "[]"

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_KEYS: Final = frozenset({"event", "rename_to", "from", "to", "as"})
_PATH = re.compile(r"(?:[^.\[\]]+(?:\[\])?\.)*[^.\[\]]+")
_AROUND_NUMBER = re.compile(r"[^\d.,+-]+", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d[\d.,]{0,40}", re.ASCII)
_LOCAL = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[ T,]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?)?", re.ASCII)
# Seconds since 1970 have ten digits until the year 2286, milliseconds thirteen.
_FIRST_MILLISECONDS: Final = 10**11
_LAST_MILLISECONDS: Final = 10**13


def mapping_of(said: Iterable[Mapping[str, Any]], *, time_zone: str = "UTC") -> tuple[MappingRule, ...]:
    """The checked rules; `time_zone` is that of local times that name none.

    Raises:
        Invalid: too many, or one that cannot be used; the text names it by its number.
    """
    rules = []
    for number, each in enumerate(said, 1):
        if number > MAX_RULES:
            raise Invalid(f"a source may have {MAX_RULES} mapping rules")
        try:
            rules.append(_rule_of(each, time_zone=time_zone))
        except Invalid as error:
            raise Invalid(f"rule {number}: {error}") from None
    return tuple(rules)


def mapped(body: bytes, *, rules: Sequence[MappingRule]) -> bytes:
    """The message after all rules, in order; the very same bytes where none of them finds anything to do.

    What is no JSON object stays as it is, for the checks that follow to refuse.
    """
    try:
        message = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    if not isinstance(message, dict):
        return body
    # Every rule is asked, whatever those before it did.
    changed = [_apply(message, rule) for rule in rules]
    return _encode(message) if any(changed) else body


def number_of(text: str) -> Decimal | None:
    """The number that a person wrote; None where none can be read.

    Of two marks the last one is the decimal mark; a mark that stands several times separates thousands; a single one
    is a decimal mark.

    >>> number_of("₺1.234,56"), number_of("1,234.56"), number_of("1.234.567"), number_of("12,5")
    (Decimal('1234.56'), Decimal('1234.56'), Decimal('1234567'), Decimal('12.5'))
    """
    bare = _AROUND_NUMBER.sub("", text)
    if not _NUMBER.fullmatch(bare):
        return None
    mark = max(".,", key=bare.rfind)
    whole, _, decimals = bare.partition(mark) if bare.count(mark) == 1 else (bare, "", "")
    first, *groups = re.split(r"[.,]", whole)
    if any(len(group) != 3 for group in groups):
        return None
    return Decimal(".".join(filter(None, [first + "".join(groups), decimals])))


def instant_of(value: object, *, zone: ZoneInfo) -> datetime | None:
    """The time that was meant: ISO 8601, day first as 20.11.2026 14:05, or seconds or milliseconds since 1970.

    >>> instant_of("20.11.2026 14:05", zone=ZoneInfo("Europe/Istanbul")).isoformat()
    '2026-11-20T11:05:00+00:00'
    """
    try:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            if not 0 <= value < _LAST_MILLISECONDS:
                return None
            return datetime.fromtimestamp(float(value) / (1000 if value >= _FIRST_MILLISECONDS else 1), UTC)
        if not isinstance(value, str):
            return None
        text = value.strip()
        if found := _LOCAL.fullmatch(text):
            day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
            at = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        else:
            at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _rule_of(said: Mapping[str, Any], *, time_zone: str) -> MappingRule:
    if unknown := set(said) - _KEYS:
        raise Invalid(f"a rule has {', '.join(sorted(_KEYS))}, not {', '.join(sorted(map(str, unknown)))}")
    if any(not isinstance(value, str) or len(value) > MAX_NAME_LENGTH for value in said.values()):
        raise Invalid(f"every field of a rule is a text of at most {MAX_NAME_LENGTH} characters")
    values = {key: said.get(key, "").strip() for key in _KEYS}
    rule = MappingRule(
        event=values["event"],
        rename_to=values["rename_to"],
        source=values["from"],
        target=values["to"] or values["from"],
        form=values["as"],
        time_zone=time_zone,
    )
    if rule.rename_to:
        if not rule.event or rule.source or values["to"] or rule.form:
            raise Invalid("a rule that renames has event and rename_to alone")
        return rule
    if rule.form not in FORMS:
        raise Invalid(f"as is empty or one of {', '.join(filter(None, FORMS))}, not {rule.form!r}")
    around, _ = _split(rule.source)
    if around != _split(rule.target)[0]:
        raise Invalid(f"from and to must agree up to the last {EACH}: {rule.source} and {rule.target}")
    if rule.target.startswith(f"{rule.source}."):
        raise Invalid(f"a value cannot go into itself: {rule.source} and {rule.target}")
    if rule.source == rule.target and not rule.form:
        raise Invalid("a rule moves a value to another place, or reads it as text, number or instant")
    return rule


@lru_cache(maxsize=1024)
def _split(path: str) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """The keys of a path: those that lead to each list, and those within its elements.

    >>> _split("properties.items[].price.amount")
    ((('properties', 'items'),), ('price', 'amount'))
    """
    *lists, last = (tuple(part.split(".")) for part in path.split(f"{EACH}."))
    if not _PATH.fullmatch(path) or sum(map(len, [*lists, last])) > MAX_PATH_PARTS:
        raise Invalid(
            f"a path is like properties.order_id or properties.products[].price, with at most {MAX_PATH_PARTS} parts, "
            f"not {path!r:.60}"
        )
    return tuple(lists), last


def _apply(message: dict[str, Any], rule: MappingRule) -> bool:
    """Does what the rule says; tells whether that was anything."""
    if rule.event and message.get("event") != rule.event:
        return False
    if rule.rename_to:
        message["event"] = rule.rename_to
        return rule.rename_to != rule.event
    around, source = _split(rule.source)
    _, target = _split(rule.target)
    changed = [_move(element, source, target, rule) for element in _elements(message, around)]
    return any(changed)


def _elements(message: dict[str, Any], lists: Sequence[Sequence[str]]) -> Iterator[dict[str, Any]]:
    """The objects that a path is followed in: the message itself, or each element of its lists."""
    if not lists:
        yield message
        return
    found: Any = message
    for key in lists[0]:
        found = found.get(key) if isinstance(found, dict) else None
    for element in found if isinstance(found, list) else ():
        if isinstance(element, dict):
            yield from _elements(element, lists[1:])


def _move(within: dict[str, Any], source: Sequence[str], target: Sequence[str], rule: MappingRule) -> bool:
    """Moves a value and reads it; where something stands at the target already, that stays."""
    start = _parent(within, source, makes=False)
    if start is None or start.get(source[-1]) is None:
        return False
    value = start[source[-1]]
    read = _read(value, rule)
    if source == target:
        start[source[-1]] = read
        # Decimal(1) == 1, and a text never equals a number: equal means that nothing has changed.
        return bool(read != value)
    end = _parent(within, target, makes=True)
    if end is None or end.get(target[-1]) is not None:
        return False
    del start[source[-1]]
    end[target[-1]] = read
    return True


def _parent(within: dict[str, Any], path: Sequence[str], *, makes: bool) -> dict[str, Any] | None:
    """The object that holds the last key of a path; None where something else stands in the way."""
    for key in path[:-1]:
        if makes and within.get(key) is None:
            within[key] = {}
        found = within.get(key)
        if not isinstance(found, dict):
            return None
        within = found
    return within


def _read(value: Any, rule: MappingRule) -> Any:
    """The value in the form that the rule asks for; as it is where it cannot be read."""
    if rule.form == "text" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    if rule.form == "number" and isinstance(value, str):
        number = number_of(value)
        return value if number is None else number
    if rule.form == "instant":
        at = instant_of(value, zone=time.zone(rule.time_zone))
        return value if at is None else at.isoformat()
    return value
