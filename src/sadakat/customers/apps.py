"""Django's handle on this context."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """See README.md."""

    name = "sadakat.customers"
    label = "customers"
    default_auto_field = "django.db.models.BigAutoField"
