"""Addresses of the pages about sources."""

from django.urls import path

from sadakat.events.web import pages

urlpatterns = [
    path("settings/sources/", pages.sources, name="sources"),
    path("settings/sources/new/", pages.new_source, name="new_source"),
    path("settings/sources/<int:source_id>/", pages.source, name="source"),
    path("settings/sources/<int:source_id>/live/", pages.live, name="source_live"),
    path("settings/sources/<int:source_id>/key/", pages.renew_key, name="renew_source_key"),
    path("settings/failed-events/", pages.failed, name="failed_events"),
]
