"""Turkish letters: case, one search fold and one order. Python's own case rules are wrong for i and ı."""

import unicodedata

_LOWER = str.maketrans({"I": "ı", "İ": "i"})
_UPPER = str.maketrans({"i": "İ", "ı": "I"})
_TO_ASCII = str.maketrans("çğıİIöşüâîûÇĞÖŞÜÂÎÛ", "cgiiiosuaiucgosuaiu")
_ORDER = {letter: rank for rank, letter in enumerate("aâbcçdefgğhıiîjklmnoöpqrsştuûüvwxyz")}


def lower(text: str) -> str:
    """Lower case by the Turkish rules.

    >>> lower("ISPARTA İĞNE")
    'ısparta iğne'
    """
    return text.translate(_LOWER).lower()


def upper(text: str) -> str:
    """Upper case by the Turkish rules.

    >>> upper("ışık iğne")
    'IŞIK İĞNE'
    """
    return text.translate(_UPPER).upper()


def fold(text: str) -> str:
    """The form in which texts are searched and compared: no case, no Turkish letters, no marks, single spaces.

    >>> fold("  Işıl ÇAĞLA İnönü ")
    'isil cagla inonu'
    """
    # lower() writes the Greek Σ in two ways, as the letters about it are.
    plain = unicodedata.normalize("NFKC", text).translate(_TO_ASCII).lower().replace("ς", "σ")
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return " ".join(bare.split())


def sort_key(text: str) -> list[tuple[int, str]]:
    """A key that sorts in the order of the Turkish alphabet.

    >>> sorted(["zil", "ırmak", "çam", "İnci", "cam"], key=sort_key)
    ['cam', 'çam', 'ırmak', 'İnci', 'zil']
    """
    return [(_ORDER.get(letter, -1), letter) for letter in lower(text)]
