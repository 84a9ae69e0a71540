"""Addresses of the pages about rates."""

from django.urls import path

from sadakat.commerce.web import pages

urlpatterns = [
    path("settings/rates/", pages.rates, name="rates"),
    path("settings/rates/retry/", pages.retry, name="retry_rates"),
]
