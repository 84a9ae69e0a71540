"""Addresses of the pages about figures."""

from django.urls import path

from sadakat.analytics.web import pages

urlpatterns = [path("figures/", pages.figures, name="figures")]
