"""Django's handle on this context."""

from django.apps import AppConfig


class CommerceConfig(AppConfig):
    """See README.md."""

    name = "sadakat.commerce"
    label = "commerce"
    default_auto_field = "django.db.models.BigAutoField"
