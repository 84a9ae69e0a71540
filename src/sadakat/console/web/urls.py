"""Addresses of the home, the customers, their orders, and the search."""

from django.urls import path

from sadakat.console.web import customers, home

urlpatterns = [
    path("", home.home, name="home"),
    path("search/", customers.search, name="search"),
    path("customers/", customers.customers, name="customers"),
    path("customers/conflicts/", customers.conflicts, name="conflicts"),
    path("customers/slipping/", customers.slipping, name="slipping"),
    path("customers/<int:customer_id>/", customers.customer, name="customer"),
    path("profiles/<int:profile_id>/", customers.profile, name="profile"),
    path("orders/<path:order_id>/", customers.order, name="order"),
]
