"""Django's handle on this context."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """See README.md."""

    name = "sadakat.predictions"
    label = "predictions"
    default_auto_field = "django.db.models.BigAutoField"
