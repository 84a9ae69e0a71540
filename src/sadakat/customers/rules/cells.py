"""What a cell of a file says of a person, after what spreadsheets and typing have done to it."""

import re
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from sadakat.customers.rules.identifiers import parse_identifier
from sadakat.customers.types import IdentifierType
from sadakat.kernel import text as texts

# A long number that a spreadsheet shows as 5,32123E+09, and one that has been through a column of floats.
_SCIENTIFIC = re.compile(r"\d[.,]\d+[eE]\+\d{1,2}")
_FLOAT = re.compile(r"(\+?\d+)[.,]0+")
# What makes a spreadsheet keep a number as text: '0532…, ="0532…".
_WRAPPING: Final = "='\"`\u200b\ufeff "
_BETWEEN = MappingProxyType(
    {
        IdentifierType.EMAIL: re.compile(r"[;,|/\s]+"),
        IdentifierType.PHONE: re.compile(r"[;,|/\n]+"),
        IdentifierType.CARD: re.compile(r"[;,|/\n]+"),
    }
)
_GENDERS = MappingProxyType(
    dict.fromkeys(("kadin", "k", "bayan", "female", "f", "woman"), "female")
    | dict.fromkeys(("erkek", "e", "bay", "male", "m", "man"), "male")
)


def read_identifier(kind: IdentifierType, cell: str) -> tuple[str | None, str | None]:
    """The identifier in its one spelling, and what is wrong with the cell; either may be None.

    Of several in one cell the first counts.

    >>> read_identifier(IdentifierType.PHONE, "5321234567.0"), read_identifier(IdentifierType.PHONE, "5,32123E+09")
    (('+905321234567', None), (None, 'a spreadsheet has rounded the number: its last digits are lost'))
    >>> read_identifier(IdentifierType.EMAIL, "a@example.com; b@example.com")
    ('a@example.com', 'it holds more than one; the first counts')
    """
    bare = cell.strip(_WRAPPING)
    if _SCIENTIFIC.fullmatch(bare):
        # Written in full where every digit before the point is there: 5,321234567E+09.
        bare = str(Decimal(bare.replace(",", ".")))
        if "E" in bare:
            return None, "a spreadsheet has rounded the number: its last digits are lost"
    elif whole := _FLOAT.fullmatch(bare):
        bare = whole[1]
    if value := _parse(kind, bare):
        return value, None
    between = _BETWEEN.get(kind)
    # Never a later one: what follows a blank in `ayse yilmaz@example.com` is somebody else's address.
    if between and (value := _parse(kind, between.split(bare)[0])):
        return value, "it holds more than one; the first counts"
    return None, "it identifies nobody"


def read_gender(cell: str) -> str:
    """`female` or `male` where a word of either language says so; else the text as it is.

    >>> read_gender("KADIN"), read_gender("E"), read_gender("belirtilmemiş")
    ('female', 'male', 'belirtilmemiş')
    """
    return _GENDERS.get(texts.fold(cell), cell)


def _parse(kind: IdentifierType, text: str) -> str | None:
    key = parse_identifier(kind, text)
    return None if key is None else key.partition(":")[2]
