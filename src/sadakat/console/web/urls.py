"""Addresses of the home, the customers, their orders, and the search."""

from django.urls import path

from sadakat.console.web import customers, home, lists, orders

urlpatterns = [
    path("", home.home, name="home"),
    path("search/", lists.search, name="search"),
    path("customers/", lists.customers, name="customers"),
    path("customers/conflicts/", lists.conflicts, name="conflicts"),
    path("customers/slipping/", lists.slipping, name="slipping"),
    path("customers/<int:customer_id>/", customers.customer, name="customer"),
    path("profiles/<int:profile_id>/", customers.profile, name="profile"),
    path("orders/<path:order_id>/", orders.order, name="order"),
]
