"""Django's handle on this context."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """See README.md."""

    name = "sadakat.analytics"
    label = "analytics"
    default_auto_field = "django.db.models.BigAutoField"
