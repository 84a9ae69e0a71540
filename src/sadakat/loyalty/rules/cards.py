"""Numbers of member cards: digits that a till can check before it asks anybody."""

from typing import Final

from sadakat.kernel.errors import Invalid

DIGITS: Final = 16
PREFIX: Final = "9"
"""No payment card begins with it."""
SPACE: Final = 10 ** (DIGITS - 1 - len(PREFIX))
"""So many numbers there are: too many to guess one that somebody has."""


def card_number(chosen: int) -> str:
    """The number of a card for a number below `SPACE`.

    >>> card_number(12345)
    '9000000000123456'
    """
    payload = f"{PREFIX}{chosen:0{DIGITS - 1 - len(PREFIX)}d}"
    return payload + check_digit(payload)


def check_digit(payload: str) -> str:
    """The digit that makes a number whole by the method of Luhn (ISO/IEC 7812-1, annex B).

    It finds every single wrong digit and nearly every pair of neighbours that have changed places.

    >>> check_digit("7992739871")
    '3'
    """
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(payload)))
    return str(-sum(digit // 10 + digit % 10 for digit in doubled) % 10)


def read_number(text: str) -> str:
    """The digits of a card number as people type it.

    >>> read_number(" 9000 0000-0012 3456 ")
    '9000000000123456'

    Raises:
        Invalid: it is none; where the check digit does not fit, a digit has been mistyped.
    """
    digits = "".join(text.replace("-", " ").split())
    if not (len(digits) == DIGITS and digits.isascii() and digits.isdigit()):
        raise Invalid(f"a card number has {DIGITS} digits, not {text!r:.40}")
    if check_digit(digits[:-1]) != digits[-1]:
        raise Invalid(f"the card number {digits} is mistyped: its check digit does not fit")
    return digits
