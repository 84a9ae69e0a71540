"""What is known about a person: which traits of a call count, what a person is called, how he is found."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from sadakat.kernel import text
from sadakat.kernel.errors import Invalid

MAX_TRAITS: Final = 100
MAX_NAME_LENGTH: Final = 100
MAX_VALUE_BYTES: Final = 4 * 1024
MAX_DISPLAY_LENGTH: Final = 200
MAX_SEARCH_LENGTH: Final = 2_000
_FIRST_NAMES: Final = ("firstName", "first_name")
_LAST_NAMES: Final = ("lastName", "last_name")


class _Context(msgspec.Struct):
    traits: dict[str, Any] | None = None


class _Body(msgspec.Struct):
    traits: dict[str, Any] | None = None
    context: _Context | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read_traits(body: bytes) -> dict[str, Any]:
    """The traits of an identify call; `traits` goes before `context.traits`. A null clears a trait.

    Raises:
        Invalid: it is not an object of that form, or there are more than `MAX_TRAITS`.
    """
    try:
        said = _decode(body)
    except msgspec.DecodeError as error:
        raise Invalid(f"traits cannot be read: {error}") from None
    traits = {**((said.context and said.context.traits) or {}), **(said.traits or {})}
    if len(traits) > MAX_TRAITS:
        raise Invalid(f"a call may have {MAX_TRAITS} traits, not {len(traits)}")
    return {name.strip(): value for name, value in traits.items() if name.strip()}


def fault_of(name: str, value: Any) -> str | None:
    """Why a trait cannot be kept; None when it can.

    >>> fault_of("city", "Muğla"), fault_of("bio", "x" * 5000)
    (None, "trait 'bio' may have 4,096 bytes, not 5,002")
    """
    if len(name) > MAX_NAME_LENGTH:
        return f"the name of a trait may have {MAX_NAME_LENGTH} characters, not {len(name):,}: {name[:40]!r}"
    size = len(msgspec.json.encode(value))
    if size > MAX_VALUE_BYTES:
        return f"trait {name!r} may have {MAX_VALUE_BYTES:,} bytes, not {size:,}"
    return None


def display_name(traits: Mapping[str, Any]) -> str:
    """What a person is called: `name`, else first and last name; empty when neither is said.

    >>> display_name({"firstName": "Işıl", "last_name": "Çağlayan"}), display_name({"name": " Ayşe  Yılmaz "})
    ('Işıl Çağlayan', 'Ayşe Yılmaz')
    """
    name = _words(traits.get("name"))
    if not name:
        parts = (
            next(filter(None, (_words(traits.get(n)) for n in names)), "") for names in (_FIRST_NAMES, _LAST_NAMES)
        )
        name = " ".join(filter(None, parts))
    return name[:MAX_DISPLAY_LENGTH]


def search_text(name: str, keys: Iterable[str]) -> str:
    """What a person is searched in: the folded name, e-mails, and the digits of phones and cards.

    Each word begins after a blank, the first one too, so that a search can ask for the beginning of a word.

    >>> search_text("Işıl Ünal", ["phone:+905321234567", "email:isil@example.com", "user_id:7"])
    ' isil unal 905321234567 isil@example.com'
    """
    words = [text.fold(name)] if name else []
    for key in keys:
        kind, _, value = key.partition(":")
        if kind in {"card", "phone"}:
            words.append(value.lstrip("+").lower())
        elif kind == "email":
            words.append(text.fold(value))
    return " ".join(["", *words])[:MAX_SEARCH_LENGTH] if words else ""


def search_words(said: str) -> list[str]:
    """The words of a search, folded. All of them must be found.

    >>> search_words(" ÇAĞLA  0532 ")
    ['cagla', '0532']
    """
    return text.fold(said).split()


def _words(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
