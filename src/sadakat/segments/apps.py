"""Django's handle on this context."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """See README.md."""

    name = "sadakat.segments"
    label = "segments"
    default_auto_field = "django.db.models.BigAutoField"
