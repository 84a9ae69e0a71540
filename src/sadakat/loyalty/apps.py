"""Django's handle on this context."""

from django.apps import AppConfig


class LoyaltyConfig(AppConfig):
    """See README.md."""

    name = "sadakat.loyalty"
    label = "loyalty"
    default_auto_field = "django.db.models.BigAutoField"
