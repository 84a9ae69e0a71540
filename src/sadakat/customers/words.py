"""What traits are called."""

from typing import Final

from django.utils.translation import gettext_lazy

# Traits with a name of their own; all others are shown under the name that the shop gave them.
_TRAITS: Final = {
    "city": gettext_lazy("City"),
    "birthday": gettext_lazy("Birthday"),
    "language": gettext_lazy("Preferred language"),
    "age_group": gettext_lazy("Age group"),
    "income_group": gettext_lazy("Income group"),
    "household_size": gettext_lazy("Household size"),
    "kids_count": gettext_lazy("Children"),
    "gender": gettext_lazy("Gender"),
    "company": gettext_lazy("Company"),
    "household_id": gettext_lazy("Household id"),
    "name": gettext_lazy("Name"),
    "firstName": gettext_lazy("First name"),
    "first_name": gettext_lazy("First name"),
    "lastName": gettext_lazy("Last name"),
    "last_name": gettext_lazy("Last name"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "card": gettext_lazy("Loyalty card"),
}


def label_of_trait(name: str) -> str:
    """What a trait is called in the reader's language."""
    return str(_TRAITS.get(name, name))


def order_of_trait(name: str) -> tuple[bool, str]:
    """A key to sort traits by: those with a name of their own go before the shop's."""
    return name not in _TRAITS, name
