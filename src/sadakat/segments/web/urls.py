"""Addresses of the pages about segments. What makes new ones has two parts: a segment may be called `new`."""

from django.urls import path

from sadakat.segments.web import building, lists, pages

urlpatterns = [
    path("segments/", pages.all_segments, name="segments"),
    path("segments/new/rule/", building.new_segment, name="new_segment"),
    path("segments/new/list/", lists.new_list, name="new_list"),
    path("segments/new/preview/", building.preview, name="preview_segment"),
    path("segments/<slug:key>/", pages.segment, name="segment"),
    path("segments/<slug:key>/edit/", building.edit_segment, name="edit_segment"),
    path("segments/<slug:key>/people/", lists.people, name="segment_people"),
    path("segments/<slug:key>/people/<int:customer_id>/", lists.one_customer, name="segment_customer"),
    path("segments/<slug:key>/export/", pages.export_segment, name="export_segment"),
    path("segments/<slug:key>/duplicate/", pages.duplicate, name="duplicate_segment"),
    path("segments/<slug:key>/archive/", pages.archive, name="archive_segment"),
    path("segments/<slug:key>/restore/", pages.restore, name="restore_segment"),
]
