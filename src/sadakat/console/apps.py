"""Django's handle on this context."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """See README.md."""

    name = "sadakat.console"
    label = "console"
    default_auto_field = "django.db.models.BigAutoField"
