"""Addresses of the home, the customers, their orders, and the search."""

from django.urls import path

from sadakat.console.web import customers, home, lists, merging, orders

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
    path("merges/<int:merge_id>/undo/", merging.undo, name="undo_merge"),
    path("customers/<int:customer_id>/", customers.customer, name="customer"),
    path("profiles/<int:profile_id>/", customers.profile, name="profile"),
    path("orders/<path:order_id>/", orders.order, name="order"),
]
