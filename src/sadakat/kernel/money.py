"""Money is an integer of minor units and an ISO 4217 code; it never passes through a float."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation

from sadakat.kernel.errors import Invalid

# ISO 4217: digits after the point where they are not two.
_MINOR_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
# PostgreSQL keeps amounts as bigint; sums over many orders must fit as well.
MAX_AMOUNT_MINOR = 10**15


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (kuruş, cents) of one currency."""

    amount_minor: int
    currency: str

    def as_json(self) -> dict[str, int | str]:
        """The form that every interface uses: `{"amount": minor units, "currency": "TRY"}`."""
        return {"amount": self.amount_minor, "currency": self.currency}


def minor_digits(currency: str) -> int:
    """Digits after the point of a currency.

    >>> minor_digits("TRY"), minor_digits("JPY"), minor_digits("KWD")
    (2, 0, 3)
    """
    return _MINOR_DIGITS.get(currency, 2)


def currency_code(text: object) -> str:
    """The checked ISO 4217 code of `text`.

    >>> currency_code("try")
    'TRY'

    Raises:
        Invalid: it is not three Latin letters.
    """
    if isinstance(text, str) and len(text) == 3 and text.isascii() and text.isalpha():
        return text.upper()
    raise Invalid(f"currency must be three letters such as TRY, not {text!r:.40}")


def to_minor(value: object, *, currency: str, name: str = "amount") -> int:
    """Minor units of a decimal number or text with a point, rounded half up (away from zero).

    >>> to_minor("12.345", currency="TRY"), to_minor(7, currency="JPY")
    (1235, 7)

    Raises:
        Invalid: not a finite number, or larger than a shop's amount can be.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Invalid(f"{name} must be a number such as 12.50, not {value!r:.40}")
    try:
        # repr of a float is its shortest decimal form, which is what the sender wrote.
        scaled = Decimal(str(value).strip()).scaleb(minor_digits(currency))
    except InvalidOperation:
        raise Invalid(f"{name} must be a number such as 12.50, not {value!r:.40}") from None
    if not scaled.is_finite() or abs(scaled) > MAX_AMOUNT_MINOR:
        raise Invalid(f"{name} must be between ±{MAX_AMOUNT_MINOR} minor units, not {value!r:.40}")
    return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def to_major(amount_minor: int, *, currency: str) -> Decimal:
    """The decimal number that a person reads.

    >>> to_major(1235, currency="TRY")
    Decimal('12.35')
    """
    return Decimal(amount_minor).scaleb(-minor_digits(currency))


def convert(amount_minor: int, *, source: str, target: str, rate: Decimal) -> int:
    """Minor units of `target` for minor units of `source`, where one unit of source is `rate` units of target.

    >>> convert(1000, source="EUR", target="TRY", rate=Decimal("48.25"))
    48250
    """
    units = to_major(amount_minor, currency=source) * rate
    return int(units.scaleb(minor_digits(target)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
