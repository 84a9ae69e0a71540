"""Addresses of the home, the customers, their orders, and the search."""

from django.urls import path

from sadakat.console.web import customers, home, journey_map, lists, map_cells, memberships, merging, orders

urlpatterns = [
    path("", home.home, name="home"),
    path("search/", lists.search, name="search"),
    path("customers/", lists.customers, name="customers"),
    path("customers/columns/", lists.choose_columns, name="choose_columns"),
    path("customers/export/", lists.export_customers, name="export_customers"),
    path("customers/conflicts/", merging.conflicts, name="conflicts"),
    path("customers/slipping/", lists.slipping, name="slipping"),
    path("customers/conflicts/<int:conflict_id>/keep-apart/", merging.keep_apart, name="keep_apart"),
    path("customers/<int:customer_id>/merge/", merging.choose, name="merge_with"),
    path("customers/<int:customer_id>/merge/<int:other_id>/", merging.merge, name="merge"),
    path("journey-map/", journey_map.journey_map, name="journey_map"),
    path("journey-map/touchpoints/", map_cells.touchpoints, name="touchpoints"),
    path("journey-map/export/<slug:form>/", journey_map.export, name="map_export"),
    path("journey-map/<slug:stage>/<slug:touchpoint_key>/", map_cells.cell, name="map_cell"),
    path("journey-map/<slug:stage>/<slug:touchpoint_key>/note/", map_cells.note, name="note_cell"),
    path("journey-map/<slug:stage>/<slug:touchpoint_key>/improve/", map_cells.add_improvement, name="add_improvement"),
    path(
        "journey-map/<slug:stage>/<slug:touchpoint_key>/improve/<int:improvement_id>/",
        map_cells.change_improvement,
        name="change_improvement",
    ),
    path("merges/<int:merge_id>/undo/", merging.undo, name="undo_merge"),
    path("customers/<int:customer_id>/", customers.customer, name="customer"),
    path("customers/<int:customer_id>/segments/", memberships.live, name="customer_segments"),
    path("profiles/<int:profile_id>/", customers.profile, name="profile"),
    path("orders/<path:order_id>/", orders.order, name="order"),
]
