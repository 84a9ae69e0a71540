"""Django's handle on the ground."""

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """Users, audit, brand, jobs and the lake's manifest."""

    name = "sadakat.platform"
    label = "platform"
    default_auto_field = "django.db.models.BigAutoField"
