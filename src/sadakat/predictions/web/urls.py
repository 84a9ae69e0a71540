"""Addresses of the pages about predictions."""

from django.urls import path

from sadakat.predictions.web import pages

urlpatterns = [
    path("predictions/", pages.scores, name="predictions"),
    path("predictions/train/", pages.train, name="train_predictions"),
    path("customers/<int:customer_id>/scores/", pages.of_customer, name="customer_scores"),
    path("predictions/<slug:name>/", pages.card, name="prediction"),
]
