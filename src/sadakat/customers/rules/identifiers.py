"""What counts as an identifier and how it is written: one spelling for each person's e-mail, phone, card or id."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import phonenumbers
from phonenumbers import PhoneNumberType

from sadakat.customers.types import IdentifierType
from sadakat.events.types import Kind
from sadakat.kernel.errors import Invalid

MAX_ID_LENGTH: Final = 200
MAX_EMAIL_LENGTH: Final = 254
MAX_CARD_LENGTH: Final = 40
MAX_PHONE_TEXT_LENGTH: Final = 40
MAX_EXTERNAL_IDS: Final = 20
DEFAULT_REGION: Final = "TR"
TRAIT_NAMES: Final[Mapping[str, IdentifierType]] = MappingProxyType(
    {
        "card": IdentifierType.CARD,
        "loyalty_card": IdentifierType.CARD,
        "loyaltyCard": IdentifierType.CARD,
        "email": IdentifierType.EMAIL,
        "phone": IdentifierType.PHONE,
    }
)
# What shops send when they know nobody: as an identifier it would make one customer of thousands.
NOBODY: Final = frozenset(
    """null (null) undefined none nil nan n/a na - -1 false true unknown anonymous guest visitor user default test
    misafir ziyaretci ziyaretçi yok 00000000-0000-0000-0000-000000000000
    ffffffff-ffff-ffff-ffff-ffffffffffff""".split()
) | {"[object object]"}
_LONGEST_NOBODY: Final = max(map(len, NOBODY))
# Marketplaces give sellers an address that forwards mail for a while: one order's or one shop's, never a person's.
# Apple's privaterelay.appleid.com is not here: it is one person's for good.
MASKED_DOMAINS: Final = (
    "trendyolmail.com",
    "trendyol.com",
    "hepsiburada.com",
    "n11.com",
    "ciceksepeti.com",
    "pttavm.com",
    "pazarama.com",
    "members.ebay.com",
    "relay.walmart.com",
)
MASKED_DOMAIN_PREFIXES: Final = ("marketplace.amazon.",)
# Numbers that belong to one person or household; a call centre's 0850 or 444 line belongs to nobody.
PERSONAL_NUMBER_TYPES: Final = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.PERSONAL_NUMBER,
    }
)
_ORDER: Final[Mapping[str, int]] = {kind: rank for rank, kind in enumerate(IdentifierType)}
_LOCAL_PART = re.compile(r"""[^\s@"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}""")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])")
_CARD_SEPARATORS = re.compile(r"[\s-]+")
_MOBILE_SEPARATORS = str.maketrans("", "", " -().")
_TURKISH_NUMBER = re.compile(r"(?:\+90|0090|90|0)?([1-9][0-9]{9})")
_METADATA: Any = phonenumbers.PhoneMetadata.metadata_for_region(DEFAULT_REGION, None)
_TURKISH_MOBILE: Final = re.compile(_METADATA.mobile.national_number_pattern)


def parse_identifier(type: IdentifierType | str, text: str) -> str | None:  # noqa: A002 - the door's name
    """The key `TYPE:VALUE` in its one spelling; None when the text cannot identify anybody.

    >>> parse_identifier("phone", "0532 123 45 67"), parse_identifier("email", " Isil@Example.COM ")
    ('phone:+905321234567', 'email:isil@example.com')
    >>> parse_identifier("user_id", "undefined"), parse_identifier("email", "pf+x1@trendyolmail.com")
    (None, None)

    Raises:
        Invalid: there is no such type.
    """
    try:
        kind = IdentifierType(type)
    except ValueError:
        raise Invalid(f"an identifier is {', '.join(IdentifierType)}; not {type!r:.40}") from None
    value = _PARSERS[kind](text)
    return None if value is None else f"{kind}:{value}"


def parse_id(text: str) -> str | None:
    """A user id or anonymous id: trimmed, its case kept; None when it stands for nobody.

    >>> parse_id(" Ab-42 "), parse_id("Guest"), parse_id("0000")
    ('Ab-42', None, None)
    """
    value = text.strip()
    size = len(value)
    if not 0 < size <= MAX_ID_LENGTH or "\0" in value:
        return None
    if size <= _LONGEST_NOBODY and (value.lower() in NOBODY or not value.strip("0")):
        return None
    return value


@lru_cache(maxsize=65_536)
def parse_email(text: str) -> str | None:
    """An e-mail address in lower case, ASCII letters only: a Turkish rule would turn `I` into `ı`.

    >>> parse_email("IRMAK@Example.com"), parse_email("ayşe@örnek.com"), parse_email("ayse@example")
    ('irmak@example.com', 'ayşe@xn--rnek-4qa.com', None)
    """
    value = text.strip()
    local, at, domain = value.rpartition("@")
    if not at or len(value) > MAX_EMAIL_LENGTH or not _LOCAL_PART.fullmatch(local):
        return None
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            return None
    domain = domain.lower()
    if not _DOMAIN.fullmatch(domain) or is_masked(domain):
        return None
    return f"{_lower_ascii(local)}@{domain}"


def is_masked(domain: str) -> bool:
    """Whether a marketplace hides its buyers behind this domain.

    >>> is_masked("mp.trendyolmail.com"), is_masked("privaterelay.appleid.com")
    (True, False)
    """
    return domain.startswith(MASKED_DOMAIN_PREFIXES) or any(
        domain == masked or domain.endswith("." + masked) for masked in MASKED_DOMAINS
    )


@lru_cache(maxsize=65_536)
def parse_phone(text: str) -> str | None:
    """A person's number in E.164; without a country it is Turkish. Placeholders of one digit are nobody's.

    >>> parse_phone("(0532) 123-45-67"), parse_phone("00 49 30 1234567"), parse_phone("5555555555")
    ('+905321234567', '+49301234567', None)
    >>> parse_phone("0850 222 00 00"), parse_phone("444 0 444")
    (None, None)
    """
    if len(text) > MAX_PHONE_TEXT_LENGTH:
        return None
    # The library takes some 100 µs; its own pattern for Turkish mobiles is asked first.
    turkish = _TURKISH_NUMBER.fullmatch(text.translate(_MOBILE_SEPARATORS))
    if turkish and _TURKISH_MOBILE.fullmatch(turkish[1]):
        return None if len(set(turkish[1])) == 1 else f"+90{turkish[1]}"
    try:
        number = phonenumbers.parse(text, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    is_personal = (
        # The type of an invalid number is unknown.
        phonenumbers.number_type(number) in PERSONAL_NUMBER_TYPES
        and len(set(str(number.national_number))) > 1
        # An extension leads to somebody else.
        and not number.extension
    )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if is_personal else None


def parse_card(text: str) -> str | None:
    """A card number: digits and Latin letters without blanks and dashes, in upper case.

    >>> parse_card("6034 0009-008"), parse_card("ab 12"), parse_card("0000 0000"), parse_card("kart?")
    ('60340009008', 'AB12', None, None)
    """
    value = _CARD_SEPARATORS.sub("", text).upper()
    if not value.isascii() or not value.isalnum() or len(value) > MAX_CARD_LENGTH:
        return None
    if value.lower() in NOBODY or (len(set(value)) == 1 and (len(value) > 3 or value == "0")):
        return None
    return value


_PARSERS: Final[Mapping[IdentifierType, Callable[[str], str | None]]] = MappingProxyType(
    {
        IdentifierType.USER_ID: parse_id,
        IdentifierType.CARD: parse_card,
        IdentifierType.EMAIL: parse_email,
        IdentifierType.PHONE: parse_phone,
        IdentifierType.ANONYMOUS_ID: parse_id,
    }
)


def identifiers_of(*, kind: Kind, message: Mapping[str, Any], is_trusted: bool) -> tuple[str, ...]:
    """The keys of a decoded message, strongest first, each once; a leading `!` marks a verified e-mail.

    An untrusted source names people by `userId` and `anonymousId` alone. The `previousId` of an alias call is an
    anonymous id. The traits of a group call are the group's.

    >>> said = {"userId": "42", "anonymousId": "a-1", "traits": {"email": "isil@example.com"}, "context": {}}
    >>> identifiers_of(kind=Kind.IDENTIFY, message=said, is_trusted=True)
    ('user_id:42', 'email:isil@example.com', 'anonymous_id:a-1')
    >>> identifiers_of(kind=Kind.IDENTIFY, message=said, is_trusted=False)
    ('user_id:42', 'anonymous_id:a-1')
    """
    user, anonymous, previous = message.get("userId"), message.get("anonymousId"), None
    if kind is Kind.ALIAS:
        previous = message.get("previousId")
    keys: list[str] = []
    if user is not None and (value := parse_id(user)):
        keys.append(f"user_id:{value}")
    if is_trusted:
        traits, context = message.get("traits"), message.get("context") or {}
        if traits or context.get("traits") or context.get("externalIds"):
            keys += _stated(kind, traits or {}, context)
    for text in (anonymous, previous):
        if text is not None and (value := parse_id(text)):
            keys.append(f"anonymous_id:{value}")
    return tuple(keys) if len(keys) < 2 else _strongest_first(keys)


def _stated(kind: Kind, traits: Mapping[str, Any], context: Mapping[str, Any]) -> Iterator[str]:
    """What traits and external ids say, in the order in which they stand."""
    if kind is not Kind.GROUP:
        for said in (traits, context.get("traits") or {}):
            for name, type_ in TRAIT_NAMES.items():
                if name in said and (key := _key(type_, said[name])):
                    is_verified = name == "email" and (
                        said.get("email_verified") is True or said.get("emailVerified") is True
                    )
                    yield f"!{key}" if is_verified else key
    external = context.get("externalIds")
    if isinstance(external, list):
        for entry in external[:MAX_EXTERNAL_IDS]:
            # A hashed id has lost what it would be compared by.
            if isinstance(entry, dict) and entry.get("encoding", "none") in {"none", None}:
                said_type = entry.get("type")
                if isinstance(said_type, str) and said_type in _ORDER and (key := _key(said_type, entry.get("id"))):
                    yield key


def _key(type_: str, value: object) -> str | None:
    """Cards and phones also come as JSON numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return parse_identifier(type_, value) if isinstance(value, str) else None


def _strongest_first(keys: list[str]) -> tuple[str, ...]:
    verified = {key[1:] for key in keys if key[0] == "!"}
    plain = sorted(dict.fromkeys(key.lstrip("!") for key in keys), key=lambda key: _ORDER[key.partition(":")[0]])
    return tuple(f"!{key}" if key in verified else key for key in plain)


def _lower_ascii(text: str) -> str:
    return text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)
