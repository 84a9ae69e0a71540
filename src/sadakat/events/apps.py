"""Django's handle on this context."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """See README.md."""

    name = "sadakat.events"
    label = "events"
    default_auto_field = "django.db.models.BigAutoField"
