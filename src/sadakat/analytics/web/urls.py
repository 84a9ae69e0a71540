"""Addresses of the pages about figures."""

from django.urls import path

from sadakat.analytics.web import pages, spend

urlpatterns = [
    path("figures/", pages.figures, name="figures"),
    path("figures/spend/", spend.spend, name="spend"),
    path("figures/spend/record/", spend.record, name="record_spend"),
]
