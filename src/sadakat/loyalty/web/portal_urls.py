"""Addresses of the member portal; none asks for a log-in."""

from django.urls import path

from sadakat.loyalty.web import portal, portal_entry

urlpatterns = [
    path("portal/", portal.home, name="portal"),
    path("portal/enter/", portal_entry.enter, name="portal_enter"),
    path("portal/code/", portal_entry.code, name="portal_code"),
    path("portal/join/", portal_entry.join, name="portal_join"),
    path("portal/joining/", portal_entry.joining, name="portal_joining"),
    path("portal/leave/", portal_entry.leave, name="portal_leave"),
    path("portal/link/<str:token>/", portal_entry.link, name="portal_link"),
    path("portal/history/", portal.history, name="portal_history"),
    path("portal/rewards/<str:key>/redeem/", portal.redeem, name="portal_redeem"),
    path("portal/redeemed/<int:redemption_id>/", portal.redeemed, name="portal_redeemed"),
]
