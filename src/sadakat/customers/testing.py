"""Builders for tests of other contexts: the fixed cast of customers, and making somebody known."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from sadakat.customers import queries
from sadakat.customers.plugs.identity import IdentityResolver
from sadakat.events import api as events
from sadakat.events.types import Unresolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of the cast, whose letters are chosen to hurt."""

    user_id: str
    first_name: str
    last_name: str
    email: str
    phone: str
    """E.164."""
    card: str
    anonymous_id: str
    city: str

    @property
    def keys(self) -> tuple[str, ...]:
        """All identifiers, strongest first."""
        return (
            f"user_id:{self.user_id}",
            f"card:{self.card}",
            f"email:{self.email}",
            f"phone:{self.phone}",
            f"anonymous_id:{self.anonymous_id}",
        )

    def identify(self, *, at: datetime, message_id: str, **traits: Any) -> dict[str, Any]:
        """The identify call that tells everything about this person; `traits` add to it or replace."""
        return {
            "type": "identify",
            "messageId": message_id,
            "userId": self.user_id,
            "anonymousId": self.anonymous_id,
            "timestamp": at.isoformat(),
            "traits": {
                "firstName": self.first_name,
                "lastName": self.last_name,
                "email": self.email,
                "phone": self.phone,
                "card": self.card,
                "city": self.city,
                **traits,
            },
        }


AYSE = Person(
    user_id="1001",
    first_name="Ayşe",
    last_name="Yılmaz",
    email="ayse.yilmaz@example.com",
    phone="+905321234501",
    card="60340000011",
    anonymous_id="web-ayse",
    city="İstanbul",
)
ISIL = Person(
    user_id="1002",
    first_name="Işıl",
    last_name="Iğdır",
    email="isil.igdir@example.com",
    phone="+905321234502",
    card="60340000022",
    anonymous_id="web-isil",
    city="Iğdır",
)
BARIS = Person(
    user_id="1003",
    first_name="Barış",
    last_name="Öztürk",
    email="baris.ozturk@example.com",
    phone="+905321234503",
    card="60340000033",
    anonymous_id="web-baris",
    city="Şanlıurfa",
)
CAGLA = Person(
    user_id="1004",
    first_name="Çağla",
    last_name="Gülşen",
    email="cagla.gulsen@example.com",
    phone="+905321234504",
    card="60340000044",
    anonymous_id="web-cagla",
    city="Muğla",
)
CAST = (AYSE, ISIL, BARIS, CAGLA)


def known_as(*keys: str, at: datetime) -> int:
    """The customer whom a trusted source has named by these keys `TYPE:VALUE`, strongest first, in one event."""
    said = Unresolved(position=events.head() + 1, source_id=events.system_source_id(), at=at, identifiers=tuple(keys))
    with transaction.atomic():
        (profile_id,) = IdentityResolver().resolve([said], sources=events.sources())
    return queries.customers_of([profile_id])[profile_id]
