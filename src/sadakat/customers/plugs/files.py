"""What a file of customers means: one `identify` call for each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from sadakat.customers.rules import cells
from sadakat.customers.types import IdentifierType
from sadakat.events.types import CellType, ImportField, ImportTarget, Row, Warn
from sadakat.kernel.errors import Invalid

USER_ID: Final = ImportField(
    name="user_id",
    label=_("Customer number"),
    aliases=(
        "user id", "userid", "customer id", "customer no", "customer number", "customer code", "member id",
        "member no", "account id", "müşteri no", "müşteri numarası", "müşteri kodu", "müşteri id", "müşteri kimliği",
        "üye no", "üye numarası", "üye kodu", "üye id", "üyelik no", "kullanıcı no", "kullanıcı id", "cari kod",
        "cari kodu", "cari no",
    ),
)  # fmt: skip
EMAIL: Final = ImportField(
    name="email",
    label=_("E-mail"),
    aliases=(
        "e-mail", "mail", "email address", "mail address", "customer email", "e-posta", "e-posta adresi",
        "elektronik posta", "mail adresi", "müşteri e-posta", "müşteri mail",
    ),
)  # fmt: skip
PHONE: Final = ImportField(
    name="phone",
    label=_("Phone"),
    aliases=(
        "phone number", "telephone", "mobile", "mobile phone", "cell phone", "msisdn", "telefon", "telefon no",
        "telefon numarası", "tel", "tel no", "cep", "cep no", "cep tel", "cep telefonu", "cep telefonu no", "gsm",
        "gsm no", "gsm numarası", "müşteri telefon", "müşteri telefonu",
    ),
)  # fmt: skip
CARD: Final = ImportField(
    name="card",
    label=_("Loyalty card"),
    aliases=(
        "loyalty card", "card no", "card number", "loyalty card no", "membership card", "kart", "kart no",
        "kart numarası", "sadakat kartı", "sadakat kart no", "sadakat kartı no", "müşteri kartı", "müşteri kart no",
        "üye kartı", "üye kart no",
    ),
)  # fmt: skip
_FIRST_NAMES = ("first name", "given name", "forename", "ad", "adı", "isim", "ismi", "müşteri ismi")
_LAST_NAMES = ("last name", "surname", "family name", "soyad", "soyadı", "soyisim", "soyismi")
_FULL_NAMES = (
    "full name", "fullname", "customer", "customer name", "ad soyad", "adı soyadı", "ad soyadı", "adı ve soyadı",
    "ad ve soyad", "isim soyisim", "müşteri", "müşteri adı", "müşteri adı soyadı", "müşteri ad soyad", "üye adı",
    "üye adı soyadı",
)  # fmt: skip
NAME: Final = ImportField(name="name", label=_("Full name"), type=CellType.NAME, aliases=_FULL_NAMES)
FIELDS: Final = (
    USER_ID,
    EMAIL,
    PHONE,
    CARD,
    ImportField(
        name="anonymous_id",
        label=_("Anonymous id"),
        aliases=("anonymous", "visitor id", "device id", "cookie id", "ziyaretçi no", "ziyaretçi id", "çerez id"),
    ),
    NAME,
    ImportField(name="firstName", label=_("First name"), type=CellType.NAME, aliases=_FIRST_NAMES),
    ImportField(name="lastName", label=_("Last name"), type=CellType.NAME, aliases=_LAST_NAMES),
    ImportField(name="gender", label=_("Gender"), aliases=("sex", "cinsiyet", "cinsiyeti")),
    ImportField(
        name="birthday",
        label=_("Birthday"),
        type=CellType.DAY,
        aliases=("birth date", "birthdate", "date of birth", "dob", "doğum tarihi", "doğum günü", "d. tarihi"),
    ),
    ImportField(
        name="city",
        label=_("City"),
        type=CellType.NAME,
        aliases=("town", "il", "şehir", "şehri", "il adı", "bulunduğu il"),
    ),
    ImportField(
        name="district",
        label=_("District"),
        type=CellType.NAME,
        aliases=("county", "ilçe", "ilçesi", "ilçe adı", "semt"),
    ),
    ImportField(name="country", label=_("Country"), aliases=("country code", "ülke", "ülke kodu")),
    ImportField(
        name="language",
        label=_("Language"),
        aliases=("lang", "locale", "preferred language", "dil", "dili", "tercih edilen dil"),
    ),
    ImportField(
        name="company",
        label=_("Company"),
        aliases=(
            "company name", "organisation", "organization", "firma", "firma adı", "firma ünvanı", "şirket",
            "şirket adı",
        ),
    ),
    ImportField(
        name="created_at",
        label=_("Customer since"),
        type=CellType.INSTANT,
        aliases=(
            "created", "created on", "creation date", "registered at", "registration date", "sign up date",
            "signup date", "member since", "kayıt tarihi", "kayıt zamanı", "üyelik tarihi", "üyelik başlangıcı",
            "oluşturma tarihi", "oluşturulma tarihi", "eklenme tarihi",
        ),
    ),
    ImportField(
        name="updated_at",
        label=_("Last changed"),
        type=CellType.INSTANT,
        aliases=(
            "updated", "updated on", "last update", "last updated", "modified", "modified at", "last modified",
            "güncelleme", "güncelleme tarihi", "güncellenme tarihi", "son güncelleme", "son güncelleme tarihi",
            "değişiklik tarihi", "son değişiklik",
        ),
    ),
)  # fmt: skip
PERSON_FIELDS: Final = (USER_ID, EMAIL, PHONE, CARD, NAME)
"""The fields with which files of other contexts name somebody; `read_person` reads them."""
_KINDS: Final[Mapping[str, IdentifierType]] = {str(kind): kind for kind in IdentifierType}
_IDS: Final = {"user_id": "userId", "anonymous_id": "anonymousId"}
_NOT_TRAITS: Final = frozenset({*_KINDS, "updated_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a row names, in the words of the tracking format; identifiers are in their one spelling."""

    ids: Mapping[str, str]
    """`userId` and `anonymousId`, as far as they are said."""
    traits: Mapping[str, str]
    """`email`, `phone` and `card`, likewise."""
    faults: Mapping[str, str]
    """By field name: why its cell could not be used, or not all of it."""


class CustomersTarget:
    """Rows that each tell of one customer."""

    name = "customers"
    label: object = _("Customers")
    fields: Sequence[ImportField] = FIELDS
    other_prefix = "trait"
    group_by = ""

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> Sequence[Mapping[str, Any]]:
        """One identify call with what the row says.

        Raises:
            Invalid: nothing in the row identifies anybody; the text shows what came.
        """
        (row,) = rows
        person = read_person(row.values)
        if not (person.ids or person.traits):
            came = ", ".join(f"{name} {row.values[name]!r:.60}" for name in _KINDS if name in row.values)
            raise Invalid(f"no identifier: {came or 'all of ' + ', '.join(_KINDS) + ' are empty'}")
        for field_name, reason in person.faults.items():
            warn(row, field_name, reason)
        message = {"type": "identify", **person.ids, "traits": {**_traits(row), **person.traits}}
        if "updated_at" in row.values:
            message["timestamp"] = row.values["updated_at"].isoformat()
        return [message]


def read_person(values: Mapping[str, Any]) -> Person:
    """The person whom the fields `user_id`, `email`, `phone`, `card` and `anonymous_id` name."""
    said: dict[str, str] = {}
    faults: dict[str, str] = {}
    for name, kind in _KINDS.items():
        if name in values:
            value, fault = cells.read_identifier(kind, str(values[name]))
            if value is not None:
                said[name] = value
            if fault is not None:
                faults[name] = fault
    return Person(
        ids={_IDS[name]: value for name, value in said.items() if name in _IDS},
        traits={name: value for name, value in said.items() if name not in _IDS},
        faults=faults,
    )


def _traits(row: Row) -> dict[str, Any]:
    """What the row says besides identifiers."""
    traits = {**row.other, **{name: value for name, value in row.values.items() if name not in _NOT_TRAITS}}
    if "gender" in traits:
        traits["gender"] = cells.read_gender(traits["gender"])
    if "birthday" in traits:
        traits["birthday"] = traits["birthday"].isoformat()
    if "created_at" in traits:
        traits["createdAt"] = traits.pop("created_at").isoformat()
    return traits


FILE_TARGETS: Final[Sequence[ImportTarget]] = (CustomersTarget(),)
